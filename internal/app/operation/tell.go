package operation

import (
	"context"
	"time"

	"github.com/flamingock/flamingock-go/internal/notify"
)

// Tell tells whoever `notify:` of the configuration names what came of an Apply, once
// its lease is released: for limit at most, or notify.Timeout if that is less. It
// changes no result; what goes wrong is a warning.
func (s *Session) Tell(ctx context.Context, d *ApplyData, err error, limit time.Duration) {
	if s.app == nil {
		return
	}
	n := notify.Notice{Err: err, Trigger: s.o.App.Trigger, Command: s.o.Command}
	if d != nil {
		n.Report = d.Report
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(limit, notify.Timeout))
	defer cancel()
	for _, warning := range s.app.Notify(ctx, n) {
		s.warn(warning.Error())
	}
}
