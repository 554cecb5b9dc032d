package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// The image's tests have the message of real runs: container/imagetest.
func TestTerminationMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	call := func(args ...string) int {
		t.Helper()
		var out bytes.Buffer
		return Run(t.Context(), core.Program{}, Process{
			Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
			LookupEnv: func(name string) (string, bool) { return path, name == terminationVariable },
		})
	}
	call("version")
	if _, err := os.Stat(path); err == nil {
		t.Fatal("the file was made, which nobody wished for")
	}

	// Errors before the configuration is read, over what an earlier end left.
	for _, c := range []struct {
		args []string
		want termination
	}{
		{[]string{"apply", "--nonsense"}, termination{Operation: "apply", Exit: 64, Code: core.CodeUsage}},
		{[]string{"-c", "/does/not/exist.yaml", "apply"}, termination{Operation: "apply", Exit: 78, Code: core.CodeConfigInvalid}},
		{[]string{"version"}, termination{Success: true, Operation: "version"}},
	} {
		if err := os.WriteFile(path, []byte(strings.Repeat("old", 2000)), 0o600); err != nil {
			t.Fatal(err)
		}
		exit := call(c.args...)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got termination
		if err := json.Unmarshal(text, &got); err != nil || strings.Count(string(text), "\n") != 1 {
			t.Fatalf("%v: %q: %v", c.args, text, err)
		}
		if got.Success != c.want.Success || got.Operation != c.want.Operation || got.Exit != c.want.Exit || got.Code != c.want.Code || exit != got.Exit {
			t.Errorf("%v: exit %d, %s", c.args, exit, text)
		}
		if !got.Success && (got.Message == "" || got.Hint == "") {
			t.Errorf("%v: it does not say what is wrong and what to do: %s", c.args, text)
		}
	}

	call("--help")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "version") {
		t.Errorf("help is no end of a run, but wrote %q (%v)", text, err)
	}
}

func TestTerminationMessageIsNoFile(t *testing.T) {
	dir := t.TempDir()
	exit := Run(t.Context(), core.Program{}, Process{
		Args: []string{"version"}, Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { return dir, name == terminationVariable },
	})
	if exit != 0 {
		t.Errorf("a directory in place of the file made the exit code %d", exit)
	}
}

// Whatever an error says, Kubernetes must get a whole JSON document.
func TestTerminationMessageIsShort(t *testing.T) {
	for _, long := range []string{strings.Repeat("x", 9000), strings.Repeat("é\"\n", 3000), strings.Repeat("\xff", 5000), strings.Repeat("\u2028\x01", 2000)} {
		for name, full := range map[string]termination{
			"message": {Message: long, Hint: "do this", Code: core.CodeChangeFailed},
			"hint":    {Message: "wrong", Hint: long, Code: core.CodeChangeFailed},
			"all":     {Operation: long, Message: long, Hint: long, Code: core.CodeChangeFailed, Counts: map[run.ChangeStatus]int{run.ChangeFailed: 1}},
		} {
			line := full.line()
			var got termination
			if err := json.Unmarshal(line, &got); err != nil || len(line) > terminationLimit || got.Code != core.CodeChangeFailed {
				t.Errorf("%s: %d bytes: %v", name, len(line), err)
			}
			if name == "message" && (got.Hint != "do this" || len(line) < terminationLimit-8) {
				t.Errorf("%s: %d bytes are left, with the hint %q", name, len(line), got.Hint)
			}
		}
	}
}
