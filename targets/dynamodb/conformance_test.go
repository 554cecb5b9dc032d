package dynamodb

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
)

func TestConformance(t *testing.T) {
	for name, tx := range map[string]bool{"with a marker table": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			client, _ := clientFor(t)
			templates := payloads(newTable(t, client), tableFor(t, client))
			targettest.Run(t, targettest.Harness{Tx: tx, Type: Type(), Templates: templates, New: func(t testing.TB) targettest.System { return system(t, tx) }})
		})
	}
}

func payloads(items, table string) []targettest.Template {
	return []targettest.Template{
		{
			Name: ItemsTemplate,
			Valid: "apply:\n  - put: { table: " + items + ", item: { pk: a, n: 1.50 }, condition: attribute_not_exists(pk) }\n" +
				"rollback:\n  - delete: { table: " + items + ", key: { pk: a } }",
			Invalid: map[string]string{"two in one": "apply: [{put: {table: abc, item: {pk: a}}, delete: {table: abc, key: {pk: a}}}]", "a table's name": "apply: [{put: {table: a b, item: {pk: a}}}]"},
		},
		{
			Name: TableTemplate,
			Valid: "apply:\n  create:\n    table: " + table + "\n    keys: { partition: pk }\n    attributes: { pk: S }\n" +
				"rollback:\n  delete: { table: " + table + " }",
			Invalid: map[string]string{"no keys": "apply: { create: { table: abc } }", "two in one": "apply: { create: { table: abc, keys: { partition: pk }, attributes: { pk: S } }, delete: { table: abc } }"},
		},
	}
}

func system(t testing.TB, tx bool) targettest.System {
	client, w := clientFor(t)
	table := newTable(t, client)
	markers := ""
	if tx {
		markers = newTable(t, client, "sk")
	}
	key := func(name string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": text(name)}
	}
	get := func(ctx context.Context, name string) (bool, error) {
		out, err := client.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: key(name), ConsistentRead: aws.Bool(true)})
		return err == nil && len(out.Item) > 0, err
	}
	write := func(item types.TransactWriteItem) core.Step {
		return core.Step{Name: "write", Do: func(ctx context.Context, s *core.Session) error {
			switch h := s.Handle.(type) {
			case *Tx:
				h.add(item)
				return nil
			case *Client:
				_, err := h.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{item}})
				return err
			}
			return &core.HandleError{Want: reflect.TypeFor[*Tx](), Got: reflect.TypeOf(s.Handle)}
		}}
	}
	return targettest.System{
		Open: func() core.Target {
			if tx {
				return New("shop", client, WithMarkerTable(markers))
			}
			return New("shop", client)
		},
		Create: func(name string) core.StepPair {
			return core.StepPair{
				Apply:    write(types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: key(name), ConditionExpression: aws.String("attribute_not_exists(pk)")}}),
				Rollback: write(types.TransactWriteItem{Delete: &types.Delete{TableName: &table, Key: key(name)}}),
			}
		},
		Ensure: func(name string) core.Step {
			return write(types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: key(name)}})
		},
		Effect: func(t testing.TB, name string) bool {
			there, err := get(context.Background(), name)
			if err != nil {
				t.Error(err)
			}
			return there
		},
		Probe: func(name string) core.Probe {
			return func(ctx context.Context, _ *core.Session) (core.ProbeResult, error) {
				there, err := get(ctx, name)
				if there {
					return core.ProbeApplied, err
				}
				return core.ProbeNotApplied, err
			}
		},
		Slow: core.Step{Do: func(ctx context.Context, s *core.Session) error {
			if !isOurs(s.Handle) {
				return errors.New("another system's")
			}
			<-ctx.Done()
			return ctx.Err()
		}},
		Refused: write(types.TransactWriteItem{Put: &types.Put{TableName: aws.String("flamingock-no-such-table"), Item: key("x")}}),
		Down: func(testing.TB) func() {
			w.set(func(w *wire) { w.down = true })
			return func() { w.set(func(w *wire) { w.down = false }) }
		},
		State: func(t testing.TB) string {
			all := items(t, client, table)
			if markers != "" {
				all = append(all, items(t, client, markers)...)
			}
			return strings.Join(all, "\n")
		},
	}
}

func isOurs(handle any) bool {
	switch handle.(type) {
	case *Tx, *Client:
		return true
	}
	return false
}
