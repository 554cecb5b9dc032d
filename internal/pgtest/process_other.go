//go:build !unix

package pgtest

import (
	"errors"
	"os/exec"
)

func unprivileged(*exec.Cmd) {}

func giveAway(string) error { return nil }

func crash([]int) error { return errors.New("not on this operating system") }
