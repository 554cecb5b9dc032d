package source

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
)

// entry is one file of a zip that a test makes.
type entry struct {
	name, text string
	mode       fs.FileMode
	crc        uint32 // instead of the right one
	declared   uint64 // instead of the right size
	method     uint16
}

// makeZip writes entries as they are, also what no honest tool would write.
func makeZip(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: e.method}
		h.SetMode(0o644 | e.mode)
		h.CRC32, h.UncompressedSize64, h.CompressedSize64 = crc32.ChecksumIEEE([]byte(e.text)), uint64(len(e.text)), uint64(len(e.text))
		if e.crc != 0 {
			h.CRC32 = e.crc
		}
		if e.declared != 0 {
			h.UncompressedSize64 = e.declared
		}
		out, err := w.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packed writes one deflated file.
func packed(t testing.TB, name string, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	out, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const change = "changes/_0001__a.yaml"

func TestZip(t *testing.T) {
	data := makeZip(t, entry{name: "deploy/"}, entry{name: "deploy/changes/_0001__a.yaml", text: "id: a\n"}, entry{name: "README.md", text: "x"})
	whole, err := openZip(t.Context(), "z", data, "", DefaultLimits(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(whole, "README.md", "deploy/changes/_0001__a.yaml"); err != nil {
		t.Error(err)
	}
	below, err := openZip(t.Context(), "z", data, "deploy", DefaultLimits(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(below, change); err != nil || string(got) != "id: a\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := fs.ReadFile(below, "../README.md"); err == nil {
		t.Error("the directory can be left")
	}
}

// hostileZips are zips that are refused, each with what is said.
func hostileZips(t testing.TB) map[string]struct {
	data []byte
	want string
} {
	good := makeZip(t, entry{name: change, text: "id: a\n"})
	many := make([]entry, 0, 51)
	for i := range 51 {
		many = append(many, entry{name: fmt.Sprint("f", i)})
	}
	encrypted := bytes.Clone(good)
	i := bytes.Index(encrypted, []byte(directoryEntry))
	encrypted[i+8] |= 1
	lying := bytes.Clone(good) // the directory says that there are more files
	end := bytes.LastIndex(lying, []byte("PK\x05\x06"))
	binary.LittleEndian.PutUint16(lying[end+10:], 9)
	return map[string]struct {
		data []byte
		want string
	}{
		"not a zip":          {[]byte("id: a\n"), "the zip z is no zip, or is cut off: zip: not a valid zip file"},
		"nothing":            {nil, "the zip z is no zip, or is cut off: zip: not a valid zip file"},
		"no files":           {makeZip(t), "the zip z is empty"},
		"truncated":          {good[:len(good)-30], "the zip z is no zip, or is cut off"},
		"lost beginning":     {good[20:], "the zip z"},
		"lying directory":    {lying, "the zip z is no zip, or is cut off"},
		"dot dot":            {makeZip(t, entry{name: "../../etc/passwd"}), `the zip z: the file "../../etc/passwd" has a path with .., which leads out of the zip`},
		"dot dot inside":     {makeZip(t, entry{name: "a/../b"}), `the zip z: the file "a/../b" has a path with .., which leads out of the zip`},
		"dot":                {makeZip(t, entry{name: "./a"}), `the zip z: the file "./a" has no plain path`},
		"empty name":         {makeZip(t, entry{name: ""}), "the zip z has no plain path"},
		"two slashes":        {makeZip(t, entry{name: "a//b"}), `the zip z: the file "a//b" has no plain path`},
		"absolute":           {makeZip(t, entry{name: "/etc/passwd"}), `the zip z: the file "/etc/passwd" has an absolute path`},
		"drive":              {makeZip(t, entry{name: "C:/a"}), `the zip z: the file "C:/a" has an absolute path`},
		"backslash":          {makeZip(t, entry{name: `a\..\b`}), `the zip z: the file "a\\..\\b" has a \ in its name`},
		"control":            {makeZip(t, entry{name: "a\nb"}), `the zip z: the file "a\nb" has a name that is no text`},
		"no UTF-8":           {makeZip(t, entry{name: "a\xff"}), "has a name that is no text"},
		"long name":          {makeZip(t, entry{name: strings.Repeat("a", 2000)}), "has a name of more than 1024 bytes"},
		"deep":               {makeZip(t, entry{name: strings.Repeat("a/", 40) + "b"}), "is more than 32 directories deep"},
		"symbolic link":      {makeZip(t, entry{name: "a", text: "/etc", mode: fs.ModeSymlink}), `the zip z: the file "a" is a symbolic link`},
		"device":             {makeZip(t, entry{name: "a", mode: fs.ModeDevice}), `the zip z: the file "a" is no ordinary file or directory`},
		"twice":              {makeZip(t, entry{name: "a"}, entry{name: "a"}), `the zip z: the file "a" is there twice`},
		"case":               {makeZip(t, entry{name: "a/b"}, entry{name: "A/c"}), `the zip z: the file "A/c" and "a" are one path`},
		"file and directory": {makeZip(t, entry{name: "a"}, entry{name: "a/b"}), `the zip z: the file "a/b" and "a" are one path`},
		"directory and file": {makeZip(t, entry{name: "a/b"}, entry{name: "a"}), `the zip z: the file "a" and "a" are one path`},
		"encrypted":          {encrypted, "is encrypted"},
		"method":             {makeZip(t, entry{name: "a", method: 12}), "is packed by method 12: only store and deflate are read"},
		"wrong sum":          {makeZip(t, entry{name: "a", text: "x", crc: 1}), `the zip z: the file "a" is damaged: zip: checksum error`},
		"wrong size":         {makeZip(t, entry{name: "a", text: "x", declared: 2}), `the zip z: the file "a" is damaged: `},
		"4 GB declared":      {makeZip(t, entry{name: "a", text: "x", declared: 4 << 30}), "has more than 209715200 bytes when it is unpacked"},
		"together too much":  {makeZip(t, entry{name: "a", method: zip.Deflate, text: strings.Repeat("x", 1<<20), declared: 150 << 20}, entry{name: "b", method: zip.Deflate, text: strings.Repeat("x", 1<<20), declared: 150 << 20}), "the zip z has more than 209715200 bytes when it is unpacked"},
		"bomb":               {packed(t, "bomb", 20<<20), `the zip z: the file "bomb" is more than 200 times as large when it is unpacked`},
		"many files":         {makeZip(t, many...), "the zip z has more than 50 files"},
	}
}

func TestHostileZips(t *testing.T) {
	limits := DefaultLimits(1 << 20)
	limits.Files = 50
	for name, c := range hostileZips(t) {
		_, err := openZip(t.Context(), "z", c.data, "", limits)
		var e *ZipError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
			continue
		}
		if core.CodeOf(err) != core.CodeChangeSetInvalid || core.HintOf(err) == "" {
			t.Errorf("%s: code %s, hint %q", name, core.CodeOf(err), core.HintOf(err))
		}
	}
}

func TestZipPath(t *testing.T) {
	data := makeZip(t, entry{name: "other/a"}, entry{name: "file"})
	_, err := openZip(t.Context(), "z", data, "deploy", DefaultLimits(1<<20))
	if err == nil || err.Error() != "the zip z has no directory deploy" || !strings.Contains(core.HintOf(err), "file, other") {
		t.Errorf("got %v, hint %q", err, core.HintOf(err))
	}
	if _, err = openZip(t.Context(), "z", data, "file", DefaultLimits(1<<20)); err == nil || !strings.Contains(err.Error(), "is no directory") {
		t.Errorf("got %v", err)
	}
}

func TestZipStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := openZip(ctx, "z", makeZip(t, entry{name: "a"}), "", DefaultLimits(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzZip reads any bytes as a zip: nothing panics, and whatever is accepted can be
// walked, stays inside, and is within the limits.
func FuzzZip(f *testing.F) {
	f.Add(makeZip(f, entry{name: "deploy/"}, entry{name: "deploy/" + change, text: "id: a\n"}))
	for _, c := range hostileZips(f) {
		if len(c.data) < 64<<10 {
			f.Add(c.data)
		}
	}
	limits := Limits{Files: 50, Unpacked: 1 << 20, Ratio: 100, Slack: 1 << 10, Name: 200, Depth: 8}
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := openZip(t.Context(), "z", data, "", limits)
		if err != nil {
			var e *ZipError
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		var total int64
		err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if !fs.ValidPath(name) || strings.Contains(name, `\`) || d.Type()&^fs.ModeDir != 0 {
				return fmt.Errorf("%q %v", name, d.Type())
			}
			if d.IsDir() {
				return nil
			}
			text, err := fs.ReadFile(files, name)
			total += int64(len(text))
			return err
		})
		if err != nil || total > limits.Unpacked {
			t.Errorf("%d bytes, %v", total, err)
		}
	})
}
