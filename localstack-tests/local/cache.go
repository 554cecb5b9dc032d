package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

// rootModule begins the go.mod of the clone.
const rootModule = "module github.com/flamingock/flamingock-go\n"

// Cache is the directory that everything is installed in.
type Cache string

// FindCache returns the cache of the clone that contains a directory.
func FindCache(dir string) (Cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), rootModule) {
			return Cache(filepath.Join(dir, ".cache", "localstack")), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not in a clone of flamingock-go")
		}
		dir = parent
	}
}

func (c Cache) path(name string) string { return filepath.Join(string(c), name) }

// installed returns the directory of the cache with a name, which install has
// filled. It is filled again when what it was made of changes, and by one process
// at a time.
func (c Cache) installed(ctx context.Context, name string, madeOf []string, install func(dir string) error) (_ string, err error) {
	if err := os.MkdirAll(string(c), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(c.path(name + ".lock"))
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	dir := c.path(name)
	stamp := filepath.Join(dir, "installed")
	sum := sha256.Sum256([]byte(strings.Join(madeOf, "\x00")))
	key := hex.EncodeToString(sum[:])
	if text, err := os.ReadFile(stamp); err == nil && string(text) == key {
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := install(dir); err != nil {
		if lacking := (*route.UnavailableError)(nil); errors.As(err, &lacking) {
			return "", err
		}
		return "", &route.UnavailableError{Lack: "it cannot be installed", Err: err} // with no network, for example
	}
	return dir, os.WriteFile(stamp, []byte(key), 0o600) // last: without it, the directory is made again
}
