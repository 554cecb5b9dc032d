package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/core/template"
)

// api is a small REST API: plans by name, in memory, behind a real server.
//
//	GET /v1/health, GET and POST /v1/plans, GET, PUT, PATCH and DELETE /v1/plans/{name}
type api struct {
	server *httptest.Server

	mu    sync.Mutex
	plans map[string]map[string]any
	// answers are what POSTs were answered, by idempotency key; nil: keys mean nothing.
	answers map[string]int
	// tagged: plans have ETags, and conditions count.
	tagged bool
	// fault may answer in the API's place, before or after (call act) it does its work.
	fault func(w http.ResponseWriter, r *http.Request, act func()) bool
	// calls are method and path, seen what else there was of each request.
	calls []string
	seen  []*http.Request
}

func newAPI(t testing.TB) *api {
	a := &api{plans: map[string]map[string]any{}}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func newTLSAPI(t testing.TB) *api {
	a := &api{plans: map[string]map[string]any{}}
	a.server = httptest.NewTLSServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	kept := r.Clone(context.Background())
	kept.Body = io.NopCloser(strings.NewReader(string(body)))
	a.mu.Lock()
	a.calls = append(a.calls, r.Method+" "+r.URL.Path)
	a.seen = append(a.seen, kept)
	fault := a.fault
	a.mu.Unlock()
	act := func() { a.act(w, r, body) }
	if fault != nil && fault(w, r, act) {
		return
	}
	act()
}

func (a *api) act(w http.ResponseWriter, r *http.Request, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if before, ok := a.answers[key]; ok && key != "" {
		w.WriteHeader(before)
		return
	}
	name, one := strings.CutPrefix(r.URL.Path, "/v1/plans/")
	tag := func() string {
		if p, there := a.plans[name]; a.tagged && one && there {
			text, _ := json.Marshal(p)
			return fmt.Sprintf("%q", fmt.Sprint(crc32.ChecksumIEEE(text)))
		}
		return ""
	}
	if want := r.Header.Get("If-Match"); want != "" && a.tagged && want != tag() {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	status, answer := a.handle(r, body)
	if t := tag(); t != "" {
		w.Header().Set("ETag", t)
	}
	if a.answers != nil && key != "" {
		a.answers[key] = status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if answer != nil {
		json.NewEncoder(w).Encode(answer)
	}
}

func (a *api) handle(r *http.Request, body []byte) (int, any) {
	name, one := strings.CutPrefix(r.URL.Path, "/v1/plans/")
	sent := map[string]any{}
	if len(body) > 0 && json.Unmarshal(body, &sent) != nil {
		return http.StatusBadRequest, map[string]any{"error": "not JSON"}
	}
	plan, there := a.plans[name]
	switch {
	case r.URL.Path == "/v1/health" || r.URL.Path == "/v1":
		return http.StatusOK, map[string]any{"status": "up"}
	case r.URL.Path == "/v1/plans" && r.Method == http.MethodGet:
		list := []any{}
		for _, n := range slices.Sorted(maps.Keys(a.plans)) {
			list = append(list, a.plans[n])
		}
		return http.StatusOK, map[string]any{"plans": list}
	case r.URL.Path == "/v1/plans" && r.Method == http.MethodPost:
		name, _ := sent["name"].(string)
		if name == "" {
			return http.StatusUnprocessableEntity, map[string]any{"error": "name is missing"}
		}
		if _, there := a.plans[name]; there {
			return http.StatusConflict, map[string]any{"error": "there is a plan " + name}
		}
		a.plans[name] = sent
		return http.StatusCreated, sent
	case !one:
		return http.StatusNotFound, map[string]any{"error": "no such resource"}
	case r.Method == http.MethodPut:
		sent["name"] = name
		a.plans[name] = sent
		return http.StatusOK, sent
	case !there:
		return http.StatusNotFound, map[string]any{"error": "no plan " + name}
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return http.StatusOK, plan
	case r.Method == http.MethodPatch:
		maps.Copy(plan, sent)
		return http.StatusOK, plan
	case r.Method == http.MethodDelete:
		delete(a.plans, name)
		return http.StatusNoContent, nil
	}
	return http.StatusMethodNotAllowed, nil
}

func (a *api) set(f func(*api)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

// failing lets the requests for which is is true meet a fault, n times.
func (a *api) failing(n int, is string, fault func(w http.ResponseWriter, act func())) {
	a.set(func(a *api) {
		a.fault = func(w http.ResponseWriter, r *http.Request, act func()) bool {
			a.mu.Lock()
			hit := n > 0 && strings.HasPrefix(r.Method+" "+r.URL.Path, is)
			if hit {
				n--
			}
			a.mu.Unlock()
			if hit {
				fault(w, act)
			}
			return hit
		}
	})
}

// hangUp closes the connection without an answer.
func hangUp() { panic(http.ErrAbortHandler) }

func status(code int, header ...string) func(http.ResponseWriter, func()) {
	return func(w http.ResponseWriter, _ func()) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "no")
	}
}

func (a *api) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.plans))
}

