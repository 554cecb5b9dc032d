package process_test

// A person's act is an execution as well: it is killed while it answers for the change
// whose effect is there, and its answer is recorded, or asked for again.
var resolveOutcomes = map[string]outcome{
	"unanswered": manualOutcomes["one-done"],
	"answered":   {found: "one", history: "one STARTED MANUAL_MARKED_AS_APPLIED, two STARTED APPLIED"},
}

const resolveTable = `
store.writing@embedded   unanswered
store.written@embedded   unanswered
load.answered            unanswered
presence.marked@embedded unanswered
acquire.sending          unanswered
store.writing            unanswered
store.written            unanswered
acquire.answered         unanswered
load.answered@embedded   unanswered
load.answered@dynamodb   - # it waited before
append.sending           unanswered
store.writing            unanswered
store.written            answered
append.answered          answered
`

func resolveOne() []string {
	return []string{"issue", "resolve", "one", "--as", "applied", "--reason", "it is there", "--yes"}
}
