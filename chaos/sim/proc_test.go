package sim

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// proc is one operating system process.
type proc struct {
	w     *world
	index int
	name  string
	// once: one attempt to do what it is for, no matter how it ends.
	act func(*proc) (*run.Report, error)

	dead, ended bool
	over        chan struct{} // closed when main has returned
	frozen      bool
	thaw        chan struct{}
	thawAt      time.Duration // from then on it may wake up
	wakeAt      time.Duration // it does, although nobody else moves
	freezes     int
	goneUntil   map[bool]time.Duration // for the audit store (true) and the target systems
	rep         *run.Report
	err         error
	heldAt      atomic.Uint64 // the token of its last acquisition that landed
	ids         int
	saw         map[string]uint64 // by a person: the entry that a change was at
	seen        digest            // of all that it asked and was answered

	ctx      context.Context
	cancel   context.CancelFunc
	stop     chan struct{}
	stopOnce sync.Once
	stopping bool
	intended map[string]bool // what it has asked the store to write
}

func (w *world) spawn(name string, act func(*proc) (*run.Report, error)) *proc {
	p := &proc{w: w, index: len(w.procs), name: name, act: act, goneUntil: map[bool]time.Duration{}, saw: map[string]uint64{}, intended: map[string]bool{}, over: make(chan struct{}), thaw: make(chan struct{}), stop: make(chan struct{}), seen: newDigest()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	w.procs = append(w.procs, p)
	return p
}

// main is the process's first goroutine.
func (p *proc) main() {
	defer close(p.over)
	defer func() {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.ended = true
		p.cancel()
		p.w.signal()
	}()
	_ = p.reach(p.ctx, kStart, "", func() error { return nil })
	p.rep, p.err = p.act(p)
	if !p.gone() {
		p.w.note("%s ended: %s", p.name, outcome(p.err))
		p.w.o.ended(p)
	}
}

func outcome(err error) string {
	if err == nil {
		return "well"
	}
	return string(core.CodeOf(err)) + ": " + err.Error()
}

// hold keeps a paused process where it is, and ends a goroutine of a dead one.
func (p *proc) hold() {
	for {
		p.w.mu.Lock()
		dead, frozen, thaw := p.dead, p.frozen, p.thaw
		p.w.mu.Unlock()
		switch {
		case dead:
			runtime.Goexit()
		case !frozen:
			return
		}
		<-thaw
	}
}

func (p *proc) gone() bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.dead
}

// over reports whether the process does nothing any more.
func (p *proc) isOver() bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.dead || p.ended
}

func (p *proc) now() time.Time {
	p.hold()
	return time.Now()
}

func (p *proc) newID() string {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.ids++
	return fmt.Sprintf("%s%d", p.name, p.ids)
}

// toGrid waits for the next tick, or between two for a renewal: what a process
// does in the background never happens at the same moment as what it is at.
func (w *world) toGrid(k kind) {
	at := w.at()
	if k == kRenew {
		at += tick / 2
	}
	if off := at % tick; off != 0 {
		time.Sleep(tick - off)
	}
}

// reach is every call to the outside: it waits at the gate until the scheduler
// lets it pass, with or without a fault.
func (p *proc) reach(ctx context.Context, k kind, subject string, do func() error) error {
	w := p.w
	w.toGrid(k)
	p.hold()
	if ctx.Err() != nil {
		return ctx.Err() // its caller has given up: it is not sent
	}
	if k != kStart && p.hang(ctx, k) {
		return unanswered(k)
	}
	c := &call{p: p, kind: k, subject: subject, ctx: ctx, do: do, grant: make(chan fault, 1), seen: p.seen}
	p.mustMean(c)
	w.mu.Lock()
	dead := p.dead
	if !dead {
		w.calls = append(w.calls, c)
	}
	w.mu.Unlock()
	if dead { // since it was held
		runtime.Goexit()
	}
	w.signal()
	return p.perform(c, <-c.grant)
}

