package dynamo

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// levels are the levels of the findings about these things.
func levels(f Findings, about ...string) []Level {
	var out []Level
	for _, a := range about {
		for _, one := range f {
			if one.About == a {
				out = append(out, one.Level)
			}
		}
	}
	return out
}

// What was made is what Check wants, and to make it again changes nothing.
func TestCreate(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table := tableName(t, cfg)
		made, err := Create(t.Context(), cfg, table, CreateOptions{Tags: map[string]string{"team": "payments"}})
		if err != nil || !made.New || len(made.Changed) > 0 || !strings.HasSuffix(made.ARN, table) {
			t.Fatalf("%+v, %v", made, err)
		}
		if lacks(t, cfg) {
			for i, want := range []string{"ListTagsOfResource", "DescribeContinuousBackups"} {
				if len(made.Warnings) != 2 || !strings.Contains(made.Warnings[i], want) {
					t.Errorf("what the simulator lacks is not said: %q", made.Warnings)
				}
			}
		} else if len(made.Warnings) > 0 {
			t.Errorf("warnings: %q", made.Warnings)
		}
		found, err := New(cfg, table, Options{}).Check(t.Context(), "orders/prod")
		if err != nil || found.Err() != nil {
			t.Fatalf("%v, %v", found, err)
		}
		for _, f := range found {
			if f.Level != LevelOK && !(lacks(t, cfg) && strings.Contains(f.Text, "cannot be looked at")) {
				t.Errorf("%s: %s: %s", f.Level, f.About, f.Text)
			}
		}
		again, err := Create(t.Context(), cfg, table, CreateOptions{})
		if err != nil || again.New || len(again.Changed) > 0 || again.ARN != made.ARN {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// A table that somebody made without protection gets it.
func TestCreateProtects(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table := newTable(t, cfg)
		t.Cleanup(func() {
			_, err := dynamodb.NewFromConfig(cfg).UpdateTable(context.Background(), &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)})
			if err != nil {
				t.Error(err)
			}
		})
		found, err := New(cfg, table, Options{}).Check(t.Context(), "l")
		if err != nil || !slices.Contains(levels(found, "deletion protection"), LevelWarning) || found.Err() != nil {
			t.Fatalf("%v, %v", found, err)
		}
		got, err := Create(t.Context(), cfg, table, CreateOptions{Tags: map[string]string{"team": "payments"}})
		want := []string{"deletion protection", "point-in-time recovery", "tags " + TagKey + ", team"}
		if lacks(t, cfg) {
			want = want[:1]
		}
		if err != nil || got.New || !slices.Equal(got.Changed, want) {
			t.Errorf("%+v, %v", got, err)
		}
		if !lacks(t, cfg) {
			found, err = New(cfg, table, Options{}).Check(t.Context(), "l")
			if err != nil || !slices.Equal(levels(found, "deletion protection", "point-in-time recovery", "tag"), []Level{LevelOK, LevelOK, LevelOK}) {
				t.Errorf("%v, %v", found, err)
			}
		}
	})
}

func TestCreateAtOnce(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table := tableName(t, cfg)
		var wg sync.WaitGroup
		results := make(chan error, 6)
		for range cap(results) {
			wg.Go(func() {
				_, err := Create(t.Context(), cfg, table, CreateOptions{})
				results <- err
			})
		}
		wg.Wait()
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// A table with other keys is not touched.
func TestCreateOtherKeys(t *testing.T) {
	onSimulators(t, func(t *testing.T, cfg aws.Config) {
		table, client := newTable(t, cfg)+"-other", dynamodb.NewFromConfig(cfg)
		_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("LockID"), AttributeType: "S"}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("LockID"), KeyType: "HASH"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
				t.Error(err)
			}
		}()
		_, err = Create(t.Context(), cfg, table, CreateOptions{})
		wantForeign(t, err, "LockID (S, HASH)")
		found, err := New(cfg, table, Options{}).Check(t.Context(), "l")
		if err != nil || len(levels(found, "ledger")) > 0 {
			t.Errorf("%v, %v", found, err)
		}
		wantForeign(t, found.Err(), "LockID (S, HASH)")
	})
}

func wantForeign(t *testing.T, err error, text string) {
	t.Helper()
	var se *core.StoreError
	if !errors.As(err, &se) || se.Kind != core.StoreForeign || !strings.Contains(err.Error(), text) || se.Next == "" {
		t.Errorf("got %v, want a foreign table with %q", err, text)
	}
}

