package handler

import (
	"cmp"
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/source"
)

// CodePipeline's limits.
const (
	maxJobSummary = 2048
	maxJobMessage = 5000
	maxVariable   = 1000
)

// codePipeline applies and ends the job, or asks to be invoked again with a token.
func (in *invocation) codePipeline(ctx context.Context, job *events.CodePipeline, trigger core.Trigger) error {
	req := cmp.Or(job.Request, applyAll())
	in.job = artifacts(job)
	out, next, more := in.chained(ctx, job.ContinuationToken, req, trigger)
	if !more {
		return in.endJob(ctx, job.JobID, out)
	}
	in.log.InfoContext(ctx, "the job goes on in another invocation", "count", next.Count)
	return in.deliver(ctx, jobCallBack(func(ctx context.Context, c *codepipeline.Client) error {
		_, err := c.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: &job.JobID, ContinuationToken: aws.String(next.String())})
		return err
	}), out)
}

// artifacts is what a job brings along to read its artifacts with.
func artifacts(job *events.CodePipeline) *source.Job {
	out := &source.Job{
		AccessKeyID: core.NewSecret(job.Credentials.AccessKeyID.Reveal()), SecretAccessKey: core.NewSecret(job.Credentials.SecretAccessKey.Reveal()),
		SessionToken: core.NewSecret(job.Credentials.SessionToken.Reveal()), Expires: job.Credentials.Expires,
	}
	for _, a := range job.Inputs {
		out.Inputs = append(out.Inputs, source.Artifact(a))
	}
	if job.EncryptionKey != nil {
		out.EncryptionKeyID = job.EncryptionKey.ID
	}
	return out
}

// chained does a request that may take several invocations. more: the next one is to
// go on with the continuation.
func (in *invocation) chained(ctx context.Context, token string, req *events.Request, trigger core.Trigger) (out *outcome, next continuation, more bool) {
	cfg, err := in.config()
	if err == nil {
		next, err = readContinuation(token, cfg.Ledger, in.began)
	}
	if err != nil {
		out = in.failed(err)
		in.report(ctx, out)
		return out, next, false
	}
	out = in.do(ctx, req, trigger, next.waited(in.began))
	next, more = next.next(out, cfg, in.began, in.h.proc.Now())
	return out, next, more
}

// endJob says how a job ended.
func (in *invocation) endJob(ctx context.Context, id string, out *outcome) error {
	execution := cmp.Or(out.execution(), in.id)
	return in.deliver(ctx, jobCallBack(func(ctx context.Context, c *codepipeline.Client) error {
		if code := out.code(); code != "" {
			_, err := c.PutJobFailureResult(ctx, &codepipeline.PutJobFailureResultInput{JobId: &id, FailureDetails: &types.FailureDetails{
				Type: failureType(code), Message: aws.String(core.Cap(string(code)+": "+out.text(), maxJobMessage)), ExternalExecutionId: text(execution),
			}})
			return err
		}
		_, err := c.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{
			JobId: &id, OutputVariables: out.variables(in.id),
			ExecutionDetails: &types.ExecutionDetails{Summary: text(core.Cap(out.text(), maxJobSummary)), ExternalExecutionId: text(execution)},
		})
		return err
	}), out)
}

func jobCallBack(send func(context.Context, *codepipeline.Client) error) callBack {
	return callBack{
		to: "CodePipeline", over: []string{"InvalidJobStateException", "JobNotFoundException"},
		send: func(ctx context.Context, cfg aws.Config) error { return send(ctx, codepipeline.NewFromConfig(cfg)) },
	}
}

// text leaves an empty text out: AWS refuses those.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// failureType is what CodePipeline calls a code.
func failureType(c core.Code) types.FailureType {
	switch c {
	case core.CodeConfigInvalid, core.CodeUsage:
		return types.FailureTypeConfigurationError
	case core.CodePermissionDenied:
		return types.FailureTypePermissionError
	case core.CodeUnavailable, core.CodeLockHeld, core.CodeLeaseLost, core.CodeDeadlineNear, core.CodeInterrupted:
		return types.FailureTypeSystemUnavailable
	case core.CodeChangeFailed, core.CodeInternal, core.CodeManualIntervention, core.CodeChangeSetInvalid, core.CodeDrift, core.CodePending:
	}
	return types.FailureTypeJobFailed
}

// variables are what later actions of a pipeline, or a stack, may refer to.
func (o *outcome) variables(request string) map[string]string {
	v := map[string]string{"Ledger": o.ledger, "RequestId": request, "ExecutionId": o.execution()}
	if o.apply != nil {
		v["Status"] = string(o.apply.Status)
		v["Applied"] = strconv.Itoa(o.applied())
		v["AlreadyApplied"] = strconv.Itoa(o.count("ALREADY_APPLIED"))
	}
	for key, value := range v {
		if value == "" {
			delete(v, key)
			continue
		}
		v[key] = core.Cap(value, maxVariable)
	}
	return v
}
