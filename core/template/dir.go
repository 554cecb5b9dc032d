package template

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// namePattern is Flamingock's: the order is the text up to the first "__".
var namePattern = regexp.MustCompile(`^_(.+?)__(.+)$`)

// directory is a stage's directory.
type directory struct {
	files   fs.FS
	root    string // inside files
	display string // for people
}

// open finds the directory of a location. The error is a sentence.
func open(in *Input, location string) (directory, error) {
	if in.Files == nil {
		dir := location
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(in.DisplayRoot, dir)
		}
		// On the disk the directory is its own file system, so that absolute
		// locations and those with .. work.
		d := directory{files: os.DirFS(dir), root: ".", display: dir}
		info, err := os.Stat(dir)
		return d, checkDir(info, err)
	}
	root := path.Clean(filepath.ToSlash(location))
	d := directory{files: in.Files, root: root, display: filepath.Join(in.DisplayRoot, location)}
	if path.IsAbs(root) || !fs.ValidPath(root) {
		d.display = location
		return d, &core.FaultError{Message: "is outside the files that this program brings along: use a path inside them, without .. and a leading /"}
	}
	info, err := fs.Stat(in.Files, root)
	return d, checkDir(info, err)
}

func checkDir(info fs.FileInfo, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &core.FaultError{Message: "does not exist"}
	case errors.Is(err, fs.ErrPermission):
		return &core.FaultError{Message: "cannot be read: permission denied"}
	case err != nil:
		return &core.FaultError{Message: "cannot be read: " + pathless(err)}
	case !info.IsDir():
		return &core.FaultError{Message: "is a file, not a directory: name the directory that the change files are in"}
	}
	return nil
}

func pathless(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// changes loads the change files of a directory. It reports whether every file
// gave a change.
func (c *compiler) changes(d directory) ([]core.Change, bool) {
	entries, err := fs.ReadDir(d.files, d.root)
	if err != nil {
		c.faults.Add(core.Position{File: d.display}, "cannot be read: "+pathless(err))
		return nil, false
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		ext := strings.ToLower(path.Ext(name))
		if strings.HasPrefix(name, ".") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		names = append(names, name)
	}
	loaded := c.load(d, names)
	out := make([]core.Change, 0, len(loaded))
	for i := range loaded {
		c.faults.List = append(c.faults.List, loaded[i].faults.List...)
		if loaded[i].change != nil {
			out = append(out, *loaded[i].change)
		}
	}
	return out, len(out) == len(names)
}

// loadedFile is what became of one file.
type loadedFile struct {
	change *core.Change
	faults strictyaml.Faults
}

// load loads the files on all processors: reading them is most of what a run with
// nothing to do does.
func (c *compiler) load(d directory, names []string) []loadedFile {
	out := make([]loadedFile, len(names))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				own := *c
				own.faults = &out[i].faults
				out[i].change = own.file(d, names[i])
			}
		})
	}
	all.Wait()
	return out
}

// file loads one change file; nil when it cannot be told which change it is.
func (c *compiler) file(d directory, name string) *core.Change {
	display := filepath.Join(d.display, name)
	at := core.Position{File: display}
	order := ""
	if m := namePattern.FindStringSubmatch(name); m != nil {
		order = m[1]
	} else {
		c.faults.Add(at, fmt.Sprintf("the order must be present in the file name: name the file _ORDER__name.yaml, for example %s", example(name)))
	}
	data, err := strictyaml.ReadFile(d.files, path.Join(d.root, name))
	if err != nil {
		c.faults.Add(at, err.Error())
		return nil
	}
	root, faults := strictyaml.Parse(display, data)
	if root == nil {
		c.faults.List = append(c.faults.List, faults...)
		return nil
	}
	doc := decode(root, c.faults)
	if doc == nil {
		return nil
	}
	ch := c.change(doc, display, order)
	if order == "" {
		return nil // its work was checked; it has no place in the stage
	}
	return &ch
}

// example proposes a name for a file whose name has no order.
func example(name string) string {
	stem := strings.TrimLeft(strings.TrimSuffix(name, path.Ext(name)), "_")
	rest := strings.TrimLeft(stem, "0123456789")
	order := stem[:len(stem)-len(rest)]
	rest = strings.Trim(rest, "_- .")
	if order == "" {
		order = "0001"
	}
	if rest == "" {
		rest = "name"
	}
	return "_" + order + "__" + rest + ".yaml"
}
