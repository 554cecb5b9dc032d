package sim

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

type markerKey = core.Marker

func cmpMarker(a, b markerKey) int {
	return cmp.Or(cmp.Compare(a.ChangeID, b.ChangeID), cmp.Compare(a.Seq, b.Seq))
}

// observer holds every step against what must hold.
type observer struct {
	w       *world
	head    core.Head
	entries []core.Entry
	signAt  time.Duration // when the head was written last
	ledger  digest        // of head, records and entries
}

// step is called after every step; p and c are who made it.
func (o *observer) step(p *proc, c *call) {
	if !writes(c.kind) {
		return // the target systems look for themselves
	}
	now := o.w.load()
	entries := o.w.history()
	o.lease(p, now.Head, entries)
	o.history(entries)
	o.records(now, entries)
	for i := len(o.entries); i < len(entries); i++ {
		o.entry(p, entries, i)
	}
	if now.Head.RVN != o.head.RVN {
		o.signAt = o.w.at()
	}
	o.head, o.entries = now.Head, entries
	o.ledger = newDigest()
	o.ledger.snapshot(now)
	for i := range entries {
		e := &entries[i]
		o.ledger.add(e.ChangeID, string(e.State), string(e.Operation), e.ExecutionID)
		o.ledger.num(e.Token, uint64(e.Attempt), flag(e.Unknown), flag(e.Reconciled))
	}
}

// lease: one at a time, taken over only when it is free or its holder was silent
// for all of it; whoever does not hold it writes nothing.
func (o *observer) lease(p *proc, h core.Head, entries []core.Entry) {
	was := o.head
	if h.RVN < was.RVN || h.RVN == was.RVN && (h.Seq != was.Seq || h.Owner != was.Owner || h.Token != was.Token || h.Released != was.Released) {
		o.w.violate("the head was written without a new rvn: %+v, %+v", was, h)
	}
	unlock := len(entries) > len(o.entries) && entries[len(entries)-1].Operation == core.OpUnlock
	switch {
	case h.Token < was.Token:
		o.w.violate("the token went back from %d to %d", was.Token, h.Token)
	case h.Token > was.Token+1:
		o.w.violate("the token went from %d to %d", was.Token, h.Token)
	case h.Token > was.Token:
		if was.Held() && !unlock && o.w.at()-o.signAt < was.Lease {
			o.w.violate("%s took the lease of %s after %s", p.name, was.Owner, o.w.at()-o.signAt)
		}
		if was.LedgerID != "" && h.LedgerID != was.LedgerID {
			o.w.violate("the ledger has another id")
		}
		if unlock {
			o.w.mu.Lock()
			o.w.unlocked = max(o.w.unlocked, was.Token)
			o.w.mu.Unlock()
		}
	case h.RVN > was.RVN && was.Owner != "" && !strings.HasPrefix(was.Owner, p.name):
		o.w.violate("%s wrote under the lease of %s", p.name, was.Owner)
	case h.Owner != was.Owner:
		o.w.violate("the lease went from %s to %s without a new token", was.Owner, h.Owner)
	case was.Released && !h.Released:
		o.w.violate("a lease that was free is held again without a new token")
	}
	for i := len(o.entries); i < len(entries); i++ {
		if e := &entries[i]; e.Token != h.Token || !strings.HasPrefix(e.ExecutionID, p.name) {
			o.w.violate("entry %d of %s has token %d, written by %s under token %d", e.Seq, e.ExecutionID, e.Token, p.name, h.Token)
		}
	}
}

// history: no entry lost, overwritten or out of order; the chain whole.
func (o *observer) history(entries []core.Entry) {
	if len(entries) < len(o.entries) {
		o.w.violate("the history went from %d to %d entries", len(o.entries), len(entries))
		return
	}
	seq, hash := uint64(0), ""
	for i := range o.entries {
		if entries[i].Hash != o.entries[i].Hash {
			o.w.violate("entry %d was overwritten", i+1)
		}
		seq, hash = entries[i].Seq, entries[i].Hash
	}
	if err := core.VerifyChain(seq, hash, entries[len(o.entries):]); err != nil {
		o.w.violate("%v", err)
	}
}

