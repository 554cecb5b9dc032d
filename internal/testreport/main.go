// Command testreport runs go vet and go test in the root module and in every
// nested module that has tests, prints how long each step took, and ends with
// what was skipped and how to get it. The output of go test is passed on as it
// would print it itself; the last line counts the tests.
//
// A skipped test says how to get what it lacks in its skip message. A message
// that begins with "does not apply: " says that there is nothing to get: a case
// of a conformance suite for an ability that the subject does not have, or a test
// for another operating system.
//
// With FLAMINGOCK_TEST_REQUIRE=all a skip is a failure, unless it does not apply.
//
// localstack-tests/cmd/localstack runs it beside an AWS simulator, and says in
// FLAMINGOCK_TEST_LOCALSTACK_ROUTE how it came by that, which the end repeats.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := newReport(os.Stdout)
	r.localStack = os.Getenv("FLAMINGOCK_TEST_LOCALSTACK_ROUTE")
	if err := run(ctx, r, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	ok := r.finish(os.Getenv("FLAMINGOCK_TEST_REQUIRE") == "all")
	if !ok {
		os.Exit(1)
	}
}

// run does every step of every module; flags go to go test.
func run(ctx context.Context, r *report, flags []string) error {
	modules, err := testedModules(".")
	if err != nil {
		return err
	}
	race := raceDetector(ctx)
	if race == "" {
		flags = append([]string{"-race"}, flags...)
	} else {
		r.lacking("the race detector", race)
	}
	for _, dir := range modules {
		r.step("go vet", dir, func() error { return vet(ctx, r, dir) })
		together, alone, err := groups(ctx, dir)
		if err != nil {
			return err
		}
		r.step(strings.Join(append([]string{"go test"}, flags...), " "), dir, func() error { return test(ctx, r, dir, flags, together) })
		if len(alone) > 0 {
			one := append([]string{"-p=1"}, flags...)
			r.step(strings.Join(append([]string{"go test"}, one...), " "), dir, func() error { return test(ctx, r, dir, one, alone) })
		}
	}
	return ctx.Err()
}
