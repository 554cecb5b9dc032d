package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// limit is what a change may take longer than the same calls of the bare client, past the
// audit, as a part of what those take.
const limit = 0.20

// series are the times of one thing.
type series []time.Duration

// median is the lower one of an even number; 0 of nothing.
func (s series) median() time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[(len(sorted)-1)/2]
}

// row is what was measured of a target system. Each series has a time of every round: the
// median of its operations.
type row struct {
	name, operation, extra   string
	calls                    float64 // per change, on the wire; 0: there is no wire
	plain, same, ours, audit series
	both                     series // the calls of same, made by changes in Go: with the audit
}

// overhead is what a change takes beyond the same calls with the audit, as a part of what
// the same calls take by themselves.
func (r row) overhead() float64 { return r.over(r.both) }

// beyond is the same with the calls and the audit measured apart: each is quicker by
// itself than in turn with the other.
func (r row) beyond() float64 { return r.over(r.same, r.audit) }

// over is the median of what the rounds differ by: other work on the machine comes and
// goes, and is the same for all within a round, more or less.
func (r row) over(what ...series) float64 {
	var differences series
	for i, d := range r.ours {
		for _, s := range what {
			d -= s[i]
		}
		differences = append(differences, d)
	}
	same := r.same.median()
	if same <= 0 {
		return 0
	}
	return float64(differences.median()) / float64(same)
}

// missed says whether the limit is; a row without a value misses it.
func (r row) missed() bool { return r.same.median() <= 0 || r.overhead() > limit }

// printTable prints the rows and returns how many missed the limit.
func printTable(w io.Writer, rows []row) (missed int) {
	fmt.Fprintln(w, "| target system, operation | bare | audit | both | ours | over both | limit | | over their sum |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range rows {
		verdict := "PASS"
		if r.missed() {
			verdict = "MISS"
			missed++
		}
		fmt.Fprintf(w, "| %s: %s | %s | %s | %s | %s | %s | ≤ %s | %s | %s |\n", r.name, r.operation,
			millis(r.same), millis(r.audit), millis(r.both), millis(r.ours), percent(r.overhead()), percent(limit), verdict, percent(r.beyond()))
	}
	fmt.Fprint(w, "\n| target system | plain operation | calls on the wire, each change | of these, for safety |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		calls := "not seen"
		if r.calls > 0 {
			calls = fmt.Sprintf("%g", r.calls)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.name, millis(r.plain), calls, r.extra)
	}
	return missed
}

func millis(s series) string {
	return fmt.Sprintf("%.2f ms", float64(s.median())/float64(time.Millisecond))
}

func percent(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }
