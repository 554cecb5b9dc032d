package dynamodb

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// lostAnswer lets the first request of an operation through and loses its answer.
func (w *wire) lostAnswer(operation string) {
	lost := false
	w.set(func(w *wire) {
		w.fault = func(op string, pass func() (*http.Response, error)) (*http.Response, error) {
			if op != operation || lost {
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
}

func TestValues(t *testing.T) {
	client, _ := clientFor(t)
	table := newTable(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, `
template: dynamodb-items
apply:
  - put:
      table: `+table+`
      item:
        pk: "${env:one}"
        price: 12.50
        big: 12345678901234567890123456789012345678
        precise: { $number: "0.10000000000000000000000000000000000001" }
        hex: 0x1F
        text: "007"
        yes: yes
        on: true
        none:
        bytes: { $binary: aGVsbG8= }
        names: { $strings: [b, a] }
        sizes: { $numbers: [1, 2.5] }
        blobs: { $binaries: [YQ==] }
        list: [1, two, null, [false]]
        map: { a: { b: 1 } }
        dollar: { $map: { $number: text } }
`)
	if err := directly(t, target, c.Apply); err != nil {
		t.Fatal(err)
	}
	want := `big=12345678901234567890123456789012345678n blobs=bs["a"] bytes=b"hello" dollar={$number:text} hex=31n list=[1n two null [false]] map={a:{b:1n}} names=ss[a b] none=null on=true pk=one precise=0.10000000000000000000000000000000000001n price=12.5n sizes=ns[1 2.5] text=007 yes=yes`
	if diff := cmp.Diff([]string{want}, items(t, client, table)); diff != "" {
		t.Error(diff)
	}
}

func TestItemsTogether(t *testing.T) {
	client, w := clientFor(t)
	table := newTable(t, client)
	target := New("shop", client)
	c := mustLoad(t, target, strings.ReplaceAll(`
template: dynamodb-items
apply:
  - put: { table: T, item: { pk: a, n: 1, old: x }, condition: attribute_not_exists(pk) }
  - put: { table: T, item: { pk: b, state: new } }
rollback:
  - delete: { table: T, key: { pk: a } }
  - delete: { table: T, key: { pk: b } }
`, "table: T", "table: "+table))
	if err := directly(t, target, c.Apply); err != nil {
		t.Fatal(err)
	}
	next := mustLoad(t, target, strings.ReplaceAll(`
template: dynamodb-items
apply:
  - update:
      table: T
      key: { pk: a }
      expression: "SET #s = :s ADD n :more"
      names: { "#s": state }
      values: { ":s": paid, more: 0.5, n: 1 }
      condition: attribute_exists(pk) AND n = :n
rollback:
  - check: { table: T, key: { pk: a }, condition: n = :n, values: { n: 1.5 } }
  - update: { table: T, key: { pk: b }, set: { state: old, size: 2 }, remove: [gone] }
`, "table: T", "table: "+table))
	if err := directly(t, target, next.Rollback); err == nil || !strings.Contains(err.Error(), "changes/_0001__a.yaml:13:") || !strings.Contains(err.Error(), "write 1 of 2 (check) failed: its condition is not met") {
		t.Errorf("a condition that is not met: %v", err)
	}
	if diff := cmp.Diff([]string{"n=1n old=x pk=a", "pk=b state=new"}, items(t, client, table)); diff != "" {
		t.Errorf("something of the refused request is there:\n%s", diff)
	}
	w.lostAnswer("TransactWriteItems") // the same token: done once
	if err := directly(t, target, next.Apply); err != nil {
		t.Fatal(err)
	}
	if err := directly(t, target, next.Rollback); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"n=1.5n old=x pk=a state=paid", "pk=b size=2n state=old"}, items(t, client, table)); diff != "" {
		t.Error(diff)
	}
	if err := directly(t, target, c.Apply); err == nil || core.IsUnknown(err) {
		t.Errorf("a put of what is there: %v", err)
	}
	if err := directly(t, target, c.Rollback); err != nil {
		t.Fatal(err)
	}
	if got := items(t, client, table); got != nil {
		t.Error(got)
	}
}

func TestItemsThatGetNoAnswer(t *testing.T) {
	client, w := clientFor(t)
	defer w.set(func(w *wire) { w.fault = nil })
	target := New("shop", client)
	c := mustLoad(t, target, "template: dynamodb-items\napply: [{ put: { table: "+newTable(t, client)+", item: { pk: a } } }]")
	answers := func(status int, body string) {
		w.set(func(w *wire) {
			w.calls = nil
			w.fault = func(string, func() (*http.Response, error)) (*http.Response, error) { return answer(status, body), nil }
		})
	}
	answers(500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"x"}`)
	if err := directly(t, target, c.Apply); !core.IsUnknown(err) || core.CodeOf(err) != core.CodeUnavailable || w.count("TransactWriteItems") != awstarget.UnansweredAttempts {
		t.Errorf("%d requests, %v", w.count("TransactWriteItems"), err)
	}
	answers(400, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: u is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/t because no"}`)
	var denied *core.PermissionError
	if err := directly(t, target, c.Apply); !errors.As(err, &denied) || core.IsUnknown(err) || denied.Right != "dynamodb:PutItem on arn:aws:dynamodb:us-east-1:123456789012:table/t" {
		t.Errorf("%v", err)
	}
}

func TestItemsInSequence(t *testing.T) {
	client, w := clientFor(t)
	table := newTable(t, client)
	target := New("shop", client, WithMarkerTable("markers"))
	body := "template: dynamodb-items\nconfiguration: { inSequence: true }\napply:\n"
	for i := range 120 {
		body += fmt.Sprintf("  - put: { table: %s, item: { pk: i%03d } }\n", table, i)
	}
	body += "  - check: { table: " + table + ", key: { pk: none }, condition: attribute_exists(pk) }\n"
	c := mustLoad(t, target, body)
	if tx, err := core.TxTypeOf(&c, target); tx != core.TxNone || err != nil {
		t.Errorf("tx type %s, %v", tx, err)
	}
	err := directly(t, target, c.Apply)
	var we *WriteError
	if !errors.As(err, &we) || we.Index != 121 || we.Kind != "check" || core.IsUnknown(err) {
		t.Errorf("got %v", err)
	}
	if n := len(items(t, client, table)); n != 120 || w.count("TransactWriteItems") != 121 {
		t.Errorf("%d items, %d requests", n, w.count("TransactWriteItems"))
	}
	yes := true
	c.Transactional = &yes
	if _, err := core.TxTypeOf(&c, target); err == nil || !strings.Contains(err.Error(), "inSequence") {
		t.Errorf("transactional: true: %v", err)
	}
}

func TestPartiQL(t *testing.T) {
	client, w := clientFor(t)
	table := newTable(t, client)
	target := New("shop", client, WithMarkerTable("markers"))
	c := mustLoad(t, target, strings.ReplaceAll(`
template: dynamodb-items
apply:
  - partiql: { statement: "INSERT INTO \"T\" VALUE {'pk': ?, 'n': ?, 'what': 'why?'}", parameters: [a, 1.5] }
  - partiql: { statement: "INSERT INTO \"T\" VALUE {'pk': ?}", parameters: ["${env:b}"] }
rollback:
  - partiql: { statement: "DELETE FROM \"T\" WHERE pk = 'a'" }
`, `\"T\"`, `\"`+table+`\"`))
	if tx, err := core.TxTypeOf(&c, target); tx != core.TxNone || err != nil {
		t.Errorf("tx type %s, %v", tx, err)
	}
	w.lostAnswer("ExecuteTransaction")
	if err := directly(t, target, c.Apply); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"n=1.5n pk=a what=why?", "pk=b"}, items(t, client, table)); diff != "" {
		t.Error(diff)
	}
	err := directly(t, target, c.Apply)
	var we *WriteError
	if !errors.As(err, &we) || we.Index != 1 || !strings.Contains(err.Error(), "Duplicate") {
		t.Errorf("an INSERT of what is there: %v", err)
	}
	if err := directly(t, target, c.Rollback); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pk=b"}, items(t, client, table)); diff != "" {
		t.Error(diff)
	}
}
