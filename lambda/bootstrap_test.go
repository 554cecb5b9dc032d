package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/dynamo"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// bundle is a directory as it would be in the zip: n changes of a SQLite database,
// each of which takes a while.
func bundle(t testing.TB, n int, more string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config.DefaultPath, "ledger: orders/prod\nstages: [{ name: main, location: changes }]\ntargetSystems: { db: { type: sqlite, path: app.db } }\n"+more)
	write("changes/_0000__table.yaml", "id: table\nauthor: tests\ntemplate: sql\ntargetSystem: db\napply: CREATE TABLE t (n int);\n")
	for i := 1; i < n; i++ {
		write(fmt.Sprintf("changes/_%04d__c%d.yaml", i, i), fmt.Sprintf(`
id: c%d
author: tests
template: sql
targetSystem: db
apply: |
  INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 250000) SELECT count(*) FROM c;
`, i))
	}
	return dir
}

const (
	apply  = `{"flamingock":"v1","operation":"apply"}`
	status = `{"flamingock":"v1","operation":"status"}`
	list   = `{"flamingock":"v1","operation":"audit list","history":true}`
)

// appliedOnce looks into the history: each change must have exactly one APPLIED.
func appliedOnce(t testing.TB, f *function, want int) {
	t.Helper()
	var doc struct {
		Data struct {
			Entries []struct{ ChangeID, State string }
		}
	}
	a := f.invoke(list, 30*time.Second)
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.failed {
		t.Fatalf("%v %s", err, a.body)
	}
	applied := map[string]int{}
	for _, e := range doc.Data.Entries {
		if e.State == "APPLIED" {
			applied[e.ChangeID]++
		}
	}
	for id, n := range applied {
		if n != 1 {
			standstill.Violated(t, "%s was applied %d times", id, n)
		}
	}
	if len(applied) != want {
		t.Errorf("%d changes are applied, want %d", len(applied), want)
	}
}

func TestWarmInvocations(t *testing.T) {
	t.Parallel()
	f := start(t, bundle(t, 3, ""))
	<-f.ready
	cold := f.invoke(apply, 30*time.Second)
	if cold.failed || !strings.Contains(cold.body, `"status":"SUCCESS"`) {
		t.Fatal(cold.body)
	}
	var warm time.Duration
	for i := range 20 {
		a := f.invoke(apply, 30*time.Second)
		if a.failed || !strings.Contains(a.body, `"status":"NO_CHANGES"`) {
			t.Fatal(a.body)
		}
		if warm += a.took; i == 0 {
			warm = a.took
		}
	}
	// Frozen between two invocations, as Lambda does with a process that nobody needs.
	f.signal(syscall.SIGSTOP)
	time.Sleep(1500 * time.Millisecond)
	f.signal(syscall.SIGCONT)
	if a := f.invoke(apply, 30*time.Second); a.failed || !strings.Contains(a.body, `"status":"NO_CHANGES"`) {
		t.Error(a.body)
	}
	t.Logf("init %s, first run %s, then %s each", f.initial.Round(time.Millisecond), cold.took.Round(time.Millisecond), (warm / 20).Round(time.Millisecond))
	if a := f.invoke(`{}`, 30*time.Second); !a.failed || !strings.Contains(a.body, `"errorType":"ConfigInvalid"`) {
		t.Error(a.body)
	}
	f.mu.Lock()
	if len(f.ext) != 1 { // without one there is no SIGTERM
		t.Errorf("extensions %v", f.ext)
	}
	f.mu.Unlock()
	appliedOnce(t, f, 3)
}

func TestFortyChangesInTwoSecondsEach(t *testing.T) {
	t.Parallel()
	feel(t).Try(t, soon, func(t testing.TB, limit time.Duration) {
		f := start(t, bundle(t, 40, ""))
		n, least := 0, time.Minute
		for ; n < 60; n++ {
			a := f.invoke(apply, limit)
			if !a.failed {
				break
			}
			if !strings.Contains(a.body, `"errorType":"DeadlineNear"`) {
				t.Fatal(a.body)
			}
			least = min(least, a.given-a.took)
		}
		t.Logf("%d invocations; the last to be ready was so %s before the end", n+1, least.Round(time.Millisecond))
		if n < int(2*soon/limit) {
			t.Error("the changes are too quick for this test")
		}
		appliedOnce(t, f, 40)
	})
}

