package filestore

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// childCopies reads the files of the database while a change is open in it, as a step
// does that makes a copy, and commits when it is told to.
func childCopies(ctx context.Context, path string, _ int) error {
	s, err := Open(ctx, path, withinDSN(uri(path)))
	if err != nil {
		return err
	}
	r, err := begin(ctx, s, "o1", false)
	if err != nil {
		return err
	}
	w, err := s.Begin(ctx, r.lease)
	if err != nil {
		return err
	}
	tx, ok := w.Handle().(*sql.Tx)
	if !ok {
		return errors.New("no transaction")
	}
	if _, err := tx.ExecContext(ctx, insertRow, "a"); err != nil {
		return err
	}
	for _, file := range []string{path, path + "-wal", path + "-journal"} {
		if _, err := os.ReadFile(file); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	fmt.Println("copied")
	bufio.NewScanner(os.Stdin).Scan()
	if err := r.appendShared(ctx, w, false, r.entries(core.StateApplied, "a")); err != nil {
		return err
	}
	return s.Close()
}

// TestSharedCopied: POSIX takes a process's locks away when it closes any descriptor of
// the file. Whoever opens the database for a copy, in the process that has a change open
// in it, must not let a successor in. Its -shm is another matter: see the package's doc.
func TestSharedCopied(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			p := spawn(t, "copies", path, 0, nil)
			if got := p.line(t); got != "copied" {
				t.Fatal(got)
			}
			other := mustOpen(t, path, &Options{BusyTimeout: 200 * time.Millisecond, Within: &Within{DSN: uri(path)}})
			_, err := begin(t.Context(), other, "o2", true)
			var unavailable *core.UnavailableError
			if !errors.As(err, &unavailable) {
				t.Errorf("a takeover while the change is open: %v", err)
			}
			fmt.Fprintln(p.in, "go on")
			p.finish(t)
			wantRows(t, path, "a")
		})
	}
}
