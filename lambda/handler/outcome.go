package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// The most that an answer may hold. Lambda ends a process that answers with more than
// 6 291 556 bytes.
const (
	maxResult  = 6_000_000
	maxMessage = 32 << 10 // of an error; also Step Functions' for a cause
)

// outcome is what became of one request.
type outcome struct {
	ledger string // "" when the configuration could not be read
	doc    operation.Document
	apply  *operation.ApplyData // nil for other operations, and when no run was tried
}

// failed is the outcome of a request that was not done at all.
func (in *invocation) failed(err error) *outcome {
	out := &outcome{doc: operation.NewDocument("", in.began, in.h.proc.Now().Sub(in.began), nil, operation.NewFailure(asRefused(err), nil, nil))}
	if in.cfg != nil {
		out.ledger = in.cfg.Ledger
	}
	return out
}

func (o *outcome) code() core.Code {
	if o.doc.Error == nil {
		return ""
	}
	return o.doc.Error.Code
}

func (o *outcome) count(s run.ChangeStatus) int {
	if o.apply == nil {
		return 0
	}
	return o.apply.Counts[s]
}

// applied counts the changes that this invocation brought to an end.
func (o *outcome) applied() int { return o.count(run.ChangeApplied) + o.count(run.ChangeReconciled) }

func (o *outcome) failures() int {
	return o.count(run.ChangeFailed) + o.count(run.ChangeRolledBack) + o.count(run.ChangeRollbackFailed)
}

func (o *outcome) execution() string {
	if o.apply == nil {
		return ""
	}
	return o.apply.ExecutionID
}

// summary is one line about a run: SUCCESS: 3 applied, 12 applied before.
func (o *outcome) summary() string {
	if o.apply == nil {
		return ""
	}
	var parts []string
	for _, c := range []struct {
		n     int
		words string
	}{
		{o.applied(), "applied"},
		{o.count(run.ChangeAlreadyApplied), "applied before"},
		{o.failures(), "failed"},
		{o.count(run.ChangeBlocked), "waiting for a person"},
		{o.count(run.ChangeRunning), "being run by another execution"},
		{o.count(run.ChangeNotReached), "not reached"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.words))
		}
	}
	if len(parts) == 0 && o.apply.Status == run.Failed {
		return "" // it failed before anything could be said
	}
	return strings.TrimSuffix(string(o.apply.Status)+": "+strings.Join(parts, ", "), ": ")
}

// text is what a person reads: the summary, what went wrong and what to do.
func (o *outcome) text() string {
	lines := []string{o.summary()}
	if e := o.doc.Error; e != nil {
		lines = append(lines, e.Message, e.Hint)
	}
	return strings.Join(compact(lines), "\n")
}

func compact(lines []string) []string {
	var out []string
	for _, l := range lines {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// asError is how a function fails: with a stable name, and a message that is text and
// then, on a line of its own, the document of the command line, if there is room.
func (o *outcome) asError() error {
	text := core.Cap(o.text(), maxMessage/2)
	doc := o.document(maxMessage - len(text) - 1)
	if doc != nil {
		text += "\n" + string(doc)
	}
	return failure(o.code(), text)
}

// failure is the error that the runtime library passes on as it is: by value, and
// wrapped in nothing.
func failure(code core.Code, text string) error {
	return messages.InvokeResponse_Error{Type: string(code), Message: core.Cap(text, maxMessage)}
}

// document encodes the document in at most limit bytes; nil when even what can be cut
// from it does not help.
func (o *outcome) document(limit int) []byte {
	for _, d := range []operation.Document{o.doc, o.cut()} {
		var b bytes.Buffer
		if json.Compact(&b, d.Encode()) == nil && b.Len() <= limit {
			return b.Bytes()
		}
	}
	return nil
}

// cutData stands for data that is too large.
type cutData struct {
	Note string `json:"note"`

	Status      run.Status               `json:"status,omitempty"`
	Ledger      string                   `json:"ledger,omitempty"`
	ExecutionID string                   `json:"executionId,omitempty"`
	Counts      map[run.ChangeStatus]int `json:"counts,omitempty"`
}

// cut is the document without its longest parts.
func (o *outcome) cut() operation.Document {
	doc := o.doc
	data := &cutData{Note: "the result is too large for this answer and was cut; read it in parts with audit list and its limit, or with the command line"}
	if o.apply != nil {
		data.Status, data.Ledger, data.ExecutionID, data.Counts = o.apply.Status, o.apply.Ledger, o.apply.ExecutionID, o.apply.Counts
	}
	doc.Data = data
	if e := doc.Error; e != nil {
		doc.Error = &operation.Failure{Code: e.Code, Message: core.Cap(e.Message, 4000), Hint: core.Cap(e.Hint, 1000), Retryable: e.Retryable}
	}
	return doc
}

// report logs how a request ended.
func (in *invocation) report(ctx context.Context, o *outcome) {
	args := []any{"operation", o.doc.Operation, run.LogDuration, o.doc.DurationMs}
	if o.ledger != "" {
		args = append(args, "ledger", o.ledger)
	}
	if o.apply != nil {
		args = append(args, run.LogStatus, o.apply.Status, run.LogExecution, o.apply.ExecutionID, "applied", o.applied(), "failed", o.failures())
	}
	level, e := slog.LevelInfo, o.doc.Error
	if e != nil {
		level = slog.LevelError
		if e.Code.Exit() == core.CodeLockHeld.Exit() { // the next one goes on
			level = slog.LevelWarn
		}
		args = append(args, "code", e.Code, "error", core.Cap(e.Message, 8<<10), "hint", core.Cap(e.Hint, 2<<10))
	}
	in.log.Log(ctx, level, "done", args...)
}
