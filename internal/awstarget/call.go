package awstarget

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/aws/smithy-go"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

const (
	// requestTimeout bounds one call: who waits longer waits for an answer that got lost.
	requestTimeout = 10 * time.Second
	// UnansweredAttempts bounds how often a call is sent that got no answer.
	UnansweredAttempts = 4
	// Patience bounds for how long a call is sent that was refused for load.
	Patience = 30 * time.Second
)

// Call is one request, and what may be done when it fails. The client must not send it
// again by itself.
type Call struct {
	// Resend says that it may be sent again when it got no answer.
	Resend bool
	// Commits says that its answer is waited for also when the context ends: one that
	// is thrown away leaves the outcome unknown for nothing.
	Commits bool
	// Extra is added to the time that one attempt has, for content that goes with it.
	Extra time.Duration
	// Later says of an answer that nothing was done, and that the same request may pass
	// a little later. Throttling is known. Optional.
	Later func(err error) bool
	// Answered reports whether an error is the service's own refusal. Nil: Answered.
	Answered func(err error) bool
	// Before is asked before each attempt but the first. Optional.
	Before func(ctx context.Context) error
	Send   func(ctx context.Context) error
}

// Do sends the request, again while it is refused for load, for half a minute. Unanswered
// says that an attempt got no answer, so that a refusal that came later does not say what
// that one did.
func (c Call) Do(ctx context.Context) (unanswered bool, err error) {
	refused := c.Answered
	if refused == nil {
		refused = Answered
	}
	patient, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	p := awsclient.NewPause(25*time.Millisecond, time.Second)
	for lost := 0; ; {
		err = c.Once(ctx)
		switch {
		case err == nil:
			return unanswered, nil
		case awsclient.KindOf(err) == awsclient.Throttled || c.Later != nil && c.Later(err):
		case refused(err):
			return unanswered, err
		default:
			sent := !neverSent(err)
			unanswered = unanswered || sent
			if lost++; sent && !c.Resend || lost == UnansweredAttempts {
				return unanswered, err
			}
		}
		if p.Wait(patient) != nil {
			return unanswered, err
		}
		if c.Before != nil {
			if err := c.Before(ctx); err != nil {
				return unanswered, err
			}
		}
	}
}

// Once sends the request one time.
func (c Call) Once(ctx context.Context) error {
	if c.Commits {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout+c.Extra)
	defer cancel()
	return c.Send(ctx)
}

// Get sends a read.
func Get[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	return GetBy(ctx, Call{}, send)
}

// GetBy sends a read as the call says that it may be sent.
func GetBy[T any](ctx context.Context, c Call, send func(context.Context) (T, error)) (T, error) {
	var out T
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	c.Resend, c.Send = true, func(ctx context.Context) (err error) {
		out, err = send(ctx)
		return err
	}
	_, err := c.Do(ctx)
	return out, err
}

// Change sends a request that changes something. An error that leaves the outcome open
// is marked with core.Unknown.
func (c Call) Change(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	unanswered, err := c.Do(ctx)
	if err != nil && unanswered {
		return core.Unknown(err)
	}
	return err
}

// Explain gives an error of a call its class and its words, and keeps the mark of an
// unknown outcome.
func Explain(system string, err error) error {
	var unknown *core.UnknownError
	if errors.As(err, &unknown) {
		return core.Unknown(awsclient.Explain(system, unknown.Err))
	}
	return awsclient.Explain(system, err)
}

// Answered reports whether the service itself refused.
func Answered(err error) bool {
	switch awsclient.KindOf(err) {
	case awsclient.Transient, awsclient.Foreign:
		return false
	case awsclient.Other, awsclient.Throttled, awsclient.Denied, awsclient.Rejected, awsclient.Expired:
	}
	return true
}

// neverSent reports whether err says that there was no connection to send on, or
// nothing to sign with.
func neverSent(err error) bool {
	var op *net.OpError
	var credentials *awsclient.CredentialsError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &credentials)
}

// CodeOf is the code that the service gave an error; "" without one.
func CodeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
