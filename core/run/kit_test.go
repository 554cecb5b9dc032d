package run_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
)

const ledger = "test/ledger"

// fault is what goes wrong at one call that a process makes.
type fault string

const (
	none        fault = ""
	failBefore  fault = "fails without having acted"
	loseAnswer  fault = "acts, but its answer is lost"
	loseTwice   fault = "acts, but two answers in a row are lost"
	loseLate    fault = "its answer is lost, and it acts later"
	downBefore  fault = "does not act, and nothing answers from then on"
	downAfter   fault = "acts, but nothing answers from then on"
	crashBefore fault = "the process dies before it"
	crashAfter  fault = "the process dies after it"
	pauseBefore fault = "the process is paused before it"
	pauseAfter  fault = "the process is paused after it"
	cancelRun   fault = "the run is cancelled before it"
	stopRun     fault = "the run is asked to stop before it"

	// loseCancelled acts, although the caller has given up by then.
	// hangBefore and hangAfter give no answer until the caller gives up.
	hangBefore fault = "does not act, and hangs"
	hangAfter  fault = "acts, and hangs"

	loseCancelled fault = "acts after the run was cancelled, without an answer"
)

var errLost = errors.New("connection reset by peer")

// tb is what the kit needs of a test.
type tb interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is everything outside the processes: one audit store, one database with
// transactions and one service without.
type world struct {
	t      tb
	store  *memstore.Store
	live   *live // its lock
	db     *database
	svc    *service
	stages []core.Stage
	lease  time.Duration
	pause  time.Duration // how long a paused process stands still
	procs  int
}

func newWorld(t tb, stages ...core.Stage) *world {
	mu := new(sync.Mutex)
	db := newDatabase(mu)
	return &world{
		t: t, store: memstore.New(), live: newLive(db), db: db, svc: newService(mu), stages: stages,
		lease: 2 * time.Second, pause: 10 * time.Second,
	}
}

// process is one operating system process that runs changes. Every call that it
// makes to the outside passes reach, where it can be killed, paused or disturbed.
type process struct {
	w    *world
	name string
	at   func(n int, site string) fault

	mu     sync.Mutex
	n      int      // calls so far
	sites  []string // what was called
	dead   bool
	paused chan struct{}
	down   bool // the store does not answer any more
	lost   int  // answers still to lose
	events []run.Event

	stopOnce sync.Once
	stop     chan struct{}
	ctx      context.Context
	cancel   context.CancelFunc
}

func (w *world) process(at func(n int, site string) fault) *process {
	w.procs++
	p := &process{w: w, name: fmt.Sprintf("p%d", w.procs), at: at, stop: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// wait holds a paused process, and ends the goroutine of a dead one.
func (p *process) wait() {
	for {
		p.mu.Lock()
		dead, paused := p.dead, p.paused
		p.mu.Unlock()
		if dead {
			runtime.Goexit()
		}
		if paused == nil {
			return
		}
		<-paused
	}
}

// reach is called before every call to the outside.
func (p *process) reach(site string) fault {
	p.wait()
	p.mu.Lock()
	p.n++
	n := p.n
	p.sites = append(p.sites, site)
	p.mu.Unlock()
	f := none
	if p.at != nil {
		f = p.at(n, site)
	}
	switch f {
	case crashBefore:
		p.die()
	case pauseBefore:
		p.standStill()
		return none
	case cancelRun:
		p.cancel()
		return none
	case stopRun:
		p.askToStop()
		return none
	}
	return f
}

// after is called when the call has acted.
func (p *process) after(f fault) {
	switch f {
	case crashAfter:
		p.die()
	case pauseAfter:
		p.standStill()
	}
}

func (p *process) die() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	runtime.Goexit()
}

func (p *process) standStill() {
	c := make(chan struct{})
	p.mu.Lock()
	p.paused = c
	p.mu.Unlock()
	time.Sleep(p.w.pause)
	p.mu.Lock()
	p.paused = nil
	p.mu.Unlock()
	close(c)
}

func (p *process) askToStop() { p.stopOnce.Do(func() { close(p.stop) }) }

func (p *process) now() time.Time {
	p.wait()
	return time.Now()
}

func (p *process) options() run.Options {
	o := run.Options{
		Ledger: ledger, Stages: p.w.stages, Store: procStore{p, p.w.store}, Lease: p.w.lease, Wait: time.Minute, Grace: time.Second,
		Targets: map[string]core.Target{"db": &dbTarget{"db", p.w.db, p}, "svc": &svcTarget{"svc", p.w.svc, p}, "aud": &sharedTarget{p}, "app": &liveTarget{p}},
		Now:     p.now, Host: p.name,
		Events: func(e run.Event) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events = append(p.events, e)
		},
	}
	return o
}

