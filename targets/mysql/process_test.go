package mysql_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
)

// The test binary starts itself again to be another process on the same database.
const (
	roleVariable = "FLAMINGOCK_MYSQL_TEST_ROLE"
	uriVariable  = "FLAMINGOCK_MYSQL_TEST_URI"
)

func child(t testing.TB, role, uri string) (cmd *exec.Cmd, out *bufio.Reader, in io.WriteCloser) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, uriVariable+"="+uri)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	in, err = cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it has ended already when the test passed
	return cmd, bufio.NewReader(stdout), in
}

func expect(t testing.TB, out *bufio.Reader, want string) {
	t.Helper()
	got, err := out.ReadString('\n')
	if strings.TrimSpace(got) != want {
		t.Fatalf("the other process said %q (%v), want %q", got, err, want)
	}
}

// childMain is the other process.
func childMain(role string) int {
	ctx := context.Background()
	target, err := newFor(values{"dsn": os.Getenv(uriVariable)})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer target.Close()
	pause := func() { // until the parent says something, or is gone
		fmt.Println("ready")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	}
	name, argument, _ := strings.Cut(role, " ")
	switch name {
	case "hold": // keep a change transaction open
		err = target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: func(ctx context.Context, h any) error {
			if err := run("INSERT INTO a VALUES (1)")(ctx, h); err != nil {
				return err
			}
			pause()
			return nil
		}})
	case "commit": // commit a change and pause before anything could be recorded
		err = target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: run("INSERT INTO a VALUES (1)")})
		if err == nil {
			pause()
		}
	case "count": // many small changes
		pause()
		var n int
		if n, err = strconv.Atoi(argument); err != nil {
			break
		}
		l := fmt.Sprintf("process %d", os.Getpid())
		for i := 0; i < n && err == nil; i++ {
			err = target.Transact(ctx, core.Transaction{
				Fence:  core.Fence{LedgerID: l, Token: 1, N: 1, Lease: 30 * time.Second},
				Marker: core.Marker{LedgerID: l, ChangeID: "a", Seq: uint64(i)},
				Work:   run("UPDATE n SET v = v + 1"),
			})
		}
	case "first": // the first fence of one ledger, which others make as well
		pause()
		err = target.RaiseFence(ctx, core.Fence{LedgerID: "one", Token: 1, N: 1, Owner: "owner", Lease: 30 * time.Second})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("done")
	return 0
}

func TestKilledProcess(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		for role, want := range map[string]bool{"hold": false, "commit": true} {
			t.Run(role, func(t *testing.T) {
				dsn := table(t, server)
				cmd, out, _ := child(t, role, dsn)
				expect(t, out, "ready")
				must(t, cmd.Process.Kill())
				_ = cmd.Wait() // it says: killed
				target := targetOf(t, dsn)
				must(t, target.RaiseFence(t.Context(), fence(2, 1)))
				if got := marked(t, target, marker("a", 1)); got != want {
					t.Errorf("marker: got %t, want %t", got, want)
				}
				if got := rows(t, dsn, "a") == 1; got != want {
					t.Errorf("row: got %t, want %t", got, want)
				}
			})
		}
	})
}

// Four processes make the tables and change the database at the same time. That InnoDB
// ends all but one of those that make a row in the same gap must not show.
func TestProcessesAtOnce(t *testing.T) {
	const processes, each = 4, 25
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		for _, role := range []string{"count " + strconv.Itoa(each), "first"} {
			t.Run(role, func(t *testing.T) {
				patiently(t, server, 5*time.Second, func(t testing.TB) { // for which locks are waited at most
					dsn := server.Database(t)
					db := look(t, dsn)
					execute(t, db, "CREATE TABLE n (v int)", "INSERT INTO n VALUES (0)")
					var outs []*bufio.Reader
					var ins []io.Writer
					for range processes {
						_, out, in := child(t, role, dsn)
						expect(t, out, "ready")
						outs, ins = append(outs, out), append(ins, in)
					}
					for _, in := range ins {
						fmt.Fprintln(in, "go")
					}
					for _, out := range outs {
						expect(t, out, "done")
					}
					if role == "first" {
						return
					}
					if got := query[int](t, db, "SELECT v FROM n"); got != processes*each {
						t.Errorf("got %d changes, want %d", got, processes*each)
					}
					if got := query[int](t, db, "SELECT COUNT(*) FROM flamingock_marker"); got != processes*each {
						t.Errorf("got %d markers, want %d", got, processes*each)
					}
				})
			})
		}
	})
}
