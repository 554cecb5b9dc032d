package dynamo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

func finding(t *testing.T, f Findings, about string) Finding {
	t.Helper()
	i := slices.IndexFunc(f, func(one Finding) bool { return one.About == about })
	if i < 0 {
		t.Fatalf("nothing is said about %s: %+v", about, f)
	}
	return f[i]
}

func TestCheckMissing(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		_, err := New(cfg, "flamingock-nowhere", Options{}).Check(t.Context(), "l")
		var se *core.StoreError
		if !errors.As(err, &se) || se.Kind != core.StoreMissing || !strings.Contains(se.Next, "store create") {
			t.Errorf("got %v", err)
		}
	})
}

// Time to live would delete history.
func TestCheckTimeToLive(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table := newTable(t, cfg)
		_, err := dynamodb.NewFromConfig(cfg).UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
			TableName: &table, TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(true), AttributeName: aws.String("expires")},
		})
		if err != nil {
			t.Fatal(err)
		}
		found, err := New(cfg, table, Options{}).Check(t.Context(), "l")
		f := finding(t, found, "time to live")
		if err != nil || f.Level != LevelFault || !strings.Contains(f.Text, "expires") || core.CodeOf(found.Err()) != core.CodeConfigInvalid {
			t.Errorf("%+v, %v, %v", f, found.Err(), err)
		}
	})
}

func TestCheckBillingAndIndexes(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table, client := newTable(t, cfg)+"-dear", dynamodb.NewFromConfig(cfg)
		units := &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
		keys := []types.KeySchemaElement{{AttributeName: aws.String(attrPK), KeyType: "HASH"}, {AttributeName: aws.String(attrSK), KeyType: "RANGE"}}
		_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: &table, ProvisionedThroughput: units, KeySchema: keys,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(attrPK), AttributeType: "S"}, {AttributeName: aws.String(attrSK), AttributeType: "S"}},
			GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
				IndexName: aws.String("turned"), ProvisionedThroughput: units, Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
				KeySchema: []types.KeySchemaElement{{AttributeName: aws.String(attrSK), KeyType: "HASH"}, {AttributeName: aws.String(attrPK), KeyType: "RANGE"}},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
				t.Error(err)
			}
		}()
		found, err := New(cfg, table, Options{}).Check(t.Context(), "l")
		if err != nil || found.Err() != nil || !slices.Equal(levels(found, "billing", "indexes"), []Level{LevelWarning, LevelWarning}) {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// The ledger is read as a run reads it.
func TestCheckLedger(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table, client := newTable(t, cfg), dynamodb.NewFromConfig(cfg)
		s := New(cfg, table, Options{})
		for _, l := range []string{"fine", "newer", "foreign", "torn"} {
			if err := s.Acquire(t.Context(), anAcquisition(l)); err != nil {
				t.Fatal(err)
			}
		}
		set := func(ledger, attr, n string) {
			_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: key{ledger, headKey}.item(), UpdateExpression: aws.String("SET #a = :v"), ExpressionAttributeNames: map[string]string{"#a": attr},
				ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberN{Value: n}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		set("newer", attrFormat, "99")
		set("torn", attrSum, "7")
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: key{"foreign", "ACCOUNT#1"}.item()}); err != nil {
			t.Fatal(err)
		}
		for ledger, want := range map[string]struct {
			kind core.StoreErrorKind
			text string
		}{
			"none":    {"", "no history yet"},
			"fine":    {"", "0 changes, 0 entries, lock held"},
			"newer":   {core.StoreNewer, "99"},
			"foreign": {core.StoreForeign, "ACCOUNT#1"},
			"torn":    {core.StoreCorrupt, "add up to 0"},
		} {
			found, err := s.Check(t.Context(), ledger)
			if err != nil {
				t.Fatal(err)
			}
			f := finding(t, found, "ledger")
			var se *core.StoreError
			if isFault := errors.As(f.Err, &se); isFault != (want.kind != "") || isFault && se.Kind != want.kind || !strings.Contains(f.Text, want.text) {
				t.Errorf("%s: %+v", ledger, f)
			}
		}
		if _, err := s.Check(t.Context(), "no ledger"); core.CodeOf(err) != core.CodeConfigInvalid {
			t.Errorf("got %v", err)
		}
	})
}

