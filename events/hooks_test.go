package events

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestECSRollback(t *testing.T) {
	const target, other = "arn:aws:ecs:x:service-revision/2", "arn:aws:ecs:x:service-revision/1"
	type weights map[string]float64
	for _, tt := range []struct {
		name       string
		stage      Stage
		prod, test weights
		refused    bool
	}{
		{"before", StagePreScaleUp, nil, nil, false},
		{"before, old has all", StagePreScaleUp, weights{target: 0, other: 100}, nil, false},
		{"forward", StageProductionShift, weights{target: 100, other: 0}, nil, false},
		{"a step forward", StageProductionShift, weights{target: 10, other: 90}, nil, false},
		{"back", StageProductionShift, weights{target: 0, other: 100}, nil, true},
		{"back, target not named", StageProductionShift, weights{other: 100}, nil, true},
		{"after it went back", StagePostProduction, weights{target: 0, other: 100}, nil, true},
		{"first step to come", StagePreProduction, weights{target: 0, other: 100}, nil, false},
		{"test forward, production still old", StageTestShift, weights{target: 0, other: 100}, weights{target: 100, other: 0}, false},
		{"test back", StageTestShift, nil, weights{target: 0, other: 100}, true},
		{"nobody has traffic", StageProductionShift, weights{target: 0, other: 0}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := encode(t, map[string]any{
				"executionId": "e", "lifecycleStage": tt.stage, "resourceArn": "arn:aws:ecs:x:service-deployment/1",
				"executionDetails": map[string]any{
					"serviceArn": "arn:aws:ecs:x:service/1", "targetServiceRevisionArn": target,
					"testTrafficWeights": tt.test, "productionTrafficWeights": tt.prod,
				},
			})
			if !tt.refused {
				decoded(t, raw)
				return
			}
			e := refused(t, raw)
			if e.Kind != KindECS || e.Answer == nil || !e.Answer.ECS.RollingBack || !strings.Contains(e.Reason, "rolling back") {
				t.Errorf("got %v, %v", e, e.Answer)
			}
		})
	}
}

func TestECSFaults(t *testing.T) {
	good := sample(t, "ecs-production-shift")
	for _, tt := range []struct{ old, with, want string }{
		{"PRODUCTION_TRAFFIC_SHIFT", "ROLLBACK", "which is not known"},
		{`": 100`, `": 101`, "percentages from 0 to 100"},
		{`": 100`, `": -1`, "percentages from 0 to 100"},
		{`": 100`, `": "100"`, "object of percentages"},
		{`"targetServiceRevisionArn"`, `"targetserviceRevisionArn"`, "executionDetails.targetServiceRevisionArn"},
		{`"resourceArn": "arn:`, `"resourceArn": "x`, "must be an ARN"},
	} {
		if e := refused(t, strings.Replace(good, tt.old, tt.with, 1)); e.Kind != KindECS || !strings.Contains(e.Reason, tt.want) {
			t.Errorf("%s: got %v, want %q", tt.with, e, tt.want)
		}
	}
	details := decoded(t, sample(t, "ecs-continuation")).ECS.HookDetails.Reveal()
	var state struct{ Execution string }
	if json.Unmarshal([]byte(details), &state) != nil || state.Execution != "01J0000000EXAMPLE" {
		t.Errorf("got %s", details)
	}
}
