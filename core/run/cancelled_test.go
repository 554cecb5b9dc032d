package run_test

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// hearing gives no session to a call whose context has ended.
type hearing struct{ core.Target }

func (h hearing) Open(ctx context.Context) (any, func() error, error) {
	handle, release, err := h.Target.Open(ctx)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	return handle, release, err
}

// A run that is cancelled before its change begins was interrupted: it does not say
// that the target system is not available.
func TestCancelledBeforeTheChangeBegins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, stage("main", plain("n1", "1")))
		o := w.process(once("open svc", cancelRun)).apply(func(o *run.Options) { o.Targets["svc"] = hearing{o.Targets["svc"]} })
		wantCode(t, o, core.CodeInterrupted)
		wantStates(t, w, "n1 STARTED", "n1 ROLLED_BACK")
		wantCode(t, w.process(nil).apply(), "")
	})
}
