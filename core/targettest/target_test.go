package targettest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// target is one process's way to the server.
type target struct {
	s *server

	mu     sync.Mutex
	closed bool
	broken bool
}

var _ core.TxTarget = (*target)(nil)

func (t *target) ID() string   { return "db" }
func (t *target) Type() string { return "memory" }

func (t *target) Handles() core.Handles {
	h := core.Handles{Direct: reflect.TypeFor[*conn](), Tx: reflect.TypeFor[*txn]()}
	switch {
	case t.s.breaks("Handles says what Open gives"):
		h.Direct = reflect.TypeFor[*txn]()
	case t.s.breaks("Handles says what Transact gives"):
		h.Tx = reflect.TypeFor[*conn]()
	case t.s.breaks("Handles says that there are transactions"):
		h.Tx = nil
	}
	return h
}

// dial connects. A target that was cut off once stays so where that is the fault.
func (t *target) dial(ctx context.Context) (*conn, error) {
	c, err := t.s.dial(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		t.broken = true
	}
	if t.broken && t.s.breaks("a target connects again") {
		return nil, &core.UnavailableError{System: "db", Err: errCut}
	}
	return c, err
}

// begin opens a transaction on a new connection.
func (t *target) begin(ctx context.Context, ledgerID string, lease time.Duration) (*txn, error) {
	c, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, ledgerID, lease)
}

func (t *target) Ping(ctx context.Context) error {
	if t.s.breaks("Ping changes nothing") {
		t.s.mu.Lock()
		t.s.pings++
		t.s.mu.Unlock()
	}
	if t.s.breaks("Ping finds out") {
		return nil
	}
	_, err := t.dial(ctx)
	return err
}

func (t *target) Open(ctx context.Context) (any, func() error, error) {
	c, err := t.dial(ctx)
	return c, func() error { return nil }, err
}

func (t *target) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed && t.s.breaks("Close can be called twice") {
		return errors.New("closed already")
	}
	t.closed = true
	return nil
}

// higher reports whether fence a keeps b out.
func (t *target) higher(a, b core.Fence) bool {
	if t.s.breaks("N counts") {
		return a.Token > b.Token
	}
	return a.Token > b.Token || a.Token == b.Token && a.N > b.N
}

// key is the ledger that a fence belongs to.
func (t *target) key(f core.Fence) string {
	if t.s.breaks("ledgers have their own fences") {
		return "all"
	}
	return f.LedgerID
}

func (t *target) keptOut(f core.Fence) bool {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	return t.higher(t.s.fences[t.key(f)], f)
}

func (t *target) RaiseFence(ctx context.Context, f core.Fence) error {
	if t.s.breaks("RaiseFence obeys its context") {
		ctx = context.WithoutCancel(ctx)
	}
	x, err := t.begin(ctx, f.LedgerID, f.Lease)
	if err != nil {
		return err
	}
	if t.keptOut(f) && !t.s.breaks("the fence is not lowered") {
		return errors.Join(core.ErrLeaseLost, x.end(nil))
	}
	if t.s.breaks("a fence can be raised to where it is") {
		t.s.mu.Lock()
		same := t.s.fences[t.key(f)].Token == f.Token && t.s.fences[t.key(f)].N == f.N
		t.s.mu.Unlock()
		if same {
			return errors.Join(core.ErrLeaseLost, x.end(nil))
		}
	}
	return x.end(func() {
		if !t.s.breaks("RaiseFence raises") {
			t.s.fences[t.key(f)] = f
		}
	})
}

func (t *target) Transact(ctx context.Context, tr core.Transaction) error {
	if t.s.breaks("Transact obeys its context") {
		ctx = context.WithoutCancel(ctx)
	}
	x, err := t.begin(ctx, tr.Fence.LedgerID, tr.Fence.Lease)
	if err != nil {
		return err
	}
	defer func() {
		if !x.ended {
			_ = x.end(nil)
		}
	}()
	if t.s.breaks("a transaction that died is rolled back") {
		defer func() {
			if !x.ended {
				_ = x.end(func() {})
			}
		}()
	}
	checks := func() error {
		if t.keptOut(tr.Fence) && !t.s.breaks("Transact obeys the fence") {
			return core.ErrLeaseLost
		}
		return nil
	}
	if err := checks(); err != nil && !t.s.breaks("the fence comes before the work") {
		return err
	}
	t.s.mu.Lock()
	marked := t.s.markers[tr.Marker]
	t.s.mu.Unlock()
	if marked && !t.s.breaks("a marker is inserted, not upserted") {
		return core.ErrMarked
	}
	if t.s.breaks("a marker is part of the transaction") {
		t.s.mu.Lock()
		t.s.markers[tr.Marker] = true
		t.s.mu.Unlock()
	}
	if t.s.breaks("the guard is asked after the work") {
		if err := tr.Guard(ctx); err != nil {
			return err
		}
	}
	return t.work(ctx, x, tr, checks)
}

