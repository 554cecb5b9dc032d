package javaedition

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/dynamo/javaedition/javatest"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

var began = time.Date(2025, 7, 1, 10, 0, 0, 0, time.UTC)

func madrid(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// with returns a row with some attributes set, or taken away where they are nil.
func with(row javatest.Item, set javatest.Item) javatest.Item {
	out := maps.Clone(row)
	for k, v := range set {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

func TestRead(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	rows := javatest.Change("b", "0002", began.Add(time.Hour), core.StateStarted, core.StateFailed, core.StateRolledBack)
	rows = append(rows, javatest.Change("a", "0001", began, core.StateStarted, core.StateApplied)...)
	rows = append(rows,
		with(javatest.Row("exec-3", "c", "0003", core.StateApplied, began.Add(2*time.Hour)), javatest.Item{
			"metadata": javatest.Text("{team=pay, n=1}"), "txStrategy": javatest.Text("TX_SEPARATE_NO_MARKER"), "recoveryStrategy": javatest.Text("ALWAYS_RETRY"),
			"sourceFile": nil, "type": javatest.Text("STANDARD_CODE"), "invokedClass": javatest.Text("com.shop._0003__C"), "author": &types.AttributeValueMemberNULL{Value: true},
		}),
		with(javatest.Row("exec-0", "migration-mongock-to-flamingock-community", "0", core.StateApplied, began), javatest.Item{"systemChange": javatest.Bool(true), "createdAt": nil}),
	)
	h, err := New(cfg, javatest.Table(t, cfg, rows...)).Read(t.Context(), madrid(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range h.Rows {
		got = append(got, r.Key)
	}
	if d := cmp.Diff([]string{"exec-0001#a#STARTED", "exec-0001#a#APPLIED", "exec-0002#b#STARTED", "exec-0002#b#FAILED", "exec-0002#b#ROLLED_BACK", "exec-3#c#APPLIED"}, got); d != "" {
		t.Errorf("order (-want +got)\n%s", d)
	}
	if h.System != 1 || len(h.Doubtful) != 0 {
		t.Errorf("%d internal rows, doubtful %v", h.System, h.Doubtful)
	}
	utc := began.Add(-2 * time.Hour) // Madrid's summer
	want := core.Entry{
		ExecutionID: "exec-0002", ChangeID: "b", Stage: "java-stage", Order: "0002", Author: "ann", TargetSystem: "app", State: core.StateFailed, TxType: core.TxNone,
		Strategy: core.ManualIntervention, Definition: "io.flamingock.template.sql.SqlTemplate#apply", SourceFile: "_0002__b.yaml", Host: "host-1",
		StartedAt: utc.Add(time.Hour + 5*time.Millisecond), EndedAt: utc.Add(time.Hour + 5*time.Millisecond),
		Metadata: map[string]string{"java.type": "STANDARD_TEMPLATE", "java.transactional": "true"},
		Error:    &core.EntryError{Type: "java.lang.RuntimeException", Message: "boom", Causes: []string{"java.sql.SQLException: no table"}},
	}
	if d := cmp.Diff(want, h.Rows[3].Entry); d != "" {
		t.Errorf("entry (-want +got)\n%s", d)
	}
	if e := h.Rows[0].Entry; !e.StartedAt.Equal(utc) || !e.EndedAt.IsZero() || e.Error != nil || h.Rows[0].CreatedAt != "2025-07-01T10:00" {
		t.Errorf("STARTED: %+v", h.Rows[0])
	}
	if e := h.Rows[1].Entry; e.DurationMs != 5 || e.EndedAt.Sub(e.StartedAt) != 5*time.Millisecond {
		t.Errorf("APPLIED: %+v", e)
	}
	if e := h.Rows[5].Entry; e.Author != "not-specified" || e.TxType != core.TxSeparateBare || e.Strategy != core.AlwaysRetry || e.SourceFile != "" || e.Metadata["java.metadata"] != "{team=pay, n=1}" {
		t.Errorf("a code change: %+v", e)
	}
}

// All rows that cannot be read are told at once, by their key.
func TestFaults(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	good := javatest.Row("x", "c", "1", core.StateApplied, began)
	bad := func(key string, set javatest.Item) javatest.Item {
		set["partitionKey"] = javatest.Text(key)
		return with(good, set)
	}
	name := javatest.Table(t, cfg, good,
		bad("1", javatest.Item{"state": javatest.Text("EXECUTED")}),
		bad("2", javatest.Item{"changeId": nil, "createdAt": javatest.Text("yesterday")}),
		bad("3", javatest.Item{"createdAt": javatest.Text("2025-07-01T10:00:00Z")}),
		bad("4", javatest.Item{"txStrategy": javatest.Text("TX_MAGIC")}),
		bad("5", javatest.Item{"recoveryStrategy": javatest.Text("HOPE")}),
		bad("6", javatest.Item{"executionMillis": javatest.Text("5"), "state": nil}),
		bad("7", javatest.Item{"executionMillis": javatest.Number(-1)}),
		bad("8", javatest.Item{"changeId": javatest.Text(strings.Repeat("x", 256))}),
		javatest.Item{"partitionKey": javatest.Text("DEFAULT_KEY"), "key": javatest.Text("DEFAULT_KEY"), "lockOwner": javatest.Text("me")},
	)
	_, err := New(cfg, name).Read(t.Context(), time.UTC)
	var faults *FaultsError
	if !errors.As(err, &faults) || core.CodeOf(err) != core.CodeConfigInvalid {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, f := range faults.Faults {
		got = append(got, f.String())
	}
	states := fmt.Sprint(core.States())
	want := []string{
		`1: state is "EXECUTED", which is not known: ` + states,
		`2: changeId is missing; createdAt is "yesterday", not a local time such as 2025-11-22T10:15:30.123`,
		`3: createdAt is "2025-07-01T10:00:00Z", not a local time such as 2025-11-22T10:15:30.123`,
		`4: txStrategy is "TX_MAGIC", which is not known: ` + fmt.Sprint(core.TxTypes()),
		`5: recoveryStrategy is "HOPE", which is not known: [MANUAL_INTERVENTION ALWAYS_RETRY]`,
		`6: state is missing; executionMillis is not a number`,
		`7: executionMillis is -1, not a number of milliseconds`,
		`8: changeId is longer than 255 bytes`,
		`DEFAULT_KEY: it is a lock: name the audit table, not the table of locks`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	many := &FaultsError{Table: "t", Faults: faults.Faults[:1], Rows: 7}
	if text := many.Error(); !strings.Contains(text, "has 7 rows") || !strings.HasSuffix(text, "… and 6 more") {
		t.Error(text)
	}
}

func TestNoSuchTable(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	fails := func(name, want string) {
		t.Helper()
		_, err := New(cfg, name).Read(t.Context(), time.UTC)
		if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), want) || core.HintOf(err) == "" {
			t.Errorf("got %v (%s), want %q", err, core.HintOf(err), want)
		}
	}
	fails("flamingock-no-such-table", "DynamoDB table flamingock-no-such-table (us-east-1): there is no such table")
	ours := fmt.Sprintf("flamingock-ours-%d", time.Now().UnixNano())
	javatest.Make(t, cfg, ours, []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}, {AttributeName: aws.String("sk"), KeyType: "RANGE"}})
	fails(ours, "it is an audit store of this edition")
	other := ours + "-other"
	javatest.Make(t, cfg, other, []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}})
	fails(other, "its keys are id (S, HASH), not partitionKey (S, HASH): it is no audit table of the Java edition")

	h, err := New(cfg, javatest.Table(t, cfg)).Read(t.Context(), time.UTC)
	if err != nil || len(h.Rows) != 0 {
		t.Errorf("an empty table: %v, %v", h, err)
	}
	few := New(cfg, javatest.Table(t, cfg, javatest.Change("a", "1", began, core.StateStarted, core.StateApplied)...))
	few.max = 1
	if _, err := few.Read(t.Context(), time.UTC); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "more than 1 rows") {
		t.Errorf("too many rows: %v", err)
	}
}

