package cli_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/dynamo/javaedition/javatest"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// The history of the Java edition is taken over into the database of a target system,
// whose changes then go on there.
func TestImportIntoATargetSystem(t *testing.T) {
	cfg := awstest.DynamoDB(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", cfg.Region)
	var rows []javatest.Item
	for i := range 3 {
		rows = append(rows, javatest.Change(fmt.Sprint("c", i), fmt.Sprintf("%05d", i), javaBegan.Add(time.Duration(i)*time.Second), core.StateStarted, core.StateApplied)...)
	}
	table := javatest.Table(t, cfg, rows...)
	config := project(t, "auditStore: { targetSystem: app }\n", 5)
	args := []string{"import", "-c", config, "--from", "flamingock-java", "--table", table, "--endpoint", *cfg.BaseEndpoint}
	for i, want := range []int{6, 0} {
		if code, res := runJSON(t, nil, args...); code != 0 || res.Data.Entries != want {
			t.Errorf("import %d: exit %d, %+v", i+1, code, res)
		}
	}
	for _, after := range [][]string{{"audit", "verify"}, {"apply"}, {"audit", "verify"}, {"validate", "--applied"}, {"issue", "list"}, {"drift", "list"}} {
		if code, res := runJSON(t, nil, append(after, "-c", config)...); code != 0 {
			t.Errorf("%v: exit %d: %+v", after, code, res.Error)
		}
	}
}
