package main

import (
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/flamingock/flamingock-go/internal/gotest"
)

// outcome is what became of a case on a target system.
type outcome int

const (
	absent outcome = iota // it never ended
	passed
	idle // does not apply
	failed
	lacking // skipped for want of something
)

// signs are how outcomes are printed; what never ended is a failure.
var signs = map[outcome]string{passed: "✓", idle: "–", failed: "✗", absent: "✗", lacking: "?"}

// suite is one table: cases are its rows, target systems its columns.
type suite struct {
	title, about string
	test         string   // what the names of its tests begin with
	cases        []string // in the order in which they begin
	columns      map[string]*column
	idle         reasons // what does not apply
}

// reasons are those of skips, each with what was skipped for it.
type reasons map[string][]string

func (r reasons) add(reason, column, name string) {
	if name != "" {
		column += " (" + name + ")"
	}
	r[reason] = append(r[reason], column)
}

func newSuite(title, about, test string) *suite {
	return &suite{title: title, about: about, test: test, columns: map[string]*column{}, idle: reasons{}}
}

// column is one target system, on one server or in one setting.
type column struct {
	title   string
	results map[string]outcome // by case
	whole   outcome            // of a column that has no cases, since none was begun
}

// record collects what the tests say.
type record struct {
	log    io.Writer
	suites []*suite
	output map[string][]string // of tests under way, by package and name
	lacks  reasons             // what was skipped for want of something
	spared reasons             // whole columns that lack what cannot be had everywhere, which is no failure
	broken []string            // packages that failed without a failing test
	failed map[string]bool     // packages with a failed test
}

func newRecord(log io.Writer, s []*suite) *record {
	return &record{log: log, suites: s, output: map[string][]string{}, lacks: reasons{}, spared: reasons{}, failed: map[string]bool{}}
}

// pattern is for go test's -run.
func (r *record) pattern() string {
	var names []string
	for _, s := range r.suites {
		names = append(names, s.test)
	}
	return "^(" + strings.Join(names, "|") + ")"
}

func (r *record) read(in io.Reader) error {
	return gotest.Read(in, r.event, func(line string) { say(r.log, "%s", line) })
}

func (r *record) event(e gotest.Event) {
	key := e.Package + " " + e.Test
	switch {
	case e.Test == "":
		r.pkg(e)
	case e.Action == "output":
		r.output[key] = append(r.output[key], e.Output)
	case e.Action == "run":
		if s, _, name := r.place(e); name != "" && !slices.Contains(s.cases, name) {
			s.cases = append(s.cases, name)
		}
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		r.test(e, r.output[key])
		delete(r.output, key)
	}
}

func (r *record) pkg(e gotest.Event) {
	switch e.Action {
	case "build-output":
		say(r.log, "%s", e.Output)
	case "output":
		if quiet := "testing: warning: no tests to run\n"; e.Output != quiet && !strings.HasPrefix(e.Output, "ok ") && !strings.HasPrefix(e.Output, "? ") && e.Output != "PASS\n" {
			say(r.log, "%s", e.Output)
		}
	case "fail":
		if !r.failed[e.Package] {
			r.broken = append(r.broken, gotest.ShortPackage(e.Package))
		}
	}
}

func (r *record) test(e gotest.Event, output []string) {
	s, c, name := r.place(e)
	result := passed
	switch e.Action {
	case "fail":
		result = failed
		r.failed[e.Package] = true
		for _, line := range output {
			if !strings.HasPrefix(line, "=== ") {
				say(r.log, "%s", line)
			}
		}
	case "skip":
		reason := gotest.SkipReason(output)
		result = lacking
		why, doesNot := strings.CutPrefix(reason, gotest.NotApplicable)
		if doesNot {
			result = idle
		}
		switch {
		case s == nil:
		case doesNot && name == "":
			r.spared.add(why, c.title, name)
		case doesNot:
			s.idle.add(why, c.title, name)
		default:
			r.lacks.add(why, c.title, name)
		}
	}
	switch {
	case s == nil:
	case name == "":
		c.whole = result
	default:
		c.results[name] = result
	}
}

// place says to which suite and column a test belongs, and which case it is: the last two
// parts of its name. What stands before them is a variant of the target system. The case
// is "" for a test that is a column, or several of them.
func (r *record) place(e gotest.Event) (*suite, *column, string) {
	for _, s := range r.suites {
		rest, ok := strings.CutPrefix(e.Test, s.test)
		if !ok {
			continue
		}
		parts := strings.Split(rest, "/")
		name := ""
		if len(parts) > 2 {
			name = plain(strings.Join(parts[len(parts)-2:], "/"))
			parts = parts[:len(parts)-2]
		}
		title := strings.TrimPrefix(gotest.ShortPackage(e.Package), "targets/")
		if about := variant(parts); about != "" {
			title += ", " + about
		}
		c := s.columns[title]
		if c == nil {
			c = &column{title: title, results: map[string]outcome{}}
			s.columns[title] = c
		}
		return s, c, name
	}
	return nil, nil, ""
}

// variant makes words of what follows a suite's name in a test's: "OfDDL", "MySQL_8.0".
func variant(parts []string) string {
	all := parts[1:]
	if parts[0] != "" {
		all = append([]string{words(parts[0])}, all...)
	}
	return plain(strings.Join(all, ", "))
}

// words splits a Go name, and writes it small but for what is all capitals: "of DDL".
func words(name string) string {
	var all []string
	letters, from := []rune(name), 0
	for i := range letters {
		last := i+1 == len(letters)
		if last || unicode.IsLower(letters[i]) && unicode.IsUpper(letters[i+1]) || i+2 < len(letters) && unicode.IsUpper(letters[i+1]) && unicode.IsLower(letters[i+2]) {
			word := string(letters[from : i+1])
			if len(word) == 1 || strings.ToUpper(word) != word {
				word = strings.ToLower(word)
			}
			all, from = append(all, word), i+1
		}
	}
	return strings.Join(all, " ")
}

// plain takes back what package testing makes of spaces. Between capitals an underscore
// is one: ALWAYS_RETRY.
func plain(name string) string {
	letters := []rune(name)
	for i, r := range letters {
		if r == '_' && (i == 0 || i+1 == len(letters) || !unicode.IsUpper(letters[i-1]) || !unicode.IsUpper(letters[i+1])) {
			letters[i] = ' '
		}
	}
	return string(letters)
}
