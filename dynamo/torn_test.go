package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// paged makes every Query answer so many items at a time.
func paged(p *process, items int) {
	p.rewrite = func(op string, body []byte) []byte {
		if op != "Query" {
			return body
		}
		return fmt.Appendf(nil, `{"Limit":%d,%s`, items, strings.TrimPrefix(string(body), "{"))
	}
}

// writer holds a ledger's lease and appends.
type writer struct {
	w     *world
	lease core.Lease
	at    core.Snapshot
}

func (w *world) writer() *writer {
	w.t.Helper()
	s := w.load()
	wr := &writer{w: w, lease: core.Lease{Ledger: w.ledger, Owner: "writer", Token: s.Head.Token + 1}}
	a := core.Acquisition{Ledger: w.ledger, LedgerID: "id", RVN: s.Head.RVN, Owner: "writer", Token: wr.lease.Token, Lease: w.lease}
	if err := w.store.Acquire(context.Background(), a); err != nil {
		w.t.Fatalf("%v", err)
	}
	wr.at = w.load()
	return wr
}

// entries makes the entries that go on from what was written last.
func (wr *writer) entries(changes ...string) core.Append {
	var es []core.Entry
	for _, id := range changes {
		es = append(es, core.Entry{
			ExecutionID: "e", ChangeID: id, PrevSeq: wr.at.Records[id].Seq, State: core.StateApplied, Operation: core.OpApply, Attempt: 1, Token: wr.lease.Token,
			Stage: "main", TargetSystem: "here", TxType: core.TxShared, Strategy: core.ManualIntervention,
		})
	}
	core.Seal(wr.w.ledger, wr.at.Head.Seq, wr.at.Head.Hash, es)
	return core.Append{Lease: wr.lease, Entries: es}
}

// wrote takes a written request over.
func (wr *writer) wrote(a core.Append) {
	for i := range a.Entries {
		wr.at.Head.Seq, wr.at.Head.Hash = a.Entries[i].Seq, a.Entries[i].Hash
		wr.at.Records[a.Entries[i].ChangeID] = a.Entries[i].Record()
	}
}

func (wr *writer) append(changes ...string) {
	wr.w.t.Helper()
	a := wr.entries(changes...)
	if err := wr.w.store.Append(context.Background(), a); err != nil {
		wr.w.t.Fatalf("%v", err)
	}
	wr.wrote(a)
}

// wantWhole fails unless a load is the state after the first entries.
func (w *world) wantWhole(s core.Snapshot) {
	w.t.Helper()
	at := map[string]uint64{}
	for _, e := range w.history()[:s.Head.Seq] {
		at[e.ChangeID] = e.Seq
	}
	if len(at) != len(s.Records) {
		w.t.Errorf("%d records at entry %d, want %d", len(s.Records), s.Head.Seq, len(at))
	}
	for id, r := range s.Records {
		if r.Seq != at[id] {
			w.t.Errorf("at entry %d %s is at %d, not %d", s.Head.Seq, id, r.Seq, at[id])
		}
	}
}

// A load whose pages straddle an append is read again.
func TestTornLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for page := 2; page <= 5; page++ {
		b.play(t, fmt.Sprint("page ", page), func(t testing.TB) {
			w := b.world(t)
			wr := w.writer()
			wr.append("a", "b", "c", "d")
			p := w.process("reader")
			paged(p, 1)
			p.at = func(n int, _ string) fault {
				if n == page {
					wr.append("a", "d", "e")
				}
				return nil
			}
			s, err := p.stores.Load(t.Context(), w.ledger)
			if err != nil || s.Head.Seq != 7 {
				t.Errorf("page %d: at entry %d, %v", page, s.Head.Seq, err)
			}
			w.wantWhole(s)
		})
	}
}

// A ledger that is written all the time can be read all the same.
func TestLoadOfABusyLedger(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pulse.TryFixed(t, requestTimeout, func(t testing.TB) {
		w := b.world(t)
		wr := w.writer()
		wr.append("a", "b", "c", "d", "e", "f")
		p := w.process("reader")
		paged(p, 4)
		stop := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					wr.append([]string{"f", "a", "d"}[i%3], "b")
				}
			}
		}()
		end := sync.OnceFunc(func() { close(stop); <-ended })
		defer end()
		var loads []core.Snapshot
		for range 10 {
			s, err := p.stores.Load(t.Context(), w.ledger)
			if err != nil {
				t.Fatal(err)
			}
			loads = append(loads, s)
		}
		end()
		for _, s := range loads {
			w.wantWhole(s)
		}
		t.Logf("%d loads of two pages took %d requests, while %d entries were written", len(loads), len(p.ops()), wr.at.Head.Seq)
	})
}

// hides answers without the items whose sort key begins with prefix: a Query may
// see one item of a transaction before another.
func hides(prefix string) fault {
	return func(_ *wire, x *exchange) (*http.Response, error) {
		if _, err := x.send(x.req.Context()); err != nil {
			return nil, err
		}
		var out struct {
			Items        []map[string]map[string]any
			Count        int
			ScannedCount int
		}
		if err := json.Unmarshal(x.call.answer, &out); err != nil {
			return nil, err
		}
		var kept []map[string]map[string]any
		for _, it := range out.Items {
			if s, ok := it[attrSK]["S"].(string); !ok || !strings.HasPrefix(s, prefix) {
				kept = append(kept, it)
			}
		}
		out.Items, out.Count = kept, len(kept)
		body, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		return x.answer(http.StatusOK, amzJSON, string(body))
	}
}

// What looks damaged for a moment is not; what stays so is.
func TestTransactionSeenInPart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, prefix := range []string{headKey, changeKey + "b"} {
		b.play(t, prefix, func(t testing.TB) {
			w := b.world(t)
			wr := w.writer()
			wr.append("a", "b")
			p := w.process("reader")
			p.next(times(3, hides(prefix)))
			s, err := p.stores.Load(t.Context(), w.ledger)
			if err != nil || len(p.ops()) != 4 {
				t.Fatalf("without %s for a moment: %v after %d requests", prefix, err, len(p.ops()))
			}
			w.wantWhole(s)
			p.all(hides(prefix))
			_, err = p.stores.Load(t.Context(), w.ledger)
			var se *core.StoreError
			if !errors.As(err, &se) || se.Kind != core.StoreCorrupt {
				t.Errorf("without %s: %v", prefix, err)
			}
		})
	}
}
