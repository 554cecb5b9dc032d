// Package report is what the scenarios of chaos/ say of themselves: one row each.
package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// The variables of the environment that make chaos, and only it, sets.
const (
	// Variable names the file that rows are appended to; absent: they are only logged.
	Variable = "FLAMINGOCK_CHAOS_REPORT"
	// Bound is how much is done: Full, or as much as make test has time for.
	Bound = "FLAMINGOCK_CHAOS"
	Full  = "full"
)

// Row is what one scenario did.
type Row struct {
	Scenario string `json:"scenario"`
	// Runs are executions, schedules or histories, as Note says.
	Runs int `json:"runs"`
	// Effects are those found in target systems, or operations looked at.
	Effects    int    `json:"effects"`
	Violations int    `json:"violations"`
	Note       string `json:"note,omitempty"`
}

var appending sync.Mutex

// Append adds a row to the file at path.
func Append(path string, r Row) (err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	appending.Lock()
	defer appending.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(append(line, '\n'))
	return err
}

// Read returns the rows of a file, in their order. A file without any is an error: then
// nothing was shown.
func Read(path string) (rows []Row, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no scenario has left a row: %w", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no scenario has left a row", path)
	}
	return rows, nil
}

// Print writes a table and returns how many violations there were.
func Print(w io.Writer, rows []Row) (violations int) {
	runs, effects := 0, 0
	fmt.Fprintln(w, "| scenario | runs | effects | violations | |\n|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %s |\n", r.Scenario, r.Runs, r.Effects, r.Violations, strings.ReplaceAll(r.Note, "|", "/"))
		runs, effects, violations = runs+r.Runs, effects+r.Effects, violations+r.Violations
	}
	fmt.Fprintf(w, "| **all** | %d | %d | **%d** | |\n", runs, effects, violations)
	return violations
}
