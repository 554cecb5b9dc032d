package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files of SQLite's logs are written by two or more pages at a time.
const (
	syncs    = 200
	syncSize = 2 * 4096
)

// printDisk says what an fsync costs where the databases are: most of a run is
// spent waiting for it, and nothing that either tool does makes it shorter.
func printDisk(w io.Writer, dir string) (err error) {
	f, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	grows, err := medianSync(f)
	if err != nil {
		return err
	}
	again, err := medianSync(f)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "One fsync here, of %d bytes: %.3f ms into a file that has them already, %.3f ms when the file grows (medians of %d).\n",
		syncSize, again.Seconds()*1e3, grows.Seconds()*1e3, syncs)
	return nil
}

// medianSync writes the file from its beginning, piece by piece, each one synced.
func medianSync(f *os.File) (time.Duration, error) {
	took := make([]time.Duration, syncs)
	piece := make([]byte, syncSize)
	for i := range took {
		piece[0]++
		if _, err := f.WriteAt(piece, int64(i)*syncSize); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[syncs/2], nil
}
