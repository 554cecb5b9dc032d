package run

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
)

// throughTelemetry does everything that telemetry is asked for during a run with
// one change of one step.
func throughTelemetry(ctx context.Context, t *telemetry, c *plan.Change, rep *Report) {
	ctx, run := t.run(ctx, "id", core.Trigger{})
	w := t.lockWait("id")
	w.begin(ctx, time.Time{}, core.Holder{})
	w.end(ctx, nil)
	cctx, change := t.change(ctx, "id", "stage", c, core.OpApply, core.Record{})
	_, step := t.step(cctx, "id", c.Change, core.OpApply, 0)
	step.endStep(nil)
	t.endChange(cctx, change, c, ChangeReport{})
	t.endSettle(ctx, nil, core.Record{}, ChangeReport{}, nil)
	t.endRun(ctx, run, rep, nil)
}

// Without providers telemetry allocates nothing: it is a handful of comparisons.
func TestTelemetryOff(t *testing.T) {
	tel := newTelemetry(&Options{Ledger: "l"})
	if tel != nil {
		t.Fatal("telemetry without a provider")
	}
	c, rep := &plan.Change{Change: &core.Change{ID: "a"}}, &Report{}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { throughTelemetry(ctx, tel, c, rep) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTelemetryOff(b *testing.B) {
	c, rep := &plan.Change{Change: &core.Change{ID: "a"}}, &Report{}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		throughTelemetry(ctx, nil, c, rep)
	}
}

func TestErrorType(t *testing.T) {
	bottom := &core.TimeoutError{After: time.Second}
	for _, err := range []error{
		bottom, errors.Join(bottom, errors.New("x")), &core.ChangeError{Err: bottom, RollbackErr: errors.New("x")},
		core.Unknown(&core.UnavailableError{Err: bottom}),
	} {
		if got := errorType(err); got != "core.TimeoutError" {
			t.Errorf("%T: got %s", err, got)
		}
	}
}

// Every name is in the documentation.
func TestNamesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		ast.Inspect(g, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok {
				return true
			}
			name, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			names++
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%s is not in docs/observability.md", name)
			}
			return true
		})
	}
	if names < 30 {
		t.Errorf("names.go holds only %d names", names)
	}
}
