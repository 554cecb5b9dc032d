package disturb_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// onOwnDisks marks the child in which small disks can be mounted.
const onOwnDisks = "FLAMINGOCK_TEST_OWN_DISKS"

// diskSize is that of each small disk.
const diskSize = 2 << 20

// TestFullDisk runs its cases in a mount namespace of its own, with small disks under
// the audit store, the target system, or both.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getenv(onOwnDisks) != "" {
		fullDisks(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), onOwnDisks+"=1", disturb.BinaryVariable+"="+lab.Binary(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("needs a kernel that gives mount namespaces to users: %v", err)
	}
	if err != nil {
		t.Errorf("on its own disks: %v", err)
	}
	t.Logf("%s", out)
}

// mount puts a small disk under a directory of the world, with what is there.
func mount(t testing.TB, dir string) {
	old := map[string][]byte{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if old[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		t.Fatalf("mounting in a namespace of our own: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for name, data := range old {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fill leaves so many bytes of a small disk, and returns what frees the rest again.
func fill(t testing.TB, dir string, leave int) (free func()) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	size := max(int(disk.Bavail)*int(disk.Bsize)-leave, 0)
	if err := os.WriteFile(ballast, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// fullDisks fills the disk of the store, of the target system, or of both, so that
// it is full at the first write, or at some later one. The run says so, and with
// room again the next one ends well: nothing was lost, nothing happens twice.
func fullDisks(t *testing.T) {
	leaves := []int{0, 32 << 10, 160 << 10}
	if disturb.Full() {
		leaves = []int{0, 4 << 10, 16 << 10, 32 << 10, 64 << 10, 96 << 10, 128 << 10, 160 << 10, 224 << 10, 320 << 10}
	}
	b := lab.NewBench(t, disturb.Needs{})
	s := newScenario(t, b, "full disk", "ends 69 or 70; with room: done", 4)
	for _, tt := range []struct {
		store disturb.StoreKind
		full  []string
		want  []string
	}{
		{disturb.Embedded, []string{"store"}, []string{away}},
		// A statement that finds no room is a failed change, which is rolled back.
		{disturb.Embedded, []string{"data"}, []string{away, "70 ChangeFailed"}},
		{disturb.Embedded, []string{"store", "data"}, []string{away, "70 ChangeFailed"}},
		{disturb.Within, []string{"data"}, []string{away, "70 ChangeFailed"}},
	} {
		for _, leave := range leaves {
			s.try(fmt.Sprintf("%s/%v/%d left", tt.store, tt.full, leave), time.Second, func(t testing.TB, lease time.Duration) (int, int) {
				// Each change takes some 20 KB in the target, and some of the store's.
				w := b.World(t, disturb.Spec{
					Store: tt.store, Target: disturb.SQLite, Lease: lease,
					Changes: disturb.Changes(40, disturb.Change{After: "INSERT INTO bulk SELECT randomblob(20000)"}),
				})
				w.Exec(t, "CREATE TABLE bulk (b)")
				var free []func()
				for _, dir := range tt.full {
					mount(t, filepath.Join(w.Dir, dir))
					free = append(free, fill(t, filepath.Join(w.Dir, dir), leave))
				}
				end := w.Apply(t)
				if !slices.Contains(tt.want, end.String()) {
					t.Errorf("the run ended with %s, want one of %q:\n%s\n%s", end, tt.want, end.Said, end.Data)
				}
				for _, f := range free {
					f()
				}
				if tt.store == disturb.Within { // not before: without room not even the log's index can be made
					if apart := w.Apart(w.History(t), w.Effects(t)); len(apart) > 0 {
						standstill.Violated(t, "the ledger and the target system are apart: %q", apart)
					}
				}
				if end := w.Apply(t); end.Exit != 0 {
					t.Errorf("with room the run ended with %s:\n%s", end, end.Said)
				}
				effects, _ := w.CheckDone(t)
				return 2, effects
			})
		}
	}
	s.end()
}
