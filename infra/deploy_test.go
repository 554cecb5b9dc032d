package infra_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/dynamo"
)

// leftOut is what LocalStack cannot have: it runs functions in Docker only. These are
// the function and all that refers to it. The linters look at them as CloudFormation
// gets them, and the emulator runs the function.
var leftOut = []string{
	"EventDeadLettersPolicy", "EventPermission", "EventRule", "EventsDroppedAlarm", "EventsLostAlarm",
	"Function", "FunctionDurationAlarm", "FunctionErrorsAlarm", "FunctionThrottlesAlarm", "LatestInvokeConfig",
}

const (
	ledger  = "orders/prod"
	account = "000000000000" // LocalStack's
)

// withoutFunction returns the template without leftOut, and the names of what is in it.
func withoutFunction(t *testing.T) (template string, resources []string) {
	t.Helper()
	parsed, err := parse(text(t, templateFile))
	if err != nil {
		t.Fatal(err)
	}
	all := at(parsed, "Resources").(object)
	gone := map[string]bool{"Function": true}
	for before := 0; before != len(gone); {
		before = len(gone)
		for name, r := range all {
			if refers(r, gone) {
				gone[name] = true
			}
		}
	}
	if diff := cmp.Diff(leftOut, slices.Sorted(maps.Keys(gone))); diff != "" {
		t.Fatalf("what hangs on the function has changed (-want +got):\n%s", diff)
	}
	maps.DeleteFunc(all, func(name string, _ any) bool { return gone[name] })
	maps.DeleteFunc(at(parsed, "Outputs").(object), func(_ string, output any) bool { return refers(output, gone) })
	for name, r := range all {
		if kind := fmt.Sprint(at(r, "Type")); strings.HasPrefix(kind, "AWS::Serverless::") {
			t.Fatalf("%s is a %s, for which the transform would have to stay", name, kind)
		}
	}
	delete(parsed, "Transform")
	out, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), slices.Sorted(maps.Keys(all))
}

func refers(value any, to map[string]bool) bool {
	found := false
	visit(value, func(v any) {
		name, _ := at(v, "Ref").(string)
		if name == "" {
			name, _ = at(v, "Fn::GetAtt", 0).(string)
		}
		name, _, _ = strings.Cut(name, ".") // SAM's !Ref Function.Alias
		found = found || to[name]
	})
	return found
}

// notCreated says what a stack has else than these resources, each made by LocalStack.
// Types that it does not know, it passes over with success, but for these traces. Its
// CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES=0 is no way: it then asks a server of its
// maker's what it knows, and without a network refuses every type.
func notCreated(s *stack, want []string) []string {
	var faults, got []string
	for _, r := range s.resources {
		got = append(got, r.ID)
		if r.Status != "CREATE_COMPLETE" || r.Reason != "" || r.Physical == "" || r.Physical == "unknown" {
			faults = append(faults, fmt.Sprintf("%s (%s) is %s, as %q: %s", r.ID, r.Type, r.Status, r.Physical, r.Reason))
		}
	}
	if s.Status != "CREATE_COMPLETE" {
		faults = append(faults, fmt.Sprintf("the stack is %s: %s", s.Status, s.Reason))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		faults = append(faults, "resources (-want +got):\n"+diff)
	}
	return faults
}

func wantCreated(t *testing.T, s *stack, want []string) {
	t.Helper()
	if faults := notCreated(s, want); faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
}

// TestUnsupported: a type that LocalStack does not know fails.
func TestUnsupported(t *testing.T) {
	c, name := localStack(t)
	template, resources := withoutFunction(t)
	template = strings.Replace(template, `"Resources":{`, `"Resources":{"Unknown":{"Type":"AWS::CodeDeploy::Application","Properties":{"ComputePlatform":"Lambda"}},`, 1)
	s := c.create(t, name, template, map[string]string{"Ledger": ledger})
	faults := notCreated(s, append(resources, "Unknown"))
	if len(faults) != 1 || !strings.Contains(faults[0], "AWS::CodeDeploy::Application") {
		t.Errorf("want one fault, that names the type, got %q of %+v", faults, s)
	}
}

