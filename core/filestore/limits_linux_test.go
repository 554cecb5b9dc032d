package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// systemModes are the children that need this system's calls.
func systemModes() map[string]childFunc {
	return map[string]childFunc{"limit": childLimit, "tmpfs": childTmpfs, "denied": childDenied, "sharedLimit": childSharedLimit, "copies": childCopies}
}

// childLimit writes under a limit of the file's size, until that refuses.
func childLimit(ctx context.Context, path string, n int) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(ctx, path, nil)
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: uint64(n), Max: uint64(n)}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	r, _, err := fillUp(ctx, s, true)
	if r == nil || err == nil {
		return fmt.Errorf("got %w before the limit", err)
	}
	fmt.Println(r.seq)
	fmt.Println(err)
	return nil
}

// TestFileSizeLimit: where the operating system cuts a write off, the store says
// that it is not available, and what was acknowledged is whole.
func TestFileSizeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	said := spawn(t, "limit", path, 600_000, nil).finish(t)
	checkAcknowledged(t, path, said)
}

// childSharedLimit applies changes under a limit of the file's size, until that refuses.
func childSharedLimit(ctx context.Context, path string, n int) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(ctx, path, withinDSN(uri(path)))
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: uint64(n), Max: uint64(n)}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	r, err := begin(ctx, s, "o1", true)
	if err != nil {
		return err
	}
	for err = nil; err == nil; {
		err = applyShared(ctx, r, "a")
	}
	fmt.Println(r.seq)
	fmt.Println(err)
	return nil
}

// applyShared is a whole change, as the Runner does it.
func applyShared(ctx context.Context, r *session, id string) error {
	w, err := r.s.Begin(ctx, r.lease)
	if err != nil {
		return err
	}
	tx, ok := w.Handle().(*sql.Tx)
	if !ok {
		return errors.Join(fmt.Errorf("the handle is a %T", w.Handle()), w.Discard())
	}
	if _, err := tx.ExecContext(ctx, insertRow, strings.Repeat("x", 2000)); err != nil {
		return errors.Join(err, w.Discard())
	}
	es := r.entries(core.StateApplied, id)
	err = r.appendShared(ctx, w, false, es)
	var refused *core.RefusedError
	var full *core.StoreError
	if err != nil && !errors.As(err, &refused) && !errors.As(err, &full) { // it may have landed: asked again, the store knows
		err = errors.Join(err, r.appendShared(ctx, w, false, es))
	}
	return err
}

// Where the operating system cuts a write of a change off, effect and entry are both
// there or neither is.
func TestSharedFileSizeLimit(t *testing.T) {
	for _, mode := range journalModes() {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			application(t, path, mode)
			said := spawn(t, "sharedLimit", path, 300_000, nil).finish(t)
			t.Logf("child said: %q", said)
			acknowledged, err := strconv.ParseUint(said[0], 10, 64)
			if err != nil || acknowledged == 0 {
				t.Fatalf("child said %q", said)
			}
			s := mustOpen(t, path, withinDSN(uri(path)))
			head := mustRead(t, s).Snapshot.Head.Seq
			if rows := uint64(len(strings.Fields(rowsOf(t, path)))); rows != head || head < acknowledged {
				t.Errorf("%d effects, %d entries, %d were acknowledged", rows, head, acknowledged)
			}
			theirs(t, path, mode)
			if err := applyShared(t.Context(), mustBegin(t, s, "o2"), "b"); err != nil {
				t.Error(err)
			}
		})
	}
}

// checkAcknowledged reads the store after a child that said how far it got.
func checkAcknowledged(t *testing.T, path string, said []string) {
	t.Helper()
	t.Logf("child said: %q", said)
	acknowledged, err := strconv.ParseUint(said[0], 10, 64)
	if err != nil || acknowledged == 0 {
		t.Fatalf("child said %q", said)
	}
	s := mustOpen(t, path, nil)
	if got := mustRead(t, s).Snapshot.Head.Seq; got < acknowledged {
		t.Errorf("head is at entry %d, %d were acknowledged", got, acknowledged)
	}
	integrity(t, path)
	mustBegin(t, s, "next").mustAppend(t, core.StateApplied, "x")
}

