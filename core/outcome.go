package core

import "errors"

// Unknown marks err as one after which nobody can say whether the effect
// happened, or still will. Nil stays nil.
func Unknown(err error) error {
	if err == nil {
		return nil
	}
	return &UnknownError{err}
}

// UnknownError is an error that leaves the outcome unknown.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string { return "outcome unknown: " + e.Err.Error() }
func (e *UnknownError) Unwrap() error { return e.Err }

// IsUnknown reports whether err leaves the outcome unknown.
func IsUnknown(err error) bool {
	var u *UnknownError
	return errors.As(err, &u)
}

// NothingDone marks err as one of a step that certainly did nothing, and whose rollback
// must not run: what it found in its place is not the change's. Nil stays nil.
func NothingDone(err error) error {
	if err == nil {
		return nil
	}
	return &NothingDoneError{err}
}

// NothingDoneError is an error of a step that did nothing.
type NothingDoneError struct{ Err error }

func (e *NothingDoneError) Error() string { return e.Err.Error() }
func (e *NothingDoneError) Unwrap() error { return e.Err }

// IsNothingDone reports whether the step that gave err did nothing.
func IsNothingDone(err error) bool {
	_, is := errors.AsType[*NothingDoneError](err)
	return is && !IsUnknown(err)
}
