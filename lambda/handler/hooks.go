package handler

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
)

// codeDeploy applies and ends the hook. CodeDeploy takes no reason, which is in the
// log only, and knows no "still at it": a run that is out of time has failed.
func (in *invocation) codeDeploy(ctx context.Context, d *events.CodeDeploy, trigger core.Trigger) error {
	out := in.do(ctx, applyAll(), trigger, 0)
	status := types.LifecycleEventStatusSucceeded
	if out.code() != "" {
		status = types.LifecycleEventStatusFailed
	}
	return in.deliver(ctx, callBack{
		to: "CodeDeploy", over: []string{"LifecycleEventAlreadyCompletedException"},
		send: func(ctx context.Context, cfg aws.Config) error {
			_, err := codedeploy.NewFromConfig(cfg).PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
				DeploymentId: &d.DeploymentID, LifecycleEventHookExecutionId: &d.HookExecutionID, Status: status,
			})
			return err
		},
	}, out)
}

// hookAnswer is what an ECS deployment takes. It knows no reason: that is in the log.
type hookAnswer struct {
	Status string          `json:"hookStatus"`
	Delay  int             `json:"callBackDelay,omitempty"` // in seconds
	Detail json.RawMessage `json:"hookDetails,omitempty"`   // handed back to the next invocation
}

const (
	hookSucceeded  = "SUCCEEDED"
	hookFailed     = "FAILED"
	hookInProgress = "IN_PROGRESS"

	hookDelay = 10
)

// ecs applies in the stages that are configured. In others the deployment goes on and
// nothing is applied: a hook may be set for more stages than are meant for changes.
func (in *invocation) ecs(ctx context.Context, e *events.ECS, trigger core.Trigger) ([]byte, error) {
	cfg, err := in.config()
	if err != nil {
		in.report(ctx, in.failed(err))
		return in.hook(hookAnswer{Status: hookFailed})
	}
	if !cfg.Events.AppliesIn(string(e.Stage)) {
		in.log.WarnContext(ctx, "nothing is applied in this stage of a deployment: events.ecs does not name it", "stage", string(e.Stage))
		return in.hook(hookAnswer{Status: hookSucceeded})
	}
	out, next, more := in.chained(ctx, ourDetails(e.HookDetails), applyAll(), trigger)
	switch {
	case more:
		return in.hook(hookAnswer{Status: hookInProgress, Delay: hookDelay, Detail: json.RawMessage(next.String())})
	case out.code() != "":
		return in.hook(hookAnswer{Status: hookFailed})
	}
	return in.hook(hookAnswer{Status: hookSucceeded})
}

// refuseECS answers a hook event that was not understood, or is of a rollback: that
// one must go on, and the changes stay as they are.
func (in *invocation) refuseECS(ctx context.Context, e *events.ECS) ([]byte, error) {
	if e.RollingBack {
		in.log.WarnContext(ctx, "the deployment is rolling back: nothing is applied, and nothing is taken back", "stage", string(e.Stage))
		return in.hook(hookAnswer{Status: hookSucceeded})
	}
	return in.hook(hookAnswer{Status: hookFailed})
}

// ourDetails are the details that an earlier invocation left. Those that the hook was
// configured with are somebody else's, and "".
func ourDetails(details events.Secret) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(details.Reveal()), &fields) != nil || fields["flamingock"] == nil {
		return ""
	}
	return details.Reveal()
}

func (in *invocation) hook(a hookAnswer) ([]byte, error) {
	out, err := json.Marshal(a)
	if err != nil {
		return nil, failure(core.CodeInternal, "the hook's answer cannot be encoded")
	}
	return out, nil
}
