package handler

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
)

// Step Functions' limits.
const (
	maxTaskOutput = 262_144
	maxTaskCause  = 32_768
)

// taskToken does what a state asks for that waits with a token.
func (in *invocation) taskToken(ctx context.Context, s *events.StepFunctions, trigger core.Trigger) error {
	stop := in.beat(ctx, s.TaskToken)
	defer stop()
	out := in.do(ctx, &s.Request, trigger, 0)
	stop()
	return in.endTask(ctx, s.TaskToken, out)
}

// taskIsOver has the codes of the errors that say that nobody waits for a token's answer any more.
func taskIsOver() []string { return []string{"TaskTimedOut", "TaskDoesNotExist"} }

// endTask ends the task of a token: with the document, or with the code as the error's
// name, by which a state retries or catches.
func (in *invocation) endTask(ctx context.Context, token events.Secret, out *outcome) error {
	return in.deliver(ctx, callBack{
		to: "Step Functions", over: taskIsOver(), hide: []events.Secret{token},
		send: func(ctx context.Context, cfg aws.Config) error {
			c, t := sfn.NewFromConfig(cfg), token.Reveal()
			if code := out.code(); code != "" {
				cause := core.Cap(out.text(), maxTaskCause/2)
				if doc := out.document(maxTaskCause - len(cause) - 1); doc != nil {
					cause += "\n" + string(doc)
				}
				_, err := c.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &t, Error: aws.String(string(code)), Cause: &cause})
				return err
			}
			_, err := c.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &t, Output: aws.String(string(out.document(maxTaskOutput)))})
			return err
		},
	}, out)
}

// direct returns the document of the command line, or fails with the code as the
// error's name. That is also how a state without a token is answered, which would take
// a document for success: an INCOMPLETE run is the error DeadlineNear.
func (in *invocation) direct(ctx context.Context, r *events.Request, trigger core.Trigger) ([]byte, error) {
	out := in.do(ctx, r, trigger, 0)
	if out.code() != "" {
		return nil, out.asError()
	}
	return out.document(maxResult), nil
}
