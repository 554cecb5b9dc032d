package dynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
)

// recorder notes what IAM would be asked for each request that passes: the action,
// or those that a transaction is made of, on which table and leading key.
type recorder struct {
	mu      sync.Mutex
	actions map[string]bool // also those on a table that does not exist
	pks     map[string]bool
	calls   []string
	// loseAnswer loses the answer of the next transaction; hideItems leaves the items
	// out of refusals.
	loseAnswer, hideItems bool
}

func newRecorder() *recorder { return &recorder{actions: map[string]bool{}, pks: map[string]bool{}} }

func (r *recorder) over(cfg aws.Config) aws.Config {
	cfg.HTTPClient = r
	return cfg
}

// body are the parts of requests that say what is acted on.
type body struct {
	Key, Item                 map[string]map[string]any
	ExpressionAttributeValues map[string]map[string]any
	ExpressionAttributeNames  map[string]string
	KeyConditionExpression    string
	TransactItems             []struct{ Put, Update, Delete, ConditionCheck *body }
}

func (r *recorder) note(op string, data []byte) error {
	var b body
	if err := json.Unmarshal(data, &b); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, op)
	if op != "TransactWriteItems" {
		r.noteOne(op, &b)
	}
	for _, t := range b.TransactItems {
		for action, part := range map[string]*body{"PutItem": t.Put, "UpdateItem": t.Update, "DeleteItem": t.Delete, "ConditionCheckItem": t.ConditionCheck} {
			if part != nil {
				r.noteOne(action, part)
			}
		}
	}
	return nil
}

var equals = regexp.MustCompile(`(#\d+) = (:\d+)`)

func (r *recorder) noteOne(action string, b *body) {
	r.actions["dynamodb:"+action] = true
	for _, at := range []map[string]map[string]any{b.Key, b.Item} {
		if pk, ok := at[attrPK]["S"].(string); ok {
			r.pks[pk] = true
		}
	}
	for _, m := range equals.FindAllStringSubmatch(b.KeyConditionExpression, -1) {
		if pk, ok := b.ExpressionAttributeValues[m[2]]["S"].(string); ok && b.ExpressionAttributeNames[m[1]] == attrPK {
			r.pks[pk] = true
		}
	}
}

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(data))
	op := operationOf(req)
	if err := r.note(op, data); err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || op != "TransactWriteItems" {
		return resp, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.loseAnswer:
		r.loseAnswer = false
		return nil, errors.Join(errors.New("connection reset by peer"), resp.Body.Close())
	case r.hideItems && resp.StatusCode == http.StatusBadRequest:
		return hide(resp)
	}
	return resp, err
}

// hide takes the items out of the reasons of a refusal: DynamoDB promises them
// only as far as an answer has room.
func hide(resp *http.Response) (*http.Response, error) {
	var answer map[string]any
	err := json.NewDecoder(resp.Body).Decode(&answer)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	reasons, _ := answer["CancellationReasons"].([]any)
	for _, r := range reasons {
		delete(r.(map[string]any), "Item")
	}
	data, err := json.Marshal(answer)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	resp.Header.Del("Content-Length")
	resp.Header.Del("X-Amz-Crc32")
	return resp, err
}

func (r *recorder) used() []string { return slices.Sorted(maps.Keys(r.actions)) }

func allowed(p PolicyDocument) []string {
	var out []string
	for _, s := range p.Statement {
		out = append(out, s.Action...)
	}
	return slices.Sorted(slices.Values(out))
}

// service is a target system whose changes the tests control.
type service struct{ fail map[string]error }

func serviceChange(id, order string, rollback bool) core.Change {
	c := core.Change{
		ID: id, Order: order, Author: "tests", TargetSystem: "service", Revision: "1",
		Apply: core.StepFor(func(_ context.Context, s *service) error { return s.fail[id] }),
	}
	if rollback {
		c.Rollback = core.StepFor(func(context.Context, *service) error { return nil })
	}
	return c
}

