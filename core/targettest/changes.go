package targettest

import (
	"context"

	"github.com/flamingock/flamingock-go/core"
)

// change is a change that creates what is called id, and can take it back. Its
// executions are counted.
func (w *world) change(p *process, id, order string) core.Change {
	pair := w.sys.Create(id)
	return core.Change{ID: id, Order: order, TargetSystem: p.target.ID(), Apply: w.counted(id, pair.Apply), Rollback: pair.Rollback, Revision: "1"}
}

// direct is change outside of a transaction, without a rollback.
func (w *world) direct(p *process, id, order string) core.Change {
	c := w.change(p, id, order)
	no := false
	c.Transactional, c.Rollback, c.Apply.LateSafe = &no, core.Step{}, false
	return c
}

// retried is a direct change that may be repeated.
func (w *world) retried(p *process, id, order string) core.Change {
	c := w.direct(p, id, order)
	c.Apply = w.counted(id, w.sys.Ensure(id))
	c.Recovery.Strategy = core.AlwaysRetry
	return c
}

func (w *world) counted(id string, s core.Step) core.Step {
	do := s.Do
	s.Do = func(ctx context.Context, session *core.Session) error {
		w.began(id)
		return do(ctx, session)
	}
	return s
}

// then lets a change's step go on with f after its effect.
func then(c core.Change, f func(ctx context.Context, s *core.Session) error) core.Change {
	do := c.Apply.Do
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		if err := do(ctx, s); err != nil {
			return err
		}
		return f(ctx, s)
	}
	return c
}

// fails lets a change fail after its effect.
func fails(c core.Change) core.Change {
	return then(c, func(context.Context, *core.Session) error { return errOwn })
}

// firstly lets a change do f after its effect the first time that it is run.
func firstly(c core.Change, f func(ctx context.Context, s *core.Session) error) core.Change {
	done := false
	return then(c, func(ctx context.Context, s *core.Session) error {
		if done {
			return nil
		}
		done = true
		return f(ctx, s)
	})
}

// with hands f's work over as the work of a transaction.
func with(s core.Step) func(ctx context.Context, handle any) error {
	return func(ctx context.Context, handle any) error { return s.Do(ctx, session(handle)) }
}

// session is one outside of a run.
func session(handle any) *core.Session {
	return &core.Session{
		Handle: handle, Progress: func(core.Progress) {},
		Resolve: func(_ context.Context, text string) (string, error) { return text, nil },
	}
}
