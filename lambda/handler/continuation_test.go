package handler

import (
	"errors"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// FuzzContinuation reads any text as a token, which anybody can make up: it is
// refused with a word on what to do, or it is one of ours, and then the invocations
// that go on from it come to an end, whatever happens in them.
func FuzzContinuation(f *testing.F) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	first, err := readContinuation("", "orders/prod", now)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"", first.String(), "null", "{}", "[]", first.String() + "{}", `{"flamingock":"v2","ledger":"orders/prod","since":1,"count":0}`,
		`{"flamingock":"v1","ledger":"orders/other","since":1,"count":0}`, `{"flamingock":"v1","ledger":"orders/prod","since":1795341600000,"count":9223372036854775807}`,
		`{"flamingock":"v1","ledger":"orders/prod","since":1795341600000,"count":1,"idle":9223372036854775807}`,
		`{"flamingock":"v1","ledger":"orders/prod","since":1795341600000,"count":1,"held":1795341600000}`, `{"flamingock":"v1","ledger":"orders/prod","since":1e3,"count":-1}`,
	} {
		for _, events := range []string{"", "a", "aaaac", "bbb", "dddddddd", "abda"} {
			f.Add(text, events)
		}
	}
	cfg := &config.Config{}
	cfg.Lock.Wait = 3 * time.Minute
	f.Fuzz(func(t *testing.T, text, events string) {
		at := now
		c, err := readContinuation(text, "orders/prod", at)
		var ce *core.ConfigError
		if err != nil {
			if !errors.As(err, &ce) || ce.Hint() == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if c.Ledger != "orders/prod" || c.waited(at) < 0 {
			t.Errorf("%q: %+v", text, c)
		}
		for i := 0; ; i++ {
			if i > maxCount {
				t.Fatalf("%q: it goes on for ever: %+v", text, c)
			}
			event := byte('a')
			if len(events) > 0 {
				event = events[i%len(events)]
			}
			next, more := c.next(outcomeFor(event), cfg, at, at.Add(time.Second))
			if !more {
				return
			}
			if next.Count <= c.Count {
				t.Fatalf("%q: %+v is followed by %+v", text, c, next)
			}
			at = at.Add(10 * time.Minute)
			if c, err = readContinuation(next.String(), "orders/prod", at); err != nil || c != next {
				t.Fatalf("%q: %s is read as %+v, %v", text, next, c, err)
			}
		}
	})
}

// outcomeFor is how an invocation ended: d without progress, a with some, b at the
// lock of another, c for good.
func outcomeFor(event byte) *outcome {
	code, applied := core.CodeDeadlineNear, 0
	switch event % 4 {
	case 'a' % 4:
		applied = 1
	case 'b' % 4:
		code = core.CodeLockHeld
	case 'c' % 4:
		code = core.CodeChangeFailed
	}
	return &outcome{
		doc:   operation.Document{Error: &operation.Failure{Code: code}},
		apply: &operation.ApplyData{Counts: map[run.ChangeStatus]int{run.ChangeApplied: applied}},
	}
}
