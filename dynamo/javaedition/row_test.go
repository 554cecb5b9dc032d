package javaedition

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/dynamo/javaedition/javatest"
)

func TestLocalDateTime(t *testing.T) {
	for _, text := range []string{"2025-07-01T10:00", "2025-07-01T10:00:07", "2025-07-01T10:00:07.120", "2025-07-01T10:00:07.120034", "2025-07-01T10:00:07.120034056"} {
		at, err := parseLocal(text)
		if err != nil || javatest.LocalDateTime(at) != text {
			t.Errorf("%s: %v, %v", text, at, err)
		}
	}
	for _, text := range []string{"", "2025-07-01", "2025-07-01 10:00:00", "2025-07-01T10:00:00+02:00", "2025-13-01T10:00", "now", "0000-01-01T00:30", "9999-12-31T23:30:00"} {
		if at, err := parseLocal(text); err == nil {
			t.Errorf("%q is read as %v", text, at)
		}
	}
}

func TestInstant(t *testing.T) {
	for _, c := range []struct {
		local, want string
		sure        bool
	}{
		{"2025-07-01T10:00", "2025-07-01T08:00:00Z", true},
		{"2025-01-01T10:00", "2025-01-01T09:00:00Z", true},
		{"2025-03-30T01:59", "2025-03-30T00:59:00Z", true},
		{"2025-03-30T02:30", "", false}, // there is no such time
		{"2025-03-30T03:00", "2025-03-30T01:00:00Z", true},
		{"2025-10-26T01:59", "2025-10-25T23:59:00Z", true},
		{"2025-10-26T02:30", "", false}, // twice
		{"2025-10-26T03:00", "2025-10-26T02:00:00Z", true},
	} {
		local, err := parseLocal(c.local)
		if err != nil {
			t.Fatal(err)
		}
		at, sure := instant(local, madrid(t))
		if sure != c.sure || c.want != "" && at.Format(time.RFC3339) != c.want {
			t.Errorf("%s: %v, %v; want %s, %v", c.local, at, sure, c.want, c.sure)
		}
	}
	local := time.Date(2025, 10, 26, 2, 30, 0, 0, time.UTC)
	if at, sure := instant(local, time.UTC); !sure || !at.Equal(local) {
		t.Errorf("UTC: %v, %v", at, sure)
	}
}

// At the same time the state that comes later in a change's life happened later.
func TestOrder(t *testing.T) {
	row := func(id string, s core.State, at time.Time) Row {
		return Row{Key: id + string(s), local: at, Entry: core.Entry{ChangeID: id, State: s}}
	}
	rows := []Row{
		row("b", core.StateStarted, began), row("a", core.StateRolledBack, began), row("a", core.StateFailed, began), row("a", core.StateManualMarkedApplied, began.Add(-1)),
		row("a", core.StateStarted, began), row("b", core.StateApplied, began),
	}
	slices.SortFunc(rows, happened)
	var got []string
	for _, r := range rows {
		got = append(got, r.Key)
	}
	if d := cmp.Diff([]string{"aMANUAL_MARKED_AS_APPLIED", "aSTARTED", "aFAILED", "aROLLED_BACK", "bSTARTED", "bAPPLIED"}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestEntryError(t *testing.T) {
	long := strings.Repeat("é", 20_000)
	for _, c := range []struct {
		name, trace string
		want        *core.EntryError
	}{
		{"none", " ", nil},
		{"whole", `{"type":"T","message":"m","rootCause":"c","stackTrace":["a","b"]}`, &core.EntryError{Type: "T", Message: "m", Causes: []string{"c"}}},
		{"cause is the error", `{"type":"T","message":"m","rootCause":"m"}`, &core.EntryError{Type: "T", Message: "m"}},
		{"cause is an object", `{"type":"T","message":"m","rootCause":{"type":"R","message":"r"}}`, &core.EntryError{Type: "T", Message: "m", Causes: []string{"R: r"}}},
		{"nulls", `{"type":"T","message":null,"rootCause":null}`, &core.EntryError{Type: "T"}},
		{"cut in the trace", `{"type":"T","message":"m","rootCause":"c","stackTrace":["a","b`, &core.EntryError{Type: "T", Message: "m", Causes: []string{"c"}}},
		{"cut in the message", `{"type":"T","message":"it is lo`, &core.EntryError{Type: "T", Message: "it is lo"}},
		{"no JSON", "java.lang.RuntimeException: boom", &core.EntryError{Type: "java", Message: "java.lang.RuntimeException: boom"}},
		{"another JSON", `{"a":1}`, &core.EntryError{Type: "java", Message: `{"a":1}`}},
		{"long", `{"type":"T","message":"` + long + `"}`, &core.EntryError{Type: "T", Message: core.Cap(long, maxMessage)}},
	} {
		if d := cmp.Diff(c.want, entryError(c.trace)); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, d)
		}
	}
}

// FuzzTrace: no text may do harm, and what is kept is bounded.
func FuzzTrace(f *testing.F) {
	f.Add(`{"type":"T","message":"m","rootCause":{"type":"R"},"stackTrace":["a"]}`)
	f.Add(`{"message":"it is lo`)
	f.Fuzz(func(t *testing.T, trace string) {
		e := entryError(trace)
		if e == nil {
			return
		}
		if len(e.Type) > maxType || len(e.Message) > maxMessage || len(e.Causes) > 1 || e.Type == "" {
			t.Errorf("%+v", e)
		}
	})
}
