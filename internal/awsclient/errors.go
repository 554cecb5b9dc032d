package awsclient

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/core"
)

// Kind is what an error of an AWS call means for whoever made it.
type Kind int

// The kinds.
const (
	// Other is for the caller to judge: the service said something particular.
	Other Kind = iota
	// Throttled and Transient are worth trying again; after Throttled nothing was
	// done, after Transient nobody knows.
	Throttled
	Transient
	// Denied: a right is missing. Rejected: the credentials are not accepted, or
	// there are none. Expired: they were good once. Nothing was done.
	Denied
	Rejected
	Expired
	// Foreign: what answered does not speak the service's protocol.
	Foreign
)

var kinds = map[string]Kind{
	"AccessDenied": Denied, "AccessDeniedException": Denied, "UnauthorizedOperation": Denied, "AuthorizationError": Denied,
	"UnrecognizedClientException": Rejected, "InvalidSignatureException": Rejected, "IncompleteSignature": Rejected, "IncompleteSignatureException": Rejected,
	"MissingAuthenticationToken": Rejected, "MissingAuthenticationTokenException": Rejected, "InvalidClientTokenId": Rejected,
	"SignatureDoesNotMatch": Rejected, "InvalidAccessKeyId": Rejected, "OptInRequired": Rejected,
	"RequestTimeTooSkewed": Expired, "ExpiredToken": Expired, "ExpiredTokenException": Expired, "RequestExpired": Expired,
	"Throttling": Throttled, "ThrottlingException": Throttled, "ThrottledException": Throttled, "TooManyRequestsException": Throttled, "SlowDown": Throttled,
	"RequestThrottled": Throttled, "RequestThrottledException": Throttled, "ProvisionedThroughputExceededException": Throttled, "RequestLimitExceeded": Throttled,
}

var stale = regexp.MustCompile(`(?i)signature (expired|not yet current)`)

// KindOf says what err means. A context's end is Transient: nobody knows what the
// call did.
func KindOf(err error) Kind {
	var (
		credentials *CredentialsError
		api         smithy.APIError
		params      smithy.InvalidParamsError
		response    *smithyhttp.ResponseError
		garbled     *smithy.DeserializationError
	)
	switch {
	case errors.As(err, &credentials):
		return kindOfCredentials(credentials.Err)
	case errors.As(err, &params):
		return Other // nothing was sent, and nothing will be
	case coded(err, &api):
		if api.ErrorCode() == "InvalidSignatureException" && stale.MatchString(api.ErrorMessage()) {
			return Expired // the process or its clock stood still: a new signature may do
		}
		if k, ok := kinds[api.ErrorCode()]; ok {
			return k
		}
		if status(err) >= http.StatusInternalServerError {
			return Transient
		}
		return Other
	case errors.As(err, &response):
		switch code := response.HTTPStatusCode(); {
		case code == 0 && !strangeTLS(err): // the SDK makes a response also where there was none
			return Transient
		case code >= http.StatusInternalServerError || code == http.StatusTooManyRequests:
			return Transient
		case code != 0 && torn(err):
			return Transient
		}
		return Foreign
	case errors.As(err, &garbled) && !torn(err):
		return Foreign
	}
	return Transient
}

// kindOfCredentials says what it means that there are no credentials. Where a role
// is to be assumed, that is a call with all the errors that a call can have.
func kindOfCredentials(err error) Kind {
	var (
		api     smithy.APIError
		op      *smithy.OperationError
		token   *ssocreds.InvalidTokenError
		network net.Error
	)
	switch {
	case errors.As(err, &token):
		return Expired
	case coded(err, &api):
		if k, ok := kinds[api.ErrorCode()]; ok {
			return k
		}
		if status(err) >= http.StatusInternalServerError {
			return Transient
		}
	case errors.As(err, &op) && op.ServiceID == metadataService:
		return Rejected // the last place to look: this machine has no role
	case errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || status(err) >= http.StatusInternalServerError:
		return Transient
	}
	return Rejected
}

