package s3

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// slowest is how many bytes a second content is given at least.
const slowest = 256 << 10

// ours is how this package calls: what may be sent again it knows better.
func ours(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// call is one request with so much content. All of this package's may be sent again: they
// have the same effect twice as once, or a condition.
func call(size int64, send func(ctx context.Context) error) awstarget.Call {
	return awstarget.Call{Resend: true, Extra: time.Duration(size/slowest) * time.Second, Later: collided, Answered: answered, Send: send}
}

// get sends a read.
func get[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	return awstarget.GetBy(ctx, call(0, nil), send)
}

// collided reports whether err says that nothing was done because of another operation
// at the same moment.
func collided(err error) bool {
	code := awstarget.CodeOf(err)
	return code == "OperationAborted" || code == "ConditionalRequestConflict"
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
	return awstarget.Answered(err)
}

// status is that of the answer; 0 without one.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}
