package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

func TestCodeOf(t *testing.T) {
	held := &core.HeldError{Ledger: "l"}
	failed := &core.ChangeError{ChangeID: "c", Err: errors.New("no")}
	waits := &core.InterventionError{Issues: []core.Issue{{ChangeID: "x"}}}
	for _, tc := range []struct {
		name string
		err  error
		code core.Code
		exit int
	}{
		{"nil", nil, "", 0},
		{"unclassified", errors.New("x"), core.CodeInternal, 70},
		{"wrapped", fmt.Errorf("x: %w", held), core.CodeLockHeld, 75},
		{"lease lost", fmt.Errorf("x: %w", core.ErrLeaseLost), core.CodeLeaseLost, 75},
		{"70 before 79", errors.Join(waits, failed), core.CodeChangeFailed, 70},
		{"79 before 75", errors.Join(held, waits), core.CodeManualIntervention, 79},
		{"69 before 75", errors.Join(held, &core.UnavailableError{System: "s", Err: errors.New("x")}), core.CodeUnavailable, 69},
		{"pending last", errors.Join(&core.PendingError{}, held), core.CodeLockHeld, 75},
		{"outer class wins", &core.ChangeError{Err: held}, core.CodeChangeFailed, 70},
		{"unknown of a class", core.Unknown(&core.UnavailableError{System: "s", Err: errors.New("x")}), core.CodeUnavailable, 69},
		{"cancelled", context.Canceled, core.CodeInterrupted, 75},
		{"read-only store", &core.StoreError{Kind: core.StoreReadOnly}, core.CodePermissionDenied, 77},
		{"full store", &core.StoreError{Kind: core.StoreFull}, core.CodeUnavailable, 69},
		{"foreign store", &core.StoreError{Kind: core.StoreForeign}, core.CodeConfigInvalid, 78},
		{"drift", &core.DriftError{}, core.CodeDrift, 65},
	} {
		if got := core.CodeOf(tc.err); got != tc.code || got.Exit() != tc.exit {
			t.Errorf("%s: got %s, exit %d; want %s, exit %d", tc.name, got, got.Exit(), tc.code, tc.exit)
		}
		if got := core.Advice(tc.err); (got == "") != (tc.err == nil) {
			t.Errorf("%s: hint %q", tc.name, got)
		}
	}
}

// No exit code may be one that Go, shells or signals use: a Kubernetes
// podFailurePolicy tells them apart.
func TestExitCodesAreOurs(t *testing.T) {
	for _, c := range []core.Code{
		core.CodeUsage, core.CodeChangeSetInvalid, core.CodeDrift, core.CodeUnavailable, core.CodeChangeFailed, core.CodeInternal,
		core.CodeLockHeld, core.CodeLeaseLost, core.CodeDeadlineNear, core.CodeInterrupted, core.CodePermissionDenied,
		core.CodeConfigInvalid, core.CodeManualIntervention, core.CodePending, "FromANewerVersion",
	} {
		if n := c.Exit(); n < 64 || n > 80 {
			t.Errorf("%s has the exit code %d", c, n)
		}
	}
}

func TestSecretCannotBePrinted(t *testing.T) {
	s := core.NewSecret("hunter2")
	type holder struct{ S core.Secret }
	j, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "s", s, "h", holder{s})
	for _, out := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", holder{s}, holder{s}, &holder{s}), string(j), log.String(),
	} {
		if strings.Contains(out, "hunter2") || strings.Contains(out, "68756e74657232") {
			t.Errorf("printed: %s", out)
		}
	}
	if s.Reveal() != "hunter2" {
		t.Error("the value is gone")
	}
}

type values map[string]string

func (v values) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	s, ok := v[r.Key]
	if !ok {
		return core.Secret{}, errors.New("no " + r.Key)
	}
	return core.NewSecret(s), nil
}