// A table of another tool that happens to have the same keys is not marked as
// ours; one with a ledger is.
func TestCreateForeignItems(t *testing.T) {
	cfg := awstest.LocalStack(t)
	table, client := newTable(t, cfg), dynamodb.NewFromConfig(cfg)
	put := func(pk, sk string) {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: key{pk, sk}.item()}); err != nil {
			t.Fatal(err)
		}
	}
	put("USER#1", "PROFILE")
	_, err := Create(t.Context(), cfg, table, CreateOptions{Ledger: "orders/prod"})
	wantForeign(t, err, "it has items, but no tag")
	if d, err := New(cfg, table, Options{}).describe(t.Context()); err != nil || aws.ToBool(d.DeletionProtectionEnabled) {
		t.Errorf("a foreign table was changed: %v", err)
	}
	put("orders/dev", headKey)
	_, err = Create(t.Context(), cfg, table, CreateOptions{Ledger: "orders/dev"})
	wantForeign(t, err, "no audit store wrote")

	if err := New(cfg, table, Options{}).Acquire(t.Context(), anAcquisition("orders/prod")); err != nil {
		t.Fatal(err)
	}
	got, err := Create(t.Context(), cfg, table, CreateOptions{Ledger: "orders/prod"})
	if err != nil || len(got.Changed) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)}); err != nil {
		t.Fatal(err)
	}
}

func anAcquisition(ledger string) core.Acquisition {
	return core.Acquisition{Ledger: ledger, LedgerID: "7e57ab1e-0000-4000-8000-000000000000", Owner: "o1", Token: 1, Lease: time.Second}
}

// DynamoDB makes a table within seconds, and knows of its backups later still.
// The simulators are ready at once, so this is scripted.
func TestCreateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wholeTable()
		notYet := refuses("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: audit. Please retry later")
		s.answers["DescribeTable"] = []answer{
			refuses("ResourceNotFoundException", "x"), refuses("ResourceNotFoundException", "not shown yet"),
			described("CREATING", ""), described("CREATING", ""), described("ACTIVE", protected),
		}
		s.answers["DescribeContinuousBackups"] = []answer{refuses("TableNotFoundException", "Table not found: audit"), {http.StatusOK, `{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"DISABLED"}}`}}
		s.answers["UpdateContinuousBackups"] = append([]answer{notYet, notYet}, s.answers["UpdateContinuousBackups"]...)
		s.answers["ListTagsOfResource"] = ok(`{"Tags":[]}`)
		s.answers["TagResource"] = []answer{refuses("ResourceInUseException", "being tagged"), {http.StatusOK, `{}`}}
		var said []string
		got, err := Create(t.Context(), s.config(), "audit", CreateOptions{Progress: func(text string) { said = append(said, text) }})
		if err != nil || !got.New || len(got.Changed)+len(got.Warnings) > 0 || got.ARN != scriptedARN {
			t.Errorf("%+v, %v", got, err)
		}
		if n := s.count("CreateTable"); n != 1 {
			t.Errorf("CreateTable was sent %d times", n)
		}
		if !slices.Equal(said, []string{"waiting until the table is active", "waiting until point-in-time recovery can be switched on", "waiting until the table can be tagged"}) {
			t.Errorf("said %q", said)
		}
	})
}

