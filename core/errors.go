package core

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Sentinels, to be found with errors.Is.
var (
	// ErrLeaseLost says that the lease belongs to somebody else now, or may.
	ErrLeaseLost = errors.New("the lease was lost: another execution owns the ledger, or may")
	// ErrConflict is matched by every *ConflictError.
	ErrConflict = errors.New("the ledger has moved on")
	// ErrTransactionEnded says that a step ended the transaction it was given, so
	// that the marker no longer tells what happened.
	ErrTransactionEnded = errors.New("the step ended the transaction that it was given")
	// ErrMarked says that the marker of this attempt is in the target system
	// already: the attempt was committed.
	ErrMarked = errors.New("this attempt of the change is committed in the target system already")
)

// ConflictError says that a conditional write found something else than it
// expected. Nothing was written.
type ConflictError struct {
	Ledger      string
	What        string
	Want, Found uint64
}

func (e *ConflictError) Error() string {
	s := "ledger " + e.Ledger + " has moved on: " + e.What
	if e.Want != e.Found {
		s += fmt.Sprintf(" (expected %d, found %d)", e.Want, e.Found)
	}
	return s
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Code returns LockHeld: somebody else is writing.
func (e *ConflictError) Code() Code { return CodeLockHeld }

// HeldError says that another execution holds the lease.
type HeldError struct {
	Ledger string
	Holder Holder
	Token  uint64
	Waited time.Duration
	// Why says more: for example that the time left cannot cover a takeover.
	Why string
}

func (e *HeldError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ledger %s is locked by execution %s", e.Ledger, e.Holder.Execution)
	if e.Holder.Host != "" {
		fmt.Fprintf(&b, " on %s", e.Holder.Host)
	}
	if e.Holder.PID != 0 {
		fmt.Fprintf(&b, " (process %d)", e.Holder.PID)
	}
	if !e.Holder.Since.IsZero() {
		fmt.Fprintf(&b, " since %s", e.Holder.Since.UTC().Format(time.RFC3339))
	}
	if e.Waited > 0 {
		fmt.Fprintf(&b, "; waited %s", e.Waited.Round(time.Millisecond))
	}
	if e.Why != "" {
		b.WriteString("; " + e.Why)
	}
	return b.String()
}

// Code returns LockHeld.
func (e *HeldError) Code() Code { return CodeLockHeld }

// Hint says what to do.
func (e *HeldError) Hint() string {
	return "try again later, or wait longer with --lock-wait; a dead holder's lock is taken over by itself after its lease. " +
		"Only when you know that the process is gone: flamingock lock release " + strconv.FormatUint(e.Token, 10) + " --reason \"…\""
}

// FaultError is a fault as a sentence, without the place it belongs to.
type FaultError struct{ Message string }

func (e *FaultError) Error() string { return e.Message }

// Fault is one thing wrong with the changes or the configuration.
type Fault struct {
	Where   string `json:"where"` // file:line:column, or the change's id
	Message string `json:"message"`
}

func (f Fault) String() string {
	if f.Where == "" {
		return f.Message
	}
	return f.Where + ": " + f.Message
}

// ValidationError carries every fault that was found, not the first only.
type ValidationError struct{ Faults []Fault }

func (e *ValidationError) Error() string {
	var b strings.Builder
	if len(e.Faults) == 1 {
		b.WriteString("the changes have 1 fault:")
	} else {
		fmt.Fprintf(&b, "the changes have %d faults:", len(e.Faults))
	}
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// Code returns ChangeSetInvalid.
func (e *ValidationError) Code() Code { return CodeChangeSetInvalid }

// Hint says what to do.
func (e *ValidationError) Hint() string {
	return "mend the files at the places named, then check with: flamingock validate"
}

// ConfigError says that the configuration cannot be used.
type ConfigError struct {
	Where  string // file:line:column, or the environment variable or flag
	Key    string
	Reason string
	Next   string // what to do
	Err    error
}

func (e *ConfigError) Error() string {
	s := e.Reason
	if e.Key != "" {
		s = e.Key + ": " + s
	}
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ConfigError) Unwrap() error { return e.Err }

// Code returns ConfigInvalid.
func (e *ConfigError) Code() Code { return CodeConfigInvalid }

// Hint says what to do.
func (e *ConfigError) Hint() string { return e.Next }

// UsageError says that a call's words are wrong.
type UsageError struct{ Reason, Next string }

func (e *UsageError) Error() string { return e.Reason }

// Code returns Usage.
func (e *UsageError) Code() Code { return CodeUsage }

// Hint says what to do.
func (e *UsageError) Hint() string { return e.Next }

// StoreErrorKind says what is wrong with an audit store.
type StoreErrorKind string

// The kinds.
const (
	StoreCorrupt  StoreErrorKind = "corrupt"   // damaged; never reset silently
	StoreForeign  StoreErrorKind = "foreign"   // exists, but is not an audit store
	StoreNewer    StoreErrorKind = "newer"     // written by a newer version
	StoreReadOnly StoreErrorKind = "read-only" // cannot be written
	StoreMissing  StoreErrorKind = "missing"   // is not there, and is not made here
	StoreFull     StoreErrorKind = "full"      // no room; nothing was written
)

// StoreError says that the audit store cannot be used. Nothing was written.
type StoreError struct {
	Kind  StoreErrorKind
	Store string // the file or table
	Err   error
	Next  string
}

func (e *StoreError) Error() string {
	what := map[StoreErrorKind]string{
		StoreCorrupt:  "is damaged",
		StoreForeign:  "is not a Flamingock audit store",
		StoreNewer:    "was written by a newer version of Flamingock",
		StoreReadOnly: "cannot be written",
		StoreMissing:  "does not exist",
		StoreFull:     "has no room left",
	}[e.Kind]
	s := "audit store " + e.Store + " " + what
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *StoreError) Unwrap() error { return e.Err }

// Code returns the class that the kind belongs to.
func (e *StoreError) Code() Code {
	switch e.Kind {
	case StoreReadOnly:
		return CodePermissionDenied
	case StoreFull:
		return CodeUnavailable
	case StoreCorrupt, StoreForeign, StoreNewer, StoreMissing:
	}
	return CodeConfigInvalid
}

// Hint says what to do.
func (e *StoreError) Hint() string { return e.Next }

// RefusedError says that the writes of a change were refused, so that nothing of
// the transaction was written: a condition of theirs was not met, or they do not
// fit into one.
type RefusedError struct {
	Item   int // from 1; 0 when it is no single one's
	Reason string
	Err    error
}

func (e *RefusedError) Error() string {
	s := "refused: " + e.Reason
	if e.Item > 0 {
		s = fmt.Sprintf("write %d was refused: %s", e.Item, e.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *RefusedError) Unwrap() error { return e.Err }

// UnavailableError says that an audit store or target system cannot be reached.
type UnavailableError struct {
	System string
	Err    error
}

func (e *UnavailableError) Error() string { return e.System + " is not available: " + e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Code returns Unavailable.
func (e *UnavailableError) Code() Code { return CodeUnavailable }

// Hint says what to do: what the cause says, if it does.
func (e *UnavailableError) Hint() string {
	if hint := HintOf(e.Err); hint != "" {
		return hint
	}
	return "check that " + e.System + " is up, can be reached from here and has room left, then run again"
}

// PermissionError says that a right is missing.
type PermissionError struct {
	System, Right string
	Err           error
	Next          string // what to do; "": to grant the right
}

func (e *PermissionError) Error() string {
	s := e.System + ": permission denied"
	if e.Right != "" {
		s += ": missing " + e.Right
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *PermissionError) Unwrap() error { return e.Err }

// Code returns PermissionDenied.
func (e *PermissionError) Code() Code { return CodePermissionDenied }

// Hint says what to do.
func (e *PermissionError) Hint() string {
	if e.Next != "" {
		return e.Next
	}
	return "grant the right to whoever runs Flamingock, then run again"
}

// BusyError says that a target system is locked by somebody else, so that the
// change could not begin.
type BusyError struct {
	System string
	Err    error
}

func (e *BusyError) Error() string {
	return e.System + " is locked by another session: " + e.Err.Error()
}
func (e *BusyError) Unwrap() error { return e.Err }

// Code returns LockHeld.
func (e *BusyError) Code() Code { return CodeLockHeld }

// Hint says what to do.
func (e *BusyError) Hint() string {
	return "end the session that holds the lock, or wait for it, then run again; nothing was changed"
}

// ChangeError says that a change failed.
type ChangeError struct {
	ChangeID string
	Stage    string
	Phase    Operation // OpApply or OpRollback
	Step     int       // from 1; 0 when it was no step's
	Steps    int
	Err      error
	// RollbackErr is the error of the rollback that followed, if it failed too.
	RollbackErr error
	State       State // as recorded
	Unknown     bool
	// Unrecorded is why the end of the change could not be recorded; nil: it was.
	Unrecorded error
}

func (e *ChangeError) Error() string {
	s := "change " + e.ChangeID + " failed"
	if e.Steps > 1 && e.Step > 0 {
		s += fmt.Sprintf(" at step %d of %d", e.Step, e.Steps)
	}
	s += ": " + e.Err.Error()
	if e.RollbackErr != nil {
		s += "; its rollback failed too: " + e.RollbackErr.Error()
	}
	return s
}

func (e *ChangeError) Unwrap() error { return e.Err }

// Code returns ChangeFailed.
func (e *ChangeError) Code() Code { return CodeChangeFailed }

// Hint says what to do.
func (e *ChangeError) Hint() string {
	if e.Unrecorded != nil {
		return "its end could not be recorded: " + Advice(e.Unrecorded)
	}
	h := HintOf(e.Err)
	if back := HintOf(e.RollbackErr); back != "" && e.State == StateRollbackFailed {
		return back + "; flamingock issue get " + e.ChangeID + " says what is known"
	}
	switch {
	case h == "" && e.State == StateRolledBack:
		return "nothing of it is left in the target system: mend the change and run again"
	case h == "":
		return "see what is known and the exact next commands with: flamingock issue get " + e.ChangeID
	case e.State == StateRollbackFailed:
		return h + "; part of the change may be in the target system: flamingock issue get " + e.ChangeID + " says what is known and the exact next commands"
	}
	return h
}

// RecordError says that something was done but could not be recorded: the act
// and its record are known apart from each other.
type RecordError struct {
	ChangeID string
	State    State // what should have been recorded
	Err      error
}

func (e *RecordError) Error() string {
	return "change " + e.ChangeID + ": outcome " + string(e.State) + " could not be recorded: " + e.Err.Error()
}
func (e *RecordError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *RecordError) Hint() string {
	return "run again: the next run settles the change if it can, and otherwise says what a person must do"
}

// Issue is a change that a person must resolve.
type Issue struct {
	ChangeID, Stage string
	State           State
	Reason          string
}

// InterventionError lists the changes that wait for a person.
type InterventionError struct{ Issues []Issue }

func (e *InterventionError) Error() string {
	ids := make([]string, len(e.Issues))
	for i, is := range e.Issues {
		ids[i] = is.ChangeID + " (" + string(is.State) + ")"
	}
	return "manual intervention required for " + strings.Join(ids, ", ")
}

// Code returns ManualIntervention.
func (e *InterventionError) Code() Code { return CodeManualIntervention }

// Hint says what to do.
func (e *InterventionError) Hint() string {
	if len(e.Issues) == 0 {
		return ""
	}
	return "see what is known and the exact next commands with: flamingock issue get " + e.Issues[0].ChangeID
}

// DriftError lists the drift that the policy does not admit.
type DriftError struct{ Items []Drift }

func (e *DriftError) Error() string {
	var b strings.Builder
	b.WriteString("code and ledger have drifted apart:")
	for _, d := range e.Items {
		b.WriteString("\n  " + string(d.Kind) + ": " + d.ChangeID + ": " + d.Detail)
	}
	return b.String()
}

// Code returns Drift.
func (e *DriftError) Code() Code { return CodeDrift }

// Hint says what to do.
func (e *DriftError) Hint() string {
	var hints []string
	seen := map[DriftKind]bool{}
	for _, d := range e.Items {
		if seen[d.Kind] {
			continue
		}
		seen[d.Kind] = true
		switch d.Kind {
		case DriftEdited:
			hints = append(hints, "restore the file of an edited change and put the difference into a new one or, when the edit is right, accept it with: flamingock drift accept")
		case DriftLate:
			hints = append(hints, "give a late change an order after the applied ones, or admit it with allowOutOfOrder: true in the change or --allow-out-of-order")
		case DriftLost:
			hints = append(hints, "restore a lost change's file (or set drift.lost: warn)")
		}
	}
	return strings.Join(hints, "; ")
}

// StoreBehindError says that a target system has seen a later state of this ledger
// than the audit store holds: the store was restored from an older copy, or two
// copies of it are in use. Running on would repeat changes.
type StoreBehindError struct {
	Ledger, Target string
	Token          uint64 // ours
}

func (e *StoreBehindError) Error() string {
	return fmt.Sprintf("target system %s was last written under a later token of ledger %s than ours (%d), and yet the audit store says that we hold the lease: "+
		"the audit store is older than the target system, or a second copy of it is in use", e.Target, e.Ledger, e.Token)
}

// Code returns ManualIntervention: to run on would repeat changes.
func (e *StoreBehindError) Code() Code { return CodeManualIntervention }

// Hint says what to do.
func (e *StoreBehindError) Hint() string {
	return "do not run again: find the audit store that was used last and restore it; if it is lost, record what the target system has with: flamingock baseline"
}

// DeadlineError says that the run stopped in good time before its deadline.
type DeadlineError struct{ Left, Reserve time.Duration }

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("stopped before the deadline: %s are left and %s are reserved for recording and rollback",
		e.Left.Round(time.Millisecond), e.Reserve.Round(time.Millisecond))
}

// Code returns DeadlineNear.
func (e *DeadlineError) Code() Code { return CodeDeadlineNear }

// Hint says what to do.
func (e *DeadlineError) Hint() string { return "run again: it goes on where this run stopped" }

// InterruptedError says that the run was asked to stop and did.
type InterruptedError struct{ Reason string }

func (e *InterruptedError) Error() string { return "stopped: " + e.Reason }

// Code returns Interrupted.
func (e *InterruptedError) Code() Code { return CodeInterrupted }

// Hint says what to do.
func (e *InterruptedError) Hint() string { return "run again: it goes on where this run stopped" }

// TimeoutError says that a change took longer than its own timeout.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string {
	return "the change's timeout of " + e.After.String() + " ended"
}

// Code implements Coded. It is that of a change which had not begun: the time went
// into waiting for the target system. One that had begun is a *ChangeError.
func (*TimeoutError) Code() Code { return CodeUnavailable }

// Hint says what to do.
func (*TimeoutError) Hint() string {
	return "run again when the target system answers faster, or give the change a longer timeout"
}

// PanicError is a panic in a change.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ChainError names the first entry of a history that is missing or altered.
type ChainError struct {
	Seq    uint64
	Reason string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("history broken at entry %d: %s", e.Seq, e.Reason)
}

// Code returns ManualIntervention: a person has to find out who did it.
func (e *ChainError) Code() Code { return CodeManualIntervention }

// Hint says what to do.
func (e *ChainError) Hint() string {
	return "keep a copy of the audit store as it is, and compare it with a backup: what was recorded from this entry on cannot be relied on"
}

// PendingError says that changes wait to be applied.
type PendingError struct{ ChangeIDs []string }

func (e *PendingError) Error() string {
	return fmt.Sprintf("%d change(s) pending: %s", len(e.ChangeIDs), Cap(strings.Join(e.ChangeIDs, ", "), 1000))
}

// Code returns Pending.
func (e *PendingError) Code() Code { return CodePending }

// Hint says what to do.
func (e *PendingError) Hint() string { return "apply them with: flamingock apply" }

// HandleError says that a step was given a handle of the wrong type.
type HandleError struct{ Want, Got reflect.Type }

func (e *HandleError) Error() string {
	got := "nothing"
	if e.Got != nil {
		got = e.Got.String()
	}
	return "the step needs a " + e.Want.String() + " but the target system gave a " + got
}
