package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/flamingock/flamingock-go/core"
)

// Input is all that a plan depends on.
type Input struct {
	Ledger string
	// Stages have been validated and sorted by core.Validate.
	Stages  []core.Stage
	Targets map[string]core.Target
	// Snapshot is one consistent load of the ledger.
	Snapshot core.Snapshot
	// Held says that another execution holds the lease.
	Held   bool
	Select Selection
	// Settled overrides the decision for changes that were settled in this run.
	Settled map[string]Verdict
}

// Selection narrows a run. The zero value selects everything.
type Selection struct {
	Stages          []string // only these; empty: all
	To              string   // up to and including this change; "": all
	Profiles        []string // the active profiles
	Labels          []string // only changes with one of these; empty: all
	AllowOutOfOrder bool
}

// Plan is the decision for every change.
type Plan struct {
	Ledger  string
	HeadSeq uint64
	// Digest is a fingerprint of the decisions and of what they rest on.
	Digest string
	Stages []Stage
	Drift  []core.Drift
	// Lost are unfinished changes of the ledger that the code no longer has: they
	// block nothing, but wait for a person.
	Lost   []core.Issue
	Counts Counts
}

// Stage is the plan of one stage, in the order in which stages run.
type Stage struct {
	Name      string
	DependsOn []string
	// Blocked says that a change waits for a person, so that nothing of it runs.
	Blocked bool
	// Waits says why nothing of the stage runs, when it is not blocked itself: it
	// was not selected, or depends on a stage that cannot finish. "" otherwise.
	Waits   string
	Changes []Change
}

// Change is the plan of one change.
type Change struct {
	Change *core.Change
	Record *core.Record // nil: none
	TxType core.TxType  // how it would run today
	Verdict
	Drift []core.DriftKind
	// Filtered says that it is skipped because of its profiles or labels.
	Filtered bool
	// Beyond says that it would be applied but lies after Selection.To.
	Beyond bool
}

// Counts counts decisions.
type Counts struct {
	Apply    int `json:"apply"`
	Skip     int `json:"skip"`
	Settle   int `json:"settle"`
	Manual   int `json:"manualIntervention"`
	Running  int `json:"running"`
	Filtered int `json:"filtered"`
	// NotReached would be applied, but not by this run: its stage is blocked, waits
	// or is not selected, or it comes after the change to run up to.
	NotReached int `json:"notReached"`
}

const notSelected = "not selected"

// Build makes the plan. Errors: *core.UsageError for a selection that names what
// does not exist, *core.StoreError for a state that is not known,
// *core.ValidationError when a change cannot run on its target system.
func Build(in Input) (*Plan, error) {
	if err := checkSelection(&in); err != nil {
		return nil, err
	}
	p := &Plan{Ledger: in.Ledger, HeadSeq: in.Snapshot.Head.Seq, Stages: make([]Stage, 0, len(in.Stages))}
	unfinished := map[string]string{} // stage -> why stages that depend on it wait
	beyond := false
	for _, i := range core.TopoOrder(in.Stages) {
		st, err := buildStage(&in, &in.Stages[i], &beyond)
		if err != nil {
			return nil, err
		}
		if len(in.Select.Stages) > 0 && !slices.Contains(in.Select.Stages, st.Name) {
			st.Waits = notSelected
		}
		for _, d := range st.DependsOn {
			if why := unfinished[d]; why != "" && st.Waits == "" {
				st.Waits = fmt.Sprintf("it depends on stage %s, which %s", d, why)
			}
		}
		if why := whyUnfinished(&st); why != "" {
			unfinished[st.Name] = why
		}
		p.Stages = append(p.Stages, st)
	}
	p.Drift = findDrift(&in, p)
	p.count()
	p.Digest = p.digest()
	return p, nil
}

