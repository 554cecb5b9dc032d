package template

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

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
					Message: fmt.Sprintf("the location %s %s", d.display, err),
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
	var all *core.ValidationError
	if errors.As(err, &all) {
		all.Faults = strictyaml.SortFaults(all.Faults)
	}
	if err != nil {
		return nil, err
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
