package dynamodb

import (
	"net/http"
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
	"github.com/flamingock/flamingock-go/internal/badinput"
)

// stand is what the cases of bad input meet: a table, one for markers, a name without a
// table, and DynamoDB Local behind a gate.
type stand struct {
	*awstargettest.Gate
	client         *sdk.Client
	table, markers string
	missing        string
}

func newStand(t *testing.T) *stand {
	t.Helper()
	client, _ := clientFor(t)
	return &stand{Gate: awstargettest.NewDynamoDBGate(t), client: client, table: newTable(t, client), markers: newTable(t, client, "sk"), missing: tableFor(t, client)}
}

// has checks what is in the table.
func (s *stand) has(want ...string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if got := items(t, s.client, s.table); !slices.Equal(got, want) {
			t.Errorf("the table has %q, want %q", got, want)
		}
	}
}

// create is a change that makes the table that is missing.
func (s *stand) create() string {
	return "template: dynamodb-table\napply: { create: { table: " + s.missing + ", keys: { partition: pk }, attributes: { pk: S } } }\nrollback:\n  delete: { table: " + s.missing + " }"
}

func (s *stand) make(t *testing.T) {
	t.Helper()
	in := &sdk.CreateTableInput{
		TableName: &s.missing, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &[]string{"pk"}[0], AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: &[]string{"pk"}[0], KeyType: "HASH"}},
	}
	if _, err := s.client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func TestBadInput(t *testing.T) {
	var s *stand
	put := func(key string) string {
		return "{ put: { table: " + s.table + ", item: { pk: " + key + " }, condition: attribute_not_exists(pk) } }"
	}
	badinput.Run(t, badinput.Harness{
		Type: Type(),
		New: func(t *testing.T) badinput.System {
			s = newStand(t)
			return badinput.System{Settings: "endpoint: " + s.URL() + "\nmarkerTable: " + s.markers, Wire: s.Wire, Good: "template: dynamodb-items\napply: [" + put("a") + "]"}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			// The marker settles it, behind the raised fence.
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{Steps: []badinput.Step{
					{
						Before: func(*testing.T) { up = s.Wire.CutAt("DynamoDB_20120810.TransactWriteItems") },
						Code:   core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED",
					},
					{Before: func(*testing.T) { up() }, Ledger: "STARTED FAILED ROLLED_BACK STARTED APPLIED", After: s.has("pk=a")},
				}}
			},
			badinput.WrongCredentials: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: func(*testing.T) {
						s.Answer(awstargettest.Refuse(false, "", "", http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid."))
					},
					Code: core.CodePermissionDenied, Says: "credentials that AWS accepts: UnrecognizedClientException", After: s.has(),
				}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: dynamodb-items\ntransactional: false\nsteps:\n  - apply: [" + put("a") + "]\n    rollback: [{ delete: { table: " + s.table + ", key: { pk: a } } }]\n" +
						"  - apply: [{ put: { table: " + s.table + ", item: { pk: b }, condition: attribute_exists(pk) } }]\n    rollback: [{ delete: { table: " + s.table + ", key: { pk: b } } }]",
					Steps: []badinput.Step{{Code: core.CodeChangeFailed, Says: "its condition is not met", Ledger: "STARTED FAILED ROLLED_BACK", After: s.has()}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Change: s.create(), Steps: []badinput.Step{{Before: s.make, Ledger: "STARTED APPLIED"}}}
			},
			// Without a transaction the rollback would take what is somebody else's.
			badinput.ThereAnother: func(_ *testing.T, b badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: b.Good + "\nrollback: [{ delete: { table: " + s.table + ", key: { pk: a } } }]\ntransactional: false",
					Steps: []badinput.Step{{
						Before: func(t *testing.T) {
							if _, err := s.client.PutItem(t.Context(), &sdk.PutItemInput{TableName: &s.table, Item: map[string]types.AttributeValue{"pk": text("a"), "of": text("theirs")}}); err != nil {
								t.Fatal(err)
							}
						},
						Code: core.CodeChangeFailed, Says: "its condition is not met", Ledger: "STARTED FAILED ROLLED_BACK", After: s.has("of=theirs pk=a"),
					}},
				}
			},
			badinput.AnotherRegion: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: dynamodb-items\napply: [{ put: { table: 'arn:aws:dynamodb:eu-west-1:000000000000:table/" + s.table + "', item: { pk: a } } }]",
					Steps:  []badinput.Step{{Code: core.CodeChangeFailed, Says: "is in eu-west-1", Ledger: "STARTED FAILED ROLLED_BACK", After: s.has()}},
				}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: dynamodb-table\napply: { create: { table: abc, keys: [pk], attributes: { pk: S }, ttl: [a] } }",
			badinput.UnknownFields:   "template: dynamodb-items\napply: [{ put: { table: abc, item: { pk: a }, Condition: x } }]",
			badinput.ExclusiveFields: "template: dynamodb-items\napply: [{ put: { table: abc, item: { pk: a } }, delete: { table: abc, key: { pk: a } } }]",
		},
		Idle: map[string]string{
			badinput.TooOld:          "DynamoDB has one version of its API",
			badinput.DeletedRecently: "DynamoDB gives the name of a deleted table free when it is gone",
		},
	})
}
