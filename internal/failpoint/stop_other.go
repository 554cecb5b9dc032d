//go:build failpoint && unix && !linux

package failpoint

import (
	"os"
	"syscall"
)

// stop stops this process soon.
func stop() error { return syscall.Kill(os.Getpid(), syscall.SIGSTOP) }
