package filestore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// A log that is written over costs half of the disk's time that a growing one costs.
func TestLogIsWrittenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	s, err := Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := mustBegin(t, s, "owner")
	for range 300 {
		w.mustAppend(t, core.StateStarted, "change")
		w.mustAppend(t, core.StateApplied, "change")
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(2 * logPages * 4096); info.Size() > most {
		t.Errorf("after 600 appends the log has %d bytes, more than %d", info.Size(), most)
	}
}
