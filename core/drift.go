package core

// DriftKind says how code and ledger differ.
type DriftKind string

// The kinds of drift.
const (
	DriftEdited DriftKind = "edited"
	DriftLost   DriftKind = "lost"
	DriftLate   DriftKind = "late"
)

// Drift is one difference between the code and the ledger.
type Drift struct {
	Kind     DriftKind `json:"kind"`
	ChangeID string    `json:"changeId"`
	Stage    string    `json:"stage"`
	Detail   string    `json:"detail"`
}

// DriftAction is what a run does about a kind of drift.
type DriftAction string

// The actions. Fail runs nothing at all; Warn reports and goes on; Allow says nothing.
const (
	DriftFail  DriftAction = "fail"
	DriftWarn  DriftAction = "warn"
	DriftAllow DriftAction = "allow"
)

// DriftPolicy says what to do about drift. The zero value of a field is its
// default: edited fail, lost warn, late fail.
type DriftPolicy struct{ Edited, Lost, Late DriftAction }

// For returns the action for a kind of drift.
func (p DriftPolicy) For(k DriftKind) DriftAction {
	a, def := p.Edited, DriftFail
	switch k {
	case DriftEdited:
	case DriftLost:
		a, def = p.Lost, DriftWarn
	case DriftLate:
		a = p.Late
	}
	if a == "" {
		return def
	}
	return a
}
