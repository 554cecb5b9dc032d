package s3

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// settings are the target's entry in the configuration.
type settings struct {
	At      awstarget.Settings `yaml:",inline"`
	Account string             `yaml:"account"`
	Files   string             `yaml:"files"`
}

func fromSettings(id string, s core.Settings, configs *awsclient.Configs) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	t := newTarget(id)
	if c.Files != "" {
		t.files = s.Path(c.Files)
	}
	t.connect = func(ctx context.Context) (*sdk.Client, error) {
		account, err := core.Expand(ctx, s.Resolver(), c.Account)
		if err != nil {
			return nil, err
		}
		if account != "" && !accountID.MatchString(account) {
			return nil, &core.ConfigError{Key: "targetSystems." + id + ".account", Reason: "must be the 12 digits of an AWS account", Next: "put them in quotes"}
		}
		cfg, err := c.At.Load(ctx, id, s.Resolver(), configs)
		if err != nil {
			return nil, err
		}
		return sdk.NewFromConfig(cfg, func(o *sdk.Options) {
			// Other addresses than AWS's have no name for every bucket.
			o.UsePathStyle = o.BaseEndpoint != nil
			o.APIOptions = append(o.APIOptions, genuine)
			if account != "" {
				o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Expected-Bucket-Owner", account))
			}
		}), nil
	}
	return t, nil
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// errNotGenuine is of kind Transient: nobody knows what the call did.
var errNotGenuine = errors.New("the answer says success, but does not come from S3: it has no request id (is there a proxy in between?)")

// genuine takes a success for one only with the request id that S3 always gives: most
// of its answers are empty, and a proxy's would be believed.
func genuine(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Genuine", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if r, ok := out.RawResponse.(*smithyhttp.Response); err == nil && ok && r.StatusCode < http.StatusMultipleChoices && r.Header.Get("X-Amz-Request-Id") == "" {
			err = errNotGenuine
		}
		return out, metadata, err
	}), middleware.Before)
}
