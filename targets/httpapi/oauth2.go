package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/flamingock/flamingock-go/core"
)

// bearer is an access token that the client's credentials were exchanged for. It is
// asked for anew when it expires, or when the API does not take it any more.
type bearer struct {
	n      *connection
	config clientcredentials.Config

	mu    sync.Mutex
	token *oauth2.Token
	fresh bool // the token was asked for since the API last took one
}

func (o *oauth2Settings) authorizer(n *connection, expand func(string) (string, error)) (authorizer, error) {
	b := &bearer{n: n, config: clientcredentials.Config{AuthStyle: oauth2.AuthStyleInHeader, EndpointParams: url.Values{}}}
	if o.InBody {
		b.config.AuthStyle = oauth2.AuthStyleInParams
	}
	for _, v := range []struct {
		from string
		to   *string
	}{{o.TokenURL, &b.config.TokenURL}, {o.ClientID, &b.config.ClientID}, {o.ClientSecret, &b.config.ClientSecret}} {
		var err error
		if *v.to, err = expand(v.from); err != nil {
			return nil, err
		}
	}
	n.secrets.add(b.config.ClientSecret)
	if err := checkTokenURL(n.target.id, b.config.TokenURL); err != nil {
		return nil, err
	}
	for _, s := range o.Scopes {
		scope, err := expand(s)
		if err != nil {
			return nil, err
		}
		b.config.Scopes = append(b.config.Scopes, scope)
	}
	for name, text := range o.Parameters {
		value, err := expand(text)
		if err != nil {
			return nil, err
		}
		b.config.EndpointParams.Set(name, value)
	}
	return b, nil
}

func (b *bearer) prepare(ctx context.Context) error {
	_, err := b.get(ctx)
	return err
}

func (b *bearer) authorize(ctx context.Context, r *http.Request, _ []byte) error {
	token, err := b.get(ctx)
	if err == nil {
		token.SetAuthHeader(r)
	}
	return err
}

// answered drops a token that is not taken any more; one that was new would not be
// followed by a better one.
func (b *bearer) answered(status int) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if status != http.StatusUnauthorized {
		b.fresh = false
		return false
	}
	again, b.token = !b.fresh, nil
	return again
}

func (b *bearer) get(ctx context.Context) (*oauth2.Token, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token.Valid() {
		return b.token, nil
	}
	limited, cancel := context.WithTimeout(ctx, b.n.timeout)
	defer cancel()
	client := &http.Client{Transport: b.n.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	token, err := b.config.Token(context.WithValue(limited, oauth2.HTTPClient, client))
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	b.n.secrets.add(token.AccessToken)
	b.token, b.fresh = token, true
	return token, nil
}

// explain says why there is no token. The library's errors quote the whole answer.
func (b *bearer) explain(ctx context.Context, err error) error {
	system := b.n.target.system() + ": its token endpoint"
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", system, context.Cause(ctx))
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return b.n.unreachable(system, "auth.oauth2.tokenUrl", err)
	}
	status := refused.Response.StatusCode
	text := fmt.Sprintf("it answered %s", statusText(status))
	if refused.ErrorCode != "" {
		text += ": " + b.n.secrets.quote(refused.ErrorCode+" "+refused.ErrorDescription)
	}
	why := errors.New(text)
	switch {
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return &core.UnavailableError{System: system, Err: why}
	case status == http.StatusUnauthorized || status == http.StatusForbidden || refused.ErrorCode != "":
		return &core.PermissionError{System: system, Right: "a client id and a client secret that it accepts", Err: why}
	}
	return &core.ConfigError{Key: "targetSystems." + b.n.target.id + ".auth.oauth2.tokenUrl", Reason: "what answers there gives no token", Next: "mend the URL", Err: why}
}