// A process that Lambda gives several invocations at once: they wait their turn.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	f := start(t, bundle(t, 8, ""), "AWS_LAMBDA_MAX_CONCURRENCY=4")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if a, err := f.try(apply, 60*time.Second, nil); err != nil || a.failed {
				t.Errorf("%v %s", err, a.body)
			}
		})
	}
	wg.Wait()
	appliedOnce(t, f, 8)
}

// Half a second after SIGTERM the process would be killed: by then the outcome is
// recorded, and the lock is free.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 2, "")
	// A change that does not end by itself.
	long := "id: long\nauthor: tests\ntemplate: sql\ntargetSystem: db\napply: INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n"
	if err := os.WriteFile(filepath.Join(dir, "changes", "_0009__long.yaml"), []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	pulse := standstill.Feel(t, 8)
	pulse.AskDisk(t)
	pulse.TryFixed(t, 500*time.Millisecond, func(t testing.TB) {
		f := start(t, dir)
		var asked time.Time
		a, err := f.try(apply, 2*time.Minute, func() {
			for end := time.Now().Add(time.Minute); !strings.Contains(f.out.String(), `"change":"long"`) && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(time.Second) // to be in the middle of it
			asked = time.Now()
			f.signal(syscall.SIGTERM)
		})
		took := time.Since(asked)
		if err != nil || !a.failed || !strings.Contains(a.body, `"errorType":"Interrupted"`) {
			t.Fatalf("%v %s", err, a.body)
		}
		if took > 500*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		t.Logf("answered %s after SIGTERM", took.Round(time.Millisecond))
		f.stop()
		next := start(t, dir)
		if a := next.invoke(status, 30*time.Second); !strings.Contains(a.body, `"held":false`) || !strings.Contains(a.body, `"pending":["long"]`) {
			t.Error(a.body)
		}
	})
}

// A job is called back by the real client, wherever AWS_ENDPOINT_URL says.
func TestCallBackOfTheBinary(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var calls []string
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		calls = append(calls, r.Header.Get("X-Amz-Target")+" "+string(body))
		first := len(calls) == 1
		mu.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if first {
			w.WriteHeader(http.StatusInternalServerError)
		}
		io.WriteString(w, "{}")
	}))
	defer aws.Close()
	event, err := os.ReadFile("../events/samples/codepipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, bundle(t, 2, ""), "AWS_ENDPOINT_URL_CODEPIPELINE="+aws.URL)
	if a := f.invoke(string(event), 30*time.Second); a.failed {
		t.Fatal(a.body)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(calls) != 2 || !strings.Contains(calls[1], "PutJobSuccessResult") || !strings.Contains(calls[1], `"Applied":"2"`) {
		t.Errorf("%q", calls)
	}
}

// The audit store is a table of the simulator's.
func TestOnDynamoDB(t *testing.T) {
	t.Parallel()
	cfg := awstest.DynamoDB(t)
	table := fmt.Sprintf("flamingock-lambda-%d-%d", os.Getpid(), time.Now().UnixNano())
	if _, err := dynamo.Create(t.Context(), cfg, table, dynamo.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pulse := feel(t)
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	pulse.Ask(t, "DynamoDB", func(ctx context.Context) error {
		_, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
		return err
	})
	ledgers := 0
	pulse.Try(t, soon, func(t testing.TB, limit time.Duration) {
		ledgers++
		f := start(t, bundle(t, 12, ""), fmt.Sprintf("FLAMINGOCK_LEDGER=orders/%d", ledgers),
			"FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE="+table, "FLAMINGOCK_AUDITSTORE_DYNAMODB_REGION="+awstest.Region, "FLAMINGOCK_AUDITSTORE_DYNAMODB_ENDPOINT="+*cfg.BaseEndpoint,
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=") // DynamoDB Local keeps the tables of each key apart
		n := 1
		for ; n < 60; n++ {
			a := f.invoke(apply, limit)
			if !a.failed {
				break
			}
			if !strings.Contains(a.body, `"errorType":"DeadlineNear"`) {
				t.Fatal(a.body)
			}
		}
		a := f.invoke(apply, 30*time.Second)
		t.Logf("%d invocations; one with nothing to do takes %s", n, a.took.Round(time.Millisecond))
		appliedOnce(t, f, 12)
	})
}
