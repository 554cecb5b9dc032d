package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

type runStatus = run.ChangeStatus

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Who waits for nothing, or for a stage that is not for changes, gets none applied.
func TestNothingIsApplied(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ event, answer, errType string }{
		"ecs, another stage":  {sample(t, "ecs-production-shift"), `{"hookStatus":"SUCCEEDED"}`, ""},
		"ecs, rollback":       {sample(t, "ecs-rollback"), `{"hookStatus":"SUCCEEDED"}`, ""},
		"ecs, unknown stage":  {strings.Replace(sample(t, "ecs-pre-scale-up"), "PRE_SCALE_UP", "POST_EVERYTHING", 1), `{"hookStatus":"FAILED"}`, ""},
		"eventbridge, other":  {strings.Replace(sample(t, "eventbridge"), "aws.codepipeline", "aws.other", 1), "", "ConfigInvalid"},
		"empty":               {``, "", "ConfigInvalid"},
		"an empty object":     {`{}`, "", "ConfigInvalid"},
		"null":                {`null`, "", "ConfigInvalid"},
		"unknown":             {`{"hello":"world"}`, "", "ConfigInvalid"},
		"another ledger":      {`{"flamingock":"v1","operation":"apply","ledger":"orders/test"}`, "", "ConfigInvalid"},
		"two kinds at once":   {`{"flamingock":"v1","operation":"apply","DeploymentId":"d","LifecycleEventHookExecutionId":"e"}`, "", "ConfigInvalid"},
		"sqs, more than runs": {batch(t, false, `{"flamingock":"v1","operation":"status"}`), `{"batchItemFailures":[{"itemIdentifier":"m1"}]}`, ""},
	} {
		w := newWorld(t, 1)
		answer, errType, text := w.invoke(tt.event, time.Minute)
		if answer != tt.answer || errType != tt.errType || len(w.mem.all()) != 0 {
			t.Errorf("%s: %s %s %s, applied %v", name, answer, errType, text, w.mem.all())
		}
	}
}

func TestCloudFormation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.invoke(sample(t, "cloudformation-delete"), time.Minute)
	calls := w.cloud.drain()
	if len(w.mem.all()) != 0 || len(calls) != 1 || calls[0].body["Status"] != "SUCCESS" || calls[0].typ != "" {
		t.Errorf("%v %v", calls, w.mem.all())
	}
	var sent struct{ LogicalResourceID, StackID, PhysicalResourceID string }
	if err := json.Unmarshal([]byte(strings.NewReplacer("LogicalResourceId", "LogicalResourceID", "PhysicalResourceId", "PhysicalResourceID").Replace(sample(t, "cloudformation-update"))), &sent); err != nil {
		t.Fatal(err)
	}
	w.invoke(sample(t, "cloudformation-create"), time.Minute)
	if b := w.cloud.drain()[0].body; b["PhysicalResourceId"] != "flamingock/orders/prod/"+sent.LogicalResourceID || b["Data"].(map[string]any)["Applied"] != "2" {
		t.Errorf("%v", b)
	}
	w.invoke(sample(t, "cloudformation-update"), time.Minute)
	if b := w.cloud.drain()[0].body; b["PhysicalResourceId"] != sent.PhysicalResourceID || b["Status"] != "SUCCESS" {
		t.Errorf("%v", b)
	}
	// Not a place that S3 would sign for: nobody is told.
	if _, errType, _ := w.invoke(strings.Replace(sample(t, "cloudformation-create"), ".amazonaws.com", ".example.com", 1), time.Minute); errType != "ConfigInvalid" || len(w.cloud.drain()) != 0 {
		t.Error(errType)
	}
	long := stackAnswer{Status: "FAILED", Reason: strings.Repeat("\"ä\n", 4000), StackID: strings.Repeat("s", 1024), PhysicalResourceID: strings.Repeat("p", 1024)}
	if body := long.encode(); len(body) > maxStackAnswer || !json.Valid(body) || len(body) < 3000 {
		t.Errorf("%d bytes", len(body))
	}
}

