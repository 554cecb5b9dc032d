//go:build unix

package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

const (
	workers = 12
	lease   = time.Second
	// burst is how many changes a ledger gets at most at a time.
	burst = 8
	// outside is the share of runs in processes; a third of those is not killed.
	outside = 0.3
)

// place is one ledger. It is made when it is first needed. Who adds changes is
// alone; runs are not.
type place struct {
	*disturb.World
	made  sync.Once
	alone sync.RWMutex
	kills atomic.Int64
}

// soak is one run of the test.
type soak struct {
	t        *testing.T
	bench    *disturb.Bench
	seed     uint64
	places   []place
	progress func() float64 // 1: the end
	aws      app.AWSConfigs // kept from run to run
	pause    sync.RWMutex   // held by workers while they do something

	turn                                                         atomic.Int64
	runs, changes, kills, takeovers, stops, resolved, violations atomic.Int64
}

func (s *soak) violation(format string, args ...any) {
	s.violations.Add(1)
	s.t.Errorf(format, args...)
}

// ledgers is how many there are: as many as the time is enough for.
func ledgers() int {
	if disturb.Full() || os.Getenv(changesVariable) != "" {
		return 1000
	}
	return 40
}

// The variables of the environment that lift the bounds: see the package's comment.
const (
	timeVariable    = "FLAMINGOCK_SOAK_TIME"
	changesVariable = "FLAMINGOCK_SOAK_CHANGES"
)

// progress says how much of the test is done.
func progress(t *testing.T, s *soak) func() float64 {
	if text := os.Getenv(changesVariable); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return func() float64 { return float64(s.changes.Load()) / float64(n) }
	}
	long := 5 * time.Second
	if disturb.Full() {
		long = 2 * time.Minute
	}
	if text := os.Getenv(timeVariable); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	return func() float64 { return float64(time.Since(began)) / float64(long) }
}

func TestSoak(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "test") // the SDK reads the environment of this process
	}
	b := lab.NewBench(t, disturb.Needs{DynamoDB: true, Postgres: true})
	b.Reader = inside
	s := &soak{t: t, bench: b, seed: disturb.Seed(t), places: make([]place, ledgers())}
	s.progress = progress(t, s)
	began := time.Now()
	var work sync.WaitGroup
	for i := range workers {
		work.Go(func() { s.work(disturb.Random(s.seed, uint64(i))) })
	}
	early := s.measureAt(warm)
	work.Wait()
	worked := time.Since(began).Round(time.Second)
	late := measure(t)
	early.flat(t, late)
	effects, used := s.finish()
	disturb.Report(t, report.Row{
		Scenario: "soak", Runs: int(s.runs.Load()), Effects: effects, Violations: int(s.violations.Load()),
		Note: fmt.Sprintf("%s, %d ledgers, %d changes, %d kills, %d stops, %d takeovers, %d resolved by a person; at %.0f %%: %s, at the end: %s; seed %d",
			worked, used, s.changes.Load(), s.kills.Load(), s.stops.Load(), s.takeovers.Load(), s.resolved.Load(), warm*100, early, late, s.seed),
	})
}

// choose goes through all ledgers in turn, and in between comes back to a few of
// them, where workers meet.
func (s *soak) choose(r *rand.Rand) int {
	if r.IntN(2) == 0 {
		return int(s.turn.Add(1)) % len(s.places)
	}
	return int(float64(len(s.places)) * r.Float64() * r.Float64() * r.Float64())
}

// at returns a place, which is made if this is the first time.
func (s *soak) at(i int) *place {
	p := &s.places[i]
	p.made.Do(func() {
		spec := disturb.Spec{Store: disturb.DynamoDB, Target: disturb.Postgres, Lease: lease}
		switch i % 10 {
		case 7:
			spec.Store, spec.Target = disturb.Within, disturb.SQLite
		case 8:
			spec.Store, spec.Target = disturb.Embedded, disturb.SQLite
		case 9:
			spec.Target = disturb.Shared
		}
		p.World = s.bench.World(s.t, spec)
	})
	return p
}

