package run_test

import (
	"fmt"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// stores counts the calls of p that go to the audit store.
func stores(p *process) (n int) {
	for _, s := range p.sites {
		switch s {
		case "load", "acquire", "append", "renew", "release":
			n++
		}
	}
	return n
}

// TestRequestBudget holds the Runner to design.md 3.2: N + 2 requests for N
// changes, 1 when there is nothing to do.
func TestRequestBudget(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		for name, kind := range map[string]func(id, order string) core.Change{"plain": plain, "in transactions": inTx, "with a probe": probed} {
			t.Run(fmt.Sprint(n, " ", name), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					a, b := stage("a"), after(stage("b"), "a")
					for i := range n {
						s := &a
						if i%2 == 1 {
							s = &b
						}
						s.Changes = append(s.Changes, kind(fmt.Sprintf("c%03d", i), fmt.Sprint(i)))
					}
					stages := []core.Stage{a}
					if n > 1 {
						stages = append(stages, b)
					}
					w := newWorld(t, stages...)
					first := w.process(nil)
					wantCode(t, first.apply(), "")
					if got := stores(first); got != n+2 {
						t.Errorf("%d requests for %d changes: %v", got, n, first.sites)
					}
					token := w.load().Head.Token
					again := w.process(nil)
					o := again.apply()
					wantCode(t, o, "")
					if got := stores(again); got != 1 || len(again.sites) != 1 {
						t.Errorf("%d requests for nothing: %v", got, again.sites)
					}
					if h := w.load().Head; h.Token != token || o.rep.ExecutionID != "" {
						t.Error("nothing was pending, but the lease was taken")
					}
				})
			})
		}
	}
}