func (a *api) count(call string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (a *api) last() *http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[len(a.seen)-1]
}

func (a *api) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

func (a *api) url() string { return a.server.URL + "/v1" }

// entry is a target's entry in the configuration. References are in values.
type entry struct {
	settings
	values map[string]string
	dir    string
}

func (e entry) Decode(into any) error {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(e.settings))
	return nil
}
func (e entry) Resolver() core.Resolver { return resolver(e.values) }
func (e entry) Path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(e.dir, path)
}
func (entry) StoreDomain() string { return "" }

type resolver map[string]string

func (r resolver) Resolve(_ context.Context, ref core.Reference) (core.Secret, error) {
	v, ok := r[ref.Key]
	if !ok {
		return core.Secret{}, &core.ConfigError{Key: ref.String(), Reason: "has no value", Next: "set it"}
	}
	return core.NewSecret(v), nil
}

func targetOf(t testing.TB, e entry, options ...Option) *Target {
	t.Helper()
	target, err := Type(options...).New("billing", e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target.(*Target)
}

// load loads a change file for a target.
func load(target core.Target, body string) (core.Change, error) {
	text := "id: a\ntemplate: http\ntargetSystem: " + target.ID() + "\n" + strings.TrimLeft(body, "\n")
	stages, err := template.Load(template.Input{
		Files:  fstest.MapFS{"changes/_0001__a.yaml": &fstest.MapFile{Data: []byte(text)}},
		Stages: []template.StageDir{{Name: "main", Location: "changes"}}, Targets: map[string]core.Target{target.ID(): target}, Types: []core.TargetType{Type()},
	})
	if err != nil {
		return core.Change{}, err
	}
	return stages[0].Changes[0], nil
}

func mustLoad(t testing.TB, target core.Target, body string) core.Change {
	t.Helper()
	c, err := load(target, body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ledger runs changes against a target, and keeps their history.
type ledger struct {
	store  *memstore.Store
	values map[string]string
}

func newLedger() *ledger { return &ledger{store: memstore.New(), values: map[string]string{}} }

// apply runs a change and returns what is recorded and reported, as text, with the error.
func (l *ledger) apply(t testing.TB, target core.Target, changes ...core.Change) (said string, err error) {
	t.Helper()
	r, err := run.New(run.Options{
		Ledger: "test", Store: l.store, Targets: map[string]core.Target{target.ID(): target},
		Stages: []core.Stage{{Name: "main", Changes: changes}}, Resolver: core.NewRedactor(resolver(l.values)),
		Events: func(e run.Event) { said += fmt.Sprintf("%+v\n", e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := r.Apply(t.Context(), run.ApplyOptions{})
	return said + fmt.Sprintf("%+v\n", rep), err
}

// states are what is recorded, as STATE, with unknown and reconciled where it is that.
func (l *ledger) states(t testing.TB) string {
	t.Helper()
	var out []string
	for _, e := range l.history(t) {
		s := string(e.State)
		if e.Unknown {
			s += " unknown"
		}
		if e.Reconciled {
			s += " reconciled"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func (l *ledger) history(t testing.TB) []core.Entry {
	t.Helper()
	page, err := l.store.History(t.Context(), core.HistoryQuery{Ledger: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

// clientFor opens a client, as a step has it.
func clientFor(t testing.TB, target *Target) *Client {
	t.Helper()
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return handle.(*Client)
}

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sessionOf is a session outside of a run.
func sessionOf(c *Client, values map[string]string) *core.Session {
	return &core.Session{
		Handle: c,
		Resolve: func(ctx context.Context, text string) (string, error) {
			return core.Expand(ctx, resolver(values), text)
		},
		Progress: func(core.Progress) {},
	}
}
