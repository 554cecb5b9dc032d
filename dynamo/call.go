package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cenkalti/backoff/v5"

	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// Limits of one call. DynamoDB answers within milliseconds: who waits longer
// waits for an answer that got lost.
const (
	requestTimeout = 5 * time.Second
	// itemTimeout is added for each item of a transaction: 100 may be 4 MB, which
	// take their time on a slow line.
	itemTimeout = 200 * time.Millisecond
	// readAttempts is how often a read is sent at least that gets no answer, also
	// when the blip is over in which that is usual; patience bounds how long one is
	// sent again that is refused for load.
	readAttempts = 4
	blip         = 2 * time.Second
	patience     = 45 * time.Second
)

// Codes of cancellation reasons.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
)

// refusedForNow are the codes after which the same request may pass a little
// later. Nothing was written.
var refusedForNow = map[string]bool{
	"TransactionConflict": true, "ThrottlingError": true, "ProvisionedThroughputExceeded": true, "RequestLimitExceeded": true,
}

// collided reports whether err says that nothing was done because of load, or of
// another write at the same moment.
func collided(err error) bool {
	var conflict *types.TransactionConflictException
	var inProgress *types.TransactionInProgressException
	var cancelled *types.TransactionCanceledException
	switch {
	case errors.As(err, &conflict), errors.As(err, &inProgress):
		return true
	case errors.As(err, &cancelled):
		for _, r := range cancelled.CancellationReasons {
			if refusedForNow[aws.ToString(r.Code)] {
				// Also beside a refused condition: what that saw may have been the other write.
				return true
			}
		}
		return false
	}
	return awsclient.KindOf(err) == awsclient.Throttled
}

// refused reports whether conditions, and nothing else, stood against our items.
func refused(reasons []types.CancellationReason) bool {
	found := false
	for _, r := range reasons {
		switch aws.ToString(r.Code) {
		case reasonCondition:
			found = true
		case "", reasonNone:
		default:
			return false
		}
	}
	return found
}

// pause waits longer each time, with jitter.
type pause struct{ b *backoff.ExponentialBackOff }

func newPause() pause {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.RandomizationFactor = 25*time.Millisecond, time.Second, 0.5
	return pause{b}
}

func (p pause) wait(ctx context.Context) error {
	t := time.NewTimer(p.b.NextBackOff())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// writing sends a write of so many items, again for as long as it collides. A write that got no
// answer is not sent again here: its outcome is unknown, and who asked for it
// decides (core.AuditStore).
func writing(ctx context.Context, items int, send func(context.Context) error) error {
	p := newPause()
	for {
		failpoint.Hit(failpoint.StoreWriting)
		err := once(ctx, requestTimeout+time.Duration(items)*itemTimeout, send)
		failpoint.Hit(failpoint.StoreWritten)
		if err == nil || !collided(err) || p.wait(ctx) != nil {
			return err
		}
	}
}

// reading sends a read, again while it is refused for load or gets no answer.
func reading[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	short, end := context.WithTimeout(ctx, blip)
	defer end()
	p := newPause()
	for unanswered := 0; ; {
		var out T
		err := once(ctx, requestTimeout, func(ctx context.Context) (err error) {
			out, err = send(ctx)
			return err
		})
		if err == nil {
			return out, nil
		}
		if !collided(err) {
			unanswered++
			if awsclient.KindOf(err) != awsclient.Transient || unanswered >= readAttempts && short.Err() != nil {
				return out, err
			}
		}
		if p.wait(ctx) != nil {
			return out, err
		}
	}
}

func once(ctx context.Context, limit time.Duration, send func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return send(ctx)
}
