package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

// orders declares a table with one of everything that the simulators know.
const orders = `
template: dynamodb-table
apply:
  create:
    table: %s
    keys: { partition: customer, sort: placedAt }
    attributes: { customer: S, placedAt: N, state: S }
    globalIndexes:
      - { name: by-state, keys: { partition: state, sort: placedAt }, include: [total] }
    localIndexes:
      - { name: by-local, sort: state, projection: KEYS_ONLY }
    stream: NEW_IMAGE
    ttl: expiresAt
    pointInTimeRecovery: true
    tags: { team: "${env:shop}" }
    deletionProtection: true
rollback:
  delete: { table: %[1]s, unprotect: true }
`

func TestTableIsMadeAndDeleted(t *testing.T) {
	client, _ := tablesFor(t)
	name := tableFor(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, fmt.Sprintf(orders, name))
	if got, err := probed(t, target, c); got != core.ProbeNotApplied || err != nil {
		t.Errorf("before: %s, %v", got, err)
	}
	if tx, err := core.TxTypeOf(&c, New("shop", client, WithMarkerTable("markers"))); tx != core.TxNone || err != nil {
		t.Errorf("tx type %s, %v", tx, err)
	}
	for range 2 { // as declared, it counts as made
		if err := directly(t, target, c.Apply); err != nil {
			t.Fatal(err)
		}
	}
	out, err := client.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	d := out.Table
	if keysOf(d) != "customer (S), placedAt (N)" || billingOf(d) != onDemand || !aws.ToBool(d.DeletionProtectionEnabled) ||
		d.StreamSpecification.StreamViewType != types.StreamViewTypeNewImage || len(d.GlobalSecondaryIndexes) != 1 || len(d.LocalSecondaryIndexes) != 1 {
		t.Errorf("made %+v", d)
	}
	if got, err := probed(t, target, c); got != core.ProbeApplied || err != nil {
		t.Errorf("after: %s, %v", got, err)
	}

	protected := mustLoad(t, target, "template: dynamodb-table\napply: { delete: { table: "+name+" } }")
	if got, err := probed(t, target, protected); got != core.ProbeNotApplied || err != nil {
		t.Errorf("the deletion's probe: %s, %v", got, err)
	}
	err = directly(t, target, protected.Apply)
	if err == nil || !strings.Contains(err.Error(), "is protected from deletion") || !strings.Contains(core.HintOf(err), "unprotect: true") {
		t.Errorf("a protected table: %v", err)
	}
	if err := directly(t, New("shop", client), c.Rollback); err != nil {
		t.Fatal(err)
	}
	if got, err := probed(t, target, c); got != core.ProbeNotApplied || err != nil {
		t.Errorf("after the rollback: %s, %v", got, err)
	}
	if err := directly(t, target, c.Rollback); err != nil {
		t.Errorf("a rollback of what is not there: %v", err)
	}
	if got, err := probed(t, target, protected); got != core.ProbeApplied || err != nil {
		t.Errorf("the deletion's probe: %s, %v", got, err)
	}
	var te *TableError
	if err := directly(t, target, protected.Apply); !errors.As(err, &te) || te.Reason != "does not exist" {
		t.Errorf("a deletion of what is not there: %v", err)
	}
}

