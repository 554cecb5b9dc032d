package targettest

import (
	"context"
	"reflect"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// contractCases say what every target system is, with or without transactions.
func contractCases() []testCase {
	return []testCase{
		{"contract/the harness tells the truth", 0, func(t testing.TB, w *world) {
			target := w.open(t)
			h := target.Handles()
			_, isTx := target.(core.TxTarget)
			switch {
			case target.ID() == "" || target.Type() == "":
				t.Errorf("id %q, type %q: want both", target.ID(), target.Type())
			case w.h.Type.Name != "" && target.Type() != w.h.Type.Name:
				t.Errorf("type %q, want the target type's name %q", target.Type(), w.h.Type.Name)
			case h.Direct == nil:
				t.Error("no handle outside of a transaction")
			case (h.Tx != nil) != w.h.Tx:
				t.Errorf("handle in a transaction: %v, but the harness says %t", h.Tx, w.h.Tx)
			case h.Tx != nil && !isTx:
				t.Error("it gives a handle in a transaction, but is no core.TxTarget")
			}
			if again := w.open(t); again.ID() != target.ID() || again.Handles() != h {
				t.Error("two targets of one system differ")
			}
		}},
		{"contract/handles are of the types that it names", 0, func(t testing.TB, w *world) {
			target := w.open(t)
			for range 2 { // also after it was given back
				handle, release, err := target.Open(w.ctx())
				check(t, "open", err)
				if got := reflect.TypeOf(handle); got == nil || !got.AssignableTo(target.Handles().Direct) {
					t.Errorf("handle: got a %v, want a %v", got, target.Handles().Direct)
				}
				check(t, "release", release())
			}
			if !w.h.Tx {
				return
			}
			check(t, "transact", w.openTx(t).Transact(w.ctx(), core.Transaction{
				Fence: fence(1, 0), Marker: marker("alpha", 1), Guard: allow, Work: func(_ context.Context, handle any) error {
					if got := reflect.TypeOf(handle); got == nil || !got.AssignableTo(target.Handles().Tx) {
						t.Errorf("handle in a transaction: got a %v, want a %v", got, target.Handles().Tx)
					}
					return nil
				},
			}))
		}},
		{"contract/closed twice", 0, func(t testing.TB, w *world) {
			used, unused := w.sys.Open(), w.sys.Open()
			check(t, "ping", used.Ping(w.ctx()))
			_, release, err := used.Open(w.ctx())
			check(t, "open", err)
			check(t, "release", release())
			for _, target := range []core.Target{used, used, unused, unused} {
				if err := target.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		}},
		{"contract/ping changes nothing", state, func(t testing.TB, w *world) {
			before := w.sys.State(t)
			target := w.open(t)
			for range 2 {
				check(t, "ping", target.Ping(w.ctx()))
			}
			if after := w.sys.State(t); after != before {
				t.Errorf("an empty system:\n%s\nbecame\n%s", before, after)
			}
			p := w.process(t)
			p.apply(t, w.change(p, "alpha", "1")).is(t, "", "alpha APPLIED")
			before = w.sys.State(t)
			check(t, "ping", target.Ping(w.ctx()))
			if after := w.sys.State(t); after != before {
				t.Errorf("a used system:\n%s\nbecame\n%s", before, after)
			}
		}},
		{"contract/a context that has ended does nothing", tx, func(t testing.TB, w *world) {
			target := w.openTx(t)
			ctx, cancel := context.WithCancel(w.ctx())
			cancel()
			if err := target.RaiseFence(ctx, fence(1, 0)); err == nil || core.IsUnknown(err) {
				t.Errorf("raise: got %v, want a definite error", err)
			}
			err := target.Transact(ctx, core.Transaction{Fence: fence(1, 0), Marker: marker("alpha", 1), Guard: allow, Work: with(w.sys.Create("alpha").Apply)})
			if err == nil || core.IsUnknown(err) {
				t.Errorf("transact: got %v, want a definite error", err)
			}
			w.isThere(t, "alpha", false)
		}},
	}
}

// alien is a handle that no target system gives.
type alien struct{}

// sessionCases say what happens to steps of another target system's.
func sessionCases() []testCase {
	return []testCase{
		{"session/another system's step is an error at load", 0, func(t testing.TB, w *world) {
			target := w.open(t)
			wrong := core.StepFor(func(context.Context, *alien) error { return nil })
			for what, c := range map[string]core.Change{
				"apply":    {Apply: wrong},
				"one step": {Steps: []core.StepPair{w.sys.Create("alpha"), {Apply: wrong}}},
			} {
				if tx, err := core.TxTypeOf(&c, target); err == nil {
					t.Errorf("%s: got %s, want an error", what, tx)
				}
			}
			c := core.Change{Apply: w.sys.Create("alpha").Apply}
			want := core.TxNone
			if w.h.Tx {
				want = core.TxSeparateMarker
			}
			if got, err := core.TxTypeOf(&c, target); got != want || err != nil {
				t.Errorf("its own step: got %s, %v; want %s", got, err, want)
			}
		}},
		{"session/another system's handle is an error at run", 0, func(t testing.TB, w *world) {
			pair := w.sys.Create("alpha")
			for what, s := range map[string]core.Step{"create": pair.Apply, "its rollback": pair.Rollback, "ensure": w.sys.Ensure("alpha")} {
				for _, handle := range []any{&alien{}, nil} {
					if err := s.Do(w.ctx(), session(handle)); err == nil {
						t.Errorf("%s with %T: got no error", what, handle)
					}
				}
			}
			w.isThere(t, "alpha", false)
		}},
		{"session/transactional is refused where there are none", noTx, func(t testing.TB, w *world) {
			yes := true
			if tx, err := core.TxTypeOf(&core.Change{Apply: w.sys.Create("alpha").Apply, Transactional: &yes}, w.open(t)); err == nil {
				t.Errorf("got %s, want an error", tx)
			}
		}},
	}
}

func fence(token, n uint64) core.Fence { return fenceOf("one", token, n) }

func marker(change string, seq uint64) core.Marker {
	return core.Marker{LedgerID: "one", ChangeID: change, Seq: seq}
}

// allow is the guard of a lease that nobody disputes.
func allow(context.Context) error { return nil }
