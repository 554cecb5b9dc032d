package filestore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// childAttend attends and then waits to be killed or told to leave.
func childAttend(ctx context.Context, path string, n int) error {
	s, err := Open(ctx, path, nil)
	if err != nil {
		return err
	}
	leave, err := s.Attend(ctx, fmt.Sprint("owner-", n))
	if err != nil {
		return err
	}
	fmt.Println("here")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // a word, or the end of the parent
	return errors.Join(leave(), s.Close())
}

func wantGone(t *testing.T, s *Store, owner string, want bool) {
	t.Helper()
	got, err := s.Gone(t.Context(), owner)
	if err != nil || got != want {
		t.Fatalf("gone %q: got %v, %v, want %v", owner, got, err, want)
	}
}

func ownerFiles(t *testing.T, s *Store) []string {
	t.Helper()
	files, err := os.ReadDir(s.owners())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestPresence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s, ro := mustOpen(t, path, nil), mustOpen(t, path, &Options{ReadOnly: true})
	wantGone(t, s, "owner-0", false) // never heard of

	p := spawn(t, "attend", path, 0, nil)
	p.line(t)
	wantGone(t, s, "owner-0", false)
	wantGone(t, ro, "owner-0", false)
	p.kill(t)
	for range 2 { // asking changes nothing
		wantGone(t, ro, "owner-0", true)
		wantGone(t, s, "owner-0", true)
	}

	p = spawn(t, "attend", path, 1, nil)
	p.line(t)
	if _, err := p.in.Write([]byte("leave\n")); err != nil {
		t.Fatal(err)
	}
	p.finish(t)
	wantGone(t, s, "owner-1", false) // left in good order: that says nothing
}

func TestPresenceInOneProcess(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	other := mustOpen(t, s.path, nil)
	leave, err := s.Attend(t.Context(), "me")
	if err != nil {
		t.Fatal(err)
	}
	wantGone(t, s, "me", false)
	wantGone(t, other, "me", false)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := other.Attend(ctx, "me"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("attending for an owner that is attended: got %v, want the context's error", err)
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	if err := leave(); err != nil {
		t.Errorf("leaving twice: %v", err)
	}
	if got := ownerFiles(t, s); len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
}

func TestOwnersThatAreNoFileNames(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	for _, owner := range []string{"../../evil", "a/b", "a b", "ü", "%2e", "...x", "-", "C:\\x", "a:b*c"} {
		leave, err := s.Attend(t.Context(), owner)
		if err != nil {
			t.Fatalf("attend %q: %v", owner, err)
		}
		wantGone(t, s, owner, false)
		if got := ownerFiles(t, s); len(got) != 1 {
			t.Errorf("owner %q: got files %q, want one in the directory", owner, got)
		}
		if err := leave(); err != nil {
			t.Fatalf("leave %q: %v", owner, err)
		}
	}
	for _, owner := range []string{"", ".", "..", strings.Repeat("x", 300)} {
		if _, err := s.Attend(t.Context(), owner); err == nil {
			t.Errorf("attend %q: got nil, want an error", owner)
		}
		wantGone(t, s, owner, false)
	}
}

// TestProofIsKeptUntilItIsUsed: a dead holder's file is what lets its successor
// in at once. It goes with the takeover, or when no ledger names the owner.
func TestProofIsKeptUntilItIsUsed(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, nil)
	dead := []*process{spawn(t, "attend", path, 0, nil), spawn(t, "attend", path, 1, nil)}
	for _, p := range dead {
		p.line(t)
	}
	for _, p := range dead {
		p.kill(t)
	}
	mustBegin(t, s, "owner-0") // as if the dead process had acquired

	leave, err := s.Attend(ctx, "me") // sweeps
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := leave(); err != nil {
			t.Error(err)
		}
	}()
	if got := strings.Join(ownerFiles(t, s), " "); got != "me owner-0" {
		t.Fatalf("got files %q, want my own and the dead holder's", got)
	}
	wantGone(t, s, "owner-0", true)
	if _, err := begin(ctx, s, "me", true); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ownerFiles(t, s), " "); got != "me" {
		t.Fatalf("got files %q, want my own only: the takeover used the proof", got)
	}
}

// TestTakeoverLeavesTheLivingsFile: who is paused and taken over is not dead.
func TestTakeoverLeavesTheLivingsFile(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "audit.db"), nil)
	leave, err := s.Attend(t.Context(), "paused")
	if err != nil {
		t.Fatal(err)
	}
	mustBegin(t, s, "paused")
	mustBegin(t, s, "robber")
	if got := strings.Join(ownerFiles(t, s), " "); got != "paused" {
		t.Errorf("got files %q, want the paused owner's", got)
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
}

// TestPausedOwnerDoesNotGiveItsSuccessorAway is the reason for one lock for each
// owner: P1 is paused, P2 takes over by the lease, P1 wakes, is fenced and ends.
// P3 must still see P2 alive.
func TestPausedOwnerDoesNotGiveItsSuccessorAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, nil)
	p1, p2 := spawn(t, "attend", path, 1, nil), spawn(t, "attend", path, 2, nil)
	p1.line(t)
	p2.line(t)
	mustBegin(t, s, "owner-1")
	mustBegin(t, s, "owner-2")
	p1.kill(t)
	snap, err := s.Load(t.Context(), ledger)
	if err != nil || snap.Head.Owner != "owner-2" {
		t.Fatalf("got %+v, %v, want owner-2's head", snap.Head, err)
	}
	wantGone(t, s, snap.Head.Owner, false)
	p2.kill(t)
	wantGone(t, s, snap.Head.Owner, true)
}

// TestAttendAgainstSweepers has owners come and go while others sweep and ask:
// nobody alive may ever be said to be gone, and nobody may fail to attend.
func TestAttendAgainstSweepers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	var wg sync.WaitGroup
	for i := range 4 {
		s := mustOpen(t, path, nil)
		wg.Go(func() {
			for n := range 30 {
				owner := fmt.Sprintf("o-%d-%d", i, n)
				leave, err := s.Attend(context.Background(), owner)
				if err != nil {
					t.Errorf("attend %s: %v", owner, err)
					return
				}
				for range 5 {
					if gone, err := s.Gone(context.Background(), owner); err != nil || gone {
						t.Errorf("gone %s: got %v, %v while it is attended", owner, gone, err)
					}
				}
				if err := leave(); err != nil {
					t.Errorf("leave %s: %v", owner, err)
				}
			}
		})
	}
	wg.Wait()
	if got := ownerFiles(t, mustOpen(t, path, nil)); len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
}
