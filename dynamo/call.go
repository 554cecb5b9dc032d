package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/dynamoapi"
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

func newPause() awsclient.Pause { return awsclient.NewPause(25*time.Millisecond, time.Second) }

// writing sends a write of so many items, again for as long as it collides. A write that got no
// answer is not sent again here: its outcome is unknown, and who asked for it
// decides (core.AuditStore).
func writing(ctx context.Context, items int, send func(context.Context) error) error {
	p := newPause()
	for {
		failpoint.Hit(failpoint.StoreWriting)
		err := once(ctx, requestTimeout+time.Duration(items)*itemTimeout, send)
		failpoint.Hit(failpoint.StoreWritten)
		if err == nil || !dynamoapi.Collided(err) || p.Wait(ctx) != nil {
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
		if !dynamoapi.Collided(err) {
			unanswered++
			if awsclient.KindOf(err) != awsclient.Transient || unanswered >= readAttempts && short.Err() != nil {
				return out, err
			}
		}
		if p.Wait(ctx) != nil {
			return out, err
		}
	}
}

func once(ctx context.Context, limit time.Duration, send func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return send(ctx)
}
