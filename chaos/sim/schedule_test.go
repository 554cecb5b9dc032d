package sim

import (
	"fmt"
	"maps"
	"slices"
	"testing/synctest"
	"time"
)

// fault is what goes wrong at one call.
type fault string

// The faults. There is no "crash after": nothing can tell it from a crash before
// the process's next call.
const (
	none      fault = ""
	crash     fault = "the process dies before it"
	lost      fault = "is lost on its way"
	lostAfter fault = "acts, and the answer is lost"
	late      fault = "gets no answer, and acts later"
	lateCrash fault = "the process dies, and it acts later"
	// The network to one side only: to the audit store, or to the target systems.
	gone      fault = "is lost, and the network is gone for a while"
	goneAfter fault = "acts, and the network is gone for a while"
	slowGone  fault = "acts, is answered slowly, and the network is gone for a while"
	lateGone  fault = "gets no answer and acts later, and the network is gone for a while"
	pause     fault = "the process is paused before it, past its lease"
	stopRun   fault = "the process is asked to stop before it"
	cancelRun fault = "the run is cancelled before it"
)

// network has the faults of a network, of its machines, and of those that pause.
var network = []fault{lost, lostAfter, late, lateCrash, gone, goneAfter, slowGone, lateGone, pause}

// writes reports whether a call of kind k writes to the audit store.
func writes(k kind) bool { return k == kAcquire || k == kAppend || k == kRenew || k == kRelease }

// ofStore reports whether it is one to the audit store.
func ofStore(k kind) bool { return k == kLoad || writes(k) }

// can reports whether the fault makes a difference at a call of kind k.
func (f fault) can(k kind) bool {
	if k == kStart {
		return false
	}
	acts, writes := k == kEffect || k == kCommit || k == kRaise, writes(k)
	switch f {
	case crash, pause:
		return true
	case lost:
		return k != kForget && k != kLook
	case lostAfter, late, lateCrash:
		return writes || acts
	case gone, goneAfter, slowGone:
		return writes
	case lateGone:
		return writes || k == kCommit
	case stopRun:
		// While a renewal is at the gate its process may be behind it with what it had
		// decided before.
		return k != kRenew
	case cancelRun:
		return true
	}
	return true
}

// option is one way to go on.
type option struct {
	c       *call // nil: resume
	p       *proc // to resume
	landing bool  // c is one that lands late
	f       fault
	// switched: the process that was at work could have gone on.
	switched bool
}

func (o option) label() string {
	switch {
	case o.c == nil:
		return o.p.name + " wakes up"
	case o.landing:
		return o.c.label() + " lands late"
	case o.f != none:
		return o.c.label() + ": " + string(o.f)
	}
	return o.c.label()
}

// chooser decides how a schedule goes on; a negative answer ends it here.
type chooser interface {
	choose(s *schedule, options []option) int
}

// undisturbed is the chooser that lets everybody finish what he is at.
type undisturbed struct{}

func (undisturbed) choose(*schedule, []option) int { return 0 }

// schedule plays one scenario once.
type schedule struct {
	w           *world
	cur         *proc // who was at work last
	preemptions int   // left
	faults      int   // left
	steps       int
	cut         bool // ended by the chooser
}

// maxSteps is far above what any schedule needs.
const maxSteps = 2000

// play runs the scenario to its end, and heals. It must be called in a bubble.
func play(sc *scenario, preemptions, faults int, ch chooser) *schedule {
	w := newWorld(sc)
	s := &schedule{w: w, preemptions: preemptions, faults: faults}
	for i, act := range sc.acts {
		w.spawn(string(rune('A'+i)), act)
	}
	for _, p := range w.procs {
		go p.main()
	}
	for s.step(ch) {
	}
	if !s.cut && len(w.violations) == 0 {
		w.atEnd()
		s.heal()
	}
	for _, p := range w.procs {
		p.die()
		<-p.over // a bubble's time stands still when its first goroutine has ended
	}
	// What is behind a timer in a dead process ends when it wakes up.
	time.Sleep(lease)
	return s
}

// step lets one process go on; false: the schedule is over.
func (s *schedule) step(ch chooser) bool {
	w := s.w
	synctest.Wait()
	if len(w.violations) > 0 {
		return false
	}
	options := s.options()
	if len(options) == 0 {
		return s.await()
	}
	if s.steps++; s.steps > maxSteps {
		w.violate("the schedule does not come to an end")
		return false
	}
	i := ch.choose(s, options)
	if i < 0 {
		s.cut = true
		return false
	}
	s.take(options[i])
	synctest.Wait()
	return true
}

// take carries an option out.
func (s *schedule) take(o option) {
	w := s.w
	if o.switched {
		s.preemptions--
	}
	if o.f != none {
		s.faults--
		w.faulted[o.f]++
		w.disturbed = w.disturbed || !(o.f == lost || o.f == lostAfter || o.f == late) || !writes(o.c.kind)
	}
	w.note("%s", o.label())
	switch {
	case o.c == nil:
		o.p.resume()
		s.cur = o.p
		return
	case o.landing:
		w.late = slices.DeleteFunc(w.late, func(c *call) bool { return c == o.c })
		if err := o.c.do(); err != nil {
			w.note("%s -> %s", o.c.label(), short(err))
		}
		w.o.step(o.c.p, o.c)
		return
	}
	s.cur = o.c.p
	if o.f == pause {
		o.c.p.freeze()
		return
	}
	w.mu.Lock()
	w.calls = slices.DeleteFunc(w.calls, func(c *call) bool { return c == o.c })
	w.mu.Unlock()
	if o.f == crash || o.f == lateCrash {
		o.c.p.die()
	}
	o.c.grant <- o.f
	synctest.Wait()
	w.o.step(o.c.p, o.c)
}

