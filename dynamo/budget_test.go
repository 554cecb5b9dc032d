package dynamo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// metered makes a process ask for the consumed capacity: production code has no
// use for it.
func metered(p *process) {
	p.rewrite = func(op string, body []byte) []byte {
		var in map[string]json.RawMessage
		if op == "DescribeTable" || json.Unmarshal(body, &in) != nil {
			return body
		}
		in["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
		out, err := json.Marshal(in)
		if err != nil {
			return body
		}
		return out
	}
}

// capacity sums up what the answers say was consumed.
func (p *process) capacity(t testing.TB) (units float64) {
	t.Helper()
	type consumed struct{ CapacityUnits float64 }
	for _, c := range p.calls {
		var answer struct{ ConsumedCapacity json.RawMessage }
		if err := json.Unmarshal(c.answer, &answer); err != nil {
			t.Fatalf("%s: %v", c.op, err)
		}
		var one consumed
		var many []consumed
		switch {
		case c.op == "DescribeTable":
		case json.Unmarshal(answer.ConsumedCapacity, &many) == nil:
			for _, m := range many {
				units += m.CapacityUnits
			}
		case json.Unmarshal(answer.ConsumedCapacity, &one) == nil:
			units += one.CapacityUnits
		default:
			t.Fatalf("%s says nothing of capacity: %s", c.op, c.answer)
		}
	}
	return units
}

// charged is what AWS charges for the writes: 2 units for each KB that is begun of
// each item of a transaction. The simulators count 4 for any transaction.
func (p *process) charged(t testing.TB) (units int) {
	t.Helper()
	for _, c := range p.calls {
		if c.op != "TransactWriteItems" {
			continue
		}
		var in struct {
			TransactItems []struct {
				Put, Update *struct {
					Item                      map[string]map[string]any
					ExpressionAttributeValues map[string]map[string]any // of the head: nearly all there is of it
				}
			}
		}
		if err := json.Unmarshal(c.body, &in); err != nil {
			t.Fatal(err)
		}
		for _, it := range in.TransactItems {
			var size int
			if it.Put != nil {
				size = sizeOf(it.Put.Item)
			} else {
				size = sizeOf(it.Update.ExpressionAttributeValues) + 300
			}
			units += 2 * (1 + (size-1)/1024)
		}
	}
	return units
}

// sizeOf is about what DynamoDB counts: names and values.
func sizeOf(item map[string]map[string]any) (n int) {
	for name, v := range item {
		for _, x := range v {
			n += len(name) + len(fmt.Sprint(x))
		}
	}
	return n
}

// numbered makes n changes.
func numbered(n int) []core.Stage {
	if n == 0 {
		return nil
	}
	s := core.Stage{Name: "main"}
	for i := range n {
		s.Changes = append(s.Changes, plain(fmt.Sprintf("n-change-with-a-name-of-usual-size-%05d", i), fmt.Sprintf("%04d", i)))
	}
	return []core.Stage{s}
}

// TestRequestBudget counts what goes over the wire: N + 2 requests for N changes,
// 1 when there is nothing to do; and what AWS would charge. The first run on a
// ledger looks at the table besides, once.
func TestRequestBudget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pulse.TryFixed(t, requestTimeout, func(t testing.TB) { // a request without an answer is sent again
		t.Log("changes  first run  write units  with nothing to do  read units")
		for _, n := range []int{0, 1, 10, 100} {
			w := b.world(t, numbered(n)...)
			w.leased(30 * time.Second)
			first := w.process("first")
			metered(first)
			if o := first.apply(); o.err != nil {
				t.Fatal(o.err)
			}
			idle := w.process("idle")
			metered(idle)
			if o := idle.apply(); o.err != nil {
				t.Fatal(o.err)
			}
			wrote, read := first.charged(t), idle.capacity(t)
			t.Logf("%7d  %9d  %11d  %18d  %10.1f   (the simulator says %.1f for the first)", n, len(first.ops()), wrote, len(idle.ops()), read, first.capacity(t))
			want := []string{"Query"}
			if !slices.Equal(idle.ops(), want) {
				t.Errorf("%d changes: nothing to do takes %v", n, idle.ops())
			}
			if n > 0 {
				want = append([]string{"Query", "DescribeTable"}, slices.Repeat([]string{"TransactWriteItems"}, n+1)...)
			}
			if !slices.Equal(first.ops(), want) {
				t.Errorf("%d changes take %v", n, first.ops())
			}
			// Items below 1 KB, at 2 units each: in N + 1 transactions the head, and for
			// each of 2 N entries itself and the state of its change.
			if want := 10*n + 2; n > 0 && wrote != want {
				t.Errorf("%d changes cost %d units, want %d", n, wrote, want)
			}
			// A strongly consistent read is one unit for 4 KB; a state has about 200 bytes.
			if most := 1 + float64(n)*300/4096; read > most {
				t.Errorf("a load of %d changes costs %.1f units, want at most %.1f", n, read, most)
			}
		}
		// The second run on a ledger is N + 2, without a look at the table.
		w := b.world(t, numbered(5)...)
		if o := w.process("first").apply(); o.err != nil {
			t.Fatal(o.err)
		}
		w.stages = numbered(15)
		second := w.process("second")
		if o := second.apply(); o.err != nil || len(second.ops()) != 12 || strings.Contains(strings.Join(second.ops(), " "), "Describe") {
			t.Errorf("10 changes more: %v; %v", second.ops(), o.err)
		}
	})
}
