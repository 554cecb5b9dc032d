package handler

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// beats counts the signs of life, all of which must come before the answer.
func beats(t testing.TB, calls []call) int {
	t.Helper()
	if len(calls) == 0 || calls[len(calls)-1].op != "SendTaskSuccess" {
		t.Fatalf("the last call is no answer: %v", calls)
	}
	if i := slices.IndexFunc(calls, func(c call) bool { return c.op != "SendTaskHeartbeat" }); i != len(calls)-1 {
		t.Errorf("call %d of %d is %s", i, len(calls), calls[i].op)
	}
	return len(calls) - 1
}

func (c *cloud) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// until holds a change until the cloud was called n times.
func until(w *world, n int) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		for w.cloud.count() < n && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		return ctx.Err()
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.h.beatEvery = 10 * time.Millisecond
	event := sample(t, "stepfunctions-task-token")
	// What may pass is passed over.
	w.cloud.failNext(fault{500, "InternalFailure"}, fault{400, "ThrottlingException"})
	w.mem.set(nil, until(w, 5))
	if _, errType, text := w.invoke(event, time.Minute); errType != "" {
		t.Fatal(text)
	}
	calls := w.cloud.drain()
	if n := beats(t, calls); n < 5 || calls[0].body["taskToken"] == nil {
		t.Errorf("%d signs of life: %v", n, calls)
	}
	// No sign comes after the answer.
	time.Sleep(50 * time.Millisecond)
	if calls := w.cloud.drain(); len(calls) != 0 {
		t.Errorf("%v", calls)
	}
}

// Refused or too late, there is one sign and no more, and the run goes on.
func TestHeartbeatIsRefused(t *testing.T) {
	t.Parallel()
	for code, says := range map[string]string{"AccessDeniedException": "gets no heartbeat", "TaskTimedOut": "the run goes on", "InvalidToken": "gets no heartbeat"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.h.beatEvery = 10 * time.Millisecond
			w.cloud.failNext(fault{http.StatusBadRequest, code})
			w.mem.set(nil, func(ctx context.Context, id string) error {
				err := until(w, 1)(ctx, id)
				time.Sleep(50 * time.Millisecond) // time for more
				return err
			})
			if _, errType, text := w.invoke(sample(t, "stepfunctions-task-token"), time.Minute); errType != "" {
				t.Fatal(text)
			}
			if n := beats(t, w.cloud.drain()); n != 1 {
				t.Errorf("%d signs of life", n)
			}
			if out := w.out.String(); !strings.Contains(out, says) || strings.Contains(out, "example-task-token") {
				t.Error(out)
			}
			if got := w.mem.all(); len(got) != 2 {
				t.Errorf("applied: %v", got)
			}
		})
	}
}
