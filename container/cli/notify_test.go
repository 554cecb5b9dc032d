package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
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
)

// A run on the command line tells whom the configuration names, once, and ends as it
// would without.
func TestApplyTells(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told [][]byte
	answer := http.StatusOK
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		told = append(told, body)
		w.WriteHeader(answer)
	}))
	defer hook.Close()
	config := filepath.Join(t.TempDir(), "flamingock.yaml")
	text := "ledger: orders/prod\ntargetSystems: { memory: { type: custom } }\nnotify:\n  - { webhook: { url: \"" + hook.URL + "\" }, on: [failed, issue, applied] }\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fails := true
	p := core.Program{
		Name: "tool", Clients: []core.Target{core.NewClientTarget("memory", struct{}{})},
		Stages: []core.Stage{{Name: "go", Changes: []core.Change{{
			ID: "one", Order: "1", Author: "tests", TargetSystem: "memory", Revision: "1",
			Apply: core.StepFor(func(context.Context, struct{}) error {
				if fails {
					return errors.New("no")
				}
				return nil
			}),
		}}}},
	}
	var stderr bytes.Buffer
	run := func(args ...string) int {
		stderr.Reset()
		return cli.Run(t.Context(), p, cli.Process{Args: append([]string{"-c", config}, args...), Stdout: io.Discard, Stderr: &stderr})
	}
	last := func(want int) (d struct {
		Occasions []string
		Code      string
		Next      []string
	},
	) {
		t.Helper()
		if len(told) != want {
			t.Fatalf("told %d times, want %d: %s", len(told), want, stderr.String())
		}
		if err := json.Unmarshal(told[want-1], &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	if code := run("apply"); code != 70 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	if d := last(1); !slices.Equal(d.Occasions, []string{"failed", "issue"}) || d.Code != "ChangeFailed" || len(d.Next) == 0 || !strings.HasPrefix(d.Next[0], "tool -c ") {
		t.Errorf("told %+v", d)
	}
	if code := run("issue", "resolve", "one", "--as", "rolled-back", "--reason", "looked", "--yes"); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	last(1) // only a run tells
	fails, answer = false, http.StatusInternalServerError
	if code := run("apply"); code != 0 || !strings.Contains(stderr.String(), "webhook") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
	if d := last(len(told)); !slices.Equal(d.Occasions, []string{"applied"}) {
		t.Errorf("told %+v", d)
	}
	before := len(told)
	if code := run("apply"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
	last(before) // nothing was to do
}
