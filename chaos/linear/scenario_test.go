package linear_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/linear"
	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/core"
)

// decide bounds the search for an order of one history.
const decide = 2 * time.Minute

// seeds gives the seeds of n histories: those from a random one, or the one that
// FLAMINGOCK_CHAOS_SEED names. A seed fixes what the clients ask for and what gets
// lost, not how the machine mixes them.
func seeds(t *testing.T, n int) []uint64 {
	t.Helper()
	if text := os.Getenv("FLAMINGOCK_CHAOS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("FLAMINGOCK_CHAOS_SEED: %v", err)
		}
		return []uint64{seed}
	}
	first := rand.Uint64() >> 16
	var all []uint64
	for i := range n {
		all = append(all, first+uint64(i))
	}
	return all
}

// row collects what one scenario came to: runs are histories, effects requests, and
// violations histories without an order,
// or with a store that says it is damaged.
type row struct {
	mu     sync.Mutex
	row    report.Row
	counts linear.Counts
}

func newRow(scenario string) *row { return &row{row: report.Row{Scenario: scenario}} }

// judge checks one history, and draws one that has no order.
func (r *row) judge(t *testing.T, h *linear.History, seed uint64) {
	t.Helper()
	c := h.Counts()
	for _, err := range h.Faults() {
		t.Errorf("FLAMINGOCK_CHAOS_SEED=%d: %v", seed, err)
	}
	err := h.Check(decide)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.row.Runs++
	r.row.Effects += c.All
	r.counts.Done += c.Done
	r.counts.Conflict += c.Conflict
	r.counts.LeaseLost += c.LeaseLost
	r.counts.Unanswered += c.Unanswered
	if err != nil || len(h.Faults()) > 0 {
		r.row.Violations++
	}
	if err == nil {
		return
	}
	t.Errorf("FLAMINGOCK_CHAOS_SEED=%d: %v", seed, err)
	var v *linear.ViolationError
	if errors.As(err, &v) {
		// With -artifacts the directory outlives the test.
		path := filepath.Join(t.ArtifactDir(), fmt.Sprintf("history-%d.html", seed))
		if err := v.Draw(path); err != nil {
			t.Error(err)
		}
		t.Errorf("drawn (kept with go test -artifacts): %s", path)
	}
}

// report logs the row, and appends it to the file that the environment names.
func (r *row) report(t *testing.T, note string) {
	t.Helper()
	r.row.Note = fmt.Sprintf("%s; answers: %d done, %d conflict, %d lease lost, %d none", note, r.counts.Done, r.counts.Conflict, r.counts.LeaseLost, r.counts.Unanswered)
	t.Logf("%+v", r.row)
	if path := os.Getenv(report.Variable); path != "" {
		if err := report.Append(path, r.row); err != nil {
			t.Error(err)
		}
	}
}

// contend lets four clients make 15 requests each, all at once.
func contend(ctx context.Context, h *linear.History, ledger string, seed uint64, open func() core.AuditStore) {
	var wg sync.WaitGroup
	for i := range 4 {
		c := newContender(h.Client(open()), ledger, fmt.Sprintf("c%d", i), rand.New(rand.NewPCG(seed, uint64(i)+2)))
		wg.Go(func() {
			for range 15 {
				runtime.Gosched() // a store in memory would serve one after the other
				c.step(ctx)
			}
		})
	}
	wg.Wait()
}

// settle reads what the ledger came to, and checks that its chain is whole.
func settle(t *testing.T, h *linear.History, store core.AuditStore, ledger string) {
	t.Helper()
	c := h.Client(store)
	if _, err := c.Load(t.Context(), ledger); err != nil {
		t.Error(err)
	}
	page, err := c.History(t.Context(), core.HistoryQuery{Ledger: ledger})
	if err != nil {
		t.Error(err)
	}
	if err := core.VerifyChain(0, "", page.Entries); err != nil {
		t.Errorf("%s: %v", ledger, err)
	}
}
