package targettest

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

func (w *world) marked(t testing.TB, target core.TxTarget, m core.Marker, want bool) {
	t.Helper()
	if got, err := target.Marked(w.ctx(), m); err != nil || got != want {
		t.Errorf("marker %+v: got %t, %v; want %t", m, got, err, want)
	}
}

// commits commits the creation of name with its marker.
func (w *world) commits(t testing.TB, target core.TxTarget, f core.Fence, m core.Marker, name string) {
	t.Helper()
	check(t, "transact", target.Transact(w.ctx(), core.Transaction{Fence: f, Marker: m, Guard: allow, Work: with(w.sys.Create(name).Apply)}))
}

// markerCases say what a marker is: the proof that one attempt committed.
func markerCases() []testCase {
	return []testCase{
		{"marker/a new system has none", tx, func(t testing.TB, w *world) {
			target := w.openTx(t)
			w.marked(t, target, marker("alpha", 1), false)
			check(t, "delete markers", target.DeleteMarkers(w.ctx(), []core.Marker{marker("alpha", 1)}))
			check(t, "delete no markers", target.DeleteMarkers(w.ctx(), nil))
		}},
		{"marker/commits with its change", tx, func(t testing.TB, w *world) {
			target, other := w.openTx(t), w.openTx(t)
			w.commits(t, target, fence(1, 0), marker("alpha", 3), "alpha")
			w.isThere(t, "alpha", true)
			w.marked(t, other, marker("alpha", 3), true)
			for _, m := range []core.Marker{marker("alpha", 2), marker("alpha", 4), marker("beta", 3), {LedgerID: "two", ChangeID: "alpha", Seq: 3}} {
				w.marked(t, other, m, false)
			}
		}},
		{"marker/is not there after a failure", tx, func(t testing.TB, w *world) {
			target := w.openTx(t)
			err := target.Transact(w.ctx(), core.Transaction{Fence: fence(1, 0), Marker: marker("alpha", 1), Guard: allow, Work: func(context.Context, any) error { return errOwn }})
			refuses(t, "transact", err, errOwn)
			w.marked(t, target, marker("alpha", 1), false)
		}},
		{"marker/says that the attempt is committed already", tx, func(t testing.TB, w *world) {
			target, other := w.openTx(t), w.openTx(t)
			w.commits(t, target, fence(1, 0), marker("alpha", 1), "alpha")
			err := other.Transact(w.ctx(), core.Transaction{Fence: fence(1, 0), Marker: marker("alpha", 1), Guard: allow, Work: with(w.sys.Create("beta").Apply)})
			refuses(t, "the same attempt again", err, core.ErrMarked)
			w.isThere(t, "beta", false)
			w.commits(t, other, fence(1, 0), marker("alpha", 2), "gamma") // another attempt is another matter
		}},
		{"marker/a settled one goes with the next commit", tx, func(t testing.TB, w *world) {
			target := w.openTx(t)
			w.commits(t, target, fence(1, 0), marker("alpha", 1), "alpha")
			next := core.Transaction{
				Fence: fence(1, 0), Marker: marker("beta", 2), Settled: []core.Marker{marker("alpha", 1), marker("gamma", 7)}, Guard: allow,
				Work: func(context.Context, any) error { return errOwn },
			}
			refuses(t, "transact", target.Transact(w.ctx(), next), errOwn)
			w.marked(t, target, marker("alpha", 1), true)
			next.Work = with(w.sys.Create("beta").Apply)
			check(t, "transact", target.Transact(w.ctx(), next))
			w.marked(t, target, marker("alpha", 1), false)
			w.marked(t, target, marker("beta", 2), true)
		}},
		{"marker/put and deleted on a person's word", tx, func(t testing.TB, w *world) {
			target, other := w.openTx(t), w.openTx(t)
			for range 2 {
				check(t, "put", target.PutMarker(w.ctx(), marker("alpha", 1)))
				w.marked(t, other, marker("alpha", 1), true)
			}
			check(t, "put", target.PutMarker(w.ctx(), marker("alpha", 2)))
			for range 2 {
				check(t, "delete", target.DeleteMarkers(w.ctx(), []core.Marker{marker("alpha", 1), marker("beta", 1)}))
				w.marked(t, other, marker("alpha", 1), false)
				w.marked(t, other, marker("alpha", 2), true)
			}
		}},
		{"marker/none is left after a run", tx, func(t testing.TB, w *world) {
			p := w.process(t)
			p.apply(t, w.change(p, "alpha", "1"), w.change(p, "beta", "2"), w.direct(p, "gamma", "3"), w.change(p, "delta", "4")).
				is(t, "", "alpha APPLIED", "beta APPLIED", "gamma APPLIED", "delta APPLIED")
			w.noMarkers(t)
		}},
	}
}