// What is there under the name must be what is declared, in each point.
func TestTableThatDiffers(t *testing.T) {
	client, _ := tablesFor(t)
	name := tableFor(t, client)
	target := New("shop", client)
	if err := directly(t, target, mustLoad(t, target, fmt.Sprintf(orders, name)).Apply); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ from, to, want string }{
		{"keys: { partition: customer, sort: placedAt }\n    attributes: { customer: S", "keys: { partition: buyer, sort: placedAt }\n    attributes: { buyer: S", "its keys are customer (S), placedAt (N), not buyer (S), placedAt (N)"},
		{"placedAt: N", "placedAt: S", "its keys are customer (S), placedAt (N), not customer (S), placedAt (S)"},
		{"by-state, keys: { partition: state, sort: placedAt }", "by-state, keys: { partition: state }", "index by-state is over state (S), placedAt (N) with total, not state (S) with total"},
		{"include: [total]", "projection: ALL", "index by-state is over state (S), placedAt (N) with total, not state (S), placedAt (N) with all attributes"},
		{"name: by-state", "name: by-country", "it has no index by-country"},
		{"name: by-local", "name: by-other", "it has no local index by-other"},
		{"projection: KEYS_ONLY", "projection: ALL", "local index by-local is over customer (S), state (S) with keys only, not customer (S), state (S) with all attributes"},
		{"stream: NEW_IMAGE", "stream: off", "its stream is NEW_IMAGE, not off"},
		{"stream: NEW_IMAGE", "capacity: { read: 1, write: 2 }", "its billing is on-demand, not provisioned, 1 read and 2 write"},
		{"ttl: expiresAt", "ttl: endsAt", "its ttl is by expiresAt, not endsAt"},
		{"team: \"${env:shop}\"", "team: other", `its tag team is "shop", not "other"`},
		{"deletionProtection: true", "deletionProtection: false", "its deletion protection is true, not false"},
		{"deletionProtection: true", "encryption: aws-managed", "its encryption is by aws-owned, not aws-managed"},
		{"deletionProtection: true", "tableClass: STANDARD_INFREQUENT_ACCESS", "its class is STANDARD, not STANDARD_INFREQUENT_ACCESS"},
	} {
		body := strings.Replace(fmt.Sprintf(orders, name), tt.from, tt.to, 1)
		c := mustLoad(t, target, body)
		if got, err := probed(t, target, c); got != core.ProbeConflict || err != nil {
			t.Errorf("%s: probe %s, %v", tt.to, got, err)
		}
		var te *TableError
		if err := directly(t, target, c.Apply); !errors.As(err, &te) || !strings.Contains(te.Reason, tt.want) || core.IsUnknown(err) {
			t.Errorf("%s: got %v, want %q", tt.to, err, tt.want)
		}
	}
}