// metadataService is what the SDK calls the service that knows a machine's role.
const metadataService = "ec2imds"

// coded finds an error that the service gave a code.
func coded(err error, api *smithy.APIError) bool {
	return errors.As(err, api) && (*api).ErrorCode() != "" && (*api).ErrorCode() != "UnknownError"
}

// status is that of the answer; 0 without one.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}

// strangeTLS reports whether the other side has a certificate that is not trusted,
// or none at all. Trying again would not help.
func strangeTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch)
}

// torn reports whether an answer ended too early, which says nothing about who gave it.
func torn(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// What to do about credentials that AWS does not take.
const (
	checkCredentials = "check which credentials are used here, by access key, profile or role (aws sts get-caller-identity shows them), then run again"
	renewCredentials = "get new credentials, such as with aws sso login, then run again"
)

// Explain turns the error of a call into one of this project's, with the words
// that people need: *core.PermissionError, *core.ConfigError or
// *core.UnavailableError. Errors of kind Other keep their type, and lose what is
// only noise. A cancelled context's error stays as it is.
func Explain(system string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	switch KindOf(err) {
	case Denied:
		return &core.PermissionError{System: system, Right: missingRight(err), Err: short(err)}
	case Rejected:
		var credentials *CredentialsError
		var api smithy.APIError
		if errors.As(err, &credentials) && !coded(err, &api) {
			return &core.ConfigError{
				Key: system, Reason: "no AWS credentials were found",
				Next: "give some: a role of the function, task or pod, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment", Err: credentials.cause(),
			}
		}
		return &core.PermissionError{System: system, Right: "credentials that AWS accepts", Err: short(err), Next: checkCredentials}
	case Expired:
		return &core.PermissionError{System: system, Right: "credentials that have not expired", Err: short(err), Next: renewCredentials}
	case Foreign:
		return &core.ConfigError{
			Key: system, Reason: "what answers at the endpoint is not the AWS service", Next: "mend endpoint in the configuration, or AWS_ENDPOINT_URL in the environment", Err: short(err),
		}
	case Throttled, Transient:
		return &core.UnavailableError{System: system, Err: short(err)}
	case Other:
	}
	return short(err)
}

var notAuthorized = regexp.MustCompile(`not authorized to perform: (\S+)(?: on resource: (\S+))?`)

// missingRight finds the action and the resource in the words of AWS.
func missingRight(err error) string {
	m := notAuthorized.FindStringSubmatch(err.Error())
	if m == nil {
		return ""
	}
	right := strings.TrimRight(m[1], ".,")
	if m[2] != "" {
		right += " on " + strings.TrimRight(m[2], ".,")
	}
	return right
}

// plainError is an error of the SDK with fewer words.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

// noise is what the SDK says about its own workings.
var noise = regexp.MustCompile(`exceeded maximum number of attempts, \d+, |https response error StatusCode: 0, RequestID: , |(RequestID: [^,]*, )?deserialization failed, |failed to refresh cached credentials, `)

// short keeps the service's code and message and the request's id, and drops the
// names of operations and layers.
func short(err error) error {
	var (
		api         smithy.APIError
		op          *smithy.OperationError
		credentials *CredentialsError
	)
	var text string
	switch {
	case coded(err, &api):
		text = api.ErrorCode()
		if m := api.ErrorMessage(); m != "" {
			text += ": " + m
		}
	case errors.As(err, &credentials):
		text = "no AWS credentials: " + credentials.cause().Error()
	case errors.As(err, &op):
		text = noise.ReplaceAllString(op.Err.Error(), "")
	default:
		return err
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.ServiceRequestID() != "" {
		text += " (request " + response.ServiceRequestID() + ")"
	}
	return &plainError{core.Cap(text, maxText), err}
}

// maxText bounds what an answer can add to a message.
const maxText = 2000
