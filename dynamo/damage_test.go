package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// Names that cannot name a ledger are refused before anything is asked.
func TestLedgerNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.world(t).process("p")
	ctx := context.Background()
	for _, name := range []string{"", "a#b", "a b", "a\nb", "é", strings.Repeat("x", 256), strings.Repeat("x", 2048)} {
		_, loaded := p.stores.Load(ctx, name)
		_, read := p.stores.History(ctx, core.HistoryQuery{Ledger: name})
		acquired := p.stores.Acquire(ctx, core.Acquisition{Ledger: name, LedgerID: "id", Owner: "o", Token: 1})
		for what, err := range map[string]error{"load": loaded, "history": read, "acquire": acquired} {
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "ledger") {
				t.Errorf("%s of %.20q: %v", what, name, err)
			}
		}
	}
	if ops := p.ops(); len(ops) > 0 {
		t.Errorf("asked %v", ops)
	}
}

// A head that was edited by hand is an error that names the ledger, for whoever
// loads it and whoever writes to it; nothing is repaired, and nothing written.
func TestHeadEditedByHand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	num := func(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }
	str := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	null := &types.AttributeValueMemberNULL{Value: true}
	const most = "99999999999999999999999999999999999999"
	edits := map[string]map[string]types.AttributeValue{}
	for _, attr := range []string{attrFormat, attrLedgerID, attrOwner, attrToken, attrRVN, attrLeaseMs, attrReleased, attrSeq, attrSum, attrHash} {
		edits[attr+" is missing"] = map[string]types.AttributeValue{attr: nil}
		edits[attr+" is a list"] = map[string]types.AttributeValue{attr: &types.AttributeValueMemberL{}}
		if attr != attrFormat && attr != attrLedgerID {
			edits[attr+" is null"] = map[string]types.AttributeValue{attr: null}
		}
	}
	for _, attr := range []string{attrToken, attrRVN, attrSeq, attrSum, attrLeaseMs} {
		edits[attr+" is text"] = map[string]types.AttributeValue{attr: str("7")}
		for _, n := range []string{"-1", "1.5", "1e30", most, "18446744073709551615"} {
			edits[attr+" is "+n] = map[string]types.AttributeValue{attr: num(n)}
		}
	}
	maps.Copy(edits, map[string]map[string]types.AttributeValue{
		"a newer format": {attrFormat: num("2")}, "no token": {attrToken: num("0")}, "no rvn": {attrRVN: num("0")}, "released is text": {attrReleased: str("true")},
		"a lease that overflows": {attrLeaseMs: num("9223372036854775807")}, "seq is behind": {attrSeq: num("1")}, "sum is wrong": {attrSum: num("7")},
		"holder is text": {attrHolder: str("me")}, "an empty id": {attrLedgerID: str("")}, "no hash": {attrHash: str("")},
	})
	for name, edit := range edits {
		c.do(name, func(t testing.TB) {
			w := b.world(t)
			wr := w.writer()
			wr.append("a", "b")
			w.edit(t, headKey, edit)
			want := core.StoreCorrupt
			switch {
			case name == "a newer format":
				want = core.StoreNewer
			case edit[attrFormat] == nil && strings.HasPrefix(name, attrFormat+" is missing"), name == attrLedgerID+" is missing":
				want = core.StoreForeign
			}
			_, err := w.store.Load(context.Background(), w.ledger)
			var se *core.StoreError
			if !errors.As(err, &se) || se.Kind != want || !strings.Contains(err.Error(), w.ledger) || se.Next == "" {
				t.Errorf("load: got %v", err)
			}
			if o := w.process("run").apply(); !errors.As(o.err, &se) {
				t.Errorf("run: got %v", o.err)
			}
			if n := len(w.history()); n != 2 {
				t.Errorf("%d entries", n)
			}
		})
	}
	c.wait()
}

// edit changes attributes of an item; nil takes one away.
func (w *world) edit(t testing.TB, sk string, attrs map[string]types.AttributeValue) {
	t.Helper()
	in := &dynamodb.UpdateItemInput{TableName: &w.b.table, Key: key{w.ledger, sk}.item(), ExpressionAttributeNames: map[string]string{"#a": ""}}
	for name, v := range attrs {
		in.ExpressionAttributeNames["#a"] = name
		in.UpdateExpression = aws.String("REMOVE #a")
		if v != nil {
			in.UpdateExpression, in.ExpressionAttributeValues = aws.String("SET #a = :v"), map[string]types.AttributeValue{":v": v}
		}
		if _, err := w.client.UpdateItem(context.Background(), in); err != nil {
			t.Fatalf("%v", err)
		}
	}
}

// verify checks the chain as audit verify does.
func (w *world) verify() error {
	var all []core.Entry
	for q := (core.HistoryQuery{Ledger: w.ledger, Limit: 2}); ; {
		page, err := w.store.History(context.Background(), q)
		if err != nil {
			return err
		}
		all = append(all, page.Entries...)
		if q.AfterSeq = page.Next; q.AfterSeq == 0 {
			return core.VerifyChain(0, "", all)
		}
	}
}

