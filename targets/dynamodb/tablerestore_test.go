package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// snapshot is all that the templates know of a table; nil when there is none.
func snapshot(t testing.TB, client *sdk.Client, name string) []string {
	t.Helper()
	ctx := context.Background()
	out, err := client.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &name})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	d := out.Table
	all := []string{
		"keys " + keysOf(d), "billing " + billingOf(d), "stream " + streamIn(d), "class " + classIn(d), "encryption " + encryptionIn(d),
		fmt.Sprint("protection ", aws.ToBool(d.DeletionProtectionEnabled)),
	}
	for _, x := range d.GlobalSecondaryIndexes {
		index := "index " + *x.IndexName + " " + indexWords(x.KeySchema, d.AttributeDefinitions, x.Projection)
		if c := capacityIn(x.ProvisionedThroughput); c != nil {
			index += fmt.Sprintf(", %d read and %d write", c.Read, c.Write)
		}
		all = append(all, index)
	}
	ttl, err := client.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, "ttl "+ttlIn(ttl.TimeToLiveDescription))
	backups, err := client.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, fmt.Sprint("backups ", backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus))
	tags, err := client.ListTagsOfResource(ctx, &sdk.ListTagsOfResourceInput{ResourceArn: d.TableArn})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags.Tags {
		all = append(all, "tag "+*tag.Key+" "+*tag.Value)
	}
	slices.Sort(all)
	return all
}

// attempt is a change with what its steps kept.
type attempt struct {
	core.Change
	target   core.Target
	captured []string
}

// begin loads a change and asks its steps for what they are about to change.
func begin(t testing.TB, target core.Target, body string) *attempt {
	t.Helper()
	a := &attempt{Change: mustLoad(t, target, body), target: target}
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Pairs() {
		text, err := p.Apply.Capture(t.Context(), sessionOf(handle))
		if err != nil {
			t.Fatal(err)
		}
		a.captured = append(a.captured, text)
	}
	return a
}

func (a *attempt) do(ctx context.Context, t testing.TB, step core.Step) error {
	t.Helper()
	handle, _, err := a.target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := sessionOf(handle)
	s.Captured = a.captured[0]
	return step.Do(ctx, s)
}

func updateOf(name, what, rollback string) string {
	return "template: dynamodb-table\napply:\n  update:\n    table: " + name + "\n    " + what + "\nrollback: " + rollback
}