// A creation that broke off before what CreateTable cannot take goes on there.
func TestTableIsFinished(t *testing.T) {
	client, w := tablesFor(t)
	name := tableFor(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, fmt.Sprintf(orders, name))
	w.set(func(w *wire) {
		w.fault = func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
			if op == "UpdateTimeToLive" {
				return answer(400, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::123456789012:user/u is not authorized to perform: dynamodb:UpdateTimeToLive on resource: arn:aws:dynamodb:us-east-1:123456789012:table/t"}`), nil
			}
			return nil, nil
		}
	})
	var denied *core.PermissionError
	if err := directly(t, target, c.Apply); !errors.As(err, &denied) || !strings.HasPrefix(denied.Right, "dynamodb:UpdateTimeToLive on arn:") || core.IsUnknown(err) {
		t.Errorf("got %v", err)
	}
	if got, err := probed(t, target, c); got != core.ProbeNotApplied || err != nil {
		t.Errorf("without its ttl: %s, %v", got, err)
	}
	w.set(func(w *wire) { w.fault = nil })
	if err := directly(t, target, c.Apply); err != nil {
		t.Fatal(err)
	}
	if got, err := probed(t, target, c); got != core.ProbeApplied || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTableIsUpdated(t *testing.T) {
	client, _ := tablesFor(t)
	name := newTable(t, client)
	target := New("shop", client)
	update := func(what string) core.Change {
		return mustLoad(t, target, "template: dynamodb-table\napply:\n  update:\n    table: "+name+"\n    "+what)
	}
	indexes := "attributes: { a: S, b: N }\n    addIndexes:\n      - { name: by-a, keys: { partition: a } }\n      - { name: by-b, keys: { partition: b, sort: a }, projection: KEYS_ONLY }"
	for _, what := range []string{
		indexes,
		"removeIndexes: [by-a]",
		"stream: NEW_AND_OLD_IMAGES",
		"ttl: expiresAt",
		"ttl: off",
		"stream: off",
		"tags: { team: shop, cost: \"1\" }",
		"tags: { team: orders }\n    removeTags: [cost]",
		"deletionProtection: true",
		"capacity: { read: 3, write: 4 }",
		"capacity: { read: 5, write: 4 }",
		"billing: on-demand\n    deletionProtection: false",
		"tableClass: STANDARD_INFREQUENT_ACCESS",
		"pointInTimeRecovery: true",
	} {
		c := update(what)
		if got, err := probed(t, target, c); got != core.ProbeNotApplied || err != nil {
			t.Errorf("%s: before: %s, %v", what, got, err)
		}
		for range 2 {
			if err := directly(t, target, c.Apply); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if got, err := probed(t, target, c); got != core.ProbeApplied || err != nil {
			t.Errorf("%s: after: %s, %v", what, got, err)
		}
	}
	if got, err := probed(t, target, update(indexes)); got != core.ProbeNotApplied || err != nil {
		t.Errorf("one index of two: %s, %v", got, err)
	}
	other := update(strings.Replace(indexes, "projection: KEYS_ONLY", "projection: ALL", 1))
	if got, err := probed(t, target, other); got != core.ProbeConflict || err != nil {
		t.Errorf("another index of the name: %s, %v", got, err)
	}
	gone := mustLoad(t, target, "template: dynamodb-table\napply: { update: { table: flamingock-none, ttl: a } }")
	if got, err := probed(t, target, gone); got != core.ProbeUnknown || err == nil {
		t.Errorf("no table: %s, %v", got, err)
	}
	if err := directly(t, target, gone.Apply); err == nil || core.IsUnknown(err) {
		t.Errorf("no table: %v", err)
	}
}

// Answers that get lost: what was asked for is looked for, and not asked for twice.
func TestLostAnswersAboutTables(t *testing.T) {
	client, w := clientFor(t)
	name := tableFor(t, client)
	target := New("shop", client)
	create := mustLoad(t, target, "template: dynamodb-table\napply: { create: { table: "+name+", keys: { partition: pk }, attributes: { pk: S } } }\nrollback: { delete: { table: "+name+" } }")
	index := mustLoad(t, target, "template: dynamodb-table\napply: { update: { table: "+name+", attributes: { a: S }, addIndexes: [{ name: by-a, keys: { partition: a } }] } }")
	for _, tt := range []struct {
		op   string
		step core.Step
	}{{"CreateTable", create.Apply}, {"UpdateTable", index.Apply}, {"DeleteTable", create.Rollback}} {
		lost := false
		w.set(func(w *wire) {
			w.fault = func(op string, pass func() (*http.Response, error)) (*http.Response, error) {
				if op != tt.op || lost {
					return nil, nil
				}
				lost = true
				resp, err := pass()
				if err != nil {
					return nil, err
				}
				resp.Body.Close()
				return nil, errors.New("connection reset by peer")
			}
		})
		if err := directly(t, target, tt.step); err != nil || !lost {
			t.Errorf("%s: lost %t, %v", tt.op, lost, err)
		}
	}
	w.set(func(w *wire) {
		w.fault = func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
			if op == "CreateTable" {
				return nil, errors.New("connection reset by peer")
			}
			return nil, nil
		}
	})
	if err := directly(t, target, create.Apply); !core.IsUnknown(err) || core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("never an answer: %v", err)
	}
}

// DynamoDB is at work for a while, which no simulator is.
func TestWaiting(t *testing.T) {
	client, w := clientFor(t)
	name := newTable(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, "template: dynamodb-table\napply: { create: { table: "+name+", keys: { partition: pk }, attributes: { pk: S } } }")
	states := []string{
		`"TableStatus":"CREATING"`,
		`"TableStatus":"ACTIVE","GlobalSecondaryIndexes":[{"IndexName":"by-a","IndexStatus":"CREATING","Backfilling":true}]`,
	}
	looks := 0
	w.set(func(w *wire) {
		w.fault = func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
			if op != "DescribeTable" || looks >= len(states) {
				return nil, nil
			}
			looks++
			return answer(200, `{"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},`+states[looks-1]+`}}`), nil
		}
	})
	for range 2 {
		if got, err := probed(t, target, c); got != core.ProbeUnknown || err == nil || !strings.Contains(err.Error(), "is still") {
			t.Errorf("probe: %s, %v", got, err)
		}
	}
	states, looks = append([]string{states[0]}, states...), 0
	var said []string
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := sessionOf(handle)
	s.Progress = func(p core.Progress) { said = append(said, strings.TrimPrefix(p.Text, "table "+name+": ")) }
	if err := c.Apply.Do(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"is there already", "CREATING", "index by-a CREATING, being filled"}, said); diff != "" {
		t.Error(diff)
	}
	looks = 0
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(p core.Progress) {
		if strings.HasSuffix(p.Text, "CREATING") {
			cancel()
		}
	}
	if err := c.Apply.Do(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it waits: %v", err)
	}
}