func serviceRunner(t *testing.T, cfg aws.Config, table string, s *service, changes ...core.Change) *run.Runner {
	t.Helper()
	r, err := run.New(run.Options{
		Ledger: "orders/prod", Store: New(cfg, table, Options{}), Targets: map[string]core.Target{"service": core.NewClientTarget("service", s)},
		Stages: []core.Stage{{Name: "main", Changes: changes}}, Lease: time.Second, Wait: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantCode(t *testing.T, what string, err error, want core.Code) {
	t.Helper()
	if got := core.CodeOf(err); got != want {
		t.Errorf("%s: %s (%v), want %q", what, got, err, want)
	}
}

// The policy of a runner has what runs and people's acts really use, and nothing
// else.
func TestPolicyOfRunner(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		rec, table := newRecorder(), newTable(t, cfg)
		cfg = rec.over(cfg)
		s := &service{fail: map[string]error{"two": errors.New("refused"), "three": core.Unknown(errors.New("no answer"))}}
		changes := []core.Change{serviceChange("one", "1", false), serviceChange("two", "2", true), serviceChange("three", "3", false)}
		r := serviceRunner(t, cfg, table, s, changes...)
		apply := func(want core.Code) {
			t.Helper()
			_, err := r.Apply(t.Context(), run.ApplyOptions{})
			wantCode(t, "apply", err, want)
		}
		apply(core.CodeChangeFailed) // one applied; two failed and rolled back
		delete(s.fail, "two")
		rec.loseAnswer, rec.hideItems = true, true
		apply(core.CodeChangeFailed) // two applied, after an answer that was lost; three unknown
		if rec.loseAnswer {
			t.Error("no answer was lost")
		}
		rec.hideItems = false
		apply(core.CodeManualIntervention)
		_, err := r.Resolve(t.Context(), run.Resolution{ChangeID: "three", As: core.StateManualMarkedApplied, Reason: "looked"})
		wantCode(t, "resolve", err, "")
		before := len(rec.calls)
		apply("") // nothing to do
		if got := rec.calls[before:]; !slices.Equal(got, []string{"Query"}) {
			t.Errorf("a run with nothing to do made the requests %q", got)
		}

		changes[0].Revision = "2"
		changes = append(changes, serviceChange("four", "4", false))
		r = serviceRunner(t, cfg, table, s, changes...)
		_, err = r.AcceptDrift(t.Context(), "one", "a comment")
		wantCode(t, "accept drift", err, "")
		_, err = r.Baseline(t.Context(), plan.Selection{}, "was there")
		wantCode(t, "baseline", err, "")

		store := New(cfg, table, Options{})
		snap, err := store.Load(t.Context(), "orders/prod")
		wantCode(t, "load", err, "")
		a := anAcquisition("orders/prod") // a holder that has died
		a.RVN, a.Token, a.LedgerID = snap.Head.RVN, snap.Head.Token+1, ""
		wantCode(t, "acquire", store.Acquire(t.Context(), a), "")
		lease := core.Lease{Ledger: a.Ledger, Owner: a.Owner, Token: a.Token}
		wantCode(t, "renew", store.Renew(t.Context(), lease), "")
		_, err = r.Unlock(t.Context(), a.Token, "its machine is gone")
		wantCode(t, "unlock", err, "")
		wantCode(t, "release", store.Release(t.Context(), lease), core.CodeLeaseLost)
		read(t, store)

		policy := Policy(RoleRunner, PolicyScope{Table: table, Region: cfg.Region, Ledgers: []string{"orders/prod"}})
		if diff := cmp.Diff(allowed(policy), rec.used()); diff != "" {
			t.Errorf("-policy +used:\n%s", diff)
		}
		if got := slices.Collect(maps.Keys(rec.pks)); !slices.Equal(got, []string{"orders/prod"}) {
			t.Errorf("leading keys %q", got)
		}
		if n := len(slices.DeleteFunc(rec.calls, func(op string) bool { return op != "DescribeTable" })); n != 1 {
			t.Errorf("the table was described %d times, want once, when the ledger was made", n)
		}
	})
}

// read is what audit list and audit verify do.
func read(t *testing.T, s *Store) {
	t.Helper()
	page, err := s.History(t.Context(), core.HistoryQuery{Ledger: "orders/prod"})
	wantCode(t, "history", err, "")
	wantCode(t, "verify", core.VerifyChain(0, "", page.Entries), "")
	_, err = s.History(t.Context(), core.HistoryQuery{Ledger: "orders/prod", ChangeID: "one"})
	wantCode(t, "history of a change", err, "")
}

// A reader plans and lists, and hears when the table is not there.
func TestPolicyOfReader(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table, s, change := newTable(t, cfg), &service{}, serviceChange("one", "1", false)
		_, err := serviceRunner(t, cfg, table, s, change).Apply(t.Context(), run.ApplyOptions{})
		wantCode(t, "apply", err, "")
		rec := newRecorder()
		cfg = rec.over(cfg)
		_, _, err = serviceRunner(t, cfg, table, s, change).Plan(t.Context(), plan.Selection{})
		wantCode(t, "plan", err, "")
		read(t, New(cfg, table, Options{}))
		_, err = New(cfg, "flamingock-nowhere", Options{}).Load(t.Context(), "orders/prod")
		wantCode(t, "missing", err, core.CodeConfigInvalid)
		if diff := cmp.Diff(allowed(Policy(RoleReader, PolicyScope{})), rec.used()); diff != "" {
			t.Errorf("-policy +used:\n%s", diff)
		}
	})
}

