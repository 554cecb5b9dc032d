package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
)

// FuzzLoad loads any bytes as a change file: it never panics, and what it accepts
// is complete. Its seeds are the files of testdata.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"java/*", "bad/*", "checksum/*"} {
		names, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, text := range []string{base, head + "apply: x\n", head + "steps: [{apply: {type: x}, rollback: {type: y}}]\n"} {
		f.Add([]byte(text))
		f.Add([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	}
	tt := types()
	tg := targets()
	tg["mysql-inventory"], tg["mongodb"] = sqlTarget("mysql-inventory"), sqlTarget("mongodb")
	f.Fuzz(func(t *testing.T, data []byte) {
		stages, err := Load(Input{
			Files:  fstest.MapFS{"main/_1__x.yaml": &fstest.MapFile{Data: data}},
			Stages: stageDirs("main"), Targets: tg, Types: tt,
		})
		if err != nil {
			for _, line := range strings.Split(faultsIn(t, err), "\n") {
				if strings.TrimSpace(line) == "" {
					t.Errorf("%q: an empty fault", data)
				}
			}
			if core.CodeOf(err) != core.CodeChangeSetInvalid || stages != nil {
				t.Errorf("%q: got %s and %v", data, core.CodeOf(err), stages)
			}
			return
		}
		c := stages[0].Changes[0]
		if c.ID == "" || c.Checksum == "" || c.Source.Template == "" || c.Source.Line < 1 {
			t.Errorf("%q: got %+v", data, c)
		}
		for _, p := range c.Pairs() {
			if p.Apply.IsZero() {
				t.Errorf("%q: a step without apply", data)
			}
		}
	})
}