// batch is a batch of apply requests of a FIFO or a standard queue.
func batch(t testing.TB, fifo bool, bodies ...string) string {
	t.Helper()
	arn := "arn:aws:sqs:eu-west-1:123456789012:requests"
	if fifo {
		arn += ".fifo"
	}
	var records []map[string]any
	for i, b := range bodies {
		records = append(records, map[string]any{"messageId": fmt.Sprint("m", i+1), "body": b, "eventSource": "aws:sqs", "eventSourceARN": arn})
	}
	out, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	const good, poison = `{"flamingock":"v1","operation":"apply"}`, `{"delete":"everything"}`
	w := newWorld(t, 1)
	for want, event := range map[string]string{
		`{"batchItemFailures":[{"itemIdentifier":"m2"}]}`:                         batch(t, false, good, poison, good),
		`{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m3"}]}`: batch(t, true, good, poison, good),
		`{"batchItemFailures":[]}`:                                                batch(t, true, good, good),
		`{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`: batch(t, true, poison, good),
	} {
		if got, errType, _ := w.invoke(event, time.Minute); got != want || errType != "" {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := w.mem.all(); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// Everything but apply, with the documents of the command line.
func TestOtherOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.mem.set(nil, func(context.Context, string) error { return errDefinite })
	w.invoke(sample(t, "direct"), time.Minute)
	for op, want := range map[string]string{
		`plan"`: `"decision":"MANUAL_INTERVENTION"`, `status"`: `"issues":[{"changeId":"change-01"`, `validate"`: `"changes":2`,
		`audit list", "history": true`: `"entries":[{"seq":1,`, `issue list"`: `"issues":[{"changeId":"change-01"`, `issue get", "changeId": "change-01"`: `"changeId":"change-01"`,
	} {
		if !strings.HasSuffix(op, `"`) && !strings.Contains(op, ":") {
			op += `"`
		}
		got, errType, text := w.invoke(`{"flamingock":"v1","operation":"`+op+`}`, time.Minute)
		if errType != "" || !strings.Contains(got, want) || !strings.HasPrefix(got, `{"success":true,"operation":"`) {
			t.Errorf("%s: %s%s", op, got, text)
		}
	}
	if _, errType, text := w.invoke(`{"flamingock":"v1","operation":"validate","applied":true}`, time.Minute); errType != "ManualIntervention" {
		t.Errorf("%s %s", errType, text)
	}
	got, _, text := w.invoke(`{"flamingock":"v1","operation":"issue resolve","changeId":"change-01","as":"rolled-back","reason":"it says no"}`, time.Minute)
	if !strings.Contains(got, "MANUAL_MARKED_AS_ROLLED_BACK") || !strings.Contains(got, `"principal":"arn:aws:lambda:`) {
		t.Errorf("%s%s", got, text)
	}
	w.mem.set(nil, nil)
	if got, _, text := w.invoke(sample(t, "direct"), time.Minute); !strings.Contains(got, `"status":"SUCCESS"`) {
		t.Errorf("%s%s", got, text)
	}
	w.invoke(sample(t, "stepfunctions-task-token"), time.Minute)
	if c := w.cloud.drain(); len(c) != 1 || !strings.Contains(fmt.Sprint(c[0].body["output"]), `"status":"NO_CHANGES"`) {
		t.Errorf("%v", c)
	}
}

// Several at once in one process: one runs, the others wait their turn, and each
// change is applied once.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	w.configure(strings.Replace(plainConfig, "wait: 0s", "wait: 1m", 1))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := w.h.Invoke(ctx, []byte(sample(t, "direct"))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := w.mem.all(); len(got) != 5 {
		t.Errorf("%v", got)
	}
}