// A global table is refused where a ledger is first made, and by Check, unless it
// is allowed. What exists goes on: ordinary runs do not look at the table.
func TestGlobalTable(t *testing.T) {
	cfg := awstest.LocalStack(t)
	table := newTable(t, cfg)
	before := New(cfg, table, Options{})
	if err := before.Acquire(t.Context(), anAcquisition("before")); err != nil {
		t.Fatal(err)
	}
	_, err := dynamodb.NewFromConfig(cfg).UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
		TableName: &table, ReplicaUpdates: []types.ReplicationGroupUpdate{{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String("eu-west-1")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	strict, lax := New(cfg, table, Options{}), New(cfg, table, Options{AllowGlobalTable: true})
	if err := strict.Renew(t.Context(), core.Lease{Ledger: "before", Owner: "o1", Token: 1}); err != nil {
		t.Errorf("an ordinary write: %v", err)
	}
	refused := func(err error) {
		t.Helper()
		var ce *core.ConfigError
		if !errors.As(err, &ce) || ce.Key != tableKey || !strings.Contains(ce.Reason, "eu-west-1") || !strings.Contains(ce.Next, "allowGlobalTable: true") {
			t.Errorf("got %v", err)
		}
	}
	err = strict.Acquire(t.Context(), anAcquisition("new"))
	refused(err)
	if core.IsUnknown(err) {
		t.Errorf("a run would try again after %v", err)
	}
	found, err := strict.Check(t.Context(), "before")
	if err != nil {
		t.Fatal(err)
	}
	refused(found.Err())
	_, err = Create(t.Context(), cfg, table, CreateOptions{})
	refused(err)

	found, err = lax.Check(t.Context(), "before")
	if err != nil || found.Err() != nil || finding(t, found, "regions").Level != LevelWarning {
		t.Errorf("%+v, %v", found, err)
	}
	if err := lax.Acquire(t.Context(), anAcquisition("new")); err != nil {
		t.Error(err)
	}
}

// Other kinds of global tables, which the simulators do not know.
func TestGlobalTableKinds(t *testing.T) {
	for name, c := range map[string]struct {
		more  string
		allow bool
		want  string // in the fault's text; "": none
	}{
		"only here":       {`,"Replicas":[{"RegionName":"eu-west-1"}],"GlobalTableVersion":"2019.11.21"`, false, ""},
		"strong":          {`,"Replicas":[{"RegionName":"us-east-1"}],"MultiRegionConsistency":"STRONG"`, false, "know no transactions"},
		"strong, allowed": {`,"Replicas":[{"RegionName":"us-east-1"}],"MultiRegionConsistency":"STRONG"`, true, "know no transactions"},
		"legacy":          {`,"GlobalTableVersion":"2017.11.29"`, false, "2017.11.29"},
		"legacy, allowed": {`,"GlobalTableVersion":"2017.11.29"`, true, ""},
	} {
		s := wholeTable()
		s.answers["DescribeTable"] = []answer{described("ACTIVE", protected+c.more)}
		found, err := New(s.config(), "audit", Options{AllowGlobalTable: c.allow}).Check(t.Context(), "l")
		if err != nil || (found.Err() == nil) != (c.want == "") || c.want != "" && !strings.Contains(found.Err().Error(), c.want) {
			t.Errorf("%s: %v, %v", name, found.Err(), err)
		}
	}
}

// What the caller may not see is said; what it needs for a run and may not do is a
// fault. The simulators permit everything, so this is scripted.
func TestCheckDenied(t *testing.T) {
	denied := func(op string) []answer {
		return []answer{refuses("AccessDeniedException", "User: x is not authorized to perform: dynamodb:"+op+" on resource: "+scriptedARN+" because …")}
	}
	for op, about := range map[string]string{
		"DescribeContinuousBackups": "point-in-time recovery", "DescribeTimeToLive": "time to live", "ListTagsOfResource": "tag", "Query": "ledger",
	} {
		s := wholeTable()
		s.answers[op] = denied(op)
		found, err := New(s.config(), "audit", Options{}).Check(t.Context(), "l")
		f := finding(t, found, about)
		if err != nil || !strings.Contains(f.Text, "missing dynamodb:"+op+" on "+scriptedARN) || f.Hint == "" {
			t.Errorf("%s: %+v, %v", op, f, err)
		}
		if fault := op == "Query"; fault != (f.Level == LevelFault) || fault != (core.CodeOf(found.Err()) == core.CodePermissionDenied) {
			t.Errorf("%s: %+v, %v", op, f, found.Err())
		}
	}
	s := wholeTable()
	s.answers["DescribeTable"] = denied("DescribeTable")
	if _, err := New(s.config(), "audit", Options{}).Check(t.Context(), "l"); core.CodeOf(err) != core.CodePermissionDenied {
		t.Errorf("got %v", err)
	}
}

// States of a table that the simulators never have.
func TestCheckStates(t *testing.T) {
	for name, c := range map[string]struct {
		table  answer
		ttl    string
		about  string
		level  Level
		code   core.Code
		ledger bool // it is read
	}{
		"whole":        {described("ACTIVE", protected), "DISABLED", "status", LevelOK, "", true},
		"updating":     {described("UPDATING", protected), "DISABLED", "status", LevelOK, "", true},
		"creating":     {described("CREATING", protected), "DISABLED", "status", LevelFault, core.CodeUnavailable, false},
		"key gone":     {described("INACCESSIBLE_ENCRYPTION_CREDENTIALS", protected), "DISABLED", "status", LevelFault, core.CodePermissionDenied, false},
		"key failing":  {described("ACTIVE", protected+`,"SSEDescription":{"SSEType":"KMS","InaccessibleEncryptionDateTime":1700000000}`), "DISABLED", "encryption", LevelWarning, "", true},
		"customer key": {described("ACTIVE", protected+`,"SSEDescription":{"SSEType":"KMS","KMSMasterKeyArn":"k"}`), "DISABLED", "encryption", LevelOK, "", true},
		"ttl coming":   {described("ACTIVE", protected), "ENABLING", "time to live", LevelFault, core.CodeConfigInvalid, true},
		"ttl going":    {described("ACTIVE", protected), "DISABLING", "time to live", LevelWarning, "", true},
	} {
		s := wholeTable()
		s.answers["DescribeTable"] = []answer{c.table}
		s.answers["DescribeTimeToLive"] = ok(`{"TimeToLiveDescription":{"TimeToLiveStatus":"` + c.ttl + `","AttributeName":"a"}}`)
		found, err := New(s.config(), "audit", Options{}).Check(t.Context(), "l")
		if err != nil || finding(t, found, c.about).Level != c.level || core.CodeOf(found.Err()) != c.code || (s.count("Query") > 0) != c.ledger {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}
