package imagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// A pod or task that is stopped gets SIGTERM as process 1, for which Linux has no
// default effect, and SIGKILL when its time is over. The change under way is called
// off in time, recorded, and the lock is free: the next run goes on at once.
func TestStopped(t *testing.T) {
	b := newBox(t, slow())
	p := b.with("--env", "FLAMINGOCK_GRACE=1s").start()
	p.says("knob APPLIED")
	began := time.Now()
	docker(t, "stop", "--time", "30", p.id)
	r := p.wants(75) // 137: it had to be killed
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to stop, with a grace period of one second", took)
	}
	m := decode(t, r)
	if m.Code != core.CodeInterrupted || m.Status != run.Incomplete || m.Counts[run.ChangeApplied] != 1 || m.Counts[run.ChangeRolledBack] != 1 || m.Counts[run.ChangeNotReached] != 1 {
		t.Errorf("the termination message is %s", r.termination)
	}
	if got, want := b.history("slow"), "STARTED FAILED ROLLED_BACK"; got != want {
		t.Errorf("the history of the change under way is %s, want %s", got, want)
	}
	if l := data[operation.StatusData](t, b.run(0, "status", "-o", "json")).Lock; l.Held {
		t.Errorf("the lock is still held: %+v", l)
	}

	b.exec("UPDATE knob SET n = 10")
	m = decode(t, b.run(0, "apply", "--lock-wait", "0s"))
	if m.Counts[run.ChangeApplied] != 2 || m.Counts[run.ChangeAlreadyApplied] != 1 {
		t.Errorf("the next run's counts are %v", m.Counts)
	}
	if n := b.query("SELECT x FROM slow"); n != 10 {
		t.Errorf("the change that was called off left %d, want what the next run made", n)
	}
}

// A grace period that is long enough lets the change end well, and begins no other.
func TestStoppedWithTime(t *testing.T) {
	files := slow()
	files["changes/_0001__knob.yaml"] = strings.Replace(files["changes/_0001__knob.yaml"], endless, "20000000", 1) // longer than we may be kept from stopping it
	b := newBox(t, files)
	p := b.with("--env", "FLAMINGOCK_GRACE=2m").start()
	p.says("knob APPLIED")
	docker(t, "stop", "--time", "120", p.id)
	r := p.wants(75)
	if m := decode(t, r); m.Counts[run.ChangeApplied] != 2 || m.Counts[run.ChangeNotReached] != 1 {
		t.Errorf("the termination message is %s", r.termination)
	}
	if got := b.history("slow"); got != "STARTED APPLIED" {
		t.Errorf("the history of the change under way is %s", got)
	}
	b.run(0)
}

// Killed, as when the grace period of the pod is shorter than ours or the node goes:
// the next run takes the lock over, and settles by the marker what became of the change.
func TestKilled(t *testing.T) {
	b := newBox(t, slow())
	p := b.start()
	p.says("knob APPLIED")
	docker(t, "kill", p.id)
	p.wants(137)
	b.exec("UPDATE knob SET n = 10")
	b.run(0)
	if got := b.history("slow"); !strings.HasPrefix(got, "STARTED ") || !strings.HasSuffix(got, " STARTED APPLIED") {
		t.Errorf("the history of the change under way is %s", got)
	}
}

// Without a transaction nothing can tell what became of it: a person is asked, and
// their answer lets the next run go on.
func TestKilledWithoutTransaction(t *testing.T) {
	b := newBox(t, slow("transactional: false\n"))
	p := b.start()
	p.says("knob APPLIED")
	docker(t, "kill", p.id)
	p.wants(137)
	b.exec("UPDATE knob SET n = 10")
	r := b.run(79)
	if m := decode(t, r); m.Code != core.CodeManualIntervention || m.Counts[run.ChangeBlocked] != 1 {
		t.Errorf("the termination message is %s", r.termination)
	}
	b.run(79, "wait", "--timeout", "1m")
	b.run(0, "issue", "resolve", "slow", "--as", "rolled-back", "--reason", "the container was killed")
	b.run(0)
	b.run(0, "wait", "--timeout", "1m")
}
