package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/internal/awsclient"
)

const (
	// requestTimeout bounds one call: who waits longer waits for an answer that got
	// lost. Content gets a second more for every slowest bytes.
	requestTimeout = 10 * time.Second
	slowest        = 256 << 10
	// unansweredAttempts bounds how often a call is sent that got no answer, and
	// patience for how long one is that was refused for load.
	unansweredAttempts = 4
	patience           = 30 * time.Second
)

// ours is how this package calls: what may be sent again it knows better.
func ours(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// call is one request. All of this package's may be sent again: they have the same
// effect twice as once, or a condition.
type call struct {
	size int64 // of the content that goes with it
	// later says of an answer that the same request may pass a little later. Optional.
	later func(err error) bool
	send  func(ctx context.Context) error
}

// do sends the request, again while it is refused for load or collides with another
// operation, for as long as patience lasts. Unanswered says that an attempt got no
// answer, so that a refusal that came later does not say what that one did.
func (c call) do(ctx context.Context) (unanswered bool, err error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := awsclient.NewPause(50*time.Millisecond, time.Second)
	for lost := 0; ; {
		err = c.once(ctx)
		switch {
		case err == nil:
			return unanswered, nil
		case collided(err), c.later != nil && c.later(err):
		case answered(err):
			return unanswered, err
		default:
			unanswered = unanswered || !neverSent(err)
			if lost++; lost == unansweredAttempts {
				return unanswered, err
			}
		}
		if p.Wait(patient) != nil {
			return unanswered, err
		}
	}
}

func (c call) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout+time.Duration(c.size/slowest)*time.Second)
	defer cancel()
	return c.send(ctx)
}

// get sends a read.
func get[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	var out T
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	_, err := call{send: func(ctx context.Context) (err error) {
		out, err = send(ctx)
		return err
	}}.do(ctx)
	return out, err
}

// collided reports whether err says that nothing was done because of load, or of
// another operation at the same moment.
func collided(err error) bool {
	switch code(err) {
	case "OperationAborted", "ConditionalRequestConflict":
		return true
	}
	return awsclient.KindOf(err) == awsclient.Throttled
}

// answered reports whether S3 itself refused.
func answered(err error) bool {
	if status(err) == http.StatusNotImplemented {
		return true
	}
	switch awsclient.KindOf(err) {
	case awsclient.Transient:
		return status(err) == http.StatusMovedPermanently
	case awsclient.Foreign: // HEAD has no body, and so no code
		return status(err) >= http.StatusMovedPermanently && status(err) < http.StatusInternalServerError
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

// status is that of the answer; 0 without one.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}
