package infra_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/lambda/handler"
)

// told is a call that the function made to answer.
type told struct {
	action string // as in a policy; PUT for CloudFormation's URL
	body   object
}

// listener takes the function's answers, as CodePipeline, CodeDeploy and the bucket of
// CloudFormation's URL would.
type listener struct {
	mu    sync.Mutex
	calls []told
	tried int // how often the change was
}

func (l *listener) heard(action string, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call := told{action: action}
	_ = json.Unmarshal(body, &call.body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
}

// RoundTrip is the bucket.
func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	l.heard(r.Method, r)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
}

var services = map[string]string{"CodePipeline_20150709": "codepipeline", "CodeDeploy_20141006": "codedeploy"}

// handlerFor is the handler with one change, which fails if it is to. The configuration
// is that of the EventBridge recipe, with the embedded audit store.
func handlerFor(t *testing.T, fails error) (*handler.Handler, *listener) {
	t.Helper()
	l := &listener{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		l.heard(services[service]+":"+op, r)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	settings := text(t, filepath.Join(recipes, "eventbridge/flamingock.yaml")) + "targetSystems: { app: { type: custom } }\n"
	if err := os.WriteFile(filepath.Join(dir, "flamingock.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	program := core.Program{
		Clients: []core.Target{core.NewClientTarget("app", struct{}{})},
		Stages: []core.Stage{{Name: "main", Changes: []core.Change{{
			ID: "create-orders", Order: "0001", Author: "tests", TargetSystem: "app", Revision: "1",
			Apply:    core.StepFor(func(context.Context, struct{}) error { l.tried++; return fails }),
			Rollback: core.StepFor(func(context.Context, struct{}) error { return nil }),
		}}}},
	}
	return handler.New(program, handler.Process{
		Transport: l,
		LookupEnv: func(name string) (string, bool) { return dir, name == "LAMBDA_TASK_ROOT" },
	}), l
}

// invoke returns the answer, or the type of the error.
func invoke(t *testing.T, h *handler.Handler, event object) (answer, errorType string) {
	t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{
		AwsRequestID: "request-1", InvokedFunctionArn: "arn:aws:lambda:eu-west-1:123456789012:function:orders-flamingock",
	})
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := h.Invoke(ctx, raw)
	var failed messages.InvokeResponse_Error
	if errors.As(err, &failed) {
		return "", failed.Type
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), ""
}

// sample is an event of package events, to be completed with what a recipe says.
func sample(t *testing.T, name string) object {
	t.Helper()
	var event object
	if err := json.Unmarshal([]byte(text(t, filepath.Join("../events/samples", name+".json"))), &event); err != nil {
		t.Fatal(err)
	}
	return event
}

// resolved replaces references by values, as CloudFormation does.
func resolved(value any, refs map[string]string) any {
	switch v := value.(type) {
	case object:
		if name, ok := v["Ref"].(string); ok {
			return refs[name]
		}
		out := object{}
		for k, item := range v {
			out[k] = resolved(item, refs)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, resolved(item, refs))
		}
		return out
	case string:
		for name, to := range refs {
			v = strings.ReplaceAll(v, "${"+name+"}", to)
		}
		return v
	default:
		return v
	}
}

const functionARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders-flamingock:live"

func pipelineEvent(t *testing.T) object {
	t.Helper()
	stages := at(recipe(t, "codepipeline/pipeline.yaml"), "Resources", "Pipeline", "Properties", "Stages")
	action := at(stages, 1, "Actions", 0)
	event := sample(t, "codepipeline-user-parameters")
	data := at(event, "CodePipeline.job", "data").(object)
	data["actionConfiguration"] = object{"configuration": resolved(at(action, "Configuration"), map[string]string{"FunctionName": "orders-flamingock"})}
	at(data, "inputArtifacts", 0).(object)["name"] = at(action, "InputArtifacts", 0, "Name")
	return event
}

