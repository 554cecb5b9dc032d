package sqs_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	topics "github.com/aws/aws-sdk-go-v2/service/sns"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/targets/sns"
	"github.com/flamingock/flamingock-go/targets/sqs"
)

// shop is the example with names of its own, and LocalStack behind a gate.
type shop struct {
	dir string
	cfg aws.Config
	url string
	// names are those of the example, and what stands for them.
	names *strings.Replacer

	mu   sync.Mutex
	gate func(w http.ResponseWriter, operation string) bool // true: it has answered
}

func newShop(t *testing.T) *shop {
	t.Helper()
	cfg := awstest.LocalStack(t)
	unique := awstargettest.Name("example")
	s := &shop{dir: t.TempDir(), cfg: cfg, names: strings.NewReplacer(
		"orders-dead.fifo", unique+"-dead.fifo", "orders.fifo", unique+".fifo", "queue: warehouse", "queue: "+unique+"-w", "endpoint: warehouse", "endpoint: "+unique+"-w", "topic: orders", "topic: "+unique,
	)}
	if err := os.CopyFS(s.dir, os.DirFS("../../examples/sqs")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "changes", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no changes: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(s.names.Replace(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to, err := url.Parse(*cfg.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		if gate == nil || !gate(w, op) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { s.remove(t, unique) })
	s.url = server.URL
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": s.url, "AWS_REGION": awstest.Region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "",
	} {
		t.Setenv(k, v)
	}
	return s
}

// remove takes away what the example has made.
func (s *shop) remove(t *testing.T, unique string) {
	ctx := context.Background()
	client := sdk.NewFromConfig(s.cfg)
	out, err := client.ListQueues(ctx, &sdk.ListQueuesInput{QueueNamePrefix: &unique})
	if err != nil {
		t.Error(err)
		return
	}
	for _, at := range out.QueueUrls {
		if _, err := client.DeleteQueue(ctx, &sdk.DeleteQueueInput{QueueUrl: &at}); err != nil {
			t.Error(err)
		}
	}
	topic := "arn:aws:sns:" + awstest.Region + ":000000000000:" + unique
	if _, err := topics.NewFromConfig(s.cfg).DeleteTopic(ctx, &topics.DeleteTopicInput{TopicArn: &topic}); err != nil {
		t.Error(err)
	}
}

func (s *shop) answer(gate func(w http.ResponseWriter, operation string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
}

func (s *shop) command(args ...string) (int, string) {
	var out bytes.Buffer
	code := cli.Run(context.Background(), core.Program{Targets: []core.TargetType{sns.Type(), sqs.Type()}}, cli.Process{
		Args: append([]string{"-c", filepath.Join(s.dir, "flamingock.yaml")}, args...), Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out, LookupEnv: os.LookupEnv,
	})
	return code, out.String()
}

func (s *shop) expect(t *testing.T, want int, says string, args ...string) {
	t.Helper()
	if code, out := s.command(args...); code != want || !strings.Contains(out, says) {
		t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, code, want, says, out)
	}
}

func (s *shop) attributes(t *testing.T, queue string) map[string]string {
	t.Helper()
	client := sdk.NewFromConfig(s.cfg)
	at, err := client.GetQueueUrl(t.Context(), &sdk.GetQueueUrlInput{QueueName: aws.String(s.names.Replace(queue))})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.GetQueueAttributes(t.Context(), &sdk.GetQueueAttributesInput{QueueUrl: at.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes
}

// The example is applied by the command line, once; and what may go wrong ends with the
// exit code and the words that it should.
func TestExample(t *testing.T) {
	s := newShop(t)
	refuse := func(operation string, status int, code, message string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, op string) bool {
			if operation != "" && op != operation {
				return false
			}
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.Header().Set("X-Amzn-Requestid", "REQUEST1")
			w.WriteHeader(status)
			_, err := w.Write([]byte(`{"__type":"` + code + `","message":"` + message + `"}`))
			return err == nil
		}
	}
	away := func(http.ResponseWriter, string) bool { panic(http.ErrAbortHandler) }

	s.answer(away)
	s.expect(t, 0, "", "validate") // contacts nothing
	s.expect(t, 0, "APPLY", "plan")
	t.Setenv("AWS_ENDPOINT_URL", closed(t))
	s.expect(t, 69, "is not available", "apply")
	t.Setenv("AWS_ENDPOINT_URL", s.url)
	s.answer(refuse("", 403, "InvalidClientTokenId", "The security token included in the request is invalid."))
	s.expect(t, 77, "credentials that AWS accepts", "apply")
	s.expect(t, 0, "", "audit", "list")
	if _, out := s.command("audit", "list"); strings.Contains(out, "STARTED") {
		t.Errorf("something was started:\n%s", out)
	}

	// The second step is refused: the first is taken back.
	s.answer(nil)
	refusals := 0
	s.answer(func(w http.ResponseWriter, op string) bool {
		if op == "CreateQueue" {
			if refusals++; refusals == 2 {
				return refuse("CreateQueue", 403, "AccessDenied", "User: arn:aws:iam::1:user/ci is not authorized to perform: sqs:createqueue on resource: arn:aws:sqs:us-east-1:1:a")(w, op)
			}
		}
		return false
	})
	s.expect(t, 70, "missing sqs:createqueue on arn:aws:sqs:us-east-1:1:a", "apply")
	s.expect(t, 0, "ROLLED_BACK", "audit", "list")
	s.answer(nil)

	// A queue of the name is there, with another content: nothing is changed.
	client := sdk.NewFromConfig(s.cfg)
	theirs, err := client.CreateQueue(t.Context(), &sdk.CreateQueueInput{QueueName: aws.String(s.names.Replace("orders.fifo")), Attributes: map[string]string{"FifoQueue": "true", "VisibilityTimeout": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, 70, "VisibilityTimeout is 7, not 60", "apply")
	s.expect(t, 0, "ROLLED_BACK", "audit", "list")
	if got := s.attributes(t, "orders.fifo"); got["VisibilityTimeout"] != "7" {
		t.Errorf("it was changed: %v", got)
	}
	if _, err := client.DeleteQueue(t.Context(), &sdk.DeleteQueueInput{QueueUrl: theirs.QueueUrl}); err != nil {
		t.Fatal(err)
	}

	s.expect(t, 0, "SUCCESS", "apply", "-o", "json")
	s.expect(t, 0, "NO_CHANGES", "apply", "-o", "json")
	if got := s.attributes(t, "orders.fifo"); got["VisibilityTimeout"] != "300" || got["ApproximateNumberOfMessages"] != "1" {
		t.Errorf("got %v", got)
	}
	s.expect(t, 0, `\"VisibilityTimeout\":\"60\"`, "audit", "list", "--history", "--change", "longer-visibility", "-o", "json")
}

// A server that is away in mid-change leaves an outcome that nobody knows: the next run asks
// the probe, and a person where that cannot help.
func TestAwayInMidChange(t *testing.T) {
	s := newShop(t)
	s.answer(func(_ http.ResponseWriter, op string) bool {
		if op == "SendMessage" {
			s.answer(func(http.ResponseWriter, string) bool { panic(http.ErrAbortHandler) })
			panic(http.ErrAbortHandler)
		}
		return false
	})
	s.expect(t, 70, "outcome unknown", "apply")
	s.answer(nil)
	s.expect(t, 79, "first-order", "apply") // no probe can tell
	s.expect(t, 0, "", "issue", "resolve", "first-order", "--as", "rolled-back", "--reason", "the queue is empty", "--yes")
	s.expect(t, 0, "SUCCESS", "apply", "-o", "json")
}

// closed is an address where nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String()
}
