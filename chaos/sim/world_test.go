package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
)

const (
	ledger = "sim"
	// tick is the grid of the simulation: calls arrive on it. Retries are spread out
	// by chance, and mostly by less, so that a schedule can be played again.
	// It is not a second, nor a part of one, as the Runner's own limits are.
	tick = 1100 * time.Millisecond
	// What has to do with the lease ends beside the grid: no call and no limit of it
	// fall on the same moment, when chance would decide.
	lease = 21*tick + tick/8
	// outage is how long a network is gone: past the lease.
	outage = 30 * tick
	// patience is just longer than a Runner sends a request again.
	patience = lease + 3*tick/8
	// slowAnswer is how long one takes that its caller still waits for.
	slowAnswer = 9 * tick
)

var errUnanswered = errors.New("connection reset by peer")

// world is everything: one audit store, two target systems, the processes, and
// the network between them. Whoever is not at a gate or behind a timer has ended,
// so that one goroutine at a time touches it, the scheduler's included; mu is for
// the moments in which several start or wake up at once.
type world struct {
	sc     *scenario
	real   *memstore.Store
	store  core.AuditStore // real, or broken on purpose
	db     *database
	svc    *service
	origin time.Time

	mu      sync.Mutex
	procs   []*proc
	calls   []*call // at the gate, in the order of their arrival
	late    []*call // requests whose senders got no answer, and that still land
	arrived chan struct{}

	o          observer
	effects    int
	failed     map[string]bool
	inFlight   map[string]int         // effects of steps that began under a lease that was lost meanwhile
	unsure     map[string]bool        // changes about which a person was too early, or that were taken back too late
	before     map[string]core.Record // of each change: before its last STARTED
	unlocked   uint64                 // the highest token whose lease a person ended
	faulted    map[fault]int
	disturbed  bool // by more than answers of the store that were lost
	trace      []note
	violations []string
}

func newWorld(sc *scenario) *world {
	w := &world{
		sc: sc, real: memstore.New(), origin: time.Now(), arrived: make(chan struct{}, 1),
		inFlight: map[string]int{}, failed: map[string]bool{}, unsure: map[string]bool{}, before: map[string]core.Record{}, faulted: map[fault]int{},
	}
	w.db, w.svc = newDatabase(w), newService(w)
	w.store = w.real
	if sc.breakStore != nil {
		w.store = sc.breakStore(w.real)
	}
	w.o = observer{w: w}
	return w
}

func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

func (w *world) at() time.Duration { return time.Since(w.origin) }

// note is a line of what happened; it is put into words when somebody reads it.
type note struct {
	at     time.Duration
	format string
	args   []any
}

func (n note) String() string {
	return fmt.Sprintf("%4d  ", int(n.at/tick)) + fmt.Sprintf(n.format, n.args...)
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, note{w.at(), format, args})
}

// told is the trace in words.
func (w *world) told() []string {
	lines := make([]string, len(w.trace))
	for i, n := range w.trace {
		lines[i] = n.String()
	}
	return lines
}

func (w *world) signal() {
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// kind is what a call at a gate is.
type kind string

const (
	kStart   kind = "start"
	kLoad    kind = "load"
	kAcquire kind = "acquire"
	kAppend  kind = "append"
	kRenew   kind = "renew"
	kRelease kind = "release"
	kOpen    kind = "open"
	kEffect  kind = "effect"
	kUndo    kind = "undo"
	kProbe   kind = "probe"
	kRaise   kind = "raise"
	kBegin   kind = "begin"
	kStep    kind = "step" // of a transaction
	kCommit  kind = "commit"
	kMarked  kind = "marked"
	kPut     kind = "put marker"
	kForget  kind = "delete markers"
	kLook    kind = "look" // a person's
)

// call is a call at its gate, or a request in the network.
type call struct {
	p       *proc
	kind    kind
	subject string
	ctx     context.Context // of the caller
	do      func() error
	grant   chan fault
	seen    digest // by its sender, when it was sent
}

// send lets the call act, unless its caller has given up before it was sent.
func (c *call) send() error {
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	return c.do()
}

func (c *call) label() string {
	l := c.p.name + " " + string(c.kind)
	if c.subject != "" {
		l += " " + c.subject
	}
	return l
}

func (w *world) clock() string { return fmt.Sprint(int(w.at() / tick)) }

// unanswered is the error of a call without an answer, as the contract of its
// kind wants it: for a commit or a step, nobody knows; where a failure has no
// consequence, it is one.
func unanswered(k kind) error {
	switch k {
	case kLoad, kAcquire, kAppend, kRenew, kRelease:
		return errUnanswered
	case kEffect, kUndo, kCommit, kStep:
		return core.Unknown(errUnanswered)
	default:
		return &core.UnavailableError{System: "target", Err: errUnanswered}
	}
}

func short(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, core.ErrLeaseLost):
		return "lease lost"
	case errors.Is(err, core.ErrConflict):
		return "conflict"
	case errors.Is(err, core.ErrMarked):
		return "marked"
	case errors.Is(err, errUnanswered):
		return "no answer"
	}
	return err.Error()
}
