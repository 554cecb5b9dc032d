// Package sigv4 signs the requests of targets/httpapi as AWS does (Signature Version 4),
// for API Gateway, OpenSearch and everything else that IAM guards:
//
//	httpapi.Type(httpapi.WithSigV4(sigv4.New()))
//
// It is a package of its own so that a user of targets/httpapi gets no AWS SDK. It does
// not prove that a signature will be accepted: only the service knows that.
package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/targets/httpapi"
)

var _ httpapi.SignerSource = (*Source)(nil)

// Source makes signers. It keeps the credentials that it found until they expire.
type Source struct {
	configs awsclient.Configs
	now     func() time.Time
}

// New makes a source and contacts nothing.
func New() *Source {
	return &Source{now: time.Now} //nolint:forbidigo // the default of the injected clock
}

// Signer makes a signer. Credentials are looked for when they are needed.
func (s *Source) Signer(ctx context.Context, system, key string, to httpapi.Signing) (httpapi.Signer, error) {
	cfg, err := s.configs.Load(ctx, awsclient.Settings{Region: to.Region, Profile: to.Profile, RoleARN: to.RoleARN})
	if err != nil {
		if ce, ok := err.(*core.ConfigError); ok { //nolint:errorlint // awsclient's own, never wrapped
			if ce.Key != "" {
				key += "." + ce.Key
			}
			ce.Key = key
		}
		return nil, err
	}
	return &signer{cfg: cfg, system: system, service: to.Service, now: s.now, v4: v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = to.Service == "s3" // whose paths are signed as they are
	})}, nil
}

type signer struct {
	cfg             aws.Config
	system, service string
	now             func() time.Time
	v4              *v4.Signer
}

func (s *signer) Credentials(ctx context.Context) error {
	_, err := s.cfg.Credentials.Retrieve(ctx)
	return awsclient.Explain(s.system, err)
}

func (s *signer) Sign(ctx context.Context, r *http.Request, body []byte) ([]string, error) {
	c, err := s.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, awsclient.Explain(s.system, err)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	return []string{c.SecretAccessKey, c.SessionToken}, s.v4.SignHTTP(ctx, c, r, hash, s.service, s.cfg.Region, s.now())
}