// What the simulators do not show of encryption.
func TestEncryptionCompared(t *testing.T) {
	key := "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	enabled := func(status types.SSEStatus) *types.TableDescription {
		return &types.TableDescription{SSEDescription: &types.SSEDescription{Status: status, SSEType: types.SSETypeKms, KMSMasterKeyArn: &key}}
	}
	for _, tt := range []struct {
		table         *types.TableDescription
		want          string
		create, later standing
	}{
		{&types.TableDescription{}, awsOwned, isSo, isSo},
		{&types.TableDescription{}, key, isOther, isNotYet},
		{enabled(types.SSEStatusEnabled), key, isSo, isSo},
		{enabled(types.SSEStatusEnabled), key + "x", isOther, isNotYet},
		{enabled(types.SSEStatusEnabled), awsOwned, isOther, isNotYet},
		{enabled(types.SSEStatusEnabled), "alias/shop", isSo, isUnsure},
		{enabled(types.SSEStatusEnabled), awsManaged, isSo, isUnsure},
		{enabled(types.SSEStatusUpdating), key, isChanging, isChanging},
		{enabled(types.SSEStatusDisabled), awsOwned, isSo, isSo},
	} {
		o := tableOptions{Encryption: core.Text{Value: tt.want}}
		if got := o.compareEncryption(tt.table, true).standing; got != tt.create {
			t.Errorf("%s, created: %d, want %d", tt.want, got, tt.create)
		}
		if got := o.compareEncryption(tt.table, false).standing; got != tt.later {
			t.Errorf("%s, updated: %d, want %d", tt.want, got, tt.later)
		}
	}
}

// A run that ends while it waits leaves the rest to the next ones.
func TestInterruptedWait(t *testing.T) {
	for _, strategy := range []core.Strategy{core.ManualIntervention, core.AlwaysRetry} {
		client, w := clientFor(t)
		target := New("shop", client)
		name := tableFor(t, client)
		c := mustLoad(t, target, "template: dynamodb-table\napply: { create: { table: "+name+", keys: { partition: pk }, attributes: { pk: S } } }\nrollback: { delete: { table: "+name+" } }")
		c.Recovery.Strategy = strategy
		store := memstore.New()
		apply := func(ctx context.Context) error {
			r, err := run.New(run.Options{
				Ledger: "l", Store: store, Stages: []core.Stage{{Name: "main", Changes: []core.Change{c}}}, Targets: map[string]core.Target{"shop": target}, Wait: time.Minute,
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Apply(ctx, run.ApplyOptions{})
			return err
		}
		stop := func() {}
		creating := func(op string, pass func() (*http.Response, error)) (*http.Response, error) {
			if op != "DescribeTable" {
				return nil, nil
			}
			resp, err := pass()
			if err != nil || resp.StatusCode != http.StatusOK {
				return resp, err
			}
			resp.Body.Close()
			stop()
			return answer(200, `{"Table":{"TableStatus":"CREATING","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"}}}`), nil
		}
		w.set(func(w *wire) { w.fault = creating })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stop = cancel
		if err := apply(ctx); core.CodeOf(err) != core.CodeInterrupted {
			t.Errorf("%s: interrupted: %v", strategy, err)
		}
		want := core.CodeManualIntervention
		if strategy == core.AlwaysRetry {
			want = core.CodeInterrupted // it waits on
		}
		again, cancelAgain := context.WithCancel(t.Context())
		defer cancelAgain()
		if stop = cancelAgain; strategy == core.ManualIntervention {
			stop = func() {} // it asks once, and does not wait
		}
		if err := apply(again); core.CodeOf(err) != want {
			t.Errorf("%s: still at work: %v, want %s", strategy, err, want)
		}
		w.set(func(w *wire) { w.fault = nil })
		if err := apply(t.Context()); err != nil {
			t.Errorf("%s: done: %v", strategy, err)
		}
		if s, err := store.Load(t.Context(), "l"); err != nil || s.Records["a"].State != core.StateApplied {
			t.Errorf("%s: %+v, %v", strategy, s.Records["a"], err)
		}
		if n := w.count("CreateTable"); n != 1 || w.count("DeleteTable") != 0 {
			t.Errorf("%s: made %d times, deleted %d times", strategy, n, w.count("DeleteTable"))
		}
	}
}
