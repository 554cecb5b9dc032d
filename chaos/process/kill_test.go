package process_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/report"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// scenario is one kind of target system on one kind of audit store, and a run to kill.
type scenario struct {
	name     string
	store    string // embedded, dynamodb, or within: embedded, in the target system's database
	make     maker
	table    string
	outcomes map[string]outcome
	// shares says that an effect and its APPLIED are never apart: TX_SHARED.
	shares bool
	// before is where an earlier run was killed; "": the run to kill is the first.
	before string
	// args are the command to kill; nil: apply.
	args []string
	env  []string // of the run to kill
	// exit is the code of that run when nobody kills it.
	exit int
	// lease of the runs; 0: what suits the store. The table of a run that sees renewals
	// ends where they begin to shift its points.
	lease time.Duration
}

// A killed holder on DynamoDB is waited for; on the embedded store it is not.
const (
	leaseDynamoDB = time.Second
	leaseEmbedded = 30 * time.Second
)

func (s *scenario) world(t testing.TB) *world {
	lease := s.lease
	switch {
	case lease > 0:
	case s.store == "dynamodb":
		lease = leaseDynamoDB
	default:
		lease = leaseEmbedded
	}
	w := newWorld(t, s.store == "dynamodb", lease, s.make)
	if s.before != "" {
		if r, _ := w.trace(t, s.before, nil, "apply"); r.signal != syscall.SIGKILL {
			t.Fatalf("the earlier run was not killed at %s, it ended with %d\n%s", s.before, r.exit, r.stderr)
		}
	}
	return w
}

// feel feels the pulse of this process, the disk and the servers of a scenario.
func (s *scenario) feel(t testing.TB) *standstill.Pulse {
	t.Helper()
	p := standstill.Feel(t, 8)
	p.AskDisk(t)
	if s.store == "dynamodb" || strings.HasPrefix(s.name, "DynamoDB") {
		d := simulator(t)
		p.Ask(t, "DynamoDB", func(ctx context.Context) error {
			_, err := d.counters(ctx, "pulse")
			return err
		})
	}
	if strings.HasPrefix(s.name, "PostgreSQL") {
		uri := server.Database(t)
		p.Ask(t, "PostgreSQL", func(ctx context.Context) error {
			_, err := rows(ctx, "pgx", uri)
			return err
		})
	}
	return p
}

func (s *scenario) command() []string {
	if s.args == nil {
		return []string{"apply"}
	}
	return s.args
}

// attempts is how often a case is tried whose run was so slow that it renewed its
// lease, which moves its points.
const attempts = 5

