package plan

import (
	"fmt"

	"github.com/flamingock/flamingock-go/core"
)

// Decision is what a run may do with a change.
type Decision string

// The decisions.
const (
	// Apply runs the change.
	Apply Decision = "APPLY"
	// Skip leaves it: it is applied, or filtered out.
	Skip Decision = "SKIP"
	// Settle asks the marker or the probe what became of an earlier attempt, under
	// the lease, before anything is applied.
	Settle Decision = "SETTLE"
	// Manual leaves it to a person, and blocks its stage.
	Manual Decision = "MANUAL_INTERVENTION"
	// Running waits: another execution is at work on the change right now.
	Running Decision = "RUNNING"
)

// Decisions lists every decision.
func Decisions() []Decision { return []Decision{Apply, Skip, Settle, Manual, Running} }

// Case is all that a decision depends on.
type Case struct {
	// Record is the change's state in the ledger; nil when it has none. Its tx type
	// and target system say what an unfinished entry means.
	Record *core.Record
	// Held says that another execution holds the lease.
	Held bool
	// Strategy and MaxAttempts are today's, from the change.
	Strategy    core.Strategy
	MaxAttempts int
	// SameTarget and SameChecksum compare the record with today's change.
	SameTarget, SameChecksum bool
	// Probe says that today's change has one.
	Probe bool
}

// Verdict is a decision and its reason.
type Verdict struct {
	Decision Decision
	Reason   string
}

// Decide looks one change up in the decision table. The error is a
// *core.StoreError for a stored state that this version does not know.
func Decide(c Case) (Verdict, error) {
	if c.Record == nil || c.Record.State == core.StateNone {
		return Verdict{Apply, "not applied yet"}, nil
	}
	r := c.Record
	if !r.State.Known() {
		return Verdict{}, &core.StoreError{
			Kind: core.StoreNewer, Store: "entry " + fmt.Sprint(r.Seq), Next: "use the newest version of Flamingock that writes to this ledger",
			Err: fmt.Errorf("change %s has the state %q, which this version does not know", r.ChangeID, r.State),
		}
	}
	switch r.State {
	case core.StateApplied:
		return Verdict{Skip, "applied"}, nil
	case core.StateManualMarkedApplied:
		return Verdict{Skip, "marked as applied by a person"}, nil
	case core.StateManualMarkedRolledBack:
		return Verdict{Apply, "marked as rolled back by a person: runs again"}, nil
	case core.StateStarted, core.StateFailed, core.StateRolledBack, core.StateRollbackFailed, core.StateNone:
	}
	if r.State == core.StateStarted && c.Held {
		return Verdict{Running, "another execution is at work on it"}, nil
	}
	return withinAttempts(unfinished(c), r, c.MaxAttempts), nil
}

// withinAttempts leaves a change whose attempts are spent to a person.
func withinAttempts(v Verdict, r *core.Record, limit int) Verdict {
	if v.Decision == Apply && r != nil && limit > 0 && r.Attempt >= limit {
		return Verdict{Manual, fmt.Sprintf("it was started %d times, and its maxAttempts is %d", r.Attempt, limit)}
	}
	return v
}

// unfinished decides about attempts that did not end in an applied change.
func unfinished(c Case) Verdict {
	r := c.Record
	retry := c.Strategy == core.AlwaysRetry
	switch {
	case r.State == core.StateRolledBack:
		return Verdict{Apply, "its last attempt was rolled back: runs again"}
	case r.State == core.StateRollbackFailed && retry:
		return Verdict{Apply, "its rollback failed; its strategy is ALWAYS_RETRY: runs again"}
	case r.State == core.StateRollbackFailed:
		return Verdict{Manual, "its rollback failed: the target system may hold part of it"}
	case r.State == core.StateFailed && !r.Unknown:
		return failed(c, retry)
	}
	return unknownOutcome(c, retry)
}

func failed(c Case, retry bool) Verdict {
	switch {
	case c.Record.TxType != core.TxNone && c.Record.TxType != "":
		return Verdict{Apply, "its last attempt failed and its transaction was rolled back: runs again"}
	case retry:
		return Verdict{Apply, "its last attempt failed; its strategy is ALWAYS_RETRY: runs again"}
	}
	return Verdict{Manual, "its last attempt failed without a transaction: the target system may hold part of it"}
}

