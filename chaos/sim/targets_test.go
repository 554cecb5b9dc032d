package sim

import (
	"context"
	"errors"
	"reflect"

	"github.com/flamingock/flamingock-go/core"
)

// database is a server whose transactions are one request each: fence, marker and
// writes are decided at the moment of the commit.
type database struct {
	w       *world
	fence   core.Fence
	markers map[core.Marker]bool
	rows    map[string]int

	// What a broken one does otherwise.
	fenceOnlyRead bool // the fence is looked at when the transaction begins
	fenceStays    bool // raising it is answered, and does nothing
	markerUpsert  bool // a marker that is there already is no obstacle
	markerLater   bool // the marker is not written with the change
}

func newDatabase(w *world) *database {
	d := &database{w: w, markers: map[core.Marker]bool{}, rows: map[string]int{}}
	if w.sc.breakDB != nil {
		w.sc.breakDB(d)
	}
	return d
}

// dbTarget is the database as a process sees it.
type dbTarget struct {
	p  *proc
	db *database
}

var _ core.TxTarget = (*dbTarget)(nil)

// txn collects what a change wants to write.
type txn struct {
	t    *dbTarget
	rows []string
}

func (t *dbTarget) ID() string   { return "db" }
func (t *dbTarget) Type() string { return "database" }
func (t *dbTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*dbTarget](), Tx: reflect.TypeFor[*txn]()}
}
func (t *dbTarget) Ping(context.Context) error { return nil }
func (t *dbTarget) Close() error               { return nil }
func (t *dbTarget) Open(ctx context.Context) (any, func() error, error) {
	err := t.p.reach(ctx, kOpen, "db", func() error { return nil })
	return t, func() error { return nil }, err
}

// below reports whether a transaction of f is kept out by the fence.
func (d *database) below(f core.Fence) bool {
	h := d.fence
	return h.Token > f.Token || h.Token == f.Token && (h.N > f.N || h.Owner != f.Owner && h.Owner != "")
}

func (t *dbTarget) RaiseFence(ctx context.Context, f core.Fence) error {
	return t.p.reach(ctx, kRaise, "", func() error {
		switch {
		case t.db.fenceStays:
		case t.db.below(f):
			return core.ErrLeaseLost
		default:
			t.db.fence = f
		}
		return nil
	})
}

func (t *dbTarget) Marked(ctx context.Context, m core.Marker) (found bool, err error) {
	err = t.p.reach(ctx, kMarked, m.ChangeID, func() error {
		found = t.db.markers[m]
		t.p.seen.num(flag(found))
		return nil
	})
	return found, err
}

func (t *dbTarget) PutMarker(ctx context.Context, m core.Marker) error {
	return t.p.reach(ctx, kPut, m.ChangeID, func() error {
		t.db.markers[m] = true
		return nil
	})
}

func (t *dbTarget) DeleteMarkers(ctx context.Context, ms []core.Marker) error {
	return t.p.reach(ctx, kForget, "", func() error {
		for _, m := range ms {
			delete(t.db.markers, m)
		}
		return nil
	})
}

func (t *dbTarget) Transact(ctx context.Context, tr core.Transaction) error {
	id := tr.Marker.ChangeID
	if err := t.p.reach(ctx, kBegin, id, func() error { return t.db.admits(tr) }); err != nil {
		return err
	}
	tx := &txn{t: t}
	if err := tr.Work(ctx, tx); err != nil {
		return err
	}
	if err := tr.Guard(ctx); err != nil {
		return err
	}
	t.p.mustHold(id)
	// What stops a COMMIT is the guard before it, and the fence; not a context.
	return t.p.reach(context.WithoutCancel(ctx), kCommit, id, func() error { return t.db.commit(tr, tx.rows) })
}

func (d *database) admits(tr core.Transaction) error {
	switch {
	case d.below(tr.Fence):
		return core.ErrLeaseLost
	case d.markers[tr.Marker] && !d.markerUpsert:
		return core.ErrMarked
	}
	return nil
}

func (d *database) commit(tr core.Transaction, rows []string) error {
	if err := d.admits(tr); err != nil && !(d.fenceOnlyRead && errors.Is(err, core.ErrLeaseLost)) {
		return err
	}
	if !d.below(tr.Fence) {
		d.fence = tr.Fence
	}
	if !d.markerLater {
		d.markers[tr.Marker] = true
	}
	for _, m := range tr.Settled {
		delete(d.markers, m)
	}
	for _, id := range rows {
		d.put(id)
	}
	return nil
}

