package layers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Package is a node of the import graph.
type Package struct {
	// Imports are the import paths of the production files.
	Imports []string
	// Standard marks the standard library.
	Standard bool
}

// Graph maps import paths to packages.
type Graph map[string]Package

// Load asks the go command for the graph of the module at dir: the union over
// the given operating systems, because an import may hide behind a build tag.
func Load(ctx context.Context, dir string, systems ...string) (Graph, error) {
	g := Graph{}
	for _, goos := range systems {
		if err := g.load(ctx, dir, goos); err != nil {
			return nil, fmt.Errorf("the import graph on %s: %w", goos, err)
		}
	}
	return g, nil
}

func (g Graph) load(ctx context.Context, dir, goos string) error {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Imports,Standard,Error", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Package
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the output of go list: %w", err)
		}
		p.Imports = append(p.Imports, g[p.ImportPath].Imports...)
		slices.Sort(p.Imports)
		p.Imports = slices.Compact(p.Imports)
		g[p.ImportPath] = p.Package
	}
}

// own returns a package's path relative to the module, and whether it is in it.
// The root package is ".".
func (g Graph) own(path string) (name string, ok bool) {
	if path == Module {
		return ".", true
	}
	return strings.CutPrefix(path, Module+"/")
}

// label is the name of a package in rules and messages.
func (g Graph) label(path string) string {
	name, _ := g.own(path)
	return name
}

func (g Graph) chain(paths []string) string {
	labels := make([]string, len(paths))
	for i, p := range paths {
		labels[i] = g.label(p)
	}
	return strings.Join(labels, " > ")
}

// reachable returns every package that can be reached from a package, each with
// a shortest chain of imports that leads there, both ends included. Of from's
// own imports only those that follow admits are looked at.
func (g Graph) reachable(from string, follow func(imported string) bool) map[string][]string {
	chains := map[string][]string{}
	queue := [][]string{{from}}
	for len(queue) > 0 {
		chain := queue[0]
		queue = queue[1:]
		for _, to := range g[chain[len(chain)-1]].Imports {
			if _, seen := chains[to]; !seen && to != from && (len(chain) > 1 || follow(to)) {
				chains[to] = append(slices.Clone(chain), to)
				queue = append(queue, chains[to])
			}
		}
	}
	return chains
}
