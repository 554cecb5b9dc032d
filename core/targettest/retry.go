package targettest

import (
	"context"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// retryCases say how often a change is executed.
func retryCases() []testCase {
	return []testCase{
		{"retry/an applied change is not executed again", 0, func(t testing.TB, w *world) {
			p := w.process(t)
			for _, status := range []string{"APPLIED", "ALREADY_APPLIED", "ALREADY_APPLIED"} {
				p.apply(t, w.change(p, "alpha", "1"), w.direct(p, "beta", "2")).is(t, "", "alpha "+status, "beta "+status)
			}
			w.ran(t, "alpha", 1)
			w.ran(t, "beta", 1)
			w.isThere(t, "alpha", true)
			w.isThere(t, "beta", true)
		}},
		{"retry/ALWAYS_RETRY converges after a failure", 0, func(t testing.TB, w *world) {
			p := w.process(t)
			c := firstly(w.retried(p, "alpha", "1"), func(context.Context, *core.Session) error { return core.Unknown(errOwn) })
			p.apply(t, c).is(t, core.CodeChangeFailed, "alpha FAILED")
			p.apply(t, c).is(t, "", "alpha APPLIED")
			w.recorded(t, "alpha STARTED", "alpha FAILED unknown", "alpha STARTED", "alpha APPLIED")
			w.isThere(t, "alpha", true)
		}},
		{"retry/ALWAYS_RETRY converges after a crash", 0, func(t testing.TB, w *world) {
			p := w.process(t)
			w.crash(t, p, then(w.retried(p, "alpha", "1"), func(context.Context, *core.Session) error { p.die(); return nil }))
			p = w.process(t)
			p.apply(t, w.retried(p, "alpha", "1")).is(t, "", "alpha APPLIED")
			w.recorded(t, "alpha STARTED", "alpha STARTED", "alpha APPLIED")
			w.ran(t, "alpha", 2)
			w.isThere(t, "alpha", true)
		}},
	}
}