func (p *process) runner(change ...func(*run.Options)) *run.Runner {
	o := p.options()
	for _, f := range change {
		f(&o)
	}
	r, err := run.New(o)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return r
}

// outcome is how a process ended.
type outcome struct {
	p    *process
	died bool
	rep  *run.Report
	err  error
}

func (o outcome) code() core.Code { return core.CodeOf(o.err) }

// apply runs Apply in the process to its end, or to the process's death.
func (p *process) apply(change ...func(*run.Options)) outcome {
	return <-p.applyAsync(change...)
}

func (p *process) applyAsync(change ...func(*run.Options)) <-chan outcome {
	r := p.runner(change...)
	c := make(chan outcome, 1)
	go func() {
		o := outcome{p: p, died: true}
		defer func() { c <- o }()
		rep, err := r.Apply(p.ctx, run.ApplyOptions{Stop: p.stop})
		o.rep, o.err, o.died = rep, err, false
	}()
	return c
}

// procStore is the audit store as a process sees it.
type procStore struct {
	p  *process
	in core.AuditStore
}

func (s procStore) write(ctx context.Context, site string, act func() error) error {
	f := s.p.reach(site)
	s.p.mu.Lock()
	down, lose := s.p.down, s.p.lost > 0
	if f == downBefore || f == downAfter {
		s.p.down = true
	}
	if lose {
		s.p.lost--
	}
	if f == loseTwice {
		s.p.lost = 1
	}
	s.p.mu.Unlock()
	if f == hangBefore {
		<-ctx.Done()
		return ctx.Err()
	}
	if down || f == failBefore || f == downBefore {
		return errLost
	}
	err := act()
	s.p.wait() // an answer to a process that died or is paused meanwhile
	s.p.after(f)
	if f == hangAfter {
		<-ctx.Done()
		return ctx.Err()
	}
	if lose || f == loseAnswer || f == loseTwice || f == downAfter || f == loseCancelled {
		return errLost
	}
	return err
}

func (s procStore) Load(ctx context.Context, l string) (snap core.Snapshot, err error) {
	err = s.write(ctx, "load", func() error {
		var err error
		snap, err = s.in.Load(ctx, l)
		return err
	})
	return snap, err
}

// alone acts under the store's lock.
func (s procStore) alone(ctx context.Context, site string, act func() error) error {
	return s.write(ctx, site, func() error {
		if err := s.p.w.live.lock(context.WithoutCancel(ctx)); err != nil { // it is on its way
			return err
		}
		defer s.p.w.live.unlock()
		return act()
	})
}

func (s procStore) Acquire(ctx context.Context, a core.Acquisition) error {
	given := ctx
	// A request that is under way lands, whether or not its sender still waits.
	if ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	return s.alone(given, "acquire", func() error { return s.in.Acquire(ctx, a) })
}

func (s procStore) Append(ctx context.Context, a core.Append) error {
	return s.alone(ctx, "append", func() error { return s.in.Append(ctx, a) })
}

func (s procStore) Domain() string {
	if sharing, ok := s.in.(core.SharingStore); ok {
		return sharing.Domain()
	}
	return ""
}