func (t *target) work(ctx context.Context, x *txn, tr core.Transaction, checks func() error) error {
	var given any = x
	if t.s.breaks("work gets the promised handle") {
		given = x.conn
	}
	err := tr.Work(ctx, given)
	if x.ended && !t.s.breaks("a step that ends its transaction is found out") {
		return core.Unknown(core.ErrTransactionEnded)
	}
	if x.ended { // and believed
		return err
	}
	if err != nil {
		switch {
		case t.s.breaks("an error of the work is returned"):
			return nil
		case t.s.breaks("a failed transaction is ended"):
			x.ended = true // and its lock stays
		case t.s.breaks("a failure is definite"):
			return core.Unknown(err)
		}
		return err
	}
	if tr.Guard != nil && !t.s.breaks("the guard is asked") && !t.s.breaks("the guard is asked after the work") {
		if err := tr.Guard(ctx); err != nil {
			return err
		}
	}
	if err := checks(); err != nil && !t.s.breaks("the fence row is locked by its writer") {
		return err
	}
	err = x.end(func() {
		if !t.s.breaks("a commit raises the fence") {
			t.s.fences[t.key(tr.Fence)] = tr.Fence
		}
		if !t.s.breaks("a marker is written") {
			t.s.markers[tr.Marker] = true
		}
		for _, m := range tr.Settled {
			if !t.s.breaks("settled markers go") {
				delete(t.s.markers, m)
			}
		}
	})
	if t.s.breaks("a lost COMMIT is no success") {
		return nil
	}
	return core.Unknown(err)
}

func (t *target) Marked(ctx context.Context, m core.Marker) (found bool, err error) {
	c, err := t.dial(ctx)
	if err != nil {
		return false, err
	}
	err = c.with(func() error {
		for k := range t.s.markers {
			if t.s.breaks("markers tell ledgers apart") {
				k.LedgerID = m.LedgerID
			}
			if t.s.breaks("markers tell attempts apart") {
				k.Seq = m.Seq
			}
			if t.s.breaks("markers tell changes apart") {
				k.ChangeID = m.ChangeID
			}
			found = found || k == m
		}
		return nil
	})
	if t.s.breaks("a new system can be asked") && len(t.s.markers) == 0 {
		return false, errors.New("no such table")
	}
	return found, err
}

func (t *target) PutMarker(ctx context.Context, m core.Marker) error {
	c, err := t.dial(ctx)
	if err != nil {
		return err
	}
	return c.with(func() error {
		if t.s.markers[m] && t.s.breaks("a marker can be put twice") {
			return errors.New("unique key violated")
		}
		if !t.s.breaks("PutMarker puts") {
			t.s.markers[m] = true
		}
		return nil
	})
}

func (t *target) DeleteMarkers(ctx context.Context, ms []core.Marker) error {
	c, err := t.dial(ctx)
	if err != nil {
		return err
	}
	return c.with(func() error {
		for _, m := range ms {
			switch {
			case t.s.breaks("DeleteMarkers deletes"):
			case !t.s.markers[m] && t.s.breaks("a missing marker is no error"):
				return errors.New("no such marker")
			case t.s.breaks("DeleteMarkers leaves the others"):
				clear(t.s.markers)
			default:
				delete(t.s.markers, m)
			}
		}
		return nil
	})
}

// harness is the one for a server with one rule broken.
func harness(rule string) Harness {
	return Harness{
		Tx: true, Type: memoryType(rule), Templates: []Template{{
			Name: "put", Valid: "apply: thing\nrollback: thing\n", Invalid: map[string]string{"a forbidden word": "apply: forbidden"},
		}},
		New: func(testing.TB) System {
			s := newServer(rule)
			return System{
				Open: func() core.Target { return &target{s: s} }, Create: createStep, Ensure: ensureStep,
				Effect: func(_ testing.TB, name string) bool {
					s.mu.Lock()
					defer s.mu.Unlock()
					return s.rows[name]
				},
				Probe: probeOf(s), Slow: slowStep(s), State: func(testing.TB) string { return s.state() },
				Refused: core.StepFor(func(context.Context, handle) error { return errors.New("syntax error") }),
				Ends: map[string]core.Step{
					"commit":   core.StepFor(func(_ context.Context, x *txn) error { return x.end(func() {}) }),
					"rollback": core.StepFor(func(_ context.Context, x *txn) error { return x.end(nil) }),
				},
				Down: func(testing.TB) func() { return s.goDown() },
			}
		},
	}
}

// memoryType is the target type with its one template.
func memoryType(rule string) core.TargetType {
	return core.TargetType{Name: "memory", Templates: []core.Template{{
		Name: "put", Aliases: []string{"put-template"},
		Compile: func(p core.Payload) (core.Step, error) {
			var c struct{}
			if err := p.Configuration(&c); err != nil && rule != "a configuration is strict" {
				return core.Step{}, err
			}
			text, err := p.Text()
			switch {
			case err != nil && rule == "a payload is of its type":
				return ensureStep("thing"), nil
			case err != nil:
				return core.Step{}, err
			case strings.TrimSpace(text.Value) == "" && rule != "an empty payload is a fault":
				return core.Step{}, p.Fault(0, 0, "the name is empty")
			case text.Value == "forbidden" && rule != "a payload is checked":
				return core.Step{}, p.Fault(1, 1, "this name is forbidden")
			}
			pair := createStep(text.Value)
			step := pair.Apply
			switch {
			case p.Rollback() && rule != "a template's rollback takes back":
				step = pair.Rollback
			case p.Rollback():
				step = ensureStep(text.Value)
			}
			if do := step.Do; rule == "a template's step refuses a wrong handle" {
				step.Do = func(ctx context.Context, s *core.Session) error {
					if _, ok := s.Handle.(handle); !ok {
						return nil
					}
					return do(ctx, s)
				}
			}
			return step, nil
		},
	}}}
}
