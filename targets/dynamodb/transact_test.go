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

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

func transaction(seq uint64, work func(tx *Tx)) core.Transaction {
	return core.Transaction{
		Fence: core.Fence{LedgerID: "l", Token: 1, Owner: "o", Lease: time.Second}, Marker: core.Marker{LedgerID: "l", ChangeID: "a", Seq: seq},
		Work: func(_ context.Context, handle any) error { work(handle.(*Tx)); return nil },
	}
}

func putIn(table, pk string) types.Put {
	return types.Put{TableName: &table, Item: map[string]types.AttributeValue{"pk": text(pk)}}
}

// A change is one read, of the fence, and one request that writes.
func TestTransactionIsOneRequest(t *testing.T) {
	client, w := clientFor(t)
	table, markers := newTable(t, client), newTable(t, client, "sk")
	target := New("shop", client, WithMarkerTable(markers))
	w.set(func(w *wire) { w.calls = nil })
	if err := target.Transact(t.Context(), transaction(1, func(tx *Tx) { tx.Put(putIn(table, "a")) })); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(w.calls); got != "[GetItem TransactWriteItems]" {
		t.Errorf("requests %s", got)
	}
	next := transaction(2, func(tx *Tx) {
		for i := range 98 {
			tx.Put(putIn(table, fmt.Sprint(i)))
		}
	})
	next.Settled = []core.Marker{{LedgerID: "l", ChangeID: "a", Seq: 1}} // for which there is no room
	if err := target.Transact(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if got := items(t, client, markers); len(got) != 2 || len(items(t, client, table)) != 99 {
		t.Errorf("%d items, markers %q", len(items(t, client, table)), got)
	}
	var refused *core.RefusedError
	err := target.Transact(t.Context(), transaction(3, func(tx *Tx) {
		for i := range 99 {
			tx.Put(putIn(table, fmt.Sprint(i)))
		}
	}))
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "99 writes do not fit into one transaction, 98 do") {
		t.Errorf("99 writes: %v", err)
	}
}

