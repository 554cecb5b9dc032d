//go:build unix

package shop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/internal/testserver"
)

// limit bounds one process.
const limit = 2 * time.Minute

// killableLease is the lease of runs that may be killed: the next run waits for its end.
const killableLease = time.Second

// token is what the partner knows its caller by.
const token = "shop-test-token"

// world is one shop: a ledger, and names in the six systems, of its own.
type world struct {
	name string // in place of acme-shop
	env  []string
	dir  string
	see  systems
}

var worlds atomic.Int64

func newWorld(t testing.TB) *world {
	t.Helper()
	cfg := awstest.LocalStack(t)
	dsn := postgres.Database(t)
	database := mongoDB.Database(t)
	uri := mongoDB.Start(t)
	w := &world{name: fmt.Sprintf("shop-%d-%d-%d", os.Getpid(), time.Now().Unix(), worlds.Add(1)), dir: t.TempDir()}
	w.see = systems{name: w.name, dsn: dsn, mongo: mongotest.Client(t, uri).Database(database), aws: newClients(cfg), partner: startPartner(t)}
	t.Cleanup(func() { w.see.remove(t) })
	if err := w.write(); err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(uri, "/?")
	w.env = []string{
		"HOME=" + w.dir, "TMPDIR=" + w.dir, "FLAMINGOCK_LEDGER=" + w.name,
		"AWS_ENDPOINT_URL=" + *cfg.BaseEndpoint, "AWS_REGION=" + awstest.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"SHOP_POSTGRES_DSN=" + dsn, "SHOP_MONGODB_URI=" + before + "/" + database + "?" + after, "SHOP_PARTNER_URL=" + w.see.partner, "SHOP_PARTNER_TOKEN=" + token,
	}
	w.env = append(w.env, "FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE="+auditTable(t, w))
	return w
}

// write copies the example, with names of its own for what is in AWS.
func (w *world) write() error {
	if err := os.CopyFS(filepath.Join(w.dir, "changes"), os.DirFS("changes")); err != nil {
		return err
	}
	config, err := os.ReadFile("flamingock.yaml")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, "flamingock.yaml"), config, 0o600); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "changes", "*", "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("acme-shop"), []byte(w.name)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startPartner starts the partner's service, which outlives every run, and returns its
// URL.
func startPartner(t testing.TB) string {
	t.Helper()
	path := partner.build(t)
	p := &testserver.Process{Dir: t.TempDir(), Signal: "KILL", Timeout: limit, Prepare: func(*exec.Cmd) {}}
	p.Command = func(port int) []string {
		return []string{path, "-listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "-token", token}
	}
	p.Connect = func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", p.Address())
		if err != nil {
			return err
		}
		return c.Close()
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	return "http://" + p.Address()
}

// audit is the table of the audit store, which all ledgers share: an operator makes it
// once.
var audit struct {
	once  sync.Once
	table string
}

func auditTable(t testing.TB, w *world) string {
	t.Helper()
	audit.once.Do(func() {
		table := "flamingock-" + w.name
		w := &world{dir: w.dir, env: append(w.env[:len(w.env):len(w.env)], "FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE="+table)}
		if r := w.run(t, &release, nil, "store", "create"); r.exit != 0 {
			t.Fatalf("store create: exit code %d\n%s%s", r.exit, r.stdout, r.stderr)
		}
		audit.table = table
	})
	if audit.table == "" {
		t.Fatal("the audit store's table could not be made: see the first test that needed it")
	}
	return audit.table
}

// result is what became of a process.
type result struct {
	exit   int // -1: a signal
	signal syscall.Signal
	stdout []byte
	stderr string
}

// run runs the command line, as an operator does, and waits for its end.
func (w *world) run(t testing.TB, p *program, env []string, args ...string) result {
	t.Helper()
	path := p.build(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, path, append([]string{"-c", "flamingock.yaml", "-o", "json"}, args...)...)
	c.Dir, c.Env = w.dir, append(w.env[:len(w.env):len(w.env)], env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%q: %v (%v)\n%s", args, err, context.Cause(ctx), stderr.String())
	}
	r := result{exit: c.ProcessState.ExitCode(), stdout: stdout.Bytes(), stderr: stderr.String()}
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		r.signal = s.Signal()
	}
	return r
}

// decode reads the document that every command prints.
func (r result) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(r.stdout, into); err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.stdout, r.stderr)
	}
}

// expect runs a command that must end with a code, and returns what it printed.
func (w *world) expect(t testing.TB, exit int, args ...string) result {
	t.Helper()
	r := w.run(t, &release, nil, args...)
	if r.exit != exit {
		t.Errorf("%q: exit code %d, want %d\n%s\n%s", args, r.exit, exit, r.stdout, r.stderr)
	}
	return r
}

// history has the states of each change, in order. A * is a state that a settlement
// found, a ? an outcome that is unknown.
func (w *world) history(t testing.TB) map[string]string {
	t.Helper()
	var doc struct {
		Data struct {
			Entries []struct {
				ChangeID, State     string
				Reconciled, Unknown bool
			}
		}
	}
	w.expect(t, 0, "audit", "list", "--history").decode(t, &doc)
	states := map[string][]string{}
	for _, e := range doc.Data.Entries {
		state := e.State
		if e.Reconciled {
			state += "*"
		}
		if e.Unknown {
			state += "?"
		}
		states[e.ChangeID] = append(states[e.ChangeID], state)
	}
	joined := map[string]string{}
	for id, s := range states {
		joined[id] = strings.Join(s, " ")
	}
	return joined
}

// trace runs apply with the build that can be killed, at a point such as step.done#3 or,
// for "", nowhere, and says which points it passed.
func (w *world) trace(t testing.TB, at string) (r result, passed []string) {
	t.Helper()
	file := filepath.Join(w.dir, "trace")
	env := []string{"FLAMINGOCK_FAILPOINT_TRACE=" + file, "FLAMINGOCK_LOCK_LEASE=" + killableLease.String()}
	if at != "" {
		env = append(env, "FLAMINGOCK_FAILPOINT="+at+"=kill")
	}
	r = w.run(t, &killable, env, "apply")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the run left no trace: %v\n%s", err, r.stderr)
	}
	return r, strings.Fields(string(text))
}
