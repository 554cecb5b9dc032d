package run

import (
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// Event is something that happened during a call. The set is closed.
type Event interface{ event() }

// Planned says that a plan was made; it may be made again after a wait.
type Planned struct{ Plan *plan.Plan }

// Waiting says that another execution holds the lease. It is repeated.
type Waiting struct {
	Holder core.Holder
	Waited time.Duration
	Limit  time.Duration
}

// Acquired says that this execution holds the lease.
type Acquired struct {
	ExecutionID string
	Token       uint64
	// Takeover says that it was taken from an execution that gave no sign of life.
	Takeover bool
	From     core.Holder // whom it was taken from
}

// Settled says what became of an earlier attempt.
type Settled struct {
	ChangeID string
	Stage    string
	Verdict  plan.Verdict
}

// ChangeStarted says that a change begins.
type ChangeStarted struct {
	ChangeID string
	Stage    string
	Index    int // from 1, of the changes to apply in this run
	Total    int
	Attempt  int
}

// Progressed is a change's own report.
type Progressed struct {
	ChangeID    string
	Step, Steps int
	Progress    core.Progress
}

// RollingBack says that the rollback of a failed change begins.
type RollingBack struct {
	ChangeID string
	Stage    string
	Cause    error
}

// ChangeEnded says how a change ended.
type ChangeEnded struct {
	Stage  string
	Change ChangeReport
}

// Warned is something that does not change the result but should be known.
type Warned struct {
	Text string
	Err  error
}

func (Planned) event()       {}
func (Waiting) event()       {}
func (Acquired) event()      {}
func (Settled) event()       {}
func (ChangeStarted) event() {}
func (Progressed) event()    {}
func (RollingBack) event()   {}
func (ChangeEnded) event()   {}
func (Warned) event()        {}
