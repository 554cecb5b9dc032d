package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/httpapi"
)

// billing is the API that the example is about.
type billing struct {
	mu    sync.Mutex
	plans map[string]map[string]any
	down  bool
}

func (b *billing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		panic(http.ErrAbortHandler)
	}
	answer := func(status int, v any) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	var sent map[string]any
	json.NewDecoder(r.Body).Decode(&sent)
	name, one := strings.CutPrefix(r.URL.Path, "/v1/plans/")
	switch {
	case r.Header.Get("Authorization") != "Bearer example-token":
		answer(http.StatusUnauthorized, "who are you?")
	case r.URL.Path == "/v1/health":
		answer(http.StatusOK, "up")
	case !one && r.Method == http.MethodPost:
		name, _ := sent["name"].(string)
		if b.plans[name] != nil {
			answer(http.StatusConflict, "there is one")
			return
		}
		b.plans[name] = sent
		answer(http.StatusCreated, sent)
	case !one:
		answer(http.StatusOK, map[string]any{"plans": slices.Collect(maps.Values(b.plans))})
	case r.Method == http.MethodPut:
		sent["name"] = name
		b.plans[name] = sent
		answer(http.StatusOK, sent)
	case b.plans[name] == nil:
		answer(http.StatusNotFound, "no such plan")
	case r.Method == http.MethodPatch:
		maps.Copy(b.plans[name], sent)
		answer(http.StatusOK, b.plans[name])
	case r.Method == http.MethodDelete:
		delete(b.plans, name)
		answer(http.StatusNoContent, nil)
	default:
		answer(http.StatusOK, b.plans[name])
	}
}

// The example is applied by the command line, once; and what may go wrong ends with the
// exit code and the words that it should.
func TestExample(t *testing.T) {
	b := &billing{plans: map[string]map[string]any{}}
	server := httptest.NewServer(b)
	defer server.Close()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/http")); err != nil {
		t.Fatal(err)
	}
	token := "example-token"
	command := func(args ...string) (int, string) {
		var out bytes.Buffer
		env := map[string]string{"BILLING_URL": server.URL + "/v1", "BILLING_TOKEN": token}
		code := cli.Run(context.Background(), core.Program{Targets: []core.TargetType{httpapi.Type()}}, cli.Process{
			Args: append([]string{"-c", filepath.Join(dir, "flamingock.yaml")}, args...), Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out,
			LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		})
		return code, out.String()
	}
	expect := func(want int, says string, args ...string) {
		t.Helper()
		if code, out := command(args...); code != want || !strings.Contains(out, says) || strings.Contains(out, "token-") || strings.Contains(out, "-token") {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, code, want, says, out)
		}
	}
	set := func(f func()) {
		b.mu.Lock()
		defer b.mu.Unlock()
		f()
	}
	set(func() { b.down = true })
	expect(0, "", "validate") // contacts nothing
	expect(0, "APPLY", "plan")
	expect(69, "is not available", "apply")
	set(func() { b.down = false })
	token = "wrong-token"
	expect(77, "credentials that the API accepts", "apply")
	token = "example-token"
	set(func() { b.plans["gold"] = map[string]any{"name": "gold", "price": 12, "currency": "EUR"} })
	expect(70, "something else is there already: GET /plans/gold was answered with 200 OK, but $.price is 12, not 10.50", "apply")
	expect(0, "ROLLED_BACK", "audit", "list")
	set(func() {
		if len(b.plans) != 1 {
			t.Errorf("the API has %v", b.plans)
		}
		b.plans["gold"]["price"] = 10.5
	})
	expect(0, "SUCCESS", "apply", "-o", "json")
	expect(0, "NO_CHANGES", "apply", "-o", "json")
	set(func() {
		if b.plans["silver"]["price"] != 6.0 || len(b.plans) != 2 {
			t.Errorf("the API has %v", b.plans)
		}
	})
}
