package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/postgres"
)

// rotating makes a role's password anew for every token, as if the one before had
// expired at once.
type rotating struct {
	t    *testing.T
	role string

	mu     sync.Mutex
	asked  []postgres.Login
	token  string
	frozen bool // it gives out the last token, whatever the password is
	fault  error
}

func (r *rotating) Token(_ context.Context, l postgres.Login) (core.Secret, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, l)
	if r.fault != nil {
		return core.Secret{}, r.fault
	}
	if !r.frozen {
		r.token = fmt.Sprintf("t0ken-%d", len(r.asked))
		server.Exec(r.t, "", "ALTER ROLE "+r.role+" PASSWORD '"+r.token+"'")
	}
	return core.NewSecret(r.token), nil
}

func (r *rotating) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

// withTokens makes a target that logs in with tokens of a source.
func withTokens(t *testing.T, source postgres.TokenSource, values settings) (core.TxTarget, error) {
	t.Helper()
	values["iamAuth"] = "true"
	target, err := postgres.Type(postgres.WithTokens(source)).New("db", values)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { must(t, target.Close()) })
	return target.(core.TxTarget), nil
}

// iamDSN is a database for a role over TLS, without a password.
func iamDSN(t *testing.T, uri, role, parameters string) string {
	t.Helper()
	u, err := url.Parse(uri)
	must(t, err)
	u.User, u.RawQuery = url.User(role), parameters
	return u.String()
}

