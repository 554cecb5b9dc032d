package dynamodb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// A deletion keeps what the table was, for people.
func TestDeletionKeepsTheDefinition(t *testing.T) {
	client, _ := tablesFor(t)
	name := tableFor(t, client)
	target := New("shop", client)
	if err := directly(t, target, mustLoad(t, target, fmt.Sprintf(orders, name)).Apply); err != nil {
		t.Fatal(err)
	}
	a := begin(t, target, "template: dynamodb-table\napply: { delete: { table: "+name+", unprotect: true } }")
	_, create, _ := strings.Cut(a.captured[0], `"create":`)
	want := `{"keys":{"partition":"customer","sort":"placedAt"},"attributes":{"customer":"S","placedAt":"N","state":"S"},"billing":"on-demand","stream":"NEW_IMAGE",` +
		`"deletionProtection":true,"encryption":"aws-owned","tableClass":"STANDARD",` +
		`"globalIndexes":[{"name":"by-state","keys":{"partition":"state","sort":"placedAt"},"include":["total"]}],"localIndexes":[{"name":"by-local","sort":"state","projection":"KEYS_ONLY"}]}}`
	if diff := cmp.Diff(want, create); diff != "" {
		t.Errorf("captured %s:\n%s", a.captured[0], diff)
	}
}

// What DynamoDB knows of an index and a payload has no words for is named.
func TestLostOfIndexes(t *testing.T) {
	hash := func(names ...string) (out []types.KeySchemaElement) {
		for _, n := range names {
			out = append(out, types.KeySchemaElement{AttributeName: aws.String(n), KeyType: types.KeyTypeHash})
		}
		return out
	}
	o := &observed{table: &types.TableDescription{
		BillingModeSummary:   &types.BillingModeSummary{BillingMode: types.BillingModePayPerRequest},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("a"), AttributeType: "S"}, {AttributeName: aws.String("b"), AttributeType: "N"}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndexDescription{
			{IndexName: aws.String("two"), KeySchema: hash("a", "b")},
			{IndexName: aws.String("limited"), KeySchema: hash("a"), OnDemandThroughput: &types.OnDemandThroughput{MaxReadRequestUnits: aws.Int64(5), MaxWriteRequestUnits: aws.Int64(-1)}},
		},
	}}
	k := new(kept)
	s := k.before(o, &updateTable{RemoveIndexes: list([]string{"two", "limited"})})
	if diff := cmp.Diff([]keptIndex{{Name: "limited", Keys: &keptKeys{Partition: "a"}}}, s.AddIndexes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"index two: over a (S), b (N) with all attributes", "index limited: its limits on demand, 5 read and -1 write"}, k.Lost); diff != "" {
		t.Error(diff)
	}
}

// What the simulators do not show: encryption, and the days of backups.
func TestCapturedOfAWS(t *testing.T) {
	key := "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	o := &observed{pitr: true, recoveryDays: aws.Int32(7), table: &types.TableDescription{
		SSEDescription: &types.SSEDescription{Status: types.SSEStatusEnabled, SSEType: types.SSETypeKms, KMSMasterKeyArn: &key},
	}}
	s := new(kept).before(o, &updateTable{Options: tableOptions{Encryption: core.Text{Value: "alias/shop"}, PointInTimeRecovery: aws.Bool(false)}})
	if diff := cmp.Diff(&keptState{Encryption: key, PointInTimeRecovery: aws.Bool(true), RecoveryDays: aws.Int32(7)}, s); diff != "" {
		t.Error(diff)
	}
	u := s.update()
	for what, changed := range map[string]*observed{
		"encryption":          {pitr: true, table: &types.TableDescription{}},
		"pointInTimeRecovery": {table: o.table},
	} {
		var open []string
		for _, a := range u.compare(changed) {
			if a.standing != isSo {
				open = append(open, a.what)
			}
		}
		if diff := cmp.Diff([]string{what}, open); diff != "" {
			t.Error(diff)
		}
	}
	if u.Options.RecoveryDays == nil || aws.ToString(encryptionOf(u.Options.Encryption).KMSMasterKeyId) != key {
		t.Errorf("put back by %+v", u.Options)
	}
}
