package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// The test binary starts itself again to be another process on the same file.
const (
	roleVariable = "FLAMINGOCK_SQLITE_TEST_ROLE"
	fileVariable = "FLAMINGOCK_SQLITE_TEST_FILE"
)

func child(t *testing.T, role, path string) (cmd *exec.Cmd, out *bufio.Reader, in io.WriteCloser) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, fileVariable+"="+path)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	in, err = cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it has ended already when the test passed
	return cmd, bufio.NewReader(stdout), in
}

func expect(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	got, err := out.ReadString('\n')
	if strings.TrimSpace(got) != want {
		t.Fatalf("the other process said %q (%v), want %q", got, err, want)
	}
}

// childMain is the other process.
func childMain(role string) int {
	ctx := context.Background()
	target, err := newFor(settings{"dsn": "file:" + os.Getenv(fileVariable)})
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
			if err := run("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)")(ctx, h); err != nil {
				return err
			}
			pause()
			return run("INSERT INTO a VALUES (2)")(ctx, h)
		}})
	case "commit": // commit a change and pause before anything could be recorded
		err = target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: run("CREATE TABLE a (x)")})
		if err == nil {
			pause()
		}
	case "count": // many small changes
		pause()
		var n int
		if n, err = strconv.Atoi(argument); err != nil {
			break
		}
		for i := 0; i < n && err == nil; i++ {
			l := fmt.Sprintf("process %d", os.Getpid())
			err = target.Transact(ctx, core.Transaction{
				Fence:  core.Fence{LedgerID: l, Token: 1, N: 1, Lease: 30 * time.Second},
				Marker: core.Marker{LedgerID: l, ChangeID: "a", Seq: uint64(i)},
				Work:   run("CREATE TABLE IF NOT EXISTS n (v)", "INSERT INTO n SELECT count(*) FROM n"),
			})
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("done")
	return 0
}

func TestKilledBetweenStatements(t *testing.T) {
	path := newFile(t)
	cmd, out, _ := child(t, "hold", path)
	expect(t, out, "ready")
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it says: killed
	target := fileTarget(t, path)
	must(t, target.RaiseFence(t.Context(), fence(2, 1)))
	if marked(t, target, marker("a", 1)) {
		t.Error("the marker of a killed change is there")
	}
	if got := tables(t, look(t, path)); got != "" {
		t.Errorf("got tables %q, want none", got)
	}
	must(t, transact(t, target, fence(2, 1), marker("a", 2), run("CREATE TABLE a (x)")))
}

func TestKilledAfterCommit(t *testing.T) {
	path := newFile(t)
	cmd, out, _ := child(t, "commit", path)
	expect(t, out, "ready")
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it says: killed
	target := fileTarget(t, path)
	must(t, target.RaiseFence(t.Context(), fence(2, 1)))
	if !marked(t, target, marker("a", 1)) {
		t.Error("the marker of a committed change is not there")
	}
}

func TestSuccessorOfAPausedHolder(t *testing.T) {
	path := newFile(t)
	cmd, out, in := child(t, "hold", path)
	expect(t, out, "ready")
	target := fileTarget(t, path)
	start := time.Now()
	err := target.RaiseFence(t.Context(), fence(2, 1))
	if _, ok := errors.AsType[*core.BusyError](err); !ok {
		t.Errorf("got %v, want *core.BusyError", err)
	}
	if took := time.Since(start); took < lease/3/2 || took > lease {
		t.Errorf("waited %s, want about %s", took, lease/3)
	}
	err = transact(t, target, fence(2, 1), marker("b", 2), run("CREATE TABLE b (x)"))
	if _, ok := errors.AsType[*core.BusyError](err); !ok || core.IsUnknown(err) {
		t.Errorf("got %v, want a definite *core.BusyError", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := target.RaiseFence(ctx, fence(2, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
	// It goes on and commits: its fence had not been raised.
	fmt.Fprintln(in, "go on")
	expect(t, out, "done")
	must(t, cmd.Wait())
	must(t, target.RaiseFence(t.Context(), fence(2, 1)))
	if !marked(t, target, marker("a", 1)) {
		t.Error("the marker of the change that was paused is not there")
	}
}

// Four processes make the same file and change it at the same time.
func TestProcessesAtOnce(t *testing.T) {
	const processes, each = 4, 25
	path := newFile(t)
	var outs []*bufio.Reader
	var ins []io.Writer
	for range processes {
		_, out, in := child(t, "count "+strconv.Itoa(each), path)
		expect(t, out, "ready")
		outs, ins = append(outs, out), append(ins, in)
	}
	for _, in := range ins {
		fmt.Fprintln(in, "go")
	}
	for _, out := range outs {
		expect(t, out, "done")
	}
	db := look(t, path)
	// Each change inserted the number of rows before it: a lost or doubled one shows.
	if got := query[int](t, db, "SELECT count(DISTINCT v) FROM n WHERE v < (SELECT count(*) FROM n)"); got != processes*each {
		t.Errorf("got %d changes, want %d", got, processes*each)
	}
	if got := query[int](t, db, "SELECT count(*) FROM flamingock_marker"); got != processes*each {
		t.Errorf("got %d markers, want %d", got, processes*each)
	}
	if got := query[string](t, db, "PRAGMA journal_mode"); got != "wal" {
		t.Errorf("got journal mode %s, want wal", got)
	}
}
