package handler

import (
	"errors"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
)

// refusedError gives events' own errors a code.
type refusedError struct{ event *events.Error }

func (e *refusedError) Error() string { return e.event.Error() }
func (e *refusedError) Unwrap() error { return e.event }

// Hint says what to do.
func (e *refusedError) Hint() string { return e.event.Hint() }

// Code returns ConfigInvalid.
func (*refusedError) Code() core.Code { return core.CodeConfigInvalid }

// asRefused gives a code to the error of an event that was not understood.
func asRefused(err error) error {
	var e *events.Error
	if errors.As(err, &e) {
		return &refusedError{e}
	}
	return err
}
