package core

// State is the recorded state of a change. The strings are stored and are the
// Java edition's.
type State string

// The states of a change. A change without a record has the state "".
const (
	StateNone                   State = ""
	StateStarted                State = "STARTED"
	StateApplied                State = "APPLIED"
	StateFailed                 State = "FAILED"
	StateRolledBack             State = "ROLLED_BACK"
	StateRollbackFailed         State = "ROLLBACK_FAILED"
	StateManualMarkedApplied    State = "MANUAL_MARKED_AS_APPLIED"
	StateManualMarkedRolledBack State = "MANUAL_MARKED_AS_ROLLED_BACK"
)

// States lists every stored state, in the order of a change's life.
func States() []State {
	return []State{
		StateStarted, StateApplied, StateFailed, StateRolledBack, StateRollbackFailed,
		StateManualMarkedApplied, StateManualMarkedRolledBack,
	}
}

// Known reports whether s is a state that this version understands. A stored
// state that is not known is an error, never a reason to retry.
func (s State) Known() bool {
	switch s {
	case StateNone, StateStarted, StateApplied, StateFailed, StateRolledBack, StateRollbackFailed,
		StateManualMarkedApplied, StateManualMarkedRolledBack:
		return true
	}
	return false
}

// IsApplied reports whether the change counts as done.
func (s State) IsApplied() bool { return s == StateApplied || s == StateManualMarkedApplied }

// IsUnfinished reports whether the last attempt failed or has no recorded end, so
// that a person's word about it can be needed.
func (s State) IsUnfinished() bool {
	return s == StateStarted || s == StateFailed || s == StateRollbackFailed
}

// TxType says how a change is tied to a transaction of its target system.
type TxType string

// The transaction types. Only NON_TX, TX_SHARED and TX_SEPARATE_WITH_MARKER are
// written; TX_SEPARATE_NO_MARKER is read from imported histories.
const (
	TxNone           TxType = "NON_TX"
	TxShared         TxType = "TX_SHARED"
	TxSeparateMarker TxType = "TX_SEPARATE_WITH_MARKER"
	TxSeparateBare   TxType = "TX_SEPARATE_NO_MARKER"
)

// TxTypes lists every transaction type.
func TxTypes() []TxType { return []TxType{TxNone, TxShared, TxSeparateMarker, TxSeparateBare} }

// Strategy is a change's recovery strategy.
type Strategy string

// The recovery strategies. The zero value means ManualIntervention.
const (
	ManualIntervention Strategy = "MANUAL_INTERVENTION"
	AlwaysRetry        Strategy = "ALWAYS_RETRY"
)

// Recovery says what may happen to a change whose outcome is failed or unknown.
type Recovery struct {
	// Strategy defaults to ManualIntervention. AlwaysRetry is the author's word
	// that the change is safe to repeat, even beside a late copy of itself.
	Strategy Strategy
}

// OrDefault returns the strategy, ManualIntervention when none is set.
func (r Recovery) OrDefault() Strategy {
	if r.Strategy == "" {
		return ManualIntervention
	}
	return r.Strategy
}

// Operation says which act wrote an audit entry.
type Operation string

// The operations.
const (
	OpApply    Operation = "apply"
	OpRollback Operation = "rollback"
	OpResolve  Operation = "resolve"
	OpUndo     Operation = "undo"
	OpBaseline Operation = "baseline"
	OpAccept   Operation = "accept"
	OpImport   Operation = "import"
	OpUnlock   Operation = "unlock"
)

// ProbeResult is a target system's answer to "is this change's effect there?".
type ProbeResult string

// The answers of a probe.
const (
	ProbeApplied    ProbeResult = "APPLIED"
	ProbeNotApplied ProbeResult = "NOT_APPLIED"
	ProbeConflict   ProbeResult = "CONFLICT"
	ProbeUnknown    ProbeResult = "UNKNOWN"
)
