package mysqltest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/internal/testserver"
)

// Server is one server. It is started on first use and shared by the tests of a
// package: keep it in a variable of the package, and call StopAfter in TestMain.
type Server struct {
	kind Kind

	once  sync.Once
	admin *mysql.Config
	err   error
	own   *process // nil for a server that is not ours

	mu   sync.Mutex
	made int // databases and users
}

// New returns a server of a kind, and starts nothing.
func New(k Kind) *Server { return &Server{kind: k} }

// Kind returns the kind of the server.
func (s *Server) Kind() Kind { return s.kind }

// Stop stops the server if it was started.
func (s *Server) Stop() {
	if s.own != nil {
		s.own.Stop()
	}
}

// StopAfter stops the servers when the tests have run, before anybody looks for what
// they left behind.
func StopAfter(m *testing.M, servers ...*Server) testserver.Tests {
	var stops []func()
	for _, s := range servers {
		stops = append(stops, s.Stop)
	}
	return testserver.StopAfter(m, stops...)
}

// Start starts the server or skips the test.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.once.Do(func() {
		if uri := os.Getenv(s.kind.Variable()); uri != "" && s.kind.Variable() != "" {
			s.admin, s.err = parseURI(uri)
			return
		}
		if s.own, s.err = launch(s.kind); s.err == nil {
			s.admin = s.own.config()
		}
	})
	testserver.Need(t, s.kind.String(), s.err)
}

// Database makes a database for the test and returns the administrator's DSN for
// it. It is dropped when the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.Start(t)
	name := s.name("db")
	s.Exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { s.drop(t, name) })
	c := s.admin.Clone()
	c.DBName = name
	return c.FormatDSN()
}

// drop ends what is still connected to the database: an open transaction would keep
// it from being dropped.
func (s *Server) drop(t testing.TB, name string) {
	t.Helper()
	db := s.open(t)
	defer db.Close()
	rows, err := db.Query("SELECT id FROM information_schema.processlist WHERE db = ?", name)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Error(err)
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		_, _ = db.Exec(fmt.Sprintf("KILL %d", id)) // it has ended by itself meanwhile
	}
	if _, err := db.Exec("DROP DATABASE IF EXISTS " + name); err != nil {
		t.Errorf("drop the test's database: %v", err)
	}
}

// User makes a user without any rights, with a password, and returns its name. It is
// dropped when the test ends.
func (s *Server) User(t testing.TB, password string) string {
	t.Helper()
	s.Start(t)
	name := s.name("user")
	escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
	s.Exec(t, "CREATE USER "+name+"@'%' IDENTIFIED BY '"+escaped+"'")
	t.Cleanup(func() { s.Exec(t, "DROP USER "+name+"@'%'") })
	return name
}

// Exec executes one statement as the server's administrator, in no database.
func (s *Server) Exec(t testing.TB, statement string) {
	t.Helper()
	db := s.open(t)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (s *Server) open(t testing.TB) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(s.admin)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db
}

// Kill ends the server at once, as SIGKILL does. The test is skipped when the server
// is not ours to kill.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.mine(t)
	s.own.End()
}

// Restart starts a server that was killed, on the same port, and waits until it has
// recovered.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mine(t)
	if err := s.own.Start(); err != nil {
		t.Fatal(err)
	}
}

// RootCertificate returns the file with the certificate that the server's own is
// signed with. Its name is localhost.
func (s *Server) RootCertificate(t testing.TB) string {
	t.Helper()
	s.mine(t)
	return s.own.certificate()
}

// mine skips the test when the server is not ours.
func (s *Server) mine(t testing.TB) {
	t.Helper()
	s.Start(t)
	if s.own == nil {
		t.Skip("does not apply: needs a server of its own, and " + s.kind.Variable() + " names another's")
	}
}

func (s *Server) name(what string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return fmt.Sprintf("flamingock_%s_%d_%d", what, os.Getpid(), s.made) // a user's name has 32 characters at most
}
