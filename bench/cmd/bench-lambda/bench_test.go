package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	ms := func(values ...float64) (s series) {
		for _, v := range values {
			s.add(v * float64(time.Millisecond))
		}
		return s
	}
	limit := float64(60 * time.Millisecond)
	rows := []row{
		{"below", ms(70, 10, 20), inMillis, limit},
		{"at it", ms(60), inMillis, limit},
		{"above", ms(10, 70, 80), inMillis, limit},
		{"nothing measured", nil, inMillis, limit},
		{"without a limit", ms(1000), inMillis, 0},
	}
	var out strings.Builder
	if missed := printTable(&out, rows); missed != 3 {
		t.Errorf("%d missed, want 3", missed)
	}
	for _, want := range []string{
		"| below | 20 ms | 10 ms – 70 ms | < 60 ms | PASS |", "| at it | 60 ms |  | < 60 ms | MISS |", "| above | 70 ms | 10 ms – 80 ms | < 60 ms | MISS |",
		"| nothing measured | 0.0 ms |  | < 60 ms | MISS |", "| without a limit | 1000 ms |  |  |  |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

// The list is read from the source, so that a target system that is added is measured.
func TestPrograms(t *testing.T) {
	list, err := readTargets(filepath.Join("..", "..", "..", "targets", "all", "all.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(list.types) < 3 || list.imports["postgres"] == "" {
		t.Fatalf("%+v", list)
	}
	for i := range 2 * (1 + len(list.types)) {
		without := append([]string{""}, list.types...)[i/2]
		text := list.program([]string{handler, command}[i%2], func(e string) bool { return e == without })
		parsed, err := parser.ParseFile(token.NewFileSet(), "main.go", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if without != "" && strings.Contains(text, without) {
			t.Errorf("%s is still there:\n%s", without, text)
		}
		for _, i := range parsed.Imports {
			name := i.Path.Value[strings.LastIndex(i.Path.Value, "/")+1 : len(i.Path.Value)-1]
			if i.Name != nil {
				name = i.Name.Name
			}
			if !strings.Contains(text, name+".") {
				t.Errorf("without %s, %s is imported and not used", without, name)
			}
		}
	}
}
