package httpapi

import (
	"encoding/json"
	"testing"
	"time"
)

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"10", "10.0", true},
		{"1e1", "10", true},
		{"100e-1", "10", true},
		{"0", "-0.00e5", true},
		{"-1", "1", false},
		{"10", `"10"`, false},
		{"9007199254740993", "9007199254740992", false},
		{"0.1", "0.10000000000000001", false},
		{"1e400", "10e399", true},
		{"1E+2", "100", true},
		{"1e999999999999", "1e999999999999", true},
		{"1e999999999999", "2e999999999999", false},
		{"1e1000000000", "1e1000000001", false},
		{"null", "null", true},
		{"null", "0", false},
		{"null", "false", false},
		{"true", "true", true},
		{`"a"`, `"a"`, true},
		{`"a"`, `"A"`, false},
		{`[1,2]`, `[1.0,2]`, true},
		{`[1,2]`, `[2,1]`, false},
		{`[]`, `{}`, false},
		{`{}`, `[]`, false},
		{`[]`, `null`, false},
		{`"a"`, `["a"]`, false},
		{`{"a":1,"b":[{"c":null}]}`, `{"b":[{"c":null}],"a":1}`, true},
		{`{"a":null}`, `{}`, false},
	} {
		a, errA := unmarshal([]byte(tt.a))
		b, errB := unmarshal([]byte(tt.b))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		at := time.Now()
		if got := equal(a, b); got != tt.want || equal(b, a) != got {
			t.Errorf("%s and %s: got %t", tt.a, tt.b, got)
		}
		if took := time.Since(at); took > 30*time.Second { // a hang, on the slowest machine
			t.Errorf("%s and %s took %s", tt.a, tt.b, took)
		}
	}
	for _, bad := range []string{"", "{", "1 2", "nul"} {
		if v, err := unmarshal([]byte(bad)); err == nil {
			t.Errorf("%q: got %v", bad, v)
		}
	}
}

// Two numbers that encoding/json tells to be the same are, for us too.
func FuzzEqual(f *testing.F) {
	f.Add("1.50", "15e-1")
	f.Add("1e999999999", "0")
	f.Add("-0", "0.0")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !jsonNumber.MatchString(a) || !jsonNumber.MatchString(b) || len(a) > 15 || len(b) > 15 {
			return
		}
		x, errX := json.Number(a).Float64()
		y, errY := json.Number(b).Float64()
		if errX != nil || errY != nil || x == 0 || y == 0 {
			return // out of the range of floats
		}
		if same := equal(json.Number(a), json.Number(b)); same && x != y {
			t.Errorf("%s and %s are not the same: %v, %v", a, b, x, y)
		}
	})
}
