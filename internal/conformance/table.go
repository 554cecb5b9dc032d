package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flamingock/flamingock-go/internal/gotest"
)

// print writes the tables, and reports whether all is well.
func (r *record) print(w io.Writer, requireAll bool) (ok bool, err error) {
	var out bytes.Buffer
	total := map[outcome]int{}
	for _, s := range r.suites {
		s.print(&out, total)
	}
	for _, p := range r.broken {
		fmt.Fprintf(&out, "✗ %s did not build, or ended before its tests did.\n\n", p)
	}
	if len(r.lacks)+len(r.spared) > 0 {
		fmt.Fprint(&out, "? What was not run, and what it needs:\n\n")
		r.lacks.list(&out)
		r.spared.list(&out)
		fmt.Fprintln(&out)
	}
	fmt.Fprintf(&out, "%d passed, %d do not apply, %d failed, %d not run.\n", total[passed], total[idle], total[failed]+len(r.broken), total[lacking])
	_, err = w.Write(out.Bytes())
	return total[passed] > 0 && total[failed] == 0 && len(r.broken) == 0 && (!requireAll || len(r.lacks) == 0), err
}

// print writes a table of the cases, and one that says what the columns are. It adds the
// outcomes to the total.
func (s *suite) print(out *bytes.Buffer, total map[outcome]int) {
	columns := s.filled()
	fmt.Fprintf(out, "## %s\n\n", s.title)
	if len(columns) == 0 {
		fmt.Fprint(out, "No test of it was run.\n\n")
		return
	}
	fmt.Fprintf(out, "Rows are %s; columns are numbered below.\n✓ passed, – does not apply, ✗ failed, ? not run.\n\n", s.about)
	head, rule := []string{"case"}, []string{"---"}
	counts := make([]map[outcome]int, len(columns))
	for i := range columns {
		head, rule = append(head, fmt.Sprintf("%2d", i+1)), append(rule, "--")
		counts[i] = map[outcome]int{}
	}
	rows := [][]string{head, rule}
	for _, name := range s.cases {
		row := []string{name}
		for i, c := range columns {
			result := c.of(name)
			counts[i][result]++
			total[result]++
			row = append(row, " "+signs[result])
		}
		rows = append(rows, row)
	}
	write(out, rows)
	rows = [][]string{{"", "target system", "✓", "–", "✗", "?"}, {"--", "---", "---", "---", "---", "---"}}
	for i, c := range columns {
		n := counts[i]
		rows = append(rows, []string{fmt.Sprintf("%2d", i+1), c.title, fmt.Sprint(n[passed]), fmt.Sprint(n[idle]), fmt.Sprint(n[failed]), fmt.Sprint(n[lacking])})
	}
	write(out, rows)
	if len(s.idle) > 0 {
		fmt.Fprint(out, "– Why cases do not apply:\n\n")
		s.idle.list(out)
		fmt.Fprintln(out)
	}
}

// shown is how many cases are named of those that have one reason in common.
const shown = 3

func (r reasons) list(out *bytes.Buffer) {
	for _, reason := range slices.Sorted(maps.Keys(r)) {
		names := slices.Compact(slices.Sorted(slices.Values(r[reason])))
		fmt.Fprintf(out, "- %s\n  - %s\n", reason, gotest.Abbreviate(names, shown, "; "))
	}
}

// filled are the columns that have cases, or would have; not the tests above others.
func (s *suite) filled() []*column {
	var all []*column
	for _, title := range slices.Sorted(maps.Keys(s.columns)) {
		c := s.columns[title]
		above := slices.ContainsFunc(slices.Collect(maps.Keys(s.columns)), func(other string) bool { return strings.HasPrefix(other, title+", ") })
		if len(c.results) > 0 || !above {
			all = append(all, c)
		}
	}
	return all
}

// of says what became of a case. One that is missing in a column shares the fate of the
// whole: where that was skipped, so was the case; otherwise it never ended.
func (c *column) of(name string) outcome {
	if o := c.results[name]; o != absent {
		return o
	}
	if c.whole == lacking || c.whole == idle {
		return lacking
	}
	return failed
}

// write writes rows as a table whose source can be read, too.
func write(out *bytes.Buffer, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			fill := " "
			if strings.HasPrefix(cell, "--") {
				fill = "-"
			}
			fmt.Fprintf(out, "| %s%s ", cell, strings.Repeat(fill, width[i]-utf8.RuneCountInString(cell)))
		}
		fmt.Fprint(out, "|\n")
	}
	fmt.Fprintln(out)
}
