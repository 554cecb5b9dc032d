package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// strategy decodes itself from text.
type strategy string

func (s *strategy) UnmarshalText(b []byte) error {
	switch string(b) {
	case "fast", "slow":
		*s = strategy(b)
		return nil
	case "odd":
		return errors.New("found odd") // may quote the value: not shown
	}
	return &core.FaultError{Message: "must be fast or slow"}
}

// ref decodes itself from text or a mapping.
type ref struct{ ID string }

func (r *ref) UnmarshalYAML(decode func(any) error) error {
	if decode(&r.ID) == nil {
		return nil
	}
	var m struct {
		ID string `yaml:"id"`
	}
	err := decode(&m)
	r.ID = m.ID
	return err
}

type common struct {
	Tag string `yaml:"tag"`
}

type all struct {
	S        string            `yaml:"s"`
	B        bool              `yaml:"b"`
	P        *bool             `yaml:"p"`
	I        int               `yaml:"i"`
	I8       int8              `yaml:"i8"`
	U        uint16            `yaml:"u"`
	F        float64           `yaml:"f"`
	D        time.Duration     `yaml:"d"`
	L        []string          `yaml:"l"`
	M        map[string]int    `yaml:"m"`
	A        any               `yaml:"a"`
	T        core.Text         `yaml:"t"`
	O        core.Ordered      `yaml:"o"`
	Strategy strategy          `yaml:"strategy"`
	Ref      ref               `yaml:"ref"`
	Sub      []common          `yaml:"sub"`
	Metadata map[string]string `yaml:"metadata"`
	Secret   core.Secret       `yaml:"secret"`
	Node     *Node             `yaml:"node"`
	Plain    int
	Hidden   string `yaml:"-"`
	common   `yaml:",inline"`
}

func parse1(t *testing.T, in string) *Node {
	t.Helper()
	n, faults := Parse("f", []byte(in))
	if faults != nil {
		t.Fatalf("%q: %v", in, faults)
	}
	return n
}

func TestDecode(t *testing.T) {
	n := parse1(t, `
s: 0012
b: True
p: false
i: -16
i8: 127
u: 0o17
f: 3
d: 1m30s
l: [a, 1, true]
m: {x: 1, y: +2}
a:
  n: [1, 1.5, null, "1", 18446744073709551615, -9223372036854775808]
t: text
o: {z: 1, a: {y: 2, b: 3}, l: [{c: 4, b: 5}]}
strategy: fast
ref: {id: x}
sub:
  - tag: one
  -
    tag: two
metadata: {k: 1.50}
secret: s3
node: [1]
plain: 7
tag: inlined
`)
	var got all
	if faults := Decode(n, &got); faults != nil {
		t.Fatal(faults)
	}
	if got.Secret.Reveal() != "s3" || len(got.Node.Items) != 1 || got.P == nil || *got.P || got.Tag != "inlined" {
		t.Errorf("got %+v", got)
	}
	got.Secret, got.Node, got.P, got.common = core.Secret{}, nil, nil, common{}
	want := all{
		S: "0012", B: true, I: -16, I8: 127, U: 15, F: 3, D: 90 * time.Second, L: []string{"a", "1", "true"},
		M: map[string]int{"x": 1, "y": 2}, Strategy: "fast", Ref: ref{"x"}, Sub: []common{{"one"}, {"two"}},
		A:        map[string]any{"n": []any{int64(1), 1.5, nil, "1", uint64(18446744073709551615), int64(-9223372036854775808)}},
		T:        core.Text{Value: "text", Start: core.Position{File: "f", Line: 14, Column: 4}},
		O:        core.Ordered{{Key: "z", Value: int64(1)}, {Key: "a", Value: core.Ordered{{Key: "y", Value: int64(2)}, {Key: "b", Value: int64(3)}}}, {Key: "l", Value: []any{core.Ordered{{Key: "c", Value: int64(4)}, {Key: "b", Value: int64(5)}}}}},
		Metadata: map[string]string{"k": "1.50"}, Plain: 7,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(all{}), cmp.Comparer(func(a, b core.Secret) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A key without a value leaves the field as it was.
func TestDecodeNull(t *testing.T) {
	got := all{S: "kept", L: []string{"kept"}, D: time.Second, Ref: ref{"kept"}, Strategy: "slow", B: true}
	n := parse1(t, "s:\nl:\nd: ~\nref: null\nstrategy:\nb:\nm:\nsub:\no:\na:\nt:\n")
	if faults := Decode(n, &got); faults != nil {
		t.Fatal(faults)
	}
	if got.S != "kept" || len(got.L) != 1 || got.D != time.Second || got.Ref.ID != "kept" || got.Strategy != "slow" || !got.B {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeFaults(t *testing.T) {
	n := parse1(t, `
S: x
s: [a]
b: yes
i: 1.5
i8: 128
u: -1
f: x
d: 30
l: x
m: {x: y, z: }
a: [010, {b: 99999999999999999999}]
t: {}
o: []
strategy: hunter2
ref: {idd: hunter2}
sub:
  - tag: {a: b}
  - tga: x
  - y
metadata:
  k:
secret: [x]
plain: 08
unknown: x
`)
	var got all
	faults := Decode(n, &got)
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = f.String()
	}
	want := `f:2:1: unknown key "S"; did you mean "s"?
f:3:4: s must be text, not a list
f:4:4: b must be true or false
f:5:4: i must be a whole number, not a number
f:6:5: i8 is out of range
f:7:4: u is out of range
f:8:4: f must be a number, not text
f:9:4: d must be a duration such as 30s or 5m
f:10:4: l must be a list, not text
f:11:8: m.x must be a whole number, not text
f:11:12: m.z has no value
f:12:5: a[0] is a number with a leading zero: put it in quotes if it is text, and remove the zero if it is not
f:12:14: a[1].b is out of range
f:13:4: t must be text, not a mapping
f:14:4: o must be a mapping, not a list
f:15:11: strategy: must be fast or slow
f:16:7: unknown key "idd"; did you mean "id"?
f:18:10: sub[0].tag must be text, not a mapping
f:19:5: unknown key "tga"; did you mean "tag"?
f:20:5: sub[2] must be a mapping, not text
f:22:4: metadata.k has no value
f:23:9: secret must be text, not a list
f:24:8: plain is a number with a leading zero: put it in quotes if it is text, and remove the zero if it is not
f:25:1: unknown key "unknown"`
	if diff := cmp.Diff(want, strings.Join(lines, "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecodeOddCases(t *testing.T) {
	var s strategy
	if got := fmt.Sprint(Decode(parse1(t, "odd"), &s)); got != "[f:1:1: this is not valid]" {
		t.Errorf("got %s", got)
	}
	for _, into := range []any{nil, all{}, (*all)(nil), new(chan int), new(func()), new(map[int]string), new(fmt.Stringer), new([2]int)} {
		if faults := Decode(parse1(t, "{a: 1}"), into); len(faults) != 1 {
			t.Errorf("%T: got %v, want one fault", into, faults)
		}
	}
	var root string
	if got := fmt.Sprint(DecodeAt(parse1(t, "[1]"), &root, "apply")); got != "[f:1:1: apply must be text, not a list]" {
		t.Errorf("got %s", got)
	}
	var list []*common
	if faults := Decode(parse1(t, "[{tag: a}, ~]"), &list); faults != nil || len(list) != 2 || list[1] != nil {
		t.Errorf("got %v, %v", list, faults)
	}
}
