package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/flamingock/flamingock-go/core"
)

// settings are the target's entry in the configuration.
type settings struct {
	BaseURL        string            `yaml:"baseUrl"`
	Headers        map[string]string `yaml:"headers"`
	Auth           authSettings      `yaml:"auth"`
	TLS            tlsSettings       `yaml:"tls"`
	Proxy          string            `yaml:"proxy"`
	Timeout        time.Duration     `yaml:"timeout"`
	MaxResponse    int64             `yaml:"maxResponse"`
	AllowHosts     []string          `yaml:"allowHosts"`
	Ping           *pingSettings     `yaml:"ping"`
	IdempotencyKey keySettings       `yaml:"idempotencyKey"`
	// InsecureHTTP lets credentials go over the network in clear text.
	InsecureHTTP bool `yaml:"insecureHttp"`
}

// tlsSettings are files, or the same as PEM text by a reference.
type tlsSettings struct {
	CAFile      string `yaml:"caFile"`
	CA          string `yaml:"ca"`
	CertFile    string `yaml:"certFile"`
	Certificate string `yaml:"certificate"`
	KeyFile     string `yaml:"keyFile"`
	PrivateKey  string `yaml:"privateKey"`
	ServerName  string `yaml:"serverName"`
}

type pingSettings struct {
	Path   string   `yaml:"path"`
	Status statuses `yaml:"status"`
}

type keySettings struct {
	Header  string `yaml:"header"`
	Trusted bool   `yaml:"trusted"`
}

const (
	defaultTimeout     = 30 * time.Second
	defaultMaxResponse = 1 << 20
	mostResponse       = 64 << 20
	defaultKeyHeader   = "Idempotency-Key"
	noProxy            = "none"

	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
)

// plainSettings are those of a target without a configuration.
type plainSettings struct{ core.Settings }

func (plainSettings) Resolver() core.Resolver { return nil }

func (tt targetType) fromSettings(id string, s core.Settings) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	if err := c.check(id, tt.sigV4); err != nil {
		return nil, err
	}
	t := &Target{id: id, idle: map[stepID]bool{}, places: map[placeID]*kept{}}
	t.connect = func(ctx context.Context) (*connection, error) { return c.connection(ctx, t, s, tt.sigV4) }
	return t, nil
}

// fault is one in the target's entry.
func fault(id, key, reason, next string) error {
	return &core.ConfigError{Key: "targetSystems." + id + "." + key, Reason: reason, Next: next}
}

// check finds what is wrong without any value of a reference.
func (c *settings) check(id string, source SignerSource) error {
	if c.BaseURL == "" {
		return fault(id, "baseUrl", "is missing", "name the API, such as https://api.example.com/v1")
	}
	if !hasReference(c.BaseURL) {
		if _, err := c.base(id, c.BaseURL); err != nil {
			return err
		}
	}
	for name := range c.Headers {
		if why := wrongHeader(name); why != "" {
			return fault(id, "headers", why, "take it away, or use auth for credentials")
		}
	}
	for _, h := range c.AllowHosts {
		if u, err := url.Parse("https://" + h); err != nil || u.Host != h || h == "" {
			return fault(id, "allowHosts", "must be hosts such as files.example.com or files.example.com:8443", "write them without scheme and path")
		}
	}
	switch {
	case c.Timeout < 0:
		return fault(id, "timeout", "must not be negative", "leave it out for 30s")
	case c.MaxResponse < 0 || c.MaxResponse > mostResponse:
		return fault(id, "maxResponse", "must be a number of bytes, at most 67108864 (64 MiB)", "leave it out for 1 MiB")
	case c.IdempotencyKey.Header != "" && !httpguts.ValidHeaderFieldName(c.IdempotencyKey.Header):
		return fault(id, "idempotencyKey.header", "is not the name of a header", "leave it out for "+defaultKeyHeader)
	case c.Ping != nil && !strings.HasPrefix(c.Ping.Path, "/"):
		return fault(id, "ping.path", "must begin with /", "name a path below baseUrl that a GET is answered at, such as /health")
	}
	if err := c.TLS.check(id); err != nil {
		return err
	}
	return c.Auth.check(id, source)
}