func TestTokens(t *testing.T) {
	root := server.RootCertificate(t)
	uri := server.Database(t)
	role := server.Role(t, uri, "not known to anybody")
	db := look(t, uri)
	execute(t, db, "GRANT CREATE ON SCHEMA public TO "+role)
	source := &rotating{t: t, role: role}
	target, err := withTokens(t, source, settings{
		"dsn": iamDSN(t, uri, role, "sslmode=verify-full&sslrootcert="+url.QueryEscape(root)), "region": "${env:eu-west-1}", "profile": "p", "roleArn": "arn",
	})
	must(t, err)

	// One connection does all of this, and so one token.
	must(t, target.Ping(t.Context()))
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)")))
	if source.count() != 1 {
		t.Errorf("one connection asked for %d tokens", source.count())
	}
	u, err := url.Parse(uri)
	must(t, err)
	if got, want := fmt.Sprintf("%+v", source.asked[0]), fmt.Sprintf("{Host:127.0.0.1 Port:%s User:%s Region:eu-west-1 Profile:p RoleARN:arn}", u.Port(), role); got != want {
		t.Errorf("got login %s, want %s", got, want)
	}
	if !query[bool](t, db, "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = $1", role) {
		t.Error("the token went over a connection without TLS")
	}

	// A connection that breaks is replaced by one with a new token: the one before is
	// no password any more.
	for want := 2; want <= 4; want++ {
		execute(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+role+"'")
		err := transact(t, target, fence(1, 1), marker("b", uint64(want)), run("SELECT 1"))
		if core.CodeOf(err) == core.CodeUnavailable { // the break was noticed by the first statement
			err = transact(t, target, fence(1, 1), marker("b", uint64(want)), run("SELECT 1"))
		}
		must(t, err)
		if got := source.count(); got != want {
			t.Fatalf("got %d tokens after %d connections", got, want)
		}
	}
	// As is each that is opened beside it.
	_, release, err := target.Open(t.Context())
	must(t, err)
	must(t, release())
	if got := source.count(); got != 5 {
		t.Errorf("got %d tokens after 5 connections", got)
	}

	// One that the server does not take: a person is told what is missing.
	source.frozen = true
	execute(t, db, "ALTER ROLE "+role+" PASSWORD 'another'")
	_, _, err = target.Open(t.Context())
	if core.CodeOf(err) != core.CodePermissionDenied || core.CodeOf(err).Exit() != 77 {
		t.Fatalf("got %v, want PermissionDenied", err)
	}
	for _, want := range []string{"db (postgres)", "rds-db:connect", "GRANT rds_iam TO", role, "password authentication failed"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, core.HintOf(err)), "t0ken") || is[*pgconn.ConnectError](err) {
		t.Errorf("the error holds the token: %#v", err)
	}
	// And the next connection is fine with a new one.
	source.frozen = false
	_, release, err = target.Open(t.Context())
	must(t, err)
	must(t, release())

	// An error of the source keeps its code, and names the target system.
	for want, fault := range map[core.Code]error{
		core.CodeConfigInvalid: &core.ConfigError{Key: "region", Reason: "is missing"}, core.CodePermissionDenied: &core.PermissionError{System: "AWS"},
		core.CodeUnavailable: &core.UnavailableError{System: "AWS", Err: errors.New("down")},
	} {
		source.fault = fault
		_, _, err := target.Open(t.Context())
		if core.CodeOf(err) != want || !errors.Is(err, fault) || !strings.Contains(err.Error(), "target system db") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTokenSettings(t *testing.T) {
	t.Setenv("PGPASSFILE", filepath.Join(t.TempDir(), "none"))
	passfile := filepath.Join(t.TempDir(), "passwords")
	must(t, os.WriteFile(passfile, []byte("*:*:*:*:s3cret\n"), 0o600))
	source := &rotating{t: t, fault: &core.UnavailableError{System: "source", Err: errors.New("asked")}}
	const asked = "asked" // no fault: the source was asked
	for name, tt := range map[string]struct {
		values   settings
		password string // PGPASSWORD
		says     string
	}{
		"verify-full":        {settings{"dsn": "postgres://app@h:5432/d?sslmode=verify-full"}, "", asked},
		"require":            {settings{"host": "h", "user": "app", "sslmode": "require"}, "", asked},
		"direct":             {settings{"dsn": "postgres://app@h:5432/d?sslnegotiation=direct"}, "", asked},
		"the default":        {settings{"dsn": "postgres://app@h:5432/d"}, "", "needs TLS"},
		"prefer":             {settings{"dsn": "postgres://app@h:5432/d?sslmode=prefer"}, "", "needs TLS"},
		"allow":              {settings{"dsn": "host=h user=app sslmode=allow"}, "", "needs TLS"},
		"disable":            {settings{"host": "h", "user": "app", "sslmode": "disable"}, "", "needs TLS"},
		"a socket":           {settings{"dsn": "host=/tmp user=app sslmode=verify-full"}, "", "needs TLS"},
		"two hosts":          {settings{"dsn": "postgres://app@h1,h2:5432/d?sslmode=verify-full"}, "", "one host"},
		"two ports":          {settings{"dsn": "postgres://app@h:1,h:2/d?sslmode=verify-full"}, "", "one host"},
		"password in a URL":  {settings{"dsn": "postgres://app:s3cret@h:5432/d?sslmode=verify-full"}, "", "iamAuth and a password"},
		"password in words":  {settings{"dsn": "host=h user=app password=s3cret sslmode=verify-full"}, "", "iamAuth and a password"},
		"password as a part": {settings{"host": "h", "user": "app", "password": "s3cret", "sslmode": "require"}, "", "iamAuth and a password"},
		"PGPASSWORD":         {settings{"dsn": "postgres://app@h:5432/d?sslmode=verify-full"}, "s3cret", "iamAuth and a password"},
		"a password file":    {settings{"dsn": "postgres://app@h:5432/d?sslmode=verify-full&passfile=" + url.QueryEscape(passfile)}, "", "iamAuth and a password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PGPASSWORD", tt.password)
			before := source.count()
			target, err := withTokens(t, source, tt.values)
			if err == nil {
				err = target.Ping(t.Context())
			}
			want := core.CodeConfigInvalid
			if tt.says == asked {
				want = core.CodeUnavailable
			}
			if core.CodeOf(err) != want || !strings.Contains(fmt.Sprint(err), tt.says) || core.HintOf(err) == "" || strings.Contains(fmt.Sprint(err, core.HintOf(err)), "s3cret") {
				t.Errorf("got %v, want %s: %s", err, want, tt.says)
			}
			if (source.count() > before) != (tt.says == asked) {
				t.Error("the source was asked though the configuration is wrong, or was not asked at all")
			}
		})
	}
	for says, values := range map[string]settings{
		"no source of tokens":  {"dsn": "host=h", "iamAuth": "true"},
		"without iamAuth":      {"dsn": "host=h", "region": "eu-west-1"},
		"roleArn without iam":  {"dsn": "host=h", "roleArn": "arn"},
		"profile or roleArn w": {"dsn": "host=h", "profile": "p", "iamAuth": "false"},
	} {
		if _, err := newFor(values); core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), says) || core.HintOf(err) == "" {
			t.Errorf("got %v, want ConfigInvalid: %s", err, says)
		}
	}
}