// await lets time pass until somebody comes to a gate; false: nobody will.
func (s *schedule) await() bool {
	w := s.w
	limit := time.Hour
	alive := false
	for _, p := range w.procs {
		if p.frozen {
			limit = min(limit, max(p.wakeAt-w.at(), time.Millisecond))
		}
		alive = alive || !p.isOver()
	}
	if !alive {
		return false
	}
	select {
	case <-w.arrived: // perhaps an old signal: look again
		return true
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.arrived:
	case <-timer.C:
		if limit == time.Hour {
			w.violate("a process waits for ever")
			return false
		}
	}
	return true
}

// options are all ways to go on, the undisturbed one first.
func (s *schedule) options() []option {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	var threads []option
	for _, c := range w.calls {
		if !c.p.frozen {
			threads = append(threads, option{c: c, p: c.p})
		}
	}
	for _, p := range w.procs {
		if p.frozen && w.at() >= p.thawAt {
			threads = append(threads, option{p: p})
		}
	}
	// The one at work first, then in the order of their names; a renewal after
	// what its process is at.
	rank := func(o option) int {
		r := 4 * o.p.index
		if o.p == s.cur {
			r = -4
		}
		if o.c == nil {
			r += 1000 // a paused one sleeps on for as long as others are at work
		} else if o.c.kind == kRenew {
			r++
		}
		return r
	}
	slices.SortStableFunc(threads, func(a, b option) int { return rank(a) - rank(b) })
	// A request that lands late does not wait for anybody: after all processes have
	// ended it may land before or after the fresh ones come.
	for _, c := range w.late {
		threads = append(threads, option{c: c, p: c.p, landing: true})
	}
	if len(threads) == 0 || threads[0].landing && !w.allEnded() || threads[0].c == nil && !w.mustWake() {
		return nil // time passes
	}
	var out []option
	for i, o := range threads {
		o.switched = i > 0 && (threads[0].p == s.cur || o.landing)
		if o.switched && s.preemptions == 0 && !(o.landing && threads[0].landing) {
			continue
		}
		if o.landing && threads[0].landing {
			o.switched = false
		}
		out = append(out, o)
		if o.c == nil || o.landing || s.faults == 0 {
			continue
		}
		if len(w.sc.faults) > 0 && crash.can(o.c.kind) {
			o.f = crash
			out = append(out, o)
		}
		for _, f := range w.sc.faults {
			if f.can(o.c.kind) {
				o.f = f
				out = append(out, o)
			}
		}
	}
	return out
}

// allEnded is called with the lock held.
func (w *world) allEnded() bool {
	return !slices.ContainsFunc(w.procs, func(p *proc) bool { return !p.ended && !p.dead })
}

// mustWake, called with the lock held, reports whether there is nobody to wait for but those that are paused.
func (w *world) mustWake() bool {
	others := false
	for _, p := range w.procs {
		if p.frozen && w.at() >= p.wakeAt {
			return true
		}
		others = others || !p.frozen && !p.ended && !p.dead
	}
	return !others
}

// key is a digest of everything that what follows depends on.
func (s *schedule) key() digest {
	w := s.w
	d := newDigest()
	d.num(uint64(w.o.ledger), uint64(w.o.signAt/tick), w.unlocked)
	d.num(w.db.fence.Token, w.db.fence.N)
	d.add(w.db.fence.Owner)
	for _, m := range slices.SortedFunc(maps.Keys(w.db.markers), func(a, b markerKey) int { return cmpMarker(a, b) }) {
		d.add(m.ChangeID)
		d.num(m.Seq)
	}
	for _, m := range []map[string]int{w.db.rows, w.svc.rows, w.svc.calls, w.svc.by, w.inFlight} {
		for _, id := range slices.Sorted(maps.Keys(m)) {
			d.add(id)
			d.num(uint64(m[id]))
		}
		d.add("-")
	}
	d.add(slices.Sorted(maps.Keys(w.failed))...)
	d.add("-")
	d.add(slices.Sorted(maps.Keys(w.unsure))...)
	for _, p := range w.procs {
		switch {
		case p.dead:
			d.add("dead")
		case p.ended:
			d.add("ended", outcome(p.err))
		default:
			d.add("alive", fmt.Sprint(p.frozen, p.goneUntil, p.heldAt.Load(), uint64(p.seen)))
		}
	}
	for _, c := range w.calls {
		d.add(c.label())
	}
	for _, c := range w.late {
		d.add("late", c.label())
		d.num(uint64(c.seen))
	}
	d.add(w.clock())
	if s.cur != nil {
		d.add(s.cur.name)
	}
	return d
}