func TestWhatATransactionRefuses(t *testing.T) {
	client, _ := clientFor(t)
	table, markers := newTable(t, client), newTable(t, client, "sk")
	target := New("shop", client, WithMarkerTable(markers))
	for name, tt := range map[string]struct {
		work func(tx *Tx)
		want string
	}{
		"a condition": {func(tx *Tx) {
			tx.Put(putIn(table, "b"))
			tx.Check(types.ConditionCheck{TableName: &table, Key: map[string]types.AttributeValue{"pk": text("none")}, ConditionExpression: aws.String("attribute_exists(pk)")})
		}, "write 2 was refused: its condition is not met"},
		"a table that is not there": {func(tx *Tx) { tx.Put(putIn("flamingock-none", "a")) }, "a table does not exist"},
		"no key": {func(tx *Tx) {
			tx.Put(types.Put{TableName: &table, Item: map[string]types.AttributeValue{"x": text("a")}})
		}, "ValidationE"},
		"the marker table": {func(tx *Tx) { tx.Put(putIn(markers, "a")) }, "write 1 was refused: it is in the marker table"},
		"the same by its ARN": {
			func(tx *Tx) { tx.Put(putIn("arn:aws:dynamodb:us-east-1:000000000000:table/"+markers, "a")) },
			"write 1 was refused: it is in the marker table",
		},
	} {
		err := target.Transact(t.Context(), transaction(1, tt.work))
		var refused *core.RefusedError
		if !errors.As(err, &refused) || core.IsUnknown(err) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if got := append(items(t, client, table), items(t, client, markers)...); len(got) != 0 {
		t.Errorf("something was written: %q", got)
	}
}

// What says that nothing was done is tried again; what says nothing is not.
func TestAnswersToACommit(t *testing.T) {
	client, w := clientFor(t)
	table, markers := newTable(t, client), newTable(t, client, "sk")
	target := New("shop", client, WithMarkerTable(markers))
	defer w.set(func(w *wire) { w.fault = nil })
	cancelled := `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{"Code":"ConditionalCheckFailed"},{"Code":"None"},{"Code":"TransactionConflict"}]}`
	for seq, tt := range []struct {
		name     string
		status   int
		body     string
		times    int
		attempts int
		unknown  bool
		want     string
	}{
		{"a conflict, also beside a condition", 400, cancelled, 2, 3, false, ""},
		{"throttled", 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slower"}`, 2, 3, false, ""},
		{"no answer", 0, "", 1, 1, true, "outcome unknown"},
		{"an error of the server", 500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"x"}`, 1, 1, true, "outcome unknown"},
		{"a proxy's answer", 200, `<html>`, 1, 1, true, "outcome unknown"},
		{"a right that is missing", 400, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: u is not authorized to perform: dynamodb:PutItem on resource: arn:t because"}`, 1, 1, false, "missing dynamodb:PutItem on arn:t"},
	} {
		left := tt.times
		w.set(func(w *wire) {
			w.calls = nil
			w.fault = func(op string, _ func() (*http.Response, error)) (*http.Response, error) {
				if op != "TransactWriteItems" || left == 0 {
					return nil, nil
				}
				left--
				if tt.status == 0 {
					return nil, errors.New("connection reset by peer")
				}
				return answer(tt.status, tt.body), nil
			}
		})
		err := target.Transact(t.Context(), transaction(uint64(seq)+1, func(tx *Tx) { tx.Put(putIn(table, tt.name)) }))
		if core.IsUnknown(err) != tt.unknown || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		if n := w.count("TransactWriteItems"); n != tt.attempts {
			t.Errorf("%s: %d attempts, want %d", tt.name, n, tt.attempts)
		}
	}
}

// A commit whose answer is lost, in a whole run: the marker settles it.
func TestLostCommit(t *testing.T) {
	client, w := clientFor(t)
	table, markers := newTable(t, client), newTable(t, client, "sk")
	target := New("shop", client, WithMarkerTable(markers))
	c := mustLoad(t, target, "template: dynamodb-items\napply: [{ put: { table: "+table+", item: { pk: a } } }]")
	w.lostAnswer("TransactWriteItems")
	r, err := run.New(run.Options{
		Ledger: "l", Store: memstore.New(), Stages: []core.Stage{{Name: "main", Changes: []core.Change{c}}}, Targets: map[string]core.Target{"shop": target}, Wait: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := r.Apply(t.Context(), run.ApplyOptions{})
	if err != nil || rep.Stages[0].Changes[0].Status != run.ChangeApplied || rep.Stages[0].Changes[0].TxType != core.TxSeparateMarker {
		t.Errorf("%+v, %v", rep, err)
	}
	if n := w.count("TransactWriteItems"); n != 1 || len(items(t, client, table)) != 1 {
		t.Errorf("%d commits", n)
	}
}

func TestMarkerTableThatCannotBeUsed(t *testing.T) {
	client, w := clientFor(t)
	for name, tt := range map[string]struct{ table, want string }{
		"missing":    {"flamingock-none", "table flamingock-none does not exist"},
		"other keys": {newTable(t, client), "are pk (S), not pk (S), sk (S)"},
		"its name":   {"a b", "table a b cannot be used"},
	} {
		target := New("shop", client, WithMarkerTable(tt.table))
		_, marked := target.Marked(t.Context(), core.Marker{LedgerID: "l", ChangeID: "a", Seq: 1})
		for what, err := range map[string]error{
			"ping": target.Ping(t.Context()), "raise": target.RaiseFence(t.Context(), core.Fence{LedgerID: "l", Token: 1}),
			"transact": target.Transact(t.Context(), transaction(1, func(*Tx) {})), "marked": marked,
		} {
			var ce *core.ConfigError
			if !errors.As(err, &ce) || ce.Key != "targetSystems.shop.markerTable" || !strings.Contains(err.Error(), tt.want) || !strings.Contains(ce.Next, "aws dynamodb create-table") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	if h := New("shop", client).Handles(); h.Tx != nil {
		t.Error("transactions without a marker table")
	}
	var ce *core.ConfigError
	if err := New("shop", client).RaiseFence(t.Context(), core.Fence{}); !errors.As(err, &ce) || !strings.HasPrefix(ce.Reason, "is missing") {
		t.Errorf("no marker table: %v", err)
	}
	global := New("shop", client, WithMarkerTable("global"))
	w.set(func(w *wire) {
		w.fault = func(string, func() (*http.Response, error)) (*http.Response, error) {
			return answer(200, `{"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"pk"},{"AttributeName":"sk"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],"Replicas":[{"RegionName":"eu-west-1"}]}}`), nil
		}
	})
	err := global.Ping(t.Context())
	w.set(func(w *wire) { w.fault = nil })
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), "is a global table") {
		t.Errorf("a global table: %v", err)
	}
}

func TestPingWithoutMarkerTable(t *testing.T) {
	client, w := clientFor(t)
	target := New("shop", client)
	if err := target.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for body, want := range map[string]core.Code{
		`{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`:                        "",
		`{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"no such credentials"}`: core.CodePermissionDenied,
	} {
		w.set(func(w *wire) {
			w.fault = func(string, func() (*http.Response, error)) (*http.Response, error) { return answer(400, body), nil }
		})
		if err := target.Ping(t.Context()); core.CodeOf(err) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// A step in Go collects; it may read meanwhile, and sees the state from before.
func TestGoSteps(t *testing.T) {
	client, _ := clientFor(t)
	table, markers := newTable(t, client), newTable(t, client, "sk")
	target := New("shop", client, WithMarkerTable(markers))
	step := Step(func(ctx context.Context, tx *Tx) error {
		tx.Put(putIn(table, "a"))
		key := map[string]types.AttributeValue{"pk": text("b")}
		tx.Update(types.Update{TableName: &table, Key: key, UpdateExpression: aws.String("SET n = :n"), ExpressionAttributeValues: map[string]types.AttributeValue{":n": text("x")}})
		tx.Delete(types.Delete{TableName: &table, Key: map[string]types.AttributeValue{"pk": text("c")}})
		r, err := tx.Reader(ctx)
		if err != nil {
			return err
		}
		out, err := r.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
		if len(out.Item) > 0 {
			t.Error("the step sees what it has yet to write")
		}
		return err
	})
	c := core.Change{Apply: step}
	if tx, err := core.TxTypeOf(&c, target); tx != core.TxSeparateMarker || err != nil {
		t.Errorf("%s, %v", tx, err)
	}
	if tx, err := core.TxTypeOf(&c, New("shop", client, WithSharing("here"))); tx != core.TxShared || err != nil {
		t.Errorf("%s, %v", tx, err)
	}
	if _, err := core.TxTypeOf(&c, New("shop", client)); err == nil {
		t.Error("a step that needs a transaction runs without")
	}
	direct := core.Change{Apply: ClientStep(func(context.Context, *Client) error { return nil })}
	if tx, err := core.TxTypeOf(&direct, target); tx != core.TxNone || err != nil {
		t.Errorf("%s, %v", tx, err)
	}
	tr := transaction(1, nil)
	tr.Work = func(ctx context.Context, handle any) error { return step.Do(ctx, sessionOf(handle)) }
	if err := target.Transact(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(items(t, client, table)); got != "[n=x pk=b pk=a]" {
		t.Error(got)
	}
}

// A fence that rises while a change works: what was read before the work would not
// tell, the commit does.
func TestFenceAtCommit(t *testing.T) {
	client, _ := clientFor(t)
	table, markers := newTable(t, client), newTable(t, client, "sk")
	ours := core.Fence{LedgerID: "l", Token: 2, N: 1, Owner: "o"}
	for i, tt := range []struct {
		raised core.Fence
		want   error
	}{
		{core.Fence{Token: 2, N: 2, Owner: "o"}, core.ErrLeaseLost},
		{core.Fence{Token: 3, N: 0, Owner: "p"}, core.ErrLeaseLost},
		{core.Fence{Token: 2, N: 1, Owner: "o"}, nil},
	} {
		target, other := New("shop", client, WithMarkerTable(markers)), New("shop", client, WithMarkerTable(markers))
		ledger := fmt.Sprint("l", i)
		tr := transaction(1, nil)
		tr.Fence, tr.Marker.LedgerID = ours, ledger
		tr.Fence.LedgerID, tt.raised.LedgerID = ledger, ledger
		tr.Work = func(ctx context.Context, handle any) error {
			handle.(*Tx).Put(putIn(table, ledger))
			return other.RaiseFence(ctx, tt.raised)
		}
		if err := target.Transact(t.Context(), tr); !errors.Is(err, tt.want) || core.IsUnknown(err) {
			t.Errorf("%+v: got %v, want %v", tt.raised, err, tt.want)
		}
		if marked, err := target.Marked(t.Context(), tr.Marker); err != nil || marked != (tt.want == nil) {
			t.Errorf("%+v: marked %t, %v", tt.raised, marked, err)
		}
	}
	target := New("shop", client, WithMarkerTable(markers))
	for _, f := range []core.Fence{
		{LedgerID: "l2", Token: 2, N: 0, Owner: "o"},
		{LedgerID: "l2", Token: 1, N: 9, Owner: "o"},
		{LedgerID: "l2", Token: 2, N: 1, Owner: "another"},
		{LedgerID: "l2", Token: 2, N: 5, Owner: "another"},
	} {
		if err := target.RaiseFence(t.Context(), f); !errors.Is(err, core.ErrLeaseLost) {
			t.Errorf("raise to %+v: %v", f, err)
		}
		tr := transaction(9, func(*Tx) { t.Errorf("%+v: the work of a former holder was run", f) })
		tr.Fence, tr.Marker.LedgerID = f, "l2"
		if err := target.Transact(t.Context(), tr); !errors.Is(err, core.ErrLeaseLost) {
			t.Errorf("transact under %+v: %v", f, err)
		}
	}
}
