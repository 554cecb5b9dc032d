package layers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const noTesting = "package testing does not belong into production code"

// Table is a set of rules about a module's import graph.
type Table struct {
	Layers  []Layer
	Reaches []Reach
}

// Check returns what is wrong with the graph, in the order of package paths.
func (t Table) Check(g Graph) []string {
	var faults []string
	for _, path := range slices.Sorted(maps.Keys(g)) {
		name, own := g.own(path)
		if !own {
			continue
		}
		layer, unit := t.layerOf(name)
		if layer == nil {
			faults = append(faults, name+" is in no layer: add it to internal/layers/rules.go and to section 2 of docs/design.md")
			continue
		}
		faults = append(faults, t.checkDirect(g, path, layer, unit)...)
		faults = append(faults, t.checkReach(g, path, layer, unit)...)
	}
	return faults
}

func (t Table) checkDirect(g Graph, path string, layer *Layer, unit string) []string {
	var faults []string
	name, _ := g.own(path)
	for _, imported := range g[path].Imports {
		if why := t.forbidden(g, layer, unit, imported); why != "" {
			faults = append(faults, fmt.Sprintf("%s imports %s: %s", name, g.label(imported), why))
		}
	}
	return faults
}

// forbidden says why a package of layer and unit may not import a path; "" when it may.
func (t Table) forbidden(g Graph, layer *Layer, unit, imported string) string {
	if g[imported].Standard {
		if isTesting(imported) && !layer.ForTests {
			return noTesting
		}
		return ""
	}
	name, own := g.own(imported)
	if !own {
		if matchesAny(layer.Third, imported) {
			return ""
		}
		return layer.Why
	}
	other, otherUnit := t.layerOf(name)
	switch {
	case other == layer && otherUnit == unit:
		return ""
	case other != nil && other.ForTests && !layer.ForTests:
		return "it exists for tests only"
	case matchesAny(layer.Own, name):
		return ""
	}
	return layer.Why
}

// checkReach finds what lies behind imports that are allowed one by one, or is
// allowed as an import by a layer but by no [Reach].
func (t Table) checkReach(g Graph, path string, layer *Layer, unit string) []string {
	name, _ := g.own(path)
	chains := g.reachable(path, func(imported string) bool {
		return t.forbidden(g, layer, unit, imported) == "" // otherwise checkDirect has said it
	})
	var faults []string
	for _, to := range slices.Sorted(maps.Keys(chains)) {
		if why := t.unreachable(g, name, to, layer); why != "" {
			faults = append(faults, fmt.Sprintf("%s reaches %s (%s): %s", name, g.label(to), g.chain(chains[to]), why))
		}
	}
	return faults
}

// unreachable says why the package name must not reach a path; "" when it may.
func (t Table) unreachable(g Graph, name, path string, layer *Layer) string {
	if g[path].Standard {
		if isTesting(path) && !layer.ForTests {
			return noTesting
		}
		return ""
	}
	for _, r := range t.Reaches {
		if matchesAny(r.From, name) && !matchesAny(r.Except, name) && matchesAny(r.Never, g.label(path)) && !matchesAny(r.Allowed, g.label(path)) {
			return r.Why
		}
	}
	return ""
}

func (t Table) layerOf(name string) (layer *Layer, unit string) {
	for i := range t.Layers {
		for _, p := range t.Layers[i].Packages {
			if unit, ok := match(p, name); ok {
				return &t.Layers[i], unit
			}
		}
	}
	return nil, ""
}

func isTesting(path string) bool { return path == "testing" || strings.HasPrefix(path, "testing/") }

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { _, ok := match(p, path); return ok })
}

// match compares a path with a pattern of [Layer.Packages], and returns the part
// of the path that stands for the pattern's elements before "/...".
func match(pattern, path string) (unit string, ok bool) {
	if pattern == "..." {
		return "", true
	}
	pattern, open := strings.CutSuffix(pattern, "/...")
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(have) < len(want) || len(have) > len(want) && !open {
		return "", false
	}
	for i, w := range want {
		if w != "*" && w != have[i] {
			return "", false
		}
	}
	return strings.Join(have[:len(want)], "/"), true
}
