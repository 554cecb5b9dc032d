package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/internal/gotest"
)

// testedModules returns the directories at and below root that have a go.mod and
// tests, the root first.
func testedModules(root string) ([]string, error) {
	var modules []string
	tested := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir():
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				modules = append(modules, path)
			}
		case strings.HasSuffix(path, "_test.go"):
			tested[innermost(modules, path)] = true
		}
		return nil
	})
	var out []string
	for _, m := range modules {
		if tested[m] {
			out = append(out, m)
		}
	}
	return out, err
}

// innermost returns the last module that contains path; directories come before
// what is in them.
func innermost(modules []string, path string) string {
	best := ""
	for _, m := range modules {
		if m == "." || strings.HasPrefix(path, m+string(filepath.Separator)) {
			best = m
		}
	}
	return best
}

// raceDetector says why tests cannot run with the race detector; "" if they can.
func raceDetector(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "env", "GOOS", "CC", "CGO_ENABLED").Output()
	if err != nil {
		return "the go command does not answer: " + err.Error()
	}
	lines := strings.Split(string(out), "\n")
	if lines[0] == "darwin" {
		return "" // needs no C compiler there
	}
	if lines[2] != "1" {
		return "set CGO_ENABLED=1, and have a C compiler"
	}
	if _, err := exec.LookPath(strings.Fields(lines[1] + " cc")[0]); err != nil {
		return "install a C compiler, such as gcc"
	}
	return ""
}

func vet(ctx context.Context, r *report, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "vet", "./...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, r.out, r.out
	return cmd.Run()
}

// groups splits the packages of a module: those that are tested beside each other, and
// those that are tested alone, since they measure time or start many processes.
func groups(ctx context.Context, dir string) (together, alone []string, err error) {
	cmd := exec.CommandContext(ctx, "go", "list", "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, err
	}
	together, alone = split(strings.Fields(string(out)))
	return together, alone, nil
}

func split(packages []string) (together, alone []string) {
	for _, p := range packages {
		if strings.HasSuffix(p, "/dynamo") || strings.Contains(p, "/chaos/") {
			alone = append(alone, p)
		} else {
			together = append(together, p)
		}
	}
	return together, alone
}

func test(ctx context.Context, r *report, dir string, flags, packages []string) error {
	return gotest.Run(ctx, dir, r.out, r.read, slices.Concat(flags, packages)...)
}
