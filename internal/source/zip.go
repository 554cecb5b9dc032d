package source

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits bound what a zip may hold.
type Limits struct {
	Files    int
	Unpacked int64 // all files together
	// Ratio is how much larger than its packed form one file may be, beyond Slack bytes.
	Ratio uint64
	Slack uint64
	// Name and Depth bound one path, in bytes and elements.
	Name, Depth int
}

// DefaultLimits are those for a zip of at most maxSize bytes: 20,000 files of 200 MB
// together, or four times maxSize when that is more.
func DefaultLimits(maxSize int64) Limits {
	return Limits{Files: 20_000, Unpacked: max(200<<20, 4*maxSize), Ratio: 200, Slack: 1 << 20, Name: 1024, Depth: 32}
}

// openZip checks the whole zip and serves the directory root of it from memory; ""
// is all of it. The error is a *ZipError, or the context's.
func openZip(ctx context.Context, name string, data []byte, root string, limits Limits) (fs.FS, error) {
	z := checker{zip: name, limits: limits}
	r, err := z.open(data)
	if err != nil {
		return nil, err
	}
	if err := z.names(r.File); err != nil {
		return nil, err
	}
	if err := z.contents(ctx, r.File); err != nil {
		return nil, err
	}
	if root == "" || root == "." {
		return r, nil
	}
	info, err := fs.Stat(r, root)
	switch {
	case err != nil:
		return nil, &ZipError{Zip: name, Reason: "has no directory " + root, Next: "correct path in the configuration: the zip has " + listRoot(r)}
	case !info.IsDir():
		return nil, &ZipError{Zip: name, File: root, Reason: "is no directory", Next: "name a directory in path"}
	}
	return fs.Sub(r, root)
}

func listRoot(r *zip.Reader) string {
	entries, err := fs.ReadDir(r, ".")
	if err != nil || len(entries) == 0 {
		return "nothing"
	}
	const few = 5
	names := make([]string, 0, few)
	for _, e := range entries[:min(len(entries), few)] {
		names = append(names, e.Name())
	}
	if len(entries) > few {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

type checker struct {
	zip    string
	limits Limits
}

func (z *checker) refuse(file, format string, args ...any) error {
	return &ZipError{Zip: z.zip, File: file, Reason: fmt.Sprintf(format, args...)}
}

// directoryEntry begins each entry of a zip's directory.
const directoryEntry = "PK\x01\x02"

func (z *checker) open(data []byte) (*zip.Reader, error) {
	// Counted before the directory is read: each entry of it takes memory. Zips that
	// lie unpacked in this one count too.
	if bytes.Count(data, []byte(directoryEntry)) > z.limits.Files {
		return nil, z.refuse("", "has more than %d files", z.limits.Files)
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	switch {
	case errors.Is(err, zip.ErrInsecurePath): // names says which, and why
	case err != nil:
		return nil, &ZipError{Zip: z.zip, Reason: "is no zip, or is cut off", Err: err}
	case len(r.File) == 0:
		return nil, z.refuse("", "is empty")
	}
	return r, nil
}

var drive = regexp.MustCompile(`^[A-Za-z]:`)

// names checks every path before anything is unpacked.
func (z *checker) names(files []*zip.File) error {
	if len(files) > z.limits.Files {
		return z.refuse("", "has more than %d files", z.limits.Files)
	}
	var (
		total uint64
		seen  = map[string]bool{} // the paths of entries
		paths = paths{}
	)
	for _, f := range files {
		name := strings.TrimSuffix(f.Name, "/")
		dir := name != f.Name
		if reason := z.badName(name); reason != "" {
			return z.refuse(f.Name, "%s", reason)
		}
		if seen[name] {
			return z.refuse(f.Name, "is there twice")
		}
		seen[name] = true
		if other := paths.add(name, dir); other != "" {
			return z.refuse(f.Name, "and %q are one path, or one of them is both a file and a directory", other)
		}
		if reason := z.badEntry(f, dir); reason != "" {
			return z.refuse(f.Name, "%s", reason)
		}
		total += f.UncompressedSize64 // each is at most Unpacked, so this cannot overflow
		if total > uint64(z.limits.Unpacked) {
			return z.refuse("", "has more than %d bytes when it is unpacked", z.limits.Unpacked)
		}
	}
	return nil
}

func (z *checker) badName(name string) string {
	switch {
	case len(name) > z.limits.Name:
		return fmt.Sprintf("has a name of more than %d bytes", z.limits.Name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "has a name that is no text"
	case strings.HasPrefix(name, "/") || drive.MatchString(name):
		return "has an absolute path"
	case strings.Contains(name, `\`):
		return `has a \ in its name: zips have / on every system`
	case slices.Contains(strings.Split(name, "/"), ".."):
		return "has a path with .., which leads out of the zip"
	case !fs.ValidPath(name) || name == ".":
		return "has no plain path"
	case strings.Count(name, "/") >= z.limits.Depth:
		return fmt.Sprintf("is more than %d directories deep", z.limits.Depth)
	}
	return ""
}

func (z *checker) badEntry(f *zip.File, dir bool) string {
	switch mode := f.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return "is a symbolic link"
	case dir && f.UncompressedSize64 != 0:
		return "is a directory with content"
	case dir != mode.IsDir() || mode.Type()&^fs.ModeDir != 0:
		return "is no ordinary file or directory"
	case f.Flags&1 != 0:
		return "is encrypted"
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fmt.Sprintf("is packed by method %d: only store and deflate are read", f.Method)
	case f.UncompressedSize64 > uint64(z.limits.Unpacked):
		return fmt.Sprintf("has more than %d bytes when it is unpacked", z.limits.Unpacked)
	case f.UncompressedSize64 > z.limits.Slack && f.UncompressedSize64/z.limits.Ratio > f.CompressedSize64:
		return fmt.Sprintf("is more than %d times as large when it is unpacked", z.limits.Ratio)
	}
	return ""
}

// paths finds paths that are the same on some systems: those that ignore case.
type paths map[string]pathSeen

type pathSeen struct {
	as  string
	dir bool
}

// add returns the path that name collides with, or "".
func (p paths) add(name string, dir bool) string {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '/') {
		at, isDir := name[:end], dir || end < len(name)
		folded := strings.ToLower(strings.ToUpper(at)) // both: some letters have several forms of one case
		old, ok := p[folded]
		switch {
		case !ok:
			p[folded] = pathSeen{at, isDir}
		case old.as != at || old.dir != isDir:
			return old.as
		case end < len(name):
			return "" // its parents were seen with it
		}
	}
	return ""
}

// contents unpacks every file once. Declared sizes were bounded before, and are held.
func (z *checker) contents(ctx context.Context, files []*zip.File) error {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := readOnce(f); err != nil {
			return &ZipError{Zip: z.zip, File: f.Name, Reason: "is damaged", Err: err}
		}
	}
	return nil
}

func readOnce(f *zip.File) (err error) {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}()
	// Our own sum: the reader takes a recorded sum of 0 for none.
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, io.LimitReader(r, int64(f.UncompressedSize64)+1)) //nolint:gosec // bounded by names
	switch {
	case err != nil:
		return err
	case uint64(n) != f.UncompressedSize64: //nolint:gosec // not negative
		return errors.New("its size is not the recorded one")
	case sum.Sum32() != f.CRC32:
		return zip.ErrChecksum
	}
	return nil
}
