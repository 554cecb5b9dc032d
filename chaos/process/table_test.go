package process_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// outcome is what must follow a kill.
type outcome struct {
	// found is what the target system holds when the process is dead.
	found string
	// exit is the code of the next run.
	exit int
	// person is what somebody answers who looks at the target system; "": nobody is asked.
	person string
	// history is the ledger at the end, and content what the target system then holds;
	// "": every effect once.
	history, content string
	// held says that the dead run still holds the lock: whoever has work takes it over,
	// but the next run has none, and writes nothing, not even that.
	held bool
}

// onceEach is the content that nothing was lost from and nothing done twice.
const onceEach = "one two-a two-b"

func (o outcome) atEnd() string {
	if o.content == "" {
		return onceEach
	}
	return o.content
}

const unkillable = "-"

// row is one point of a table: the nth time that a run passes it.
type row struct {
	point string
	nth   int
	then  string // the name of an outcome
}

func (r row) String() string { return fmt.Sprintf("%s#%d", r.point, r.nth) }

// rowsOf reads a table: in the order of a run, a point and the outcome's name in each
// line, then perhaps a remark after #. A point that ends in @ and the name of an audit
// store is passed with that audit store only. The outcome - says that nobody can kill there: how
// often the point is passed before depends on time.
func rowsOf(table, store string, outcomes map[string]outcome) ([]row, error) {
	var rows []row
	count := map[string]int{}
	for line := range strings.Lines(table) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%q is not a point and an outcome", line)
		}
		point, only, _ := strings.Cut(fields[0], "@")
		if _, ok := outcomes[fields[1]]; !ok && fields[1] != unkillable {
			return nil, fmt.Errorf("%q: the outcomes are %q", line, slices.Sorted(maps.Keys(outcomes)))
		}
		if only != "" && only != store {
			continue
		}
		count[point]++
		rows = append(rows, row{point, count[point], fields[1]})
	}
	return rows, nil
}

// settled is a trace without what depends on time: a contender that waits loads again
// and again. The renewals are counted, since they may stand anywhere.
func settled(trace []string) (points []string, renewals int) {
	for i, p := range trace {
		switch {
		case p == "renew.sending":
			renewals++
		case p == "load.answered" && i > 0 && trace[i-1] == p:
			continue
		}
		points = append(points, p)
	}
	return points, renewals
}

// names are the points of rows.
func names(rows []row) (points []string) {
	for _, r := range rows {
		points = append(points, r.point)
	}
	return points
}