// records: the current states follow from the entries, the head from both.
func (o *observer) records(s core.Snapshot, entries []core.Entry) {
	last := map[string]*core.Entry{}
	for i := range entries {
		e := &entries[i]
		if e.ChangeID == "" {
			continue
		}
		at := uint64(0)
		if prev := last[e.ChangeID]; prev != nil {
			at = prev.Seq
		}
		if e.PrevSeq != at {
			o.w.violate("entry %d follows entry %d of %s, which was at %d", e.Seq, e.PrevSeq, e.ChangeID, at)
		}
		last[e.ChangeID] = e
	}
	sum := uint64(0)
	for id, r := range s.Records {
		sum += r.Seq
		if e := last[id]; e == nil || r != e.Record() {
			o.w.violate("the record of %s does not follow from its last entry", id)
		}
	}
	if len(last) != len(s.Records) || sum != s.Head.Sum || s.Head.Seq != uint64(len(entries)) {
		o.w.violate("head and records do not add up: seq %d of %d, sum %d of %d", s.Head.Seq, len(entries), s.Head.Sum, sum)
	}
}

// entry: what a new entry says is true, and may follow.
func (o *observer) entry(p *proc, entries []core.Entry, i int) {
	e := &entries[i]
	id := e.ChangeID
	var prev core.Record
	for j := i - 1; j >= 0; j-- {
		if entries[j].ChangeID == id {
			prev = entries[j].Record()
			break
		}
	}
	w := o.w
	retry := e.Strategy == core.AlwaysRetry
	switch e.State {
	case core.StateStarted:
		w.before[id] = prev
		o.mayStart(e, prev, entries[:i])
		if i < len(entries)-1 {
			w.violate("entry %d starts %s, and entries follow in the same request", e.Seq, id)
		}
	case core.StateApplied:
		if prev.State != core.StateStarted && !(e.Reconciled && prev.State == core.StateFailed) {
			w.violate("entry %d: %s is APPLIED after %s", e.Seq, id, prev.State)
		}
		if w.effect(id) == 0 {
			w.violate("entry %d: %s is APPLIED, and it has no effect", e.Seq, id)
		}
	case core.StateRolledBack:
		if b := w.before[id]; e.Reason == "not begun" && (b.State == core.StateRollbackFailed || !isTx(id) && (b.State == core.StateStarted || b.State == core.StateFailed)) {
			w.violate("entry %d: an attempt at %s that never began hides that it was %s", e.Seq, id, b.State)
		}
		if prev.Unknown && !e.Reconciled {
			w.violate("entry %d: %s is ROLLED_BACK after an unknown outcome", e.Seq, id)
		}
		switch {
		case e.Reconciled && !isTx(id) && id[0] != 'q':
			w.violate("entry %d: %s is ROLLED_BACK on its probe's word, although it may still come", e.Seq, id)
		case isTx(id) && w.effect(id) > 0:
			w.violate("entry %d: %s is ROLLED_BACK, and its effect is there", e.Seq, id)
		case !isTx(id) && !retry && id[0] != 'q' && (w.svc.by[p.name+" "+id] > 0 || w.inTheNetwork(p, id)):
			w.violate("entry %d: %s is ROLLED_BACK by %s, whose effect is there, or will be", e.Seq, id, p.name)
		}
	case core.StateManualMarkedApplied, core.StateManualMarkedRolledBack:
		if seen, ok := p.saw[id]; ok && seen != prev.Seq {
			w.violate("entry %d: a person saw %s at entry %d, and is taken to mean %d", e.Seq, id, seen, prev.Seq)
		}
		there := w.effect(id) > 0
		switch {
		case there == (e.State == core.StateManualMarkedApplied):
		case isTx(id):
			w.violate("entry %d: %s is %s, which its target contradicts", e.Seq, id, e.State)
		default: // it came, or went, after the person's look: nobody can know
			w.unsure[id] = true
		}
	case core.StateNone, core.StateFailed, core.StateRollbackFailed:
	}
}

// mayStart: nothing that is applied starts again, nothing whose outcome is unknown
// without somebody who may say so, and nothing before what comes before it.
func (o *observer) mayStart(e *core.Entry, prev core.Record, before []core.Entry) {
	w := o.w
	switch {
	case prev.State.IsApplied():
		w.violate("entry %d starts %s, which is applied", e.Seq, e.ChangeID)
	case prev.State.IsUnfinished() && prev.TxType != core.TxShared && e.Strategy != core.AlwaysRetry:
		w.violate("entry %d starts %s again, which is %s, and nobody said so", e.Seq, e.ChangeID, prev.State)
	}
	applied := map[string]bool{}
	for i := range before {
		if id := before[i].ChangeID; id != "" {
			applied[id] = before[i].State.IsApplied()
		}
	}
	for _, id := range w.precede(e.ChangeID) {
		if !applied[id] {
			w.violate("entry %d starts %s before %s is applied", e.Seq, e.ChangeID, id)
		}
	}
}

