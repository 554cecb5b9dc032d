package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// childTurns does n whole runs as a Runner would, beside other processes: load,
// acquire a free ledger, append, append with release.
func childTurns(ctx context.Context, path string, n int) (err error) {
	s, err := Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for turn := 0; turn < n; {
		r, err := begin(ctx, s, fmt.Sprintf("o-%d-%d", os.Getpid(), turn), false)
		if errors.Is(err, core.ErrConflict) {
			continue // another process has it, or was faster
		}
		if err != nil {
			return err
		}
		id := fmt.Sprintf("change-%d-%d", os.Getpid(), turn)
		if err := r.append(ctx, false, r.entries(core.StateStarted, id, "shared")); err != nil {
			return err
		}
		if err := r.append(ctx, true, r.entries(core.StateApplied, id, "shared")); err != nil {
			return err
		}
		fmt.Println(r.hash)
		turn++
	}
	return nil
}

func TestFourProcesses(t *testing.T) {
	const processes, turns = 4, 25
	path := filepath.Join(t.TempDir(), "new", "audit.db") // they race to make it, too
	var running []*process
	for range processes {
		running = append(running, spawn(t, "turns", path, turns, nil))
	}
	var hashes []string
	for _, p := range running {
		hashes = append(hashes, p.finish(t)...)
	}
	if got, want := len(hashes), processes*turns; got != want {
		t.Fatalf("%d turns were reported, want %d", got, want)
	}
	s := mustOpen(t, path, nil)
	c := mustRead(t, s)
	if got, want := len(c.History), processes*turns*4; got != want {
		t.Errorf("got %d entries, want %d", got, want)
	}
	if got, want := c.Snapshot.Head.Token, uint64(processes*turns); got != want {
		t.Errorf("got token %d, want %d", got, want)
	}
	there := map[string]bool{}
	for _, e := range c.History {
		there[e.Hash] = true
	}
	for _, h := range hashes {
		if !there[h] {
			t.Errorf("entry %s was acknowledged and is not in the history", h)
		}
	}
}

func childOpen(ctx context.Context, path string, _ int) error {
	s, err := Open(ctx, path, nil)
	if err != nil {
		return err
	}
	return s.Close()
}

func TestManyProcessesMakeTheFile(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "audit.db")
		var running []*process
		for range 4 {
			running = append(running, spawn(t, "open", path, 0, nil))
		}
		for _, p := range running {
			p.finish(t)
		}
		mustBegin(t, mustOpen(t, path, nil), "o1").mustAppend(t, core.StateApplied, "x")
	}
}

// childCrash appends until it is killed, and says what it knows to be written.
func childCrash(ctx context.Context, path string, n int) error {
	s, err := Open(ctx, path, nil)
	if err != nil {
		return err
	}
	owner := fmt.Sprintf("o-%d", n)
	if _, err := s.Attend(ctx, owner); err != nil {
		return err
	}
	snap, err := s.Load(ctx, ledger)
	if err != nil {
		return err
	}
	gone := !snap.Head.Held()
	if !gone {
		if gone, err = s.Gone(ctx, snap.Head.Owner); err != nil || !gone {
			return fmt.Errorf("predecessor %s is not known to be gone: %w", snap.Head.Owner, err)
		}
	}
	r, err := begin(ctx, s, owner, gone)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := r.append(ctx, false, r.entries(core.StateApplied, "a"+strconv.Itoa(i%5), "b"+strconv.Itoa(i%7))); err != nil {
			return err
		}
		fmt.Println(r.seq)
	}
}

// TestKilledWhileWriting kills a writer 20 times at any moment: what it was told
// is written stays written, the rest is whole, and its successor takes over at
// once.
func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, nil)
	for n := range 20 {
		p := spawn(t, "crash", path, n, nil)
		last := p.line(t)
		owner := fmt.Sprintf("o-%d", n)
		if gone, err := s.Gone(t.Context(), owner); err != nil || gone {
			t.Fatalf("kill %d: a live owner is said to be gone: %v, %v", n, gone, err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(8 * time.Millisecond)))) // the moment of the kill is the point
		if rest := p.kill(t); len(rest) > 0 {
			last = rest[len(rest)-1]
		}
		acknowledged, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		gone, err := s.Gone(t.Context(), owner)
		if err != nil || !gone {
			t.Fatalf("kill %d: the dead owner is not known to be gone: %v, %v", n, gone, err)
		}
		c := mustRead(t, s)
		if c.Snapshot.Head.Seq < acknowledged {
			t.Fatalf("kill %d: entry %d was acknowledged, the head is at %d", n, acknowledged, c.Snapshot.Head.Seq)
		}
		if c.Snapshot.Head.Owner != owner || !c.Snapshot.Head.Held() {
			t.Fatalf("kill %d: got head %+v, want it held by %s", n, c.Snapshot.Head, owner)
		}
		integrity(t, path)
	}
	t.Logf("%d entries", mustRead(t, s).Snapshot.Head.Seq)
}

func integrity(t *testing.T, path string) {
	t.Helper()
	tamper(t, path, func(db *sql.DB) error {
		var got string
		err := db.QueryRowContext(context.Background(), "PRAGMA integrity_check").Scan(&got)
		if err == nil && got != "ok" {
			err = errors.New(got)
		}
		return err
	})
}

// TestLogLost documents what no store can notice: without its log the file is a
// whole but older history. It is never an empty or a torn one.
func TestLogLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	before := filled(t, path)
	p := spawn(t, "crash", path, 0, nil)
	for range 20 {
		p.line(t)
	}
	p.kill(t)
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	after := mustRead(t, mustOpen(t, path, nil))
	if n := len(before.History); len(after.History) < n || after.History[n-1].Hash != before.History[n-1].Hash {
		t.Errorf("got %d entries, want at least the %d that were folded in", len(after.History), n)
	}
	integrity(t, path)
}
