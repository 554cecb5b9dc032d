package infra_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/flamingock/flamingock-go/events"
)

// deployed creates a stack of a recipe, without what LocalStack cannot have.
func deployed(t *testing.T, c cloud, name, path string, parameters map[string]string, without ...string) *stack {
	t.Helper()
	template := recipe(t, path)
	resources := at(template, "Resources").(object)
	for _, gone := range without {
		delete(resources, gone)
	}
	s := c.create(t, name, *encoded(t, template), parameters)
	wantCreated(t, s, slices.Sorted(maps.Keys(resources)))
	return s
}

// within waits until what is asked for is there.
func within(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !there(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after two minutes there is no %s", what)
		}
	}
}

const queueVersion = "2012-11-05"

type received struct {
	Receipt string `xml:"ReceiptHandle"`
	Body    string
	Group   []struct{ Name, Value string } `xml:"Attribute"`
}

// receive takes a message, which is there again at once.
func receive(t *testing.T, c cloud, queue string) (received, bool) {
	t.Helper()
	got := ask[struct {
		Messages []received `xml:"ReceiveMessageResult>Message"`
	}](t, c, "sqs", queueVersion, "ReceiveMessage", url.Values{"QueueUrl": {queue}, "VisibilityTimeout": {"0"}, "AttributeName.1": {"MessageGroupId"}}).Messages
	if len(got) == 0 {
		return received{}, false
	}
	return got[0], true
}

// TestSendAndRedrive sends the recipe's message to the stack's queue, lets it fail as
// often as it may, and sends it again as the page says.
func TestSendAndRedrive(t *testing.T) {
	c, name := localStack(t)
	template, _ := withoutFunction(t)
	s := c.create(t, name, template, map[string]string{"Ledger": ledger})
	requests, dead := s.output("RequestQueueUrl"), s.output("RequestDeadLettersUrl")
	message := url.Values{"QueueUrl": {requests}}
	for key, value := range sent(t, "sqs/send-message.json") {
		if key != "QueueUrl" {
			message.Set(key, fmt.Sprint(value))
		}
	}
	ask[struct{}](t, c, "sqs", queueVersion, "SendMessage", message)

	const most = 5 // maxReceiveCount
	for range most {
		var m received
		within(t, "message", func() (ok bool) { m, ok = receive(t, c, requests); return ok })
		event := sample(t, "sqs")
		record := at(event, "Records", 0).(object)
		record["body"] = m.Body
		record["attributes"].(object)[m.Group[0].Name] = m.Group[0].Value
		trigger, err := events.Decode([]byte(*encoded(t, event)))
		if err != nil || trigger.SQS.Messages[0].Err != nil {
			t.Fatalf("the message is not understood: %v, %+v", err, trigger)
		}
		if got := trigger.SQS.Messages[0]; got.Request.Operation != events.OpApply || got.Request.Ledger != got.GroupID || got.GroupID != ledger {
			t.Errorf("the message asks for %+v in group %s", got.Request, got.GroupID)
		}
	}
	within(t, "dead letter", func() bool {
		receive(t, c, requests) // LocalStack moves it when it is asked for once more
		return queue(t, c, dead)["ApproximateNumberOfMessages"] == "1"
	})
	source := url.Values{"SourceArn": {queueARN(c, dead)}}
	ask[struct{}](t, c, "sqs", queueVersion, "StartMessageMoveTask", source)
	// It is not looked for in the other queue: LocalStack takes it for a duplicate of the
	// one that was sent less than five minutes ago.
	within(t, "message that was moved", func() bool {
		task := ask[struct {
			Status string `xml:"ListMessageMoveTasksResult>ListMessageMoveTasksResultEntry>Status"`
			Moved  int    `xml:"ListMessageMoveTasksResult>ListMessageMoveTasksResultEntry>ApproximateNumberOfMessagesMoved"`
		}](t, c, "sqs", queueVersion, "ListMessageMoveTasks", source)
		return task.Status == "COMPLETED" && task.Moved == 1
	})
}

func TestDeployPolicies(t *testing.T) {
	c, name := localStack(t)
	arn := "arn:aws:sqs:" + c.Region + ":" + account + ":"
	deployed(t, c, name, "sqs/policies.yaml", map[string]string{"RequestQueueArn": arn + "requests.fifo", "RequestDeadLettersArn": arn + "dead.fifo"})
}

