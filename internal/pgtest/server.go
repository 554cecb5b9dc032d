package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flamingock/flamingock-go/internal/testserver"
)

// URIVariable names the environment variable with the URI of a server whose role
// may create databases and roles.
const URIVariable = "FLAMINGOCK_TEST_POSTGRES_URI"

// Server is a PostgreSQL server. It is started on first use and shared by the tests
// of a package: keep one in a variable of the package, and call StopAfter in TestMain.
type Server struct {
	once sync.Once
	base *url.URL
	err  error
	own  *process // nil for a server that is not ours

	mu   sync.Mutex
	made int // databases and roles
}

// Stop stops the server if it was started.
func (s *Server) Stop() {
	if s.own != nil {
		s.own.Stop()
	}
}

// StopAfter stops the server when the tests have run, before anybody looks for what
// they left behind.
func (s *Server) StopAfter(m *testing.M) testserver.Tests { return testserver.StopAfter(m, s.Stop) }

// start starts the server or skips the test.
func (s *Server) start(t testing.TB) {
	t.Helper()
	s.once.Do(func() {
		if uri := os.Getenv(URIVariable); uri != "" {
			s.base, s.err = url.Parse(uri)
			return
		}
		if s.own, s.err = launch(); s.err == nil {
			s.base = s.own.uri()
		}
	})
	testserver.Need(t, "PostgreSQL", s.err)
}

// Database makes a database for the test and returns its URI. It is dropped when
// the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.start(t)
	name := s.name("db")
	s.Exec(t, "", "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u := *s.base
	u.Path = "/" + name
	return u.String()
}

// Role makes a role that can log in with a password, and returns its name. It is
// dropped when the test ends, with what it owns in the database.
func (s *Server) Role(t testing.TB, database, password string) string {
	t.Helper()
	s.start(t)
	name := s.name("role")
	s.Exec(t, "", "CREATE ROLE "+name+" LOGIN PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
	t.Cleanup(func() {
		s.Exec(t, database, "DROP OWNED BY "+name+" CASCADE")
		s.Exec(t, "", "DROP ROLE "+name)
	})
	return name
}

// As returns the URI of a database for another role.
func (s *Server) As(database, role, password string) string {
	u, err := url.Parse(database)
	if err != nil {
		return database
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

// Exec executes SQL as the server's administrator, in the database of a URI or, for
// "", in the administrator's.
func (s *Server) Exec(t testing.TB, uri, sql string) {
	t.Helper()
	if uri == "" {
		uri = s.base.String()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // clean-up runs after t.Context has ended
	defer cancel()
	c, err := pgx.Connect(ctx, uri)
	if err != nil {
		t.Fatalf("as administrator: %v", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Kill ends the server at once, as SIGKILL does. The test is skipped when the
// server is not ours to kill.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.mine(t)
	if err := s.own.kill(); err != nil {
		t.Fatal(err)
	}
}

// Restart starts a server that was killed, on the same port, and waits until it
// has recovered.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mine(t)
	if err := s.own.Start(); err != nil {
		t.Fatal(err)
	}
}

// RootCertificate returns the file with the certificate that the server's own is
// signed with.
func (s *Server) RootCertificate(t testing.TB) string {
	t.Helper()
	s.mine(t)
	return s.own.certificate()
}

// mine skips the test when the server is not ours.
func (s *Server) mine(t testing.TB) {
	t.Helper()
	s.start(t)
	if s.own == nil {
		t.Skip("does not apply: needs a server of its own, and " + URIVariable + " names another's")
	}
}

func (s *Server) name(what string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return fmt.Sprintf("flamingock_test_%s_%d_%d", what, os.Getpid(), s.made)
}
