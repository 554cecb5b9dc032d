// Command bench-dynamodb measures the audit store on DynamoDB against the simulators that
// the environment names (FLAMINGOCK_TEST_LOCALSTACK_URI, FLAMINGOCK_TEST_DYNAMODB_URI):
// what a run costs in requests, capacity and money; how much longer a run takes
// than its bare requests; and many ledgers at once. It prints Markdown.
//
// Requests are counted on the wire, and capacity is what the simulator reports.
// Times are the simulator's, not AWS's: compare the columns, not the numbers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

type options struct {
	runs, ledgers, workers int
	priceRead, priceWrite  float64 // dollars per million units
	costs, strict          bool
}

func main() {
	var o options
	flag.IntVar(&o.runs, "n", 5, "how many runs of each; medians are printed")
	flag.IntVar(&o.ledgers, "ledgers", 1000, "how many ledgers of ten changes are applied at once; 0: none")
	flag.IntVar(&o.workers, "workers", 50, "how many workers apply them")
	flag.Float64Var(&o.priceRead, "price-read", 0.125, "`dollars` for a million read request units")
	flag.Float64Var(&o.priceWrite, "price-write", 0.625, "`dollars` for a million write request units")
	flag.BoolVar(&o.costs, "costs", true, "print what runs cost, too")
	flag.BoolVar(&o.strict, "strict", false, "exit with 1 when a limit is missed")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := bench(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if missed > 0 && o.strict {
		os.Exit(1)
	}
}

// simulator is one endpoint to measure against.
type simulator struct{ name, url string }

func simulators() ([]simulator, error) {
	var all []simulator
	if u := os.Getenv(awstest.LocalStackVariable); u != "" {
		all = append(all, simulator{"LocalStack", u})
	}
	if u := os.Getenv(awstest.DynamoDBVariable); u != "" {
		all = append(all, simulator{"DynamoDB Local", u})
	}
	if len(all) == 0 {
		return nil, errors.New("no simulator: set " + awstest.LocalStackVariable + " or " + awstest.DynamoDBVariable + " (localstack-tests has a command that starts one)")
	}
	return all, nil
}

func bench(ctx context.Context, o *options) (missed int, err error) {
	all, err := simulators()
	if err != nil {
		return 0, err
	}
	for i, sim := range all {
		w, err := newWorld(ctx, sim)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", sim.name, err)
		}
		if i == 0 && o.costs { // the same everywhere
			if err := printCosts(ctx, w, o); err != nil {
				return missed, err
			}
		}
		m, err := printTimes(ctx, w, o)
		missed += m
		if err == nil && o.ledgers > 0 {
			err = printMany(ctx, w, o)
		}
		if err := errors.Join(err, w.close(ctx)); err != nil {
			return missed, fmt.Errorf("%s: %w", sim.name, err)
		}
	}
	return missed, nil
}
