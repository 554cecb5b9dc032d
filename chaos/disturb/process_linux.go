package disturb

import (
	"bytes"
	"fmt"
	"os"
	"testing" //nolint:depguard // this package is for tests
	"time"
)

// AwaitStop waits until a signal has stopped the process.
func (p *Process) AwaitStop(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(endTimeout); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err == nil {
			// The name before the state is in parentheses, and may hold anything.
			if _, state, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" ")); ok && state[0] == 'T' {
				return
			}
		}
		select {
		case <-p.ended:
			t.Fatalf("%v was to be stopped, but it ended (%v):\n%s\n%s", p.cmd.Args, p.status, p.out.String(), p.said.String())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v did not stop within %s", p.cmd.Args, endTimeout)
		}
	}
}