// precede returns what must be applied before the change starts.
func (w *world) precede(id string) []string {
	var ids []string
	stages := w.sc.stages()
	for i := range stages {
		st := &stages[i]
		j := slices.IndexFunc(st.Changes, func(c core.Change) bool { return c.ID == id })
		if j < 0 {
			continue
		}
		for _, c := range st.Changes[:j] {
			ids = append(ids, c.ID)
		}
		for k := range stages {
			if slices.Contains(st.DependsOn, stages[k].Name) {
				for _, c := range stages[k].Changes {
					ids = append(ids, c.ID)
				}
			}
		}
	}
	return ids
}

// mustBeInOrder is asked at every effect.
func (w *world) mustBeInOrder(id string) {
	for _, other := range w.precede(id) {
		if w.effect(other) == 0 && !w.unsure[other] {
			w.violate("%s has its effect before %s", id, other)
		}
	}
}

// mustHold is asked where the Runner has just made sure that the lease is its own:
// then no other one is valid.
func (p *proc) mustHold(id string) {
	w := p.w
	w.mu.Lock()
	unlocked := w.unlocked
	w.mu.Unlock()
	h, held := w.load().Head, p.heldAt.Load()
	if h.Token != held && held > unlocked || h.Token == held && h.Released {
		w.violate("%s acts on %s under token %d, and the head has %d (released: %t)", p.name, id, held, h.Token, h.Released)
	}
}

// mustMean: who was asked to stop starts nothing new.
func (p *proc) mustMean(c *call) {
	p.w.mu.Lock()
	late := p.stopping && !p.intended[c.subject] && strings.Contains(c.subject, string(core.StateStarted))
	p.intended[c.subject] = true
	p.w.mu.Unlock()
	if late {
		p.w.violate("%s, although %s was asked to stop", c.label(), p.name)
	}
}

func (w *world) inTheNetwork(p *proc, id string) bool {
	return slices.ContainsFunc(w.late, func(c *call) bool { return c.p == p && c.kind == kEffect && c.subject == id })
}

// ended is asked when a process has ended by itself.
func (o *observer) ended(p *proc) {
	w := o.w
	if code := core.CodeOf(p.err); p.err != nil && code == core.CodeInternal {
		w.violate("%s ended with %v", p.name, p.err)
	}
	var behind *core.StoreBehindError
	if errors.As(p.err, &behind) {
		w.violate("%s takes the audit store for an old copy: %v", p.name, p.err)
	}
	var issues *core.InterventionError
	if errors.As(p.err, &issues) {
		for _, is := range issues.Issues {
			if isTx(is.ChangeID) {
				w.violate("%s asks a person about %s, which settles itself: %s", p.name, is.ChangeID, is.Reason)
			}
			o.notAtWork(p, is)
		}
	}
	if p.rep != nil && p.err == nil {
		s := w.load()
		for _, c := range w.changes() {
			if !s.Records[c.ID].State.IsApplied() {
				w.violate("%s ended well, and %s is %q", p.name, c.ID, s.Records[c.ID].State)
			}
		}
		if p.rep.Status != run.Success && p.rep.Status != run.NoChanges {
			w.violate("%s ended without an error, and says %s", p.name, p.rep.Status)
		}
	}
}

// notAtWork: what another process is at work on is no issue.
func (o *observer) notAtWork(p *proc, is core.Issue) {
	h := o.w.load().Head
	if !h.Held() || strings.HasPrefix(h.Owner, p.name) || o.w.at()-o.signAt >= lease {
		return
	}
	for i := len(o.entries) - 1; i >= 0; i-- {
		if e := &o.entries[i]; e.ChangeID == is.ChangeID {
			if e.State == core.StateStarted && e.Token == h.Token {
				o.w.violate("%s asks a person about %s, which %s is at work on", p.name, is.ChangeID, h.Owner)
			}
			return
		}
	}
}

// atEnd is asked when all processes have ended, and before fresh ones come.
func (w *world) atEnd() {
	released := true
	for f := range w.faulted {
		released = released && (f == lost || f == lostAfter || f == late || f == stopRun)
	}
	if w.sc.steady && !w.disturbed {
		for _, p := range w.procs {
			if p.err != nil {
				w.violate("nothing went wrong that sending again does not mend, and %s ended with %v", p.name, p.err)
			}
		}
	}
	if released && w.load().Head.Held() {
		w.violate("a lease was left behind by %s", w.load().Head.Owner)
	}
}