func (s procStore) AppendShared(ctx context.Context, a core.Append, items any) error {
	t, ok := items.(*liveTx)
	if !ok {
		return s.alone(ctx, "append", func() error { return s.in.(core.SharingStore).AppendShared(ctx, a, items) })
	}
	defer func() {
		if !t.ended { // it was not even sent, or its process died
			t.end()
		}
	}()
	return s.write(ctx, "append live", func() error {
		if !t.ended { // which is its lock
			defer t.end()
		}
		return s.in.(core.SharingStore).AppendShared(context.WithoutCancel(ctx), a, t.commit)
	})
}

func (s procStore) Renew(ctx context.Context, l core.Lease) error {
	return s.alone(ctx, "renew", func() error { return s.in.Renew(ctx, l) })
}

func (s procStore) Release(ctx context.Context, l core.Lease) error {
	return s.alone(ctx, "release", func() error { return s.in.Release(ctx, l) })
}

func (s procStore) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	return s.in.History(ctx, q)
}

// history returns all entries, after checking the chain, the sum and that the
// current states follow from the entries.
func (w *world) history() []core.Entry {
	w.t.Helper()
	var all []core.Entry
	for q := (core.HistoryQuery{Ledger: ledger}); ; {
		page, err := w.store.History(context.Background(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page.Entries...)
		if q.AfterSeq = page.Next; q.AfterSeq == 0 {
			break
		}
	}
	if err := core.VerifyChain(0, "", all); err != nil {
		w.t.Error(err)
	}
	s := w.load()
	var sum uint64
	last := map[string]uint64{}
	for _, e := range all {
		if e.ChangeID != "" {
			last[e.ChangeID] = e.Seq
		}
	}
	for id, r := range s.Records {
		sum += r.Seq
		if last[id] != r.Seq {
			w.t.Errorf("change %s is recorded at entry %d, its last is %d", id, r.Seq, last[id])
		}
	}
	if sum != s.Head.Sum || len(last) != len(s.Records) {
		w.t.Errorf("the head's sum is %d, the records give %d", s.Head.Sum, sum)
	}
	return all
}

func (w *world) load() core.Snapshot {
	w.t.Helper()
	s, err := w.store.Load(context.Background(), ledger)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// states returns "change STATE" of every entry.
func (w *world) states() []string {
	w.t.Helper()
	var out []string
	for _, e := range w.history() {
		s := e.ChangeID + " " + string(e.State)
		if e.State == core.StateNone {
			s = string(e.Operation)
		}
		if e.Unknown {
			s += " unknown"
		}
		out = append(out, s)
	}
	return out
}

func issuesOf(err error) []core.Issue {
	var ie *core.InterventionError
	if errors.As(err, &ie) {
		return ie.Issues
	}
	return nil
}

// resolveTruly lets a person look at the target systems and say what is there.
func (w *world) resolveTruly(issues []core.Issue) {
	w.t.Helper()
	for _, is := range issues {
		as := core.StateManualMarkedRolledBack
		if w.effect(is.ChangeID) > 0 {
			as = core.StateManualMarkedApplied
		}
		_, err := w.process(nil).runner().Resolve(context.Background(), run.Resolution{ChangeID: is.ChangeID, As: as, Reason: "looked at it"})
		if err != nil {
			w.t.Errorf("resolve %s as %s: %v", is.ChangeID, as, err)
		}
	}
}

// effect returns how often the change's effect is in its target system.
func (w *world) effect(id string) int { return w.db.count(id) + w.svc.count(id) }

func (w *world) changeIDs() []string {
	var ids []string
	for i := range w.stages {
		for j := range w.stages[i].Changes {
			ids = append(ids, w.stages[i].Changes[j].ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// statuses returns "change STATUS" in the order of the report.
func statuses(rep *run.Report) []string {
	var out []string
	for _, st := range rep.Stages {
		for _, c := range st.Changes {
			out = append(out, c.ChangeID+" "+string(c.Status))
		}
	}
	return out
}
