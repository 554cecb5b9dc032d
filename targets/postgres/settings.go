package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/flamingock/flamingock-go/core"
)

// settings are the target's entry in the configuration.
type settings struct {
	DSN         string `yaml:"dsn"`
	Host        string `yaml:"host"`
	Port        string `yaml:"port"`
	Database    string `yaml:"database"`
	User        string `yaml:"user"`
	Password    string `yaml:"password"`
	SSLMode     string `yaml:"sslmode"`
	SSLRootCert string `yaml:"sslrootcert"`
	SSLCert     string `yaml:"sslcert"`
	SSLKey      string `yaml:"sslkey"`
	SearchPath  string `yaml:"searchPath"`

	IAMAuth bool   `yaml:"iamAuth"`
	Region  string `yaml:"region"`
	Profile string `yaml:"profile"`
	RoleARN string `yaml:"roleArn"`
}

// part is one setting beside the DSN, by its keyword there.
type part struct {
	keyword, value string
	file           bool
}

func (c settings) parts() []part {
	return []part{
		{"host", c.Host, false},
		{"port", c.Port, false},
		{"dbname", c.Database, false},
		{"user", c.User, false},
		{"password", c.Password, false},
		{"sslmode", c.SSLMode, false},
		{"sslrootcert", c.SSLRootCert, true},
		{"sslcert", c.SSLCert, true},
		{"sslkey", c.SSLKey, true},
	}
}

func (c settings) check(id string) error {
	fault := func(reason, next string) error {
		return &core.ConfigError{Key: "targetSystems." + id, Reason: reason, Next: next}
	}
	if c.DSN == "" && c.Host == "" {
		return fault("needs dsn or host", `name the database: dsn: "postgres://user@host:5432/database?sslmode=verify-full", or host, port, database, user and password`)
	}
	if c.DSN == "" {
		return nil
	}
	for _, p := range c.parts() {
		if p.value != "" {
			return fault("has a dsn, which says all, and "+p.keyword+" beside it", "put it into the dsn, or leave out the dsn")
		}
	}
	return nil
}

// config resolves the references and makes the driver's configuration.
func (c settings) config(ctx context.Context, id string, s core.Settings) (*pgx.ConnConfig, error) {
	dsn, err := c.dsn(ctx, s)
	if err != nil {
		return nil, err
	}
	searchPath, err := core.Expand(ctx, s.Resolver(), c.SearchPath)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, &core.ConfigError{
			Key: "targetSystems." + id, Reason: "the DSN cannot be used: " + reason(err),
			Next: "see the connection strings of PostgreSQL; in a URL, special characters of a password are written as %XX, or use host, user and password",
		}
	}
	prepare(config, dsn, searchPath)
	return config, nil
}

func (c settings) dsn(ctx context.Context, s core.Settings) (string, error) {
	if c.DSN != "" {
		return core.Expand(ctx, s.Resolver(), c.DSN)
	}
	var words []string
	for _, p := range c.parts() {
		value, err := core.Expand(ctx, s.Resolver(), p.value)
		if err != nil {
			return "", err
		}
		if p.file && value != "" && value != "system" { // sslrootcert=system: those of the system
			value = s.Path(value)
		}
		if value != "" {
			words = append(words, p.keyword+"="+quote(value))
		}
	}
	return strings.Join(words, " "), nil
}

// quote makes any text a value in a DSN of keywords.
func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// reason is what pgx finds wrong with a DSN, without any part of it: what is
// malformed cannot be redacted with certainty.
func reason(err error) string {
	for _, known := range []string{
		"failed to parse as URL", "failed to parse as keyword/value", "invalid port", "failed to configure TLS", "failed to read service", "invalid connect_timeout",
		"unknown target_session_attrs", "invalid default_query_exec_mode", "invalid statement_cache_capacity", "invalid sslmode", "unable to load",
	} {
		if strings.Contains(err.Error(), known) {
			return known
		}
	}
	return "it is malformed"
}