// base parses the resolved baseUrl.
func (c *settings) base(id, text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fault(id, "baseUrl", "must be a URL of http or https", "write it such as https://api.example.com/v1")
	case u.User != nil:
		return nil, fault(id, "baseUrl", "must not hold a user or a password", "put them into auth.basic")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fault(id, "baseUrl", "must not have a query or a fragment", "put them into the changes")
	case u.Scheme == "http" && !c.InsecureHTTP && c.Auth.kinds() > 0 && !isLoopback(u.Hostname()):
		return nil, fault(id, "baseUrl", "would send credentials in clear text", "use https, or set insecureHttp: true where the network itself is protected")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func hasReference(text string) bool { return len(core.References(text)) > 0 }

// connection resolves the references and makes everything that requests need. It
// contacts nothing but where the references lead.
func (c *settings) connection(ctx context.Context, t *Target, s core.Settings, source SignerSource) (*connection, error) {
	n := &connection{
		target: t, secrets: &secrets{}, timeout: c.Timeout, maxResponse: c.MaxResponse, allowHosts: map[string]bool{},
		keyHeader: c.IdempotencyKey.Header, keyTrusted: c.IdempotencyKey.Trusted, header: http.Header{},
	}
	if n.timeout == 0 {
		n.timeout = defaultTimeout
	}
	if n.maxResponse == 0 {
		n.maxResponse = defaultMaxResponse
	}
	if n.keyHeader == "" {
		n.keyHeader = defaultKeyHeader
	}
	for _, h := range c.AllowHosts {
		n.allowHosts[strings.ToLower(h)] = true
	}
	expand := func(text string) (string, error) {
		r := s.Resolver()
		if r == nil || text == "" {
			return text, nil
		}
		value, err := core.Expand(ctx, r, text)
		if hasReference(text) {
			n.secrets.add(value)
		}
		return value, err
	}
	baseURL, err := core.Expand(ctx, orNone(s.Resolver()), c.BaseURL)
	if err != nil {
		return nil, err
	}
	if n.base, err = c.base(t.id, baseURL); err != nil {
		return nil, err
	}
	for name, text := range c.Headers {
		value, err := expand(text)
		if err != nil {
			return nil, err
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fault(t.id, "headers."+name, "must be one line", "look at the end of the value: a line end is often there by accident")
		}
		if secretHeader.MatchString(name) {
			n.secrets.add(value)
		}
		n.header.Set(name, value)
	}
	if c.Ping != nil {
		n.ping = &ping{status: c.Ping.Status}
		if n.ping.path, err = expand(c.Ping.Path); err != nil {
			return nil, err
		}
	}
	if n.transport, err = c.roundTripper(t.id, s, expand); err != nil {
		return nil, err
	}
	n.auth, err = c.Auth.authorizer(ctx, n, source, expand)
	return n, err
}

// none resolves nothing: there are no references in a target made in Go.
type none struct{}

func (none) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.NewSecret(r.String()), nil
}

func orNone(r core.Resolver) core.Resolver {
	if r == nil {
		return none{}
	}
	return r
}

// roundTripper makes a transport whose connections serve one request each: net/http
// sends a request with an idempotency key again by itself when a connection that it kept
// turns out to be dead, whether or not the API knows what such a key is.
func (c *settings) roundTripper(id string, s core.Settings, expand func(string) (string, error)) (http.RoundTripper, error) {
	config, err := c.TLS.config(id, s, expand)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: config, TLSHandshakeTimeout: tlsTimeout,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		MaxResponseHeaderBytes: 1 << 20,
	}
	proxy, err := expand(c.Proxy)
	switch {
	case err != nil:
		return nil, err
	case proxy == noProxy:
		transport.Proxy = nil
	case proxy != "":
		u, err := url.Parse(proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return nil, fault(id, "proxy", "must be a URL of http, https or socks5", "write it such as http://proxy.example.com:3128, or none for a direct connection")
		}
		transport.Proxy = http.ProxyURL(u)
	}
	return transport, nil
}

func (c *tlsSettings) check(id string) error {
	for _, two := range []struct{ key, file, text string }{
		{"caFile", c.CAFile, c.CA}, {"certFile", c.CertFile, c.Certificate}, {"keyFile", c.KeyFile, c.PrivateKey},
	} {
		if two.file != "" && two.text != "" {
			return fault(id, "tls."+two.key, "is given twice, as a file and as text", "keep one of them")
		}
	}
	if (c.CertFile+c.Certificate == "") != (c.KeyFile+c.PrivateKey == "") {
		return fault(id, "tls", "has a certificate without its key, or a key without its certificate", "give both: certFile or certificate, and keyFile or privateKey")
	}
	return nil
}

func (c *tlsSettings) config(id string, s core.Settings, expand func(string) (string, error)) (*tls.Config, error) {
	pem := func(key, file, text string) ([]byte, error) {
		value, err := expand(file + text)
		if err != nil || file == "" {
			return []byte(value), err
		}
		b, err := os.ReadFile(s.Path(value)) //nolint:gosec // the path is the configuration's
		if err != nil {
			return nil, &core.ConfigError{Key: "targetSystems." + id + ".tls." + key, Reason: "cannot be read", Err: err, Next: "mend the path, which is relative to the configuration file"}
		}
		return b, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if out.ServerName, err = expand(c.ServerName); err != nil {
		return nil, err
	}
	ca, err := pem("caFile", c.CAFile, c.CA)
	if err != nil {
		return nil, err
	}
	if len(ca) > 0 {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fault(id, "tls.ca", "holds no certificate", "give certificates in PEM form")
		}
	}
	cert, err := pem("certFile", c.CertFile, c.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := pem("keyFile", c.KeyFile, c.PrivateKey)
	if err != nil || len(cert) == 0 {
		return out, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		// Its words may quote what it was given.
		return nil, fault(id, "tls", "the certificate and the key cannot be used together", "give both in PEM form, the key without a password")
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}
