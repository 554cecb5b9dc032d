package process_test

import "time"

func scenarios() []scenario {
	var all []scenario
	both := func(s scenario) {
		for _, s.store = range []string{"embedded", "dynamodb"} {
			all = append(all, s)
		}
	}
	both(scenario{name: "PostgreSQL with marker", make: postgres, table: markerTable, outcomes: markerOutcomes})
	both(scenario{name: "SQLite with marker", make: sqlite, table: markerTable, outcomes: markerOutcomes})
	both(scenario{name: "plain file", make: file("manual"), table: directTable, outcomes: manualOutcomes})
	both(scenario{name: "plain file, ALWAYS_RETRY", make: file("always"), table: directTable, outcomes: alwaysOutcomes})
	both(scenario{name: "plain file, probe", make: file("probed"), table: directTable, outcomes: probedOutcomes})
	both(scenario{name: "plain file, probe, not safe when late", make: file("asked"), table: directTable, outcomes: askedOutcomes})
	both(scenario{name: "plain file, failure and rollback", make: file("rollback"), table: rollbackTable, outcomes: rollbackOutcomes, env: []string{"CHAOS_JOB_FAIL=1"}, exit: 70})
	both(scenario{name: "plain file, slow", make: file("slow"), table: renewTable, outcomes: manualOutcomes, lease: time.Second})
	all = append(all,
		scenario{name: "DynamoDB shared", store: "dynamodb", make: items(shared), table: sharedTable, outcomes: sharedOutcomes, shares: true},
		scenario{name: "SQLite shared", store: "within", make: within, table: withinTable, outcomes: sharedOutcomes, shares: true},
		scenario{name: "SQLite shared, without a log", store: "within", make: journal, table: withinTable, outcomes: sharedOutcomes, shares: true},
		scenario{name: "SQLite shared, failure", store: "within", make: failing, table: withinFailureTable, outcomes: withinFailureOutcomes, shares: true, exit: 70},
		scenario{name: "SQLite shared, beginning again", store: "within", make: within, before: "step.done", table: withinAgainTable, outcomes: withinAgainOutcomes, shares: true},
		scenario{name: "DynamoDB with marker table", store: "embedded", make: items(marked), table: markerTableTable, outcomes: markerOutcomes},
	)
	both(scenario{name: "PostgreSQL, settling what did not commit", make: postgres, before: "target.committing", table: againTable, outcomes: againOutcomes})
	both(scenario{name: "SQLite, settling what did not commit", make: sqlite, before: "target.committing", table: againTable, outcomes: againOutcomes})
	both(scenario{name: "SQLite, settling what committed", make: sqlite, before: "target.committed#2", table: reconcileTable, outcomes: reconcileOutcomes})
	both(scenario{name: "plain file, asking the probe", make: file("probed"), before: "append.sending#2", table: probeTable, outcomes: probeOutcomes})
	both(scenario{name: "plain file, a person's answer", make: file("manual"), before: "step.done", args: resolveOne(), table: resolveTable, outcomes: resolveOutcomes})
	return all
}

// plain is the ledger of a run that nobody disturbs.
const plain = "one STARTED APPLIED, two STARTED APPLIED"

// A transaction with a marker and a fence: what did not commit is run again, what did
// is found, and nobody is asked.
var markerOutcomes = map[string]outcome{
	"fresh":         {history: plain},
	"one-begun":     {history: "one STARTED ROLLED_BACK* STARTED APPLIED, two STARTED APPLIED"},
	"one-committed": {found: "one", history: "one STARTED APPLIED*, two STARTED APPLIED"},
	"two-begun":     {found: "one", history: "one STARTED APPLIED, two STARTED ROLLED_BACK* STARTED APPLIED"},
	"two-committed": {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*"},
	"done":          {found: onceEach, history: plain},
}

const markerTable = `
store.writing@embedded  fresh   # the audit store's own tables
store.written@embedded  fresh
store.writing@embedded  fresh
store.written@embedded  fresh
load.answered           fresh
presence.marked@embedded fresh
acquire.sending         fresh
store.writing           fresh
store.written           one-begun
acquire.answered        one-begun
fence.raising           one-begun
target.table            one-begun # the first of the two tables
target.table            one-begun
fence.written           one-begun
fence.raised            one-begun
target.begun            one-begun
target.marked           one-begun
step.starting           one-begun
step.done               one-begun
target.committing       one-begun
target.committed        one-committed
append.sending          one-committed
store.writing           one-committed
store.written           two-begun # one APPLIED and two STARTED are one append
append.answered         two-begun
target.begun            two-begun
target.marked           two-begun
step.starting           two-begun
step.done               two-begun
step.starting           two-begun
step.done               two-begun
target.committing       two-begun
target.committed        two-committed
append.sending          two-committed
store.writing           two-committed
store.written           done      # and released
append.answered         done
markers.deleted         done
`

// The same in DynamoDB: fence, marker and writes are one request.
const markerTableTable = `
store.writing     fresh
store.written     fresh
store.writing     fresh
store.written     fresh
load.answered     fresh
presence.marked   fresh
acquire.sending   fresh
store.writing     fresh
store.written     one-begun
acquire.answered  one-begun
fence.raising     one-begun
fence.raised      one-begun
step.starting     one-begun
step.done         one-begun
target.committing one-begun
target.committed  one-committed
append.sending    one-committed
store.writing     one-committed
store.written     two-begun
append.answered   two-begun
step.starting     two-begun
step.done         two-begun
step.starting     two-begun
step.done         two-begun
target.committing two-begun
target.committed  two-committed
append.sending    two-committed
store.writing     two-committed
store.written     done
append.answered   done
markers.deleted   done
`

// In the audit store's own transaction, on both stores, a STARTED alone means that nothing happened.
var sharedOutcomes = map[string]outcome{
	"fresh":     {history: plain},
	"one-begun": {history: "one STARTED STARTED APPLIED, two STARTED APPLIED"},
	"two-begun": {found: "one", history: "one STARTED APPLIED, two STARTED STARTED APPLIED"},
	"done":      {found: onceEach, history: plain},
}

const sharedTable = `
load.answered    fresh
acquire.sending  fresh
store.writing    fresh
store.written    one-begun
acquire.answered one-begun
step.starting    one-begun
step.done        one-begun
append.sending   one-begun
store.writing    one-begun
store.written    two-begun
append.answered  two-begun
step.starting    two-begun
step.done        two-begun
step.starting    two-begun
step.done        two-begun
append.sending   two-begun
store.writing    two-begun
store.written    done
append.answered  done
`
