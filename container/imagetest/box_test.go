package imagetest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// box is a directory with configuration and changes, in which containers run.
type box struct {
	t   *testing.T
	dir string
	// flags are further ones of docker run; network is theirs.
	flags   []string
	network string
	user    string
}

const config = `
auditStore: { file: data/audit.db }
lock: { lease: 2s, wait: 1m }
stages:
  - { name: main, location: changes }
targetSystems:
  app-db: { type: sqlite, path: data/app.db }
`

// newBox makes a box; files are what it has beside the configuration, or instead.
func newBox(t *testing.T, files ...map[string]string) *box {
	t.Helper()
	needImage(t)
	b := &box{t: t, dir: t.TempDir(), network: "none"}
	b.write("flamingock.yaml", config)
	for _, f := range files {
		for name, text := range f {
			b.write(name, text)
		}
	}
	b.mkdir("data", 0o777) // the image's user is no user of this machine
	if uid := os.Getuid(); uid != 0 {
		b.user = fmt.Sprintf("%d:%d", uid, os.Getgid()) // or we could not remove what is left
	}
	return b
}

func (b *box) mkdir(name string, mode os.FileMode) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(path, mode); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// with returns a box with more flags of docker run, such as --env.
func (b *box) with(flags ...string) *box {
	other := *b
	other.flags = append(append([]string{}, b.flags...), flags...)
	return &other
}

// process is a container with one run of the command line.
type process struct {
	b    *box
	id   string
	said string // the termination message's file
}

type result struct {
	exit           int
	stdout, stderr string
	termination    string
}

// start starts a container, confined as the recipes in docs have it.
func (b *box) start(args ...string) *process {
	b.t.Helper()
	said := filepath.Join(b.t.TempDir(), "termination-log")
	if err := os.WriteFile(said, nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chmod(said, 0o666); err != nil { // as the kubelet makes it
		b.t.Fatal(err)
	}
	run := []string{
		"run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:rw,noexec,nosuid",
		"--network", b.network, "--volume", b.dir + ":/flamingock:ro", "--volume", said + ":/dev/termination-log",
	}
	if !strings.Contains(strings.Join(b.flags, " "), ":/flamingock/data") {
		run = append(run, "--volume", filepath.Join(b.dir, "data")+":/flamingock/data")
	}
	if b.user != "" {
		run = append(run, "--user", b.user)
	}
	id := docker(b.t, append(append(append(run, b.flags...), image), args...)...)
	b.t.Cleanup(func() { docker(b.t, "rm", "--force", "--volumes", id) })
	return &process{b, id, said}
}

// end waits for the end.
func (p *process) end() result {
	t := p.b.t
	t.Helper()
	var r result
	if _, err := fmt.Sscan(docker(t, "wait", p.id), &r.exit); err != nil {
		t.Fatal(err)
	}
	_, r.stdout, r.stderr = try(t, "logs", p.id)
	text, err := os.ReadFile(p.said)
	if err != nil {
		t.Fatal(err)
	}
	r.termination = string(text)
	return r
}

// says waits until the container has written something.
func (p *process) says(text string) {
	p.b.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		running := p.running()
		if _, stdout, stderr := try(p.b.t, "logs", p.id); strings.Contains(stdout+stderr, text) {
			return
		}
		if !running {
			break
		}
	}
	_, stdout, stderr := try(p.b.t, "logs", p.id)
	p.b.t.Fatalf("it never says %q:\n%s%s", text, stdout, stderr)
}

func (p *process) running() bool {
	p.b.t.Helper()
	return docker(p.b.t, "inspect", "--format", "{{.State.Running}}", p.id) == "true"
}

// run runs a command to its end, which must have the exit code.
func (b *box) run(exit int, args ...string) result {
	b.t.Helper()
	return b.start(args...).wants(exit)
}

func (p *process) wants(exit int) result {
	p.b.t.Helper()
	r := p.end()
	if r.exit != exit {
		p.b.t.Fatalf("exit %d, want %d:\n%s%s", r.exit, exit, r.stdout, r.stderr)
	}
	return r
}

// data decodes the data of a command's JSON.
func data[T any](t *testing.T, r result) T {
	t.Helper()
	var into struct {
		Data T `json:"data"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &into); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	return into.Data
}

// history returns all entries of a change as states.
func (b *box) history(change string) string {
	b.t.Helper()
	var states []string
	for _, e := range data[operation.AuditData](b.t, b.run(0, "audit", "list", "--history", "--change", change, "-o", "json")).Entries {
		states = append(states, string(e.State))
	}
	return strings.Join(states, " ")
}

// query asks the target system, which is a file here, for a number.
func (b *box) query(statement string) (n int) {
	b.t.Helper()
	b.sql(func(db *sql.DB) error { return db.QueryRowContext(b.t.Context(), statement).Scan(&n) })
	return n
}

func (b *box) exec(statement string) {
	b.t.Helper()
	b.sql(func(db *sql.DB) error {
		_, err := db.ExecContext(b.t.Context(), statement)
		return err
	})
}

func (b *box) sql(f func(*sql.DB) error) {
	b.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(b.dir, "data/app.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if err := f(db); err != nil {
		b.t.Fatal(err)
	}
}

// change makes the YAML of a change.
func change(id, apply, rollback string, more ...string) string {
	text := "id: " + id + "\nauthor: tests\ntemplate: sql\ntargetSystem: app-db\n" + strings.Join(more, "")
	text += "apply: |\n  " + apply + "\n"
	if rollback != "" {
		text += "rollback: |\n  " + rollback + "\n"
	}
	return text
}

// endless is a number that nobody counts to.
const endless = "1000000000000"

// slow are three changes, the second of which takes as long as table knob says.
func slow(more ...string) map[string]string {
	return map[string]string{
		"changes/_0001__knob.yaml": change("knob", "CREATE TABLE knob (n INTEGER NOT NULL); INSERT INTO knob VALUES ("+endless+");", "DROP TABLE knob;"),
		"changes/_0002__slow.yaml": change("slow",
			"CREATE TABLE slow AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < (SELECT n FROM knob)) SELECT max(x) AS x FROM c;",
			"DROP TABLE slow;", more...),
		"changes/_0003__last.yaml": change("last", "CREATE TABLE last (x);", "DROP TABLE last;"),
	}
}
