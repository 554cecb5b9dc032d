package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// fill writes n pairs STARTED, APPLIED over three changes, ten entries a write.
func fill(t tb, w *world, s core.AuditStore, pairs int) []core.Entry {
	t.Helper()
	alice := w.take(t, s, "alice")
	var all []core.Entry
	for at := 0; at < pairs; {
		c, batch := alice.chain, []core.Entry(nil)
		for ; at < pairs && len(batch) < 10; at++ {
			pair := c.seal(alice.lease, started(changeID(at%3)), applied(changeID(at%3)))
			c, batch = c.after(pair), append(batch, pair...)
		}
		alice.send(t, core.Append{Lease: alice.lease, Entries: batch})
		all = append(all, batch...)
	}
	alice.release(t)
	return all
}

func historyCases() []testCase {
	return []testCase{
		{"history/is in order and whole", func(t tb, w *world) {
			s := w.open()
			all := fill(t, w, s, 15)
			st := w.whole(t, w.open())
			if diff := cmp.Diff(all, st.History); diff != "" {
				t.Fatalf("history (-want +got):\n%s", diff)
			}
		}},
		{"history/pages of every size", func(t tb, w *world) {
			s := w.open()
			all := fill(t, w, s, 6)
			for limit := 1; limit <= len(all)+2; limit++ {
				pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, Limit: limit}, all)
				pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, Limit: limit, AfterSeq: 5}, all[5:])
			}
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, Limit: core.MaxHistoryPage + 1}, all)
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger}, all)
		}},
		{"history/by change", func(t tb, w *world) {
			s := w.open()
			var mine []core.Entry
			for _, e := range fill(t, w, s, 7) {
				if e.ChangeID == changeID(1) {
					mine = append(mine, e)
				}
			}
			for limit := 1; limit <= len(mine)+1; limit++ {
				q := core.HistoryQuery{Ledger: w.ledger, ChangeID: changeID(1), Limit: limit}
				pages(t, w, s, q, mine)
				q.AfterSeq = mine[0].Seq
				pages(t, w, s, q, mine[1:])
			}
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, ChangeID: "no-such-change"}, nil)
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, ChangeID: changeID(1)[:len(changeID(1))-1]}, nil)
		}},
		{"history/after the end is empty", func(t tb, w *world) {
			s := w.open()
			all := fill(t, w, s, 2)
			last := all[len(all)-1].Seq
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, AfterSeq: last - 1}, all[len(all)-1:])
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, AfterSeq: last}, nil)
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger, AfterSeq: last + 100}, nil)
			pages(t, w, s, core.HistoryQuery{Ledger: w.ledger + "/none"}, nil)
		}},
		{"history/keeps every byte of an entry", func(t tb, w *world) {
			s := w.open()
			alice := w.take(t, s, "alice", started("wörk-☃"))
			a := alice.append(t, fullEntry("wörk-☃"), core.Entry{Operation: core.OpUnlock})
			got := w.history(t, w.open(), core.HistoryQuery{AfterSeq: 1})
			if len(got) != 2 {
				t.Fatalf("got %d entries, want 2", len(got))
			}
			for i := range got {
				if want := a.Entries[i].Encode(); !bytes.Equal(got[i].Encode(), want) {
					t.Fatalf("entry %d:\n got %s\nwant %s", i, got[i].Encode(), want)
				}
			}
			w.whole(t, s)
		}},
		{"history/keeps a big entry", func(t tb, w *world) {
			s := w.open()
			e := entryOf("big", core.StateFailed)
			e.Error = core.NewEntryError(fmt.Errorf("outer: %w", errors.New(strings.Repeat("ü<&> ", 100_000))), func(s string) string { return s })
			e.Reason, e.SourceFile = strings.Repeat("reason ", 10_000), strings.Repeat("dir/", 10_000)
			e.Metadata = map[string]string{}
			for i := range 32 {
				e.Metadata[changeID(i)] = strings.Repeat("x", 5_000)
			}
			alice := w.take(t, s, "alice", started("big"))
			a := alice.append(t, e)
			got := w.history(t, w.open(), core.HistoryQuery{ChangeID: "big", AfterSeq: 1})
			if diff := cmp.Diff(a.Entries, got); diff != "" {
				t.Fatalf("entry (-want +got):\n%s", diff)
			}
			w.whole(t, s)
		}},
	}
}

// fullEntry has every field set, to values that a careless encoding would lose.
func fullEntry(id string) core.Entry {
	e := entryOf(id, core.StateRollbackFailed)
	e.Operation, e.Unknown, e.Reconciled, e.Attempt = core.OpRollback, true, true, 3
	e.StartedAt = time.Date(2026, 2, 28, 23, 59, 59, 1, time.FixedZone("CET", 3600))
	e.EndedAt, e.DurationMs = time.Date(2026, 3, 1, 0, 0, 0, 999_999_999, time.UTC), 1
	e.Reason, e.Principal = "naïve \"quotes\" \\ \u2028 \u0000 \t 👍🏽", "arn:aws:iam::123456789012:user/<x>&y"
	e.Author, e.Host = "  spaces  ", "e\u0301 and é"
	e.Trigger = core.Trigger{Kind: "codepipeline", ID: "job-☃"}
	e.Metadata = map[string]string{"z": "1", "a": "", "": "empty key", "ключ": "значение"}
	e.Error = &core.EntryError{Type: "pq.Error", Message: "line 1\r\nline 2", Causes: []string{"cause 1", "", "cause 3"}}
	return e
}

// pages fails unless paging by q gives exactly the entries, in pages that are
// full but for the last.
func pages(t tb, w *world, s core.AuditStore, q core.HistoryQuery, wantAll []core.Entry) {
	t.Helper()
	size, rest, first := q.PageSize(), wantAll, q
	for {
		page, err := s.History(w.ctx, q)
		if err != nil {
			t.Fatalf("history %+v: %v", q, err)
		}
		n := min(size, len(rest))
		if len(page.Entries) != n {
			t.Fatalf("history %+v: got a page of %d entries, want %d", q, len(page.Entries), n)
		}
		for i := range n {
			if got, want := page.Entries[i], rest[i]; got.Seq != want.Seq || got.Hash != want.Hash {
				t.Fatalf("history %+v: entry %d is %d of %s, want %d of %s", q, i, got.Seq, got.ChangeID, want.Seq, want.ChangeID)
			}
		}
		rest = rest[n:]
		if len(rest) == 0 {
			if page.Next != 0 {
				t.Fatalf("history %+v: got next page after %d, want none (asked %+v)", q, page.Next, first)
			}
			return
		}
		if want := page.Entries[n-1].Seq; page.Next != want {
			t.Fatalf("history %+v: got next page after %d, want %d", q, page.Next, want)
		}
		q.AfterSeq = page.Next
	}
}
