package infra_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/dynamo"
)

func TestTemplate(t *testing.T) {
	for _, fault := range faults(text(t, templateFile)) {
		t.Error(fault)
	}
}

// TestRules proves that the rules can fail.
func TestRules(t *testing.T) {
	source := text(t, templateFile)
	for _, tt := range []struct{ from, to, want string }{
		{"VisibilityTimeout: 5400", "VisibilityTimeout: 899", "VisibilityTimeout is 899"},
		{"VisibilityTimeout: 5400", "DelaySeconds: 0", "VisibilityTimeout is 0"},
		{"Timeout: 900", "Timeout: 901", "Timeout is 901"},
		{"      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }\n", "", "Table: PointInTimeRecoverySpecification"},
		{"DeletionProtectionEnabled: true", "DeletionProtectionEnabled: false", "Table: DeletionProtectionEnabled"},
		{"    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n    Metadata", "    DeletionPolicy: Retain\n    Metadata", "Table: UpdateReplacePolicy"},
		{"AttributeName: pk, KeyType: HASH", "AttributeName: id, KeyType: HASH", "Table: KeySchema"},
		{dynamo.TagKey, "audit-store", "Table: Tags"},
		{`"dynamodb:UpdateItem"]`, `"dynamodb:UpdateItem", "dynamodb:Scan"]`, "Ledger"},
		{`"dynamodb:Query", `, "", "Ledger"},
		{"dynamodb:LeadingKeys", "dynamodb:Attributes", "Ledger"},
		{"ForAllValues:StringEquals", "ForAnyValue:StringEquals", "Ledger"},
		{`["dynamodb:DescribeTable"]`, `["dynamodb:DescribeTable", "dynamodb:CreateTable"]`, "Table"},
		{`["sns:Publish"]`, `["sns:*"]`, "Topic"},
		{"Resource: !Ref StateMachineArn", `Resource: "*"`, "Tasks: may act on *"},
		{"                - Traces\n                - Sid: Traces\n", "                - CallsPipeline\n                - Sid: Traces\n", "Traces: is there if CallsPipeline"},
		{"OnFailure: { Type: SQS, Destination: !GetAtt EventDeadLetters.Arn }", "OnFailure: { Type: SQS, Destination: !GetAtt RequestDeadLetters.Arn }", "RequestDeadLetters is a FIFO queue"},
		{"DeadLetterConfig: { Arn: !GetAtt EventDeadLetters.Arn }", "DeadLetterConfig: { Arn: !GetAtt RequestDeadLetters.Arn }", "RequestDeadLetters is a FIFO queue"},
		{"deadLetterTargetArn: !GetAtt RequestDeadLetters.Arn", "deadLetterTargetArn: !GetAtt EventDeadLetters.Arn", "EventDeadLetters is no FIFO queue"},
		{"      MaximumEventAgeInSeconds: 3600\n      DestinationConfig", "      MaximumEventAgeInSeconds: 60\n      DestinationConfig", "LatestInvokeConfig"},
		{"BatchSize: 1 ", "BatchSize: 10 ", "Function: BatchSize"},
		{"[ReportBatchItemFailures]", "[]", "Function: FunctionResponseTypes"},
		{"AutoPublishAlias: live", "AutoPublishAlias: live\n      DeploymentPreference: { Type: AllAtOnce }", "Function: DeploymentPreference"},
		{"FLAMINGOCK_LEDGER:", "LEDGER:", "Function: variables"},
		{"    AllowedPattern: ^[A-Za-z0-9._/-]{1,255}$\n", "", "Ledger: no AllowedPattern"},
		{"^[A-Za-z0-9._/-]{1,255}$", "^[A-Za-z0-9._/-]{1,255}", "Ledger: AllowedPattern"},
		{"Default: arm64", "Default: arm", "Architecture: Default"},
		{"      TreatMissingData: notBreaching\n", "", "ChangesFailedAlarm: TreatMissingData"},
		{"MetricName: ChangesFailed", "MetricName: FailedChanges", "ChangesFailedAlarm: there is no metric"},
		{`, comment: "CloudWatch encrypts with a key of its own. No secret and no event is logged."`, "", "LogGroup: no reason"},
		{" # traces only when asked to: Tracing", "", "WS1000"},
		{"    Type: AWS::SQS::QueuePolicy\n", "    Type: AWS::SQS::QueuePolicy\n    Metadata: &x { a: b }\n", "CloudFormation knows no Anchor"},
	} {
		if strings.Count(source, tt.from) == 0 {
			t.Errorf("the template has no %q", tt.from)
			continue
		}
		found := faults(strings.Replace(source, tt.from, tt.to, 1))
		if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, tt.want) }) {
			t.Errorf("%q in place of %q: want a fault with %q, got %q", tt.to, tt.from, tt.want, found)
		}
	}
}

