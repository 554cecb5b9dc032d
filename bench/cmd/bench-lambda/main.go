// Command bench-lambda measures the Lambda function as it is shipped: how long it takes
// to start, what invocations with nothing to do take, cold and warm, its memory and the
// size of its zips, and how much of it each target system is. It prints Markdown, and
// exits with 1 when a limit is missed.
//
// The audit store is on the LocalStack that FLAMINGOCK_TEST_LOCALSTACK_URI names; times
// with it are LocalStack's more than ours. Processes are started by this program, which
// is then Lambda's Runtime API, and by AWS's Runtime Interface Emulator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

type options struct {
	root, dir, rie  string
	runs, warm      int
	measure, shares bool
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "..", "the `directory` of the repository")
	flag.StringVar(&o.dir, "dir", "", "the `directory` for what is built; default: .cache/bench-lambda in the repository")
	flag.StringVar(&o.rie, "rie", "", "the emulator; default: the one that infra/verify tools installs")
	flag.IntVar(&o.runs, "n", 10, "how many processes of each")
	flag.IntVar(&o.warm, "warm", 20, "how many warm invocations of each process")
	flag.BoolVar(&o.measure, "measure", true, "measure the functions; false: build without each target system only")
	flag.BoolVar(&o.shares, "shares", true, "build without each target system, too")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := bench(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-lambda:", err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "bench-lambda: %d limits missed\n", missed)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o *options) (missed int, err error) {
	if runtime.GOOS != "linux" {
		return 0, errors.New("a Lambda function runs on Linux")
	}
	if err := o.complete(); err != nil {
		return 0, err
	}
	if !o.measure {
		return 0, printShares(ctx, os.Stdout, o)
	}
	functions, err := buildFunctions(ctx, o)
	if err != nil {
		return 0, err
	}
	endpoint := os.Getenv(awstest.LocalStackVariable)
	if endpoint == "" {
		return 0, errors.New("needs LocalStack: set " + awstest.LocalStackVariable + ", or use make bench-lambda")
	}
	w, err := newWorld(ctx, endpoint, filepath.Join(o.dir, "bundle"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	fmt.Printf("Medians of %d processes (least – most); %s linux/%s, %d CPUs. The changes were all applied before.\n\n", o.runs, runtime.Version(), runtime.GOARCH, runtime.NumCPU())
	var rows []row
	for _, f := range functions {
		if f.arch != runtime.GOARCH {
			continue
		}
		more, err := measure(ctx, o, w, f)
		if err != nil {
			return 0, err
		}
		rows = append(rows, more...)
	}
	missed = printTable(os.Stdout, append(rows, sizes(functions)...))
	if !o.shares {
		return missed, nil
	}
	return missed, printShares(ctx, os.Stdout, o)
}

// complete fills in what was not said, and makes paths absolute: processes are started
// in directories of their own.
func (o *options) complete() (err error) {
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	if o.dir == "" {
		o.dir = filepath.Join(o.root, ".cache", "bench-lambda")
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	if !o.measure { // no function is started
		return nil
	}
	if o.rie != "" {
		o.rie, err = filepath.Abs(o.rie)
		return err
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	found, err := filepath.Glob(filepath.Join(o.root, ".cache", "infra", "tools", "lib", "python3*", "site-packages", "samcli", "local", "rapid", "aws-lambda-rie-"+arch))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("needs AWS's Runtime Interface Emulator: infra/verify tools installs the SAM CLI, which has it; or name it with -rie")
	}
	o.rie = found[0]
	return nil
}
