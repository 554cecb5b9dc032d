package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// trigger is a kind of event and how its answer is read, in a word.
type trigger struct {
	name, sample string
	// code is the error of a call back that is not wanted any more; "" for triggers
	// that are not called back.
	code string
	read func(answer string, calls []call) string
}

func triggers() []trigger {
	answers := func(answer string, _ []call) string { return answer }
	return []trigger{
		{"codepipeline", "codepipeline", "InvalidJobStateException", readJob},
		{"codedeploy", "codedeploy", "LifecycleEventAlreadyCompletedException", func(_ string, c []call) string { return fmt.Sprint(c[0].body["status"]) }},
		{"cloudformation", "cloudformation-create", "AccessDenied", func(_ string, c []call) string { return fmt.Sprint(c[0].body["Status"]) }},
		{"task token", "stepfunctions-task-token", "TaskTimedOut", readTask},
		{"ecs", "ecs-pre-scale-up", "", func(answer string, _ []call) string {
			var a hookAnswer
			_ = json.Unmarshal([]byte(answer), &a)
			return a.Status
		}},
		{"eventbridge", "eventbridge", "", answers},
		{"sqs", "sqs", "", readBatch},
		{"sns", "sns", "", answers},
		{"direct", "direct", "", func(answer string, _ []call) string {
			var d struct {
				Success bool
				Data    struct{ Status string }
			}
			_ = json.Unmarshal([]byte(answer), &d)
			return d.Data.Status
		}},
	}
}

func readJob(_ string, c []call) string {
	switch body := c[0].body; {
	case body["continuationToken"] != nil:
		return "continues"
	case c[0].op == "PutJobSuccessResult":
		return "success"
	default:
		details, _ := body["failureDetails"].(map[string]any)
		return fmt.Sprint(details["type"])
	}
}

// answersOf leaves out what a queue is told: that is no answer.
func answersOf(calls []call) []call {
	return slices.DeleteFunc(calls, func(c call) bool { return c.op == "GetQueueUrl" || c.op == "ChangeMessageVisibilityBatch" })
}

func readTask(_ string, c []call) string {
	if c[0].op == "SendTaskSuccess" {
		return "success"
	}
	return fmt.Sprint(c[0].body["error"])
}

func readBatch(answer string, _ []call) string {
	var a batchAnswer
	if json.Unmarshal([]byte(answer), &a) != nil || a.Failures == nil {
		return "no answer: " + answer
	}
	return fmt.Sprintf("%d failed", len(a.Failures))
}