// hang is a call into a network that is gone: it gets no answer until its caller
// gives up, or the network is back.
func (p *proc) hang(ctx context.Context, k kind) bool {
	left := p.cutOff(k)
	if left <= 0 {
		return false
	}
	if ctx.Done() != nil { // nobody gives up a commit, and nobody waits for it
		p.wait(ctx, left)
	}
	return true
}

// wait waits for d, or until ctx ends.
func (p *proc) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// cutOff says for how long the network is still gone.
func (p *proc) cutOff(k kind) time.Duration {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.goneUntil[ofStore(k)] - p.w.at()
}

func (p *proc) loseNetwork(k kind, d time.Duration) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.goneUntil[ofStore(k)] = p.w.at() + d
}

// perform lets a call happen as the fault says.
func (p *proc) perform(c *call, f fault) error {
	w := p.w
	var err error
	switch f {
	case crash:
		runtime.Goexit()
	case lost:
		err = unanswered(c.kind)
	case lostAfter:
		_ = c.send()
		err = unanswered(c.kind)
	case late:
		w.late = append(w.late, c)
		err = unanswered(c.kind)
	case slowGone:
		err = c.send()
		p.loseNetwork(c.kind, outage)
		p.wait(c.ctx, slowAnswer)
		p.hold()
		if c.ctx.Err() != nil {
			err = unanswered(c.kind)
		}
	case lateGone:
		p.loseNetwork(c.kind, patience)
		w.late = append(w.late, c)
		err = unanswered(c.kind)
	case lateCrash:
		w.late = append(w.late, c)
		runtime.Goexit()
	case gone:
		p.loseNetwork(c.kind, outage)
		err = unanswered(c.kind)
	case goneAfter:
		p.loseNetwork(c.kind, outage)
		_ = c.send()
		err = unanswered(c.kind)
	case stopRun:
		p.askToStop()
		err = c.send()
	case cancelRun:
		p.cancel()
		err = c.send()
	default:
		err = c.send()
	}
	if err != nil {
		w.note("%s -> %s", c.label(), short(err))
	}
	p.seen.add(string(c.kind), c.subject, string(f), short(err), w.clock())
	return err
}

// die ends all of the process's goroutines: at once those at the gate, at their
// next call those behind a timer.
func (p *proc) die() {
	w := p.w
	w.mu.Lock()
	p.dead = true
	if p.frozen {
		p.frozen = false
		close(p.thaw)
	}
	rest := w.calls[:0]
	for _, c := range w.calls {
		if c.p == p {
			c.grant <- crash
		} else {
			rest = append(rest, c)
		}
	}
	w.calls = rest
	w.mu.Unlock()
	p.cancel()
}

func (p *proc) askToStop() {
	p.stopOnce.Do(func() { close(p.stop) })
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.stopping = true
}

func (p *proc) freeze() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.frozen, p.thaw, p.thawAt, p.wakeAt = true, make(chan struct{}), p.w.at()+lease, p.w.at()+2*lease
	p.freezes++
}

func (p *proc) frozenSoFar() int {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.freezes
}

func (p *proc) resume() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.frozen = false
	close(p.thaw)
}

// runner is a Runner in the process.
func (p *proc) runner() *run.Runner {
	w := p.w
	r, err := run.New(run.Options{
		Ledger: ledger, Stages: w.sc.stages(), Store: procStore{p, w.store}, Lease: lease, Wait: 500 * tick, Grace: 18*tick + tick/6,
		Targets: map[string]core.Target{"db": &dbTarget{p: p, db: w.db}, "svc": &svcTarget{p: p, svc: w.svc}, "aud": &sharedTarget{p: p}},
		Now:     p.now, NewID: p.newID, Host: p.name,
		// Contenders look every 11 s: each look is a step, and adds nothing.
		Random: func() float64 { return 20.5 },
	})
	if err != nil {
		panic(err)
	}
	return r
}

func apply(p *proc) (*run.Report, error) {
	return p.runner().Apply(p.ctx, run.ApplyOptions{Stop: p.stop})
}
