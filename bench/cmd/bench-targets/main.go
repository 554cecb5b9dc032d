// Command bench-targets measures what a change costs on each target system, beside the
// system's own client making the same calls: in one process, in one run, by turns. It
// prints Markdown, and exits with 1 when a target system is over the limit.
//
// Four things are measured of each: changes through the Runner, with the embedded audit
// store; changes that do nothing, of the same form, which is what the audit costs; and the
// bare client with the same calls. Beside them, for information, the plain operation:
// what a script would do that knows no fence, no marker and no second look.
//
// That the calls are the same is seen on the wire, before anything is timed: both go
// through a proxy once that writes them down.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
)

type settings struct {
	changes, rounds int
	only            string
	wire            bool
}

func main() {
	var o settings
	flag.IntVar(&o.changes, "n", 200, "how many changes of each target system")
	flag.IntVar(&o.rounds, "rounds", 40, "in how many rounds")
	flag.StringVar(&o.only, "only", "", "measure these target systems only: `names`, with commas between")
	flag.BoolVar(&o.wire, "wire", false, "print the calls of some changes, too")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := bench(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-targets:", err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "bench-targets: target systems over the limit: %d\n", missed)
		os.Exit(1)
	}
}

// bench measures all that were asked for. What cannot be measured for want of a server is
// an error, after the others were.
func bench(ctx context.Context, o *settings) (missed int, err error) {
	if o.rounds < 1 || o.changes < o.rounds {
		return 0, errors.New("-n must be at least -rounds, and that 1")
	}
	h := newHost(ctx)
	defer h.close()
	w, err := newWorld(ctx, h.dir)
	if err != nil {
		return 0, err
	}
	defer w.close()
	var rows []row
	var failed []error
	for _, m := range makers(h) {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), m.name) {
			continue
		}
		var s *system
		err := h.run(func(tb server) { s = m.make(tb) })
		var r row
		if err == nil {
			r, err = measure(ctx, o, w, s)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		rows = append(rows, r)
	}
	fmt.Printf("%d changes of each in %d rounds, medians; %s %s/%s, %d CPUs.\n\n",
		o.changes, o.rounds, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	missed = printTable(os.Stdout, rows)
	return missed, errors.Join(failed...)
}
