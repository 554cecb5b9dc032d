package main

import (
	"strings"
	"testing"
	"time"
)

func micros(values ...int) (s series) {
	for _, v := range values {
		s = append(s, time.Duration(v)*time.Microsecond)
	}
	return s
}

func TestMedian(t *testing.T) {
	for name, tt := range map[string]struct {
		in   series
		want time.Duration
	}{
		"nothing":         {nil, 0},
		"odd, unordered":  {micros(9, 1, 5), 5 * time.Microsecond},
		"even: the lower": {micros(4, 3, 2, 1), 2 * time.Microsecond},
	} {
		if got := tt.in.median(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestLimit(t *testing.T) {
	rows := []row{
		{name: "below", same: micros(1000), audit: micros(500), both: micros(1550), ours: micros(1600)},
		{name: "at it", same: micros(1000), audit: micros(500), both: micros(1500), ours: micros(1700)},
		{name: "above", same: micros(1000), audit: micros(500), both: micros(1500), ours: micros(1710)},
		{name: "faster", same: micros(1000), audit: micros(500), both: micros(1500), ours: micros(1400), calls: 2.5, extra: "a fence"},
		{name: "in noise", same: micros(1000, 3000, 1000), audit: micros(500, 2500, 500), both: micros(1550, 5550, 1550), ours: micros(1600, 5600, 1600)},
		{name: "nothing measured"},
	}
	var out strings.Builder
	if missed := printTable(&out, rows); missed != 2 {
		t.Errorf("%d missed, want 2", missed)
	}
	for _, want := range []string{
		"| below:  | 1.00 ms | 0.50 ms | 1.55 ms | 1.60 ms | 5 % | ≤ 20 % | PASS | 10 % |",
		"| at it:  | 1.00 ms | 0.50 ms | 1.50 ms | 1.70 ms | 20 % | ≤ 20 % | PASS |",
		"| above:  | 1.00 ms | 0.50 ms | 1.50 ms | 1.71 ms | 21 % | ≤ 20 % | MISS | 21 % |",
		"| faster:  | 1.00 ms | 0.50 ms | 1.50 ms | 1.40 ms | -10 % | ≤ 20 % | PASS |",
		"| in noise:  | 1.00 ms | 0.50 ms | 1.55 ms | 1.60 ms | 5 % | ≤ 20 % | PASS | 10 % |",
		"| nothing measured:  | 0.00 ms | 0.00 ms | 0.00 ms | 0.00 ms | 0 % | ≤ 20 % | MISS |",
		"| faster | 0.00 ms | 2.5 | a fence |", "| below | 0.00 ms | not seen |  |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}