// put is a committed effect.
func (d *database) put(id string) {
	d.rows[id]++
	d.w.effects++
	if d.rows[id] > 1 {
		d.w.violate("the transactional change %s is committed %d times", id, d.rows[id])
	}
	d.w.mustBeInOrder(id)
}

func (x *txn) put(ctx context.Context, id string) error {
	return x.t.p.reach(ctx, kStep, id, func() error {
		x.rows = append(x.rows, id)
		return nil
	})
}

// service is a system without transactions.
type service struct {
	w *world
	// rows are net of what was taken back, calls are all effects; by tells which
	// process they are of.
	rows, calls map[string]int
	by          map[string]int
}

func newService(w *world) *service {
	return &service{w: w, rows: map[string]int{}, calls: map[string]int{}, by: map[string]int{}}
}

// svcTarget is the service as a process sees it; it is its own handle.
type svcTarget struct {
	p   *proc
	svc *service
}

var _ core.Target = (*svcTarget)(nil)

func (t *svcTarget) ID() string   { return "svc" }
func (t *svcTarget) Type() string { return "service" }
func (t *svcTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*svcTarget]()}
}
func (t *svcTarget) Ping(context.Context) error { return nil }
func (t *svcTarget) Close() error               { return nil }
func (t *svcTarget) Open(ctx context.Context) (any, func() error, error) {
	err := t.p.reach(ctx, kOpen, "svc", func() error { return nil })
	return t, func() error { return nil }, err
}

// add has the effect of a change; once: not when it is there already.
func (t *svcTarget) add(ctx context.Context, id string, once bool) error {
	return t.p.reach(ctx, kEffect, id, func() error {
		w := t.svc.w
		if once && t.svc.rows[id] > 0 {
			return nil
		}
		t.svc.calls[id]++
		t.svc.rows[id]++
		t.svc.by[t.p.name+" "+id]++
		w.effects++
		if h := w.load().Head; h.Released || h.Token != t.p.heldAt.Load() {
			w.inFlight[id]++
		} else {
			w.mustBeInOrder(id)
		}
		return nil
	})
}

// takeBack takes the process's own effect back.
func (t *svcTarget) takeBack(ctx context.Context, id string) error {
	return t.p.reach(ctx, kUndo, id, func() error {
		w := t.svc.w
		if h := w.load().Head; h.Released || h.Token != t.p.heldAt.Load() {
			w.unsure[id] = true
		}
		if n := t.svc.by[t.p.name+" "+id]; n > 0 {
			t.svc.rows[id] -= n
			t.svc.by[t.p.name+" "+id] = 0
		}
		return nil
	})
}

// sharedTarget shares the audit store's transactions.
type sharedTarget struct{ p *proc }

var _ core.SharedTarget = (*sharedTarget)(nil)

func (t *sharedTarget) ID() string   { return "aud" }
func (t *sharedTarget) Type() string { return "shared" }
func (t *sharedTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*sharedTarget](), Tx: reflect.TypeFor[*collector]()}
}
func (t *sharedTarget) Ping(context.Context) error { return nil }
func (t *sharedTarget) Close() error               { return nil }
func (t *sharedTarget) Open(ctx context.Context) (any, func() error, error) {
	err := t.p.reach(ctx, kOpen, "aud", func() error { return nil })
	return t, func() error { return nil }, err
}

func (t *sharedTarget) Domain() string             { return t.p.w.store.(core.SharingStore).Domain() }
func (t *sharedTarget) Collect() core.SharedWrites { return &collector{t: t} }

// collector is the handle of a change's steps there.
type collector struct {
	t    *sharedTarget
	rows []string
}

func (c *collector) Handle() any { return c }
func (c *collector) Items() any {
	return func() error {
		for _, id := range c.rows {
			c.t.p.w.db.put(id)
		}
		return nil
	}
}

func (c *collector) put(ctx context.Context, id string) error {
	return c.t.p.reach(ctx, kStep, id, func() error {
		c.rows = append(c.rows, id)
		return nil
	})
}
