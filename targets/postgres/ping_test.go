package postgres_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

func TestPing(t *testing.T) {
	t.Parallel()
	uri := server.Database(t)
	target := targetOf(t, uri)
	must(t, target.Ping(t.Context()))
	db := look(t, uri)
	if got := query[int](t, db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'flamingock%'"); got != 0 {
		t.Errorf("Ping made %d tables", got)
	}
	must(t, target.RaiseFence(t.Context(), fence(1, 1)))
	must(t, target.Ping(t.Context()))

	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	must(t, err)
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(uri)
		must(t, err)
		change(u)
		return u.String()
	}
	trusting := look(t, with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wr0ng") })).Ping() == nil
	for _, tt := range []struct {
		name, dsn string
		want      core.Code
		says      string
	}{
		{"nobody listens", with(func(u *url.URL) { u.Host = closed.Addr().String() }), core.CodeUnavailable, "refused"},
		{"nobody answers", with(func(u *url.URL) { u.Host = silent.Addr().String(); u.RawQuery += "&connect_timeout=1" }), core.CodeUnavailable, ""},
		{"no such host", with(func(u *url.URL) { u.Host = "nowhere.invalid" }), core.CodeUnavailable, "nowhere.invalid"},
		{"wrong password", with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wr0ng") }), core.CodeConfigInvalid, "password authentication failed"},
		{"unknown role", with(func(u *url.URL) { u.User = url.UserPassword("nobody_at_all", "wr0ng") }), core.CodeConfigInvalid, "nobody_at_all"},
		{"unknown database", with(func(u *url.URL) { u.Path = "/no_such_database" }), core.CodeConfigInvalid, "no_such_database"},
		{"an unknown parameter", with(func(u *url.URL) { u.RawQuery += "&nonsense=1" }), core.CodeConfigInvalid, "nonsense"},
		{"a malformed URL", "postgres://postgres:s3cret@host:port/db", core.CodeConfigInvalid, "the DSN cannot be used"},
		{"a malformed list of keywords", "host=a password='s3cret x", core.CodeConfigInvalid, "the DSN cannot be used"},
		{"a bad sslmode", "host=a password=s3cret sslmode=perhaps", core.CodeConfigInvalid, "the DSN cannot be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if trusting && (tt.name == "wrong password" || tt.name == "unknown role") {
				t.Skip("does not apply: the server asks for no password")
			}
			target := targetOf(t, tt.dsn)
			start := time.Now()
			for what, err := range map[string]error{"Ping": target.Ping(t.Context()), "RaiseFence": target.RaiseFence(t.Context(), fence(1, 1)), "Transact": transact(t, target, fence(1, 1), marker("a", 1), run("SELECT 1"))} {
				if got := core.CodeOf(err); got != tt.want || core.IsUnknown(err) || core.HintOf(err) == "" {
					t.Errorf("%s: got %q (%v), want a definite %q with a hint", what, got, err, tt.want)
				}
				if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wr0ng")) {
					t.Errorf("%s: got %v, want it to say %q, and no password", what, err, tt.says)
				}
			}
			if took := time.Since(start); took > 25*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := targetOf(t, with(func(u *url.URL) { u.Host = silent.Addr().String() })).Ping(ctx); err == nil {
		t.Error("nobody answers within the context: got no error")
	}
}

func TestRights(t *testing.T) {
	const password = "p'a\\ss w@r/d:?#[]é%"
	uri := server.Database(t)
	role := server.Role(t, uri, password)
	db := look(t, uri)
	name := query[string](t, db, "SELECT current_database()")
	execute(t, db, "REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE SCHEMA app")
	limited := func(searchPath string) core.TxTarget {
		return newTarget(t, settings{"dsn": server.As(uri, role, password), "searchPath": searchPath})
	}
	missing := func(searchPath string, rights ...string) {
		t.Helper()
		target := limited(searchPath)
		for what, err := range map[string]error{"Ping": target.Ping(t.Context()), "RaiseFence": target.RaiseFence(t.Context(), fence(1, 1))} {
			if len(rights) == 0 {
				must(t, err)
				continue
			}
			if core.CodeOf(err) != core.CodePermissionDenied || core.CodeOf(err).Exit() != 77 {
				t.Errorf("%s: got %v, want PermissionDenied", what, err)
			}
			for _, right := range rights {
				if err != nil && !strings.Contains(err.Error(), "missing") || !strings.Contains(err.Error(), right) {
					t.Errorf("%s: got %v, want it to name %s", what, err, right)
				}
			}
		}
	}
	missing("public", "USAGE on schema public")
	execute(t, db, "GRANT USAGE ON SCHEMA app, public TO "+role)
	missing("app, public", "CREATE on schema app")
	execute(t, db, "GRANT CREATE ON SCHEMA app TO "+role)
	missing("app, public")
	if got := query[string](t, db, "SELECT tableowner FROM pg_tables WHERE schemaname = 'app' AND tablename = 'flamingock_fence'"); got != role {
		t.Errorf("got owner %s, want %s", got, role)
	}
	// Tables that an administrator made.
	must(t, targetOf(t, uri).RaiseFence(t.Context(), fence(1, 1)))
	missing("public", "SELECT, INSERT, UPDATE on table public.flamingock_fence", "SELECT, INSERT, DELETE on table public.flamingock_marker")
	execute(t, db, "GRANT SELECT, INSERT, UPDATE ON flamingock_fence TO "+role+"; GRANT SELECT, INSERT ON flamingock_marker TO "+role)
	if err := limited("public").Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "missing DELETE on table public.flamingock_marker") {
		t.Errorf("got %v, want the missing DELETE named", err)
	}
	execute(t, db, "GRANT DELETE ON flamingock_marker TO "+role)
	missing("public")
	must(t, transact(t, limited("public"), fence(1, 1), marker("a", 1), run("SELECT 1")))
	// Not allowed to log in, or to write at all.
	execute(t, db, "ALTER ROLE "+role+" SET default_transaction_read_only = on")
	if err := limited("public").RaiseFence(t.Context(), fence(1, 1)); core.CodeOf(err) != core.CodePermissionDenied {
		t.Errorf("read-only: got %v, want PermissionDenied", err)
	}
	execute(t, db, "REVOKE CONNECT ON DATABASE "+name+" FROM PUBLIC")
	if err := limited("public").Ping(t.Context()); core.CodeOf(err) != core.CodePermissionDenied {
		t.Errorf("no CONNECT: got %v, want PermissionDenied", err)
	}
	execute(t, db, "ALTER ROLE "+role+" NOLOGIN")
	if err := limited("public").Ping(t.Context()); core.CodeOf(err) != core.CodePermissionDenied {
		t.Errorf("NOLOGIN: got %v, want PermissionDenied", err)
	}
}

