package handler

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// newLogger logs JSON with the keys that Lambda filters by. The level is Lambda's
// own, or else Flamingock's.
func newLogger(out io.Writer, lookup func(string) (string, bool)) *slog.Logger {
	level := slog.LevelInfo
	for _, name := range []string{"FLAMINGOCK_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"} {
		if text, ok := lookup(name); ok {
			level = levelOf(text, level)
		}
	}
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr}))
}

// levelOf knows Lambda's names too; others say nothing.
func levelOf(text string, fallback slog.Level) slog.Level {
	switch strings.ToUpper(text) {
	case "TRACE":
		return slog.LevelDebug
	case "FATAL":
		return slog.LevelError
	}
	level := fallback
	if level.UnmarshalText([]byte(text)) != nil {
		return fallback
	}
	return level
}

// journal logs what happens in one run. The Runner calls it for one event at a time.
type journal struct {
	ctx    context.Context //nolint:containedctx // events bring none; it lives as long as the run
	log    *slog.Logger
	redact func(string) string
	// waited: the lock was another's when the run wanted it.
	waited bool
}

// event is the Runner's listener.
func (j *journal) event(e run.Event) {
	switch e := e.(type) {
	case run.Planned:
	case run.Waiting:
		if !j.waited {
			j.say(slog.LevelInfo, "waiting for the lock", run.LogHost, e.Holder.Host, "holder", e.Holder.Execution)
		}
		j.waited = true
	case run.Acquired:
		j.log = j.log.With(run.LogExecution, e.ExecutionID)
		j.say(slog.LevelInfo, "lock acquired", run.LogToken, e.Token, run.LogTakeover, e.Takeover)
	case run.Settled:
		j.say(slog.LevelInfo, "change settled", run.LogChange, e.ChangeID, run.LogStage, e.Stage, run.LogDecision, e.Verdict.Decision, run.LogReason, j.redact(e.Verdict.Reason))
	case run.ChangeStarted:
		j.say(slog.LevelInfo, "change started", run.LogChange, e.ChangeID, run.LogStage, e.Stage, run.LogIndex, e.Index, run.LogTotal, e.Total, run.LogAttempt, e.Attempt)
	case run.Progressed:
		j.say(slog.LevelDebug, "progress", run.LogChange, e.ChangeID, "step", e.Step, "text", j.redact(core.Cap(e.Progress.Text, 1000)))
	case run.RollingBack:
		j.say(slog.LevelWarn, "rolling back", run.LogChange, e.ChangeID, run.LogStage, e.Stage)
	case run.ChangeEnded:
		j.ended(e)
	case run.Warned:
		text := e.Text
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		j.warn(text)
	}
}

func (j *journal) ended(e run.ChangeEnded) {
	args := []any{run.LogChange, e.Change.ChangeID, run.LogStage, e.Stage, run.LogStatus, e.Change.Status, run.LogDuration, e.Change.Duration.Milliseconds()}
	if e.Change.Err == nil {
		j.say(slog.LevelInfo, "change ended", args...)
		return
	}
	j.say(slog.LevelError, "change ended", append(args, "error", j.redact(core.Cap(e.Change.Err.Error(), 8<<10)))...)
}

func (j *journal) warn(text string) {
	j.say(slog.LevelWarn, "warning", "text", j.redact(core.Cap(text, 8<<10)))
}

func (j *journal) say(level slog.Level, msg string, args ...any) {
	j.log.Log(j.ctx, level, msg, args...) //nolint:sloglint // the callers' texts are constants
}
