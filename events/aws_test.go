package events

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAWSSamples decodes every sample event of aws-lambda-go. The golden says
// which are ours; whatever is not of a kind that we know must be refused.
func TestAWSSamples(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		t.Skipf("needs the go command, to find the module aws-lambda-go: %v", err)
	}
	var files []string
	for _, pattern := range []string{"events/testdata/*.json", "cfn/testdata/*.json"} {
		found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 105 {
		t.Fatalf("%d files, want the 104 of events and the one of cfn", len(files))
	}
	// What they are, told by hand from their names. The rest is nobody's here.
	kinds := map[string]Kind{
		"codepipeline-job-event.json": KindCodePipeline, "cloudformation-event.json": KindCloudFormation, "sqs-event.json": KindSQS,
		"sns-event.json": KindSNS, "cloudwatch-alarm-sns-payload-multiple-metrics.json": KindSNS, "cloudwatch-alarm-sns-payload-single-metric.json": KindSNS,
	}
	for _, prefix := range []string{"autoscaling-event-", "codebuild-", "codedeploy-", "codepipeline-action-", "codepipeline-execution-", "ecr-image-", "ecs-container-"} {
		for _, f := range files {
			if strings.HasPrefix(filepath.Base(f), prefix) {
				kinds[filepath.Base(f)] = KindEventBridge
			}
		}
	}
	var out strings.Builder
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		got, err := Decode(raw)
		kind, line := got.Kind, ""
		var e *Error
		switch {
		case err == nil:
			line = "accepted as " + string(kind)
			if kind == KindSQS && got.SQS.Messages[0].Err != nil {
				line += "; " + got.SQS.Messages[0].Err.Error()
			}
		case errors.As(err, &e):
			kind, line = e.Kind, "refused: "+e.Error()
		default:
			t.Errorf("%s: %T", name, err)
		}
		if kind != kinds[name] {
			t.Errorf("%s: taken for %q, is %q", name, kind, kinds[name])
		}
		if err == nil && kinds[name] == "" {
			t.Errorf("%s: accepted", name)
		}
		fmt.Fprintf(&out, "%-62s %s\n", name, line)
	}
	golden(t, "aws-lambda-go.golden", out.String())
}
