package imagetest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
)

// message is the termination message's shape: what people's tools may rely on.
type message struct {
	Success     bool
	Operation   string
	Status      run.Status
	ExecutionID string
	Counts      map[run.ChangeStatus]int
	Exit        int
	Code        core.Code
	Message     string
	Hint        string
}

func decode(t *testing.T, r result) message {
	t.Helper()
	var m message
	d := json.NewDecoder(strings.NewReader(r.termination))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("the termination message %q: %v", r.termination, err)
	}
	if len(r.termination) > 4096 || strings.Count(r.termination, "\n") != 1 || !strings.HasSuffix(r.termination, "\n") {
		t.Errorf("the termination message is not one short line: %q", r.termination)
	}
	if m.Exit != r.exit || m.Success != (r.exit == 0) || (m.Hint == "") != m.Success || (m.Message == "") != m.Success {
		t.Errorf("exit %d, but the termination message is %s", r.exit, r.termination)
	}
	return m
}

// Each exit code that a cluster's rules may name, and the message beside it.
func TestExitCodes(t *testing.T) {
	needImage(t)
	table := map[string]string{"changes/_0001__table.yaml": change("table", "CREATE TABLE t (x);", "DROP TABLE t;")}
	secret := "hunter2-is-not-for-logs"
	for _, c := range []struct {
		name  string
		exit  int
		code  core.Code
		files map[string]string
		flags []string
		args  []string
	}{
		{"done", 0, "", table, nil, nil}, // the image's own command is apply
		{"usage", 64, core.CodeUsage, table, nil, []string{"apply", "--lock-wait", "soon"}},
		{"no command", 64, core.CodeUsage, table, nil, []string{"aply"}},
		{"changes invalid", 65, core.CodeChangeSetInvalid, map[string]string{"changes/_0001__bad.yaml": "id: bad\nnonsense: true\n"}, nil, []string{"apply"}},
		{
			"audit store unavailable", 69, core.CodeUnavailable, table,
			[]string{
				"--env", "FLAMINGOCK_LEDGER=a", "--env", "FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE=none", "--env", "FLAMINGOCK_AUDITSTORE_DYNAMODB_ENDPOINT=http://127.0.0.1:1",
				"--env", "AWS_REGION=us-east-1", "--env", "AWS_ACCESS_KEY_ID=a", "--env", "AWS_SECRET_ACCESS_KEY=" + secret,
			},
			[]string{"apply"},
		},
		{
			"change failed", 70, core.CodeChangeFailed,
			map[string]string{"changes/_0001__bad.yaml": change("bad", `DROP TABLE "${env:SECRET}";`, "")},
			[]string{"--env", "SECRET=" + secret},
			[]string{"apply"},
		},
		{"a history that cannot be written", 77, core.CodePermissionDenied, table, []string{"--env", "FLAMINGOCK_AUDITSTORE_FILE=audit.db"}, []string{"apply"}},
		{"no configuration", 78, core.CodeConfigInvalid, nil, []string{"--env", "FLAMINGOCK_CONFIG=none.yaml"}, []string{"apply"}},
		{"pending", 80, core.CodePending, table, nil, []string{"status", "--exit-code"}},
		{"wait is over", 80, core.CodePending, table, nil, []string{"wait", "--timeout", "100ms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, c.files)
			r := b.with(c.flags...).run(c.exit, c.args...)
			m := decode(t, r)
			if m.Code != c.code {
				t.Errorf("the code is %q, want %q: %s", m.Code, c.code, r.termination)
			}
			if strings.Contains(r.stdout+r.stderr+r.termination, secret) {
				t.Errorf("a secret got out: %s%s%s", r.stdout, r.stderr, r.termination)
			}
		})
	}
}

func TestTerminationMessage(t *testing.T) {
	b := newBox(t, map[string]string{
		"changes/_0001__good.yaml":  change("good", "CREATE TABLE good (x);", "DROP TABLE good;"),
		"changes/_0002__bad.yaml":   change("bad", "DROP TABLE none;", ""),
		"changes/_0003__later.yaml": change("later", "CREATE TABLE later (x);", "DROP TABLE later;"),
	})
	m := decode(t, b.run(70))
	if m.Operation != "apply" || m.Status != run.Failed || m.ExecutionID == "" ||
		m.Counts[run.ChangeApplied] != 1 || m.Counts[run.ChangeRolledBack] != 1 || m.Counts[run.ChangeNotReached] != 1 {
		t.Errorf("the message is %+v", m)
	}

	// At another place, as with the pod's terminationMessagePath.
	b.write("data/why", "")
	if err := os.Chmod(b.dir+"/data/why", 0o666); err != nil {
		t.Fatal(err)
	}
	r := b.with("--env", "FLAMINGOCK_TERMINATION_LOG=data/why").run(64, "apply", "--nonsense")
	if r.termination != "" {
		t.Errorf("it is at the usual place too: %s", r.termination)
	}
	text, err := os.ReadFile(b.dir + "/data/why")
	if err != nil {
		t.Fatal(err)
	}
	r.termination = string(text)
	decode(t, r)
}