// The same password in parts of the configuration, in a DSN of keywords and in a URL.
func TestSettings(t *testing.T) {
	const password = `p'a\ss w@r/d:?#[]é%"=`
	uri := server.Database(t)
	role := server.Role(t, uri, password)
	u, err := url.Parse(uri)
	must(t, err)
	execute(t, look(t, uri), "GRANT CREATE ON SCHEMA public TO "+role)
	database := strings.TrimPrefix(u.Path, "/")
	parts := settings{"host": u.Hostname(), "port": u.Port(), "database": "${env:" + database + "}", "user": "${env:" + role + "}", "password": password, "sslmode": "disable"}
	for name, values := range map[string]settings{
		"parts":     parts,
		"URL":       {"dsn": server.As(uri, role, password)},
		"keywords":  {"dsn": "host=" + u.Hostname() + " port=" + u.Port() + " dbname=" + database + " user=" + role + ` sslmode=disable password='p\'a\\ss w@r/d:?#[]é%"='`},
		"reference": {"dsn": "host=" + u.Hostname() + " port=${env:" + u.Port() + "} dbname=${env:" + database + "} user=" + role + ` sslmode=disable password='p\'a\\ss w@r/d:?#[]é%"='`},
	} {
		target := newTarget(t, values)
		must(t, target.Ping(t.Context()))
		must(t, transact(t, target, fence(1, 1), marker(name, 1), run("SELECT 1")))
	}
	for name, values := range map[string]settings{
		"nothing": {}, "both": {"dsn": "host=a", "password": "b"}, "no host": {"database": "a"}, "unknown": {"dsn": "host=a", "x": "y"},
	} {
		if _, err := newFor(values); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestTLS(t *testing.T) {
	root := server.RootCertificate(t)
	uri := server.Database(t)
	u, err := url.Parse(uri)
	must(t, err)
	server.Exec(t, "", "CREATE DATABASE tls_only")
	t.Cleanup(func() { server.Exec(t, "", "DROP DATABASE tls_only WITH (FORCE)") })
	password, _ := u.User.Password()
	for _, tt := range []struct {
		sslmode, root, host string
		want                core.Code
		says                string
	}{
		{"disable", "", "", core.CodePermissionDenied, "no encryption"},
		{"require", "", "", "", ""},
		{"verify-ca", root, "", "", ""},
		{"verify-full", root, "", "", ""},
		{"verify-full", root, "localhost", "", ""},
		{"verify-full", "", "", core.CodeConfigInvalid, "certificate"},
	} {
		host := u.Hostname()
		if tt.host != "" {
			host = tt.host
		}
		target := newTarget(t, settings{"host": host, "port": u.Port(), "user": "postgres", "password": password, "database": "tls_only", "sslmode": tt.sslmode, "sslrootcert": tt.root})
		err := target.Ping(t.Context())
		if got := core.CodeOf(err); got != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: got %q (%v)", tt, got, err)
		}
		if err == nil {
			must(t, transact(t, target, fence(1, 1), marker(tt.sslmode+tt.host, 1), run("SELECT 1")))
		}
	}
	// A server that knows no TLS at all: one that answers N to every request for it.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 8))
			_, _ = c.Write([]byte("N"))
			c.Close()
		}
	}()
	host, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	err = newTarget(t, settings{"host": host, "port": port, "user": "a", "sslmode": "require"}).Ping(t.Context())
	if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("no TLS: got %v, want ConfigInvalid", err)
	}
}
