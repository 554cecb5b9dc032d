package mysql

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
)

// settings are the target's entry in the configuration.
type settings struct {
	DSN      string `yaml:"dsn"`
	Host     string `yaml:"host"`
	Port     string `yaml:"port"`
	Database string `yaml:"database"`
	User     string `yaml:"user"`
	Password string `yaml:"password"`

	SSLMode string `yaml:"sslMode"`
	SSLCA   string `yaml:"sslCa"`
	SSLCert string `yaml:"sslCert"`
	SSLKey  string `yaml:"sslKey"`

	IAMAuth bool   `yaml:"iamAuth"`
	Region  string `yaml:"region"`
	Profile string `yaml:"profile"`
	RoleARN string `yaml:"roleArn"`
}

const defaultPort = "3306"

func fault(id, reason, next string) error {
	return &core.ConfigError{Key: "targetSystems." + id, Reason: reason, Next: next}
}

func (c settings) check(id string) error {
	switch {
	case c.DSN == "" && c.Host == "":
		return fault(id, "needs dsn or host", `name the database: dsn: "user:password@tcp(host:3306)/database", or host, port, database, user and password`)
	case c.DSN == "" && c.Database == "":
		return fault(id, "names no database", "add database: it is where Flamingock keeps its two tables, too")
	case c.DSN != "":
		for name, value := range map[string]string{"host": c.Host, "port": c.Port, "database": c.Database, "user": c.User, "password": c.Password} {
			if value != "" {
				return fault(id, "has a dsn, which says all, and "+name+" beside it", "put it into the dsn, or leave out the dsn")
			}
		}
	}
	return c.checkTLS(id)
}

// config resolves the references and makes the driver's configuration.
func (c settings) config(ctx context.Context, id string, s core.Settings) (*mysql.Config, error) {
	var err error
	expand := func(value string) string {
		if err != nil {
			return ""
		}
		value, err = core.Expand(ctx, s.Resolver(), value)
		return value
	}
	config := mysql.NewConfig()
	if c.DSN != "" {
		dsn := expand(c.DSN)
		if err != nil {
			return nil, err
		}
		if config, err = parse(id, dsn); err != nil {
			return nil, err
		}
	} else {
		port := expand(c.Port)
		if port == "" {
			port = defaultPort
		}
		config.Net, config.Addr = "tcp", net.JoinHostPort(expand(c.Host), port)
		config.DBName, config.User, config.Passwd = expand(c.Database), expand(c.User), expand(c.Password)
		if err != nil {
			return nil, err
		}
	}
	if c.SSLMode != "" {
		if config.TLSConfig != "" {
			return nil, fault(id, "has tls in its dsn and sslMode beside it", "keep one of them; sslMode can name the server's certificate authority")
		}
		if err := c.useTLS(ctx, id, s, config); err != nil {
			return nil, err
		}
	}
	return config, prepare(id, config)
}

// parse reads a DSN. Its errors say nothing of the DSN itself: what is malformed
// cannot be redacted with certainty.
func parse(id, dsn string) (*mysql.Config, error) {
	if strings.HasPrefix(dsn, "mysql://") || strings.HasPrefix(dsn, "mariadb://") {
		return nil, fault(id, "the DSN is a URL, which the driver does not read", "write user:password@tcp(host:3306)/database, or use host, database, user and password")
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fault(id, "the DSN cannot be used: "+reason(err),
			"write user:password@tcp(host:3306)/database?parameter=value, with a / before the database even if there is none; or use host, database, user and password, which take any characters")
	}
	return config, nil
}

func reason(err error) string {
	for _, known := range []string{
		"did you forget to escape a param value", "network address not terminated", "missing the slash", "invalid bool value", "unknown collation", "default addr for network",
		"interpolateParams", "unknown time zone", "invalid duration",
	} {
		if strings.Contains(err.Error(), known) {
			return known
		}
	}
	return "it is malformed"
}

// prepare checks what the DSN says and sets what it leaves open.
func prepare(id string, c *mysql.Config) error {
	switch {
	case c.DBName == "":
		return fault(id, "the DSN names no database", "add it: user:password@tcp(host:3306)/database; it is where Flamingock keeps its two tables, too")
	case c.MultiStatements:
		return fault(id, "the DSN sets multiStatements, which would hide statements from Flamingock", "leave it out: scripts are cut into statements before they are sent")
	}
	if c.Timeout == 0 {
		c.Timeout = connectTimeout
	}
	if c.ConnectionAttributes == "" {
		c.ConnectionAttributes = "program_name:flamingock"
	}
	c.Logger = &mysql.NopLogger{} // what it says comes back as an error, too
	return nil
}

// tlsModes are the words of MySQL's own clients.
var tlsModes = []string{"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"}

// encrypted reports whether a configuration uses TLS or fails.
func encrypted(c *mysql.Config) bool { return c.TLS != nil && !c.AllowFallbackToPlaintext }

// host returns the name of a configuration's server.
func host(c *mysql.Config) string {
	h, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return c.Addr
	}
	return h
}

// clone copies a TLS configuration; nil becomes an empty one.
func clone(c *tls.Config) *tls.Config {
	if c == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c.Clone()
}
