package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/dynamo"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// shop is a bundle whose audit store and target system are tables of LocalStack's. Each
// change counts how often it was applied.
type shop struct {
	t            testing.TB
	cfg          aws.Config
	dir          string
	target       string // settings of the target system, besides its type
	audit, items string
	client       *dynamodb.Client
}

const shopLedger = "shop/test"

// newShop makes the tables, and a stage for each name with one change in it.
func newShop(t testing.TB, stages ...string) *shop {
	t.Helper()
	cfg := awstest.LocalStack(t)
	s := &shop{t: t, cfg: cfg, dir: t.TempDir(), client: dynamodb.NewFromConfig(cfg)}
	name := fmt.Sprintf("flamingock-rie-%d-%d", os.Getpid(), time.Now().UnixNano())
	s.audit, s.items = name+"-audit", name+"-items"
	if _, err := dynamo.Create(t.Context(), cfg, s.audit, dynamo.CreateOptions{}); err != nil { // as store create does
		t.Fatal(err)
	}
	if _, err := s.client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &s.items, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &s.items}); err != nil {
			t.Error(err)
		}
	})
	s.configure(stages)
	for _, stage := range stages {
		s.change(stage, stage, "")
	}
	return s
}

func (s *shop) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) configure(stages []string) {
	s.t.Helper()
	var list strings.Builder
	for _, stage := range stages {
		fmt.Fprintf(&list, "  - { name: %s, location: %s }\n", stage, stage)
	}
	s.write("flamingock.yaml", fmt.Sprintf(`
ledger: %s
auditStore: { dynamodb: { table: %s } }
lock: { wait: 5s }
targetSystems: { shop: { type: dynamodb%s } }
stages:
%s`, shopLedger, s.audit, s.target, list.String()))
}

// change writes a change that adds one to the item of its id. With a condition that
// does not hold it fails.
func (s *shop) change(stage, id, condition string) {
	s.t.Helper()
	s.write(filepath.Join(stage, "_0001__"+id+".yaml"), fmt.Sprintf(`
id: %s
author: tests
template: dynamodb-items
targetSystem: shop
apply:
  - update: { table: %s, key: { pk: %s }, expression: "ADD n :one", values: { ":one": 1 }%s }
`, id, s.items, id, condition))
}

// refuses is a condition that does not hold before the change.
const refuses = `, condition: attribute_exists(pk)`

// start starts the function under the emulator: it goes to LocalStack for everything.
func (s *shop) start() *emulated {
	s.t.Helper()
	return emulate(s.t, s.dir, 30*time.Second,
		"AWS_ENDPOINT_URL="+*s.cfg.BaseEndpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
}

// applied is how often each change took effect, as the target system knows it.
func (s *shop) applied() map[string]string {
	s.t.Helper()
	out, err := s.client.Scan(s.t.Context(), &dynamodb.ScanInput{TableName: &s.items, ConsistentRead: aws.Bool(true)})
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{}
	for _, item := range out.Items {
		id, _ := item["pk"].(*types.AttributeValueMemberS)
		n, _ := item["n"].(*types.AttributeValueMemberN)
		if id == nil || n == nil {
			s.t.Fatalf("item %v", item)
		}
		all[id.Value] = n.Value
	}
	return all
}

// history is what the ledger says, as "change STATE".
func (s *shop) history(f *emulated) []string {
	s.t.Helper()
	var doc struct {
		Data struct {
			Entries []struct{ ChangeID, State string }
		}
	}
	body := f.invoke(list)
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		s.t.Fatalf("%v: %s", err, body)
	}
	var states []string
	for _, e := range doc.Data.Entries {
		if e.State != "STARTED" {
			states = append(states, e.ChangeID+" "+e.State)
		}
	}
	return states
}

// once holds that these changes were applied, in this order, each of them once, and no
// others.
func (s *shop) once(f *emulated, ids ...string) {
	s.t.Helper()
	effects, states := map[string]string{}, []string{}
	for _, id := range ids {
		effects[id] = "1"
		states = append(states, id+" APPLIED")
	}
	if diff := cmp.Diff(effects, s.applied()); diff != "" {
		s.t.Errorf("effects (-want +got):\n%s", diff)
	}
	got := slices.DeleteFunc(s.history(f), func(state string) bool { return !strings.HasSuffix(state, " APPLIED") })
	if diff := cmp.Diff(states, got); diff != "" {
		s.t.Errorf("history (-want +got):\n%s", diff)
	}
}
