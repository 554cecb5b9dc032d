package imagetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// stores runs a test on each audit store, with a box that has its settings.
func stores(t *testing.T, f func(t *testing.T, b *box)) {
	t.Run("embedded", func(t *testing.T) {
		f(t, newBox(t, five()))
	})
	t.Run("DynamoDB", func(t *testing.T) {
		needImage(t)
		server := awstest.DynamoDB(t)
		b := newBox(t, five())
		b.network = "host" // the server listens on the loopback interface only
		table := fmt.Sprintf("imagetest-%d-%d", os.Getpid(), time.Now().UnixNano())
		b = b.with(
			"--env", "FLAMINGOCK_LEDGER=image/test", "--env", "FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE="+table,
			"--env", "FLAMINGOCK_AUDITSTORE_DYNAMODB_ENDPOINT="+aws.ToString(server.BaseEndpoint),
			"--env", "AWS_REGION="+server.Region, "--env", "AWS_ACCESS_KEY_ID=test", "--env", "AWS_SECRET_ACCESS_KEY=test",
		)
		b.write("flamingock.yaml", strings.Replace(config, "auditStore: { file: data/audit.db }", "", 1))
		m := decode(t, b.run(78)) // no run makes the table
		if m.Code != core.CodeConfigInvalid || !strings.Contains(m.Hint, "store create") {
			t.Errorf("without a table the termination message is %+v", m)
		}
		b.run(0, "store", "create")
		f(t, b)
	})
}

// five are changes each of which leaves a row when it runs.
func five() map[string]string {
	files := map[string]string{"changes/_0001__rows.yaml": change("rows", "CREATE TABLE rows (x);", "DROP TABLE rows;")}
	for n := 2; n <= 5; n++ {
		files[fmt.Sprintf("changes/_000%d__row%d.yaml", n, n)] = change(fmt.Sprintf("row%d", n), "INSERT INTO rows VALUES (1);", "DELETE FROM rows;")
	}
	return files
}

// As with forty replicas whose init container is apply: whoever comes second waits,
// and finds nothing to do.
func TestTwoAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, b *box) {
		const many = 3
		var all []*process
		for range many {
			all = append(all, b.start("apply"))
		}
		applied := 0
		for _, p := range all {
			applied += decode(t, p.wants(0)).Counts[run.ChangeApplied]
		}
		if n := b.query("SELECT count(*) FROM rows"); applied != 5 || n != 4 {
			t.Errorf("together they applied %d changes, want 5, and left %d rows, want 4", applied, n)
		}
		if got := b.history("row3"); got != "STARTED APPLIED" {
			t.Errorf("the history of a change is %s", got)
		}
	})
}

// The wait of an application's replicas ends well when one job has applied, and not
// before. It needs no right to write.
func TestWaitBesideApply(t *testing.T) {
	stores(t, func(t *testing.T, b *box) {
		reader := b.with("--volume", b.dir+"/data:/flamingock/data:ro")
		w := reader.start("wait", "--timeout", "2m")
		w.says("waiting for 5 changes")
		b.run(0, "apply", "--to", "row3")
		time.Sleep(1500 * time.Millisecond) // it looks every second
		if !w.running() {
			t.Fatalf("wait ended with two changes pending: %+v", w.end())
		}
		b.run(0)
		if m := decode(t, w.wants(0)); m.Operation != "wait" {
			t.Errorf("its termination message is %+v", m)
		}
		// A replica that starts later.
		reader.run(0, "wait")
	})
}

func TestLockHeld(t *testing.T) {
	b := newBox(t, slow())
	holder := b.start()
	holder.says("knob APPLIED")
	r := b.run(75, "apply", "--lock-wait", "0s")
	if m := decode(t, r); m.Code != core.CodeLockHeld {
		t.Errorf("the termination message is %s", r.termination)
	}

	// Up to --lock-wait it waits, and then it goes on from where the holder stopped.
	second := b.start("apply", "--lock-wait", "2m")
	second.says("waiting for the lock")
	docker(t, "kill", holder.id)
	second.says("took the lock over")
	docker(t, "kill", "--signal", "TERM", second.id)
	docker(t, "stop", "--time", "0", second.id) // it may have ended already
}
