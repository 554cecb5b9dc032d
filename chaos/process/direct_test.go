package process_test

// Without a transaction a STARTED alone does not say whether the effect is there.
const directTable = `
store.writing@embedded   fresh
store.written@embedded   fresh
store.writing@embedded   fresh
store.written@embedded   fresh
load.answered            fresh
presence.marked@embedded fresh
acquire.sending          fresh
store.writing            fresh
store.written            one-begun
acquire.answered         one-begun
step.starting            one-begun
step.done                one-done
append.sending           one-done
store.writing            one-done
store.written            two-begun
append.answered          two-begun
step.starting            two-begun
step.done                two-half
step.starting            two-half
step.done                two-done
append.sending           two-done
store.writing            two-done
store.written            done
append.answered          done
`

// With MANUAL_INTERVENTION a person looks.
var manualOutcomes = map[string]outcome{
	"fresh":     {history: plain},
	"one-begun": {exit: 79, person: "one rolled-back", history: "one STARTED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED, two STARTED APPLIED"},
	"one-done":  {found: "one", exit: 79, person: "one applied", history: "one STARTED MANUAL_MARKED_AS_APPLIED, two STARTED APPLIED"},
	"two-begun": {found: "one", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"two-half":  {found: "one two-a", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"two-done":  {found: onceEach, exit: 79, person: "two applied", history: "one STARTED APPLIED, two STARTED MANUAL_MARKED_AS_APPLIED"},
	"done":      {found: onceEach, history: plain},
}

// With ALWAYS_RETRY it is done again, also when it was done: once for each kill.
var alwaysOutcomes = map[string]outcome{
	"fresh":     {history: plain},
	"one-begun": {history: "one STARTED STARTED APPLIED, two STARTED APPLIED"},
	"one-done":  {found: "one", history: "one STARTED STARTED APPLIED, two STARTED APPLIED", content: "one one two-a two-b"},
	"two-begun": {found: "one", history: "one STARTED APPLIED, two STARTED STARTED APPLIED"},
	"two-half":  {found: "one two-a", history: "one STARTED APPLIED, two STARTED STARTED APPLIED", content: "one two-a two-a two-b"},
	"two-done":  {found: onceEach, history: "one STARTED APPLIED, two STARTED STARTED APPLIED", content: "one two-a two-a two-b two-b"},
	"done":      {found: onceEach, history: plain},
}

// A probe answers, where a late repetition is harmless; what is there in part is a
// person's.
var probedOutcomes = map[string]outcome{
	"fresh":     {history: plain},
	"one-begun": {history: "one STARTED ROLLED_BACK* STARTED APPLIED, two STARTED APPLIED"},
	"one-done":  {found: "one", history: "one STARTED APPLIED*, two STARTED APPLIED"},
	"two-begun": {found: "one", history: "one STARTED APPLIED, two STARTED ROLLED_BACK* STARTED APPLIED"},
	"two-half":  {found: "one two-a", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED FAILED*? MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"two-done":  {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*"},
	"done":      {found: onceEach, history: plain},
}

// Where a late repetition would do harm, what is not there yet may still come: a
// person's. What is there is there.
var askedOutcomes = map[string]outcome{
	"fresh":     {history: plain},
	"one-begun": {exit: 79, person: "one rolled-back", history: "one STARTED FAILED*? MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED, two STARTED APPLIED"},
	"one-done":  {found: "one", history: "one STARTED APPLIED*, two STARTED APPLIED"},
	"two-begun": {found: "one", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED FAILED*? MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"two-half":  {found: "one two-a", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED FAILED*? MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"two-done":  {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*"},
	"done":      {found: onceEach, history: plain},
}

// The last step fails, and both steps are taken back. FAILED is recorded before the
// rollback begins, ROLLED_BACK after it; in between a person looks.
var rollbackOutcomes = map[string]outcome{
	"fresh":         {history: plain},
	"one-begun":     manualOutcomes["one-begun"],
	"one-done":      manualOutcomes["one-done"],
	"two-begun":     manualOutcomes["two-begun"],
	"two-half":      manualOutcomes["two-half"],
	"failed":        {found: "one two-a", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED FAILED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"taken-back":    {found: "one", exit: 79, person: "two rolled-back", history: "one STARTED APPLIED, two STARTED FAILED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	"two-recovered": {found: "one", history: "one STARTED APPLIED, two STARTED FAILED ROLLED_BACK STARTED APPLIED"},
}

const rollbackTable = `
store.writing@embedded   fresh
store.written@embedded   fresh
store.writing@embedded   fresh
store.written@embedded   fresh
load.answered            fresh
presence.marked@embedded fresh
acquire.sending          fresh
store.writing            fresh
store.written            one-begun
acquire.answered         one-begun
step.starting            one-begun
step.done                one-done
append.sending           one-done
store.writing            one-done
store.written            two-begun
append.answered          two-begun
step.starting            two-begun
step.done                two-half
step.starting            two-half
step.done                two-half  # told to fail, it did nothing
append.sending           two-half
store.writing            two-half
store.written            failed
append.answered          failed
rollback.starting        failed
step.starting            failed    # the failed step's own rollback comes first
step.done                failed
step.starting            failed
step.done                taken-back
rollback.done            taken-back
append.sending           taken-back
store.writing            taken-back
store.written            two-recovered
append.answered          two-recovered
`

// A step that takes longer than a third of the lease sees a renewal, before its effect.
const renewTable = `
store.writing@embedded   fresh
store.written@embedded   fresh
store.writing@embedded   fresh
store.written@embedded   fresh
load.answered            fresh
presence.marked@embedded fresh
acquire.sending          fresh
store.writing            fresh
store.written            one-begun
acquire.answered         one-begun
step.starting            one-begun
renew.sending            one-begun
store.writing            one-begun
store.written            one-begun
renew.answered           one-begun
`
