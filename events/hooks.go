package events

import (
	"encoding/json"
	"slices"
	"strings"
)

func decodeCodeDeploy(o object) (Trigger, *Error) {
	d := &CodeDeploy{DeploymentID: o.id("DeploymentId", 128), HookExecutionID: o.id("LifecycleEventHookExecutionId", 4096)}
	return Trigger{Kind: KindCodeDeploy, ID: d.DeploymentID, CodeDeploy: d}, o.failed()
}

// Stage is a stage of an ECS deployment.
type Stage string

// The stages, in the order of a deployment.
const (
	StageReconcile       Stage = "RECONCILE_SERVICE"
	StagePreScaleUp      Stage = "PRE_SCALE_UP" // before any new task starts
	StagePostScaleUp     Stage = "POST_SCALE_UP"
	StageTestShift       Stage = "TEST_TRAFFIC_SHIFT"
	StagePostTestShift   Stage = "POST_TEST_TRAFFIC_SHIFT"
	StagePreProduction   Stage = "PRE_PRODUCTION_TRAFFIC_SHIFT"
	StageProductionShift Stage = "PRODUCTION_TRAFFIC_SHIFT"
	StagePostProduction  Stage = "POST_PRODUCTION_TRAFFIC_SHIFT"
)

// Stages lists every stage.
func Stages() []Stage {
	return []Stage{
		StageReconcile, StagePreScaleUp, StagePostScaleUp, StageTestShift, StagePostTestShift,
		StagePreProduction, StageProductionShift, StagePostProduction,
	}
}

// ECS is a hook of an ECS deployment. What the function returns is the answer.
type ECS struct {
	ExecutionID   string
	Stage         Stage
	DeploymentARN string // the service deployment's
	ServiceARN    string
	// TargetRevision is the revision being deployed. It stays that one in a rollback.
	TargetRevision string
	// TestWeights and ProductionWeights are percentages by revision; often empty.
	TestWeights, ProductionWeights map[string]float64
	// HookDetails is the JSON that the hook's configuration, or our last IN_PROGRESS,
	// gave it; empty when there is none.
	HookDetails Secret
	// RollingBack says that traffic moves away from the target. Decode refuses such an
	// event; this is seen in Error.Answer only.
	RollingBack bool
}

func decodeECS(o object) (Trigger, *Error) {
	e := &ECS{
		ExecutionID: o.any("executionId", 255), Stage: Stage(o.id("lifecycleStage", 64)), DeploymentARN: o.arn("resourceArn"),
		HookDetails: secret(o.document("hookDetails")),
	}
	in := o.object("executionDetails")
	e.ServiceARN, e.TargetRevision = in.arn("serviceArn"), in.arn("targetServiceRevisionArn")
	e.TestWeights, e.ProductionWeights = in.weights("testTrafficWeights"), in.weights("productionTrafficWeights")
	t := Trigger{Kind: KindECS, ID: e.DeploymentARN, ECS: e}
	if err := o.failed(); err != nil {
		return Trigger{}, err
	}
	e.RollingBack = e.rollingBack()
	switch {
	case !slices.Contains(Stages(), e.Stage):
		err := refuse("configure the hook for "+string(StagePreScaleUp), "lifecycleStage is %s, which is not known", showWord(string(e.Stage)))
		err.Answer = &t
		return Trigger{}, err
	case e.RollingBack:
		err := refuse("configure the hook for "+string(StagePreScaleUp)+" only: that stage is not run in a rollback",
			"the deployment is rolling back, and changes are not applied for that (%s)", e.Stage)
		err.Answer = &t
		return Trigger{}, err
	}
	return t, nil
}

// rollingBack reports whether the target has no traffic where it should by now.
// PRE_PRODUCTION_TRAFFIC_SHIFT looks like that on the way forward too, and is not
// run in a rollback.
func (e *ECS) rollingBack() bool {
	weights := e.ProductionWeights
	switch e.Stage {
	case StageProductionShift, StagePostProduction:
	case StageTestShift, StagePostTestShift:
		weights = e.TestWeights
	case StageReconcile, StagePreScaleUp, StagePostScaleUp, StagePreProduction:
		return false
	}
	others := 0.0
	for revision, w := range weights {
		if revision != e.TargetRevision {
			others += w
		}
	}
	return weights[e.TargetRevision] == 0 && others > 0
}

func (o object) weights(key string) map[string]float64 {
	if !o.has(key) {
		return nil
	}
	var out map[string]float64
	if json.Unmarshal(o.keys[key], &out) != nil || len(out) > 64 {
		o.fail(key, "must be an object of percentages")
		return nil
	}
	for _, w := range out {
		if w < 0 || w > 100 {
			o.fail(key, "must hold percentages from 0 to 100")
		}
	}
	return out
}

func (o object) arn(key string) string {
	s := o.id(key, 2048)
	if !strings.HasPrefix(s, "arn:") {
		o.fail(key, "must be an ARN")
	}
	return s
}

// document reads JSON as it is; "" when there is none.
func (o object) document(key string) string {
	if !o.has(key) {
		return ""
	}
	return string(o.keys[key])
}