// TestRule asks EventBridge which events the deployed rule takes.
func TestRule(t *testing.T) {
	c, name := localStack(t)
	bus := eventbridge.NewFromConfig(c.Config)
	event := busEvent(t)
	service := fmt.Sprint(at(event, "resources", 0))
	s := deployed(t, c, name, "eventbridge/rule.yaml", map[string]string{"FunctionAliasArn": functionARN, "ServiceArn": service}, "Permission")
	rule, err := bus.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String(s.physical(t, "Rule"))})
	if err != nil {
		t.Fatal(err)
	}
	takes := func(e object) bool {
		out, err := bus.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{Event: encoded(t, e), EventPattern: rule.EventPattern})
		if err != nil {
			t.Fatal(err)
		}
		return out.Result
	}
	if !takes(event) {
		t.Errorf("the rule does not take the event of its own pattern: %s", *rule.EventPattern)
	}
	for what, change := range map[string]func(e object){
		"another service's":   func(e object) { e["resources"] = []any{service + "-other"} },
		"a deployment failed": func(e object) { at(e, "detail").(object)["eventName"] = "SERVICE_DEPLOYMENT_FAILED" },
		"other source":        func(e object) { e["source"] = "orders.deploy" },
	} {
		other := busEvent(t)
		change(other)
		if takes(other) {
			t.Errorf("the rule takes an event: %s", what)
		}
	}
	targets, err := bus.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule.Name})
	if err != nil {
		t.Fatal(err)
	}
	if len(targets.Targets) != 1 || aws.ToString(targets.Targets[0].Arn) != functionARN || targets.Targets[0].DeadLetterConfig == nil {
		t.Errorf("the rule's targets are %+v", targets.Targets)
	}
}

// TestAskPerson runs the state machine from where a person is asked: the topic gets a
// message, its token goes on, and the changes are applied again.
func TestAskPerson(t *testing.T) {
	c, name := localStack(t)
	topic := ask[struct {
		ARN string `xml:"CreateTopicResult>TopicArn"`
	}](t, c, "sns", "2010-03-31", "CreateTopic", url.Values{"Name": {name}}).ARN
	queue := ask[struct {
		URL string `xml:"CreateQueueResult>QueueUrl"`
	}](t, c, "sqs", queueVersion, "CreateQueue", url.Values{"QueueName": {name}}).URL
	ask[struct{}](t, c, "sns", "2010-03-31", "Subscribe", url.Values{"TopicArn": {topic}, "Protocol": {"sqs"}, "Endpoint": {queueARN(c, queue)}})

	parameters := map[string]string{"FunctionAliasArn": "arn:aws:lambda:" + c.Region + ":" + account + ":function:orders:live", "Ledger": ledger, "PeopleTopicArn": topic}
	s := deployed(t, c, name, "stepfunctions/state-machine.yaml", parameters)
	client := stepFunctions(c)
	whole, err := client.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(s.output("StateMachineArn"))})
	if err != nil {
		t.Fatal(err)
	}
	var machine object
	if err := json.Unmarshal([]byte(*whole.Definition), &machine); err != nil {
		t.Fatal(err)
	}
	machine["StartAt"] = "AskPerson"
	made, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String(name + "-ask"), Definition: encoded(t, machine), RoleArn: whole.RoleArn})
	if err != nil {
		t.Fatal(err)
	}
	run, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: made.StateMachineArn, Input: aws.String(`{"Error":"ManualIntervention","Cause":"because"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var letter received
	within(t, "message to a person", func() (ok bool) { letter, ok = receive(t, c, queue); return ok })
	var envelope, message object
	if err := json.Unmarshal([]byte(letter.Body), &envelope); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(fmt.Sprint(envelope["Message"])), &message); err != nil {
		t.Fatalf("%v in %v", err, envelope)
	}
	if message["why"] != "because" || message["ledger"] != ledger || message["execution"] != *run.ExecutionArn {
		t.Errorf("a person is told %v", message)
	}
	token := fmt.Sprint(message["taskToken"])
	if _, err := client.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")}); err != nil {
		t.Fatal(err)
	}
	within(t, "second attempt", func() bool {
		history, err := client.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: run.ExecutionArn})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(history.Events, func(e types.HistoryEvent) bool {
			d := e.TaskScheduledEventDetails
			return d != nil && aws.ToString(d.ResourceType) == "lambda" && strings.Contains(aws.ToString(d.Parameters), `"operation":`)
		})
	})
	if _, err := client.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: run.ExecutionArn}); err != nil {
		t.Log(err) // it may have ended: there is no function
	}
}
