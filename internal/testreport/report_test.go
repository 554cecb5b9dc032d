package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a module whose tests pass, fail, log and skip in every way.
var sample = map[string]string{
	"go.mod": "module example.org/flamingock-go\n\ngo 1.26\n",
	"a/a_test.go": `package a
import "testing"
func TestGood(t *testing.T) { t.Log("not shown") }
func TestBad(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("the reason") }) }
func TestLacking(t *testing.T) { t.Log("a log"); t.Skip("needs PostgreSQL: set FLAMINGOCK_TEST_POSTGRES_URI") }
func TestLackingToo(t *testing.T) { t.Skip("needs PostgreSQL: set FLAMINGOCK_TEST_POSTGRES_URI") }
func TestIdle(t *testing.T) { t.Skip("does not apply: Windows only") }
`,
	"b/b_test.go": "package b\nimport \"testing\"\nfunc TestGood(t *testing.T) {}\n",
	"c/c_test.go": "package c\nimport \"testing\"\nfunc TestBroken(t *testing.T) { undefined() }\n",
	"d/d.go":      "package d\n",
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, sample)
	var out bytes.Buffer
	r := newReport(&out)
	r.localStack = "none (no engine)"
	r.step("go test", dir, func() error { return test(t.Context(), r, dir, nil, []string{"./..."}) })
	if r.finish(false) {
		t.Error("finish is content with failed tests")
	}
	got := regexp.MustCompile(`\(?\b\d+\.\d+s\)?|in [\d.]+s$`).ReplaceAllString(strings.ReplaceAll(out.String(), dir, "DIR"), "TIME")
	for _, want := range []string{
		"--- FAIL: TestBad TIME\n",
		"--- FAIL: TestBad/sub TIME\n",
		"    a_test.go:4: the reason\n",
		"FAIL\texample.org/flamingock-go/a\tTIME\n",
		"ok  \texample.org/flamingock-go/b\tTIME\n",
		"c/c_test.go:3:33: undefined: undefined\n",
		"?   \texample.org/flamingock-go/d\t[no test files]\n",
		"FAILED  example.org/flamingock-go/c did not build, or ended before its tests did\n",
		"  a.TestLacking, a.TestLackingToo\n    needs PostgreSQL: set FLAMINGOCK_TEST_POSTGRES_URI\n",
		"LocalStack: none (no engine)\nSkipped, and how to get it:\n",
		"Skipped because they do not apply here: 1\n",
		"\n2 passed, 3 failed, 3 skipped\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if strings.Contains(got, "not shown") || strings.Contains(got, "TestGood") {
		t.Error("the output shows tests that passed")
	}
	if t.Failed() {
		t.Log("\n" + got)
	}
}

func TestFinish(t *testing.T) {
	const pass, skip = `{"Action":"pass","Package":"p","Test":"A"}`,
		`{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:1: needs a server\n"}
{"Action":"skip","Package":"p","Test":"B"}`
	const idle = `{"Action":"output","Package":"p","Test":"C","Output":"    b_test.go:1: does not apply: no transactions\n"}
{"Action":"skip","Package":"p","Test":"C"}`
	tests := map[string]struct {
		events     string
		requireAll bool
		want       bool
	}{
		"all passed":                         {pass, true, true},
		"a skip":                             {pass + "\n" + skip, false, true},
		"a skip where all is required":       {pass + "\n" + skip, true, false},
		"not applicable, where required":     {pass + "\n" + idle, true, true},
		"a failed test":                      {`{"Action":"fail","Package":"p","Test":"A"}`, false, false},
		"a package that ended early":         {`{"Action":"fail","Package":"p"}`, false, false},
		"lines that are not from the runner": {"go: downloading something\n" + pass, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := newReport(&out)
			if err := r.read(strings.NewReader(tt.events)); err != nil {
				t.Fatal(err)
			}
			if got := r.finish(tt.requireAll); got != tt.want {
				t.Errorf("finish = %v, want %v; it printed:\n%s", got, tt.want, out.String())
			}
		})
	}
}

func TestTestedModules(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.mod": "", "x/x_test.go": "",
		"bench/go.mod": "", "bench/main.go": "",
		"local/go.mod": "", "local/deep/x_test.go": "",
		".cache/other/go.mod": "", ".cache/other/x_test.go": "",
		"x/testdata/module/go.mod": "", "x/testdata/module/x_test.go": "",
	})
	t.Chdir(dir)
	got, err := testedModules(".")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".", "local"}, got); diff != "" {
		t.Errorf("testedModules (-want +got):\n%s", diff)
	}
}

func TestRaceDetector(t *testing.T) {
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("CC", "no-such-compiler")
	t.Setenv("GOOS", "linux")
	if why := raceDetector(context.Background()); !strings.Contains(why, "install a C compiler") {
		t.Errorf("raceDetector = %q without a compiler", why)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSplit(t *testing.T) {
	together, alone := split([]string{"m/core", "m/dynamo", "m/dynamo/javaedition", "m/targets/dynamodb", "m/chaos/sim"})
	if got := strings.Join(together, " ") + " | " + strings.Join(alone, " "); got != "m/core m/dynamo/javaedition m/targets/dynamodb | m/dynamo m/chaos/sim" {
		t.Error(got)
	}
}