// wanted has a row for each trigger; !X is an error of type X.
func wanted() map[string]map[string]string {
	all := func(success, failed, manual, held, config, denied, panicked, deadline string) map[string]string {
		return map[string]string{
			"success": success, "nothing to do": success, "duplicate delivery": success, "change failed": failed, "manual intervention": manual,
			"lock held": held, "configuration error": config, "permission denied": denied, "panic": panicked, "deadline": deadline,
		}
	}
	return map[string]map[string]string{
		"codepipeline":   all("success", "JobFailed", "JobFailed", "SystemUnavailable", "ConfigurationError", "PermissionError", "JobFailed", "continues"),
		"codedeploy":     all("Succeeded", "Failed", "Failed", "Failed", "Failed", "Failed", "Failed", "Failed"),
		"cloudformation": all("SUCCESS", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED"),
		"task token":     all("success", "ChangeFailed", "ManualIntervention", "LockHeld", "ConfigInvalid", "PermissionDenied", "Internal", "DeadlineNear"),
		"ecs":            all("SUCCEEDED", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED", "IN_PROGRESS"),
		"eventbridge":    all("", "", "", "!LockHeld", "!ConfigInvalid", "!PermissionDenied", "!Internal", "!DeadlineNear"),
		"sqs":            all("0 failed", "1 failed", "1 failed", "1 failed", "1 failed", "1 failed", "1 failed", "1 failed"),
		"sns":            all("", "", "", "!LockHeld", "!ConfigInvalid", "!PermissionDenied", "!Internal", "!DeadlineNear"),
		"direct":         all("SUCCESS", "!ChangeFailed", "!ManualIntervention", "!LockHeld", "!ConfigInvalid", "!PermissionDenied", "!Internal", "!DeadlineNear"),
	}
}

func TestEveryTriggerAndOutcome(t *testing.T) {
	t.Parallel()
	pulse := feel(t)
	for _, tr := range triggers() {
		for outcome, want := range wanted()[tr.name] {
			t.Run(tr.name+"/"+outcome, func(t *testing.T) {
				t.Parallel()
				if tr.name == "direct" && (outcome == "nothing to do" || outcome == "duplicate delivery") {
					want = "NO_CHANGES"
				}
				pulse.Try(t, soon, func(t testing.TB, limit time.Duration) {
					w := newWorld(t, 2)
					within := prepare(t, w, tr, outcome, limit)
					w.cloud.drain()
					answer, errType, _ := w.invoke(sample(t, tr.sample), within)
					calls := answersOf(w.cloud.drain())
					got := "!" + errType
					if errType == "" {
						if n := len(calls); tr.code == "" && n != 0 || tr.code != "" && n != 1 {
							t.Fatalf("%d call backs: %v", n, calls)
						}
						got = tr.read(answer, calls)
					}
					if got != want {
						t.Errorf("got %q, want %q\n%s", got, want, w.out)
					}
					if n := len(w.mem.all()); outcome == "duplicate delivery" && n != 2 {
						standstill.Violated(t, "%d changes applied", n)
					}
					t.Logf("%-15s %-20s %s", tr.name, outcome, got)
				})
			})
		}
	}
}

// prepare brings the world into the state in which a trigger has an outcome. The limit
// is how long an invocation has that comes to its deadline.
func prepare(t testing.TB, w *world, tr trigger, outcome string, limit time.Duration) (within time.Duration) {
	t.Helper()
	refuse := func(context.Context, string) error { return errDefinite }
	switch outcome {
	case "nothing to do":
		w.invoke(sample(t, "direct"), time.Minute)
	case "duplicate delivery":
		w.invoke(sample(t, tr.sample), time.Minute)
		if tr.code != "" {
			w.cloud.failNext(fault{http.StatusBadRequest, tr.code})
			if tr.name == "cloudformation" { // takes the same answer as often as it is sent
				w.cloud.faults = nil
			}
		}
	case "change failed":
		w.mem.set(nil, refuse)
	case "manual intervention":
		w.mem.set(nil, refuse)
		w.invoke(sample(t, "direct"), time.Minute)
		w.mem.set(nil, nil)
	case "lock held":
		hold(t, w)
	case "configuration error":
		w.configure("ledger: orders/prod\nnonsense: true\n")
	case "permission denied":
		w.mem.set(func() error { return &core.PermissionError{System: "memory", Right: "to write"} }, nil)
	case "panic":
		w.mem.set(func() error { panic("hunter2 is in here") }, nil)
	case "deadline":
		w.mem.set(nil, func(context.Context, string) error { time.Sleep(limit * 65 / 100); return nil })
		return limit
	}
	return time.Minute
}

// hold lets another invocation of the same process hold the lock until the test ends.
func hold(t testing.TB, w *world) {
	t.Helper()
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	w.mem.set(nil, func(_ context.Context, id string) error {
		if id == "change-01" {
			close(begun)
			<-end
		}
		return nil
	})
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := w.h.Invoke(ctx, []byte(sample(t, "direct"))); err != nil {
			t.Error(err)
		}
	}()
	<-begun
	t.Cleanup(func() { close(end); <-ended })
}

// What a call back meets, and what comes of it.
func TestCallBacks(t *testing.T) {
	t.Parallel()
	pulse := feel(t)
	for _, tr := range triggers() {
		if tr.code == "" {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			pulse.Try(t, soon, func(t testing.TB, limit time.Duration) {
				w := newWorld(t, 2)
				event := sample(t, tr.sample)
				// A service that stumbles is asked again, in the same invocation.
				w.cloud.failNext(fault{500, "InternalFailure"}, fault{503, "ServiceUnavailable"})
				if _, errType, text := w.invoke(event, time.Minute); errType != "" {
					t.Fatal(text)
				}
				if calls := w.cloud.drain(); taken(calls) != 1 || len(calls) != 3 {
					t.Errorf("%v", calls)
				}
				// A refusal fails the invocation, so that Lambda tries again; that one finds
				// nothing to apply, and only answers.
				w.cloud.failNext(fault{403, "AccessDeniedException"})
				if _, errType, text := w.invoke(event, time.Minute); errType != "PermissionDenied" || !strings.Contains(text, "was not taken") {
					t.Errorf("%s: %s", errType, text)
				}
				if _, errType, text := w.invoke(event, time.Minute); errType != "" {
					t.Error(text)
				}
				if calls := w.cloud.drain(); taken(calls) != 1 || len(calls) != 2 {
					t.Errorf("%v", calls)
				}
				// Nobody waits any more: good.
				if tr.name != "cloudformation" {
					w.cloud.failNext(fault{400, tr.code})
					if _, errType, text := w.invoke(event, time.Minute); errType != "" || len(w.cloud.drain()) != 1 {
						t.Errorf("%s %s", errType, text)
					}
				}
				// A service that is gone costs no more time than there is.
				w.cloud.failNext(manyFaults()...)
				if _, errType, text := w.invoke(event, limit); errType != "Unavailable" {
					t.Errorf("%s: %s", errType, text)
				}
				if got := w.mem.all(); len(got) != 2 {
					standstill.Violated(t, "applied %v", got)
				}
			})
		})
	}
}

func manyFaults() []fault {
	out := make([]fault, 1000)
	for i := range out {
		out[i] = fault{500, "InternalFailure"}
	}
	return out
}

func taken(calls []call) (n int) {
	for _, c := range calls {
		if c.taken {
			n++
		}
	}
	return n
}
