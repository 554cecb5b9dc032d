package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

var tables atomic.Int64

// tableFor returns a name that no other test uses, and deletes such a table in the end.
func tableFor(t testing.TB, client *sdk.Client) string {
	t.Helper()
	name := fmt.Sprintf("flamingock-target-%d-%d", os.Getpid(), tables.Add(1))
	t.Cleanup(func() {
		ctx := context.Background()
		_, _ = client.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: &name, DeletionProtectionEnabled: aws.Bool(false)})
		_, err := client.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &name})
		var missing *types.ResourceNotFoundException
		if err != nil && !errors.As(err, &missing) {
			t.Error(err)
		}
	})
	return name
}

// newTable makes a table with the keys pk (S) and those in more, as "sk" (S).
func newTable(t testing.TB, client *sdk.Client, more ...string) string {
	t.Helper()
	name := tableFor(t, client)
	in := &sdk.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}},
	}
	for _, k := range more {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(k), AttributeType: "S"})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(k), KeyType: "RANGE"})
	}
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := sdk.NewTableExistsWaiter(client).Wait(t.Context(), &sdk.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	return name
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// items returns all items of a table, as text, in order.
func items(t testing.TB, client *sdk.Client, table string) []string {
	t.Helper()
	out, err := client.Scan(context.Background(), &sdk.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range out.Items {
		var one []string
		for _, name := range sortedKeys(item) {
			one = append(one, name+"="+show(item[name]))
		}
		all = append(all, strings.Join(one, " "))
	}
	slices.Sort(all)
	return all
}

func show(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value + "n"
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberNULL:
		return "null"
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("b%q", v.Value)
	case *types.AttributeValueMemberSS:
		slices.Sort(v.Value)
		return fmt.Sprint("ss", v.Value)
	case *types.AttributeValueMemberNS:
		slices.Sort(v.Value)
		return fmt.Sprint("ns", v.Value)
	case *types.AttributeValueMemberBS:
		return fmt.Sprintf("bs%q", v.Value)
	case *types.AttributeValueMemberL:
		var all []string
		for _, e := range v.Value {
			all = append(all, show(e))
		}
		return "[" + strings.Join(all, " ") + "]"
	case *types.AttributeValueMemberM:
		var all []string
		for _, k := range sortedKeys(v.Value) {
			all = append(all, k+":"+show(v.Value[k]))
		}
		return "{" + strings.Join(all, " ") + "}"
	}
	return fmt.Sprintf("%T", v)
}

// wire is the network between a client and the simulator, with faults.
type wire struct {
	next http.RoundTripper
	mu   sync.Mutex
	down bool
	// fault is asked about every request, by the name of its operation. It may answer
	// itself, or let it pass (nil, nil).
	fault func(operation string, pass func() (*http.Response, error)) (*http.Response, error)
	// calls are the operations that were asked for.
	calls []string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	w.mu.Lock()
	down, fault := w.down, w.fault
	w.calls = append(w.calls, op)
	w.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	if fault != nil {
		if resp, err := fault(op, func() (*http.Response, error) { return w.next.RoundTrip(r) }); resp != nil || err != nil {
			return resp, err
		}
	}
	return w.next.RoundTrip(r)
}

func (w *wire) set(f func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

func (w *wire) count(op string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c == op {
			n++
		}
	}
	return n
}

// clientFor returns a client over a wire.
func clientFor(t testing.TB) (*sdk.Client, *wire) {
	t.Helper()
	return over(awstest.DynamoDB(t))
}

// tablesFor is clientFor with all that can be said of tables: DynamoDB Local alone
// knows no tags and no backups.
func tablesFor(t testing.TB) (*sdk.Client, *wire) {
	t.Helper()
	return over(awstest.LocalStack(t))
}

func over(cfg aws.Config) (*sdk.Client, *wire) {
	w := &wire{next: http.DefaultTransport}
	cfg.HTTPClient = w
	return sdk.NewFromConfig(cfg), w
}

// answer is an answer of DynamoDB's.
func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: readCloser{strings.NewReader(body)}, ContentLength: int64(len(body)),
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// load loads a change file for the target.
func load(target core.Target, body string) (core.Change, error) {
	file := "changes/_0001__a.yaml"
	text := "id: a\ntargetSystem: " + target.ID() + "\n" + strings.TrimLeft(body, "\n")
	stages, err := template.Load(template.Input{
		Files:  fstest.MapFS{file: &fstest.MapFile{Data: []byte(text)}},
		Stages: []template.StageDir{{Name: "main", Location: "changes"}}, Targets: map[string]core.Target{target.ID(): target}, Types: []core.TargetType{Type()},
	})
	if err != nil {
		return core.Change{}, err
	}
	return stages[0].Changes[0], nil
}

func mustLoad(t testing.TB, target core.Target, body string) core.Change {
	t.Helper()
	c, err := load(target, body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// resolver knows every name: the value of ${env:x} is x.
type resolver struct{}

func (resolver) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.NewSecret(r.Key), nil
}

func sessionOf(handle any) *core.Session {
	return &core.Session{
		Handle:   handle,
		Resolve:  func(ctx context.Context, text string) (string, error) { return core.Expand(ctx, resolver{}, text) },
		Progress: func(core.Progress) {},
	}
}

// directly runs a step outside of a transaction.
func directly(t testing.TB, target core.Target, step core.Step) error {
	t.Helper()
	handle, release, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	}()
	return step.Do(t.Context(), sessionOf(handle))
}

// probed asks the change's probe.
func probed(t testing.TB, target core.Target, c core.Change) (core.ProbeResult, error) {
	t.Helper()
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.Probe(t.Context(), sessionOf(handle))
}
