package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// refusedBy says why AppendShared refused, or fails.
func refusedBy(t testing.TB, what string, err error, text string) {
	t.Helper()
	var re *core.RefusedError
	if !errors.As(err, &re) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, want a *RefusedError with %q", what, err, text)
	}
}

// TestAppendShared: the writes of a change and its entry are there together, or
// neither is.
func TestAppendShared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	setUp := func(t testing.TB) (*world, *writer) {
		w := b.world(t)
		wr := w.writer()
		wr.append("a")
		return w, wr
	}
	unchanged := func(t testing.TB, w *world, wr *writer, ids ...string) {
		t.Helper()
		s := w.load()
		if s.Head.Seq != wr.at.Head.Seq || !holds(s.Head, wr.lease) || len(w.history()) != int(s.Head.Seq) {
			t.Errorf("the ledger is at %+v", s.Head)
		}
		for _, id := range ids {
			if n := w.thing(id); n != 0 {
				t.Errorf("%s was written %d times", id, n)
			}
		}
		wr.append("still mine")
	}
	b.play(t, "commits", func(t testing.TB) {
		w, wr := setUp(t)
		if err := w.store.AppendShared(ctx, wr.entries("a", "b"), []types.TransactWriteItem{w.count("x"), w.count("y")}); err != nil {
			t.Fatal(err)
		}
		if w.thing("x") != 1 || w.thing("y") != 1 || w.load().Head.Seq != 3 {
			t.Errorf("x %d, y %d, head %+v", w.thing("x"), w.thing("y"), w.load().Head)
		}
	})
	t.Run("refused", func(t *testing.T) {
		check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &b.things, Key: key{"no", "such"}.item(), ConditionExpression: aws.String("attribute_exists(pk)")}}
		missing := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("no-such-table"), Item: key{"a", "b"}.item()}}
		own := types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String("arn:aws:dynamodb:us-east-1:123456789012:table/" + b.table), Key: key{"a", "b"}.item()}}
		bare := types.TransactWriteItem{Put: &types.Put{}}
		badKey := types.TransactWriteItem{Put: &types.Put{TableName: &b.things, Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "x"}}}}
		for _, tt := range []struct {
			name string
			with func(w *world) any
			text string
		}{
			{"a condition", func(w *world) any { return []types.TransactWriteItem{w.count("x"), check} }, "write 2 was refused: its condition is not met"},
			{"a table that is missing", func(w *world) any { return []types.TransactWriteItem{w.count("x"), missing} }, "table"},
			{"the store's own table", func(w *world) any { return []types.TransactWriteItem{w.count("x"), own} }, "write 2 was refused: it is in the audit store's own table"},
			{"the same item twice", func(w *world) any { return []types.TransactWriteItem{w.count("x"), w.count("x")} }, "refused"},
			{"without a table and an item", func(w *world) any { return []types.TransactWriteItem{w.count("x"), bare} }, "not complete"},
			{"nothing at all", func(w *world) any { return []types.TransactWriteItem{w.count("x"), {}} }, "refused"},
			{"a wrong key", func(w *world) any { return []types.TransactWriteItem{w.count("x"), badKey} }, "refused"},
			{"another type", func(*world) any { return []string{"x"} }, "[]string"},
			{"too many", func(w *world) any {
				var many []types.TransactWriteItem
				for i := range maxShared + 1 {
					many = append(many, w.count(fmt.Sprint(i)))
				}
				return many
			}, "96 writes do not fit into one transaction, 95 do"},
		} {
			b.play(t, tt.name, func(t testing.TB) {
				w, wr := setUp(t)
				refusedBy(t, tt.name, w.store.AppendShared(ctx, wr.entries("a", "b"), tt.with(w)), tt.text)
				unchanged(t, w, wr, "x", "0")
			})
		}
	})
	b.play(t, "as many as there may be", func(t testing.TB) {
		w, wr := setUp(t)
		var many []types.TransactWriteItem
		for i := range maxShared {
			many = append(many, w.count(fmt.Sprint(i)))
		}
		if err := w.store.AppendShared(ctx, wr.entries("a", "b"), many); err != nil {
			t.Error(err)
		}
		if w.thing("94") != 1 {
			t.Error("not all are written")
		}
	})
	b.play(t, "a stale lease", func(t testing.TB) {
		w, wr := setUp(t)
		stale := wr.entries("a")
		if err := w.store.Release(ctx, wr.lease); err != nil {
			t.Fatal(err)
		}
		w.writer()
		check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &b.things, Key: key{"no", "such"}.item(), ConditionExpression: aws.String("attribute_exists(pk)")}}
		missing := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("no-such-table"), Item: key{"a", "b"}.item()}}
		for name, items := range map[string][]types.TransactWriteItem{"good writes": {w.count("x")}, "bad ones too": {w.count("x"), check}, "a missing table too": {w.count("x"), missing}} {
			if err := w.store.AppendShared(ctx, stale, items); !errors.Is(err, core.ErrLeaseLost) || w.thing("x") != 0 {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
	b.play(t, "sent again", func(t testing.TB) {
		for name, f := range map[string]fault{
			"answer lost": loseAnswer, "then a right is missing": inTurn(loseAnswer, denied), "then conflicts": inTurn(loseAnswer, conflicts, conflicts), "late": late,
		} {
			w, wr := setUp(t)
			p := w.process("again")
			p.next(f)
			a := wr.entries("a", "b")
			var err error
			for range 3 {
				err = p.stores.AppendShared(ctx, a, []types.TransactWriteItem{w.count("x")})
				if err == nil {
					break
				}
			}
			if n := w.thing("x"); err != nil || n != 1 {
				t.Errorf("%s: %v, written %d times", name, err, n)
			}
			wr.wrote(a)
			wr.append("still mine")
		}
	})
	b.play(t, "throttled", func(t testing.TB) {
		w, wr := setUp(t)
		for name, f := range map[string]fault{"its item": onShared("ThrottlingError"), "in a conflict": onShared("TransactionConflict")} {
			p := w.process("busy")
			p.all(f)
			short, cancel := context.WithTimeout(ctx, soon/4)
			err := p.stores.AppendShared(short, wr.entries("a", "b"), []types.TransactWriteItem{w.count("x")})
			cancel()
			var re *core.RefusedError
			if err == nil || errors.As(err, &re) || core.CodeOf(err) != core.CodeUnavailable {
				t.Errorf("%s: got %v: it might pass a little later", name, err)
			}
		}
		unchanged(t, w, wr, "x")
	})
}
