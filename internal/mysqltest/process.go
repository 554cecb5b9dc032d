package mysqltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/internal/testserver"
)

// admin and its password, for a server of ours.
const (
	admin    = "tester"
	password = "it is a test"
)

// startTimeout bounds how long a server may take to start and to recover.
const startTimeout = 90 * time.Second

// process is a server that we started.
type process struct {
	testserver.Process
	kind  Kind
	files *programs
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
	p := &process{kind: k, files: files}
	p.Process = testserver.Process{Dir: dir, Command: p.command, Prepare: p.prepare, Signal: "KILL", Connect: p.connect, Timeout: startTimeout}
	if err := p.initialize(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

func (p *process) data() string        { return filepath.Join(p.Dir, "data") }
func (p *process) certificate() string { return filepath.Join(p.Dir, "server.crt") }
func (p *process) key() string         { return filepath.Join(p.Dir, "server.key") }
func (p *process) users() string       { return filepath.Join(p.Dir, "users.sql") }

// initialize makes the data directory, and the statements that make our user.
func (p *process) initialize() error {
	if err := testserver.WriteCertificate(p.certificate(), p.key()); err != nil {
		return err
	}
	statements := "CREATE USER IF NOT EXISTS " + admin + "@'%' IDENTIFIED BY '" + password + "';\nGRANT ALL ON *.* TO " + admin + "@'%' WITH GRANT OPTION;\n"
	if err := os.WriteFile(p.users(), []byte(statements), 0o600); err != nil {
		return err
	}
	args := p.files.initialize(p.data())
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = p.Dir
	p.prepare(cmd)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+p.Dir) // two that are made at once would share names in /tmp
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

func (p *process) prepare(cmd *exec.Cmd) { cmd.Env = p.files.environment() }

func (p *process) command(port int) []string {
	c := []string{
		p.files.server, "--no-defaults", "--basedir=" + p.files.base, "--datadir=" + p.data(), "--lc-messages-dir=" + p.files.messages,
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--socket=" + filepath.Join(p.Dir, "s"), "--pid-file=" + filepath.Join(p.Dir, "pid"),
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
	c := config(p.Address())
	c.User, c.Passwd = admin, password
	return c
}

func (p *process) connect(ctx context.Context) error {
	connector, err := mysql.NewConnector(p.config())
	if err != nil {
		return err
	}
	c, err := connector.Connect(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

// tail returns the end of a text, which is where the reason of a failure stands.
func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}

// libraryMissing reports that a program does not start for want of a shared library.
func libraryMissing(output string) bool {
	return strings.Contains(output, "error while loading shared libraries")
}
