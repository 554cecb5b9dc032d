package mysqltest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// admin and its password, for a server of ours.
const (
	admin    = "tester"
	password = "it is a test"
)

const (
	// startTimeout bounds how long a server may take to start and to recover.
	startTimeout = 90 * time.Second
	// restartTimeout bounds how long one is started again that ends at once.
	restartTimeout = 15 * time.Second
)

// process is a server that we started.
type process struct {
	kind  Kind
	files *programs
	dir   string
	port  int
	life  io.Closer // the server ends when this is closed, or when we are gone
	ended <-chan struct{}
}

// launch starts a server of a kind in a new directory.
func launch(k Kind) (*process, error) {
	files, err := find(k)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mysqltest")
	if err != nil {
		return nil, err
	}
	p := &process{kind: k, files: files, dir: dir}
	if err := p.initialize(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

func (p *process) data() string        { return filepath.Join(p.dir, "data") }
func (p *process) certificate() string { return filepath.Join(p.dir, "server.crt") }
func (p *process) key() string         { return filepath.Join(p.dir, "server.key") }
func (p *process) users() string       { return filepath.Join(p.dir, "users.sql") }

// initialize makes the data directory, and the statements that make our user.
func (p *process) initialize() error {
	if err := writeCertificate(p.certificate(), p.key()); err != nil {
		return err
	}
	statements := "CREATE USER IF NOT EXISTS " + admin + "@'%' IDENTIFIED BY '" + password + "';\nGRANT ALL ON *.* TO " + admin + "@'%' WITH GRANT OPTION;\n"
	if err := os.WriteFile(p.users(), []byte(statements), 0o600); err != nil {
		return err
	}
	args := p.files.initialize(p.data())
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = p.dir, p.files.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(args[0]), err, out)
	}
	return nil
}

func (f *programs) environment() []string {
	if f.libraries == "" {
		return os.Environ()
	}
	return append(os.Environ(), "LD_LIBRARY_PATH="+f.libraries)
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
	// After a crash the files of the old server may be locked for a moment.
	for deadline := time.Now().Add(restartTimeout); ; {
		err := p.spawn()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(p.log()) // it only explains the error that there is
			return fmt.Errorf("%w\n%s", err, tail(string(said)))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *process) log() string { return filepath.Join(p.dir, "log") }

// tail returns the end of a text, which is where the reason of a failure stands.
func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}

// spawn starts the server's process and waits until it answers, or ends.
func (p *process) spawn() error {
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The shell ends the server when its standard input ends, which happens when we
	// stop it and also when we are killed.
	const script = `exec 3<&0
		"$@" </dev/null 3<&- & server=$!
		(read line <&3; kill -KILL $server) & watch=$!
		wait $server
		kill $watch`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, p.command()...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = p.dir, log, log, p.files.environment()
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
	if err := answers(p.config(), ended); err != nil {
		p.end()
		return err
	}
	return nil
}

func (p *process) command() []string {
	c := []string{
		p.files.server, "--no-defaults", "--basedir=" + p.files.base, "--datadir=" + p.data(), "--lc-messages-dir=" + p.files.messages,
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(p.port), "--socket=" + filepath.Join(p.dir, "s"), "--pid-file=" + filepath.Join(p.dir, "pid"),
		"--init-file=" + p.users(), "--skip-log-bin", "--skip-name-resolve", "--max-connections=100",
		// Written at each COMMIT, so that it survives the server's death, but not synced.
		"--innodb-flush-log-at-trx-commit=2", "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=64M", "--performance-schema=OFF",
		"--ssl-ca=" + p.certificate(), "--ssl-cert=" + p.certificate(), "--ssl-key=" + p.key(),
	}
	if p.kind != MariaDB {
		c = append(c, "--mysqlx=0", "--secure-file-priv=")
	}
	return append(c, asRoot()...)
}

// asRoot lets a server run as root where we do.
func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

func (p *process) config() *mysql.Config {
	c := config(net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)))
	c.User, c.Passwd = admin, password
	return c
}

func (p *process) end() {
	_ = p.life.Close() // the server ends either way
	<-p.ended
}

func (p *process) stop() {
	p.end()
	_ = os.RemoveAll(p.dir) // a temporary directory
}

// libraryMissing reports that a program does not start for want of a shared library.
func libraryMissing(output string) bool {
	return strings.Contains(output, "error while loading shared libraries")
}
