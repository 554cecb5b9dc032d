package targettest

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// mutants are the rules that can be broken, each with the cases that must notice.
func mutants() map[string][]string {
	return map[string][]string{
		"Handles says what Open gives":             {"contract/handles are of the types that it names"},
		"Handles says what Transact gives":         {"contract/handles are of the types that it names"},
		"Handles says that there are transactions": {"contract/the harness tells the truth", "session/another system's step is an error at load"},
		"Close can be called twice":                {"contract/closed twice"},
		"Ping changes nothing":                     {"contract/ping changes nothing"},
		"Ping finds out":                           {"outage/at Ping: nothing is written", "outage/after it was used"},
		"a target connects again": {
			"outage/at Ping: nothing is written", "outage/after it was used", "outage/before a direct change",
			"outage/before the fence is raised: not begun",
		},
		"RaiseFence obeys its context": {"contract/a context that has ended does nothing"},
		"Transact obeys its context":   {"contract/a context that has ended does nothing"},

		"RaiseFence raises":                             {"fence/keeps an older token out", "fence/can be raised again but not lowered"},
		"Transact obeys the fence":                      {"fence/keeps an older token out", "fence/keeps a lower number of the same token out", "fence/is raised by a commit as well"},
		"the fence comes before the work":               {"fence/keeps an older token out", "holder/paused before its transaction cannot commit"},
		"N counts":                                      {"fence/keeps a lower number of the same token out"},
		"the fence is not lowered":                      {"fence/can be raised again but not lowered", "fence/is raised by a commit as well"},
		"a fence can be raised to where it is":          {"fence/can be raised again but not lowered"},
		"a commit raises the fence":                     {"fence/is raised by a commit as well"},
		"ledgers have their own fences":                 {"fence/ledgers have their own"},
		"the fence row is locked by its writer":         {"holder/paused in its transaction: one of both commits"},
		"a rollback takes the effect back":              {"restore/a failing transaction leaves nothing", "restore/steps of a transaction commit together", "restore/what the system refuses leaves nothing", "restore/a panic in a transaction leaves nothing", "restore/the guard is asked last and obeyed", "stop/in a transaction"},
		"statements are part of the transaction":        {"restore/a failing transaction leaves nothing", "lost/in a step of a transaction", "lost/before COMMIT", "stop/in a transaction", "stop/in a slow statement of a transaction", "stop/unheard, right before COMMIT"},
		"a transaction that died is rolled back":        {"crash/in a step of a transaction"},
		"an error of the work is returned":              {"restore/a failing transaction leaves nothing", "marker/is not there after a failure"},
		"a failed transaction is ended":                 {"restore/a failing transaction leaves nothing", "restore/a panic in a transaction leaves nothing"},
		"a failure is definite":                         {"marker/is not there after a failure"},
		"the guard is asked":                            {"restore/the guard is asked last and obeyed", "stop/unheard, right before COMMIT", "commit/it never arrived"},
		"the guard is asked after the work":             {"restore/the guard is asked last and obeyed", "stop/unheard, right before COMMIT"},
		"work gets the promised handle":                 {"contract/handles are of the types that it names"},
		"a step that ends its transaction is found out": {"ended/a step ends its transaction and fails", "ended/a step ends its transaction and says so to nobody"},
		"a lost COMMIT is no success":                   {"lost/before COMMIT"},

		"a marker is written":                 {"marker/commits with its change", "crash/a marker settles what was committed but not recorded", "commit/its answer is lost", "marker/says that the attempt is committed already"},
		"a marker is inserted, not upserted":  {"marker/says that the attempt is committed already"},
		"a marker is part of the transaction": {"marker/is not there after a failure", "crash/in a step of a transaction", "commit/it never arrived"},
		"markers tell ledgers apart":          {"marker/commits with its change"},
		"markers tell attempts apart":         {"marker/commits with its change"},
		"markers tell changes apart":          {"marker/commits with its change"},
		"settled markers go":                  {"marker/a settled one goes with the next commit"},
		"a new system can be asked":           {"marker/a new system has none"},
		"a marker can be put twice":           {"marker/put and deleted on a person's word"},
		"PutMarker puts":                      {"marker/put and deleted on a person's word"},
		"DeleteMarkers deletes":               {"marker/none is left after a run", "marker/put and deleted on a person's word"},
		"DeleteMarkers leaves the others":     {"marker/put and deleted on a person's word"},
		"a missing marker is no error":        {"marker/a new system has none"},

		"a probe changes nothing":                  {"crash/a probe changes nothing"},
		"a probe tells the truth":                  {"crash/a probe finds the effect", "crash/a probe finds nothing"},
		"a slow call ends with its context":        {"stop/in a slow call"},
		"a configuration is strict":                {"template/bad payloads are rejected at their place"},
		"a payload is of its type":                 {"template/bad payloads are rejected at their place"},
		"an empty payload is a fault":              {"template/bad payloads are rejected at their place"},
		"a payload is checked":                     {"template/bad payloads are rejected at their place"},
		"a template's rollback takes back":         {"template/a good payload can be applied, rolled back and applied again"},
		"a template's step refuses a wrong handle": {"template/a step refuses another system's handle"},
	}
}

// works are the cases that no mutant of a target is needed for: they describe what
// the Runner makes of a target that works at all.
var works = []string{
	"restore/rollback takes back what apply did", "restore/a failing change is rolled back", "restore/what the system refuses is known to be refused",
	"restore/a panic outside of a transaction is a failure", "crash/before the transaction", "crash/outside of a transaction waits for a person",
	"retry/an applied change is not executed again", "retry/ALWAYS_RETRY converges after a failure", "retry/ALWAYS_RETRY converges after a crash",
	"stop/outside of a transaction", "stop/before the transaction", "outage/before the transaction: not begun", "lost/in a direct change", "race/two runs at once execute each change once",
	"race/first use by several at once", "session/another system's handle is an error at run", "session/transactional is refused where there are none",
	"template/the harness has payloads for each", "template/a good payload loads under every name",
}

// TestSuiteCanFail proves that the suite proves something.
func TestSuiteCanFail(t *testing.T) {
	for rule, caughtBy := range mutants() {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			for _, name := range caughtBy {
				r := watch(t, name, harness(rule))
				if !r.failed {
					t.Errorf("case %q passed; log:\n%s", name, r.log)
				}
			}
		})
	}
}

// TestSuiteCoversItself names the cases that nothing proves to be able to fail.
func TestSuiteCoversItself(t *testing.T) {
	var needed []string
	for _, caughtBy := range mutants() {
		needed = append(needed, caughtBy...)
	}
	for _, c := range cases() {
		if !slices.Contains(needed, c.name) && !slices.Contains(works, c.name) {
			t.Errorf("no mutant proves that case %q can fail", c.name)
		}
	}
}

// watch runs one case and returns what it said.
func watch(t *testing.T, name string, h Harness) *recorder {
	t.Helper()
	i := slices.IndexFunc(cases(), func(c testCase) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("there is no case %q", name)
	}
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.cleanUp()
		cases()[i].start(r, h)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("case %q hangs", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r
}

// recorder watches a case instead of failing the test that runs it.
type recorder struct {
	testing.TB

	mu       sync.Mutex
	failed   bool
	log      string
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) note(failed bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	r.log += text + "\n"
}

func (r *recorder) Error(args ...any)                 { r.note(true, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.note(true, fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

func (r *recorder) Skip(args ...any) { r.note(false, fmt.Sprint(args...)); runtime.Goexit() }

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) cleanUp() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}