// The first entry that is missing or altered is named.
func TestChainNamesTheFirstBadEntry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	str := func(s string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"body": &types.AttributeValueMemberS{Value: s}}
	}
	for name, tt := range map[string]struct {
		do   func(w *world, body string)
		want string
	}{
		"missing": {func(w *world, _ string) {
			if _, err := w.client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &b.table, Key: key{w.ledger, entryKeyOf(3)}.item()}); err != nil {
				t.Fatal(err)
			}
		}, "entry 3"},
		"altered": {func(w *world, body string) {
			w.edit(t, entryKeyOf(3), str(strings.Replace(body, `"state":"APPLIED"`, `"state":"FAILED"`, 1)))
		}, "entry 3"},
		"altered, with its hash": {func(w *world, body string) {
			e, err := core.DecodeEntry([]byte(strings.Replace(body, `"state":"APPLIED"`, `"state":"FAILED"`, 1)))
			if err != nil {
				t.Fatal(err)
			}
			w.edit(t, entryKeyOf(3), map[string]types.AttributeValue{"body": &types.AttributeValueMemberS{Value: string(e.Canonical())}, "hash": &types.AttributeValueMemberS{Value: e.ComputeHash()}})
		}, "entry 4"},
		"of another seq": {func(w *world, body string) {
			w.edit(t, entryKeyOf(3), str(strings.Replace(body, `"seq":3`, `"seq":4`, 1)))
		}, entryKeyOf(3)},
		"of another change": {func(w *world, _ string) {
			w.edit(t, entryKeyOf(3), map[string]types.AttributeValue{attrChangeID: &types.AttributeValueMemberS{Value: "x"}})
		}, entryKeyOf(3)},
		"no JSON": {func(w *world, _ string) { w.edit(t, entryKeyOf(3), str("{")) }, entryKeyOf(3)},
		"no body": {func(w *world, _ string) { w.edit(t, entryKeyOf(3), map[string]types.AttributeValue{"body": nil}) }, entryKeyOf(3)},
	} {
		w := b.world(t)
		wr := w.writer()
		wr.append("a", "b", "c", "d", "e")
		if err := w.verify(); err != nil {
			t.Fatal(err)
		}
		tt.do(w, string(w.history()[2].Canonical()))
		err := w.verify()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want it to name %s", name, err, tt.want)
		}
	}
}

// Tables that cannot be used are named as what they are, by whoever reads and
// whoever writes first.
func TestUnusableTables(t *testing.T) {
	t.Parallel()
	cfg := awstest.DynamoDB(t)
	other := fmt.Sprintf("flamingock-other-%d", tables.Add(1))
	client := dynamodb.NewFromConfig(cfg)
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &other, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &other}); err != nil {
			t.Error(err)
		}
	})
	creating := &wire{at: func(_ int, op string) fault {
		if op != "DescribeTable" {
			return answersWith(400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "Requested resource not found")
		}
		return func(_ *wire, x *exchange) (*http.Response, error) {
			return x.answer(200, amzJSON, `{"Table":{"TableStatus":"CREATING","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}}`)
		}
	}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome</html>") }))
	t.Cleanup(web.Close)
	for name, tt := range map[string]struct {
		store *Store
		code  core.Code
		text  string
	}{
		"missing":      {New(cfg, "no-such-table", Options{}), core.CodeConfigInvalid, "store create"},
		"other keys":   {New(cfg, other, Options{}), core.CodeConfigInvalid, "its keys are id (S, HASH)"},
		"creating":     {New(creating.config(cfg), "t", Options{}), core.CodeUnavailable, "CREATING"},
		"not DynamoDB": {New(awstest.Config(web.URL), "t", Options{}), core.CodeConfigInvalid, "not the AWS service"},
		"nobody":       {New(awstest.Config("http://127.0.0.1:1"), "t", Options{}), core.CodeUnavailable, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, loaded := tt.store.Load(context.Background(), "l")
			acquired := tt.store.Acquire(context.Background(), core.Acquisition{Ledger: "l", LedgerID: "id", Owner: "o", Token: 1})
			resumed := tt.store.Acquire(context.Background(), core.Acquisition{Ledger: "l", RVN: 7, Owner: "o", Token: 8})
			for what, err := range map[string]error{"load": loaded, "first acquire": acquired, "acquire": resumed} {
				if what == "acquire" && name == "not DynamoDB" && core.CodeOf(err) == core.CodeUnavailable {
					continue // after a load that worked it may work again
				}
				if core.CodeOf(err) != tt.code || !strings.Contains(err.Error()+core.HintOf(err), tt.text) {
					t.Errorf("%s: got %s: %v (%s)", what, core.CodeOf(err), err, core.HintOf(err))
				}
			}
		})
	}
}
