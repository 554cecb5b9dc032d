package sns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

const (
	// How often a thing is looked at that SNS is at work on, and how long at most.
	firstLook   = 200 * time.Millisecond
	longestLook = 5 * time.Second
	atWork      = 2 * time.Minute
)

// change sends a request that does the same when it is repeated.
func change(ctx context.Context, send func(context.Context) error) error {
	return awstarget.Call{Resend: true, Later: later, Send: send}.Change(ctx)
}

// later are refusals for load, or because of another request at the same moment, that the
// SDK has no common name for.
func later(err error) bool {
	return slices.Contains([]string{"Throttled", "KMSThrottling", "ConcurrentAccess", "StaleTag"}, awstarget.CodeOf(err))
}

func isMissing(err error) bool {
	var missing *types.NotFoundException
	return errors.As(err, &missing) || slices.Contains([]string{"NotFound", "ResourceNotFound"}, awstarget.CodeOf(err))
}

// refusals are the codes of answers that no repetition will change.
var refusals = []string{
	"InvalidParameter", "ParameterValueInvalid", "InvalidSecurity", "InvalidState", "FilterPolicyLimitExceeded", "SubscriptionLimitExceeded",
	"TopicLimitExceeded", "TagLimitExceeded", "TagPolicy", "ValidationException", "UserError",
}

// fault explains an error about a thing.
func (c *Client) fault(what string, err error) error {
	if err == nil {
		return nil
	}
	switch code := awstarget.CodeOf(err); {
	case core.IsUnknown(err):
	case slices.Contains(refusals, code), strings.HasPrefix(code, "KMS"):
		return &Error{What: what, Reason: "is refused as declared: " + c.target.explain(err).Error(), Next: "mend the change"}
	case isMissing(err):
		return missing(what)
	}
	return fmt.Errorf("%s: %w", what, c.target.explain(err))
}

func missing(what string) error {
	return &Error{What: what, Reason: "does not exist", Next: "create it in a change before this one, or mend the name"}
}

// differs says in what a thing is something else than what was declared.
func differs(what string, all []awstarget.Difference) error {
	if len(all) == 0 {
		return nil
	}
	details := make([]string, len(all))
	for i, d := range all {
		details[i] = d.String()
	}
	return &Error{
		What: what, Reason: "is there, and is not what the change declares: " + strings.Join(details, "; "),
		Next: "mend the change if it is right; change or delete it first, if it is not",
	}
}

// touched finds what is neither as the change set it nor as it was before: somebody else
// has changed it since.
func touched(what string, state awstarget.State, wanted, before awstarget.Wanted) error {
	was := map[string]bool{}
	for _, d := range before.Differences(state, sameAttribute) {
		was[d.What] = true
	}
	var others []string
	for _, d := range wanted.Differences(state, sameAttribute) {
		if was[d.What] {
			others = append(others, d.String())
		}
	}
	if others == nil {
		return nil
	}
	return &Error{
		What: what, Reason: "was changed by somebody else since, and is left as it is: " + strings.Join(others, "; "),
		Next: "put back by hand what has to be, then: flamingock issue resolve",
	}
}

// sameAttribute compares the values of an attribute.
func sameAttribute(name, a, b string) bool {
	switch name {
	case attributePolicy:
		return awstarget.SamePolicy(a, b)
	case attributeDeliveryPolicy, attributeFilterPolicy, attributeRedrivePolicy, attributeArchivePolicy:
		return awstarget.SameJSON(orDefault(a, "{}"), orDefault(b, "{}"))
	}
	if value, known := defaults[name]; known {
		return strings.EqualFold(orDefault(a, value), orDefault(b, value))
	}
	return false
}

func orDefault(text, value string) string {
	if text == "" {
		return value
	}
	return text
}

// defaults are what an attribute is that SNS says nothing of, and what takes such a one
// away: it does not take an empty value of these.
var defaults = map[string]string{
	"ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic", "RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes",
	"SignatureVersion": "1", "TracingConfig": "PassThrough", attributeArchivePolicy: "{}", attributeFilterPolicy: "{}",
}

// settable are attributes as SNS takes them.
func settable(attributes map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range attributes {
		out[name] = orDefault(value, defaults[name])
	}
	return out
}

// until asks again until it is so.
func until(ctx context.Context, late error, so func(context.Context) (bool, error)) error {
	limited, cancel := context.WithTimeout(ctx, atWork)
	defer cancel()
	for p := awsclient.NewPause(firstLook, longestLook); ; {
		ok, err := so(ctx)
		if err != nil || ok {
			return err
		}
		if p.Wait(limited) != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return late
		}
	}
}
