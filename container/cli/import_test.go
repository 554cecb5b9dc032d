package cli_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/dynamo/javaedition/javatest"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/targets/all"
)

// javaBegan is when the Java edition's history of the tests begins.
var javaBegan = time.Date(2025, 7, 1, 10, 0, 0, 0, time.UTC)

// javaHistory has a change in every state that matters, and an internal one.
func javaHistory() []javatest.Item {
	rows := javatest.Change("a", "1", javaBegan, core.StateStarted, core.StateApplied)
	rows = append(rows, javatest.Change("b", "2", javaBegan.Add(time.Minute), core.StateStarted, core.StateFailed, core.StateRolledBack)...)
	rows = append(rows, javatest.Change("c", "3", javaBegan.Add(2*time.Minute), core.StateStarted)...)
	rows = append(rows, javatest.Change("gone", "0", javaBegan.Add(3*time.Minute), core.StateStarted, core.StateApplied)...)
	internal := javatest.Row("exec-0", "migration-mongock", "0", core.StateApplied, javaBegan)
	internal["systemChange"] = javatest.Bool(true)
	return append(rows, internal)
}

// TestImportScripts runs the command against a real table of the Java edition.
func TestImportScripts(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/import", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for k, v := range map[string]string{
				"NO_COLOR": "1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": awstest.Region,
				"ENDPOINT": aws.ToString(cfg.BaseEndpoint), "TABLE": javatest.Table(t, cfg, javaHistory()...),
			} {
				env.Setenv(k, v)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
			// java ID ORDER STATE: the Java edition works on.
			"java": func(ts *testscript.TestScript, _ bool, args []string) {
				row := javatest.Row("exec-later", args[0], args[1], core.State(args[2]), javaBegan.Add(time.Hour))
				if len(args) > 3 {
					row[args[3]] = javatest.Text(args[4])
				}
				javatest.Put(t, cfg, ts.Getenv("TABLE"), row)
			},
		},
	})
}

// project is a directory with changes and the store that is asked for.
func project(t *testing.T, store string, changes int) (config string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("flamingock.yaml", store+"stages:\n  - { name: main, location: changes }\ntargetSystems:\n  app: { type: sqlite, path: app.db }\n")
	for i := range changes {
		write(fmt.Sprintf("changes/_%05d__c%d.yaml", i, i), fmt.Sprintf("id: c%d\ntemplate: sql\ntargetSystem: app\napply: CREATE TABLE t%d (id INTEGER);\n", i, i))
	}
	return filepath.Join(dir, "flamingock.yaml")
}

// dynamoStore makes a table for our own history, and its configuration.
func dynamoStore(t *testing.T, cfg aws.Config) string {
	t.Helper()
	name := fmt.Sprintf("flamingock-import-%d", time.Now().UnixNano())
	javatest.Make(t, cfg, name, []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}, {AttributeName: aws.String("sk"), KeyType: "RANGE"}})
	return fmt.Sprintf("ledger: shop/prod\nauditStore: { dynamodb: { table: %s, region: %s, endpoint: %q } }\n", name, cfg.Region, *cfg.BaseEndpoint)
}

// importResult is what the command prints as JSON.
type importResult struct {
	Success bool
	Error   *struct{ Code, Message string }
	Data    struct {
		Rows, Entries                  int
		EntriesByState, ChangesByState map[core.State]int
		Skipped                        struct{ ImportedBefore, Internal int }
	}
}

func runJSON(t *testing.T, stop <-chan struct{}, args ...string) (int, importResult) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), core.Program{Targets: all.Types()}, cli.Process{Args: append(args, "-o", "json"), Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Stop: stop})
	var res importResult
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		t.Errorf("%v: %v: %s", args, err, stdout.Bytes())
	}
	return code, res
}

var importRows = flag.Int("import-rows", 1200, "rows of the table that TestImportManyRows imports")