func stackEvent(t *testing.T) object {
	t.Helper()
	event := sample(t, "cloudformation-create")
	properties := at(recipe(t, "cloudformation/application.yaml"), "Resources", "Changes", "Properties")
	given, _ := resolved(properties, map[string]string{"FunctionAliasArn": functionARN, "ChangesDigest": "sha256:1111"}).(object)
	given["ServiceTimeout"] = fmt.Sprint(given["ServiceTimeout"]) // as CloudFormation sends numbers
	event["ResourceProperties"] = given
	return event
}

// busEvent is the first event that the rule's pattern takes.
func busEvent(t *testing.T) object {
	t.Helper()
	pattern := at(recipe(t, "eventbridge/rule.yaml"), "Resources", "Rule", "Properties", "EventPattern")
	event := sample(t, "eventbridge")
	for _, key := range []string{"source", "detail-type"} {
		event[key] = at(pattern, key, 0)
	}
	event["resources"] = []any{"arn:aws:ecs:eu-west-1:123456789012:service/main/orders"}
	event["detail"] = object{"eventType": "INFO", "eventName": at(pattern, "detail", "eventName", 0), "deploymentId": "ecs-svc/123"}
	return event
}

func sentEvent(t *testing.T) object {
	t.Helper()
	entry := at(sent(t, "eventbridge/put-events.json"), "Entries", 0)
	event := sample(t, "eventbridge")
	event["source"], event["detail-type"] = at(entry, "Source"), at(entry, "DetailType")
	var detail object
	if err := json.Unmarshal([]byte(fmt.Sprint(at(entry, "Detail"))), &detail); err != nil {
		t.Fatal(err)
	}
	event["detail"] = detail
	return event
}

func queueEvent(t *testing.T) object {
	t.Helper()
	message := sent(t, "sqs/send-message.json")
	event := sample(t, "sqs")
	record := at(event, "Records", 0).(object)
	record["body"] = message["MessageBody"]
	attributes := record["attributes"].(object)
	attributes["MessageGroupId"], attributes["MessageDeduplicationId"] = message["MessageGroupId"], message["MessageDeduplicationId"]
	return event
}

// sent is the input of a command of AWS's.
func sent(t *testing.T, path string) object {
	t.Helper()
	var input object
	if err := json.Unmarshal([]byte(text(t, filepath.Join(recipes, path))), &input); err != nil {
		t.Fatal(err)
	}
	return input
}

// TestRecipeAnswers invokes the function with what each recipe makes of it, and holds
// the calls with which it answers against the rights that the template gives it.
func TestRecipeAnswers(t *testing.T) {
	machine := definition(t)
	for _, tt := range []struct {
		name, page   string
		kind         events.Kind
		event        object
		good, failed string // the answer, or the call and what it says
	}{
		{"codepipeline", "codepipeline", events.KindCodePipeline, pipelineEvent(t), "codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult JobFailed"},
		{"codedeploy", "codedeploy", events.KindCodeDeploy, sample(t, "codedeploy"), "codedeploy:PutLifecycleEventHookExecutionStatus Succeeded", "codedeploy:PutLifecycleEventHookExecutionStatus Failed"},
		{"cloudformation", "cloudformation", events.KindCloudFormation, stackEvent(t), "PUT SUCCESS", "PUT FAILED"},
		{"eventbridge", "eventbridge", events.KindEventBridge, busEvent(t), "null", "null"},
		{"put-events", "eventbridge", events.KindEventBridge, sentEvent(t), "null", "null"},
		{"sqs", "sqs", events.KindSQS, queueEvent(t), `{"batchItemFailures":[]}`, `{"batchItemFailures":[{"itemIdentifier":"5a6b7c8d-0000-4000-8000-0000000000d1"}]}`},
		{"stepfunctions", "stepfunctions", events.KindDirect, at(machine, "States", "Apply", "Parameters", "Payload").(object), "SUCCESS", "ChangeFailed"},
	} {
		for _, fails := range []error{nil, errors.New("the system says no")} {
			want, name := tt.good, tt.name
			if fails != nil {
				want, name = tt.failed, tt.name+" fails"
			}
			t.Run(name, func(t *testing.T) {
				raw, err := json.Marshal(tt.event)
				if err != nil {
					t.Fatal(err)
				}
				trigger, err := events.Decode(raw)
				if err != nil || trigger.Kind != tt.kind {
					t.Fatalf("the event of the recipe is of kind %q: %v", trigger.Kind, err)
				}
				h, l := handlerFor(t, fails)
				answer, errorType := invoke(t, h, tt.event)
				if got := inWords(answer, errorType, l.calls); got != want {
					t.Errorf("answered with %s, want %s", got, want)
				}
				if l.tried != 1 {
					t.Errorf("the change was tried %d times", l.tried)
				}
				for _, c := range l.calls {
					mayCall(t, c.action)
				}
				if fails == nil {
					reads(t, tt.name, l.calls)
				}
			})
		}
	}
}

