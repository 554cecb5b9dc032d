//go:build unix

package local

import (
	"os/exec"
	"syscall"
)

const unix = true

// ownGroup makes a process the first of a group, which a Ctrl-C does not reach.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
