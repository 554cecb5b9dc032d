package filestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// fillUp appends until the store refuses, and returns the session and what was
// refused.
func fillUp(ctx context.Context, s *Store, takeover bool) (*session, []core.Entry, error) {
	r, err := begin(ctx, s, fmt.Sprintf("filler-%p", s), takeover)
	if err != nil {
		return r, nil, err
	}
	for i := range 100_000 {
		es := r.entries(core.StateApplied, fmt.Sprint("change-", i), "again")
		if err := r.append(ctx, false, es); err != nil {
			return r, es, err
		}
	}
	return r, nil, errors.New("it is never full")
}

// TestFull: no room is an error that says so, loses nothing, and is over when
// there is room again.
func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s := mustOpen(t, path, &Options{maxPages: 60})
	r, refused, err := fillUp(t.Context(), s, false)
	wantKind(t, err, core.StoreFull)
	if got := core.CodeOf(err); got != core.CodeUnavailable {
		t.Errorf("got code %s, want %s", got, core.CodeUnavailable)
	}
	before := mustRead(t, s)
	if before.Snapshot.Head.Seq != r.seq || r.seq == 0 {
		t.Fatalf("head is at entry %d, %d were acknowledged", before.Snapshot.Head.Seq, r.seq)
	}
	wantKind(t, r.append(t.Context(), false, refused), core.StoreFull)
	if diff := cmp.Diff(before, mustRead(t, s)); diff != "" {
		t.Errorf("ledger (-before +after):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	integrity(t, path)
	roomy := mustOpen(t, path, nil)
	r.s = roomy
	if err := r.append(t.Context(), false, refused); err != nil {
		t.Fatalf("the same append, with room: %v", err)
	}
	mustRead(t, roomy)
}
