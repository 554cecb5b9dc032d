package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flamingock/flamingock-go/internal/testserver"
)

// superuser and its password, for a server of ours.
const (
	superuser = "postgres"
	password  = "it's a test"
)

// startTimeout bounds how long a server may take to start and to recover.
const startTimeout = 60 * time.Second

// process is a server that we started.
type process struct {
	testserver.Process
	bin string
}

// launch starts a server of the installed programs in a new directory.
func launch() (*process, error) {
	bin, ok := programs()
	if !ok {
		return nil, &testserver.MissingError{How: "needs PostgreSQL: install it (Debian: apt-get install postgresql), or set " + URIVariable + "=postgres://…"}
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	p := &process{bin: bin}
	p.Process = testserver.Process{Dir: dir, Command: p.command, Prepare: unprivileged, Signal: "QUIT", Connect: p.connect, Timeout: startTimeout}
	if err := p.initialize(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

// programs finds the directory of initdb and postgres: on the PATH, or where
// distributions hide them, the highest version first.
func programs() (dir string, ok bool) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), true
		}
	}
	best := -1
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", false
	}
	for _, path := range found {
		bin := filepath.Dir(path)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && v > best {
			best, dir = v, bin
		}
	}
	return dir, best >= 0
}

func (p *process) data() string        { return filepath.Join(p.Dir, "data") }
func (p *process) certificate() string { return filepath.Join(p.Dir, "server.crt") }
func (p *process) key() string         { return filepath.Join(p.Dir, "server.key") }

// initialize makes the database cluster.
func (p *process) initialize() error {
	pw := filepath.Join(p.Dir, "password")
	if err := os.WriteFile(pw, []byte(password), 0o600); err != nil {
		return err
	}
	if err := testserver.WriteCertificate(p.certificate(), p.key()); err != nil {
		return err
	}
	if err := giveAway(p.Dir); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", superuser, "-A", "scram-sha-256", "--pwfile="+pw,
		"--no-sync", "-E", "UTF8", "--locale=C")
	cmd.Dir = p.Dir
	unprivileged(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// A database that is to be reached with TLS only.
	hba := filepath.Join(p.data(), "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	if err != nil {
		return err
	}
	return os.WriteFile(hba, append([]byte("hostnossl tls_only all all reject\n"), rules...), 0o600)
}

func (p *process) command(port int) []string {
	return []string{
		filepath.Join(p.bin, "postgres"), "-D", p.data(), "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=60",
		"-c", "ssl=on", "-c", "ssl_cert_file=" + p.certificate(), "-c", "ssl_key_file=" + p.key(),
	}
}

func (p *process) connect(ctx context.Context) error {
	c, err := pgx.Connect(ctx, p.uri().String())
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

func (p *process) uri() *url.URL {
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, password), Host: p.Address(), Path: "/postgres",
		RawQuery: "sslmode=disable",
	}
}

// kill ends the server and all of its processes as a crash would. Those of the
// sessions outlive the first one for a moment, which is long enough for a COMMIT.
func (p *process) kill() error {
	text, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	sessions, err := p.sessions()
	if err != nil {
		return err
	}
	if err := crash(append([]int{pid}, sessions...)); err != nil {
		return err
	}
	p.End()
	return nil
}

func (p *process) sessions() ([]int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c, err := pgx.Connect(ctx, p.uri().String())
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, "SELECT pid FROM pg_stat_activity")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}