func checkSelection(in *Input) error {
	for _, label := range in.Select.Labels {
		if !slices.ContainsFunc(in.Stages, func(s core.Stage) bool {
			return slices.ContainsFunc(s.Changes, func(c core.Change) bool { return slices.Contains(c.Labels, label) })
		}) {
			return &core.UsageError{Reason: fmt.Sprintf("no change has the label %q", label), Next: "see the labels in the change files"}
		}
	}
	for _, name := range in.Select.Stages {
		if !slices.ContainsFunc(in.Stages, func(s core.Stage) bool { return s.Name == name }) {
			return &core.UsageError{Reason: fmt.Sprintf("there is no stage %q", name), Next: "see the stages with: flamingock plan"}
		}
	}
	if to := in.Select.To; to != "" {
		for i := range in.Stages {
			for j := range in.Stages[i].Changes {
				if in.Stages[i].Changes[j].ID == to {
					return nil
				}
			}
		}
		return &core.UsageError{Reason: fmt.Sprintf("there is no change %q to run up to", to), Next: "see the changes with: flamingock plan"}
	}
	return nil
}

func buildStage(in *Input, s *core.Stage, beyond *bool) (Stage, error) {
	st := Stage{Name: s.Name, DependsOn: s.DependsOn, Changes: make([]Change, len(s.Changes))}
	for j := range s.Changes {
		c := &s.Changes[j]
		pc := &st.Changes[j]
		pc.Change = c
		if r, ok := in.Snapshot.Records[c.ID]; ok {
			pc.Record = &r
		}
		tx, err := core.TxTypeOf(c, in.Targets[c.TargetSystem])
		if err != nil {
			return st, &core.ValidationError{Faults: []core.Fault{{Where: c.Where(), Message: err.Error()}}}
		}
		pc.TxType = tx
		if pc.Verdict, err = decideChange(in, pc); err != nil {
			return st, err
		}
		if pc.Decision == Apply {
			if why := filteredBy(c, in.Select); why != "" {
				pc.Filtered, pc.Verdict = true, Verdict{Skip, why}
			}
		}
		if pc.Decision == Manual {
			st.Blocked = true
		}
		if pc.Decision == Apply && *beyond {
			pc.Beyond = true
		}
		if c.ID == in.Select.To {
			*beyond = true
		}
	}
	return st, nil
}

func decideChange(in *Input, pc *Change) (Verdict, error) {
	c := pc.Change
	if v, ok := in.Settled[c.ID]; ok {
		return withinAttempts(v, pc.Record, c.MaxAttempts), nil
	}
	k := Case{Record: pc.Record, Held: in.Held, Strategy: c.Recovery.OrDefault(), MaxAttempts: c.MaxAttempts, Probe: c.Probe != nil}
	if r := pc.Record; r != nil {
		k.SameTarget = r.TargetSystem == c.TargetSystem
		k.SameChecksum = r.Checksum == c.Fingerprint()
	}
	return Decide(k)
}

// whyUnfinished says why stages that depend on st cannot run, or "".
func whyUnfinished(st *Stage) string {
	switch {
	case st.Blocked:
		return "waits for a person"
	case st.Waits != "" && st.Waits != notSelected:
		return "waits itself"
	}
	for i := range st.Changes {
		switch c := &st.Changes[i]; {
		case c.Beyond:
			return "is not run to its end (--to)"
		case st.Waits != "" && c.Decision != Skip:
			return "has pending changes and is not selected"
		}
	}
	return ""
}

func filteredBy(c *core.Change, sel Selection) string {
	positive, match := false, false
	for _, p := range c.Profiles {
		if neg, ok := cutNot(p); ok {
			if slices.Contains(sel.Profiles, neg) {
				return "filtered out: not for profile " + neg
			}
			continue
		}
		positive = true
		match = match || slices.Contains(sel.Profiles, p)
	}
	if positive && !match {
		return fmt.Sprintf("filtered out: only for profile(s) %v", c.Profiles)
	}
	if len(sel.Labels) > 0 && !slices.ContainsFunc(c.Labels, func(l string) bool { return slices.Contains(sel.Labels, l) }) {
		return "filtered out: it has none of the selected labels"
	}
	return ""
}

func cutNot(p string) (string, bool) {
	if len(p) > 1 && p[0] == '!' {
		return p[1:], true
	}
	return "", false
}

func (p *Plan) count() {
	p.Counts = Counts{Manual: len(p.Lost)}
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			c := &p.Stages[i].Changes[j]
			switch c.Decision {
			case Apply:
				if c.Beyond || !p.Stages[i].Runs() {
					p.Counts.NotReached++
				} else {
					p.Counts.Apply++
				}
			case Skip:
				if c.Filtered {
					p.Counts.Filtered++
				} else {
					p.Counts.Skip++
				}
			case Settle:
				p.Counts.Settle++
			case Manual:
				p.Counts.Manual++
			case Running:
				p.Counts.Running++
			}
		}
	}
}

