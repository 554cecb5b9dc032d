package sqlite

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// source is what a DSN names.
type source struct {
	dsn   string
	path  string // of the file; "" where the DSN names something we cannot look at
	query url.Values
}

// parse reads a DSN as the driver and SQLite do: a file: URI with percent-encoding
// or a plain path, both with the driver's parameters after a question mark.
func parse(dsn string) source {
	name, query, _ := strings.Cut(dsn, "?")
	s := source{dsn: dsn}
	if q, err := url.ParseQuery(query); err == nil { // the driver reports a bad query
		s.query = q
	}
	if uri, ok := strings.CutPrefix(name, "file:"); ok {
		uri, _, _ = strings.Cut(uri, "#")
		if rest, ok := strings.CutPrefix(uri, "//"); ok {
			_, path, _ := strings.Cut(rest, "/") // SQLite admits an empty host or localhost
			uri = "/" + path
		}
		var err error
		if name, err = url.PathUnescape(uri); err != nil {
			return s
		}
	}
	if s.query.Get("vfs") == "" {
		s.path = name
	}
	return s
}

func (s source) inMemory() bool {
	return s.query.Get("mode") == "memory" || s.query.Get("vfs") == "" && (s.path == "" || s.path == ":memory:")
}

// setsJournal reports whether the DSN chooses a journal mode itself.
func (s source) setsJournal() bool {
	for k, vs := range s.query {
		if strings.HasPrefix(k, "_journal") {
			return true
		}
		for _, v := range vs {
			if k == "_pragma" && strings.HasPrefix(strings.ToLower(strings.TrimSpace(v)), "journal_mode") {
				return true
			}
		}
	}
	return false
}

// uri is the DSN of a path.
func uri(path string) string {
	u := url.URL{Path: filepath.ToSlash(filepath.Clean(path))}
	return "file:" + u.EscapedPath()
}

// check looks at the file and its directory, for faults that SQLite reports as
// "unable to open database file" without saying why. It creates nothing.
func (s source) check(id string) (exists bool, err error) {
	fault := func(reason, next string, err error) error {
		return &core.ConfigError{Key: "targetSystems." + id, Reason: reason, Next: next, Err: err}
	}
	if s.inMemory() {
		return false, fault("a database in memory is gone when the run ends, while the ledger would say that its changes are applied",
			"name a file: path: app.db", nil)
	}
	if s.path == "" {
		return true, nil
	}
	info, err := os.Stat(s.path)
	switch {
	case err == nil && info.IsDir():
		return true, fault(s.path+" is a directory", "name the database file in it", nil)
	case err == nil:
		return true, s.allowed(id, s.path, canRead, "to read "+s.path)
	case errors.Is(err, fs.ErrPermission):
		return false, &core.PermissionError{System: system(id), Right: "to look into " + filepath.Dir(s.path), Err: err}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fault("cannot look at "+s.path, "check the path", err)
	case s.query.Get("mode") == "ro" || s.query.Get("mode") == "rw":
		return false, fault(s.path+" does not exist, and mode="+s.query.Get("mode")+" does not create it", "create the file, or leave mode out", nil)
	}
	dir := filepath.Dir(s.path)
	info, err = os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fault("directory "+dir+" does not exist", "create it: mkdir -p "+dir, nil)
	case err != nil:
		return false, fault("cannot look at directory "+dir, "check the path", err)
	case !info.IsDir():
		return false, fault(dir+" is not a directory", "check the path", nil)
	}
	return false, s.allowed(id, dir, canWrite, "to create files in "+dir)
}

func (s source) allowed(id, path string, can func(string) error, right string) error {
	if err := can(path); err != nil {
		return &core.PermissionError{System: system(id), Right: right, Err: err}
	}
	return nil
}

func system(id string) string { return "target system " + id + " (" + TypeName + ")" }
