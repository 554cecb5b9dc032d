//go:build failpoint

package failpoint

import (
	"os"
	"runtime"
	"syscall"
)

// stop stops this process before it returns. A signal to the process would be
// delivered to any of its threads, and this one would go on for a while, past the
// point.
func stop() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGSTOP)
}
