package main

import (
	"strings"
	"testing"
	"time"
)

func runs(ms ...int) series {
	var s series
	for _, m := range ms {
		s = append(s, sample{wall: time.Duration(m) * time.Millisecond, rss: 10 << 20})
	}
	return s
}

func TestMedian(t *testing.T) {
	tests := map[string]struct {
		in   series
		want time.Duration
	}{
		"nothing":        {nil, 0},
		"one":            {runs(7), 7 * time.Millisecond},
		"odd, unordered": {runs(9, 1, 5), 5 * time.Millisecond},
		"even: lower":    {runs(4, 3, 2, 1), 2 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.in.wall(); got != tt.want {
				t.Errorf("median = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPrintTable(t *testing.T) {
	rows := []row{
		{name: "faster", ours: runs(80), theirs: runs(100), limit: ratioBelow(1)},
		{name: "as fast", ours: runs(100), theirs: runs(100), limit: ratioBelow(1)},
		{name: "at the limit", ours: runs(170), theirs: runs(100), limit: ratioAtMost(1.7)},
		{name: "over it", ours: runs(171), theirs: runs(100), limit: ratioAtMost(1.7)},
		{name: "quick", ours: runs(79), limit: wallBelow(80 * time.Millisecond)},
		{name: "not quick", ours: runs(80), limit: wallBelow(80 * time.Millisecond)},
		{name: "free", ours: runs(5)},
	}
	var out strings.Builder
	if missed := printTable(&out, rows); missed != 3 {
		t.Errorf("missed = %d, want 3", missed)
	}
	for _, want := range []string{
		"| faster | 80.0 ms | 100 ms | 0.80 | ratio < 1 | PASS |",
		"| as fast | 100 ms | 100 ms | 1.00 | ratio < 1 | MISS |",
		"| at the limit | 170 ms | 100 ms | 1.70 | ratio ≤ 1.7 | PASS |",
		"| over it | 171 ms | 100 ms | 1.71 | ratio ≤ 1.7 | MISS |",
		"| quick | 79.0 ms |  |  | < 80ms | PASS |",
		"| not quick | 80.0 ms |  |  | < 80ms | MISS |",
		"| free | 5.0 ms |  |  |  |  | 0.0 ms | 10 MiB |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log("\n" + out.String())
	}
}
