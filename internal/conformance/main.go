// Command conformance runs the conformance suite of target systems, and what each of
// them makes of bad input, against all servers there are, and prints two tables in
// Markdown: which case passed on which target system. What failed is told on standard
// error as it happens; standard output has the tables only.
//
// A case that was skipped for want of a server is a failure with
// FLAMINGOCK_TEST_REQUIRE=all.
//
//	conformance [flags of go test]
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/flamingock/flamingock-go/internal/gotest"
)

// suites are printed in this order. A test belongs to the suite that its name begins with.
func suites() []*suite {
	return []*suite{
		newSuite("Conformance", "the cases of `core/targettest`", "TestConformance"),
		newSuite("Bad input", "the cases of `internal/badinput`, through the command line", "TestBadInput"),
	}
}

const packages = "./targets/..."

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := newRecord(os.Stderr, suites())
	args := slices.Concat([]string{"-run", r.pattern()}, os.Args[1:], []string{packages})
	runErr := gotest.Run(ctx, ".", os.Stderr, r.read, args...)
	ok, err := r.print(os.Stdout, os.Getenv("FLAMINGOCK_TEST_REQUIRE") == "all")
	if runErr != nil || err != nil || !ok {
		say(os.Stderr, "conformance: %s\n", failure(runErr, err))
		os.Exit(1)
	}
}

func failure(errs ...error) string {
	for _, err := range errs {
		if err != nil {
			return err.Error()
		}
	}
	return "not all cases passed"
}

// say ignores write errors: there is nowhere else to say so.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
