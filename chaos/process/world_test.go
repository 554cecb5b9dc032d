package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// world is one case: a ledger, a target system and a directory of its own.
type world struct {
	dir    string
	ledger string
	config string
	system system
	binary string
	runs   int
}

// ledgers counts them: each case has one of its own.
var ledgers atomic.Int64

// limit bounds one process: a lease is waited for, and little else.
const limit = 2 * time.Minute

// newWorld makes a case. The holder's lease is what a successor waits for on DynamoDB;
// on the embedded store, which knows that a process is dead, it is long, so that no
// renewal comes in between.
func newWorld(t testing.TB, onDynamoDB bool, lease time.Duration, fresh maker) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), ledger: fmt.Sprintf("kill/%d", ledgers.Add(1)), binary: build(t, "./job", "failpoint")}
	w.system = fresh(t, w)
	w.config = fmt.Sprintf("ledger: %q\nlock: { lease: %s, wait: 30s }\n", w.ledger, lease)
	if onDynamoDB {
		d := simulator(t)
		w.config += "auditStore: { dynamodb: { table: " + d.audit + " } }\n"
		w.system.env = append(w.system.env, d.env()...)
	}
	if len(w.system.files) > 0 {
		w.config += "stages: [{ name: main, location: changes }]\ntargetSystems:\n  db: " + w.system.settings + "\n"
	}
	if w.system.within {
		w.config += "auditStore: { targetSystem: db }\n"
	}
	if err := w.write(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write() error {
	files := map[string]string{"flamingock.yaml": w.config}
	for name, text := range w.system.files {
		files["changes/"+name] = text
	}
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// result is what became of a process.
type result struct {
	exit   int // -1: a signal
	signal syscall.Signal
	stdout []byte
	stderr string
}

// run runs the command line and waits for its end.
func (w *world) run(t testing.TB, binary string, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, binary, append([]string{"-c", filepath.Join(w.dir, "flamingock.yaml"), "-o", "json"}, args...)...)
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir}, append(w.system.env, env...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	w.runs++
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

// trace runs a command with a point to be killed at, "" for none, and says which points
// it passed.
func (w *world) trace(t testing.TB, at string, env []string, args ...string) (r result, passed []string) {
	t.Helper()
	trace := filepath.Join(w.dir, fmt.Sprintf("trace-%d", w.runs))
	env = append(slices.Clone(env), "FLAMINGOCK_FAILPOINT_TRACE="+trace)
	if at != "" {
		env = append(env, "FLAMINGOCK_FAILPOINT="+at+"=kill")
	}
	r = w.run(t, w.binary, env, args...)
	text, err := os.ReadFile(trace)
	if err != nil && at == "" {
		t.Fatalf("the run left no trace: %v\n%s", err, r.stderr)
	}
	return r, strings.Fields(string(text))
}

// query runs a command that reads, and decodes its data.
func (w *world) query(t testing.TB, into any, args ...string) {
	t.Helper()
	r := w.run(t, w.binary, nil, args...)
	doc := struct {
		Data any `json:"data"`
	}{into}
	if err := json.Unmarshal(r.stdout, &doc); err != nil || r.exit != 0 {
		t.Fatalf("%q: exit code %d, %v\n%s\n%s", args, r.exit, err, r.stdout, r.stderr)
	}
}

// history is the ledger, as the tables write it: the states of each change, in order. A
// * is a state that a settlement found, a ? an outcome that is unknown.
func (w *world) history(t testing.TB) string {
	t.Helper()
	var data struct {
		Entries []struct {
			ChangeID, State     string
			Reconciled, Unknown bool
		}
	}
	w.query(t, &data, "audit", "list", "--history")
	var order []string
	states := map[string]string{}
	for _, e := range data.Entries {
		if states[e.ChangeID] == "" {
			order = append(order, e.ChangeID)
		}
		states[e.ChangeID] += " " + e.State
		if e.Reconciled {
			states[e.ChangeID] += "*"
		}
		if e.Unknown {
			states[e.ChangeID] += "?"
		}
	}
	var parts []string
	for _, id := range order {
		parts = append(parts, id+states[id])
	}
	return strings.Join(parts, ", ")
}

func (w *world) held(t testing.TB) bool {
	t.Helper()
	var data struct{ Lock struct{ Held bool } }
	w.query(t, &data, "lock", "show")
	return data.Lock.Held
}

// blocked are the changes of which a run says that they wait for a person.
func (w *world) blocked(t testing.TB, r result) (ids []string) {
	t.Helper()
	var doc struct {
		Data struct {
			Stages []struct {
				Changes []struct{ ChangeID, Status string }
			}
		}
	}
	if err := json.Unmarshal(r.stdout, &doc); err != nil {
		t.Fatalf("%v\n%s", err, r.stdout)
	}
	for _, s := range doc.Data.Stages {
		for _, c := range s.Changes {
			if c.Status == "BLOCKED" {
				ids = append(ids, c.ChangeID)
			}
		}
	}
	return ids
}

// issues are the changes that wait for a person, as issue list has them.
func (w *world) issues(t testing.TB) (ids []string) {
	t.Helper()
	var data struct{ Issues []struct{ ChangeID string } }
	w.query(t, &data, "issue", "list")
	for _, i := range data.Issues {
		ids = append(ids, i.ChangeID)
	}
	return ids
}

// content is what the target system holds.
func (w *world) content(t testing.TB) []string {
	t.Helper()
	found, err := w.system.content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}
