package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"sort"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

const (
	// terminationLog is where Kubernetes reads why a container ended, unless the pod
	// says otherwise.
	terminationLog = "/dev/termination-log"
	// terminationVariable names the file for pods with a terminationMessagePath.
	terminationVariable = "FLAMINGOCK_TERMINATION_LOG"
	// terminationLimit is how much of it Kubernetes keeps, in bytes.
	terminationLimit = 4096
)

// termination says in one line why the process ended.
type termination struct {
	Success     bool                     `json:"success"`
	Operation   string                   `json:"operation"`
	Status      run.Status               `json:"status,omitempty"` // of a run
	ExecutionID string                   `json:"executionId,omitempty"`
	Counts      map[run.ChangeStatus]int `json:"counts,omitempty"`
	Exit        int                      `json:"exit"`
	Code        core.Code                `json:"code,omitempty"`
	Message     string                   `json:"message,omitempty"`
	Hint        string                   `json:"hint,omitempty"`
}

// terminate writes the termination message where somebody made a file for one. What
// goes wrong here changes nothing: the result is on stdout and in the exit code.
func (c *command) terminate(err error, failure *operation.Failure) {
	path := terminationLog
	if p, ok := c.proc.LookupEnv(terminationVariable); ok && p != "" {
		path = p
	}
	// Only a file: opening a pipe that nobody reads would not return.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return
	}
	t := termination{Success: failure == nil, Operation: c.operation, Exit: core.CodeOf(err).Exit()}
	if d, ok := c.data.(*operation.ApplyData); ok && d != nil {
		t.Status, t.ExecutionID, t.Counts = d.Status, d.ExecutionID, d.Counts
	}
	if failure != nil {
		t.Code, t.Message, t.Hint = failure.Code, failure.Message, failure.Hint
	}
	if err := replace(path, t.line()); err != nil {
		c.logger().Debug("no termination message: " + err.Error()) //nolint:sloglint // there is no context any more
	}
}

func replace(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0) // never made: that it is there is the wish for it
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// line returns the message as a line of JSON that is not longer than what is kept:
// the code matters more than the hint, and that more than the message.
func (t termination) line() []byte {
	for _, text := range []*string{&t.Message, &t.Hint, &t.Operation} {
		if len(t.encode()) <= terminationLimit {
			break
		}
		// By trial, since JSON may need six bytes for one.
		runes := []rune(*text)
		keep := sort.Search(len(runes), func(n int) bool {
			*text = string(runes[:n+1]) + "…"
			return len(t.encode()) > terminationLimit
		})
		if *text = ""; keep > 0 {
			*text = string(runes[:keep]) + "…"
		}
	}
	return t.encode()
}

func (t termination) encode() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(t) //nolint:errcheck // strings and numbers into memory
	return b.Bytes()
}
