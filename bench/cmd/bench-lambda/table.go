package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// series are measurements of one thing.
type series []float64

func (s *series) add(x float64) { *s = append(*s, x) }

// spread returns the least, the middle and the largest value; zero of nothing.
func (s series) spread() (least, middle, most float64) {
	if len(s) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[0], sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
}

// row is one line: its middle value has to be less than the limit; 0: there is none.
type row struct {
	name   string
	values series
	unit   func(float64) string
	limit  float64
}

// missed says whether the limit is; a row without a value misses it.
func (r row) missed() bool {
	_, middle, _ := r.values.spread()
	return r.limit > 0 && (len(r.values) == 0 || middle >= r.limit)
}

func inMillis(x float64) string {
	ms := x / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func inMebi(x float64) string { return fmt.Sprintf("%.0f MiB", x/(1<<20)) }

func inMega(x float64) string { return mega(int64(x)) }

func mega(bytes int64) string { return fmt.Sprintf("%.2f MB", float64(bytes)/1e6) }

// printTable prints the rows and returns how many missed their limits.
func printTable(w io.Writer, rows []row) (missed int) {
	fmt.Fprintln(w, "| function, what | median | least – most | limit | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- |")
	for _, r := range rows {
		least, middle, most := r.values.spread()
		between, limit, verdict := "", "", ""
		if len(r.values) > 1 {
			between = r.unit(least) + " – " + r.unit(most)
		}
		if r.limit > 0 {
			limit, verdict = "< "+r.unit(r.limit), "PASS"
			if r.missed() {
				verdict = "MISS"
				missed++
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", r.name, r.unit(middle), between, limit, verdict)
	}
	return missed
}
