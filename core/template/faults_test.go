package template

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", name, diff)
	}
}

// The complete output for one directory in which everything is wrong.
func TestFaultsGolden(t *testing.T) {
	_, err := Load(Input{
		Stages: []StageDir{
			{Name: "bad", Location: "bad", DependsOn: []string{"badd"}, Source: core.Position{File: "flamingock.yaml", Line: 3, Column: 5}},
			{Name: "gone", Location: "nowhere", Source: core.Position{File: "flamingock.yaml", Line: 4, Column: 5}},
			{Name: "file", Location: "bad/_0001__good.yaml", Source: core.Position{File: "flamingock.yaml", Line: 5, Column: 5}},
		},
		Targets: targets(), Types: types(), DisplayRoot: "testdata",
	})
	if err == nil {
		t.Fatal("no faults")
	}
	golden(t, filepath.Join("testdata", "bad.golden"), filepath.ToSlash(err.Error())+"\n")
}

const head = "id: x\ntemplate: sql\ntargetSystem: orders-db\n"

// faultyFile is the text of a change file and its faults.
type faultyFile struct{ in, want string }

func faultyFiles() map[string]faultyFile {
	const f = "main/_0001__x.yaml"
	return map[string]faultyFile{
		"empty":             {"", f + ": the file is empty"},
		"only a comment":    {"# x\n", f + ": the file is empty"},
		"list":              {"- id: x\n", f + ":1:1: a change file must be a mapping of keys such as id: and template:, not a list"},
		"text":              {"hello\n", f + ":1:1: a change file must be a mapping of keys such as id: and template:, not text"},
		"bytes":             {head + "apply: \xff\n", f + ":4:8: the byte 0xFF is not UTF-8 text: save the file as UTF-8"},
		"tab":               {"id: x\n\tapply: y\n", f + ":2:1: a tab is no indentation: use spaces"},
		"alias":             {head + "apply: &a x\n", f + ":4:8: anchors (&), aliases (*) and merge keys (<<) are not allowed: write the values out; a text that begins with one of these needs quotes"},
		"bomb":              {"a: &a [x]\nb: &b [*a, *a]\n", f + ":1:4: anchors (&), aliases (*) and merge keys (<<) are not allowed: write the values out; a text that begins with one of these needs quotes"},
		"deep":              {head + "apply: " + strings.Repeat("[", 100) + "\n", f + ":4:71: values are nested more than 64 deep"},
		"two documents":     {head + "apply: x\n---\n" + head, f + ":5:1: the file has several documents: put each into a file of its own"},
		"huge":              {head + "apply: |\n  " + strings.Repeat("x", strictyaml.MaxBytes), f + ": the file has 1048631 bytes or more, and the limit is 1048576 bytes: split it"},
		"duplicate key":     {head + "id: y\napply: x\n", f + `:4:1: the key "id" is there twice; the first is in line 1`},
		"unknown key":       {head + "apply: x\nrolback: y\n", f + `:5:1: unknown key "rolback"; did you mean "rollback"?`},
		"order":             {head + "apply: x\norder: '1'\n", f + ":5:1: the order is in the file name (_ORDER__name.yaml): remove this key"},
		"types":             {"id: [x]\ntemplate: {a: b}\ntargetSystem: []\n", f + ":1:5: id must be text, not a list\n" + f + ":2:11: template must be text, not a mapping\n" + f + ":3:15: targetSystem must be text, not a list"},
		"no id":             {head[6:] + "apply: x\n", f + ":1:1: a change must have an id"},
		"no template":       {"id: x\ntargetSystem: orders-db\napply: x\n", f + ":1:1: the change names no template"},
		"no target":         {"id: x\ntemplate: sql\napply: x\n", f + `:1:1: change "x" names no target system`},
		"empty target":      {"id: x\ntemplate: sql\ntargetSystem: {}\napply: x\n", f + ":3:15: targetSystem: the id of the target system is missing"},
		"target key":        {"id: x\ntemplate: sql\ntargetSystem: {idd: y}\napply: x\n", f + `:3:16: unknown key "idd"; did you mean "id"?`},
		"unknown target":    {"id: x\ntemplate: nope\ntargetSystem: order-db\napply: x\n", f + `:1:1: change "x": target system "order-db" is not configured; did you mean "orders-db"?`},
		"no apply":          {head + "rollback: x\n", f + ":1:1: the change has neither apply nor steps"},
		"null apply":        {head + "apply:\n", f + ":1:1: the change has neither apply nor steps"},
		"both":              {head + "apply: x\nsteps: [{apply: y}]\n", f + ":4:8: a change has either apply or steps, not both"},
		"empty steps":       {head + "steps: []\n", f + ":4:8: steps is empty: a change has at least one step"},
		"null steps":        {head + "steps:\n", f + ":4:6: steps is empty: a change has at least one step"},
		"text steps":        {head + "steps: x\n", f + ":4:8: steps must be a list of apply and rollback, not text"},
		"root rollback":     {head + "steps: [{apply: x}]\nrollback: y\n", f + ":5:11: with steps, each step has its own rollback: move this one there"},
		"bad steps":         {head + "steps:\n- apply: x\n- rollback: y\n- z\n- aply: x\n  apply: y\n", f + ":6:3: Step 2 is missing required 'apply'\n" + f + ":7:3: step 3 must be a mapping with apply, and rollback if it has one, not text\n" + f + `:8:3: step 4: unknown key "aply"; did you mean "apply"?`},
		"unknown template":  {"id: x\ntemplate: sqll\ntargetSystem: orders-db\napply: x\n", f + `:2:11: template "sqll" does not exist; did you mean "sql"?; target system "orders-db" is of type sqldb, which has ops, sql`},
		"stranger":          {"id: x\ntemplate: kafka-topic\ntargetSystem: orders-db\napply: x\n", f + `:2:11: template "kafka-topic" does not exist; target system "orders-db" is of type sqldb, which has ops, sql`},
		"other type's":      {"id: x\ntemplate: call\ntargetSystem: orders-db\napply: x\n", f + `:2:11: template "call" is for target systems of type api, but target system "orders-db" is of type sqldb, which has ops, sql`},
		"custom":            {"id: x\ntemplate: sql\ntargetSystem: bare\napply: x\n", f + `:2:11: target system "bare" is of type custom, which has no templates: write the change in Go`},
		"steps only":        {"id: x\ntemplate: ops\ntargetSystem: orders-db\napply: {type: a}\nrollback: {type: b}\n", f + ":4:8: template ops takes steps, each with apply and rollback, not one apply"},
		"single only":       {"id: x\ntemplate: call\ntargetSystem: gateway\nsteps: [{apply: a}]\n", f + ":4:8: template call takes one apply and rollback, not steps"},
		"rollback required": {"id: x\ntemplate: ops\ntargetSystem: orders-db\nsteps:\n- apply: {type: a}\n- apply: {type: a}\n  rollback: {type: b}\n", f + ":5:3: Step 1 is missing required 'rollback': template ops requires one"},
		"probe":             {head + "apply: x\nprobe: y\n", f + ":5:8: template sql takes no probe: remove this key"},
		"auto rollback":     {head + "apply: x\nrollback: auto\n", f + ":5:11: template sql has no automatic rollback: write out what takes the change back"},
		"auto, impossible":  {"id: x\ntemplate: call\ntargetSystem: gateway\napply: NOWAY\nrollback: auto\n", f + ":4:8: it cannot be put back by itself"},
		"bad probe":         {"id: x\ntemplate: call\ntargetSystem: gateway\napply: a\nprobe: [b]\n", f + ":5:8: probe must be text, not a list"},
		"place in literal":  {head + "apply: |\n  SELECT 1;\n\n    SYNTAX\n", f + ":7:5: this is no SQL"},
		"place in plain":    {head + "apply: SELECT SYNTAX\n", f + ":4:15: this is no SQL"},
		"place in quotes":   {head + "apply: 'SELECT SYNTAX'\n", f + ":4:16: this is no SQL"},
		"place in rollback": {head + "apply: x\nrollback: |2\n     SYNTAX\n", f + ":6:6: this is no SQL"},
		"empty text":        {head + "apply: ''\n", f + ":4:8: the SQL is empty"},
		"payload's type":    {head + "apply: {a: b}\n", f + ":4:8: apply must be text, not a mapping"},
		"payload's key":     {"id: x\ntemplate: ops\ntargetSystem: orders-db\nsteps:\n- apply: {typ: a, collection: []}\n  rollback: {}\n", f + `:5:11: unknown key "typ"; did you mean "type"?` + "\n" + f + ":5:31: steps[0].apply.collection must be text, not a list\n" + f + ":6:13: type is missing"},
		"configuration":     {head + "configuration: {splitStatement: 1}\napply: [a]\n", f + `:4:17: unknown key "splitStatement"; did you mean "splitStatements"?` + "\n" + f + ":5:8: apply must be text, not a list"},
		"plain error":       {"id: x\ntemplate: call\ntargetSystem: gateway\napply: {}\n", f + ":4:8: plain error"},
		"transactional":     {head + "transactional: true\napply: NOTX\n", f + `:1:1: change "x": transactional: true is impossible: NOTX commits implicitly`},
		"strategy":          {head + "recovery: {strategy: RETRY}\napply: x\n", f + `:1:1: change "x": recovery strategy "RETRY" is neither MANUAL_INTERVENTION nor ALWAYS_RETRY`},
		"numbers":           {head + "apply: x\ntimeout: 5\nmaxAttempts: many\nallowOutOfOrder: 1\n", f + ":5:10: timeout must be a duration such as 30s or 5m\n" + f + ":6:14: maxAttempts must be a whole number, not text\n" + f + ":7:18: allowOutOfOrder must be true or false"},
		"negative":          {head + "apply: x\ntimeout: -5s\nmaxAttempts: -1\n", f + `:1:1: change "x": timeout must not be negative` + "\n" + f + `:1:1: change "x": maxAttempts must not be negative`},
		"profiles":          {head + "apply: x\nprofiles: {}\nlabels: a,,b\n", f + `:1:1: change "x": a profile or label is empty` + "\n" + f + ":5:11: profiles: must be a list, or one text with commas, not a mapping"},
	}
}

