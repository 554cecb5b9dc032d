package process_test

// The second run is killed as well. It takes the lease over, raises the fence, asks the
// marker, records what that says, and begins anew.
var againOutcomes = map[string]outcome{
	"open":            {history: "one STARTED ROLLED_BACK* STARTED APPLIED, two STARTED APPLIED"},
	"again-begun":     {history: "one STARTED ROLLED_BACK* STARTED ROLLED_BACK* STARTED APPLIED, two STARTED APPLIED"},
	"again-committed": {found: "one", history: "one STARTED ROLLED_BACK* STARTED APPLIED*, two STARTED APPLIED"},
	"two-begun":       {found: "one", history: "one STARTED ROLLED_BACK* STARTED APPLIED, two STARTED ROLLED_BACK* STARTED APPLIED"},
	"two-committed":   {found: onceEach, history: "one STARTED ROLLED_BACK* STARTED APPLIED, two STARTED APPLIED*"},
	"done":            {found: onceEach, history: "one STARTED ROLLED_BACK* STARTED APPLIED, two STARTED APPLIED"},
}

const againTable = `
store.writing@embedded   open
store.written@embedded   open
load.answered            open
presence.marked@embedded open
acquire.sending          open
store.writing            open
store.written            open
acquire.answered         open
load.answered@embedded   open
load.answered@dynamodb   -    # it waited before
fence.raising            open
fence.written            open
fence.raised             open
marker.asked             open
append.sending           open
store.writing            open
store.written            open         # ROLLED_BACK, found by the marker
append.answered          open
append.sending           open
store.writing            open
store.written            again-begun
append.answered          again-begun
target.begun             again-begun
target.marked            again-begun
step.starting            again-begun
step.done                again-begun
target.committing        again-begun
target.committed         again-committed
append.sending           again-committed
store.writing            again-committed
store.written            two-begun
append.answered          two-begun
target.begun             two-begun
target.marked            two-begun
step.starting            two-begun
step.done                two-begun
step.starting            two-begun
step.done                two-begun
target.committing        two-begun
target.committed         two-committed
append.sending           two-committed
store.writing            two-committed
store.written            done
append.answered          done
markers.deleted          done
`

// The last change had committed: the second run finds that, and has nothing else to do.
var reconcileOutcomes = map[string]outcome{
	"open":    {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*"},
	"settled": {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*", held: true},
}

const reconcileTable = `
store.writing@embedded   open
store.written@embedded   open
load.answered            open
presence.marked@embedded open
acquire.sending          open
store.writing            open
store.written            open
acquire.answered         open
load.answered@embedded   open
load.answered@dynamodb   -    # it waited before
fence.raising            open
fence.written            open
fence.raised             open
marker.asked             open
append.sending           open
store.writing            open
store.written            settled # and the lease still held
append.answered          settled
release.sending          settled
store.writing            settled
store.written            open
release.answered         open
markers.deleted          open
`

// The first run was killed after the last effect, before APPLIED: the probe finds it.
var probeOutcomes = map[string]outcome{
	"open":    {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*"},
	"settled": {found: onceEach, history: "one STARTED APPLIED, two STARTED APPLIED*", held: true},
}

const probeTable = `
store.writing@embedded   open
store.written@embedded   open
load.answered            open
presence.marked@embedded open
acquire.sending          open
store.writing            open
store.written            open
acquire.answered         open
load.answered@embedded   open
load.answered@dynamodb   -    # it waited before
probe.asked              open
append.sending           open
store.writing            open
store.written            settled
append.answered          settled
release.sending          settled
store.writing            settled
store.written            open
release.answered         open
`
