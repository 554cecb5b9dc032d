//go:build unix

package shop_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// kill is a place where a run dies, and what follows.
type kill struct {
	change string
	step   int    // of the change, from 1
	point  string // the first such one, from the beginning of that step on
	// found is how many effects of the change are there when the process is dead.
	found int
	// exit is the code of the next run, and answer what a person says whom it asks; "":
	// nobody is asked.
	exit   int
	answer string
	// history is the change in the ledger at the end. The others are there once, and what
	// is in the systems is there once.
	history string
}

const (
	untouched = "STARTED APPLIED"
	found     = "STARTED APPLIED*"
	again     = "STARTED ROLLED_BACK* STARTED APPLIED"
	retried   = "STARTED FAILED*? STARTED APPLIED" // by ALWAYS_RETRY
	asked     = "STARTED FAILED*? MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"
)

var kills = []kill{
	// PostgreSQL: the marker commits with the change.
	{"create-orders", 1, "step.done", 0, 0, "", again},
	{"first-products", 1, "step.starting", 0, 0, "", again},
	{"first-products", 1, "target.committing", 0, 0, "", again},
	{"first-products", 1, "target.committed", 3, 0, "", found},
	{"first-products", 1, "append.sending", 3, 0, "", found},
	// MongoDB without transactions. To make a collection twice does no harm; to insert a
	// document late might, so that what is not there yet is a person's.
	{"create-carts", 1, "step.starting", 0, 0, "", again},
	{"create-carts", 2, "step.starting", 1, 0, "", retried},
	{"beta-carts", 1, "step.starting", 0, 79, "rolled-back", asked},
	{"beta-carts", 1, "step.done", 2, 0, "", found},
	{"beta-carts", 1, "append.sending", 2, 0, "", found},
	// DynamoDB: the items and the audit entry are one request.
	{"create-stock", 1, "step.starting", 0, 0, "", retried},
	{"create-stock", 1, "step.done", 1, 0, "", found},
	{"first-stock", 1, "append.sending", 0, 0, "", "STARTED STARTED APPLIED"},
	{"first-stock", 1, "append.answered", 3, 0, "", untouched},
	// S3.
	{"create-assets", 1, "step.starting", 0, 79, "rolled-back", asked},
	{"create-assets", 1, "step.done", 1, 0, "", found},
	{"shop-settings", 1, "step.starting", 0, 79, "rolled-back", asked},
	{"open-shop", 2, "step.starting", 1, 79, "rolled-back", asked},
	{"open-shop", 2, "append.sending", 2, 0, "", found},
	// SQS: a queue can be looked at, messages cannot.
	{"create-queues", 1, "step.starting", 0, 0, "", again},
	{"create-queues", 2, "step.starting", 1, 0, "", retried},
	{"tell-warehouse", 1, "step.starting", 0, 79, "rolled-back", "STARTED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED"},
	{"tell-warehouse", 1, "step.done", 1, 79, "applied", "STARTED MANUAL_MARKED_AS_APPLIED"},
	{"tell-warehouse", 1, "append.sending", 1, 79, "applied", "STARTED MANUAL_MARKED_AS_APPLIED"},
	// HTTP: a probe, and a key that is the same in every attempt.
	{"register-webhook", 1, "step.starting", 0, 0, "", retried},
	{"register-webhook", 1, "step.done", 1, 0, "", found},
	{"register-webhook", 1, "append.sending", 1, 0, "", found},
}

// place says which of its kind a point is in a whole run, such as step.done#3, by the
// trace of a run that nobody kills.
func (k *kill) place(trace []string) (string, error) {
	begun := k.step
	for _, e := range effects {
		if e.change == k.change {
			break
		}
		begun += e.steps
	}
	nth := 0
	for _, p := range trace {
		if p == k.point {
			nth++
		}
		if p == "step.starting" {
			begun--
		}
		if p == k.point && begun <= 0 {
			return fmt.Sprintf("%s#%d", p, nth), nil
		}
	}
	return "", fmt.Errorf("a run does not pass %s in %s", k.point, k.change)
}

