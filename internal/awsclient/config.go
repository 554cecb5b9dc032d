// Package awsclient makes the configuration of AWS clients, and turns their
// errors into this project's: one place for region, endpoint, credentials,
// time limits and the words that people read.
package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/flamingock/flamingock-go/core"
)

// Settings say where a client goes and as whom. The zero value means what the
// environment, the shared configuration files and the machine's role say, as all
// AWS tools do. Two equal Settings, loaded in one process, act as the same
// principal in the same region.
type Settings struct {
	Region   string
	Endpoint string // a URL: LocalStack, or a private endpoint
	Profile  string
	RoleARN  string // assumed with the credentials that were found
}

// Time limits of a connection. Each call has its caller's context besides.
const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
	// idleTimeout is below the 60 s after which AWS closes idle connections, so
	// that a long change is not followed by a request on a dead one.
	idleTimeout = 45 * time.Second
	// credentialsTimeout bounds one search for credentials, where a call's context may
	// not: it is what the SDK gives to a credential_process.
	credentialsTimeout = time.Minute
)

// Load makes the configuration. It contacts nothing, the role of the machine
// aside. The error is a *core.ConfigError.
func Load(ctx context.Context, s Settings) (aws.Config, error) {
	if err := s.check(); err != nil {
		return aws.Config{}, err
	}
	options := []func(*config.LoadOptions) error{
		config.WithAppID("flamingock-go"),
		config.WithHTTPClient(httpClient()),
		config.WithLogger(logging.Nop{}), // it warns on stderr, in a form of its own, of what an error says anyway
	}
	if s.Region != "" {
		options = append(options, config.WithRegion(s.Region))
	}
	if s.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		var profile config.SharedConfigProfileNotExistError
		next := "mend the AWS environment variables or the files in ~/.aws"
		if errors.As(err, &profile) {
			next = "choose a profile of ~/.aws/config, or take the setting away"
		}
		return aws.Config{}, &core.ConfigError{Reason: "the AWS configuration cannot be loaded", Next: next, Err: err}
	}
	switch {
	case cfg.Region == "":
		return aws.Config{}, &core.ConfigError{Key: "region", Reason: "no AWS region is known", Next: "set region beside the other settings, or AWS_REGION in the environment"}
	case !region.MatchString(cfg.Region):
		return aws.Config{}, &core.ConfigError{Key: "region", Reason: "not the name of an AWS region: " + strconv.Quote(core.Cap(cfg.Region, 100)), Next: "name it as AWS does, such as eu-west-1"}
	}
	cfg.Credentials = named{cfg.Credentials}
	if s.RoleARN != "" {
		cfg.Credentials = named{aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), s.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "flamingock"
		}))}
	}
	if s.Endpoint != "" { // after the role: STS is not behind it
		cfg.BaseEndpoint = aws.String(s.Endpoint)
		cfg.ConfigSources = nil // where clients would look for AWS_ENDPOINT_URL_… and take that instead
	}
	return cfg, nil
}

// Domain says in words where a client of these Settings goes, and as whom. It
// contacts nothing. Two Settings of one process that give the same words are the
// same principal at the same place; other words do not mean that they are not.
// "" for Settings that Load refuses.
func Domain(s Settings) string {
	cfg, err := Load(context.Background(), s) //nolint:forbidigo // the environment and files are read: nothing to wait for
	if err != nil {
		return ""
	}
	return fmt.Sprintf("region %q, endpoint %q, profile %q, role %q", cfg.Region, aws.ToString(cfg.BaseEndpoint), s.Profile, s.RoleARN)
}

// CredentialsError says that no credentials could be had.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return "no AWS credentials: " + e.Err.Error() }
func (e *CredentialsError) Unwrap() error { return e.Err }

// cause is what went wrong, without the layers of the SDK around it.
func (e *CredentialsError) cause() error {
	text := noise.ReplaceAllString(e.Err.Error(), "")
	var op *smithy.OperationError
	if errors.As(e.Err, &op) && op.ServiceID == metadataService {
		text = "neither the environment nor the files of ~/.aws have any, and the machine's role cannot be asked for: " + noise.ReplaceAllString(op.Err.Error(), "")
	}
	return &plainError{core.Cap(text, maxText), e.Err}
}

// named gives the errors of a provider a type, which the SDK's have not, and an end
// to its search.
type named struct{ aws.CredentialsProvider }

func (n named) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if n.CredentialsProvider == nil {
		return aws.Credentials{}, &CredentialsError{errors.New("none are configured")}
	}
	limited, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	c, err := n.CredentialsProvider.Retrieve(limited)
	if err != nil && ctx.Err() == nil {
		err = &CredentialsError{err}
	}
	return c, err
}

func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) {
		d.Timeout = dialTimeout
	}).WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = tlsTimeout
		t.IdleConnTimeout = idleTimeout
	})
}

var (
	region = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	role   = regexp.MustCompile(`^arn:[a-z-]+:iam::[0-9]{12}:role/\S+$`)
)

func (s Settings) check() error {
	if s.RoleARN != "" && !role.MatchString(s.RoleARN) {
		return &core.ConfigError{Key: "roleArn", Reason: "must be the ARN of a role, such as arn:aws:iam::123456789012:role/changes"}
	}
	if s.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return &core.ConfigError{Key: "endpoint", Reason: "must be a URL such as http://localhost:4566, without user and password"}
	}
	return nil
}
