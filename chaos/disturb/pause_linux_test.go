package disturb_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// system is where a ledger is and what its changes act on.
type system struct {
	store  disturb.StoreKind
	target disturb.TargetKind
}

var (
	remote   = system{disturb.DynamoDB, disturb.Postgres}
	mixed    = system{disturb.Embedded, disturb.Postgres}
	local    = system{disturb.Embedded, disturb.SQLite}
	half     = system{disturb.DynamoDB, disturb.SQLite}
	shared   = system{disturb.DynamoDB, disturb.Shared}
	within   = system{disturb.Within, disturb.SQLite} // one file
	anywhere = []system{remote, local, mixed, half, shared, within}
	apart    = []system{remote, local, mixed, half, shared} // store and target system are two
	marked   = []system{remote, local, mixed, half}         // TX_SEPARATE_WITH_MARKER
	postgres = []system{remote, mixed}
	sqlite   = []system{local, half}
	dynamodb = []system{remote, shared, half}
	embedded = []system{local, mixed, within}
	oneFile  = []system{within}
)

// How runs end in the table below.
const (
	done   = "0"
	lost   = "75 LeaseLost"
	held   = "75 LockHeld"
	away   = "69 Unavailable"
	person = "79 ManualIntervention"
)

type pause struct {
	point string
	on    []system
	kind  string // of the changes: tx, or direct
	// second and first are how the contender and then the holder ends. Here and below,
	// a slash separates what a race allows.
	second, first string
	// before and after are the effects of the two changes when the contender has
	// ended, and when the holder has.
	before, after string
	// last is how a third run ends.
	last string
	// writes: the holder goes on to the end, since nobody could take over.
	writes bool
	note   string
}