// An admin makes and checks the table. Scripted: no simulator makes use of all the
// actions at once.
func TestPolicyOfAdmin(t *testing.T) {
	s := wholeTable()
	s.answers["DescribeTable"] = []answer{refuses("ResourceNotFoundException", "x"), described("ACTIVE", "")}
	s.answers["DescribeContinuousBackups"] = ok(`{}`)
	s.answers["ListTagsOfResource"] = ok(`{}`)
	if _, err := Create(t.Context(), s.config(), "audit", CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.answers["DescribeTable"] = []answer{described("ACTIVE", `,"ItemCount":7`)}
	_, err := Create(t.Context(), s.config(), "audit", CreateOptions{Ledger: "orders/prod"})
	wantForeign(t, err, "it has items")
	if _, err := New(s.config(), "audit", Options{}).Check(t.Context(), "orders/prod"); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, op := range s.asked {
		used["dynamodb:"+op] = true
	}
	if diff := cmp.Diff(allowed(Policy(RoleAdmin, PolicyScope{})), slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("-policy +used:\n%s", diff)
	}
}

// The actions that AWS knows, of those that are near ours: IAM takes a name that
// does not exist without a word. From the service authorization reference.
var awsActions = strings.Fields(`BatchGetItem BatchWriteItem ConditionCheckItem CreateTable DeleteItem DeleteTable DescribeContinuousBackups
	DescribeTable DescribeTimeToLive GetItem ListTagsOfResource PutItem Query Scan TagResource UntagResource UpdateContinuousBackups UpdateItem
	UpdateTable UpdateTimeToLive`)

func TestPolicy(t *testing.T) {
	for region, arn := range map[string]string{
		"eu-west-1": "arn:aws:dynamodb:eu-west-1:*:table/audit", "cn-north-1": "arn:aws-cn:dynamodb:cn-north-1:*:table/audit",
		"us-gov-west-1": "arn:aws-us-gov:dynamodb:us-gov-west-1:*:table/audit", "us-isob-east-1": "arn:aws-iso-b:dynamodb:us-isob-east-1:*:table/audit",
	} {
		for _, s := range Policy(RoleRunner, PolicyScope{Table: "audit", Region: region}).Statement {
			if s.Resource != arn || s.Condition != nil {
				t.Errorf("%s: %+v", region, s)
			}
		}
	}
	for _, role := range Roles() {
		p := Policy(role, PolicyScope{Table: "audit", Region: "eu-west-1", Account: "123456789012", Ledgers: []string{"a", "b"}})
		for _, s := range p.Statement {
			if s.Resource != "arn:aws:dynamodb:eu-west-1:123456789012:table/audit" || len(s.Action) == 0 {
				t.Errorf("%s: %+v", role, s)
			}
			for _, a := range s.Action {
				name := strings.TrimPrefix(a, "dynamodb:")
				if !slices.Contains(awsActions, name) || name == "Scan" || strings.HasPrefix(name, "Delete") {
					t.Errorf("%s: %s", role, a)
				}
				// The condition holds for nothing without a leading key: it stands beside the
				// actions that have one, and only these.
				if item := slices.Contains([]string{"GetItem", "PutItem", "Query", "UpdateItem"}, name); item != (s.Condition != nil) {
					t.Errorf("%s: %s with the condition %v", role, a, s.Condition)
				}
			}
		}
	}
	got, err := json.Marshal(Policy(RoleReader, PolicyScope{Table: "audit", Region: "eu-west-1", Ledgers: []string{"orders/prod"}}))
	want := `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Ledger","Effect":"Allow","Action":["dynamodb:Query"],"Resource":"arn:aws:dynamodb:eu-west-1:*:table/audit",` +
		`"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["orders/prod"]}}},` +
		`{"Sid":"Table","Effect":"Allow","Action":["dynamodb:DescribeTable"],"Resource":"arn:aws:dynamodb:eu-west-1:*:table/audit"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
