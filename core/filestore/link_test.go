package filestore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// TestReadThroughALink: the log of a file is beside the file, and not beside a link to
// it; a report that looked there would take the file for one that nobody writes.
func TestReadThroughALink(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]func(path string) *Options{
		"a file of its own":         func(string) *Options { return &Options{} },
		"an application's database": func(path string) *Options { return withinDSN(uri(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, link := filepath.Join(t.TempDir(), "store.db"), filepath.Join(t.TempDir(), "link.db")
			if err := os.Symlink(path, link); err != nil {
				t.Skip("does not apply: there are no links here: " + err.Error())
			}
			s := mustOpen(t, path, o(path))
			r, err := begin(t.Context(), s, "o1", false)
			if err != nil {
				t.Fatal(err)
			}
			r.mustAppend(t, core.StateStarted, "a")
			reading := o(link)
			reading.ReadOnly = true
			wantHeadAt(t, mustOpen(t, link, reading), 1)
		})
	}
}
