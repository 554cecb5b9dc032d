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
		path := strings.Trim(i.Path.Value, `"`)
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		list.imports[name] = path
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

// program is a main with all target types but one.
func (l targetList) program(without func(string) bool) string {
	var imports, types strings.Builder
	kept := slices.DeleteFunc(slices.Clone(l.types), without)
	for _, t := range kept {
		fmt.Fprintf(&types, "\t\t%s,\n", t)
	}
	for name, path := range l.imports {
		if name == "core" || strings.Contains(types.String(), name+".") {
			fmt.Fprintf(&imports, "\t%s %q\n", name, path)
		}
	}
	return fmt.Sprintf("package main\n\nimport (\n%s\t%q\n)\n\nvar version string\n\nfunc main() {\n\thandler.Main(core.Program{Version: version, Targets: []core.TargetType{\n%s\t}})\n}\n",
		imports.String(), "github.com/flamingock/flamingock-go/lambda/handler", types.String())
}

// printShares builds the function without each target system. What several share (the
// AWS SDK, a driver that the audit store has as well) is nobody's share.
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
	built := func(without func(string) bool) (binary, zip int64, err error) {
		main, to := filepath.Join(dir, "main.go"), filepath.Join(dir, "bootstrap")
		if err := os.WriteFile(main, []byte(list.program(without)), 0o600); err != nil {
			return 0, 0, err
		}
		if err := o.build(ctx, runtime.GOARCH, to, main); err != nil {
			return 0, 0, err
		}
		if err := o.run(ctx, nil, "go", "run", "./lambda/zip", to+".zip", to); err != nil {
			return 0, 0, err
		}
		if binary, err = sizeOf(to); err != nil {
			return 0, 0, err
		}
		zip, err = sizeOf(to + ".zip")
		return binary, zip, err
	}
	binary, zip, err := built(func(string) bool { return false })
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe share of each target system: what the function of linux/%s is smaller without it.\n\n| without | binary | zip |\n| --- | --- | --- |\n", runtime.GOARCH)
	fmt.Fprintf(w, "| nothing | %s | %s |\n", mega(binary), mega(zip))
	line := func(name string, without func(string) bool) error {
		b, z, err := built(without)
		if err == nil {
			fmt.Fprintf(w, "| %s | −%s | −%s |\n", name, mega(binary-b), mega(zip-z))
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
