package template

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// Load loads the change files of every stage, merges them with the stages in code
// and validates the whole. The stages come back in the order of in.Stages, then
// those that are in code only, each sorted by order.
//
// The error is a *core.ValidationError with every fault, sorted by file and place,
// and then there are no stages.
func Load(in Input) ([]core.Stage, error) {
	faults := &strictyaml.Faults{}
	c := &compiler{targets: in.Targets, types: in.Types, faults: faults}
	var (
		stages []core.Stage
		broken []string
		merged = map[int]bool{}
	)
	for _, dir := range in.Stages {
		s := core.Stage{
			Name: dir.Name, Description: dir.Description,
			DependsOn: slices.Clone(dir.DependsOn), Source: dir.Source,
		}
		if dir.Location != "" {
			d, err := open(&in, dir.Location)
			s.Location = d.display
			ok := err == nil
			if ok {
				s.Changes, ok = c.changes(d)
			} else {
				faults.List = append(faults.List, core.Fault{
					Where:   stageWhere(dir),
					Message: fmt.Sprintf("stage %q: its location %s %s", dir.Name, d.display, err),
				})
			}
			if !ok {
				broken = append(broken, dir.Name)
			}
		}
		for i := range in.Code {
			if in.Code[i].Name == dir.Name && !merged[i] {
				merged[i] = true
				merge(&s, &in.Code[i])
				break
			}
		}
		stages = append(stages, s)
	}
	for i := range in.Code {
		if !merged[i] {
			s := in.Code[i]
			s.Changes = slices.Clone(s.Changes)
			stages = append(stages, s)
		}
	}
	err := core.JoinFaults(asError(faults.List), core.Validate(stages, in.Targets, broken...))
	if err != nil {
		return nil, sorted(err)
	}
	return stages, nil
}

func stageWhere(s StageDir) string {
	if s.Source.File != "" {
		return s.Source.String()
	}
	return fmt.Sprintf("stage %q", s.Name)
}

// merge adds a stage in code to the configured one of the same name. Files come
// first, so that among equal orders, which is a fault, the file is the first.
func merge(s *core.Stage, code *core.Stage) {
	s.Changes = append(s.Changes, code.Changes...)
	s.Description = cmp.Or(s.Description, code.Description)
	for _, d := range code.DependsOn {
		if !slices.Contains(s.DependsOn, d) {
			s.DependsOn = append(s.DependsOn, d)
		}
	}
}

// sorted sorts the faults of a *core.ValidationError by file, line and column.
func sorted(err error) error {
	v, ok := err.(*core.ValidationError) //nolint:errorlint // JoinFaults returns it bare
	if !ok {
		return err
	}
	slices.SortStableFunc(v.Faults, func(a, b core.Fault) int {
		af, al, ac := place(a.Where)
		bf, bl, bc := place(b.Where)
		return cmp.Or(cmp.Compare(af, bf), cmp.Compare(al, bl), cmp.Compare(ac, bc))
	})
	v.Faults = slices.Compact(v.Faults)
	return v
}

// place takes file:line:column apart.
func place(where string) (file string, line, column int) {
	cut := func(s string) (string, int) {
		i := strings.LastIndexByte(s, ':')
		if i < 0 {
			return s, 0
		}
		n, err := strconv.Atoi(s[i+1:])
		if err != nil {
			return s, 0
		}
		return s[:i], n
	}
	rest, last := cut(where)
	if last == 0 {
		return where, 0, 0
	}
	if file, line := cut(rest); line > 0 {
		return file, line, last
	}
	return rest, last, 0
}
