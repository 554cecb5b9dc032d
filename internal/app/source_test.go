package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// inDir writes files and returns an App that was configured by flamingock.yaml there.
func inDir(t *testing.T, program core.Program, files map[string]string) *App {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := New(Options{Program: program, ConfigPath: filepath.Join(dir, "flamingock.yaml"), DirVersion: "7"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The changes come from the source, and the audit's metadata says from which one.
func TestOpenSource(t *testing.T) {
	a := inDir(t, core.Program{Clients: []core.Target{core.NewClientTarget("db", 1)}}, map[string]string{
		"flamingock.yaml":             "metadata: {team: payments, source: a lie}\nsource: {dir: layer}\nstages: [{location: changes}]\ntargetSystems: {db: {type: custom}}\n",
		"layer/changes/_0001__a.yaml": "id: a\nauthor: x\ntemplate: none\ntargetSystem: db\napply: x\n",
	})
	src, err := a.OpenSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"team": "payments", "source": src.Name, "sourceVersion": "7"}
	if d := cmp.Diff(want, a.Config.Metadata); d != "" || !strings.HasSuffix(src.Name, "layer") {
		t.Errorf("%s: -want +got:\n%s", src.Name, d)
	}
	// The file is found there; that no target system has its template shows it.
	if err := a.LoadChanges(); err == nil || !strings.Contains(err.Error(), "_0001__a.yaml:3") {
		t.Errorf("got %v", err)
	}
}

func TestOpenSourceFaults(t *testing.T) {
	for name, c := range map[string]struct {
		program    core.Program
		text, want string
	}{
		"files of its own": {core.Program{Files: fstest.MapFS{}}, "source: {dir: x}\n", "source: this binary brings its change files along"},
		"no job":           {core.Program{}, "source: {artifact: {name: Build}}\n", "source.artifact: there is no CodePipeline job here"},
		"no directory":     {core.Program{}, "source: {dir: x}\n", "source.dir: "},
	} {
		_, err := inDir(t, c.program, map[string]string{"flamingock.yaml": c.text}).OpenSource(t.Context())
		if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), c.want) || core.HintOf(err) == "" {
			t.Errorf("%s: got %v, hint %q", name, err, core.HintOf(err))
		}
	}
	a := inDir(t, core.Program{}, map[string]string{"flamingock.yaml": "ledger: x\n"})
	if src, err := a.OpenSource(t.Context()); err != nil || src.FS != nil || a.Config.Metadata["source"] != "" {
		t.Errorf("got %+v, %v", src, err)
	}
}
