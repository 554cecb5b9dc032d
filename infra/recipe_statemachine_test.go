package infra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// definition is the state machine of the recipe, with values for what it takes.
func definition(t *testing.T) object {
	t.Helper()
	properties := at(recipe(t, "stepfunctions/state-machine.yaml"), "Resources", "Changes", "Properties")
	names, _ := at(properties, "DefinitionSubstitutions").(object)
	given := map[string]string{"FunctionAliasArn": functionARN, "Ledger": ledger, "PeopleTopicArn": "arn:aws:sns:eu-west-1:123456789012:people"}
	refs := map[string]string{}
	for name, ref := range names {
		refs[name] = given[fmt.Sprint(at(ref, "Ref"))]
	}
	machine, _ := resolved(at(properties, "Definition"), refs).(object)
	return machine
}

// codes are all codes of core, read from its source: there is no list of them.
func codes(t *testing.T) []core.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../core/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []core.Code
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Code" {
				s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, core.Code(s))
			}
		}
		return true
	})
	if !slices.Contains(out, core.CodeLockHeld) || !slices.Contains(out, core.CodePending) {
		t.Fatalf("core has the codes %v", out)
	}
	return out
}

// fromLambda are errors of Lambda itself, after which the function did not run.
var fromLambda = []string{"Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ServiceException", "Lambda.TooManyRequestsException"}

func TestRetriesAreTheCodes(t *testing.T) {
	var got, want []string
	retriers, _ := at(definition(t), "States", "Apply", "Retry").([]any)
	for _, r := range retriers {
		for _, name := range at(r, "ErrorEquals").([]any) {
			got = append(got, fmt.Sprint(name))
		}
	}
	for _, c := range codes(t) {
		if c.Retryable() {
			want = append(want, string(c))
		}
	}
	want = append(want, fromLambda...)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is tried again (-what is retryable +what the state machine retries):\n%s", diff)
	}
}

// stepFunctions is LocalStack's. It is on one host, and TestState wants a host of its own.
func stepFunctions(c cloud) *sfn.Client {
	return sfn.NewFromConfig(c.Config, func(o *sfn.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("OneHost", func(
				ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
			) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
			}), middleware.After)
		})
	})
}

func encoded(t *testing.T, value any) *string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return aws.String(string(out))
}

func TestDefinitionIsValid(t *testing.T) {
	c, _ := localStack(t)
	client := stepFunctions(c)
	verdict := func(machine object) types.ValidateStateMachineDefinitionResultCode {
		out, err := client.ValidateStateMachineDefinition(t.Context(), &sfn.ValidateStateMachineDefinitionInput{Definition: encoded(t, machine)})
		if err != nil {
			t.Fatal(err)
		}
		return out.Result
	}
	machine := definition(t)
	if got := verdict(machine); got != types.ValidateStateMachineDefinitionResultCodeOk {
		t.Errorf("the definition is %s", got)
	}
	at(machine, "States", "Apply", "Retry", 0).(object)["ErrorEqual"] = []any{"x"}
	if got := verdict(machine); got != types.ValidateStateMachineDefinitionResultCodeFail {
		t.Errorf("a definition with a fault is %s", got)
	}
}

// withoutPauses makes LocalStack, which waits before it says that a state is to be tried
// again, wait as shortly as can be said.
func withoutPauses(machine object) object {
	for _, r := range at(machine, "States", "Apply", "Retry").([]any) {
		retrier := r.(object)
		delete(retrier, "MaxDelaySeconds")
		delete(retrier, "JitterStrategy")
		retrier["IntervalSeconds"], retrier["BackoffRate"] = 1, 1
	}
	return machine
}

// TestStates asks Step Functions what the states do with each answer of the function.
func TestStates(t *testing.T) {
	c, _ := localStack(t)
	client, machine := stepFunctions(c), withoutPauses(definition(t))
	ask := func(t *testing.T, state string, retries int32, mock types.MockInput) *sfn.TestStateOutput {
		t.Helper()
		mock.FieldValidationMode = types.MockResponseValidationModeNone
		out, err := client.TestState(t.Context(), &sfn.TestStateInput{
			Definition: encoded(t, machine), StateName: &state, Input: aws.String(`{"Error":"ManualIntervention","Cause":"because"}`), Mock: &mock,
			StateConfiguration: &types.TestStateConfiguration{RetrierRetryCount: &retries},
			Context: encoded(t, object{
				"Execution":    object{"Id": "execution-1", "Name": "one", "Input": object{}, "RoleArn": "arn:aws:iam::123456789012:role/changes", "StartTime": "2026-11-22T10:00:00Z"},
				"State":        object{"Name": state, "EnteredTime": "2026-11-22T10:00:00Z", "RetryCount": retries},
				"StateMachine": object{"Id": "machine-1", "Name": "changes"}, "Task": object{"Token": "token-1"},
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	failing := func(name string) types.MockInput {
		return types.MockInput{ErrorOutput: &types.MockErrorOutput{Error: &name, Cause: aws.String("because")}}
	}
	wanted := map[string]types.TestExecutionStatus{"Lambda.Unknown": types.TestExecutionStatusFailed, "States.Timeout": types.TestExecutionStatusFailed}
	for _, name := range fromLambda {
		wanted[name] = types.TestExecutionStatusRetriable
	}
	for _, code := range codes(t) {
		switch {
		case code.Retryable():
			wanted[string(code)] = types.TestExecutionStatusRetriable
		case code == core.CodeManualIntervention:
			wanted[string(code)] = types.TestExecutionStatusCaughtError
		default:
			wanted[string(code)] = types.TestExecutionStatusFailed
		}
	}
	for name, want := range wanted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := ask(t, "Apply", 0, failing(name))
			next := ""
			if want == types.TestExecutionStatusCaughtError {
				next = "AskPerson"
			}
			if out.Status != want || aws.ToString(out.NextState) != next || aws.ToString(out.Error) != name {
				t.Errorf("%s, error %s, next %q: %s", out.Status, aws.ToString(out.Error), aws.ToString(out.NextState), aws.ToString(out.Cause))
			}
		})
	}
	t.Run("in the end", func(t *testing.T) {
		t.Parallel()
		for name, most := range map[string]int32{"DeadlineNear": 95, "LockHeld": 20} {
			before, after := ask(t, "Apply", most-1, failing(name)).Status, ask(t, "Apply", most, failing(name)).Status
			if before != types.TestExecutionStatusRetriable || after != types.TestExecutionStatusFailed {
				t.Errorf("%s: %s before the last attempt, %s after it", name, before, after)
			}
		}
	})
	t.Run("success", func(t *testing.T) {
		out := ask(t, "Apply", 0, types.MockInput{Result: encoded(t, object{"StatusCode": 200, "Payload": object{"success": true, "data": object{"status": "SUCCESS"}}})})
		var data object
		if err := json.Unmarshal([]byte(aws.ToString(out.Output)), &data); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(object{"status": "SUCCESS"}, data); diff != "" || out.Status != types.TestExecutionStatusSucceeded {
			t.Errorf("%s (-want +got):\n%s", out.Status, diff)
		}
	})
	t.Run("resolved", func(t *testing.T) {
		if out := ask(t, "AskPerson", 0, types.MockInput{Result: aws.String("{}")}); aws.ToString(out.NextState) != "Apply" {
			t.Errorf("%s, next %q", out.Status, aws.ToString(out.NextState))
		}
		if out := ask(t, "AskPerson", 0, failing("States.Timeout")); out.Status != types.TestExecutionStatusFailed {
			t.Errorf("when nobody comes it is %s", out.Status)
		}
	})
}
