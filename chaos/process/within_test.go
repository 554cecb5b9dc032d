package process_test

import (
	"context"
	"slices"
	"strings"
	"testing"
)

const withinTable = `
store.writing    fresh     # the database, and the audit store's tables in it
store.written    fresh
store.writing    fresh     # can it be written?
store.written    fresh
load.answered    fresh
presence.marked  fresh
acquire.sending  fresh
store.writing    fresh
store.written    one-begun
acquire.answered one-begun
target.begun     one-begun
step.starting    one-begun
step.done        one-begun
append.sending   one-begun
store.writing    one-begun # the effect, one APPLIED and two STARTED are one COMMIT
store.written    two-begun
append.answered  two-begun
target.begun     two-begun
step.starting    two-begun
step.done        two-begun
step.starting    two-begun
step.done        two-begun
append.sending   two-begun
store.writing    two-begun
store.written    done      # and released
append.answered  done
`

// The second run is killed as well. A STARTED without its APPLIED means that nothing
// happened: it begins anew, and settles nothing.
var withinAgainOutcomes = map[string]outcome{
	"open":        {history: "one STARTED STARTED APPLIED, two STARTED APPLIED"},
	"again-begun": {history: "one STARTED STARTED STARTED APPLIED, two STARTED APPLIED"},
	"two-begun":   {found: "one", history: "one STARTED STARTED APPLIED, two STARTED STARTED APPLIED"},
	"done":        {found: onceEach, history: "one STARTED STARTED APPLIED, two STARTED APPLIED"},
}

const withinAgainTable = `
store.writing    open
store.written    open
load.answered    open
presence.marked  open
acquire.sending  open
store.writing    open
store.written    open
acquire.answered open
load.answered    open
append.sending   open
store.writing    open
store.written    again-begun
append.answered  again-begun
target.begun     again-begun
step.starting    again-begun
step.done        again-begun
append.sending   again-begun
store.writing    again-begun
store.written    two-begun
append.answered  two-begun
target.begun     two-begun
step.starting    two-begun
step.done        two-begun
step.starting    two-begun
step.done        two-begun
append.sending   two-begun
store.writing    two-begun
store.written    done
append.answered  done
`

// The last step fails: the change is rolled back, and then recorded as that.
var withinFailureOutcomes = map[string]outcome{
	"fresh":       {history: plain},
	"one-begun":   sharedOutcomes["one-begun"],
	"two-begun":   sharedOutcomes["two-begun"],
	"rolled-back": {found: "one", history: "one STARTED APPLIED, two STARTED FAILED ROLLED_BACK STARTED APPLIED"},
}

const withinFailureTable = `
store.writing    fresh
store.written    fresh
store.writing    fresh
store.written    fresh
load.answered    fresh
presence.marked  fresh
acquire.sending  fresh
store.writing    fresh
store.written    one-begun
acquire.answered one-begun
target.begun     one-begun
step.starting    one-begun
step.done        one-begun
append.sending   one-begun
store.writing    one-begun
store.written    two-begun
append.answered  two-begun
target.begun     two-begun
step.starting    two-begun
step.done        two-begun
step.starting    two-begun
step.done        two-begun   # told that a table is missing
append.sending   two-begun
store.writing    two-begun
store.written    rolled-back
append.answered  rolled-back
`

// apart says where a ledger and a target system that share their transactions are apart:
// an effect without its APPLIED, or the other way round; "": nowhere.
func (w *world) apart(t testing.TB) string {
	t.Helper()
	history := w.history(t) // first: it reads what the killed process left, and mends nothing
	var recorded []string
	for change := range strings.SplitSeq(history, ", ") {
		if id, states, _ := strings.Cut(change, " "); strings.HasSuffix(states, "APPLIED") {
			recorded = append(recorded, effectsOf[id]...)
		}
	}
	if there := content(w.content(t)); there != content(recorded) {
		return "there is " + there + ", and the ledger is " + history
	}
	return ""
}

// effectsOf are the effects of each change.
var effectsOf = map[string][]string{"one": {"one"}, "two": {"two-a", "two-b"}}

func TestApart(t *testing.T) {
	w := newWorld(t, false, leaseEmbedded, within)
	if r := w.run(t, w.binary, nil, "apply"); r.exit != 0 {
		t.Fatalf("exit code %d\n%s", r.exit, r.stderr)
	}
	if got := w.apart(t); got != "" {
		t.Errorf("a run that nobody disturbed: %s", got)
	}
	there := w.content(t)
	for what, wrong := range map[string][]string{"lost": there[:2], "repeated": append(slices.Clone(there), "one"), "none": nil} {
		w.system.content = func(context.Context) ([]string, error) { return slices.Clone(wrong), nil }
		if w.apart(t) == "" {
			t.Errorf("%s: nothing is said of it", what)
		}
	}
}