// pauses is what is allowed. Under tx, after is never more than each once, whatever
// the point; under direct, what was in flight when the lease ended can still happen
// once, and then a person looks: design.md 3.
var pauses = []pause{
	// Before it holds anything, a holder is not one: it looks again.
	{point: "load.answered", on: anywhere, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done},
	{point: "presence.marked", on: embedded, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done},
	{point: "acquire.sending", on: anywhere, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done},
	{point: "store.writing", on: dynamodb, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done},
	{point: "store.written", on: dynamodb, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "acquire.answered", on: anywhere, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},

	// The fence, and the transaction of the target system. PostgreSQL ends a paused
	// transaction after a lease, so that the successor goes on; whether the holder
	// first hears of that or of its lease is a race.
	{point: "fence.raising", on: marked, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "fence.written", on: postgres, kind: "tx", second: done, first: lost + "/" + away, before: "1 1", after: "1 1", last: done},
	{point: "fence.raised", on: marked, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "target.begun", on: postgres, kind: "tx", second: done, first: lost + "/" + away, before: "1 1", after: "1 1", last: done},
	{point: "target.marked", on: postgres, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "step.starting", on: []system{remote, mixed, shared}, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "step.done", on: []system{remote, mixed, shared}, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "target.committing", on: postgres, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "target.committed", on: marked, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done, note: "the marker tells"},

	// SQLite cannot end it: the contender gives up and has changed nothing. The one
	// COMMIT that stood behind its last check may happen: its marker tells the third.
	{point: "fence.written", on: sqlite, kind: "tx", second: held, first: lost, before: "0 0", after: "0 0", last: done},
	{point: "target.begun", on: sqlite, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done, note: "the write lock comes with the first write"},
	{point: "target.marked", on: sqlite, kind: "tx", second: held, first: lost, before: "0 0", after: "0 0", last: done},
	{point: "step.starting", on: sqlite, kind: "tx", second: held, first: lost, before: "0 0", after: "0 0", last: done},
	{point: "step.done", on: sqlite, kind: "tx", second: held, first: lost, before: "0 0", after: "0 0", last: done},
	{point: "target.committing", on: sqlite, kind: "tx", second: held, first: lost, before: "0 0", after: "1 0", last: done},

	// Recording and releasing.
	{point: "append.sending", on: apart, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "append.answered", on: anywhere, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "append.sending#2", on: apart, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done, note: "with the release"},
	{point: "append.answered#2", on: anywhere, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done, note: "released already"},
	{point: "markers.deleted", on: marked, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done, note: "released already"},
	// The server is still at the statement when the contender comes.
	{point: "renew.sending", on: postgres, kind: "slow", second: held, first: lost, before: "0 0", after: "0 0", last: done},
	{point: "renew.answered", on: postgres, kind: "slow", second: held, first: lost, before: "0 0", after: "0 0", last: done},

	// The embedded store is one file: who is stopped in its transaction keeps all
	// others out, and is not robbed. The first transaction makes the file.
	{point: "store.writing", on: embedded, kind: "tx", second: away, first: done, before: "0 0", after: "1 1", last: done, writes: true},
	{point: "store.writing#2", on: embedded, kind: "tx", second: away, first: done, before: "0 0", after: "1 1", last: done, writes: true},

	// Where the store is in the target system's file, a change holds the file from its
	// first step to its COMMIT. Nobody can take over, and so the holder is right to commit.
	{point: "target.begun", on: oneFile, kind: "tx", second: held, first: done, before: "0 0", after: "1 1", last: done, writes: true},
	{point: "step.starting", on: oneFile, kind: "tx", second: held, first: done, before: "0 0", after: "1 1", last: done, writes: true},
	{point: "step.done", on: oneFile, kind: "tx", second: held, first: done, before: "0 0", after: "1 1", last: done, writes: true},
	{point: "append.sending", on: oneFile, kind: "tx", second: held, first: done, before: "0 0", after: "1 1", last: done, writes: true},
	{point: "store.writing#4", on: oneFile, kind: "tx", second: held, first: done, before: "0 0", after: "1 1", last: done, writes: true, note: "COMMIT of the first"},
	{point: "store.written#4", on: oneFile, kind: "tx", second: done, first: lost, before: "1 1", after: "1 1", last: done},
	{point: "target.begun#2", on: oneFile, kind: "tx", second: held, first: done, before: "1 0", after: "1 1", last: done, writes: true},
	{point: "store.writing#5", on: oneFile, kind: "tx", second: held, first: done, before: "1 0", after: "1 1", last: done, writes: true},
	{point: "store.written#5", on: oneFile, kind: "tx", second: done, first: done, before: "1 1", after: "1 1", last: done, note: "released already"},
	{point: "store.writing#3", on: oneFile, kind: "tx", second: away, first: done, before: "0 0", after: "1 1", last: done, writes: true, note: "nobody holds the lease yet"},

	// Without a transaction the successor asks a person. What the holder was about to
	// do when it was stopped, it does; nothing after that.
	{point: "acquire.answered", on: anywhere, kind: "direct", second: person, first: lost, before: "0 0", after: "0 0", last: person},
	{point: "step.starting", on: anywhere, kind: "direct", second: person, first: lost, before: "0 0", after: "0 0/1 0", last: person, note: "one call in flight"},
	{point: "step.done", on: anywhere, kind: "direct", second: person, first: lost, before: "1 0", after: "1 0", last: person},
	{point: "append.sending", on: anywhere, kind: "direct", second: person, first: lost, before: "1 0", after: "1 0", last: person},
	{point: "append.answered", on: anywhere, kind: "direct", second: person, first: lost, before: "1 0", after: "1 0", last: person},
	{point: "append.sending#2", on: anywhere, kind: "direct", second: person, first: lost, before: "1 1", after: "1 1", last: person},
	// ALWAYS_RETRY is the author's word that it is safe beside itself.
	{point: "step.starting", on: anywhere, kind: "retried", second: done, first: lost, before: "1 1", after: "1 1/2 1", last: done, note: "one call in flight"},
	{point: "append.sending", on: anywhere, kind: "retried", second: done, first: lost, before: "2 1", after: "2 1", last: done},
}

func (p *pause) changes(lease time.Duration) []disturb.Change {
	c := disturb.Change{Direct: p.kind == "direct" || p.kind == "retried", Retry: p.kind == "retried"}
	if p.kind == "slow" {
		c.After = fmt.Sprintf("SELECT pg_sleep(%g)", (2 * lease).Seconds())
	}
	return disturb.Changes(2, c)
}

// wait is as long as anywhere, but where it is in vain.
func (p *pause) wait(sys system, lease time.Duration) time.Duration {
	if sys == within && p.second == held {
		return 2 * lease
	}
	return 0
}

func counts(effects map[string]int) string {
	return fmt.Sprint(effects["change-001"], effects["change-002"])
}