// An invocation leaves nothing running behind.
func TestNothingOutlives(t *testing.T) {
	w := newWorld(t, 3)
	w.cloud.Config.SetKeepAlivesEnabled(false)
	w.invoke(sample(t, "codepipeline"), time.Minute)
	time.Sleep(50 * time.Millisecond)
	before := runtime.NumGoroutine()
	for i := range 10 {
		w.invoke(sample(t, []string{"codepipeline", "direct", "sqs", "cloudformation-create", "ecs-pre-scale-up"}[i%5]), time.Minute)
		for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); { // of the fake's own connections
			time.Sleep(5 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > before {
			buf := make([]byte, 64<<10)
			t.Fatalf("%d goroutines, %d before\n%s", n, before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// Asked to stop, the running change is cancelled at once and its outcome recorded.
func TestStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	stop := make(chan struct{})
	w.h.proc.Stop = stop
	begun := make(chan struct{})
	w.mem.set(nil, func(ctx context.Context, id string) error {
		if id != "change-02" {
			return nil
		}
		close(begun)
		<-ctx.Done()
		return nil
	})
	go func() { <-begun; close(stop) }()
	began := time.Now()
	_, errType, text := w.invoke(sample(t, "direct"), time.Minute)
	if took := time.Since(began); errType != "Interrupted" && errType != "ManualIntervention" || took > 40*time.Second {
		t.Errorf("after %s: %s %s", took, errType, text)
	}
	if got, _, _ := w.invoke(sample(t, "direct-status"), time.Minute); got != "" {
		t.Errorf("a process that was asked to stop still works: %s", got)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for given, want := range map[time.Duration][2]time.Duration{
		2 * time.Second:  {1500 * time.Millisecond, 1900 * time.Millisecond},
		3 * time.Second:  {2250 * time.Millisecond, 2850 * time.Millisecond},
		time.Minute:      {58 * time.Second, 59600 * time.Millisecond},
		15 * time.Minute: {885 * time.Second, 897 * time.Second},
	} {
		got := share(now, now.Add(given))
		if s, h := got.soft.Sub(now), got.hard.Sub(now); s != want[0] || h != want[1] {
			t.Errorf("%s: %s and %s", given, s, h)
		}
	}
}

// What is too large for an answer is cut, and says so.
func TestSizes(t *testing.T) {
	t.Parallel()
	o := &outcome{
		ledger: "l",
		apply:  &operation.ApplyData{Status: "FAILED", ExecutionID: "x", Counts: map[runStatus]int{"APPLIED": 1}},
		doc:    operation.Document{Operation: "apply", Error: &operation.Failure{Code: core.CodeChangeFailed, Message: strings.Repeat("ä", 40_000), Hint: strings.Repeat("x", 9000)}},
	}
	for i := range 60_000 {
		o.apply.Stages = append(o.apply.Stages, operation.StageData{Name: fmt.Sprint("a stage with a name that is not short, number ", i), Changes: []operation.ChangeData{}})
	}
	o.doc.Data = o.apply
	for limit, cut := range map[int]bool{maxResult: false, maxTaskOutput: true, maxMessage / 2: true} {
		got := o.document(limit)
		if !json.Valid(got) || len(got) > limit || bytes.Contains(got, []byte("was cut")) != cut {
			t.Errorf("%d bytes of %d", len(got), limit)
		}
	}
	if text := o.asError().Error(); len(text) > 2*maxMessage+1000 {
		t.Errorf("%d bytes", len(text))
	}
	if o.document(100) != nil {
		t.Error("a document of more than its limit")
	}
	for _, c := range []core.Code{"ConfigInvalid", "PermissionDenied", "LockHeld", "ChangeFailed"} {
		if failureType(c) == "" {
			t.Error(c)
		}
	}
}

// The stages of an ECS deployment are listed in two packages, which know nothing of
// each other.
func TestStagesAgree(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range events.Stages() {
		names = append(names, string(s))
	}
	if fmt.Sprint(names) != fmt.Sprint(config.ECSStages()) {
		t.Errorf("%v and %v", names, config.ECSStages())
	}
}

// Canaries: what is secret in events, environment and target systems is nowhere in
// what the function says, whatever happens.
func TestCanaries(t *testing.T) {
	t.Parallel()
	const secret = "canary-in-the-environment-8d1f"
	w := newWorld(t, 2)
	w.env["APP_PASSWORD"], w.env["AWS_SECRET_ACCESS_KEY"], w.env["AWS_LAMBDA_LOG_LEVEL"] = secret, "canary-of-aws-77", "DEBUG"
	p := w.h.program
	p.Stages[0].Changes[0].References = []core.Reference{{Scheme: "env", Key: "APP_PASSWORD"}}
	p.Stages[0].Changes[0].Apply = core.Step{Do: func(ctx context.Context, s *core.Session) error {
		text, err := s.Resolve(ctx, "${env:APP_PASSWORD}")
		if err != nil {
			return err
		}
		s.Progress(core.Progress{Text: "connecting with " + text})
		return fmt.Errorf("cannot log in with password %s", text)
	}}
	w.h = w.handler(p)
	var said strings.Builder
	entries, err := os.ReadDir("../../events/samples")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range entries {
		name := strings.TrimSuffix(f.Name(), ".json")
		for _, faults := range [][]fault{nil, {{http.StatusForbidden, "AccessDeniedException"}}, manyFaults()[:2]} {
			w.cloud.failNext(faults...)
			answer, errType, text := w.invoke(sample(t, name), time.Minute)
			fmt.Fprintln(&said, answer, errType, text)
			w.cloud.mu.Lock()
			w.cloud.faults = nil
			w.cloud.mu.Unlock()
		}
	}
	for _, c := range w.cloud.drain() {
		for key, value := range c.body {
			if key != "taskToken" { // whose it is
				fmt.Fprintln(&said, value)
			}
		}
	}
	said.WriteString(w.out.String())
	for _, canary := range []string{
		secret, "canary-of-aws", "EXAMPLE-ACCESS-KEY-ID", "example/secret/access/key", "example-session-token", "example-task-token", "X-Amz-Signature", "cloudformation-custom-resource-response",
	} {
		if i := strings.Index(said.String(), canary); i >= 0 {
			t.Errorf("%s: …%s…", canary, said.String()[max(0, i-300):min(said.Len(), i+200)])
		}
	}
	if !strings.Contains(said.String(), "cannot log in") {
		t.Error("the canary was never near: " + core.Cap(said.String(), 2000))
	}
}

// Metrics are one line of CloudWatch's embedded format for each run, with the names
// that the alarms of infra/template.yaml hold on to.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	var out lines
	w.h.metrics.out = &out
	w.invoke(sample(t, "direct"), time.Minute)
	w.invoke(sample(t, "direct-plan"), time.Minute)
	var got struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
		Ledger                                       string
		ChangesApplied, ChangesFailed, LockContended *int
		RunDurationMs                                *int
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("not one line: %v\n%s", err, out.String())
	}
	if len(got.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("%+v", got)
	}
	m := got.AWS.CloudWatchMetrics[0]
	if m.Namespace != "Flamingock" || fmt.Sprint(m.Dimensions) != "[[Ledger]]" || len(m.Metrics) != 4 || got.Ledger != "orders/prod" || *got.ChangesApplied != 2 || *got.ChangesFailed+*got.LockContended != 0 || got.RunDurationMs == nil {
		t.Errorf("%s", out.String())
	}
	template, err := os.ReadFile("../../infra/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{metricFailed, metricContended, metricDuration} {
		if !bytes.Contains(template, []byte("MetricName: "+name)) {
			t.Errorf("no alarm is on %s", name)
		}
	}
}