// childTmpfs fills a small disk of its own, in a mount namespace of its own.
func childTmpfs(ctx context.Context, path string, _ int) error {
	if err := syscall.Mount("tmpfs", filepath.Dir(path), "tmpfs", 0, "size=700k"); err != nil {
		fmt.Println("cannot mount:", err)
		return nil
	}
	s, err := Open(ctx, path, nil)
	if err != nil {
		return err
	}
	r, refused, err := fillUp(ctx, s, false)
	var full *core.StoreError
	if !errors.As(err, &full) || full.Kind != core.StoreFull {
		return fmt.Errorf("got %w, want StoreFull", err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", filepath.Dir(path), "tmpfs", syscall.MS_REMOUNT, "size=20m"); err != nil {
		return err
	}
	if s, err = Open(ctx, path, nil); err != nil {
		return err
	}
	c, err := read(ctx, s)
	if err != nil {
		return err
	}
	if c.Snapshot.Head.Seq != r.seq {
		return fmt.Errorf("head is at entry %d, %d were acknowledged", c.Snapshot.Head.Seq, r.seq)
	}
	r.s = s
	if err := r.append(ctx, false, refused); err != nil {
		return fmt.Errorf("the refused append, with room: %w", err)
	}
	fmt.Println("full at entry", r.seq)
	return s.Close()
}

// TestFullDisk fills a real disk, where the kernel lets a test have one. TestFull
// says the same everywhere.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.db")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childMode+"=tmpfs\n"+path+"\n0")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("the kernel gives no mount namespace: %v", err)
	}
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// childDenied runs without any right to the directory "dir" beside path, of
// which it can read all but the file "secret.db".
func childDenied(ctx context.Context, path string, seq int) error {
	if os.Geteuid() == 0 {
		return errors.New("it has every right")
	}
	kindOf := func(err error) string {
		var s *core.StoreError
		var p *core.PermissionError
		switch {
		case errors.As(err, &s):
			return string(s.Kind)
		case errors.As(err, &p):
			return "permission"
		}
		return fmt.Sprintf("%T %v", err, err)
	}
	dir := filepath.Dir(path)
	for _, c := range []struct {
		name string
		o    *Options
		want string
	}{
		{"audit.db", nil, "read-only"},
		{"new.db", nil, "read-only"},
		{"sub/new.db", nil, "read-only"},
		{"secret.db", nil, "read-only"},
		{"secret.db", &Options{ReadOnly: true}, "permission"},
	} {
		_, err := Open(ctx, filepath.Join(dir, c.name), c.o)
		if got := kindOf(err); got != c.want {
			return fmt.Errorf("open %s, %+v: got %s, want %s", c.name, c.o, got, c.want)
		}
	}
	// A report needs no right to write.
	ro, err := Open(ctx, path, &Options{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("open for reading: %w", err)
	}
	c, err := read(ctx, ro)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if int(c.Snapshot.Head.Seq) != seq {
		return fmt.Errorf("read %d entries, want %d", c.Snapshot.Head.Seq, seq)
	}
	fmt.Println("read", c.Snapshot.Head.Seq)
	return ro.Close()
}

// TestDenied gives a child without rights a store in a directory that it cannot
// write. Root has every right, so there the child is nobody.
func TestDenied(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.db")
	whole := filled(t, path)
	filled(t, filepath.Join(dir, "secret.db"))
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "child.test")
	if err := os.WriteFile(bin, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{
		filepath.Join(dir, "secret.db"): 0, path: 0o444, dir: 0o555, filepath.Dir(dir): 0o755, filepath.Dir(bin): 0o755,
	} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Error(err)
		}
	})
	run := func() []string {
		return spawn(t, "denied", path, int(whole.Snapshot.Head.Seq), func(c *exec.Cmd) {
			c.Path, c.Dir = bin, "/"
			if os.Geteuid() == 0 {
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
		}).finish(t)
	}
	if said := run(); len(said) != 1 {
		t.Errorf("child said %q", said)
	}
	// With a writer at work the log is there, and a reader without rights uses it.
	if os.Geteuid() == 0 {
		mustBegin(t, mustOpen(t, path, nil), "live")
		run()
	}
}
