package all_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/targets/all"
)

const asCommand = "FLAMINGOCK_TEST_AS_COMMAND"

// TestMain makes this test binary the command line, for processes that are killed.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		cli.Main(core.Program{Version: "v0.0.0-test", Targets: all.Types()})
	}
	os.Exit(m.Run())
}

// shop is an audit store and a target system in one DynamoDB, which the command line
// reaches through a proxy that sees every request.
type shop struct {
	dir, audit, items string
	client            *dynamodb.Client
	proxy             *httptest.Server

	mu       sync.Mutex
	requests []string // operations
	bodies   []string // of TransactWriteItems
	// hold is asked about every TransactWriteItems; true: it never arrives.
	hold func(body string) bool
}

func newShop(t *testing.T) *shop {
	t.Helper()
	cfg := awstest.DynamoDB(t)
	base, err := url.Parse(*cfg.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{dir: t.TempDir(), client: dynamodb.NewFromConfig(cfg)}
	forward := httputil.NewSingleHostReverseProxy(base)
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if s.see(r.Header.Get("X-Amz-Target"), string(body)) {
			<-r.Context().Done()
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(s.proxy.Close)
	s.audit, s.items = s.table(t, "pk", "sk"), s.table(t, "pk")
	return s
}

func (s *shop) see(target, body string) (hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, op, _ := strings.Cut(target, ".")
	s.requests = append(s.requests, op)
	if op != "TransactWriteItems" {
		return false
	}
	s.bodies = append(s.bodies, body)
	return s.hold != nil && s.hold(body)
}

func (s *shop) table(t *testing.T, keys ...string) string {
	t.Helper()
	name := fmt.Sprintf("flamingock-shared-%d-%d", os.Getpid(), time.Now().UnixNano())
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for i, k := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(k), AttributeType: "S"})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(k), KeyType: []types.KeyType{"HASH", "RANGE"}[i]})
	}
	if _, err := s.client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}