// rules collects the faults of a template.
type rules struct {
	source   string
	template object
	faults   []string
}

func faults(source string) []string {
	template, err := parse(source)
	if err != nil {
		return []string{err.Error()}
	}
	r := &rules{source: source, template: template}
	for _, rule := range []func(){r.table, r.function, r.queues, r.role, r.alarms, r.parameters, r.reasons} {
		rule()
	}
	return r.faults
}

func (r *rules) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// want compares values at a path of the template.
func (r *rules) want(name string, want any, path ...any) {
	if diff := cmp.Diff(want, at(r.template, path...)); diff != "" {
		r.fault("%s (-want +got):\n%s", name, diff)
	}
}

func (r *rules) property(resource, name string, want any) {
	r.want(resource+": "+name, want, "Resources", resource, "Properties", name)
}

// table is the one that dynamo.Create makes; TestDeploy compares the two as DynamoDB
// describes them.
func (r *rules) table() {
	pair := func(kind, pk, sk string) any {
		return []any{object{"AttributeName": "pk", kind: pk}, object{"AttributeName": "sk", kind: sk}}
	}
	r.property("Table", "BillingMode", "PAY_PER_REQUEST")
	r.property("Table", "DeletionProtectionEnabled", true)
	r.property("Table", "PointInTimeRecoverySpecification", object{"PointInTimeRecoveryEnabled": true})
	r.property("Table", "AttributeDefinitions", pair("AttributeType", "S", "S"))
	r.property("Table", "KeySchema", pair("KeyType", "HASH", "RANGE"))
	r.property("Table", "Tags", []any{object{"Key": dynamo.TagKey, "Value": dynamo.TagValue}})
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		r.want("Table: "+policy, "Retain", "Resources", "Table", policy)
	}
}

func (r *rules) function() {
	r.property("Function", "Runtime", "provided.al2023")
	r.property("Function", "Handler", "bootstrap")
	r.property("Function", "AutoPublishAlias", "live")
	r.property("Function", "DeploymentPreference", nil) // a job gains nothing from a canary
	r.property("Function", "Policies", nil)             // SAM would add managed ones
	properties := at(r.template, "Resources", "Function", "Properties")
	r.want("Function: log format", "JSON", "Resources", "Function", "Properties", "LoggingConfig", "LogFormat")
	variables, _ := at(properties, "Environment", "Variables").(object)
	want := []string{"FLAMINGOCK_AUDITSTORE_DYNAMODB_REGION", "FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE", "FLAMINGOCK_CONFIG", "FLAMINGOCK_LEDGER"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(variables))); diff != "" {
		r.fault("Function: variables (-want +got):\n%s", diff)
	}
	for name, value := range map[string]any{
		"BatchSize": uint64(1), "FunctionResponseTypes": []any{"ReportBatchItemFailures"}, "ScalingConfig": object{"MaximumConcurrency": uint64(2)},
	} {
		r.want("Function: "+name, value, "Resources", "Function", "Properties", "Events", "Requests", "Properties", name)
	}
	// What is said of the alias holds for $LATEST too; SAM has a key of its own in it.
	for _, name := range []string{"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} {
		r.property("LatestInvokeConfig", name, at(properties, "EventInvokeConfig", name))
	}
	r.want("LatestInvokeConfig: OnFailure", at(properties, "EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination"),
		"Resources", "LatestInvokeConfig", "Properties", "DestinationConfig", "OnFailure", "Destination")
}

