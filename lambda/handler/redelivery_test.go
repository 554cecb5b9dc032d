package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
)

func TestNextDelivery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		m     events.Message
		code  core.Code
		after time.Duration
		known bool
	}{
		{"no request at all", events.Message{Err: errDefinite}, core.CodeConfigInvalid, 0, true},
		{"out of time", events.Message{ReceiveCount: 4}, core.CodeDeadlineNear, 5 * time.Second, true},
		{"lock held", events.Message{ReceiveCount: 1}, core.CodeLockHeld, time.Minute, true},
		{"and again", events.Message{ReceiveCount: 2}, core.CodeLockHeld, 5 * time.Minute, true},
		{"and once more", events.Message{ReceiveCount: 3}, core.CodeUnavailable, 25 * time.Minute, true},
		{"for ever", events.Message{ReceiveCount: 4}, core.CodeLockHeld, 0, false},
		{"a count that nobody said", events.Message{}, core.CodeLockHeld, time.Minute, true},
		{"a count that nobody believes", events.Message{ReceiveCount: 1 << 40}, core.CodeLockHeld, 0, false},
		{"for a person", events.Message{ReceiveCount: 1}, core.CodeManualIntervention, 0, false},
		{"a failed change", events.Message{ReceiveCount: 1}, core.CodeChangeFailed, 0, false},
		{"half a second before the end", events.Message{ReceiveCount: 1}, core.CodeInterrupted, 0, false},
	} {
		if after, known := nextDelivery(&tt.m, tt.code); after != tt.after || known != tt.known {
			t.Errorf("%s: %s, %t; want %s, %t", tt.name, after, known, tt.after, tt.known)
		}
	}
}

// receipts gives the messages of a batch the handles that SQS gives them.
func receipts(t testing.TB, event string) string {
	t.Helper()
	var e struct{ Records []map[string]any }
	if err := json.Unmarshal([]byte(event), &e); err != nil {
		t.Fatal(err)
	}
	for i, r := range e.Records {
		r["receiptHandle"] = fmt.Sprint("handle-", i+1)
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// told is what the queue was told: handle and seconds of each message.
func told(calls []call) (ops, entries string) {
	var o, e []string
	for _, c := range calls {
		o = append(o, c.op)
		list, _ := c.body["Entries"].([]any)
		for _, x := range list {
			m, _ := x.(map[string]any)
			e = append(e, fmt.Sprintf("%v %vs", m["ReceiptHandle"], m["VisibilityTimeout"]))
		}
	}
	return strings.Join(o, " "), strings.Join(e, ", ")
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	const good, poison = `{"flamingock":"v1","operation":"apply"}`, `{"delete":"everything"}`
	pulse := feel(t)
	for name, tt := range map[string]struct {
		event  string
		within time.Duration // 0: two seconds, of which each change takes most
		act    func(context.Context, string) error
		held   bool
		want   string
	}{
		"all good":                   {batch(t, true, good, good), time.Minute, nil, false, ""},
		"poison on a FIFO queue":     {batch(t, true, good, poison, good), time.Minute, nil, false, "handle-2 0s, handle-3 0s"},
		"poison on a standard queue": {batch(t, false, poison, good, poison), time.Minute, nil, false, "handle-1 0s, handle-3 0s"},
		"out of time":                {batch(t, false, good, good), 0, nil, false, "handle-1 5s, handle-2 5s"},
		"lock held":                  {batch(t, true, good, good), time.Minute, nil, true, "handle-1 60s, handle-2 60s"},
		"a change that fails":        {batch(t, true, good, good), time.Minute, func(context.Context, string) error { return errDefinite }, false, ""},
		"more than one request":      {batch(t, false, strings.Split(strings.Repeat(poison+"\n", 12), "\n")[:12]...), time.Minute, nil, false, "handle-1 0s, handle-2 0s, handle-3 0s, handle-4 0s, handle-5 0s, handle-6 0s, handle-7 0s, handle-8 0s, handle-9 0s, handle-10 0s, handle-11 0s, handle-12 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pulse.Try(t, soon, func(t testing.TB, limit time.Duration) {
				w := newWorld(t, 3)
				if tt.held {
					hold(t, w)
				}
				if tt.act != nil {
					w.mem.set(nil, tt.act)
				}
				within := tt.within
				if within == 0 {
					within = limit
					w.mem.set(nil, func(context.Context, string) error { time.Sleep(limit * 65 / 100); return nil })
				}
				if _, errType, text := w.invoke(receipts(t, tt.event), within); errType != "" {
					t.Fatal(text)
				}
				ops, entries := told(w.cloud.drain())
				if entries != tt.want {
					t.Errorf("the queue was told %q, want %q", entries, tt.want)
				}
				if want := strings.TrimSpace(strings.Repeat("GetQueueUrl", min(len(entries), 1))); !strings.HasPrefix(ops, want) || strings.Count(ops, "GetQueueUrl") > 1 {
					t.Errorf("requests: %s", ops)
				}
			})
		})
	}
}

// What the queue refuses is logged, without the handle, and changes no answer.
func TestRedeliveryRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	event := receipts(t, batch(t, true, `{"delete":"everything"}`))
	const want = `{"batchItemFailures":[{"itemIdentifier":"m1"}]}`
	for _, f := range []fault{{http.StatusForbidden, "AccessDeniedException"}, {http.StatusInternalServerError, "InternalFailure"}} {
		w.cloud.failNext(f)
		if got, errType, text := w.invoke(event, time.Minute); got != want || errType != "" {
			t.Errorf("%s %s", got, text)
		}
	}
	if ops, _ := told(w.cloud.drain()); ops != "GetQueueUrl GetQueueUrl" {
		t.Errorf("requests: %s", ops)
	}
	if out := w.out.String(); strings.Count(out, "only after the queue's visibility timeout") != 2 || strings.Contains(out, "handle-1") {
		t.Error(out)
	}
	// The URL is asked for once.
	for range 2 {
		w.invoke(event, time.Minute)
	}
	if ops, _ := told(w.cloud.drain()); ops != "GetQueueUrl ChangeMessageVisibilityBatch ChangeMessageVisibilityBatch" {
		t.Errorf("requests: %s", ops)
	}
}