// TestPaused stops the holder at a point, lets a second run take over and end, and
// wakes the holder. That must write nothing more to the ledger, nor commit on a
// target system that fenced it.
func TestPaused(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{DynamoDB: true, Postgres: true})
	s := newScenario(t, b, "holder stopped past its lease", "exit codes, history and effects as in the table of each point", 8)
	for i, p := range pauses {
		on := p.on
		if !disturb.Full() { // each point on one of its systems, each system at some point
			on = on[i%len(on):][:1]
		}
		for _, sys := range on {
			s.try(fmt.Sprintf("%s/%s/%s/%s", strings.ReplaceAll(p.point, "#", "-"), p.kind, sys.store, sys.target), 2*time.Second, func(t testing.TB, lease time.Duration) (int, int) {
				return 3, p.check(t, b.World(t, disturb.Spec{Store: sys.store, Target: sys.target, Changes: p.changes(lease), Lease: lease, Wait: p.wait(sys, lease)}))
			})
		}
	}
	s.end()
}

// TestWaitedFor: a holder that is stopped in its transaction of the file for longer than
// its lease, and then goes on, is waited for. It commits, and its successor finds that.
func TestWaitedFor(t *testing.T) {
	t.Parallel()
	b := lab.NewBench(t, disturb.Needs{})
	s := newScenario(t, b, "holder stopped in the file's transaction, and waited for", "both end 0, the holder did it all", 8)
	for _, point := range []string{"target.begun", "step.done#2", "store.writing#4"} {
		s.try(strings.ReplaceAll(point, "#", "-"), time.Second, func(t testing.TB, lease time.Duration) (int, int) {
			w := b.World(t, disturb.Spec{Store: disturb.Within, Target: disturb.SQLite, Lease: lease, Changes: disturb.Changes(3, disturb.Change{})})
			holder := w.Start(t, disturb.Way{Failpoint: point + "=stop"}, "apply")
			holder.AwaitStop(t)
			contender := w.Start(t, disturb.Way{}, "apply")
			select {
			case <-contender.Ended():
				t.Error("the contender did not wait")
			case <-time.After(3 * lease): // to be stopped for longer than the lease is the disturbance
			}
			holder.Signal(t, syscall.SIGCONT)
			return 2, holderDoesItAll(t, w, holder, contender)
		})
	}
	s.end()
}

func (p *pause) check(t testing.TB, w *disturb.World) (effects int) {
	holder := w.Start(t, disturb.Way{Failpoint: p.point + "=stop"}, "apply")
	holder.AwaitStop(t)
	second := w.Apply(t)
	before, then := w.Effects(t), w.History(t)
	holder.Signal(t, syscall.SIGCONT)
	first := holder.Wait(t)
	after, now := w.Effects(t), w.History(t)
	if faults := append(w.Apart(then, before), w.Apart(now, after)...); len(faults) > 0 {
		standstill.Violated(t, "the ledger and the target system are apart: %q", faults)
	}
	if diff := cmp.Diff(then, now); (diff != "") != p.writes {
		fail := t.Errorf
		if diff != "" && second.Exit == 0 { // nothing was left to do
			fail = func(format string, args ...any) { standstill.Violated(t, format, args...) }
		}
		fail("ledger (-before the holder went on +after):\n%s", diff)
	}
	if p.kind == "direct" && (after["change-001"] > 1 || after["change-002"] > 1) {
		standstill.Violated(t, "a change that nobody may start again took effect twice: %v", after)
	}
	if p.second == held && len(w.Entries(then, second)) > 0 {
		standstill.Violated(t, "the contender wrote:\n%s", disturb.Lines(then))
	}
	last := w.Apply(t)
	got := []string{second.String(), first.String(), counts(before), counts(after), last.String()}
	want := []string{p.second, p.first, p.before, p.after, p.last}
	for i := range want {
		if slices.Contains(strings.Split(want[i], "/"), got[i]) { // a race, and both ends are right
			want[i] = got[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contender, holder, effects before and after, third run (-want +got):\n%s\ncontender said:\n%s\nholder said:\n%s\nledger:\n%s",
			diff, second.Said, first.Said, disturb.Lines(w.History(t)))
	}
	if p.last == done && p.kind != "retried" {
		effects, _ := w.CheckDone(t)
		return effects
	}
	return disturb.Total(after)
}