// kill runs a fresh case that is killed at a row. It fails when the run goes another way
// than the table.
func (s *scenario) kill(t testing.TB, rows []row, at int) (w *world, got seen) {
	t.Helper()
	want := names(rows[:at+1])
	var passed []string
	for range attempts {
		w = s.world(t)
		r, trace := w.trace(t, rows[at].String(), s.env, s.command()...)
		points, renewals := settled(trace)
		if r.signal == syscall.SIGKILL && slices.Equal(points, want) {
			if s.shares {
				got.apart = w.apart(t)
			}
			got.found = content(w.content(t))
			if w.system.mend != nil {
				if err := w.system.mend(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			return w, got
		}
		passed = points
		if renewals == 0 || s.lease > 0 {
			t.Fatalf("to be killed at %s, the run ended with %d (%v) and passed\n%s\nwant\n%s\n%s", rows[at], r.exit, r.signal, strings.Join(points, "\n"), strings.Join(want, "\n"), r.stderr)
		}
	}
	t.Fatalf("%d runs were too slow: the last passed %q", attempts, passed)
	return nil, got
}

func content(effects []string) string {
	slices.Sort(effects)
	return strings.Join(effects, " ")
}

// recover runs again as somebody would who only sees exit codes and issues, and adds to
// what was seen at the kill.
func (w *world) recover(t testing.TB, got seen) seen {
	t.Helper()
	r := w.run(t, w.binary, nil, "apply")
	got.exit = r.exit
	if r.exit == 79 {
		ids := w.blocked(t, r)
		got.listed = slices.Equal(w.issues(t), ids)
		var answers []string
		for _, id := range ids {
			answer := w.answer(t, id)
			answers = append(answers, id+" "+answer)
			if r := w.run(t, w.binary, nil, "issue", "resolve", id, "--as", answer, "--reason", "looked at the target system", "--yes"); r.exit != 0 {
				t.Errorf("issue resolve: exit code %d\n%s", r.exit, r.stdout)
			}
		}
		got.person = strings.Join(answers, ", ")
		if r := w.run(t, w.binary, nil, "apply"); r.exit != 0 {
			t.Errorf("after the person's answer: exit code %d\n%s\n%s", r.exit, r.stdout, r.stderr)
		}
	} else if r.exit != 0 {
		t.Errorf("exit code %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	got.history, got.content = w.history(t), content(w.content(t))
	got.held = w.held(t)
	got.verified = w.run(t, w.binary, nil, "audit", "verify").exit
	got.idle = w.run(t, w.binary, nil, "apply").exit
	got.after = w.history(t) + " | " + content(w.content(t))
	return got
}

// answer is a person's, who looks whether the effects of a change are there, and takes
// back what is there in part.
func (w *world) answer(t testing.TB, change string) string {
	t.Helper()
	effects := effectsOf[change]
	there := w.content(t)
	if !slices.ContainsFunc(effects, func(e string) bool { return !slices.Contains(there, e) }) {
		return "applied"
	}
	for _, e := range effects {
		if slices.Contains(there, e) {
			if err := w.system.takeBack(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	return "rolled-back"
}

// turn bounds how many cases run at once: on DynamoDB they mostly wait.
var turn = map[string]chan struct{}{"embedded": make(chan struct{}, 3), "within": make(chan struct{}, 3), "dynamodb": make(chan struct{}, 8)}

func TestKilled(t *testing.T) {
	full := os.Getenv(report.Bound) == report.Full
	all := scenarios()
	chosen, err := bounded(all)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		t.Run(s.store+"/"+s.name, func(t *testing.T) {
			t.Parallel()
			rows, err := rowsOf(s.table, s.store, s.outcomes)
			if err != nil {
				t.Fatal(err)
			}
			pulse := s.feel(t)
			pulse.TryFixed(t, leaseDynamoDB, func(t testing.TB) { s.passes(t, rows) })
			var mu sync.Mutex
			sum := report.Row{Scenario: "kill -9, " + s.name + ", " + s.store}
			killed := 0
			t.Cleanup(func() {
				sum.Note = fmt.Sprintf("%d of %d points", killed, len(rows))
				if path := os.Getenv(report.Variable); path != "" {
					if err := report.Append(path, sum); err != nil {
						t.Error(err)
					}
				}
			})
			for at := range rows {
				if rows[at].then == unkillable || !full && !chosen[place{i, at}] {
					continue
				}
				t.Run(rows[at].String(), func(t *testing.T) {
					t.Parallel()
					turn[s.store] <- struct{}{}
					defer func() { <-turn[s.store] }()
					var w *world
					var effects int
					var violations []string
					pulse.TryFixed(t, leaseDynamoDB, func(t testing.TB) {
						made, killed := s.kill(t, rows, at)
						got := made.recover(t, killed)
						w, effects = made, len(made.content(t))
						violations = judge(s.outcomes[rows[at].then], got)
						for _, v := range violations {
							t.Errorf("killed at %s (%s): %s", rows[at], rows[at].then, v)
						}
						if v := s.never(got); v != "" {
							standstill.Violated(t, "killed at %s (%s): %s", rows[at], rows[at].then, v)
						}
					})
					if w == nil {
						return // it was not killed
					}
					mu.Lock()
					defer mu.Unlock()
					killed++
					sum.Runs += w.runs
					sum.Effects += effects
					sum.Violations += len(violations)
				})
			}
		})
	}
}

// passes checks that a run that nobody kills passes exactly the points of the table.
func (s *scenario) passes(t testing.TB, rows []row) {
	t.Helper()
	var r result
	var points []string
	for range attempts {
		w := s.world(t)
		var trace []string
		r, trace = w.trace(t, "", s.env, s.command()...)
		var renewals int
		if points, renewals = settled(trace); renewals == 0 || s.lease > 0 {
			break
		}
	}
	if r.exit != s.exit {
		t.Fatalf("exit code %d, want %d\n%s", r.exit, s.exit, r.stderr)
	}
	want := names(rows)
	if s.lease > 0 && len(points) > len(want) {
		points = points[:len(want)]
	}
	if !slices.Equal(points, want) {
		t.Fatalf("a run passes\n%s\nand the table has\n%s", strings.Join(points, "\n"), strings.Join(want, "\n"))
	}
}
