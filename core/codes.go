package core

import (
	"context"
	"errors"
	"strings"
)

// Code is an error's class: what a program may act on. design.md 5.
type Code string

// The codes.
const (
	CodeUsage              Code = "Usage"
	CodeChangeSetInvalid   Code = "ChangeSetInvalid"
	CodeDrift              Code = "Drift"
	CodeUnavailable        Code = "Unavailable"
	CodeChangeFailed       Code = "ChangeFailed"
	CodeInternal           Code = "Internal"
	CodeLockHeld           Code = "LockHeld"
	CodeLeaseLost          Code = "LeaseLost"
	CodeDeadlineNear       Code = "DeadlineNear"
	CodeInterrupted        Code = "Interrupted"
	CodePermissionDenied   Code = "PermissionDenied"
	CodeConfigInvalid      Code = "ConfigInvalid"
	CodeManualIntervention Code = "ManualIntervention"
	CodePending            Code = "Pending"
)

// Exit returns the process exit code of c; 0 for "".
func (c Code) Exit() int {
	switch c {
	case "":
		return 0
	case CodeUsage:
		return 64
	case CodeChangeSetInvalid, CodeDrift:
		return 65
	case CodeUnavailable:
		return 69
	case CodeChangeFailed, CodeInternal:
		return 70
	case CodeLockHeld, CodeLeaseLost, CodeDeadlineNear, CodeInterrupted:
		return 75
	case CodePermissionDenied:
		return 77
	case CodeConfigInvalid:
		return 78
	case CodeManualIntervention:
		return 79
	case CodePending:
		return 80
	}
	return 70
}

// Retryable reports whether the same call may succeed later without anybody
// changing anything.
func (c Code) Retryable() bool {
	switch c.Exit() {
	case 69, 75:
		return true
	}
	return false
}

// Coded is implemented by errors that know their class.
type Coded interface {
	error
	Code() Code
}

// Hinted is implemented by errors that know what to do next.
type Hinted interface {
	error
	Hint() string
}

// CodeOf returns the class of err: the gravest one of a joined error (a failed
// change before an intervention before a lock), Internal for an error of no
// class, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	best, rank := CodeInternal, -1
	for _, c := range codesIn(err) {
		if r := gravity(c); r > rank { // an error of no class weighs as a fault of ours
			best, rank = c, r
		}
	}
	if rank < 0 && contextError(err) {
		return CodeInterrupted
	}
	return best
}

func codesIn(err error) []Code {
	if err == nil {
		return nil
	}
	if c, ok := err.(Coded); ok { //nolint:errorlint // walking the tree by hand
		return []Code{c.Code()}
	}
	if err == ErrLeaseLost { //nolint:errorlint // walking the tree by hand
		return []Code{CodeLeaseLost}
	}
	switch x := err.(type) { //nolint:errorlint // walking the tree by hand
	case interface{ Unwrap() error }:
		return codesIn(x.Unwrap())
	case interface{ Unwrap() []error }:
		var out []Code
		for _, e := range x.Unwrap() {
			codes := codesIn(e)
			if len(codes) == 0 && !contextError(e) {
				codes = []Code{CodeInternal}
			}
			out = append(out, codes...)
		}
		return out
	}
	return nil
}

func contextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func gravity(c Code) int {
	switch c.Exit() {
	case 70:
		return 9
	case 79:
		return 8
	case 75:
		return 1
	case 80:
		return 0
	}
	return 5
}

// HintOf returns what err itself knows about what to do next, or "".
func HintOf(err error) string {
	var h Hinted
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Advice returns what to do next about err, for people: its own hint, or what its
// class says. It is "" only for nil.
func Advice(err error) string {
	if err == nil {
		return ""
	}
	if hint := HintOf(err); hint != "" {
		return hint
	}
	return CodeOf(err).hint()
}

// hint is the advice for a class of errors, for those that know no better.
func (c Code) hint() string {
	switch c {
	case CodeUsage:
		return "see the commands and flags with --help"
	case CodeChangeSetInvalid, CodeDrift:
		return "mend the changes, then check with: flamingock validate"
	case CodeUnavailable:
		return "check that the system is up and can be reached from here, then run again"
	case CodeChangeFailed:
		return "see what is known and what to do with: flamingock issue list"
	case CodeLockHeld:
		return "look again with flamingock status, then run again"
	case CodeLeaseLost:
		return "run again: the next run settles what this one had begun, or says what a person must do"
	case CodeDeadlineNear, CodeInterrupted:
		return "run again: it goes on where this run stopped"
	case CodePermissionDenied:
		return "grant the right to whoever runs Flamingock, then run again"
	case CodeConfigInvalid:
		return "mend the configuration, then check with: flamingock config show"
	case CodeManualIntervention:
		return "see what is known and what to do with: flamingock issue list"
	case CodePending:
		return "apply the changes with: flamingock apply"
	case CodeInternal:
	}
	return "run again; if it stays, report it with the output of: flamingock version"
}

// ShellQuote quotes a text for a shell when it has to be: for commands that people
// are told to type.
func ShellQuote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:=@%+,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
