package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
)

func (c *command) auditVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check the whole history: no entry missing or altered, and the current states follow from it",
		Long: `Verify reads every entry, checks that each has the hash of its content and names the one before
it, that the last is the one the head names, and that every change's current state is its last
entry's. It names the first bad entry. What it cannot see is a history whose end was cut off
together with the head and the states.`,
		Args: noArgs,
		RunE: c.do("audit verify", func(ctx context.Context, _ []string) error {
			snap, err := c.loadHead(ctx, true)
			if err != nil {
				return err
			}
			n, err := c.verify(ctx, snap)
			if err != nil {
				return err
			}
			c.result(struct {
				Ledger  string `json:"ledger"`
				Entries uint64 `json:"entries"`
				Hash    string `json:"hash"`
			}{c.app().Config.Ledger, n, snap.Head.Hash}, func(out *printer) {
				out.linef("Ledger %s: %d entries, whole and unaltered.", c.app().Config.Ledger, n)
			})
			return nil
		}),
	}
}

// verify checks the history up to the head of snap; entries that are appended
// meanwhile are left for the next time.
func (c *command) verify(ctx context.Context, snap core.Snapshot) (uint64, error) {
	records := map[string]core.Record{}
	q := core.HistoryQuery{Ledger: c.app().Config.Ledger}
	var seq uint64
	hash := ""
	for seq < snap.Head.Seq {
		page, err := c.app().Store.History(ctx, q)
		if err != nil {
			return seq, err
		}
		if over := slices.IndexFunc(page.Entries, func(e core.Entry) bool { return e.Seq > snap.Head.Seq }); over >= 0 {
			page.Entries, page.Next = page.Entries[:over], 0
		}
		if err := core.VerifyChain(seq, hash, page.Entries); err != nil {
			return seq, err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			seq, hash = e.Seq, e.Hash
			if e.ChangeID != "" {
				records[e.ChangeID] = e.Record()
			}
		}
		if page.Next == 0 {
			break
		}
		q.AfterSeq = page.Next
	}
	switch {
	case seq != snap.Head.Seq:
		return seq, &core.ChainError{Seq: seq + 1, Reason: fmt.Sprintf("missing: the head says that %d is the last one", snap.Head.Seq)}
	case hash != snap.Head.Hash:
		return seq, &core.ChainError{Seq: seq, Reason: "is not the one that the head names as the last"}
	}
	for id, want := range records {
		if got, ok := snap.Records[id]; !ok || got != want {
			return seq, &core.ChainError{Seq: want.Seq, Reason: "is the last of change " + id + ", but the change's current state does not follow from it"}
		}
	}
	for id, got := range snap.Records {
		if _, ok := records[id]; !ok {
			return seq, &core.ChainError{Seq: got.Seq, Reason: "change " + id + " has a current state but no entry"}
		}
	}
	return seq, nil
}
