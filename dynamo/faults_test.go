package dynamo

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// disturbance is a way in which a request of a run goes wrong.
type disturbance struct {
	name  string
	do    fault
	lease time.Duration
	// healed: the run goes on as if nothing had been, wherever it is.
	healed bool
	// wakes: what is under way arrives between the load and the first write of the
	// next run; else before it.
	wakes bool
	// frees: the run leaves no lease and no STARTED behind, however it ended.
	frees bool
}

const (
	soon  = 2 * time.Second // where the next run has to wait for it
	later = 10 * time.Second
)

func disturbances() []disturbance {
	return []disturbance{
		{name: "lost before the write", do: failBefore, lease: later, healed: true},
		{name: "answer lost after the write", do: loseAnswer, lease: later, healed: true},
		{name: "two answers in a row lost", do: times(2, loseAnswer), lease: later, healed: true},
		{name: "lost, and arrives after it was sent again", do: late, lease: later, healed: true},
		{name: "nothing answers any more; arrives before the next run", do: lateDown, lease: soon},
		{name: "nothing answers any more; arrives in the next run's midst", do: lateDown, lease: soon, wakes: true},
		{name: "nothing answers any more; never arrives", do: downBefore, lease: soon},
		{name: "nothing answers any more; did arrive", do: downAfter, lease: soon},
		{name: "3 conflicts of transactions", do: times(3, conflicts), lease: later, healed: true},
		{name: "answer lost, then 3 conflicts", do: inTurn(loseAnswer, conflicts, conflicts, conflicts), lease: later, healed: true},
		{name: "5 times throttled", do: times(5, throttled), lease: later, healed: true},
		{name: "throttled inside the transaction", do: inTurn(overloaded, outOfBounds, inFlight), lease: later, healed: true},
		{name: "two 500s", do: times(2, fails500), lease: later, healed: true},
		{name: "500 after the write", do: inTurn(lost500, fails500), lease: later, healed: true},
		{name: "two 503s, in HTML", do: times(2, fails503), lease: later, healed: true},
		{name: "hangs without arriving", do: hangBefore, lease: 4 * time.Second},
		{name: "hangs after it arrived", do: hangAfter, lease: 4 * time.Second},
		{name: "credentials expired, for 3 requests", do: times(3, expired), lease: later},
		{name: "answer lost, then a right is missing once", do: inTurn(loseAnswer, denied), lease: later, frees: true},
		{name: "cancelled before it is sent", do: nil, lease: later},
		{name: "the process dies before it", do: dieBefore, lease: soon},
		{name: "the process dies after it", do: dieAfter, lease: soon},
	}
}

// lost500 is a 500 although the write was done.
func lost500(w *wire, x *exchange) (*http.Response, error) {
	x.arrive()
	return fails500(w, x)
}

// TestEveryFaultAtEveryRequest disturbs one request of a run over changes of all
// kinds, in every way, and then lets undisturbed runs, and a person who tells the
// truth where one is asked, bring it to its end.
func TestEveryFaultAtEveryRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	var requests, want []string
	c.pulse.Try(t, soon, func(t testing.TB, _ time.Duration) {
		quiet := b.world(t, mixed()...)
		p := quiet.process("undisturbed")
		o := p.apply()
		requests, want = p.ops(), quiet.states()
		if o.code() != string(core.CodeChangeFailed) || len(requests) != 10 { // f1 fails, once
			t.Fatalf("%s after %v: %v", o.code(), requests, o.err)
		}
		quiet.heal()
		quiet.mustBeDone()
	})
	for i, d := range disturbances() {
		ends := &tally{name: d.name, codes: map[string]int{}}
		play := c.do
		if d.lease == soon {
			play = c.waits
		}
		for k := 1; k <= len(requests); k++ {
			if d.healed && (i+k)%2 == 0 {
				continue // one fault takes the odd requests, the next the even ones
			}
			play(fmt.Sprintf("%s, request %d (%s)", d.name, k, requests[k-1]), func(t testing.TB) {
				ends.add(d.disturb(b.world(t, mixed()...), k, want))
			})
		}
		defer func() { t.Log(ends) }()
	}
	c.wait()
}

// disturb runs with request k disturbed, heals, and says how the run ended.
func (d disturbance) disturb(w *world, k int, want []string) string {
	w.leased(d.lease)
	p := w.process("disturbed")
	f := d.do
	if f == nil {
		f = func(wi *wire, x *exchange) (*http.Response, error) {
			p.cancel()
			return pass(wi, x)
		}
	}
	p.at = func(n int, _ string) fault {
		if n == k {
			return f
		}
		return nil
	}
	o := p.apply()
	if d.healed {
		if got := w.states(); o.code() != string(core.CodeChangeFailed) || !slices.Equal(got, want) {
			w.t.Errorf("the request was sent again, but the run ended with %s: %v; %v", o.code(), o.err, got)
		}
	}
	if o.code() == string(core.CodeInternal) {
		w.t.Errorf("an error of no class: %v", o.err)
	}
	if s := w.load(); d.frees && (s.Head.Held() || slices.ContainsFunc(slices.Collect(maps.Values(s.Records)), func(r core.Record) bool { return r.State == core.StateStarted })) {
		w.t.Errorf("a run that could still write left its lease, or an intent: %+v", s)
	}
	before := w.states()
	if d.wakes {
		w.heal(func(h *process) {
			h.at = func(n int, _ string) fault {
				if n == 2 {
					p.deliver()
				}
				return nil
			}
		})
	} else {
		p.deliver()
		w.heal()
	}
	w.mustBeDone()
	w.t.Logf("it ended with %s: %v\nledger then: %s", o.code(), o.err, strings.Join(before, ", "))
	return o.code()
}

// tally counts how runs ended.
type tally struct {
	name  string
	mu    sync.Mutex
	codes map[string]int
}

func (y *tally) add(code string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.codes[code]++
}

func (y *tally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	s := fmt.Sprintf("%-58s", y.name)
	for _, c := range slices.Sorted(maps.Keys(y.codes)) {
		s += fmt.Sprintf(" %s %d", c, y.codes[c])
	}
	return s
}
