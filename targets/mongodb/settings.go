package mongodb

import (
	"context"
	"net/url"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/flamingock/flamingock-go/core"
)

// settings are the target's entry in the configuration.
type settings struct {
	URI      string `yaml:"uri"`
	Database string `yaml:"database"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	// Transactions: absent, as the URI tells.
	Transactions *bool `yaml:"transactions"`
	// TLSCAFile and TLSCertificateKeyFile are the URI's options, relative to the
	// configuration file.
	TLSCAFile             string `yaml:"tlsCAFile"`
	TLSCertificateKeyFile string `yaml:"tlsCertificateKeyFile"`
}

// selectionTimeout bounds how long a server is looked for, unless the URI says so.
const selectionTimeout = 10 * time.Second

func fault(id, key, reason, next string) error {
	key = "targetSystems." + id + "." + key
	return &core.ConfigError{Key: strings.TrimSuffix(key, "."), Reason: reason, Next: next}
}

func fromSettings(id string, s core.Settings) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	t := newTarget(id)
	if err := c.check(id, s, t); err != nil {
		return nil, err
	}
	t.connect = func(ctx context.Context) (*mongo.Client, string, error) { return c.connect(ctx, id, s) }
	return t, nil
}

func (c settings) check(id string, s core.Settings, t *Target) error {
	switch {
	case c.URI == "":
		return fault(id, "uri", "is missing", `name the deployment: uri: "mongodb://host1,host2/app?replicaSet=rs0"`)
	case c.Username == "" && c.Password != "":
		return fault(id, "username", "is missing beside the password", "give both, or put both into the uri")
	}
	known, readable := readNow(c.URI, s.Resolver())
	if c.Transactions != nil {
		t.transactions, t.given = *c.Transactions, true
	}
	if !readable {
		if c.Transactions == nil {
			return fault(id, "transactions", "is missing: the uri is a secret, which is not read now, so that nobody knows what it leads to",
				"set transactions: true for a replica set or a sharded cluster, false for a standalone server")
		}
		return nil
	}
	if known == "" { // a reference without a value is reported when it is used
		return nil
	}
	// An SRV record is looked up by the driver's parser, and nothing is contacted now.
	parsed, err := connstring.Parse(strings.Replace(known, "mongodb+srv://", "mongodb://", 1))
	if err != nil {
		return fault(id, "uri", "cannot be used: "+reason(err), "see MongoDB's connection strings; special characters of a password are written as %XX, or use username and password")
	}
	if err := wrongDatabase(id, parsed.Database, c.Database); err != nil {
		return err
	}
	if !t.given {
		t.transactions = strings.HasPrefix(known, "mongodb+srv://") || parsed.ReplicaSet != "" || len(parsed.Hosts) > 1 || parsed.LoadBalanced
	}
	return nil
}

// wrongDatabase finds a database that is missing in both places, or no name.
func wrongDatabase(id, inURI, beside string) error {
	switch {
	case inURI+beside == "":
		return fault(id, "database", "is missing", "name it here, or in the uri, after the hosts: mongodb://host/app")
	case strings.ContainsAny(inURI, `/\. "$@`):
		return fault(id, "uri", "has no name of a database after the hosts", "special characters of a password are written as %XX: or use username and password")
	}
	return nil
}

// readNow resolves the references of a text to the environment. Those to other places
// would contact somebody: the text is not readable then. One without a value gives "".
func readNow(text string, r core.Resolver) (value string, readable bool) {
	for _, ref := range core.References(text) {
		if ref.Scheme != "env" {
			return "", false
		}
	}
	value, err := core.Expand(context.Background(), r, text) //nolint:forbidigo // the environment is read: nothing to wait for
	if err != nil {
		return "", true
	}
	return value, true
}

// reason is what the driver finds wrong with a URI, without any part of it: what is
// malformed cannot be redacted with certainty.
func reason(err error) string {
	for _, known := range []string{
		"scheme must be", "unescaped", "must be properly escaped", "error parsing uri", "invalid value", "unsupported option", "replicaSet", "loadBalanced", "directConnection",
		"auth", "tls", "at least one host",
	} {
		if strings.Contains(err.Error(), known) {
			return "the driver speaks of \"" + known + "\""
		}
	}
	return "it is malformed"
}

// connect makes a client, which contacts nothing yet but, for mongodb+srv, the DNS.
func (c settings) connect(ctx context.Context, id string, s core.Settings) (*mongo.Client, string, error) {
	expand := func(text string) (string, error) { return core.Expand(ctx, s.Resolver(), text) }
	var uri, database, user, password, ca, key string
	for _, p := range []struct {
		from string
		to   *string
	}{{c.URI, &uri}, {c.Database, &database}, {c.Username, &user}, {c.Password, &password}, {c.TLSCAFile, &ca}, {c.TLSCertificateKeyFile, &key}} {
		var err error
		if *p.to, err = expand(p.from); err != nil {
			return nil, "", err
		}
	}
	uri = withFiles(uri, s, ca, key)
	o := options.Client().ApplyURI(uri)
	if err := o.Validate(); err != nil {
		return nil, "", fault(id, "uri", "cannot be used: "+reason(err), "see MongoDB's connection strings; special characters of a password are written as %XX, or use username and password")
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	if o.AppName == nil {
		o.SetAppName("flamingock")
	}
	if user != "" {
		auth := options.Credential{}
		if o.Auth != nil {
			auth = *o.Auth
		}
		auth.Username, auth.Password, auth.PasswordSet = user, password, password != ""
		o.SetAuth(auth)
	}
	if database == "" {
		if parsed, err := connstring.Parse(strings.Replace(uri, "mongodb+srv://", "mongodb://", 1)); err == nil {
			database = parsed.Database
		}
	}
	if database == "" {
		return nil, "", fault(id, "database", "is missing", "name it here, or in the uri, after the hosts: mongodb://host/app")
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, "", &core.ConfigError{Key: "targetSystems." + id, Reason: "no client can be made: " + reason(err), Next: "check what the entry names"}
	}
	return client, database, nil
}

// withFiles adds the certificates to a URI. Any of them means TLS.
func withFiles(uri string, s core.Settings, ca, key string) string {
	if ca+key == "" {
		return uri
	}
	rest := uri[strings.Index(uri, "://")+len("://"):]
	switch {
	case strings.Contains(rest, "?"):
		uri += "&tls=true"
	case strings.Contains(rest, "/"):
		uri += "?tls=true"
	default:
		uri += "/?tls=true"
	}
	if ca != "" {
		uri += "&tlsCAFile=" + url.QueryEscape(s.Path(ca))
	}
	if key != "" {
		uri += "&tlsCertificateKeyFile=" + url.QueryEscape(s.Path(key))
	}
	return uri
}
