package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/app/operation"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// job is a CodePipeline job with a continuation token.
func job(t testing.TB, id, token string) string {
	t.Helper()
	var e map[string]map[string]any
	if err := json.Unmarshal([]byte(sample(t, "codepipeline")), &e); err != nil {
		t.Fatal(err)
	}
	e["CodePipeline.job"]["id"] = id
	if token != "" {
		e["CodePipeline.job"]["data"].(map[string]any)["continuationToken"] = token
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// hook is an ECS deployment's event with the details of the answer before.
func hook(t testing.TB, name, details string) string {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal([]byte(sample(t, name)), &e); err != nil {
		t.Fatal(err)
	}
	if details != "" {
		e["hookDetails"] = json.RawMessage(details)
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Forty changes of 120 ms do not fit into two seconds. They are all applied, once,
// by as many invocations as it takes.
func TestFortyChanges(t *testing.T) {
	t.Parallel()
	const most = 20
	pulse := feel(t)
	for name, step := range map[string]func(t testing.TB, w *world, limit time.Duration, state *string) (more bool){
		"codepipeline": func(t testing.TB, w *world, limit time.Duration, token *string) bool {
			if _, errType, text := w.invoke(job(t, "job-"+fmt.Sprint(time.Now().UnixNano()), *token), limit); errType != "" {
				t.Fatal(text)
			}
			calls := w.cloud.drain()
			if len(calls) != 1 || calls[0].op != "PutJobSuccessResult" {
				t.Fatalf("%v", calls)
			}
			next, more := calls[0].body["continuationToken"].(string)
			if _, both := calls[0].body["outputVariables"]; both == more {
				t.Errorf("output variables: %t, a token: %t", both, more)
			}
			*token = next
			return more
		},
		"ecs": func(t testing.TB, w *world, limit time.Duration, details *string) bool {
			answer, _, text := w.invoke(hook(t, "ecs-pre-scale-up", *details), limit)
			var a hookAnswer
			if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Status == hookFailed {
				t.Fatal(answer, text)
			}
			*details = string(a.Detail)
			return a.Status == hookInProgress
		},
		"sqs": func(t testing.TB, w *world, limit time.Duration, _ *string) bool {
			answer, _, _ := w.invoke(sample(t, "sqs"), limit)
			return answer != `{"batchItemFailures":[]}`
		},
		"direct": func(t testing.TB, w *world, limit time.Duration, _ *string) bool {
			_, errType, text := w.invoke(sample(t, "direct"), limit)
			if errType == "" {
				return false
			}
			_, doc, _ := strings.Cut(text, "\n{")
			if errType != "DeadlineNear" || !strings.HasPrefix(text, "INCOMPLETE: ") || !strings.Contains(doc, `"status":"INCOMPLETE"`) {
				t.Fatalf("%s: %s", errType, text)
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pulse.Try(t, soon, func(t testing.TB, limit time.Duration) {
				w := newWorld(t, 40)
				w.mem.set(nil, func(context.Context, string) error { time.Sleep(limit * 6 / 100); return nil })
				state, n := "", 1
				for step(t, w, limit, &state) {
					if n++; n > most {
						t.Fatal("it does not end")
					}
					// The lock is free: the next one need not wait for a lease to end.
					if answer, _, text := w.invoke(sample(t, "direct-status"), time.Minute); !strings.Contains(answer, `"held":false`) {
						t.Errorf("between invocations: %s%s", answer, text)
					}
				}
				got := w.mem.all()
				if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
					standstill.Violated(t, "applied %v", got)
				}
				if len(got) != 40 {
					t.Errorf("applied %v", got)
				}
				if n < 3 {
					t.Errorf("only %d invocations", n)
				}
				t.Logf("%d invocations", n)
			})
		})
	}
}

// A lock that somebody holds is waited for over several invocations, for as long as
// lock.wait says.
func TestLockHeldGoesOn(t *testing.T) {
	t.Parallel()
	feel(t).Try(t, soon, func(t testing.TB, limit time.Duration) {
		w := newWorld(t, 2)
		w.configure(strings.Replace(plainConfig, "wait: 0s", fmt.Sprintf("wait: %s, lease: 1m", limit*3/2), 1))
		hold(t, w)
		token, n := "", 0
		for began := time.Now(); ; n++ {
			if _, errType, text := w.invoke(job(t, fmt.Sprint("job-", n), token), limit); errType != "" {
				t.Fatal(text)
			}
			body := w.cloud.drain()[0].body
			next, more := body["continuationToken"].(string)
			if token = next; more {
				continue
			}
			details, _ := body["failureDetails"].(map[string]any)
			if waited := time.Since(began); waited < limit || !strings.HasPrefix(fmt.Sprint(details["message"]), "LockHeld: ") {
				t.Errorf("after %s: %v", waited, details)
			}
			break
		}
		if n == 0 {
			t.Error("it did not go on")
		}
	})
}

func TestForeignContinuations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for _, token := range []string{
		"execution 1", "{}", `{"flamingock":"v9","ledger":"orders/prod","since":1,"count":1}`, `{"flamingock":"v1","ledger":"other","since":1,"count":1}`,
		`{"flamingock":"v1","ledger":"orders/prod","since":1,"count":-1}`, `{"flamingock":"v1","ledger":"orders/prod","since":99999999999999,"count":1}`,
		`{"flamingock":"v1","ledger":"orders/prod","since":1,"count":1,"operation":"issue resolve"}`, `{"flamingock":"v1","ledger":"orders/prod","since":1,"count":1}{}`,
		strings.Repeat(" ", 1500),
	} {
		w.invoke(job(t, "j", token), time.Minute)
		if got := readJob("", w.cloud.drain()); got != "ConfigurationError" || len(w.mem.all()) != 0 {
			t.Errorf("%s: %s, %v", token, got, w.mem.all())
		}
	}
	// What the hook itself was configured with is not ours to judge.
	if answer, _, _ := w.invoke(hook(t, "ecs-pre-scale-up", `{"team":"payments"}`), time.Minute); !strings.Contains(answer, hookSucceeded) {
		t.Error(answer)
	}
	if answer, _, _ := w.invoke(hook(t, "ecs-pre-scale-up", `{"flamingock":"v1","ledger":"other","since":1,"count":1}`), time.Minute); !strings.Contains(answer, hookFailed) {
		t.Error(answer)
	}
}

// A chain ends: when nothing moves any more, when it is too long, too old.
func TestChainEnds(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_795_000_000_000)
	cfg := &config.Config{Lock: config.Lock{Wait: time.Minute}}
	because := func(c core.Code) *outcome {
		return &outcome{doc: operation.Document{Error: &operation.Failure{Code: c}}}
	}
	worked := because(core.CodeDeadlineNear)
	worked.apply = &operation.ApplyData{Counts: map[runStatus]int{"APPLIED": 1}}
	fresh := continuation{Version: "v1", Ledger: "l", Since: now.UnixMilli()}
	with := func(f func(*continuation)) continuation { c := fresh; f(&c); return c }
	for name, tt := range map[string]struct {
		c    continuation
		o    *outcome
		more bool
		want continuation
	}{
		"done":           {fresh, &outcome{}, false, fresh},
		"failed":         {fresh, because(core.CodeChangeFailed), false, fresh},
		"out of time":    {fresh, because(core.CodeDeadlineNear), true, with(func(c *continuation) { c.Count, c.Idle = 1, 1 })},
		"some applied":   {with(func(c *continuation) { c.Idle = 4 }), worked, true, with(func(c *continuation) { c.Count = 1 })},
		"nothing moves":  {with(func(c *continuation) { c.Idle = maxIdle - 1 }), because(core.CodeDeadlineNear), false, with(func(c *continuation) { c.Count, c.Idle = 1, maxIdle })},
		"locked":         {fresh, because(core.CodeLockHeld), true, with(func(c *continuation) { c.Count, c.Held = 1, now.UnixMilli() })},
		"locked so long": {with(func(c *continuation) { c.Held = now.Add(-time.Minute).UnixMilli() }), because(core.CodeLockHeld), false, with(func(c *continuation) { c.Count, c.Held = 1, now.Add(-time.Minute).UnixMilli() })},
		"too many":       {with(func(c *continuation) { c.Count = maxCount }), worked, false, with(func(c *continuation) { c.Count = maxCount + 1 })},
		"too old":        {with(func(c *continuation) { c.Since = now.Add(-25 * time.Hour).UnixMilli() }), worked, false, with(func(c *continuation) { c.Count, c.Since = 1, now.Add(-25*time.Hour).UnixMilli() })},
	} {
		got, more := tt.c.next(tt.o, cfg, now, now)
		if more != tt.more || got != tt.want {
			t.Errorf("%s: %t %+v, want %t %+v", name, more, got, tt.more, tt.want)
		}
		if !more {
			continue // it is handed to nobody
		}
		if back, err := readContinuation(got.String(), "l", now); err != nil || back != got || len(got.String()) > 512 {
			t.Errorf("%s: %v %+v", name, err, back)
		}
	}
}

// A change that does not notice the deadline is recorded all the same, and what comes
// after it is left to the next invocation.
func TestOvertakenByTheDeadline(t *testing.T) {
	t.Parallel()
	feel(t).Try(t, 2*soon, func(t testing.TB, limit time.Duration) {
		w := newWorld(t, 2)
		w.mem.set(nil, func(context.Context, string) error { time.Sleep(limit * 8 / 10); return nil })
		if _, errType, text := w.invoke(sample(t, "direct"), limit); errType != "DeadlineNear" {
			t.Errorf("%s %s", errType, text)
		}
		if got, _, text := w.invoke(sample(t, "direct-status"), time.Minute); !strings.Contains(got, `"pending":["change-02"]`) {
			t.Errorf("%s%s", got, text)
		}
	})
}
