package process_test

import (
	"testing"

	"github.com/flamingock/flamingock-go/internal/failpoint"
)

// place is a row of a scenario, by their indexes.
type place struct{ scenario, row int }

// stride is how many rows of a scenario a bounded run passes over for each that it
// kills at, beside those that are there for their point.
const stride = 16

// bounded chooses where a bounded run kills: on each audit store at every kind of point
// once, each time in another scenario, and at a few rows of every scenario: where the
// audit store's transactions are shared, at those around each COMMIT.
func bounded(all []scenario) (map[place]bool, error) {
	type kind struct{ point, store string }
	var kinds []kind
	where := map[kind][]place{}
	chosen := map[place]bool{}
	for i, s := range all {
		rows, err := rowsOf(s.table, s.store, s.outcomes)
		if err != nil {
			return nil, err
		}
		for at, r := range rows {
			if r.then == unkillable {
				continue
			}
			k := kind{r.point, s.store}
			if where[k] == nil {
				kinds = append(kinds, k)
			}
			where[k] = append(where[k], place{i, at})
			// Around the COMMIT that an effect and its APPLIED share.
			beside := at > 0 && rows[at-1].then != r.then || at+1 < len(rows) && rows[at+1].then != r.then
			if at%stride == i%stride || s.shares && beside {
				chosen[place{i, at}] = true
			}
		}
	}
	for n, k := range kinds {
		chosen[where[k][n*len(where[k])/len(kinds)]] = true
	}
	return chosen, nil
}

// Every point that the code has is in a table, and a bounded run kills there too.
func TestEveryPointIsKilledAt(t *testing.T) {
	all := scenarios()
	chosen, err := bounded(all)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{} // point -> a bounded run kills there
	for i, s := range all {
		rows, err := rowsOf(s.table, s.store, s.outcomes)
		if err != nil {
			t.Fatal(err)
		}
		for at, r := range rows {
			if r.then != unkillable {
				known[r.point] = known[r.point] || chosen[place{i, at}]
			}
		}
	}
	for _, p := range failpoint.All() {
		if bound, ok := known[string(p)]; !ok || !bound {
			t.Errorf("%s: in a table %t, killed at by a bounded run %t", p, ok, bound)
		}
		delete(known, string(p))
	}
	for p := range known {
		t.Errorf("a table has %s, which the code has not", p)
	}
	t.Logf("a bounded run kills at %d places", len(chosen))
}