func TestFaults(t *testing.T) {
	for name, c := range faultyFiles() {
		t.Run(name, func(t *testing.T) {
			stages, err := Load(input(fstest.MapFS{"main/_0001__x.yaml": file(c.in)}))
			if err == nil || stages != nil {
				t.Fatalf("got %v, %v", stages, err)
			}
			if diff := cmp.Diff(c.want, filepath.ToSlash(faultsIn(t, err))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFaultsBetweenFiles(t *testing.T) {
	good := func(id string) *fstest.MapFile { return file(strings.Replace(head, "x", id, 1) + "apply: x\n") }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"same id":        {fstest.MapFS{"main/_1__a.yaml": good("a"), "main/_2__b.yaml": good("a")}, `main/_2__b.yaml:1:1: the id "a" is used already (main/_1__a.yaml:1:1): ids are unique over all stages`},
		"same order":     {fstest.MapFS{"main/_1__a.yaml": good("a"), "main/_01__b.yaml": good("b")}, `main/_1__a.yaml:1:1: change "a" has the order "1" of change "b" (main/_01__b.yaml:1:1): orders are unique within a stage`},
		"same id, fault": {fstest.MapFS{"main/_1__a.yaml": good("a"), "main/_2__b.yaml": file("id: a\ntemplate: sql\ntargetSystem: orders-db\nrollback: x\n")}, `main/_2__b.yaml:1:1: the change has neither apply nor steps` + "\n" + `main/_2__b.yaml:1:1: the id "a" is used already (main/_1__a.yaml:1:1): ids are unique over all stages`},
		"no order":       {fstest.MapFS{"main/0007_add-users.yaml": good("a")}, "main/0007_add-users.yaml: the order must be present in the file name: name the file _ORDER__name.yaml, for example _0007__add-users.yaml"},
		"no order 2":     {fstest.MapFS{"main/users.yml": good("a")}, "main/users.yml: the order must be present in the file name: name the file _ORDER__name.yaml, for example _0001__users.yaml"},
		"no order 3":     {fstest.MapFS{"main/__.yml": good("a")}, "main/__.yml: the order must be present in the file name: name the file _ORDER__name.yaml, for example _0001__name.yaml"},
		"nothing":        {fstest.MapFS{"main/README.md": good("a")}, `stage "main": stage "main" has no changes in main (files are named _ORDER__name.yaml)`},
		"no directory":   {fstest.MapFS{"other/_1__a.yaml": good("a")}, `stage "main": the location main does not exist`},
		"a file":         {fstest.MapFS{"main": good("a")}, `stage "main": the location main is a file, not a directory: name the directory that the change files are in`},
		"a directory":    {fstest.MapFS{"main/_1__a.yaml/x": good("a")}, "main/_1__a.yaml: is a directory, not a file"},
		"a pipe":         {fstest.MapFS{"main/_1__a.yaml": &fstest.MapFile{Mode: fs.ModeNamedPipe}}, "main/_1__a.yaml: is not a regular file"},
	} {
		_, err := Load(input(c.files))
		if err == nil {
			t.Errorf("%s: no fault", name)
			continue
		}
		if diff := cmp.Diff(c.want, filepath.ToSlash(faultsIn(t, err))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// denied refuses to open one name, as the system does for want of a right. Real
// files would not do: root may read everything.
type denied struct {
	fstest.MapFS
	name string
}

func (d denied) Open(name string) (fs.File, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func (d denied) Stat(name string) (fs.FileInfo, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Stat(name)
}

func (d denied) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.MapFS, name) }

func TestUnreadable(t *testing.T) {
	files := fstest.MapFS{"main/_1__a.yaml": file(head + "apply: x\n")}
	for name, want := range map[string]string{
		"main/_1__a.yaml": "main/_1__a.yaml: cannot be read: permission denied",
		"main":            `stage "main": the location main cannot be read: permission denied`,
	} {
		in := input(nil)
		in.Files = denied{files, name}
		_, err := Load(in)
		if err == nil {
			t.Errorf("%s: no fault", name)
			continue
		}
		if got := filepath.ToSlash(faultsIn(t, err)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestLocationOutside(t *testing.T) {
	for _, location := range []string{"../x", "/etc", "a/../../b"} {
		in := input(fstest.MapFS{"main/_1__a.yaml": file(head + "apply: x\n")})
		in.Stages = []StageDir{{Name: "s", Location: location}}
		_, err := Load(in)
		if err == nil {
			t.Errorf("%s: no fault", location)
			continue
		}
		want := `stage "s": the location ` + location + " is outside the files that this program brings along: use a path inside them, without .. and a leading /"
		if got := faultsIn(t, err); got != want {
			t.Errorf("%s: got %s, want %s", location, got, want)
		}
	}
	in := input(fstest.MapFS{"main/_1__a.yaml": file(head + "apply: x\n")})
	in.Stages[0].Location = "./main/"
	if _, err := Load(in); err != nil {
		t.Error(err)
	}
}

// A huge file is refused by its size; it is not read.
func TestHugeFile(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "_1__huge.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(50 << 20); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	in := input(nil)
	in.Files, in.DisplayRoot = nil, dir
	in.Stages[0].Location = "."
	_, err = Load(in)
	if err == nil || !strings.Contains(err.Error(), "_1__huge.yaml: the file has 50 MiB or more, and the limit is 1048576 bytes: split it") {
		t.Errorf("got %v", err)
	}
}
