package core

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Validate checks everything about stages that can be known without contacting
// anything, and sorts the changes of each stage. The error is a
// *ValidationError with every fault. Targets are by id; one that is nil exists but
// is faulty itself. The stages named in broken have files that could not be
// loaded, so that they are not said to be empty.
func Validate(stages []Stage, targets map[string]Target, broken ...string) error {
	v := validation{targets: targets, broken: broken, ids: map[string]string{}}
	names := map[string]bool{}
	for i := range stages {
		v.stageHead(&stages[i], names)
	}
	for i := range stages {
		SortChanges(stages[i].Changes)
		v.changes(&stages[i])
		for _, d := range stages[i].DependsOn {
			if !names[d] {
				v.add(stageWhere(&stages[i]), "dependsOn names stage %q, which does not exist%s", d, DidYouMean(d, keys(names)))
			}
		}
	}
	if cycle := findCycle(stages); cycle != nil {
		v.add(stageWhere(stageNamed(stages, cycle[0])), "dependsOn goes in a circle: %s", strings.Join(cycle, " -> "))
	}
	if len(v.faults) > 0 {
		return &ValidationError{Faults: v.faults}
	}
	return nil
}

type validation struct {
	targets map[string]Target
	broken  []string
	ids     map[string]string // id -> where
	faults  []Fault
}

func (v *validation) add(where, format string, args ...any) {
	v.faults = append(v.faults, Fault{Where: where, Message: fmt.Sprintf(format, args...)})
}

func stageWhere(s *Stage) string {
	if s.Source.File != "" {
		return s.Source.String()
	}
	return fmt.Sprintf("stage %q", s.Name)
}

func (v *validation) stageHead(s *Stage, names map[string]bool) {
	where := stageWhere(s)
	switch {
	case strings.TrimSpace(s.Name) == "":
		v.add(where, "a stage must have a name")
	case len(s.Name) > maxID:
		v.add(where, "the stage's name is longer than %d bytes", maxID)
	case names[s.Name]:
		v.add(where, "stage %q is defined twice", s.Name)
	}
	names[s.Name] = true
	if len(s.Changes) == 0 && !slices.Contains(v.broken, s.Name) {
		from := "in code"
		if s.Location != "" {
			from = "in " + s.Location + " (files are named _ORDER__name.yaml)"
		}
		v.add(where, "stage %q has no changes %s", s.Name, from)
	}
}

func (v *validation) changes(s *Stage) {
	cmp := OrderComparer(s.Changes)
	for i := range s.Changes {
		c := &s.Changes[i]
		v.identity(c)
		if i > 0 {
			if p := &s.Changes[i-1]; c.Order != "" && cmp(p.Order, c.Order) == 0 {
				v.add(c.Where(), "change %q has the order %q of change %q (%s): orders are unique within a stage", c.ID, c.Order, p.ID, p.Where())
			}
		}
		v.work(c)
		v.options(c)
	}
}

func (v *validation) identity(c *Change) {
	where := c.Where()
	if c.ID == "" {
		if c.Source.File == "" {
			where = "a change in code (order " + c.Order + ")"
		}
		v.add(where, "a change must have an id")
	} else if strings.HasPrefix(c.ID, "-") || len(References(c.ID)) > 0 {
		v.add(where, "the id %q must not begin with - or hold a reference: it is typed on command lines, and stays for ever", c.ID)
	} else if !goodText(c.ID) {
		v.add(where, "the id %q must be 1 to %d bytes of printable text without leading or trailing spaces", Cap(c.ID, 80), maxID)
	} else if first, dup := v.ids[c.ID]; dup {
		v.add(where, "the id %q is used already (%s): ids are unique over all stages", c.ID, first)
	} else {
		v.ids[c.ID] = where
	}
	switch {
	case strings.TrimSpace(c.Order) == "":
		v.add(where, "change %q has no order: name the file _ORDER__name.yaml, or set Order in code", c.ID)
	case !goodText(c.Order):
		v.add(where, "the order %q must be 1 to %d bytes of printable text without leading or trailing spaces", Cap(c.Order, 80), maxID)
	}
}

