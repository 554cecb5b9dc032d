package config

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// stageFile is a stage of the file.
type stageFile struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Location    string   `yaml:"location"`
	DependsOn   []string `yaml:"dependsOn"`
}

// stages decodes the stages of the file. Names that are used twice and dependsOn
// are checked by core.Validate, which knows the stages in code too.
func (l *loader) stages(n *strictyaml.Node) {
	if n == nil || n.Kind == strictyaml.Null {
		return
	}
	if n.Kind != strictyaml.List {
		l.faults.Add(n.Pos, "stages must be a list, not "+n.Kind.String())
		return
	}
	for i, item := range n.Items {
		var s stageFile
		at := fmt.Sprintf("stages[%d]", i)
		if item.Kind != strictyaml.Map {
			l.faults.Add(item.Pos, at+" must be a mapping with name and location, not "+item.Kind.String())
			continue
		}
		faults := strictyaml.DecodeAt(item, &s, at)
		l.faults.List = append(l.faults.List, faults...)
		if s.Name == "" && s.Location != "" {
			s.Name = path.Base(path.Clean(filepath.ToSlash(s.Location)))
		}
		switch {
		case len(faults) > 0:
		case s.Name == "":
			l.faults.Add(item.Pos, at+" needs a location, or the name of a stage in code")
		case strings.Trim(s.Name, "./") == "":
			l.faults.Add(item.Pos, at+" needs a name, which its location does not give")
		}
		l.c.Stages = append(l.c.Stages, Stage{
			Name: s.Name, Description: s.Description, Location: s.Location, DependsOn: s.DependsOn, Source: item.Pos,
		})
	}
}

// targets decodes the target systems of the file, in its order. Whether their
// types exist is for those who know the types.
func (l *loader) targets(n *strictyaml.Node) {
	if n == nil || n.Kind == strictyaml.Null {
		return
	}
	if n.Kind != strictyaml.Map {
		l.faults.Add(n.Pos, "targetSystems must be a mapping of ids, not "+n.Kind.String())
		return
	}
	for _, f := range n.Fields {
		at := "targetSystems." + f.Key
		if strings.TrimSpace(f.Key) == "" {
			l.faults.Add(f.KeyPos, "a target system must have an id")
			continue
		}
		if f.Value.Kind != strictyaml.Map {
			l.faults.Add(f.KeyPos, at+" must be a mapping with type, not "+f.Value.Kind.String())
			continue
		}
		var typ string
		if t := f.Value.Get("type"); t != nil {
			l.faults.List = append(l.faults.List, strictyaml.DecodeAt(t, &typ, at+".type")...)
		}
		if t := f.Value.Get("type"); typ == "" && (t == nil || t.IsScalar()) {
			l.faults.Add(f.KeyPos, at+".type is missing: it says which kind of system this is, such as postgres or sqlite")
			continue
		}
		l.c.TargetSystems = append(l.c.TargetSystems, TargetSystem{
			ID: f.Key, Type: typ, Source: f.KeyPos,
			Settings: &settings{config: l.c, node: f.Value.Without("type"), path: at},
		})
	}
}

// settings is what one target system is configured with.
type settings struct {
	config *Config
	node   *strictyaml.Node
	path   string
}

var _ core.Settings = (*settings)(nil)

func (s *settings) Decode(into any) error {
	if faults := strictyaml.DecodeAt(s.node, into, s.path); len(faults) > 0 {
		return &core.ConfigFaults{Faults: faults}
	}
	return nil
}

func (s *settings) Resolver() core.Resolver { return s.config.Resolver() }

func (s *settings) Path(p string) string { return s.config.path(p) }

// StoreDomain is not known here: whoever makes the audit store knows it.
func (s *settings) StoreDomain() string { return "" }
