package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// queue is a queue of LocalStack's: what arrives in it can be seen. It is spoken to
// without the SDK, whose client for SQS this module does not need otherwise.
type queue struct{ base, url, arn string }

func newQueue(t testing.TB, base, name string) queue {
	t.Helper()
	q := queue{base: base}
	q.url, _ = q.call(t, "CreateQueue", map[string]any{"QueueName": name})["QueueUrl"].(string)
	if q.url == "" {
		t.Fatal("no queue")
	}
	q.arn = "arn:aws:sqs:" + awstest.Region + ":000000000000:" + name
	t.Cleanup(func() { q.call(t, "DeleteQueue", map[string]any{"QueueUrl": q.url}) })
	return q
}

func (q *queue) call(t testing.TB, operation string, in any) map[string]any {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.base+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+awstest.Region+"/sqs/aws4_request, SignedHeaders=host, Signature=none")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil && operation != "DeleteQueue" || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v %v", operation, resp.Status, err, out)
	}
	return out
}

// receive waits for one message and returns its body.
func (q *queue) receive(t testing.TB) string {
	t.Helper()
	out := q.call(t, "ReceiveMessage", map[string]any{"QueueUrl": q.url, "WaitTimeSeconds": 15})
	messages, ok := out["Messages"].([]any)
	if !ok || len(messages) != 1 {
		t.Fatalf("got %v", out)
	}
	m, _ := messages[0].(map[string]any)
	body, _ := m["Body"].(string)
	return body
}

func onLocalStack(t testing.TB) (aws.Config, Options, string) {
	t.Helper()
	cfg := awstest.LocalStack(t)
	return cfg, Options{Redact: redact, Load: func(_ context.Context, s awsclient.Settings) (aws.Config, error) {
		c := cfg.Copy()
		if s.Region != "" {
			c.Region = s.Region
		}
		return c, nil
	}}, fmt.Sprintf("flamingock-notify-%d", time.Now().UnixNano())
}

// patiently plays a test again that failed while this process or LocalStack stood still.
func patiently(t *testing.T, f func(t testing.TB)) {
	t.Helper()
	pulse, client := standstill.Feel(t, 8), sns.NewFromConfig(awstest.LocalStack(t), func(o *sns.Options) { o.Retryer = aws.NopRetryer{} })
	pulse.Ask(t, "LocalStack", func(ctx context.Context) error {
		_, err := client.ListTopics(ctx, &sns.ListTopicsInput{})
		return err
	})
	pulse.TryFixed(t, Timeout, f)
}

func TestSNS(t *testing.T) {
	patiently(t, func(t testing.TB) {
		cfg, o, name := onLocalStack(t)
		c := sns.NewFromConfig(cfg)
		topic, err := c.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		q := newQueue(t, aws.ToString(cfg.BaseEndpoint), name)
		if _, err := c.Subscribe(t.Context(), &sns.SubscribeInput{
			TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(q.arn),
			Attributes: map[string]string{"FilterPolicy": `{"occasions":["issue"],"ledger":["orders/prod"]}`},
		}); err != nil {
			t.Fatal(err)
		}
		arn := aws.ToString(topic.TopicArn)
		list := []config.Notification{
			{Name: "notify[0].sns", On: []config.Occasion{config.OnIssue}, SNS: &config.SNSTopic{TopicARN: arn}},
			{Name: "notify[1].sns", On: []config.Occasion{config.OnFailed}, SNS: &config.SNSTopic{TopicARN: arn + "-none"}},
		}
		// The second topic does not exist: the first is told all the same.
		errs := Send(t.Context(), list, failedRun(), o)
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "notify[1].sns: nobody was told: "+arn+"-none: ") {
			t.Errorf("got %v", errs)
		}
		var envelope struct{ Subject, Message string }
		if err := json.Unmarshal([]byte(q.receive(t)), &envelope); err != nil {
			t.Fatal(err)
		}
		var doc Document
		if err := json.Unmarshal([]byte(envelope.Message), &doc); err != nil {
			t.Fatal(err)
		}
		if envelope.Subject != doc.Summary || doc.Schema != Schema || doc.Next[0] != "flamingock --ledger orders/prod issue get 'fill it'" {
			t.Errorf("got %q, %+v", envelope.Subject, doc)
		}
	})
}

func TestEventBridge(t *testing.T) {
	patiently(t, func(t testing.TB) {
		cfg, o, name := onLocalStack(t)
		c := eventbridge.NewFromConfig(cfg)
		if _, err := c.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String(name)}); err != nil {
			t.Fatal(err)
		}
		q := newQueue(t, aws.ToString(cfg.BaseEndpoint), name)
		if _, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{
			Name: aws.String(name), EventBusName: aws.String(name),
			EventPattern: aws.String(`{"source":["shop"],"detail-type":["` + DetailType + `"],"detail":{"occasions":["issue"]}}`),
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
			Rule: aws.String(name), EventBusName: aws.String(name), Targets: []ebtypes.Target{{Id: aws.String("q"), Arn: aws.String(q.arn)}},
		}); err != nil {
			t.Fatal(err)
		}
		list := []config.Notification{{Name: "notify[0].eventBridge", On: []config.Occasion{config.OnFailed}, EventBridge: &config.EventBus{Bus: name, Source: "shop"}}}
		if errs := Send(t.Context(), list, failedRun(), o); errs != nil {
			t.Fatal(errs)
		}
		var event struct {
			Source string   `json:"source"`
			Detail Document `json:"detail"`
		}
		if err := json.Unmarshal([]byte(q.receive(t)), &event); err != nil {
			t.Fatal(err)
		}
		if event.Source != "shop" || event.Detail.Schema != Schema || event.Detail.Issues[0].ChangeID != "fill it" {
			t.Errorf("got %+v", event)
		}
	})
}