// feel feels the pulse of this process, of LocalStack and of PostgreSQL.
func feel(t testing.TB) *standstill.Pulse {
	t.Helper()
	p := standstill.Feel(t, 8)
	client := newClients(awstest.LocalStack(t)).dynamodb
	p.Ask(t, "LocalStack", func(ctx context.Context) error {
		_, err := client.ListTables(ctx, &dynamodb.ListTablesInput{Limit: aws.Int32(1)}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
		return err
	})
	s := systems{dsn: postgres.Database(t)}
	p.Ask(t, "PostgreSQL", func(ctx context.Context) error {
		_, err := s.inPostgres(ctx)
		return err
	})
	return p
}

// A run is killed inside of a change, and run again as an operator would who sees exit
// codes and what is said. What the probes and markers can tell settles itself; what they
// cannot is asked, by name, with the commands that answer. In the end all is there once.
func TestKilled(t *testing.T) {
	t.Parallel()
	pulse := feel(t)
	var trace []string
	pulse.TryFixed(t, killableLease, func(t testing.TB) {
		whole := newWorld(t)
		var r result
		r, trace = whole.trace(t, "")
		if steps := strings.Count(strings.Join(trace, " ")+" ", "step.starting "); r.exit != 0 || steps != 15 {
			t.Fatalf("exit code %d with %d steps\n%s", r.exit, steps, r.stderr)
		}
		whole.settled(t, once())
	})

	for _, k := range kills {
		place, err := k.place(trace)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%s/%d %s", k.change, k.step, k.point), func(t *testing.T) {
			t.Parallel()
			pulse.TryFixed(t, killableLease, func(t testing.TB) { k.carryOut(t, place) })
		})
	}
}

func (k *kill) carryOut(t testing.TB, place string) {
	w := newWorld(t)
	if r, passed := w.trace(t, place); r.signal != syscall.SIGKILL {
		t.Fatalf("to be killed at %s, the run ended with %d, and passed %q\n%s", place, r.exit, passed, r.stderr)
	}
	if diff := cmp.Diff(after(k.change, k.found), w.see.content(t)); diff != "" {
		t.Errorf("the six systems when the process is dead (-want +got):\n%s", diff)
	}
	r := w.expect(t, k.exit, "apply")
	if k.exit == 79 {
		w.person(t, k, r)
		w.expect(t, 0, "apply")
	}
	history := once()
	history[k.change] = k.history
	w.settled(t, history)
}

// person does what the run asks for: looks into the systems, takes back what is there in
// part, and answers.
func (w *world) person(t testing.TB, k *kill, r result) {
	t.Helper()
	var asked struct {
		Error struct{ Code, Message, Hint string }
	}
	r.decode(t, &asked)
	_, command, named := strings.Cut(asked.Error.Hint, "with: ")
	if asked.Error.Code != "ManualIntervention" || !strings.Contains(asked.Error.Message, k.change) || !named {
		t.Fatalf("got %+v, want ManualIntervention for %s, and a command", asked.Error, k.change)
	}
	if said := w.shell(t, command); !strings.Contains(said, k.change) {
		t.Errorf("%s says\n%s", command, said)
	}
	var list struct {
		Data struct {
			Issues []struct {
				ChangeID string
				Commands []string
			}
		}
	}
	w.expect(t, 0, "issue", "list").decode(t, &list)
	if len(list.Data.Issues) != 1 || list.Data.Issues[0].ChangeID != k.change {
		t.Fatalf("the issues are %+v, want %s only", list.Data.Issues, k.change)
	}
	if answer := w.look(t, k.change); answer != k.answer {
		t.Errorf("somebody who looks answers %s, want %s", answer, k.answer)
	}
	for _, c := range list.Data.Issues[0].Commands {
		if strings.Contains(c, "--as "+k.answer+" ") {
			w.shell(t, strings.Replace(c, "…", "looked into the target system", 1)+" --yes")
			return
		}
	}
	t.Fatalf("none of %q answers %s", list.Data.Issues[0].Commands, k.answer)
}

// look is what a person finds out: whether all effects of a change are there. What is
// there in part, they take back.
func (w *world) look(t testing.TB, change string) string {
	t.Helper()
	e := effectOf(change)
	content := w.see.content(t)
	there := 0
	for _, l := range e.lines {
		if slices.Contains(content, l) {
			there++
		}
	}
	if there == len(e.lines) {
		return "applied"
	}
	if change == "open-shop" && there > 0 {
		w.see.put(t, "settings.json", `{"currency":"EUR","open":false}`)
	}
	return "rolled-back"
}

// shell carries out a command as it was told.
func (w *world) shell(t testing.TB, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	c.Dir, c.Env = w.dir, append(w.env[:len(w.env):len(w.env)], "PATH="+filepath.Dir(release.build(t)))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// Every system has a place before its effect, after it, and before its record.
func TestEverySystemIsKilled(t *testing.T) {
	t.Parallel()
	type places struct{ before, after, unrecorded bool }
	got := map[string]places{}
	for _, k := range kills {
		e := effectOf(k.change)
		p := got[e.system()]
		p.before = p.before || k.found == 0
		p.after = p.after || k.found == len(e.lines)
		p.unrecorded = p.unrecorded || k.point == "append.sending"
		got[e.system()] = p
	}
	want := map[string]places{}
	for _, e := range effects {
		want[e.system()] = places{true, true, true}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(places{})); diff != "" || len(want) != 6 {
		t.Errorf("where runs are killed (-want +got):\n%s", diff)
	}
}
