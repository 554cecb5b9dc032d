package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// targetList is targets/all/all.go: what has to be imported, and the expression of each
// target type.
type targetList struct {
	imports map[string]string // by the name that expressions use
	types   []string
}

// readTargets reads the list as it is written: what joins it is measured, too.
func readTargets(file string) (targetList, error) {
	list := targetList{imports: map[string]string{}}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		return list, err
	}
	for _, i := range parsed.Imports {
		imported := strings.Trim(i.Path.Value, `"`)
		name := path.Base(imported)
		if i.Name != nil {
			name = i.Name.Name
		}
		list.imports[name] = imported
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || list.types != nil {
			return list.types == nil
		}
		for _, e := range literal.Elts {
			var b bytes.Buffer
			if perr := printer.Fprint(&b, set, e); perr != nil {
				err = perr
			}
			list.types = append(list.types, b.String())
		}
		return false
	})
	if err == nil && len(list.types) == 0 {
		err = errors.New(file + " lists no target types")
	}
	return list, err
}

// name is the target's: the package that its expression begins with.
func name(expression string) string {
	before, _, _ := strings.Cut(expression, ".")
	return before
}

// The packages whose Main a program calls.
const (
	handler = "github.com/flamingock/flamingock-go/lambda/handler"
	command = "github.com/flamingock/flamingock-go/container/cli"
)

// program is a main, of the function or the command line, with all target types but one.
func (l targetList) program(mains string, without func(string) bool) string {
	var imports, types strings.Builder
	kept := slices.DeleteFunc(slices.Clone(l.types), without)
	for _, t := range kept {
		fmt.Fprintf(&types, "\t\t%s,\n", t)
	}
	for name, imported := range l.imports {
		if name == "core" || strings.Contains(types.String(), name+".") {
			fmt.Fprintf(&imports, "\t%s %q\n", name, imported)
		}
	}
	return fmt.Sprintf("package main\n\nimport (\n%s\t%q\n)\n\nvar version string\n\nfunc main() {\n\t%s.Main(core.Program{Version: version, Targets: []core.TargetType{\n%s\t}})\n}\n",
		imports.String(), mains, path.Base(mains), types.String())
}

// shares are the sizes of what is built with some target types.
type shares struct{ function, zip, command int64 }

// printShares builds function and command line without each target system. What several
// share (the AWS SDK, a driver that the audit store has as well) is nobody's share.
func printShares(ctx context.Context, w io.Writer, o *options) error {
	list, err := readTargets(filepath.Join(o.root, "targets", "all", "all.go"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "shares")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in a directory for what is built
	built := func(without func(string) bool) (s shares, err error) {
		to := filepath.Join(dir, "bootstrap")
		if s.function, err = list.size(ctx, o, handler, without, to); err != nil {
			return s, err
		}
		if err := o.run(ctx, nil, "go", "run", "./lambda/zip", to+".zip", to); err != nil {
			return s, err
		}
		if s.zip, err = sizeOf(to + ".zip"); err != nil {
			return s, err
		}
		s.command, err = list.size(ctx, o, command, without, filepath.Join(dir, "flamingock"))
		return s, err
	}
	all, err := built(func(string) bool { return false })
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe share of each target system: what function and command line of linux/%s are smaller without it.\n\n", runtime.GOARCH)
	fmt.Fprint(w, "| without | function | its zip | command line |\n| --- | --- | --- | --- |\n")
	fmt.Fprintf(w, "| nothing | %s | %s | %s |\n", mega(all.function), mega(all.zip), mega(all.command))
	line := func(name string, without func(string) bool) error {
		s, err := built(without)
		if err == nil {
			fmt.Fprintf(w, "| %s | −%s | −%s | −%s |\n", name, mega(all.function-s.function), mega(all.zip-s.zip), mega(all.command-s.command))
		}
		return err
	}
	for _, t := range list.types {
		if err := line(name(t), func(e string) bool { return e == t }); err != nil {
			return err
		}
	}
	return line("all of them", func(string) bool { return true })
}

// size builds a program and returns how large it is.
func (l targetList) size(ctx context.Context, o *options, mains string, without func(string) bool, to string) (int64, error) {
	main := to + ".go"
	if err := os.WriteFile(main, []byte(l.program(mains, without)), 0o600); err != nil {
		return 0, err
	}
	if err := o.build(ctx, runtime.GOARCH, to, main); err != nil {
		return 0, err
	}
	return sizeOf(to)
}
