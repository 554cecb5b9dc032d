package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// journal is a target system without transactions: lines in a file.
type journal struct {
	path  string
	fails bool
}

// add appends a line, durably.
func (j journal) add(line string) (err error) {
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	return f.Sync()
}

func (j journal) lines() ([]string, error) {
	text, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

func (j journal) has(line string) (bool, error) {
	lines, err := j.lines()
	return slices.Contains(lines, line), err
}

// remove takes every such line away, in one step.
func (j journal) remove(line string) error {
	lines, err := j.lines()
	if err != nil {
		return err
	}
	var left strings.Builder
	for _, l := range lines {
		if l != line {
			left.WriteString(l + "\n")
		}
	}
	if err := os.WriteFile(j.path+".new", []byte(left.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(j.path+".new", j.path)
}