func goodText(s string) bool {
	if s == "" || len(s) > maxID || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (v *validation) work(c *Change) {
	where := c.Where()
	if len(c.Steps) > 0 && !(c.Apply.IsZero() && c.Rollback.IsZero()) {
		v.add(where, "change %q has both apply and steps", c.ID)
	}
	pairs := c.Pairs()
	if len(pairs) == 0 {
		v.add(where, "change %q has nothing to apply", c.ID)
	}
	for i, p := range pairs {
		if p.Apply.IsZero() {
			v.add(where, "step %d of change %q has no apply", i+1, c.ID)
		}
	}
	if c.TargetSystem == "" {
		v.add(where, "change %q names no target system", c.ID)
		return
	}
	t, ok := v.targets[c.TargetSystem]
	if !ok {
		v.add(where, "change %q: target system %q is not configured%s", c.ID, c.TargetSystem, DidYouMean(c.TargetSystem, keys(v.targets)))
		return
	}
	if t == nil {
		return // its own configuration is at fault, and said so
	}
	if _, err := TxTypeOf(c, t); err != nil {
		v.add(where, "change %q: %s", c.ID, err.Error())
	}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (v *validation) options(c *Change) {
	where := c.Where()
	for _, r := range c.References {
		if r.Scheme == "env" && !envName.MatchString(r.Key) {
			v.add(where, "change %q: %s does not name an environment variable (write $%s for the text itself)", c.ID, r, r)
		}
	}
	switch c.Recovery.OrDefault() {
	case ManualIntervention, AlwaysRetry:
	default:
		v.add(where, "change %q: recovery strategy %q is neither %s nor %s", c.ID, Cap(string(c.Recovery.Strategy), 80), ManualIntervention, AlwaysRetry)
	}
	if c.Timeout < 0 {
		v.add(where, "change %q: timeout must not be negative", c.ID)
	}
	if c.MaxAttempts < 0 {
		v.add(where, "change %q: maxAttempts must not be negative", c.ID)
	}
	for _, p := range append(slices.Clone(c.Profiles), c.Labels...) {
		if strings.TrimSpace(strings.TrimPrefix(p, "!")) == "" {
			v.add(where, "change %q: a profile or label is empty", c.ID)
		}
	}
}

func stageNamed(stages []Stage, name string) *Stage {
	for i := range stages {
		if stages[i].Name == name {
			return &stages[i]
		}
	}
	return &Stage{Name: name}
}

// findCycle returns a circle of dependsOn, its first name repeated at the end.
func findCycle(stages []Stage) []string {
	deps := map[string][]string{}
	for i := range stages {
		deps[stages[i].Name] = stages[i].DependsOn
	}
	const walking, done = 1, 2
	mark := map[string]int{}
	var path []string
	var walk func(string) []string
	walk = func(n string) []string {
		mark[n] = walking
		path = append(path, n)
		for _, d := range deps[n] {
			if mark[d] == walking {
				return append(slices.Clone(path[slices.Index(path, d):]), d)
			}
			if _, known := deps[d]; known && mark[d] == 0 {
				if c := walk(d); c != nil {
					return c
				}
			}
		}
		path = path[:len(path)-1]
		mark[n] = done
		return nil
	}
	for i := range stages {
		if mark[stages[i].Name] == 0 {
			if c := walk(stages[i].Name); c != nil {
				return c
			}
		}
	}
	return nil
}

// TopoOrder returns the indices of stages so that each comes after those it
// depends on, otherwise in the given order. The stages have been validated.
func TopoOrder(stages []Stage) []int {
	index := map[string]int{}
	for i := range stages {
		index[stages[i].Name] = i
	}
	done := make([]bool, len(stages))
	var out []int
	var visit func(int)
	visit = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		for _, d := range stages[i].DependsOn {
			if j, ok := index[d]; ok {
				visit(j)
			}
		}
		out = append(out, i)
	}
	for i := range stages {
		visit(i)
	}
	return out
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// DidYouMean returns the end of a message about the unknown name got: the nearest
// of the known names, or a list of them. It begins with "; " or is empty.
func DidYouMean(got string, known []string) string {
	if len(got) > maxID {
		return ""
	}
	best, dist := "", 3
	for _, k := range known {
		if d := editDistance(got, k); d < dist && d <= max(1, max(len(got), len(k))/3) {
			best, dist = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) == 0:
		return "; none is"
	case len(known) > 10:
		return ""
	}
	return "; there is " + strings.Join(known, ", ")
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// JoinFaults puts faults of several sources into one *ValidationError. Errors of
// other types are returned as they are; nil when there are none.
func JoinFaults(errs ...error) error {
	var all []Fault
	for _, err := range errs {
		var v *ValidationError
		switch {
		case err == nil:
		case errors.As(err, &v):
			all = append(all, v.Faults...)
		default:
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &ValidationError{Faults: all}
}