func TestReferences(t *testing.T) {
	red := core.NewRedactor(values{"A": "alpha", "AB": "alphabet", "S": "x"})
	got, err := core.Expand(t.Context(), red, "${env:A}-$${env:A}-${env:AB}-${other}-${made:up}-${env:S}")
	if want := "alpha-${env:A}-alphabet-${other}-${made:up}-x"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got := red.Redact("an alphabet and an alpha, x"); got != "an [secret] and an [secret], x" {
		t.Errorf("redacted to %q", got)
	}
	if _, err := core.Expand(t.Context(), red, "${env:MISSING}"); err == nil {
		t.Error("a reference without a value was replaced")
	}
	want := []core.Reference{{Scheme: "env", Key: "A"}, {Scheme: "vault", Key: "p#k"}}
	if d := cmp.Diff(want, core.References("${env:A} $${env:B} ${vault:p#k} ${env:no space}")); d != "" {
		t.Error(d)
	}
	cause := errors.New("it is alpha")
	err = red.RedactError(fmt.Errorf("failed: %w", cause))
	if err.Error() != "failed: it is [secret]" || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestSortChanges(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"10 9 1 2", "1 2 9 10"},
		{"010 9 0001", "0001 9 010"},
		{"99999999999999999999999 100000000000000000000000 5", "5 99999999999999999999999 100000000000000000000000"},
		{"10 9 1a 2", "10 1a 2 9"}, // one order is no number: all compare as text
		{"0001_1 0002 0001", "0001 0001_1 0002"},
	} {
		var cs []core.Change
		for _, o := range strings.Fields(tc.in) {
			cs = append(cs, core.Change{Order: o})
		}
		core.SortChanges(cs)
		var got []string
		for _, c := range cs {
			got = append(got, c.Order)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: got %s, want %s", tc.in, strings.Join(got, " "), tc.want)
		}
	}
}

// The hash of an entry is part of the format: it must never change.
func TestHashIsPinned(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)
	entries := []core.Entry{
		{
			ExecutionID: "e1", ChangeID: "c", Stage: "main", Order: "0001", Author: "a <b>", TargetSystem: "db", State: core.StateStarted, TxType: core.TxSeparateMarker,
			Strategy: core.ManualIntervention, Operation: core.OpApply, Checksum: "v1:00", Attempt: 1, StartedAt: at, Token: 7, Metadata: map[string]string{"b": "2", "a": "ü"},
		},
		{
			ExecutionID: "e1", ChangeID: "c", State: core.StateFailed, Operation: core.OpApply, StartedAt: at, EndedAt: at.Add(time.Second), DurationMs: 1000, Unknown: true,
			Error: &core.EntryError{Type: "x", Message: "m", Causes: []string{"n"}}, Token: 7,
		},
	}
	core.Seal("orders/prod", 4, "v1:before", entries)
	want := []string{
		"v1:c6d508602d1ec5d714f7205538c65f4e5e0a273b64a6be245a5f72fb93cf6178",
		"v1:73f4830255cf5438233572c0f4a97e9c06df8590ea656681f7502a644a8b16d3",
	}
	got := []string{entries[0].Hash, entries[1].Hash}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s\n%s\n%s", d, entries[0].Canonical(), entries[1].Canonical())
	}
	if entries[1].PrevSeq != 5 || entries[1].Seq != 6 {
		t.Errorf("second entry of a change: %+v", entries[1])
	}
	for i := range entries {
		back, err := core.DecodeEntry(entries[i].Encode())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(entries[i], back); d != "" {
			t.Error(d)
		}
	}
	if err := core.VerifyChain(4, "v1:before", entries); err != nil {
		t.Error(err)
	}
	altered := append([]core.Entry(nil), entries...)
	altered[1].Reason = "nobody will notice"
	var chain *core.ChainError
	if err := core.VerifyChain(4, "v1:before", altered); !errors.As(err, &chain) || chain.Seq != 6 {
		t.Errorf("an altered entry: %v", err)
	}
	if err := core.VerifyChain(4, "v1:before", entries[1:]); !errors.As(err, &chain) || chain.Seq != 5 {
		t.Errorf("a missing entry: %v", err)
	}
}

func TestSealCapsTexts(t *testing.T) {
	long := strings.Repeat("ü", 1<<20)
	many := map[string]string{long: long}
	for i := range 1000 {
		many[fmt.Sprint("key", i)] = long
	}
	entries := []core.Entry{{
		ChangeID: "c", Reason: long, Author: long, Host: "\xff", Metadata: many,
		Error: core.NewEntryError(fmt.Errorf("%s: %w", long, errors.New(long)), func(s string) string { return s }),
	}}
	core.Seal("l", 0, "", entries)
	if n := len(entries[0].Encode()); n > 64<<10 {
		t.Errorf("the entry has %d bytes", n)
	}
	if _, err := core.DecodeEntry(entries[0].Encode()); err != nil {
		t.Error(err)
	}
}

// A value in JSON, or in JSON that is a text in JSON, is the value.
func TestRedactInJSON(t *testing.T) {
	value := "pa\"ss\\wo/rd<é\nend"
	r := core.NewRedactor(values{"A": value})
	if _, err := r.Resolve(t.Context(), core.Reference{Scheme: "env", Key: "A"}); err != nil {
		t.Fatal(err)
	}
	once, err := json.Marshal(map[string]string{"a": value})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(map[string]string{"b": string(once)})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{value, string(once), string(twice)} {
		if got := r.Redact(text); strings.Contains(got, "wo/rd") || !strings.Contains(got, core.RedactedMark) {
			t.Errorf("%s is redacted as %s", text, got)
		}
	}
}