// work does one thing after the other at random ledgers.
func (s *soak) work(r *rand.Rand) {
	for s.progress() < 1 {
		s.pause.RLock()
		p := s.at(s.choose(r))
		if p.alone.TryLock() {
			p.Grow(s.t, more(r, len(p.Changes))...)
			p.alone.Unlock()
		}
		p.alone.RLock()
		if r.Float64() < outside {
			s.outside(r, p)
		} else {
			s.inside(r, p)
		}
		p.alone.RUnlock()
		s.pause.RUnlock()
	}
}

// more makes the next changes of a ledger that has n.
func more(r *rand.Rand, n int) []disturb.Change {
	out := make([]disturb.Change, 1+r.IntN(burst))
	for i := range out {
		out[i].ID = fmt.Sprintf("change-%04d", n+i+1)
		switch r.IntN(10) {
		case 0:
			out[i].Direct = true
		case 1:
			out[i].Direct, out[i].Retry = true, true
		}
	}
	return out
}

// outside runs a process, and kills most of them.
func (s *soak) outside(r *rand.Rand, p *place) {
	run := p.Start(s.t, disturb.Way{}, "apply")
	if r.IntN(3) > 0 {
		select {
		case <-run.Ended():
		case <-time.After(time.Duration(r.IntN(250)) * time.Millisecond):
			run.Kill()
			if run.Wait(s.t).Exit == -1 {
				s.kills.Add(1)
				p.kills.Add(1)
			}
		}
	}
	s.judge(p, run.Wait(s.t))
}

// inside runs in this process, and asks some of the runs to stop.
func (s *soak) inside(r *rand.Rand, p *place) {
	stop := make(chan struct{})
	if r.IntN(3) == 0 {
		s.stops.Add(1)
		timer := time.AfterFunc(time.Duration(r.IntN(60))*time.Millisecond, func() { close(stop) })
		defer timer.Stop()
	}
	s.judge(p, s.apply(p.World, stop))
}

// judge says whether a run may end like this.
func (s *soak) judge(p *place, end disturb.End) {
	s.runs.Add(1)
	s.takeovers.Add(int64(strings.Count(end.Said, `"takeover":true`)))
	var data operation.ApplyData
	if json.Unmarshal(end.Data, &data) == nil {
		s.changes.Add(int64(data.Counts["APPLIED"]))
	}
	switch end.Exit {
	case -1, 0, 75:
	case 79:
		s.resolve(p)
	default:
		s.violation("%s (%s, %s): a run ended with %s:\n%s\n%s", p.Ledger, p.Store, p.Target, end, end.Said, end.Data)
	}
}

// resolve does what a person does with a change that was killed in the middle: looks
// whether its effect is there, and says so.
func (s *soak) resolve(p *place) {
	var list struct {
		Issues []struct{ ChangeID string }
	}
	end := p.Do(s.t, disturb.Way{}, "issue", "list")
	if json.Unmarshal(end.Data, &list) != nil {
		s.violation("%s: issue list ended with %s:\n%s", p.Ledger, end, end.Said)
		return
	}
	effects := p.Effects(s.t)
	for _, issue := range list.Issues {
		as := "rolled-back"
		if effects[issue.ChangeID] > 0 {
			as = "applied"
		}
		end := p.Do(s.t, disturb.Way{}, "issue", "resolve", issue.ChangeID, "--as", as, "--reason", "looked", "--yes")
		switch {
		case end.Exit == 0:
			s.resolved.Add(1)
		case end.Exit == 75, end.Exit == 64: // somebody else is at work on it, or was faster
		default:
			s.violation("%s: issue resolve %s --as %s ended with %s:\n%s", p.Ledger, issue.ChangeID, as, end, end.Said)
		}
	}
}
