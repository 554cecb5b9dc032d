//go:build unix

package disturb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing" //nolint:depguard // this package is for tests
	"time"
)

// endTimeout bounds how long a process may take to end.
const endTimeout = 90 * time.Second

// Way is how a process is started: which way its network takes, and what the
// failpoint build is told. The zero value goes straight to the servers.
type Way struct {
	// DynamoDB is an endpoint, Postgres a DSN; "": the servers themselves.
	DynamoDB, Postgres string
	// Lease is that of the process instead of the world's; 0: the world's.
	Lease time.Duration
	// Failpoint and Clock are values of FLAMINGOCK_FAILPOINT and _CLOCK_OFFSET.
	Failpoint, Clock string
}

// Process is one call of the command line.
type Process struct {
	cmd    *exec.Cmd
	out    bytes.Buffer
	said   output
	ended  chan struct{}
	status error
}

// output is what a process wrote to stderr: it may be read while it goes on.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// End is how a process ended.
type End struct {
	// Exit is the exit code; -1 when a signal ended it.
	Exit int
	// Code is error.code of its JSON; "" when all is well.
	Code string
	// Data is the JSON's data.
	Data json.RawMessage
	// Said is what it wrote to stderr, and its error's message.
	Said string
}

func (e End) String() string { return strings.TrimSuffix(fmt.Sprintf("%d %s", e.Exit, e.Code), " ") }

// Start starts a call, which is killed when the test ends before it does.
func (w *World) Start(t testing.TB, way Way, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(w.Path, w.Args(args...)...), ended: make(chan struct{})}
	p.cmd.Env = append(w.Environment(way), "TMPDIR="+os.TempDir(), "PATH="+os.Getenv("PATH"), "HOME="+w.Dir)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = w.Dir, &p.out, &p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.status = p.cmd.Wait()
	}()
	t.Cleanup(p.Kill)
	return p
}

// Args are the arguments of a call on this world.
func (w *World) Args(args ...string) []string {
	return append([]string{"-o", "json", "-c", w.Config()}, args...)
}

// Config is the path of the configuration file.
func (w *World) Config() string { return filepath.Join(w.Dir, "flamingock.yaml") }

// Environment has nothing of ours but what the way says: a developer's own
// credentials and settings stay out.
func (w *World) Environment(way Way) []string {
	env := []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"}
	set := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	if way.Postgres == "" {
		way.Postgres = w.DSN
	}
	set(dsnVariable, way.Postgres)
	if w.Store == DynamoDB {
		set("FLAMINGOCK_AUDITSTORE_DYNAMODB_ENDPOINT", way.DynamoDB)
	}
	if way.Lease > 0 {
		set("FLAMINGOCK_LOCK_LEASE", way.Lease.String())
	}
	set("FLAMINGOCK_FAILPOINT", way.Failpoint)
	set("FLAMINGOCK_CLOCK_OFFSET", way.Clock)
	return env
}

// Signal sends a signal.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// Kill ends the process at once, also one that is stopped, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end.
func (p *Process) Wait(t testing.TB) End {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(endTimeout):
		p.Signal(t, syscall.SIGQUIT) // Go prints all goroutines
		<-time.After(time.Second)
		p.Kill()
		t.Fatalf("%v did not end within %s; it said:\n%s", p.cmd.Args, endTimeout, p.said.String())
	}
	return NewEnd(t, p.cmd.ProcessState.ExitCode(), p.out.Bytes(), p.said.String())
}

// NewEnd reads the one document that a call wrote to stdout, if it came to that.
func NewEnd(t testing.TB, exit int, out []byte, said string) End {
	t.Helper()
	var doc struct {
		Data  json.RawMessage
		Error *struct{ Code, Message string }
	}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &doc); err != nil {
			t.Fatalf("exit %d: %v\n%s\n%s", exit, err, out, said)
		}
	}
	e := End{Exit: exit, Data: doc.Data, Said: said}
	if doc.Error != nil {
		e.Code = doc.Error.Code
		e.Said += doc.Error.Message
	}
	return e
}

// Do starts a call and waits for its end.
func (w *World) Do(t testing.TB, way Way, args ...string) End {
	t.Helper()
	return w.Start(t, way, args...).Wait(t)
}

// Apply is Do for a run straight to the servers.
func (w *World) Apply(t testing.TB) End {
	t.Helper()
	return w.Do(t, Way{}, "apply")
}