// TestDeploy deploys the template and looks at what is there then.
func TestDeploy(t *testing.T) {
	c, name := localStack(t)
	template, resources := withoutFunction(t)
	s := c.create(t, name, template, map[string]string{"Ledger": ledger})
	wantCreated(t, s, resources)

	t.Run("table", func(t *testing.T) { tableIsOurs(t, c, name, s.output("TableName")) })
	t.Run("role", func(t *testing.T) {
		got := rolePolicy(t, c, s)
		scope := dynamo.PolicyScope{Table: s.output("TableName"), Region: c.Region, Account: account, Ledgers: []string{ledger}}
		want := append(storePolicy(t, scope),
			allowed("Logs", []any{"logs:CreateLogStream", "logs:PutLogEvents"}, "arn:aws:logs:"+c.Region+":"+account+":log-group:"+s.physical(t, "LogGroup")+":*"),
			allowed("Requests", []any{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"}, s.output("RequestQueueArn")),
			allowed("DeadEvents", []any{"sqs:SendMessage"}, queueARN(c, s.physical(t, "EventDeadLetters"))))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("policy (-want +got):\n%s", diff)
		}
	})
	t.Run("queues", func(t *testing.T) {
		for id, want := range map[string]map[string]string{
			"RequestQueue":       {"FifoQueue": "true", "VisibilityTimeout": "5400", "ContentBasedDeduplication": "false"},
			"RequestDeadLetters": {"FifoQueue": "true", "MessageRetentionPeriod": "1209600"},
			"EventDeadLetters":   {"FifoQueue": "", "MessageRetentionPeriod": "1209600"},
		} {
			got := queue(t, c, s.physical(t, id))
			for k, v := range want {
				if got[k] != v {
					t.Errorf("%s: %s is %q, and not %q", id, k, got[k], v)
				}
			}
			if id == "RequestQueue" && !strings.Contains(got["RedrivePolicy"], queueARN(c, s.physical(t, "RequestDeadLetters"))) {
				t.Errorf("RequestQueue: RedrivePolicy is %s", got["RedrivePolicy"])
			}
		}
	})
}

// TestDeployEverything turns everything on, beside a table that is there already.
func TestDeployEverything(t *testing.T) {
	c, name := localStack(t)
	template, resources := withoutFunction(t)
	resources = slices.DeleteFunc(resources, func(id string) bool { return id == "Table" })
	arn := func(service, rest string) string {
		return "arn:aws:" + service + ":" + c.Region + ":" + account + ":" + rest
	}
	group, machine := arn("codedeploy", "deploymentgroup:orders/prod"), arn("states", "stateMachine:deploy")
	topic, bus := arn("sns", "told"), arn("events", "event-bus/told")
	s := c.create(t, name, template, map[string]string{
		"Ledger": ledger, "ExistingTable": "history", "Tracing": "Active", "PipelineCallback": "true",
		"CodeDeployHook": "orders", "CodeDeployGroupArn": group, "StateMachineArn": machine, "NotifyTopicArn": topic, "NotifyBusArn": bus,
		"SubnetIds": "subnet-01234567", "SecurityGroupIds": "sg-01234567", "TargetPolicyArns": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"AlarmTopicArn": arn("sns", "alarms"), "LogRetentionDays": "7",
	})
	wantCreated(t, s, resources)
	if got := s.output("TableArn"); got != arn("dynamodb", "table/history") {
		t.Errorf("TableArn is %s", got)
	}
	scope := dynamo.PolicyScope{Table: "history", Region: c.Region, Account: account, Ledgers: []string{ledger}}
	store := storePolicy(t, scope)
	got := rolePolicy(t, c, s)
	if diff := cmp.Diff(store, got[:min(len(store), len(got))]); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	where := map[string]any{}
	for _, statement := range got[len(store):] {
		where[fmt.Sprint(at(statement, "Sid"))] = at(statement, "Resource")
	}
	delete(where, "Logs") // TestDeploy has these
	delete(where, "Requests")
	delete(where, "DeadEvents")
	want := map[string]any{
		"Traces": everything, "Pipeline": everything, "Network": everything, "NetworkForLambdaOnly": everything,
		"DeploymentHook": group, "Tasks": machine, "Topic": topic, "Bus": bus,
	}
	if diff := cmp.Diff(want, where); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	policies := ask[struct {
		ARN []string `xml:"ListAttachedRolePoliciesResult>AttachedPolicies>member>PolicyArn"`
	}](t, c, "iam", "2010-05-08", "ListAttachedRolePolicies", url.Values{"RoleName": {s.physical(t, "Role")}})
	if diff := cmp.Diff([]string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, policies.ARN); diff != "" {
		t.Errorf("policies for target systems (-want +got):\n%s", diff)
	}
}

// notSet are what LocalStack's CloudFormation leaves out of a table, whatever the
// template says. TestTemplate looks at them.
var notSet = []string{"deletion protection", "point-in-time recovery"}

// tableIsOurs compares the table with one that dynamo.Create has made.
func tableIsOurs(t *testing.T, c cloud, stackName, table string) {
	t.Helper()
	client := dynamodb.NewFromConfig(c.Config)
	if _, err := dynamo.Create(t.Context(), c.Config, stackName, dynamo.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(described(t, client, stackName), described(t, client, table)); diff != "" {
		t.Errorf("the template's table is not like the one of store create (-store create +template):\n%s", diff)
	}
	findings, err := dynamo.New(c.Config, table, dynamo.Options{}).Check(t.Context(), ledger)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Level != dynamo.LevelOK && !slices.Contains(notSet, f.About) {
			t.Errorf("store check: %+v", f)
		}
	}
}

// described is what makes a table an audit store, but for notSet.
func described(t *testing.T, client *dynamodb.Client, table string) object {
	t.Helper()
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	tags, err := client.ListTagsOfResource(t.Context(), &dynamodb.ListTagsOfResourceInput{ResourceArn: out.Table.TableArn})
	if err != nil {
		t.Fatal(err)
	}
	d := object{
		"indexes": len(out.Table.GlobalSecondaryIndexes) + len(out.Table.LocalSecondaryIndexes),
		"billing": out.Table.BillingModeSummary.BillingMode, "stream": out.Table.StreamSpecification != nil, "key": out.Table.SSEDescription != nil,
	}
	for _, a := range out.Table.AttributeDefinitions {
		d["attribute "+*a.AttributeName] = a.AttributeType
	}
	for _, k := range out.Table.KeySchema {
		d["key "+*k.AttributeName] = k.KeyType
	}
	for _, tag := range tags.Tags {
		if !strings.HasPrefix(*tag.Key, "aws:") {
			d["tag "+*tag.Key] = *tag.Value
		}
	}
	return d
}

func rolePolicy(t *testing.T, c cloud, s *stack) []any {
	t.Helper()
	answer := ask[struct {
		Document string `xml:"GetRolePolicyResult>PolicyDocument"`
	}](t, c, "iam", "2010-05-08", "GetRolePolicy", url.Values{"RoleName": {s.physical(t, "Role")}, "PolicyName": {"runner"}})
	document, err := url.QueryUnescape(answer.Document)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, document)
}

// storePolicy is what the audit store itself says that a runner needs.
func storePolicy(t *testing.T, scope dynamo.PolicyScope) []any {
	t.Helper()
	document, err := json.Marshal(dynamo.Policy(dynamo.RoleRunner, scope))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, string(document))
}

func decode(t *testing.T, document string) []any {
	t.Helper()
	var policy struct{ Statement []any }
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return policy.Statement
}

func allowed(sid string, actions []any, where string) any {
	return object{"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": where}
}

func queueARN(c cloud, address string) string {
	return "arn:aws:sqs:" + c.Region + ":" + account + ":" + address[strings.LastIndex(address, "/")+1:]
}

func queue(t *testing.T, c cloud, address string) map[string]string {
	t.Helper()
	attributes := map[string]string{}
	for _, a := range ask[struct {
		List []struct{ Name, Value string } `xml:"GetQueueAttributesResult>Attribute"`
	}](t, c, "sqs", "2012-11-05", "GetQueueAttributes", url.Values{"QueueUrl": {address}, "AttributeName.1": {"All"}}).List {
		attributes[a.Name] = a.Value
	}
	return attributes
}
