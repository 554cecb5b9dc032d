package changetest

import (
	"errors"

	"github.com/flamingock/flamingock-go/core"
)

// Checked is a change that was looked at without running it.
type Checked struct {
	t      TB
	change core.Change
	target core.Target
}

// Check expects of one change what every change should have: an id, an order, an
// author, a target system that it fits, and something to see its edits by, which
// is the Revision of a Go change. Faults of core.Validate are listed.
func Check(t TB, c core.Change, target core.Target) *Checked {
	t.Helper()
	CheckStage(t, core.Stage{Name: "check", Changes: []core.Change{c}}, target)
	return &Checked{t, c, target}
}

// CheckStage is [Check] for all changes of a stage, whose ids and orders must also
// differ.
func CheckStage(t TB, s core.Stage, targets ...core.Target) {
	t.Helper()
	s.DependsOn = nil // other stages are not here
	s.Changes = append([]core.Change(nil), s.Changes...)
	var v *core.ValidationError
	err := core.Validate([]core.Stage{s}, byID(targets))
	switch {
	case errors.As(err, &v):
		for _, f := range v.Faults {
			t.Errorf("%s", f)
		}
	case err != nil:
		t.Errorf("%v", err)
	}
	for i := range s.Changes {
		c := &s.Changes[i]
		if c.Author == "" {
			t.Errorf("%s: change %q has no author", c.Where(), c.ID)
		}
		if c.Fingerprint() == "" {
			t.Errorf("%s: change %q has no Revision, so that nobody sees when its code is edited", c.Where(), c.ID)
		}
	}
}

// RunsAs expects how the change is tied to a transaction of its target system.
func (k *Checked) RunsAs(want core.TxType) *Checked {
	k.t.Helper()
	got, err := core.TxTypeOf(&k.change, k.target)
	if err != nil || got != want {
		k.t.Errorf("change %q runs as %q (%v), want %q", k.change.ID, got, err, want)
	}
	return k
}

// HasRollback expects that every step can be taken back.
func (k *Checked) HasRollback() *Checked {
	k.t.Helper()
	for i, p := range k.change.Pairs() {
		if p.Rollback.IsZero() {
			k.t.Errorf("step %d of change %q has no rollback", i+1, k.change.ID)
		}
	}
	return k
}

// HasProbe expects that the target system can be asked whether the effect is there.
func (k *Checked) HasProbe() *Checked {
	k.t.Helper()
	if k.change.Probe == nil {
		k.t.Errorf("change %q has no probe", k.change.ID)
	}
	return k
}

// Recovers expects the recovery strategy.
func (k *Checked) Recovers(want core.Strategy) *Checked {
	k.t.Helper()
	if got := k.change.Recovery.OrDefault(); got != want {
		k.t.Errorf("change %q recovers by %s, want %s", k.change.ID, got, want)
	}
	return k
}
