//go:build unix

package sqlite

import "golang.org/x/sys/unix"

func canRead(path string) error { return unix.Access(path, unix.R_OK) }

func canWrite(path string) error { return unix.Access(path, unix.W_OK|unix.X_OK) }