func (p *Plan) digest() string {
	h := sha256.New()
	put := func(ss ...string) {
		for _, s := range ss {
			fmt.Fprintf(h, "%d:", len(s))
			_, _ = io.WriteString(h, s) //nolint:errcheck // a hash does not fail
		}
	}
	put("v1", p.Ledger, fmt.Sprint(p.HeadSeq))
	for i := range p.Stages {
		st := &p.Stages[i]
		put("stage", st.Name, st.Waits)
		for j := range st.Changes {
			c := &st.Changes[j]
			put(c.Change.ID, c.Change.Order, c.Change.Fingerprint(), string(c.Decision), string(c.TxType), c.Change.TargetSystem, fmt.Sprint(c.Beyond))
		}
	}
	return "v1:" + hex.EncodeToString(h.Sum(nil))
}

// Runs reports whether the run would work on anything of st.
func (st *Stage) Runs() bool { return !st.Blocked && st.Waits == "" }

// Next returns the first change to apply in a stage that runs, skipping the
// stages for which stopped is true; nil when there is none.
func (p *Plan) Next(stopped func(stage string) bool) (*Stage, *Change) {
	for i := range p.Stages {
		st := &p.Stages[i]
		if !st.Runs() || stopped != nil && stopped(st.Name) {
			continue
		}
		for j := range st.Changes {
			if c := &st.Changes[j]; c.Decision == Apply && !c.Beyond {
				return st, c
			}
		}
	}
	return nil, nil
}

// ToSettle returns the changes to settle in the selected stages, in order.
func (p *Plan) ToSettle() []*Change {
	var out []*Change
	for i := range p.Stages {
		if p.Stages[i].Waits == notSelected {
			continue
		}
		for j := range p.Stages[i].Changes {
			if c := &p.Stages[i].Changes[j]; c.Decision == Settle {
				out = append(out, c)
			}
		}
	}
	return out
}

// NeedsPerson reports whether the change waits for a person's word: its plan says so,
// or its target system was asked before, by a run, and could not tell. The next run
// asks it again all the same.
func (c *Change) NeedsPerson() bool {
	return c.Decision == Manual || c.Decision == Settle && c.Record.Unknown && c.Record.Reconciled && c.Change.Recovery.OrDefault() != core.AlwaysRetry
}

// Issues returns the changes that wait for a person, the lost ones last.
func (p *Plan) Issues() []core.Issue { return p.issues((*Change).NeedsPerson) }

// Blocking returns those of them that a run cannot settle by asking once more.
func (p *Plan) Blocking() []core.Issue {
	return p.issues(func(c *Change) bool { return c.Decision == Manual })
}

func (p *Plan) issues(has func(*Change) bool) []core.Issue {
	var out []core.Issue
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			if c := &p.Stages[i].Changes[j]; has(c) {
				out = append(out, core.Issue{ChangeID: c.Change.ID, Stage: p.Stages[i].Name, State: c.Record.State, Reason: c.Reason})
			}
		}
	}
	return append(out, p.Lost...)
}

// Pending returns the ids of the changes that are neither applied nor filtered out.
func (p *Plan) Pending() []string {
	var out []string
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			if c := &p.Stages[i].Changes[j]; c.Decision != Skip {
				out = append(out, c.Change.ID)
			}
		}
	}
	return out
}

// ToApply returns the ids of the changes that a run would still settle or apply,
// in this or another selection.
func (p *Plan) ToApply() []string {
	var out []string
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			if c := &p.Stages[i].Changes[j]; c.Decision == Apply || c.Decision == Settle {
				out = append(out, c.Change.ID)
			}
		}
	}
	return out
}

// RunningChanges returns the changes that another execution is at work on.
func (p *Plan) RunningChanges() []*Change {
	var out []*Change
	for i := range p.Stages {
		for j := range p.Stages[i].Changes {
			if c := &p.Stages[i].Changes[j]; c.Decision == Running {
				out = append(out, c)
			}
		}
	}
	return out
}

// HasWork reports whether a run has anything to settle or apply.
func (p *Plan) HasWork() bool {
	if len(p.ToSettle()) > 0 {
		return true
	}
	_, c := p.Next(nil)
	return c != nil
}
