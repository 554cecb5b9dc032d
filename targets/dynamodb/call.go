package dynamodb

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
)

const (
	// requestTimeout bounds one call: who waits longer waits for an answer that got lost.
	requestTimeout = 10 * time.Second
	// unansweredAttempts bounds how often a call is sent that got no answer, and
	// patience for how long one is that was refused for load.
	unansweredAttempts = 4
	patience           = 30 * time.Second
)

// ours is how this package calls: what may be sent again it knows better.
func ours(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// call is one request, and what may be done when it fails.
type call struct {
	// resend says that it may be sent again when it got no answer.
	resend bool
	// commits says that its answer is waited for also when the context ends: one that
	// is thrown away leaves the outcome unknown for nothing.
	commits bool
	// before is asked before each attempt but the first. Optional.
	before func(ctx context.Context) error
	send   func(ctx context.Context) error
}

// do sends the request, again while it is refused for load or collides with another
// write, for as long as patience lasts. Unanswered says that an attempt got no
// answer, so that a refusal that came later does not say what that one did.
func (c call) do(ctx context.Context) (unanswered bool, err error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := awsclient.NewPause(25*time.Millisecond, time.Second)
	for lost := 0; ; {
		err = c.once(ctx)
		switch {
		case err == nil:
			return unanswered, nil
		case collided(err):
		case answered(err):
			return unanswered, err
		default:
			sent := !neverSent(err)
			unanswered = unanswered || sent
			if lost++; sent && !c.resend || lost == unansweredAttempts {
				return unanswered, err
			}
		}
		if p.Wait(patient) != nil {
			return unanswered, err
		}
		if c.before != nil {
			if err := c.before(ctx); err != nil {
				return unanswered, err
			}
		}
	}
}

func (c call) once(ctx context.Context) error {
	if c.commits {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return c.send(ctx)
}

// get sends a read.
func get[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	var out T
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	_, err := call{resend: true, send: func(ctx context.Context) (err error) {
		out, err = send(ctx)
		return err
	}}.do(ctx)
	return out, err
}

// collided reports whether err says that nothing was done because of load, or of
// another write or operation on a table at the same moment.
func collided(err error) bool {
	var limit *types.LimitExceededException
	return errors.As(err, &limit) || dynamoapi.Collided(err)
}

// answered reports whether DynamoDB itself refused.
func answered(err error) bool {
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
