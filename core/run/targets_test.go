package run_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// database is a server with transactions. Its fence row is locked by the
// transaction that wrote it, until that ends; a session that sits idle in a
// transaction for its lease is terminated when somebody waits for the row.
type database struct {
	mu      *sync.Mutex // the world's: checks look at both systems
	fence   core.Fence
	markers map[core.Marker]bool
	rows    map[string]int
	open    *txn
	checks  []func(id string) // run at every committed effect
	checked map[string]bool   // changes that asked for a condition: see collector
}

type txn struct {
	db         *database
	p          *process
	active     time.Time
	staged     []string
	ended      chan struct{}
	terminated bool
}

func newDatabase(mu *sync.Mutex) *database {
	return &database{mu: mu, markers: map[core.Marker]bool{}, rows: map[string]int{}, checked: map[string]bool{}}
}

func (d *database) count(id string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[id]
}

func (d *database) marked() map[core.Marker]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.markers)
}

// begin opens a transaction that has the fence row locked.
func (d *database) begin(ctx context.Context, p *process, lease time.Duration) (*txn, error) {
	timer := time.NewTimer(lease)
	defer timer.Stop()
	for {
		d.mu.Lock()
		other := d.open
		if other == nil {
			t := &txn{db: d, p: p, active: time.Now(), ended: make(chan struct{})}
			d.open = t
			d.mu.Unlock()
			return t, nil
		}
		d.mu.Unlock()
		select {
		case <-other.ended:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timer.C:
			if !other.terminateIdle(lease) {
				return nil, &core.BusyError{System: "db", Err: errors.New("lock timeout")}
			}
		}
	}
}

// end gives the lock back; nil means that the transaction was open.
func (t *txn) end(apply func()) error {
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	if t.terminated {
		return errors.New("the session was terminated: idle in transaction")
	}
	if t.db.open != t {
		return errors.New("no transaction is open")
	}
	if apply != nil {
		apply()
	}
	t.db.open = nil
	close(t.ended)
	return nil
}

func (t *txn) terminateIdle(lease time.Duration) bool {
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	if t.db.open != t {
		return true
	}
	if time.Since(t.active) < lease {
		return false
	}
	t.terminated = true
	t.db.open = nil
	close(t.ended)
	return true
}

// put is a statement of a change.
func (t *txn) put(id string) error {
	f := t.p.reach("statement " + id)
	if f == failBefore || f == downBefore {
		return errors.New("syntax error")
	}
	t.db.mu.Lock()
	t.active = time.Now()
	if t.terminated {
		t.db.mu.Unlock()
		return errors.New("the session was terminated: idle in transaction")
	}
	t.staged = append(t.staged, id)
	t.db.mu.Unlock()
	t.p.after(f)
	if f != none && f != crashAfter && f != pauseAfter {
		return core.Unknown(errLost)
	}
	return nil
}

// dbTarget is the database as a process sees it.
type dbTarget struct {
	id string
	db *database
	p  *process
}

var _ core.TxTarget = (*dbTarget)(nil)

func (t *dbTarget) ID() string   { return t.id }
func (t *dbTarget) Type() string { return "fakesql" }
func (t *dbTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*dbTarget](), Tx: reflect.TypeFor[*txn]()}
}
func (t *dbTarget) Close() error { return nil }

// call is a call whose failure means that nothing happened.
func (t *dbTarget) call(site string, act func() error) error {
	f := t.p.reach(site)
	if f == failBefore || f == downBefore {
		return &core.UnavailableError{System: t.id, Err: errLost}
	}
	err := act()
	t.p.wait()
	t.p.after(f)
	if f == loseAnswer || f == loseTwice || f == downAfter || f == loseLate {
		return &core.UnavailableError{System: t.id, Err: errLost}
	}
	return err
}

func (t *dbTarget) Ping(context.Context) error {
	return t.call("ping "+t.id, func() error { return nil })
}

func (t *dbTarget) Open(context.Context) (any, func() error, error) {
	err := t.call("open "+t.id, func() error { return nil })
	return t, func() error { return nil }, err
}

func higher(a, b core.Fence) bool { return a.Token > b.Token || a.Token == b.Token && a.N > b.N }

func (t *dbTarget) RaiseFence(ctx context.Context, f core.Fence) error {
	return t.call("raise "+t.id, func() error {
		tx, err := t.db.begin(ctx, t.p, f.Lease)
		if err != nil {
			return err
		}
		t.db.mu.Lock()
		fenced := higher(t.db.fence, f)
		t.db.mu.Unlock()
		if fenced {
			_ = tx.end(nil)
			return core.ErrLeaseLost
		}
		return tx.end(func() { t.db.fence = f })
	})
}

func (t *dbTarget) Marked(_ context.Context, m core.Marker) (found bool, err error) {
	err = t.call("marked "+m.ChangeID, func() error {
		t.db.mu.Lock()
		defer t.db.mu.Unlock()
		found = t.db.markers[m]
		return nil
	})
	return found, err
}

