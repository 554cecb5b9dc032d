package dynamo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// beforeRead lets act happen between a transaction that was refused and the read of
// the entry, which tells whether an earlier request landed.
func beforeRead(act func()) func(int, string) fault {
	return func(_ int, op string) fault {
		if op != "GetItem" {
			return nil
		}
		return func(w *wire, x *exchange) (*http.Response, error) {
			act()
			return pass(w, x)
		}
	}
}

func mustAcquire(t testing.TB, s core.AuditStore, ledger, owner string, takeover bool) {
	t.Helper()
	snap, err := s.Load(t.Context(), ledger)
	if err != nil {
		t.Fatal(err)
	}
	e := []core.Entry{{ExecutionID: owner, ChangeID: "other", State: core.StateStarted, Operation: core.OpApply, StartedAt: time.Unix(1, 0)}}
	core.Seal(ledger, snap.Head.Seq, snap.Head.Hash, e)
	a := core.Acquisition{Ledger: ledger, LedgerID: "id", RVN: snap.Head.RVN, Takeover: takeover, Owner: owner, Token: snap.Head.Token + 1, Lease: time.Second, Entries: e}
	if err := s.Acquire(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// What is read after a refusal may be newer than the refusal: an entry that another
// execution wrote meanwhile is no damage.
func TestWrittenSinceRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.play(t, "acquire", func(t testing.TB) {
		w := b.world(t)
		p := w.process("late")
		p.at = beforeRead(func() { mustAcquire(t, w.store, w.ledger, "first", false) })
		e := []core.Entry{{ExecutionID: "e", ChangeID: "c", State: core.StateStarted, Operation: core.OpApply, StartedAt: time.Unix(1, 0), PrevSeq: 7}}
		core.Seal(w.ledger, 0, "", e)
		err := p.stores.Acquire(t.Context(), core.Acquisition{Ledger: w.ledger, LedgerID: "mine", Owner: "me", Token: 1, Lease: time.Second, Entries: e})
		if !errors.Is(err, core.ErrConflict) {
			t.Errorf("got %v, want a conflict", err)
		}
		if got := strings.Join(p.ops(), " "); !strings.HasSuffix(got, "TransactWriteItems GetItem") {
			t.Errorf("asked for %s", got)
		}
	})
	b.play(t, "shared", func(t testing.TB) {
		w := b.world(t)
		wr := w.writer()
		wr.append("a")
		p := w.process("late")
		p.at = beforeRead(func() { mustAcquire(t, w.store, w.ledger, "robber", true) })
		check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &b.things, Key: key{"no", "such"}.item(), ConditionExpression: aws.String("attribute_exists(pk)")}}
		err := p.stores.AppendShared(context.Background(), wr.entries("a"), []types.TransactWriteItem{w.count("x"), check})
		refusedBy(t, "a condition", err, "its condition is not met")
		if got := strings.Join(p.ops(), " "); got != "TransactWriteItems GetItem" {
			t.Errorf("asked for %s", got)
		}
	})
}