func (s *shop) write(t *testing.T, name, text string) {
	t.Helper()
	text = strings.NewReplacer("AUDIT", s.audit, "ITEMS", s.items, "ENDPOINT", s.proxy.URL).Replace(text)
	if err := os.MkdirAll(filepath.Join(s.dir, "changes"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration, with the settings of the target system.
func (s *shop) configure(t *testing.T, target string) {
	t.Helper()
	s.write(t, "flamingock.yaml", `
ledger: shop/test
auditStore: { dynamodb: { table: AUDIT, region: us-east-1, endpoint: "ENDPOINT" } }
lock: { lease: 1s, wait: 30s }
stages: [{ name: main, location: changes }]
targetSystems:
  shop: { type: dynamodb, `+target+` }
`)
}

// here are the settings that the audit store has too.
const here = `region: us-east-1, endpoint: "ENDPOINT"`

// command is the command line in a process of its own.
func (s *shop) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = s.dir
	cmd.Env = []string{
		asCommand + "=1", "HOME=" + s.dir, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "FLAMINGOCK_LOG_LEVEL=error",
	}
	return cmd
}

// run runs the command line to its end.
func (s *shop) run(t *testing.T, args ...string) (out string, exit int) {
	t.Helper()
	cmd := s.command(t.Context(), append(args, "-o", "json")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if stdout.Len() == 0 {
		t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// history is what the ledger says, as "change STATE".
func (s *shop) history(t *testing.T) (states []string, txTypes []string) {
	t.Helper()
	out, _ := s.run(t, "audit", "list", "--history")
	var answer struct {
		Data struct {
			Entries []struct{ ChangeID, State, TxType string }
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, e := range answer.Data.Entries {
		states = append(states, e.ChangeID+" "+e.State)
		if !slices.Contains(txTypes, e.TxType) {
			txTypes = append(txTypes, e.TxType)
		}
	}
	return states, txTypes
}

// keys are those of the items, in order.
func (s *shop) keys(t *testing.T) []string {
	t.Helper()
	out, err := s.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &s.items, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range out.Items {
		if k, ok := item["pk"].(*types.AttributeValueMemberS); ok {
			all = append(all, k.Value)
		}
	}
	slices.Sort(all)
	return all
}

const (
	first = `
id: first
author: tests
template: dynamodb-items
targetSystem: shop
apply:
  - put: { table: ITEMS, item: { pk: one }, condition: attribute_not_exists(pk) }
  - put: { table: ITEMS, item: { pk: two } }
`
	second = `
id: second
author: tests
template: dynamodb-items
targetSystem: shop
apply:
  - delete: { table: ITEMS, key: { pk: two }, condition: attribute_exists(pk) }
  - put: { table: ITEMS, item: { pk: three } }
`
)

// The writes of a change and its APPLIED are one request of DynamoDB.
func TestSharedTransaction(t *testing.T) {
	s := newShop(t)
	s.configure(t, here)
	s.write(t, "changes/_0001__first.yaml", first)
	s.write(t, "changes/_0002__second.yaml", second)
	if out, exit := s.run(t, "apply"); exit != 0 {
		t.Fatal(out)
	}
	if diff := cmp.Diff([]string{"one", "three"}, s.keys(t)); diff != "" {
		t.Error(diff)
	}
	s.mu.Lock()
	bodies, requests := s.bodies, s.requests
	s.mu.Unlock()
	if len(bodies) != 3 {
		t.Fatalf("%d transactions, want 3: %v", len(bodies), requests)
	}
	for i, with := range []bool{false, true, true} {
		if got := strings.Contains(bodies[i], s.items); got != with || !strings.Contains(bodies[i], s.audit) {
			t.Errorf("transaction %d has items of the change: %t, want %t\n%s", i+1, got, with, bodies[i])
		}
	}
	for _, r := range requests {
		if strings.HasPrefix(r, "Put") || strings.HasPrefix(r, "Update") || strings.HasPrefix(r, "Delete") || strings.HasPrefix(r, "Batch") {
			t.Errorf("request %s: something was written beside the transactions", r)
		}
	}
	states, txTypes := s.history(t)
	if diff := cmp.Diff([]string{"first STARTED", "first APPLIED", "second STARTED", "second APPLIED"}, states); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"TX_SHARED"}, txTypes); diff != "" {
		t.Error(diff)
	}
}

func TestSharedTransactionIsRefused(t *testing.T) {
	for name, change := range map[string]string{
		"by a condition":              strings.Replace(second, "pk: two", "pk: none", 1),
		"by the audit store":          strings.Replace(second, "- put: { table: ITEMS, item: { pk: three } }", "- put: { table: AUDIT, item: { pk: a, sk: b } }", 1),
		"by a table that is not here": strings.Replace(second, "- put: { table: ITEMS,", "- put: { table: flamingock-none,", 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.configure(t, here)
			s.write(t, "changes/_0001__first.yaml", first)
			s.write(t, "changes/_0002__second.yaml", change)
			out, exit := s.run(t, "apply")
			if exit != 70 || !strings.Contains(out, "refused") {
				t.Errorf("exit %d\n%s", exit, out)
			}
			if diff := cmp.Diff([]string{"one", "two"}, s.keys(t)); diff != "" {
				t.Error(diff)
			}
			states, _ := s.history(t)
			if diff := cmp.Diff([]string{"first STARTED", "first APPLIED", "second STARTED", "second FAILED", "second ROLLED_BACK"}, states); diff != "" {
				t.Error(diff)
			}
			s.write(t, "changes/_0002__second.yaml", second)
			if out, exit := s.run(t, "apply"); exit != 0 {
				t.Error(out)
			}
		})
	}
}

// A process that is killed before its commit has done nothing, and the next one knows
// that without asking anybody.
func TestSharedTransactionOfAKilledProcess(t *testing.T) {
	s := newShop(t)
	s.configure(t, here)
	s.write(t, "changes/_0001__first.yaml", first)
	arrived := make(chan struct{})
	s.mu.Lock()
	s.hold = func(body string) bool {
		if strings.Contains(body, s.items) {
			s.hold = nil
			close(arrived)
			return true
		}
		return false
	}
	s.mu.Unlock()
	cmd := s.command(t.Context(), "apply")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-time.After(time.Minute):
		t.Error("it does not commit")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if got := s.keys(t); got != nil {
		t.Errorf("items %q", got)
	}
	if out, exit := s.run(t, "apply"); exit != 0 {
		t.Error(out)
	}
	states, _ := s.history(t)
	if diff := cmp.Diff([]string{"first STARTED", "first STARTED", "first APPLIED"}, states); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"one", "two"}, s.keys(t)); diff != "" {
		t.Error(diff)
	}
}

// Elsewhere, or as somebody else: with a marker, or without a transaction.
func TestNotShared(t *testing.T) {
	s := newShop(t)
	s.write(t, "changes/_0001__first.yaml", first)
	for target, want := range map[string]string{
		here:                            "TX_SHARED",
		here + ", markerTable: markers": "TX_SHARED",
		here + ", share: false":         "NON_TX",
		`region: us-east-1`:             "NON_TX",
		`region: us-east-1, endpoint: "ENDPOINT/"`:                              "NON_TX",
		`region: eu-west-1, endpoint: "ENDPOINT", markerTable: markers`:         "TX_SEPARATE_WITH_MARKER",
		here + `, profile: other, markerTable: markers`:                         "TX_SEPARATE_WITH_MARKER",
		here + `, roleArn: "arn:aws:iam::123456789012:role/r", share: false`:    "NON_TX",
		here + `, roleArn: "arn:aws:iam::123456789012:role/r", markerTable: mm`: "TX_SEPARATE_WITH_MARKER",
	} {
		s.configure(t, target)
		out, exit := s.run(t, "plan")
		var answer struct {
			Data struct {
				Stages []struct{ Changes []struct{ TxType string } }
			}
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil || exit != 0 || len(answer.Data.Stages) != 1 {
			t.Errorf("%s: %v\n%s", target, err, out)
			continue
		}
		if got := answer.Data.Stages[0].Changes[0].TxType; got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	s.configure(t, "region: eu-west-1, share: true")
	if out, exit := s.run(t, "plan"); exit != 78 || !strings.Contains(out, "targetSystems.shop.share") {
		t.Errorf("exit %d\n%s", exit, out)
	}
}
