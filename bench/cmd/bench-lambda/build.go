package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// function is one of those that make lambda builds.
type function struct {
	name, arch     string // all, aws
	bootstrap, zip string
}

// buildFunctions builds all four, as make lambda does.
func buildFunctions(ctx context.Context, o *options) ([]function, error) {
	var all []function
	for _, kind := range []struct{ name, main string }{{"aws", "./lambda/aws"}, {"all", "./lambda"}} {
		for _, arch := range []string{"amd64", "arm64"} {
			f := function{name: kind.name, arch: arch, bootstrap: filepath.Join(o.dir, "bootstrap-"+kind.name+"-"+arch)}
			f.zip = f.bootstrap + ".zip"
			if err := o.build(ctx, arch, f.bootstrap, kind.main); err != nil {
				return nil, err
			}
			if err := o.run(ctx, nil, "go", "run", "./lambda/zip", f.zip, f.bootstrap); err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// build builds a main, a package or a file, with the flags of make lambda.
func (o *options) build(ctx context.Context, arch, to, main string) error {
	return o.run(ctx, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch},
		"go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -X main.version=v0.0.0-bench", "-o", to, main)
}

// run runs a command in the repository.
func (o *options) run(ctx context.Context, env []string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = o.root, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", argv, err, out)
	}
	return nil
}

func sizeOf(file string) (int64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