// Two that change the table at once: who comes second waits, and finds it done.
func TestCreateUpdateCollides(t *testing.T) {
	for name, refusal := range map[string]answer{
		"busy":    refuses("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being updated: audit"),
		"so then": refuses("ValidationException", "Table is already in the wanted state"),
	} {
		synctest.Test(t, func(t *testing.T) {
			s := wholeTable()
			s.answers["DescribeTable"] = []answer{described("ACTIVE", ""), described("UPDATING", ""), described("ACTIVE", protected)}
			s.answers["UpdateTable"] = []answer{refusal}
			got, err := Create(t.Context(), s.config(), "audit", CreateOptions{})
			if err != nil || !slices.Equal(got.Changed, []string{"deletion protection"}) || s.count("UpdateTable") != 1 {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		})
	}
}

func TestCreateKMSKey(t *testing.T) {
	const arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
	encrypted := protected + `,"SSEDescription":{"Status":"ENABLED","SSEType":"KMS","KMSMasterKeyArn":"` + arn + `"}`
	synctest.Test(t, func(t *testing.T) {
		s := wholeTable()
		s.answers["DescribeTable"] = []answer{described("ACTIVE", protected), described("ACTIVE", protected), described("UPDATING", protected), described("ACTIVE", encrypted)}
		got, err := Create(t.Context(), s.config(), "audit", CreateOptions{KMSKey: arn})
		if err != nil || !slices.Equal(got.Changed, []string{"encrypted with " + arn}) || len(got.Warnings) > 0 || s.count("UpdateTable") != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a service that takes it and does nothing
		s := wholeTable()
		got, err := Create(t.Context(), s.config(), "audit", CreateOptions{KMSKey: arn})
		if err != nil || len(got.Changed) > 0 || len(got.Warnings) != 1 || s.count("UpdateTable") != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	for _, o := range []CreateOptions{{KMSKey: "alias/audit"}, {Tags: map[string]string{TagKey: "2"}}} {
		var usage *core.UsageError
		if _, err := Create(t.Context(), wholeTable().config(), "audit", o); !errors.As(err, &usage) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// Time that ends is said as such, with what was waited for.
func TestCreateTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wholeTable()
		s.answers["DescribeTable"] = []answer{described("CREATING", "")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Create(ctx, s.config(), "audit", CreateOptions{})
		if core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "the time ended before the table is active") {
			t.Errorf("got %v", err)
		}
		stopped, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { stop(&core.InterruptedError{Reason: "asked to stop"}) })
		if _, err := Create(stopped, s.config(), "audit", CreateOptions{}); core.CodeOf(err) != core.CodeInterrupted {
			t.Errorf("got %v", err)
		}
	})
}

// What a role lacks is named, all of it at once, with action and resource. The
// simulators permit everything, so this is scripted.
func TestCreateDenied(t *testing.T) {
	const who = "User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to perform: dynamodb:"
	const why = " because no identity-based policy allows the action"
	t.Run("all", func(t *testing.T) {
		s := wholeTable()
		s.answers["DescribeTable"] = []answer{described("ACTIVE", "")}
		s.answers["DescribeContinuousBackups"] = ok(`{}`)
		s.answers["ListTagsOfResource"] = ok(`{}`)
		for _, op := range []string{"UpdateTable", "UpdateContinuousBackups", "TagResource"} {
			s.answers[op] = []answer{refuses("AccessDeniedException", who+op+" on resource: "+scriptedARN+why)}
		}
		_, err := Create(t.Context(), s.config(), "audit", CreateOptions{})
		for _, op := range []string{"UpdateTable", "UpdateContinuousBackups", "TagResource"} {
			if err == nil || !strings.Contains(err.Error(), "missing dynamodb:"+op+" on "+scriptedARN) {
				t.Errorf("%s is not named: %v", op, err)
			}
		}
		if core.CodeOf(err) != core.CodePermissionDenied {
			t.Errorf("code %s", core.CodeOf(err))
		}
	})
	for _, op := range []string{"DescribeTable", "CreateTable", "ListTagsOfResource", "DescribeContinuousBackups"} {
		for name, c := range map[string]struct{ message, want string }{
			"resource":    {who + op + " on resource: " + scriptedARN + why, "dynamodb:" + op + " on " + scriptedARN},
			"no resource": {who + op + why, "dynamodb:" + op + " on table audit"},
			"nothing":     {"Access Denied", "dynamodb:" + op + " on table audit"},
			"another":     {"User: x is not authorized to perform: kms:CreateGrant on this resource", "kms:CreateGrant on table audit"},
		} {
			t.Run(op+"/"+name, func(t *testing.T) {
				s := wholeTable()
				if op == "CreateTable" {
					s.answers["DescribeTable"] = []answer{refuses("ResourceNotFoundException", "x")}
				}
				s.answers[op] = []answer{refuses("AccessDeniedException", c.message)}
				_, err := Create(t.Context(), s.config(), "audit", CreateOptions{})
				var denied *core.PermissionError
				if !errors.As(err, &denied) || denied.Right != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		}
	}
}

// Whatever else is wrong has its class, and says what to do.
func TestCreateBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		op   string
		with answer
		code core.Code
		text string
	}{
		"name":       {"DescribeTable", refuses("ValidationException", "1 validation error detected: Value 'a b' at 'tableName' failed to satisfy constraint"), core.CodeConfigInvalid, "auditStore.dynamodb.table"},
		"full":       {"CreateTable", refuses("LimitExceededException", "Subscriber limit exceeded"), core.CodeUnavailable, "Subscriber limit"},
		"archived":   {"DescribeTable", described("ARCHIVED", ""), core.CodeUnavailable, "ARCHIVED"},
		"key gone":   {"DescribeTable", described("INACCESSIBLE_ENCRYPTION_CREDENTIALS", ""), core.CodePermissionDenied, "KMS key"},
		"no AWS":     {"DescribeTable", answer{http.StatusOK, "<html>It works!</html>"}, core.CodeConfigInvalid, "not the AWS service"},
		"other keys": {"DescribeTable", answer{http.StatusOK, `{"Table":{"TableStatus":"CREATING","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}}`}, core.CodeConfigInvalid, "its keys are id"},
		"global":     {"DescribeTable", described("ACTIVE", protected+`,"Replicas":[{"RegionName":"eu-west-1"},{"RegionName":"us-east-1"}]`), core.CodeConfigInvalid, "replicas in us-east-1)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := wholeTable()
			if c.op == "CreateTable" {
				s.answers["DescribeTable"] = []answer{refuses("ResourceNotFoundException", "x")}
			}
			s.answers[c.op] = []answer{c.with}
			_, err := Create(t.Context(), s.config(), "audit", CreateOptions{})
			if core.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) || core.Advice(err) == "" {
				t.Errorf("got %v: %v; %s", core.CodeOf(err), err, core.Advice(err))
			}
			if n := s.count("UpdateTable") + s.count("TagResource"); n > 0 {
				t.Errorf("%d changes of such a table", n)
			}
		})
	}
}
