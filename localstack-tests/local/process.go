package local

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

const (
	startTimeout = 90 * time.Second
	stopTimeout  = 15 * time.Second
)

// leash runs a server until the standard input ends, which happens when we close it
// and also when we are killed; then its directory, $0, is of no use to anybody. What
// the server has started ends with it: all are of the shell's process group. The
// sleep is cut short by the last line.
const leash = `exec 3<&0
"$@" </dev/null 3<&- & server=$!
(read line <&3; touch "$0/unwanted"; kill -TERM $server; sleep 10; kill -KILL 0) &
wait $server
echo "the server ended with exit code $?"
if [ -e "$0/unwanted" ]; then rm -r "$0"; fi
kill -KILL 0`

// process is a server that we started.
type process struct {
	dir   string // its temporary files and its log
	life  io.Closer
	ended <-chan struct{}
}

// start starts a server in a new directory. With variables, they are its whole
// environment.
func start(ctx context.Context, variables, command []string) (*process, error) {
	if !unix {
		return nil, route.Unavailable("this route is for Unix")
	}
	dir, err := os.MkdirTemp("", "localstack")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir}
	log, err := os.Create(p.log())
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the server has its own handle
	// Not the caller's context: the server ends when it is told to.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", append([]string{"-c", leash, dir}, command...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if variables != nil {
		cmd.Env = append(variables, variable("TMPDIR", dir))
	}
	ownGroup(cmd)
	if p.life, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() //nolint:errcheck // the leash always ends with SIGKILL
	}()
	p.ended = ended
	return p, nil
}

func (p *process) log() string { return filepath.Join(p.dir, "log") }

// said returns the end of the log.
func (p *process) said() string {
	text, err := os.ReadFile(p.log())
	if err != nil {
		return err.Error()
	}
	return tail(string(text))
}

// ready waits until the server answers; one that does not is stopped.
func (p *process) ready(ctx context.Context, answers func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
			continue
		case <-p.ended:
			err = fmt.Errorf("the server ended before it answered; its log:\n%s", p.said())
		case <-ctx.Done():
			err = fmt.Errorf("the server did not answer: %w; its log:\n%s", err, p.said())
		}
		if stopErr := p.stop(context.WithoutCancel(ctx)); stopErr != nil {
			err = fmt.Errorf("%w; nor does it end: %w", err, stopErr)
		}
		return err
	}
}

// stop ends the server and removes its directory.
func (p *process) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	_ = p.life.Close() //nolint:errcheck // the server has ended, or ends now
	select {
	case <-p.ended:
		return os.RemoveAll(p.dir)
	case <-ctx.Done():
		return fmt.Errorf("the server in %s does not end: %w", p.dir, ctx.Err())
	}
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it waits for nothing
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	if err := l.Close(); err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

func address(port int) string {
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