// What an update changed becomes what it was, whatever that was.
func TestUpdateIsPutBack(t *testing.T) {
	const (
		byA  = "attributes: { a: S }\n    addIndexes: [{ name: by-a, keys: { partition: a }, include: [total, b] }]"
		dear = "attributes: { a: S, b: N }\n    capacity: { read: 3, write: 4 }\n    addIndexes: [{ name: by-a, keys: { partition: a, sort: b }, projection: KEYS_ONLY, capacity: { read: 7, write: 8 } }]"
	)
	for _, tt := range []struct{ name, before, change, captured string }{
		{"billing", "", "capacity: { read: 3, write: 4 }", `{"billing":"on-demand"}`},
		{"capacity", "capacity: { read: 3, write: 4 }", "capacity: { read: 5, write: 4 }", `{"billing":"provisioned","capacity":{"read":3,"write":4}}`},
		{"billing of indexes", dear, "billing: on-demand", `{"billing":"provisioned","capacity":{"read":3,"write":4},"indexCapacity":{"by-a":{"read":7,"write":8}}}`},
		{"stream on", "", "stream: NEW_IMAGE", `{"stream":"off"}`},
		{"stream off", "stream: KEYS_ONLY", "stream: off", `{"stream":"KEYS_ONLY"}`},
		{"ttl on", "", "ttl: expiresAt", `{"ttl":"off"}`},
		{"ttl off", "ttl: expiresAt", "ttl: off", `{"ttl":"expiresAt"}`},
		{
			"tags", `tags: { team: shop, cost: "1" }`, "tags: { team: orders, new: x }\n    removeTags: [cost, never]",
			`{"tags":{"cost":"1","team":"shop"},"removeTags":["new"]}`,
		},
		{"protection", "", "deletionProtection: true", `{"deletionProtection":false}`},
		{"backups", "", "pointInTimeRecovery: true", `{"pointInTimeRecovery":false}`},
		{"class", "", "tableClass: STANDARD_INFREQUENT_ACCESS", `{"tableClass":"STANDARD"}`},
		{"index added", "", byA, `{"removeIndexes":["by-a"]}`},
		{
			"index removed", byA, "removeIndexes: [by-a, never]",
			`{"attributes":{"a":"S"},"addIndexes":[{"name":"by-a","keys":{"partition":"a"},"include":["b","total"]}]}`,
		},
		{
			"index with a capacity removed", dear, "removeIndexes: [by-a]",
			`{"attributes":{"a":"S","b":"N"},"addIndexes":[{"name":"by-a","keys":{"partition":"a","sort":"b"},"projection":"KEYS_ONLY","capacity":{"read":7,"write":8}}]}`,
		},
		{"what is so already", byA, byA, `{}`},
		{
			"several", "stream: KEYS_ONLY", "stream: off\n    ttl: expiresAt\n    deletionProtection: true\n    " + byA,
			`{"stream":"KEYS_ONLY","ttl":"off","deletionProtection":false,"removeIndexes":["by-a"]}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, _ := tablesFor(t)
			name := newTable(t, client)
			target := New("shop", client)
			if tt.before != "" {
				if err := directly(t, target, mustLoad(t, target, updateOf(name, tt.before, "auto")).Apply); err != nil {
					t.Fatal(err)
				}
			}
			before := snapshot(t, client, name)
			a := begin(t, target, updateOf(name, tt.change, "auto"))
			_, update, _ := strings.Cut(a.captured[0], `"update":`)
			if diff := cmp.Diff(tt.captured+"}", update); diff != "" {
				t.Errorf("captured %s:\n%s", a.captured[0], diff)
			}
			if err := a.do(t.Context(), t, a.Rollback); err != nil {
				t.Errorf("where nothing was changed: %v", err)
			}
			if err := a.do(t.Context(), t, a.Apply); err != nil {
				t.Fatal(err)
			}
			if after := snapshot(t, client, name); tt.captured != "{}" && cmp.Equal(before, after) {
				t.Errorf("nothing changed: %q", after)
			}
			a.target = New("shop", client) // another process's
			for range 2 {
				if err := a.do(t.Context(), t, a.Rollback); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, snapshot(t, client, name)); diff != "" {
					t.Errorf("the table is not as before:\n%s", diff)
				}
			}
		})
	}
}

// A stream of another kind is reached by way of none, and backups get the days they had.
func TestPutBackTakesTwoSteps(t *testing.T) {
	client, _ := tablesFor(t)
	name := newTable(t, client)
	target := New("shop", client)
	if err := directly(t, target, mustLoad(t, target, updateOf(name, "stream: KEYS_ONLY\n    ttl: first", "auto")).Apply); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, client, name)
	a := begin(t, target, updateOf(name, "stream: NEW_IMAGE\n    ttl: second", "auto"))
	for _, step := range []string{"stream: off\n    ttl: off", "stream: NEW_IMAGE\n    ttl: second"} {
		if err := directly(t, target, mustLoad(t, target, updateOf(name, step, "auto")).Apply); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.do(t.Context(), t, a.Rollback); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(t, client, name)); diff != "" {
		t.Errorf("the table is not as before:\n%s", diff)
	}
}

// Who made the table decides what the rollback of a create does, also in another process.
func TestCreateIsTakenBack(t *testing.T) {
	client, _ := tablesFor(t)
	for _, how := range []string{"auto", "{ delete: { table: %[1]s, unprotect: true } }"} {
		name := tableFor(t, client)
		target := New("shop", client)
		body := fmt.Sprintf(strings.Replace(orders, "{ table: %s, unprotect: true }", "", 1), name)
		body, _, _ = strings.Cut(body, "rollback:")
		body += "rollback: " + strings.ReplaceAll(how, "%[1]s", name)
		a := begin(t, target, body)
		if want := `{"version":1,"operation":"create","table":"` + name + `","exists":false}`; a.captured[0] != want {
			t.Errorf("captured %s, want %s", a.captured[0], want)
		}
		if err := a.do(t.Context(), t, a.Apply); err != nil {
			t.Fatal(err)
		}
		// Another change finds the table, without a ttl.
		if err := directly(t, target, mustLoad(t, target, updateOf(name, "ttl: off", "auto")).Apply); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, client, name)
		second := begin(t, New("shop", client), body)
		if err := second.do(t.Context(), t, second.Apply); err != nil {
			t.Fatal(err)
		}
		second.target = New("shop", client)
		if err := second.do(t.Context(), t, second.Rollback); err != nil {
			t.Fatal(err)
		}
		if how == "auto" {
			if diff := cmp.Diff(before, snapshot(t, client, name)); diff != "" {
				t.Errorf("a table that was there:\n%s", diff)
			}
		} else if snapshot(t, client, name) == nil {
			t.Error("a table that was there is gone")
		}
		a.target = New("shop", client)
		for range 2 {
			if err := a.do(t.Context(), t, a.Rollback); err != nil {
				t.Fatal(err)
			}
			if got := snapshot(t, client, name); got != nil {
				t.Errorf("%s: the change's own table is still there: %q", how, got)
			}
		}
	}
}

// A table that somebody else made between the look and the creation is not deleted: whose
// it is nobody can tell, so that the outcome is open.
func TestCreateMeetsAnother(t *testing.T) {
	client, w := clientFor(t)
	target := New("shop", client)
	for _, keys := range []string{"pk", "other"} {
		name := tableFor(t, client)
		a := begin(t, target, "template: dynamodb-table\napply: { create: { table: "+name+", keys: { partition: "+keys+" }, attributes: { "+keys+": S } } }\nrollback: auto")
		foreign := func() {
			_, err := client.CreateTable(context.WithoutCancel(t.Context()), &sdk.CreateTableInput{
				TableName: &name, BillingMode: types.BillingModePayPerRequest,
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}},
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}},
			})
			if err != nil {
				t.Error(err)
			}
		}
		came := false
		w.set(func(w *wire) {
			w.fault = func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
				if op == "CreateTable" && !came {
					came = true
					foreign()
				}
				return nil, nil
			}
		})
		if err := a.do(t.Context(), t, a.Apply); !core.IsUnknown(err) || !came {
			t.Errorf("somebody was faster: %v", err)
		}
		w.set(func(w *wire) { w.fault = nil })
		err := a.do(t.Context(), t, a.Apply)
		if keys == "pk" && err != nil || keys != "pk" && !core.IsUnknown(err) {
			t.Errorf("keys %s, again: %v", keys, err)
		}
	}
}

// What cannot be put back is said, and what it takes.
func TestNotPutBack(t *testing.T) {
	client, _ := tablesFor(t)
	name := newTable(t, client)
	target := New("shop", client)
	if err := directly(t, target, mustLoad(t, target, updateOf(name, "attributes: { a: S }\n    addIndexes: [{ name: by-a, keys: { partition: a } }]", "auto")).Apply); err != nil {
		t.Fatal(err)
	}
	valid := begin(t, target, updateOf(name, "removeIndexes: [by-a]", "auto"))
	text := valid.captured[0]
	for what, tt := range map[string]struct{ captured, want string }{
		"nothing":       {"", "nothing was captured before the change"},
		"no JSON":       {"before", "cannot be read: invalid character"},
		"a newer one":   {strings.Replace(text, `"version":1`, `"version":2`, 1), "it is of version 2, not 1"},
		"unknown field": {strings.Replace(text, `"exists"`, `"exist"`, 1), `unknown field "exist"`},
		"two":           {text + text, "there is more after it"},
		"another's":     {strings.Replace(text, `"update"`, `"create"`, 1), "what was kept is of another change, create"},
		"no update":     {strings.Replace(text, `"a":"S"`, `"b":"S"`, 1), "makes no update: "},
		"another table": {strings.Replace(text, `"id":"`, `"id":"x`, 1), "the table that the change found is gone"},
		"in part":       {strings.TrimSuffix(text, "}") + `,"lost":["index by-b: over a, b"]}`, "was put back, but for what this cannot put back: index by-b: over a, b"},
	} {
		a := *valid
		a.captured = []string{tt.captured}
		err := a.do(t.Context(), t, a.Rollback)
		var te *TableError
		if !errors.As(err, &te) || !strings.Contains(te.Reason, tt.want) || core.IsUnknown(err) || !strings.Contains(core.HintOf(err), "flamingock issue resolve") {
			t.Errorf("%s: got %v, want %q", what, err, tt.want)
		}
	}

	// Somebody else's work is not undone.
	a := begin(t, target, updateOf(name, "capacity: { read: 3, write: 4 }\n    tags: { team: shop }\n    ttl: a", "auto"))
	if err := a.do(t.Context(), t, a.Apply); err != nil {
		t.Fatal(err)
	}
	if err := directly(t, target, mustLoad(t, target, updateOf(name, "capacity: { read: 9, write: 9 }\n    tags: { team: orders }", "auto")).Apply); err != nil {
		t.Fatal(err)
	}
	theirs := snapshot(t, client, name)
	err := a.do(t.Context(), t, a.Rollback)
	if err == nil || !strings.Contains(err.Error(), "was changed since, by a step before this one or by somebody else, and is left as it is: billing, tag team") {
		t.Errorf("changed since: %v", err)
	}
	if diff := cmp.Diff(theirs, snapshot(t, client, name)); diff != "" {
		t.Errorf("it was not left as it is:\n%s", diff)
	}

	// So is their protection of what the change made.
	table := tableFor(t, client)
	made := begin(t, target, "template: dynamodb-table\napply: { create: { table: "+table+", keys: { partition: pk }, attributes: { pk: S } } }\nrollback: auto")
	if err := made.do(t.Context(), t, made.Apply); err != nil {
		t.Fatal(err)
	}
	if err := directly(t, target, mustLoad(t, target, updateOf(table, "deletionProtection: true", "auto")).Apply); err != nil {
		t.Fatal(err)
	}
	if err := made.do(t.Context(), t, made.Rollback); err == nil || !strings.Contains(err.Error(), "is protected from deletion") || !strings.Contains(core.HintOf(err), "flamingock issue resolve") {
		t.Errorf("protected since: %v", err)
	}

	_, err = load(target, "template: dynamodb-table\napply: { delete: { table: "+name+" } }\nrollback: auto")
	if err == nil || !strings.Contains(err.Error(), "a deleted table cannot be put back, its items are gone") {
		t.Errorf("a deletion: %v", err)
	}
}

// DynamoDB takes one change of a ttl in an hour. The rest is put back all the same.
func TestRefusedTTLComesLast(t *testing.T) {
	client, w := tablesFor(t)
	name := newTable(t, client)
	target := New("shop", client)
	a := begin(t, target, updateOf(name, "ttl: expiresAt\n    attributes: { a: S }\n    addIndexes: [{ name: by-a, keys: { partition: a } }]", "auto"))
	if err := a.do(t.Context(), t, a.Apply); err != nil {
		t.Fatal(err)
	}
	w.set(func(w *wire) {
		w.fault = func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
			if op == "UpdateTimeToLive" {
				return answer(400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"Time to live has been modified multiple times within a fixed interval"}`), nil
			}
			return nil, nil
		}
	})
	err := a.do(t.Context(), t, a.Rollback)
	var te *TableError
	if !errors.As(err, &te) || !strings.Contains(te.Reason, "is not wholly put back, DynamoDB refuses it: ") || te.Next != byHand || core.IsUnknown(err) {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(snapshot(t, client, name), "\n"); strings.Contains(got, "by-a") || !strings.Contains(got, "ttl expiresAt") {
		t.Errorf("the table is\n%s", got)
	}
}