// serve answers every request of the service with one error, or with tables for
// DescribeTable.
func serve(t *testing.T, scan func(n int) (status int, body string)) aws.Config {
	t.Helper()
	scans := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeTable") {
			fmt.Fprint(w, `{"Table":{"TableStatus":"ACTIVE","AttributeDefinitions":[{"AttributeName":"partitionKey","AttributeType":"S"}],"KeySchema":[{"AttributeName":"partitionKey","KeyType":"HASH"}]}}`)
			return
		}
		scans++
		status, body := scan(scans)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return awstest.Config(s.URL)
}

// A right that is missing is named; load is waited out.
func TestRefused(t *testing.T) {
	for words, want := range map[string]string{
		"User: arn:aws:iam::1:user/u is not authorized to perform: dynamodb:Scan on resource: arn:aws:dynamodb:eu-west-1:1:table/log": "missing dynamodb:Scan on arn:aws:dynamodb:eu-west-1:1:table/log",
		"no": "missing dynamodb:Scan on table log",
	} {
		cfg := serve(t, func(int) (int, string) {
			return http.StatusBadRequest, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"` + words + `"}`
		})
		_, err := New(cfg, "log").Read(t.Context(), time.UTC)
		if core.CodeOf(err) != core.CodePermissionDenied || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	page := func(id, next string) string {
		return `{"Items":[{"partitionKey":{"S":"k` + id + `"},"changeId":{"S":"` + id + `"},"state":{"S":"APPLIED"},"createdAt":{"S":"2025-07-01T10:00"}}]` + next + `}`
	}
	cfg := serve(t, func(n int) (int, string) {
		switch n {
		case 1, 3:
			return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`
		case 2:
			return http.StatusOK, page("a", `,"LastEvaluatedKey":{"partitionKey":{"S":"ka"}}`)
		case 4:
			return http.StatusInternalServerError, `{"__type":"InternalServerError"}`
		}
		return http.StatusOK, page("b", "")
	})
	h, err := New(cfg, "log").Read(t.Context(), time.UTC)
	if err != nil || len(h.Rows) != 2 {
		t.Errorf("got %v, %v; want two pages", h, err)
	}
	down := serve(t, func(int) (int, string) { return http.StatusInternalServerError, `{"__type":"InternalServerError"}` })
	if _, err := New(down, "log").Read(t.Context(), time.UTC); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("down: %v", err)
	}
}
