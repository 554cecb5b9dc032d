package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/app"
)

// Process is what a function runs in.
type Process struct {
	// Logs and Metrics receive one JSON object a line. They may be the same, and must
	// be safe for concurrent use if there are several invocations at once. Nil: nothing
	// is written.
	Logs, Metrics io.Writer
	// LookupEnv and Environ read the environment. Nil: it is empty.
	LookupEnv func(string) (string, bool)
	Environ   func() []string
	// Stop asks for an end in good order when it is closed. Nil: nobody asks.
	Stop <-chan struct{}
	// Now is the clock, and Random spreads out retries: a number from 0 up to 1.
	// time.Now and math/rand when nil.
	Now    func() time.Time
	Random func() float64
	// Transport carries answers to CloudFormation. Nil: one of its own.
	Transport http.RoundTripper
}

// Handler serves invocations. It is safe for concurrent use.
type Handler struct {
	program core.Program
	proc    Process
	log     *slog.Logger
	metrics *metrics
	configs app.AWSConfigs
	clients clients
	http    *http.Client
	// beatEvery is the time between two signs of life of a task.
	beatEvery time.Duration
}

var _ lambda.Handler = (*Handler)(nil)

// New makes a Handler. It reads nothing and contacts nothing.
func New(p core.Program, proc Process) *Handler {
	if proc.LookupEnv == nil {
		proc.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if proc.Environ == nil {
		proc.Environ = func() []string { return nil }
	}
	if proc.Now == nil {
		proc.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	if proc.Random == nil {
		proc.Random = rand.Float64 //nolint:forbidigo,gosec // the default of what is injected; for jitter only
	}
	if proc.Logs == nil {
		proc.Logs = io.Discard
	}
	if proc.Metrics == nil {
		proc.Metrics = io.Discard
	}
	return &Handler{
		program: p, proc: proc, log: newLogger(proc.Logs, proc.LookupEnv), metrics: &metrics{out: proc.Metrics},
		http: newPutter(proc.Transport), beatEvery: beatEvery,
	}
}

// Invoke serves one invocation. Its error is a messages.InvokeResponse_Error, whose
// type is one of core's codes.
func (h *Handler) Invoke(ctx context.Context, event []byte) (answer []byte, err error) {
	in := h.begin(ctx)
	ctx, cancel := in.untilKilled(ctx)
	defer cancel()
	defer func() {
		// What a change or a client does wrong is caught closer to it; this one is ours.
		if v := recover(); v != nil {
			answer, err = nil, in.panicked(ctx, v)
		}
	}()
	t, err := events.Decode(event)
	if err != nil {
		return orNull(in.refuse(ctx, err))
	}
	in.log = in.log.With("trigger", string(t.Kind))
	in.log.InfoContext(ctx, "invoked", "triggerId", t.ID)
	return orNull(in.serve(ctx, &t))
}

// orNull makes JSON of no answer: some who invoke parse whatever they get.
func orNull(answer []byte, err error) ([]byte, error) {
	if err == nil && answer == nil {
		return []byte("null"), nil
	}
	return answer, err
}

// serve gives every kind of trigger its own kind of answer.
func (in *invocation) serve(ctx context.Context, t *events.Trigger) ([]byte, error) {
	switch t.Kind {
	case events.KindCodePipeline:
		return nil, in.codePipeline(ctx, t.CodePipeline, in.trigger(t))
	case events.KindCodeDeploy:
		return nil, in.codeDeploy(ctx, t.CodeDeploy, in.trigger(t))
	case events.KindECS:
		return in.ecs(ctx, t.ECS, in.trigger(t))
	case events.KindCloudFormation:
		return nil, in.cloudFormation(ctx, t.CloudFormation, in.trigger(t))
	case events.KindEventBridge:
		return nil, in.eventBridge(ctx, t.EventBridge, in.trigger(t))
	case events.KindSQS:
		return in.sqs(ctx, t.SQS)
	case events.KindSNS:
		return nil, in.sns(ctx, t.SNS)
	case events.KindStepFunctions:
		return nil, in.taskToken(ctx, t.StepFunctions, in.trigger(t))
	case events.KindDirect:
		return in.direct(ctx, &t.Direct.Request, in.trigger(t))
	}
	return nil, failure(core.CodeInternal, "there is no answer for events of kind "+string(t.Kind))
}

// refuse answers an event that was not understood. Whoever waits for a call back is
// told that nothing was done.
func (in *invocation) refuse(ctx context.Context, err error) ([]byte, error) {
	out := in.failed(err)
	var e *events.Error
	if !errors.As(err, &e) {
		return nil, out.asError()
	}
	in.log = in.log.With("trigger", string(e.Kind))
	in.report(ctx, out)
	if e.Answer == nil {
		return nil, out.asError()
	}
	switch a := e.Answer; a.Kind {
	case events.KindCodePipeline:
		return nil, in.endJob(ctx, a.CodePipeline.JobID, out)
	case events.KindECS:
		return in.refuseECS(ctx, a.ECS)
	case events.KindCloudFormation:
		if a.CloudFormation.RequestType == events.RequestDelete {
			return nil, in.cloudFormation(ctx, a.CloudFormation, in.trigger(a))
		}
		return nil, in.answerStack(ctx, a.CloudFormation, out)
	case events.KindStepFunctions:
		return nil, in.endTask(ctx, a.StepFunctions.TaskToken, out)
	default:
		return nil, out.asError()
	}
}
