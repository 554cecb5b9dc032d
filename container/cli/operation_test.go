package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// TestSameDocument holds the command line against operation.Do, which the Lambda
// handler calls: the same bytes, whatever is asked and however it ends.
func TestSameDocument(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "flamingock.yaml")
	if err := os.WriteFile(config, []byte("ledger: orders/prod\ntargetSystems: { memory: { type: custom } }\nlock: { wait: 1s }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fail := core.StepFor(func(context.Context, struct{}) error { return errors.New("<no> & never") })
	good := core.StepFor(func(context.Context, struct{}) error { return nil })
	p := core.Program{
		Name: "tool", Version: "v0.0.0-test", Clients: []core.Target{core.NewClientTarget("memory", struct{}{})},
		Stages: []core.Stage{{Name: "go", Changes: []core.Change{
			{ID: "one", Order: "1", Author: "tests", TargetSystem: "memory", Revision: "1", Apply: good},
			{ID: "two", Order: "2", Author: "tests", TargetSystem: "memory", Revision: "1", Apply: fail},
			{ID: "three", Order: "3", Author: "tests", TargetSystem: "memory", Revision: "1", Apply: good, Labels: []string{"late"}},
		}}},
	}
	now := func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 123, time.UTC) }
	commandLine := func(args ...string) string {
		var out bytes.Buffer
		cli.Run(t.Context(), p, cli.Process{Args: append([]string{"-c", config, "-o", "json"}, args...), Stdout: &out, Stderr: io.Discard, Now: now})
		return out.String()
	}
	do := func(r operation.Request) string {
		return string(operation.Do(t.Context(), operation.Options{
			App: app.Options{Program: p, ConfigPath: config}, Now: now, Command: "tool -c " + config,
			Hint: func(s string) string { return strings.ReplaceAll(s, ": flamingock ", ": tool -c "+config+" ") },
		}, r).Encode())
	}
	type same struct {
		args []string
		r    operation.Request
	}
	reading := []same{
		{[]string{"plan"}, operation.PlanRequest{}},
		{[]string{"plan", "--stage", "go", "--to", "two", "--label", "late"}, operation.PlanRequest{Selection: operation.Selection{Stages: []string{"go"}, To: "two", Labels: []string{"late"}}}},
		{[]string{"plan", "--to", "nowhere"}, operation.PlanRequest{Selection: operation.Selection{To: "nowhere"}}},
		{[]string{"status"}, operation.StatusRequest{}},
		{[]string{"validate"}, operation.ValidateRequest{}},
		{[]string{"audit", "list"}, operation.AuditListRequest{}},
		{[]string{"audit", "list", "--history", "--limit", "1"}, operation.AuditListRequest{History: true, Limit: 1}},
		{[]string{"audit", "list", "--history", "--limit", "0", "--state", "failed"}, operation.AuditListRequest{History: true, Limit: operation.NoLimit, State: "failed"}},
		{[]string{"audit", "list", "--change", "one"}, operation.AuditListRequest{ChangeID: "one"}},
		{[]string{"audit", "list", "--state", "lost"}, operation.AuditListRequest{State: "lost"}},
		{[]string{"audit", "list", "--after", "1"}, operation.AuditListRequest{After: 1}},
		{[]string{"issue", "list"}, operation.IssueListRequest{}},
		{[]string{"issue", "get"}, operation.IssueGetRequest{First: true}},
		{[]string{"issue", "get", "two"}, operation.IssueGetRequest{ChangeID: "two"}},
		{[]string{"issue", "get", ""}, operation.IssueGetRequest{}},
		{[]string{"issue", "resolve", "two", "--as", "gone"}, operation.IssueResolveRequest{ChangeID: "two", As: "gone"}},
		{[]string{"issue", "resolve", "two", "--as", "applied"}, operation.IssueResolveRequest{ChangeID: "two", As: operation.AsApplied}},
	}
	check := func(state string) {
		t.Helper()
		for _, s := range reading {
			if diff := cmp.Diff(commandLine(s.args...), do(s.r)); diff != "" {
				t.Errorf("%s, %q (-command line +operation):\n%s", state, s.args, diff)
			}
		}
	}
	check("nothing is applied")
	commandLine("apply")
	reading = append(reading, same{[]string{"apply"}, operation.ApplyRequest{}}) // a person is asked: it runs nothing
	check("one waits for a person")
}
