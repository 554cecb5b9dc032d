// Command mutants breaks the code on purpose, one rule at a time, and prints by which
// test each break was noticed. It ends with 1 when one was not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/chaos/mutants"
)

func main() {
	only := flag.String("only", "", "the ids of the `mutants` to try, with commas; empty: all")
	every := flag.Bool("all", false, "ask every suite of a mutant, and not only up to the first that notices")
	timeout := flag.Duration("timeout", 3*time.Minute, "how long one suite may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // a main
	survived, err := run(ctx, *only, *every, *timeout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || survived > 0 {
		os.Exit(1) //nolint:forbidigo // a main
	}
}

func run(ctx context.Context, only string, every bool, timeout time.Duration) (survived int, err error) {
	root, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	scratch, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)                                                                               //nolint:errcheck // what is left is in the temporary directory
	r := &mutants.Runner{Root: root, Scratch: scratch, LookupEnv: os.LookupEnv, All: every, Timeout: timeout} //nolint:forbidigo // a main
	all := mutants.All()
	if only != "" {
		ids := strings.Split(only, ",")
		all = slices.DeleteFunc(all, func(m mutants.Mutant) bool { return !slices.Contains(ids, m.ID) })
	}
	if err := r.Sound(ctx, mutants.Suites(all)); err != nil {
		return 0, err
	}
	var done []mutants.Outcome
	for i, m := range all {
		o, err := r.Run(ctx, m)
		if err != nil {
			if ctx.Err() != nil {
				return 0, err
			}
			fmt.Fprintln(os.Stderr, err)
		}
		fmt.Fprintf(os.Stderr, "%d/%d %s: %s\n", i+1, len(all), m.ID, summary(o))
		done = append(done, o)
	}
	return mutants.Print(os.Stdout, done), nil
}

func summary(o mutants.Outcome) string {
	if !o.Caught() {
		return "NOT NOTICED: " + o.Mutant.Rule
	}
	if len(o.Silent) > 0 {
		return "noticed, but not by " + strings.Join(o.Silent, ", ")
	}
	return "noticed"
}
