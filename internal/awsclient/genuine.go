package awsclient

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errNotGenuine is of kind Transient: nobody knows what the call did.
var errNotGenuine = errors.New("the answer says success, but does not come from AWS: it has no request id (is there a proxy in between?)")

// Genuine is for the APIOptions of clients whose service answers in JSON: it takes
// a success for one only with the request id that such services always give. The
// SDK reads any 2xx with an empty body as success, and a proxy's would then be
// believed: a lease renewed, a marker not there.
func Genuine(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Genuine", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if r, ok := out.RawResponse.(*smithyhttp.Response); err == nil && ok && r.StatusCode < http.StatusMultipleChoices && r.Header.Get("X-Amzn-Requestid") == "" {
			err = errNotGenuine
		}
		return out, metadata, err
	}), middleware.Before)
}
