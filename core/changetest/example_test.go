package changetest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/changetest"
)

// flags is the client of a system without transactions, as a user would fake it.
type flags map[string]bool

var errTaken = errors.New("the flag exists")

func createFlag(name string) core.Step {
	return core.StepFor(func(_ context.Context, f flags) error {
		if f[name] {
			return errTaken
		}
		f[name] = true
		return nil
	})
}

func deleteFlag(name string) core.Step {
	return core.StepFor(func(_ context.Context, f flags) error { delete(f, name); return nil })
}

// The changes under test.
func flagChanges() []core.Stage {
	return []core.Stage{{Name: "flags", Changes: []core.Change{
		{ID: "new-checkout", Order: "1", Author: "shop", TargetSystem: "flags", Revision: "1", Apply: createFlag("checkout"), Rollback: deleteFlag("checkout")},
		{ID: "dark-mode", Order: "2", Author: "shop", TargetSystem: "flags", Revision: "1", Apply: createFlag("dark"), Rollback: deleteFlag("dark")},
	}}}
}

// printer stands for the *testing.T of a test.
type printer struct{}

func (printer) Helper()                           {}
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (printer) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// A test says what was recorded before, runs, and says what it expects.
func ExampleGiven() {
	t := printer{} // in a test: its *testing.T
	fake := flags{"checkout": true}

	changetest.Given(t, flagChanges(), core.NewClientTarget("flags", fake)).
		Recorded("new-checkout", core.StateApplied).
		Apply().
		Succeeds().
		Reports("new-checkout ALREADY_APPLIED", "dark-mode APPLIED").
		Audits("dark-mode STARTED", "dark-mode APPLIED")

	fmt.Println(fake)
	// Output: map[checkout:true dark:true]
}

// What an earlier execution left behind decides what a run may do.
func ExampleWorld_Recorded() {
	t := printer{}

	res := changetest.Given(t, flagChanges(), core.NewClientTarget("flags", flags{})).
		Recorded("new-checkout", core.StateStarted). // and then its process died
		Apply().
		FailsWith(core.CodeManualIntervention).
		Reports("new-checkout BLOCKED", "dark-mode NOT_REACHED").
		Audits()

	fmt.Println(res.Err)
	// Output: manual intervention required for new-checkout (STARTED)
}

// A change that fails is rolled back, and stops its stage.
func ExampleResult_Audits() {
	t := printer{}
	fake := flags{"checkout": true} // somebody else's

	changetest.Given(t, flagChanges(), core.NewClientTarget("flags", fake)).
		Apply().
		FailsWith(core.CodeChangeFailed).
		Reports("new-checkout ROLLED_BACK", "dark-mode NOT_REACHED").
		Audits("new-checkout STARTED", "new-checkout FAILED", "new-checkout ROLLED_BACK")

	fmt.Println(fake)
	// Output: map[]
}

// Check looks at one change without running it.
func ExampleCheck() {
	t := printer{}
	c := flagChanges()[0].Changes[0]
	target := core.NewClientTarget("flags", flags{})

	changetest.Check(t, c, target).RunsAs(core.TxNone).HasRollback().Recovers(core.ManualIntervention)

	c.Author, c.Revision, c.Rollback = "", "", core.Step{}
	changetest.Check(t, c, target).HasRollback()
	// Output:
	// change new-checkout: change "new-checkout" has no author
	// change new-checkout: change "new-checkout" has no Revision, so that nobody sees when its code is edited
	// step 1 of change "new-checkout" has no rollback
}