// inWords says how the function answered.
func inWords(answer, errorType string, calls []told) string {
	if len(calls) > 0 {
		c := calls[0]
		for _, said := range []any{c.body["status"], c.body["Status"], at(c.body, "failureDetails", "type")} {
			if said != nil {
				return c.action + " " + fmt.Sprint(said)
			}
		}
		return c.action
	}
	if errorType != "" {
		return errorType
	}
	var document struct{ Data struct{ Status string } }
	if json.Unmarshal([]byte(answer), &document) == nil && document.Data.Status != "" {
		return document.Data.Status
	}
	return answer
}

// mayCall checks that template.yaml lets the function call it.
func mayCall(t *testing.T, action string) {
	t.Helper()
	if action == http.MethodPut { // a signed URL is its own right
		return
	}
	for _, g := range grants {
		if g.effect == "Allow" && slices.Contains(g.actions, any(action)) {
			return
		}
	}
	t.Errorf("the function's role may not %s", action)
}

// reads checks that what a recipe reads of the answer is in it.
func reads(t *testing.T, name string, calls []told) {
	t.Helper()
	used := map[string]struct {
		path, pattern, in string
	}{
		"codepipeline":   {"codepipeline/pipeline.yaml", `#\{Changes\.(\w+)\}`, "outputVariables"},
		"cloudformation": {"cloudformation/application.yaml", `!GetAtt Changes\.(\w+)`, "Data"},
	}
	u, ok := used[name]
	if !ok {
		return
	}
	names := regexp.MustCompile(u.pattern).FindAllStringSubmatch(text(t, filepath.Join(recipes, u.path)), -1)
	if len(names) == 0 {
		t.Errorf("%s reads nothing", u.path)
	}
	for _, n := range names {
		if at(calls[0].body, u.in, n[1]) == nil {
			t.Errorf("%s reads %s, which is not in %v", u.path, n[1], calls[0].body)
		}
	}
}

// TestEventsAllow: an event that the recipe's configuration does not list is refused.
func TestEventsAllow(t *testing.T) {
	c, err := config.Load(config.Options{Path: filepath.Join(recipes, "eventbridge/flamingock.yaml"), LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []object{busEvent(t), sentEvent(t)} {
		if !c.Events.Allows(fmt.Sprint(event["source"]), fmt.Sprint(event["detail-type"])) {
			t.Errorf("events.allow does not list %v, %v", event["source"], event["detail-type"])
		}
	}
	h, l := handlerFor(t, nil)
	other := busEvent(t)
	other["detail-type"] = "ECS Task State Change"
	if answer, errorType := invoke(t, h, other); errorType != string(core.CodeConfigInvalid) || len(l.calls) > 0 || l.tried > 0 {
		t.Errorf("an event that is not listed is answered with %s %s", answer, errorType)
	}
}
