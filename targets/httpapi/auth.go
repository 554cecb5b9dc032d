package httpapi

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// authSettings are credentials: one kind of them, or none.
type authSettings struct {
	Bearer string          `yaml:"bearer"`
	Basic  *basicSettings  `yaml:"basic"`
	OAuth2 *oauth2Settings `yaml:"oauth2"`
	SigV4  *sigV4Settings  `yaml:"sigv4"`
}

type basicSettings struct {
	User     string `yaml:"user"`
	Password string `yaml:"password"`
}

type oauth2Settings struct {
	TokenURL     string            `yaml:"tokenUrl"`
	ClientID     string            `yaml:"clientId"`
	ClientSecret string            `yaml:"clientSecret"`
	Scopes       []string          `yaml:"scopes"`
	Parameters   map[string]string `yaml:"parameters"`
	// InBody sends id and secret as form fields; absent: as basic credentials.
	InBody bool `yaml:"inBody"`
}

type sigV4Settings struct {
	Service string `yaml:"service"`
	Region  string `yaml:"region"`
	Profile string `yaml:"profile"`
	RoleARN string `yaml:"roleArn"`
}

// Signing says for which service and as whom requests are signed.
type Signing struct {
	Service                  string
	Region, Profile, RoleARN string // "": the environment's
}

// Signer signs requests.
type Signer interface {
	// Credentials makes sure that there are some. Its errors reach people as they are
	// when they have a code of their own, such as *core.ConfigError.
	Credentials(ctx context.Context) error
	// Sign adds the signature to the headers of r, whose body is as given. The secrets
	// that it used are those that must not be shown.
	Sign(ctx context.Context, r *http.Request, body []byte) (secrets []string, err error)
}

// SignerSource makes signers, and contacts nothing. System is the name of the target
// for messages, and key is where its configuration has the settings.
type SignerSource interface {
	Signer(ctx context.Context, system, key string, s Signing) (Signer, error)
}

// authorizer adds credentials to requests for the API's own host.
type authorizer interface {
	// prepare gets credentials that have to be asked for.
	prepare(ctx context.Context) error
	authorize(ctx context.Context, r *http.Request, body []byte) error
	// answered hears the status of an answer, and says whether the same request may pass
	// with new credentials.
	answered(status int) (again bool)
}

func (a *authSettings) kinds() (n int) {
	for _, has := range []bool{a.Bearer != "", a.Basic != nil, a.OAuth2 != nil, a.SigV4 != nil} {
		if has {
			n++
		}
	}
	return n
}

func (a *authSettings) check(id string, source SignerSource) error {
	missing := func(key string) error {
		return fault(id, "auth."+key, "is missing", "give it, by a reference such as ${env:NAME} if it is a secret")
	}
	switch {
	case a.kinds() > 1:
		return fault(id, "auth", "has several kinds of credentials", "keep one of bearer, basic, oauth2 and sigv4")
	case a.Basic != nil && a.Basic.User == "" && a.Basic.Password == "":
		return missing("basic.user")
	case a.OAuth2 != nil:
		o := a.OAuth2
		for _, v := range []struct{ key, value string }{{"tokenUrl", o.TokenURL}, {"clientId", o.ClientID}, {"clientSecret", o.ClientSecret}} {
			if v.value == "" {
				return missing("oauth2." + v.key)
			}
		}
		for _, name := range []string{"grant_type", "client_id", "client_secret", "scope"} {
			if _, ok := o.Parameters[name]; ok {
				return fault(id, "auth.oauth2.parameters", "must not hold "+name, "use the setting of its own, or take it away: grant_type is client_credentials")
			}
		}
		if !hasReference(o.TokenURL) {
			return checkTokenURL(id, o.TokenURL)
		}
	case a.SigV4 != nil && a.SigV4.Service == "":
		return fault(id, "auth.sigv4.service", "is missing", "name the service as AWS does in signatures, such as execute-api")
	case a.SigV4 != nil && source == nil:
		return fault(id, "auth.sigv4", "is not possible: this binary has no AWS credentials", "use the flamingock binary, or compile them in: httpapi.Type(httpapi.WithSigV4(sigv4.New()))")
	}
	return nil
}

func checkTokenURL(id, text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return fault(id, "auth.oauth2.tokenUrl", "must be a URL without user and password", "write it such as https://login.example.com/oauth2/token")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fault(id, "auth.oauth2.tokenUrl", "would send the client's secret in clear text", "use https")
	}
	return nil
}

// authorizer resolves the credentials.
func (a *authSettings) authorizer(ctx context.Context, n *connection, source SignerSource, expand func(string) (string, error)) (authorizer, error) {
	id := n.target.id
	switch {
	case a.Bearer != "":
		token, err := expand(a.Bearer)
		if err != nil {
			return nil, err
		}
		n.secrets.add(token)
		return fixedHeader(id, "auth.bearer", "Bearer "+token)
	case a.Basic != nil:
		user, err := expand(a.Basic.User)
		if err != nil {
			return nil, err
		}
		password, err := expand(a.Basic.Password)
		if err != nil {
			return nil, err
		}
		both := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		n.secrets.add(password, both)
		return fixedHeader(id, "auth.basic", "Basic "+both)
	case a.OAuth2 != nil:
		return a.OAuth2.authorizer(n, expand)
	case a.SigV4 != nil:
		var s Signing
		for _, v := range []struct {
			from string
			to   *string
		}{{a.SigV4.Service, &s.Service}, {a.SigV4.Region, &s.Region}, {a.SigV4.Profile, &s.Profile}, {a.SigV4.RoleARN, &s.RoleARN}} {
			var err error
			if *v.to, err = expand(v.from); err != nil {
				return nil, err
			}
		}
		signer, err := source.Signer(ctx, n.target.system(), "targetSystems."+id+".auth.sigv4", s)
		return signed{signer, n.secrets}, err
	}
	return anonymous{}, nil
}

// anonymous adds nothing.
type anonymous struct{}

func (anonymous) prepare(context.Context) error                          { return nil }
func (anonymous) authorize(context.Context, *http.Request, []byte) error { return nil }
func (anonymous) answered(int) bool                                      { return false }

// header is a fixed Authorization header.
type header struct {
	anonymous
	value string
}

func fixedHeader(id, key, value string) (authorizer, error) {
	if !httpguts.ValidHeaderFieldValue(value) || strings.TrimSpace(value) != value {
		return nil, fault(id, key, "must be one line, without spaces around it", "look at the end of the value: a line end is often there by accident")
	}
	return header{value: value}, nil
}

func (h header) authorize(_ context.Context, r *http.Request, _ []byte) error {
	r.Header.Set("Authorization", h.value)
	return nil
}

// signed signs each request anew.
type signed struct {
	signer  Signer
	secrets *secrets
}

func (s signed) prepare(ctx context.Context) error { return s.signer.Credentials(ctx) }
func (s signed) answered(int) bool                 { return false }

func (s signed) authorize(ctx context.Context, r *http.Request, body []byte) error {
	used, err := s.signer.Sign(ctx, r, body)
	s.secrets.add(used...)
	return err
}
