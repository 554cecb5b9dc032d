package handler

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/source"
)

// invocation is one call of the function.
type invocation struct {
	h        *Handler
	id       string // the request's
	function string // the ARN that was invoked
	began    time.Time
	times    times
	log      *slog.Logger

	cfg *config.Config // once it could be read
	job *source.Job    // CodePipeline's, for changes that are in its artifact
}

func (h *Handler) begin(ctx context.Context) *invocation {
	in := &invocation{h: h, began: h.proc.Now(), log: h.log}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		in.id, in.function = lc.AwsRequestID, lc.InvokedFunctionArn
		in.log = in.log.With("requestId", in.id)
	}
	if dl, ok := ctx.Deadline(); ok {
		in.times = share(in.began, dl)
	}
	return in
}

// trigger is what the audit entries of this invocation say of what started it.
// Direct requests and tasks have no id of their own.
func (in *invocation) trigger(t *events.Trigger) core.Trigger {
	id := t.ID
	if id == "" {
		id = in.id
	}
	return core.Trigger{Kind: string(t.Kind), ID: id}
}

// principal is who acts: what the ARN of the function says, whoever asked for it.
func (in *invocation) principal() string {
	if in.function != "" {
		return in.function
	}
	return "lambda"
}

// configPath is the configuration file: as the environment says, or in the bundle.
// "" is the default one, which a program with changes of its own may lack.
func (h *Handler) configPath() string {
	if p, ok := h.proc.LookupEnv("FLAMINGOCK_CONFIG"); ok && p != "" {
		return p
	}
	root, ok := h.proc.LookupEnv("LAMBDA_TASK_ROOT")
	if !ok || root == "" {
		return ""
	}
	p := filepath.Join(root, config.DefaultPath)
	if _, err := os.Stat(p); errors.Is(err, os.ErrNotExist) && len(h.program.Stages) > 0 {
		return ""
	}
	return p
}

// config reads the configuration, once an invocation: it is a file, which the next
// one may find changed.
func (in *invocation) config() (*config.Config, error) {
	if in.cfg != nil {
		return in.cfg, nil
	}
	cfg, err := config.Load(config.Options{
		Path: in.h.configPath(), Optional: len(in.h.program.Stages) > 0, LookupEnv: in.h.proc.LookupEnv, Environ: in.h.proc.Environ,
	})
	if err != nil {
		return nil, err
	}
	in.cfg = cfg
	return cfg, nil
}

// panicked says that there was a panic, where it was, and not its value: nobody
// knows what is in that.
func (in *invocation) panicked(ctx context.Context, _ any) error {
	in.log.ErrorContext(ctx, "panic in the handler", "stack", core.Cap(string(debug.Stack()), 8<<10))
	return failure(core.CodeInternal, "a fault of the function itself: the log has the stack of request "+in.id)
}
