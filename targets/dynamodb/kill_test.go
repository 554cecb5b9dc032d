package dynamodb

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// commandVariable makes this test binary the command line.
const commandVariable = "FLAMINGOCK_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandVariable) != "" {
		cli.Main(core.Program{Version: "test", Targets: []core.TargetType{Type()}})
	}
	os.Exit(m.Run())
}

// killer passes requests on, and kills the process that sent the first of them with some
// text in it, after the request took effect and before its answer.
type killer struct {
	to     string // base URL
	text   string
	victim atomic.Pointer[os.Process]
	killed atomic.Bool
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it is gone
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, k.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	out.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(out)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	if p := k.victim.Load(); p != nil && bytes.Contains(body, []byte(k.text)) && k.killed.CompareAndSwap(false, true) {
		_ = p.Kill() // its exit says whether that went well
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // to a process that may be gone
}

// A process that is killed in the middle leaves what the table was in the ledger, where
// people see it, and from where the next process puts it back.
func TestKilledProcessIsPutBack(t *testing.T) {
	cfg := awstest.LocalStack(t)
	client, _ := over(cfg)
	name := newTable(t, client)
	target := New("shop", client)
	if err := directly(t, target, mustLoad(t, target, updateOf(name, "stream: KEYS_ONLY\n    tags: { team: shop }", "auto")).Apply); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, client, name)
	k := &killer{to: aws.ToString(cfg.BaseEndpoint), text: `"GlobalSecondaryIndexUpdates"`}
	s := httptest.NewServer(k)
	defer s.Close()
	dir := t.TempDir()
	for file, text := range map[string]string{
		"flamingock.yaml": "stages: [{ name: main, location: changes }]\ntargetSystems:\n  shop: { type: dynamodb, endpoint: \"" + s.URL + "\", region: " + awstest.Region + " }\n",
		"changes/_0001__a.yaml": "id: a\ntargetSystem: shop\ntemplate: dynamodb-table\nrecovery: ALWAYS_RETRY\nsteps:\n" +
			"  - apply: { update: { table: " + name + ", stream: off, deletionProtection: true, tags: { team: orders } } }\n    rollback: auto\n" +
			"  - apply: { update: { table: " + name + ", attributes: { a: S }, addIndexes: [{ name: by-a, keys: { partition: a } }] } }\n    rollback: auto\n" +
			"  - apply: { update: { table: flamingock-none, ttl: a } }\n    rollback: auto\n",
	} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flamingock := func(args ...string) (string, int) {
		t.Helper()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, args...)
		var out bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		cmd.Env = []string{commandVariable + "=1", "HOME=" + dir, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		k.victim.Store(cmd.Process)
		_ = cmd.Wait() // the exit code says it
		return out.String(), cmd.ProcessState.ExitCode()
	}

	if out, code := flamingock("apply"); code != -1 || !k.killed.Load() {
		t.Fatalf("it was to be killed: exit code %d\n%s", code, out)
	}
	half := strings.Join(snapshot(t, client, name), "\n")
	if !strings.Contains(half, "stream off") || !strings.Contains(half, "index by-a") {
		t.Fatalf("it was to be killed later; the table is\n%s", half)
	}
	const stream = `"update":{"stream":"KEYS_ONLY","tags":{"team":"shop"},"deletionProtection":false}`
	if out, code := flamingock("issue", "get", "a"); code != 0 || !strings.Contains(out, "before step 1: {") || !strings.Contains(out, stream) || !strings.Contains(out, `"removeIndexes":["by-a"]`) {
		t.Errorf("issue get: exit code %d\n%s", code, out)
	}
	if out, code := flamingock("audit", "list", "-o", "json"); code != 0 || !strings.Contains(out, strings.ReplaceAll(stream, `"`, `\"`)) {
		t.Errorf("audit list: exit code %d\n%s", code, out)
	}
	out, code := flamingock("apply")
	if code != core.CodeChangeFailed.Exit() || !strings.Contains(out, "flamingock-none does not exist") {
		t.Errorf("the second attempt: exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(before, snapshot(t, client, name)); diff != "" {
		t.Errorf("the table is not as before:\n%s\n%s", diff, out)
	}
	if out, _ := flamingock("status"); !strings.Contains(out, "ROLLED_BACK") {
		t.Errorf("status:\n%s", out)
	}
}

// applier applies a change over a store, each time as another process would.
func applier(t testing.TB, store *memstore.Store, client *sdk.Client, c core.Change) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := run.New(run.Options{
			Ledger: "l", Store: store, Stages: []core.Stage{{Name: "main", Changes: []core.Change{c}}}, Targets: map[string]core.Target{"shop": New("shop", client)}, Wait: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Apply(ctx, run.ApplyOptions{})
		return err
	}
}

// A change that fails, or is broken off and then fails, leaves the table as it was before
// its first attempt; its STARTED have what that was.
func TestRunPutsBack(t *testing.T) {
	client, w := tablesFor(t)
	name := newTable(t, client)
	target := New("shop", client)
	if err := directly(t, target, mustLoad(t, target, updateOf(name, "stream: KEYS_ONLY\n    tags: { team: shop }", "auto")).Apply); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, client, name)
	c := mustLoad(t, target, "template: dynamodb-table\nrecovery: ALWAYS_RETRY\nsteps:\n"+
		"  - apply: { update: { table: "+name+", stream: off, deletionProtection: true, tags: { team: orders } } }\n    rollback: auto\n"+
		"  - apply: { update: { table: "+name+", attributes: { a: S }, addIndexes: [{ name: by-a, keys: { partition: a } }] } }\n    rollback: auto\n"+
		"  - apply: { update: { table: flamingock-none, ttl: a } }\n    rollback: auto")
	store := memstore.New()
	apply := applier(t, store, client, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.set(func(w *wire) { // it ends while DynamoDB makes the index
		w.fault = func(op string, pass func() (*http.Response, error)) (*http.Response, error) {
			if op != "UpdateTable" {
				return nil, nil
			}
			resp, err := pass()
			if after := strings.Join(snapshotPast(t, w, client, name), "\n"); strings.Contains(after, "by-a") {
				cancel()
			}
			return resp, err
		}
	})
	if err := apply(ctx); core.CodeOf(err) != core.CodeInterrupted {
		t.Fatalf("broken off: %v", err)
	}
	w.set(func(w *wire) { w.fault = nil })
	if half := snapshot(t, client, name); cmp.Equal(before, half) {
		t.Fatalf("nothing was changed: %q", half)
	}
	if err := apply(t.Context()); core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), "flamingock-none does not exist") {
		t.Errorf("it fails: %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, client, name)); diff != "" {
		t.Errorf("the table is not as before:\n%s", diff)
	}
	page, err := store.History(t.Context(), core.HistoryQuery{Ledger: "l", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	var captured [][]string
	for _, e := range page.Entries {
		states = append(states, string(e.State))
		if e.State == core.StateStarted {
			captured = append(captured, e.Captured)
		}
	}
	if len(captured) != 2 || !strings.Contains(captured[0][0], `"update":{"stream":"KEYS_ONLY","tags":{"team":"shop"},"deletionProtection":false}`) ||
		!strings.Contains(captured[0][1], `"removeIndexes":["by-a"]`) || !strings.Contains(captured[0][2], `"exists":false`) || !cmp.Equal(captured[0], captured[1]) {
		t.Errorf("captured %q", captured)
	}
	if got := strings.Join(states, " "); got != "STARTED FAILED STARTED FAILED ROLLED_BACK" {
		t.Errorf("entries %s", got)
	}
}

// snapshotPast is snapshot without the wire's fault, which would ask itself.
func snapshotPast(t testing.TB, w *wire, client *sdk.Client, name string) []string {
	w.mu.Lock()
	fault := w.fault
	w.fault = nil
	w.mu.Unlock()
	defer w.set(func(w *wire) { w.fault = fault })
	return snapshot(t, client, name)
}
