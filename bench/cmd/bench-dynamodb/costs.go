package main

import (
	"context"
	"fmt"
)

// printCosts counts what runs of several sizes ask of DynamoDB.
func printCosts(ctx context.Context, w *world, o *options) error {
	fmt.Printf("Requests and capacity of one run, counted on the wire; prices of $%g and $%g for a million read and write request units:\n\n", o.priceRead, o.priceWrite)
	fmt.Println("| applied before | applied by this run | requests | read units | write units | dollars per 1,000 runs |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	for _, c := range []struct{ before, n int }{{1, 0}, {100, 0}, {1000, 0}, {1, 1}, {1, 10}, {1, 100}, {1, 1000}} {
		ledger := fmt.Sprintf("costs/%d-%d", c.before, c.n)
		// The ledger exists, as it does for all runs but the first.
		if _, err := w.apply(ctx, newWire(), ledger, c.before, nil); err != nil {
			return err
		}
		over := newWire()
		over.capacity = true
		if _, err := w.apply(ctx, over, ledger, c.before+c.n, nil); err != nil {
			return err
		}
		want := c.n + 2
		if c.n == 0 {
			want = 1
		}
		if len(over.bodies) != want {
			return fmt.Errorf("a run of %d changes made %d requests", c.n, len(over.bodies))
		}
		dollars := (over.read*o.priceRead + over.write*o.priceWrite) / 1e6 * 1000
		fmt.Printf("| %d | %d | %d | %g | %g | %.5f |\n", c.before, c.n, len(over.bodies), over.read, over.write, dollars)
	}
	fmt.Println()
	return nil
}
