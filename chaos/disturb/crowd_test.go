//go:build unix

package disturb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/chaos/report"
)

// TestTenAtOnce starts ten processes at the same time, on an empty ledger. Every
// one waits its turn and ends well, each change takes effect once, and one
// execution does them all: nobody dies, so nobody takes over.
func TestTenAtOnce(t *testing.T) {
	t.Parallel()
	const processes = 10
	rounds := 10
	if disturb.Full() {
		rounds = 100
	}
	for _, tt := range []struct {
		store  disturb.StoreKind
		target disturb.TargetKind
		needs  disturb.Needs
	}{
		{disturb.Embedded, disturb.SQLite, disturb.Needs{}},
		{disturb.DynamoDB, disturb.Postgres, disturb.Needs{DynamoDB: true, Postgres: true}},
	} {
		t.Run(string(tt.store)+" "+string(tt.target), func(t *testing.T) {
			t.Parallel()
			b := lab.NewBench(t, tt.needs)
			row := report.Row{Scenario: fmt.Sprintf("ten at once, %s, %s", tt.store, tt.target), Note: "all exit 0, one execution does all"}
			for range rounds {
				// With ten processes on two cores a lease of one second may well run out: three.
				w := b.World(t, disturb.Spec{Store: tt.store, Target: tt.target, Changes: disturb.Changes(3, disturb.Change{}), Lease: 3 * time.Second})
				var all []*disturb.Process
				for range processes {
					all = append(all, w.Start(t, disturb.Way{}, "apply"))
				}
				for i, p := range all {
					if end := p.Wait(t); end.Exit != 0 {
						row.Violations++
						t.Errorf("process %d ended with %s:\n%s", i, end, end.Said)
					}
				}
				effects, violations := w.CheckDone(t)
				executions := map[string]bool{}
				for _, e := range w.History(t) {
					executions[e.ExecutionID] = true
				}
				if len(executions) != 1 {
					violations++
					t.Errorf("%d executions wrote:\n%s", len(executions), disturb.Lines(w.History(t)))
				}
				row.Runs, row.Effects, row.Violations = row.Runs+processes, row.Effects+effects, row.Violations+violations
			}
			disturb.Report(t, row)
		})
	}
}
