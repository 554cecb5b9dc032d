//go:build unix

package disturb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/chaos/report"
)

const processes = 10

// TestTenAtOnce starts ten processes at the same time, on an empty ledger. Every
// one waits its turn and ends well, each change takes effect once, and one
// execution does them all: nobody dies, so nobody takes over.
//
// It is not beside the other tests: they would be late.
func TestTenAtOnce(t *testing.T) {
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
		{disturb.Within, disturb.SQLite, disturb.Needs{}},
		{disturb.DynamoDB, disturb.Postgres, disturb.Needs{DynamoDB: true, Postgres: true}},
	} {
		t.Run(string(tt.store)+" "+string(tt.target), func(t *testing.T) {
			t.Parallel()
			b := lab.NewBench(t, tt.needs)
			row := report.Row{Scenario: fmt.Sprintf("ten at once, %s, %s", tt.store, tt.target), Note: "all exit 0, one execution does all"}
			defer func() {
				if t.Failed() {
					row.Violations++
				}
				disturb.Report(t, row)
			}()
			for range rounds {
				b.Try(t, 3*time.Second, func(t testing.TB, lease time.Duration) {
					w := b.World(t, disturb.Spec{Store: tt.store, Target: tt.target, Changes: disturb.Changes(3, disturb.Change{}), Lease: lease})
					row.Runs += processes
					row.Effects += crowd(t, w)
				})
				if t.Failed() {
					return
				}
			}
		})
	}
}

// crowd starts processes at the same time. It returns how many effects there were.
func crowd(t testing.TB, w *disturb.World) (effects int) {
	var all []*disturb.Process
	for range processes {
		all = append(all, w.Start(t, disturb.Way{}, "apply"))
	}
	for i, p := range all {
		if end := p.Wait(t); end.Exit != 0 {
			t.Errorf("process %d ended with %s:\n%s", i, end, end.Said)
		}
	}
	if got := executions(t, w); len(got) != 1 {
		t.Errorf("executions %q wrote, want one:\n%s", got, disturb.Lines(w.History(t)))
	}
	effects, _ = w.CheckDone(t)
	return effects
}