func (t *dbTarget) PutMarker(_ context.Context, m core.Marker) error {
	return t.call("put marker "+m.ChangeID, func() error {
		t.db.mu.Lock()
		defer t.db.mu.Unlock()
		t.db.markers[m] = true
		return nil
	})
}

func (t *dbTarget) DeleteMarkers(_ context.Context, ms []core.Marker) error {
	return t.call("delete markers", func() error {
		t.db.mu.Lock()
		defer t.db.mu.Unlock()
		for _, m := range ms {
			delete(t.db.markers, m)
		}
		return nil
	})
}

func (t *dbTarget) Transact(ctx context.Context, tr core.Transaction) error {
	if f := t.p.reach("begin " + tr.Marker.ChangeID); f != none && f != crashAfter && f != pauseAfter {
		return &core.UnavailableError{System: t.id, Err: errLost}
	}
	tx, err := t.db.begin(ctx, t.p, tr.Fence.Lease)
	if err != nil {
		return err
	}
	late := false
	defer func() {
		if !late {
			_ = tx.end(nil) // rolled back, unless it has ended
		}
	}()
	t.db.mu.Lock()
	fenced, marked := higher(t.db.fence, tr.Fence), t.db.markers[tr.Marker]
	t.db.mu.Unlock()
	if fenced {
		return core.ErrLeaseLost
	}
	if marked {
		return core.ErrMarked
	}
	if err := tr.Work(ctx, tx); err != nil {
		return err
	}
	if err := tr.Guard(ctx); err != nil {
		return err
	}
	// Nobody looks at ctx from here on: what stops a COMMIT is the guard and the fence.
	commit := func() error {
		return tx.end(func() {
			t.db.fence = tr.Fence
			t.db.markers[tr.Marker] = true
			for _, m := range tr.Settled {
				delete(t.db.markers, m)
			}
			for _, id := range tx.staged {
				for _, check := range t.db.checks {
					check(id)
				}
				t.db.rows[id]++
			}
		})
	}
	f := t.p.reach("commit " + tr.Marker.ChangeID)
	switch f {
	case failBefore:
		return fmt.Errorf("deferred constraint violated")
	case downBefore:
		return core.Unknown(errLost)
	case loseLate:
		late = true // the server still has the COMMIT in hand
		go func() {
			time.Sleep(200 * time.Millisecond)
			_ = commit()
		}()
		return core.Unknown(errLost)
	}
	err = commit()
	t.p.after(f)
	if f == loseAnswer || f == loseTwice || f == downAfter {
		return core.Unknown(errLost)
	}
	return err
}

// service is a system without transactions.
type service struct {
	mu     *sync.Mutex
	rows   map[string]int // net: applied minus taken back
	calls  map[string]int // effects of apply, whatever happened later
	checks []func(id string)
}

func newService(mu *sync.Mutex) *service {
	return &service{mu: mu, rows: map[string]int{}, calls: map[string]int{}}
}

func (s *service) count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[id]
}

func (s *service) called(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

// svcTarget is the service as a process sees it; it is its own handle.
type svcTarget struct {
	id  string
	svc *service
	p   *process
}

var _ core.Target = (*svcTarget)(nil)

func (t *svcTarget) ID() string   { return t.id }
func (t *svcTarget) Type() string { return "fakesvc" }
func (t *svcTarget) Handles() core.Handles {
	return core.Handles{Direct: reflect.TypeFor[*svcTarget]()}
}
func (t *svcTarget) Close() error { return nil }

func (t *svcTarget) call(site string, act func() error) error {
	switch f := t.p.reach(site); f {
	case none, crashAfter, pauseAfter:
		err := act()
		t.p.wait()
		t.p.after(f)
		return err
	}
	return &core.UnavailableError{System: t.id, Err: errLost}
}

func (t *svcTarget) Ping(context.Context) error {
	return t.call("ping "+t.id, func() error { return nil })
}

func (t *svcTarget) Open(context.Context) (any, func() error, error) {
	err := t.call("open "+t.id, func() error { return nil })
	return t, func() error { return nil }, err
}

// add has the effect of change id by n: 1 applies it, -1 takes it back.
func (t *svcTarget) add(ctx context.Context, site, id string, n int) error {
	f := t.p.reach(site + " " + id)
	act := func() {
		t.svc.mu.Lock()
		defer t.svc.mu.Unlock()
		if n > 0 {
			for _, check := range t.svc.checks {
				check(id)
			}
			t.svc.calls[id]++
		}
		t.svc.rows[id] += n
		if id[0] == 'q' { // a late or repeated effect of these is harmless
			t.svc.rows[id] = min(t.svc.rows[id], 1)
		}
	}
	switch f {
	case failBefore:
		return errors.New("refused")
	case downBefore:
		return core.Unknown(errLost)
	case loseLate:
		go func() {
			time.Sleep(200 * time.Millisecond)
			act()
		}()
		return core.Unknown(errLost)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	act()
	t.p.after(f)
	switch f {
	case loseAnswer, loseTwice, downAfter:
		return core.Unknown(errLost)
	}
	return nil
}