func (r *rules) queues() {
	const most = 900
	timeout, _ := at(r.template, "Resources", "Function", "Properties", "Timeout").(uint64)
	if timeout == 0 || timeout > most {
		r.fault("Function: Timeout is %d, and may be 1 to %d", timeout, most)
	}
	if visible, _ := at(r.template, "Resources", "RequestQueue", "Properties", "VisibilityTimeout").(uint64); visible < 6*timeout {
		r.fault("RequestQueue: VisibilityTimeout is %d, less than six times the function's timeout of %d", visible, timeout)
	}
	for _, q := range []struct {
		fifo bool
		path []any
	}{
		{true, []any{"RequestQueue", "Properties", "RedrivePolicy", "deadLetterTargetArn"}},
		{true, []any{"Function", "Properties", "Events", "Requests", "Properties", "Queue"}},
		{false, []any{"Function", "Properties", "EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination"}},
		{false, []any{"EventRule", "Properties", "Targets", 0, "DeadLetterConfig", "Arn"}},
	} {
		name, _ := at(r.template, append(append([]any{"Resources"}, q.path...), "Fn::GetAtt", 0)...).(string)
		fifo, _ := at(r.template, "Resources", name, "Properties", "FifoQueue").(bool)
		switch {
		case fifo && !q.fifo:
			r.fault("%v: %s is a FIFO queue, which AWS refuses here", q.path, name)
		case !fifo && q.fifo:
			r.fault("%v: %s is no FIFO queue", q.path, name)
		}
		r.property(name, "SqsManagedSseEnabled", true)
	}
}

// everything is what has no ARN to name.
const everything = "*"