// unknownOutcome decides about a STARTED without an end, or a FAILED whose
// outcome is unknown.
func unknownOutcome(c Case, retry bool) Verdict {
	r := c.Record
	what := "its last attempt has no recorded end"
	if r.State == core.StateFailed {
		what = "its last attempt failed and nobody can tell how far it came"
	}
	if r.Operation == core.OpImport {
		return imported(c, what, retry)
	}
	if r.Operation != core.OpApply && r.Operation != "" {
		return Verdict{Manual, fmt.Sprintf("its %s has no recorded end, and no strategy covers that", r.Operation)}
	}
	if r.TxType == core.TxShared {
		return Verdict{Apply, what + ", but it shares the audit store's transaction: nothing happened"}
	}
	if !c.SameTarget {
		return Verdict{Manual, what + fmt.Sprintf(", and it acted on another target system (%s)", r.TargetSystem)}
	}
	switch r.TxType {
	case core.TxSeparateMarker:
		return Verdict{Settle, what + "; the marker in the target system will tell"}
	case core.TxNone, core.TxSeparateBare, core.TxShared, "":
	}
	switch {
	case c.Probe && c.SameChecksum && r.Reconciled:
		return Verdict{Settle, what + "; its probe could not tell, and will be asked again"}
	case c.Probe && c.SameChecksum:
		return Verdict{Settle, what + "; its probe will be asked"}
	case retry:
		return Verdict{Apply, what + "; its strategy is ALWAYS_RETRY: runs again"}
	case c.Probe:
		return Verdict{Manual, what + ", and the change was edited since, so its probe cannot tell"}
	case r.TxType == core.TxSeparateBare:
		return Verdict{Manual, what + ": its transaction may or may not have committed"}
	}
	return Verdict{Manual, what + ": the target system may hold all of it, part of it, or nothing"}
}

// imported decides about another edition's attempt to apply. Its markers and
// transactions are not ours to ask, and nobody knows what the change looked like.
func imported(c Case, what string, retry bool) Verdict {
	what += " in the imported history"
	switch {
	case !c.SameTarget:
		return Verdict{Manual, what + fmt.Sprintf(", and it acted on another target system (%s)", c.Record.TargetSystem)}
	case retry:
		return Verdict{Apply, what + "; its strategy is ALWAYS_RETRY: runs again"}
	}
	return Verdict{Manual, what + ": the target system may hold all of it, part of it, or nothing"}
}

// Answer is what the target system said about an earlier attempt.
type Answer struct {
	// Marker is the marker's answer; nil when the attempt had none.
	Marker *bool
	// Probe is the probe's answer when there was no marker.
	Probe core.ProbeResult
}

// Settlement is what follows from an answer.
type Settlement struct {
	// Record is the state to append; "" when there is nothing new to record.
	Record core.State
	// Unknown says that the outcome is still unknown.
	Unknown bool
	Verdict Verdict
}

// SettleWith decides what follows from a target system's answer. lateSafe is the
// change's: a late effect of the earlier attempt is impossible or harmless.
func SettleWith(r core.Record, a Answer, strategy core.Strategy, lateSafe bool) Settlement {
	if a.Marker != nil {
		if *a.Marker {
			return Settlement{Record: core.StateApplied, Verdict: Verdict{Skip, "reconciled: its marker shows that the earlier attempt committed"}}
		}
		return Settlement{Record: core.StateRolledBack, Verdict: Verdict{Apply, "reconciled: it has no marker and the fence was raised, so nothing of the earlier attempt committed: runs again"}}
	}
	switch {
	case a.Probe == core.ProbeApplied:
		return Settlement{Record: core.StateApplied, Verdict: Verdict{Skip, "reconciled: its probe found the effect"}}
	case a.Probe == core.ProbeNotApplied && lateSafe:
		return Settlement{Record: core.StateRolledBack, Verdict: Verdict{Apply, "reconciled: its probe found no effect, and a late one would be harmless: runs again"}}
	}
	s := Settlement{Unknown: true}
	if r.State != core.StateFailed {
		s.Record = core.StateFailed
	}
	switch {
	case a.Probe == core.ProbeConflict:
		s.Verdict = Verdict{Manual, "its probe found something else in its place"}
	case strategy == core.AlwaysRetry:
		s.Verdict = Verdict{Apply, "its probe cannot tell; its strategy is ALWAYS_RETRY: runs again"}
	case a.Probe == core.ProbeNotApplied:
		s.Verdict = Verdict{Manual, "its probe found no effect, but one may still arrive late"}
	default:
		s.Verdict = Verdict{Manual, "its probe cannot tell what became of the earlier attempt"}
	}
	return s
}
