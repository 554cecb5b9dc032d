// Command chaos shows what design.md 3 promises: it explores the model, checks histories,
// and kills, pauses and cuts off real processes. It prints what was done and ends with 1
// when a promise was broken. The variables FLAMINGOCK_TEST_…_URI name servers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/flamingock/flamingock-go/chaos/report"
)

// parts are the packages with the scenarios, in the order of their cost.
func parts() []string {
	return []string{"./chaos/sim", "./chaos/linear", "./chaos/process", "./chaos/disturb", "./chaos/soak"}
}

func main() {
	full := flag.Bool("full", true, "everything; false: what make test does")
	read := flag.String("print", "", "run nothing, and print the rows of this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // a main
	err := run(ctx, *full, *read)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1) //nolint:forbidigo // a main
	}
}

func run(ctx context.Context, full bool, read string) error {
	if read != "" {
		return printRows(read)
	}
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is in the temporary directory
	rows := filepath.Join(dir, "rows.jsonl")
	var failed []error
	for _, part := range parts() {
		began := time.Now() //nolint:forbidigo // a main
		cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "20m", part)
		cmd.Env = append(os.Environ(), report.Variable+"="+rows) //nolint:forbidigo // a main
		if full {
			cmd.Env = append(cmd.Env, report.Bound+"="+report.Full)
		}
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", part, err))
		}
		fmt.Fprintf(os.Stderr, "%s took %s\n", part, time.Since(began).Round(time.Second)) //nolint:forbidigo // a main
	}
	return errors.Join(append(failed, printRows(rows))...)
}

func printRows(path string) error {
	rows, err := report.Read(path)
	if err != nil {
		return err
	}
	if violations := report.Print(os.Stdout, rows); violations > 0 {
		return fmt.Errorf("%d violations", violations)
	}
	return nil
}
