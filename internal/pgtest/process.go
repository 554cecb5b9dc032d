package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// superuser and its password, for a server of ours.
const (
	superuser = "postgres"
	password  = "it's a test"
)

const (
	// startTimeout bounds how long a server may take to start and to recover.
	startTimeout = 60 * time.Second
	// restartTimeout bounds how long one is started again that ends at once.
	restartTimeout = 15 * time.Second
)

// process is a server that we started.
type process struct {
	bin, dir string
	port     int
	life     io.Closer // the server ends when this is closed, or when we are gone
	ended    <-chan struct{}
}

// launch starts a server of the installed programs in a new directory.
func launch() (*process, error) {
	bin, ok := programs()
	if !ok {
		return nil, &missingError{}
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	p := &process{bin: bin, dir: dir}
	if err := p.initialize(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.start(); err != nil {
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

func (p *process) data() string        { return filepath.Join(p.dir, "data") }
func (p *process) certificate() string { return filepath.Join(p.dir, "server.crt") }

// initialize makes the database cluster.
func (p *process) initialize() error {
	pw := filepath.Join(p.dir, "password")
	if err := os.WriteFile(pw, []byte(password), 0o600); err != nil {
		return err
	}
	if err := writeCertificate(p.certificate(), filepath.Join(p.dir, "server.key")); err != nil {
		return err
	}
	if err := giveAway(p.dir); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", superuser, "-A", "scram-sha-256", "--pwfile="+pw,
		"--no-sync", "-E", "UTF8", "--locale=C")
	cmd.Dir = p.dir
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

// start starts the server and waits until it answers.
func (p *process) start() error {
	if p.port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		p.port = l.Addr().(*net.TCPAddr).Port // the address of a TCP listener is one
		if err := l.Close(); err != nil {
			return err
		}
	}
	// After a crash the processes of the old server may be there for a moment, and
	// keep the new one from starting.
	for deadline := time.Now().Add(restartTimeout); ; {
		err := p.spawn()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(p.dir, "log")) // it only explains the error that there is
			return fmt.Errorf("%w\n%s", err, said)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// spawn starts the server's process and waits until it answers, or ends.
func (p *process) spawn() error {
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The shell ends the server when its standard input ends, which happens when we
	// stop it and also when we are killed.
	cmd := exec.Command("/bin/sh", "-c", `exec 3<&0
		"$@" </dev/null 3<&- & server=$!
		(read line <&3; kill -QUIT $server) & watch=$!
		wait $server
		kill $watch`, "sh",
		filepath.Join(p.bin, "postgres"), "-D", p.data(), "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=60",
		"-c", "ssl=on", "-c", "ssl_cert_file="+p.certificate(), "-c", "ssl_key_file="+filepath.Join(p.dir, "server.key"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	unprivileged(cmd)
	if p.life, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the shell's status tells nothing
	}()
	p.ended = ended
	if err := p.answers(); err != nil {
		p.end()
		return err
	}
	return nil
}

func (p *process) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, p.uri().String())
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-p.ended:
			return fmt.Errorf("the server ended: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) uri() *url.URL {
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)), Path: "/postgres",
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
	p.end()
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

func (p *process) end() {
	_ = p.life.Close() // the server ends either way
	<-p.ended
}

func (p *process) stop() {
	p.end()
	_ = os.RemoveAll(p.dir) // a temporary directory
}