// TestImportManyRows imports a long history into both stores: stopped in the
// middle, by two at once, and again.
func TestImportManyRows(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", cfg.Region)
	changes := *importRows / 2
	var rows []javatest.Item
	for i := range changes {
		rows = append(rows, javatest.Change(fmt.Sprint("c", i), fmt.Sprintf("%05d", i), javaBegan.Add(time.Duration(i)*time.Second), core.StateStarted, core.StateApplied)...)
	}
	table := javatest.Table(t, cfg, rows...)
	for name, store := range map[string]string{"embedded": "", "dynamodb": dynamoStore(t, cfg)} {
		t.Run(name, func(t *testing.T) {
			config := project(t, store, 20)
			args := []string{"import", "-c", config, "--from", "flamingock-java", "--table", table, "--endpoint", *cfg.BaseEndpoint}
			stop := make(chan struct{})
			go func() { // once ten batches of it are recorded
				for !recorded(t, config, 400) {
				}
				close(stop)
			}()
			from := time.Now()
			code, first := runJSON(t, stop, args...)
			took := time.Since(from)
			if code != core.CodeInterrupted.Exit() || first.Data.Entries < 400 || first.Data.Entries == *importRows {
				t.Errorf("stopped: exit %d, %+v", code, first)
			}
			var wg sync.WaitGroup
			var mu sync.Mutex
			total := first.Data.Entries
			from = time.Now()
			for range 2 {
				wg.Go(func() {
					code, res := runJSON(t, nil, args...)
					mu.Lock()
					defer mu.Unlock()
					if total += res.Data.Entries; code != 0 {
						t.Errorf("exit %d: %+v", code, res)
					}
				})
			}
			wg.Wait()
			t.Logf("%d entries in %s, then the other %d in %s by one of two", first.Data.Entries, took, 2*changes-first.Data.Entries, time.Since(from))
			if total != 2*changes {
				t.Errorf("%d entries recorded, want %d", total, 2*changes)
			}
			from = time.Now()
			if code, res := runJSON(t, nil, args...); code != 0 || res.Data.Entries != 0 || res.Data.Skipped.ImportedBefore != 2*changes {
				t.Errorf("again: exit %d, %+v", code, res)
			}
			t.Logf("again: %s", time.Since(from))
			for _, after := range [][]string{{"audit", "verify"}, {"validate", "--applied"}, {"apply"}} {
				if code, res := runJSON(t, nil, append(after, "-c", config)...); code != 0 {
					t.Errorf("%v: exit %d: %+v", after, code, res.Error)
				}
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(config), "app.db")); err == nil {
				t.Error("a change was run")
			}
		})
	}
}

// recorded reports whether the ledger has an entry behind seq.
func recorded(t *testing.T, config string, seq int) bool {
	t.Helper()
	var stdout bytes.Buffer
	args := []string{"audit", "list", "-c", config, "--history", "--after", fmt.Sprint(seq), "--limit", "1", "-o", "json"}
	cli.Run(t.Context(), core.Program{Targets: all.Types()}, cli.Process{Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: io.Discard})
	return strings.Contains(stdout.String(), `"seq": `)
}

// Counts of every kind, on our own DynamoDB table: region and
// endpoint are those of the audit store.
func TestImportIntoDynamoDB(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "")
	table := javatest.Table(t, cfg, javaHistory()...)
	code, res := runJSON(t, nil, "import", "-c", project(t, dynamoStore(t, cfg), 1), "--from", "flamingock-java", "--table", table)
	if code != 0 {
		t.Fatalf("exit %d: %+v", code, res.Error)
	}
	if d := cmp.Diff(map[core.State]int{core.StateApplied: 2, core.StateRolledBack: 1, core.StateStarted: 1}, res.Data.ChangesByState); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if res.Data.Entries != 8 || res.Data.Rows != 9 || res.Data.Skipped.Internal != 1 {
		t.Errorf("%+v", res.Data)
	}
}