// grants are the statements of the role besides those of dynamo.Policy: all of them.
var grants = map[string]struct {
	condition, effect string
	actions           []any
	everything        bool
}{
	"Logs":                 {effect: "Allow", actions: []any{"logs:CreateLogStream", "logs:PutLogEvents"}},
	"Requests":             {effect: "Allow", actions: []any{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"}},
	"DeadEvents":           {effect: "Allow", actions: []any{"sqs:SendMessage"}},
	"Traces":               {"Traces", "Allow", []any{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, true},
	"Pipeline":             {"CallsPipeline", "Allow", []any{"codepipeline:PutJobFailureResult", "codepipeline:PutJobSuccessResult"}, true},
	"DeploymentHook":       {condition: "ReportsToGroup", effect: "Allow", actions: []any{"codedeploy:PutLifecycleEventHookExecutionStatus"}},
	"Tasks":                {condition: "AnswersTasks", effect: "Allow", actions: []any{"states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"}},
	"Topic":                {condition: "TellsTopic", effect: "Allow", actions: []any{"sns:Publish"}},
	"Bus":                  {condition: "TellsBus", effect: "Allow", actions: []any{"events:PutEvents"}},
	"Network":              {"IsInVpc", "Allow", network, true},
	"NetworkForLambdaOnly": {"IsInVpc", "Deny", network, true},
}

var network = []any{
	"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
	"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
}

func (r *rules) role() {
	policies, _ := at(r.template, "Resources", "Role", "Properties", "Policies").([]any)
	if len(policies) != 1 {
		r.fault("Role: %d policies", len(policies))
		return
	}
	statements, _ := at(policies[0], "PolicyDocument", "Statement").([]any)
	store := dynamo.Policy(dynamo.RoleRunner, dynamo.PolicyScope{Ledgers: []string{"orders/prod"}}).Statement
	if len(statements) != len(store)+len(grants) {
		r.fault("Role: %d statements, and not %d", len(statements), len(store)+len(grants))
	}
	for i, s := range statements {
		condition, _ := at(s, "Fn::If", 0).(string)
		if condition != "" {
			s = at(s, "Fn::If", 1)
		}
		if i < len(store) {
			r.storeStatement(store[i], s)
			continue
		}
		sid, _ := at(s, "Sid").(string)
		want := grants[sid]
		if at(s, "Effect") != want.effect || !cmp.Equal(any(want.actions), at(s, "Action")) {
			r.fault("Role, %s: %v %v", sid, at(s, "Effect"), at(s, "Action"))
		}
		if condition != want.condition {
			r.fault("Role, %s: is there if %s", sid, condition)
		}
		if (at(s, "Resource") == everything) != want.everything {
			r.fault("Role, %s: may act on %v", sid, at(s, "Resource"))
		}
	}
}

// storeStatement compares a statement with the audit store's own. What its resource
// and ledger come to, TestDeploy compares.
func (r *rules) storeStatement(want dynamo.PolicyStatement, got any) {
	type shape struct {
		Sid, Effect, Actions string
		Conditions           []string
	}
	w := shape{want.Sid, want.Effect, fmt.Sprint(want.Action), nil}
	for operator, keys := range want.Condition {
		for key := range keys {
			w.Conditions = append(w.Conditions, operator+" "+key)
		}
	}
	g := shape{fmt.Sprint(at(got, "Sid")), fmt.Sprint(at(got, "Effect")), fmt.Sprint(at(got, "Action")), nil}
	conditions, _ := at(got, "Condition").(object)
	for operator := range conditions {
		keys, _ := conditions[operator].(object)
		for key := range keys {
			g.Conditions = append(g.Conditions, operator+" "+key)
		}
	}
	if diff := cmp.Diff(w, g); diff != "" {
		r.fault("Role, %s is not what dynamo.Policy has (-want +got):\n%s", want.Sid, diff)
	}
}

// metrics are those of the runner, in the namespace Flamingock.
var metrics = []string{"ChangesApplied", "ChangesFailed", "LockContended", "RunDurationMs"}

func (r *rules) alarms() {
	for name, resource := range r.of("AWS::CloudWatch::Alarm") {
		properties, _ := at(resource, "Properties").(object)
		if !strings.HasSuffix(name, "Alarm") {
			r.fault("%s: its name should end with Alarm", name)
		}
		r.property(name, "TreatMissingData", "notBreaching") // no run is no fault
		r.property(name, "AlarmActions", object{"Fn::If": []any{"HasAlarmTopic", []any{object{"Ref": "AlarmTopicArn"}}, object{"Ref": "AWS::NoValue"}}})
		if at(properties, "Namespace") == "Flamingock" {
			if metric, _ := at(properties, "MetricName").(string); !slices.Contains(metrics, metric) {
				r.fault("%s: there is no metric %s", name, metric)
			}
			r.property(name, "Dimensions", []any{object{"Name": "Ledger", "Value": object{"Ref": "Ledger"}}})
		}
	}
}

func (r *rules) of(kind string) map[string]any {
	all, _ := at(r.template, "Resources").(object)
	found := map[string]any{}
	for name, resource := range all {
		if at(resource, "Type") == kind {
			found[name] = resource
		}
	}
	return found
}

// parameters are held to a pattern or a list, which their defaults fit.
func (r *rules) parameters() {
	parameters, _ := at(r.template, "Parameters").(object)
	for name, p := range parameters {
		if at(p, "Description") == nil {
			r.fault("%s: no Description", name)
		}
		def := at(p, "Default")
		if allowed, ok := at(p, "AllowedValues").([]any); ok {
			if !slices.Contains(allowed, def) {
				r.fault("%s: Default %v is not allowed", name, def)
			}
			continue
		}
		if at(p, "Type") == "Number" {
			if at(p, "MinValue") == nil || at(p, "MaxValue") == nil {
				r.fault("%s: no MinValue or MaxValue", name)
			}
			continue
		}
		pattern, _ := at(p, "AllowedPattern").(string)
		re, err := regexp.Compile(pattern)
		switch {
		case pattern == "":
			r.fault("%s: no AllowedPattern", name)
		case err != nil || !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$"):
			r.fault("%s: AllowedPattern %s is no expression for the whole value", name, pattern)
		case def != nil && !re.MatchString(fmt.Sprint(def)):
			r.fault("%s: Default %v does not fit AllowedPattern", name, def)
		case at(p, "ConstraintDescription") == nil:
			r.fault("%s: no ConstraintDescription", name)
		}
	}
}

var ignored = regexp.MustCompile(`(?m)^.*\b([WEI]S?\d{4})\b.*$`)

// reasons are there for every check that is left out.
func (r *rules) reasons() {
	const least = 20
	resources, _ := at(r.template, "Resources").(object)
	for name, resource := range resources {
		skips, _ := at(resource, "Metadata", "checkov", "skip").([]any)
		for _, skip := range skips {
			if reason, _ := at(skip, "comment").(string); len(reason) < least {
				r.fault("%s: no reason to skip %v", name, at(skip, "id"))
			}
		}
	}
	for _, line := range ignored.FindAllStringSubmatch(r.source, -1) {
		if _, reason, _ := strings.Cut(line[0], " # "); len(reason) < least {
			r.fault("no reason to ignore %s", line[1])
		}
	}
}

// TestDocument: what there is to set and what can be seen is explained.
func TestDocument(t *testing.T) {
	const file = "../docs/lambda-deploy.md"
	document := text(t, file)
	template, err := parse(text(t, templateFile))
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Collect(maps.Keys(at(template, "Parameters").(object)))
	names = slices.AppendSeq(names, maps.Keys(at(template, "Outputs").(object)))
	for name, resource := range at(template, "Resources").(object) {
		if at(resource, "Type") == "AWS::CloudWatch::Alarm" {
			names = append(names, strings.TrimSuffix(name, "Alarm"))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.Contains(document, "`"+name+"`") {
			t.Errorf("%s does not name `%s`", file, name)
		}
	}
}
