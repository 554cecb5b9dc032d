// Package gotest runs go test -json and reads what it says, for the tools that print
// more of it than go test does.
//
// A skipped test says how to get what it lacks in its skip message. A message that
// begins with [NotApplicable] says that there is nothing to get.
package gotest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
)

// NotApplicable begins the skip message of a test that lacks nothing.
const NotApplicable = "does not apply: "

// Event is one line of go test -json. Package events have no Test.
type Event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
}

// Run runs go test in a directory, with flags and packages, and gives its standard
// output to read. The error is that of the reading, or says that go test failed.
func Run(ctx context.Context, dir string, stderr io.Writer, read func(io.Reader) error, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := read(out)
	return errors.Join(readErr, cmd.Wait())
}

// Read calls event for every event, and line for what is not from the test runner.
func Read(in io.Reader, event func(Event), line func(string)) error {
	for lines := bufio.NewReader(in); ; {
		text, err := lines.ReadString('\n')
		var e Event
		if text == "" {
		} else if json.Unmarshal([]byte(text), &e) != nil {
			line(text)
		} else {
			event(e)
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

var position = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)

// SkipReason finds the message of a skip in a test's output.
func SkipReason(output []string) string {
	var message []string
	for _, line := range output {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") || text == "" {
			continue
		}
		if p := position.FindString(line); p != "" {
			message = nil // the last message is the skip's, earlier ones are logs
			text = strings.TrimSpace(line[len(p):])
		}
		message = append(message, text)
	}
	if len(message) == 0 {
		return "the test does not say why"
	}
	return strings.Join(message, " ")
}

// ShortPackage is a package's path in this module.
func ShortPackage(path string) string {
	if i := strings.LastIndex(path, "flamingock-go/"); i >= 0 {
		return path[i+len("flamingock-go/"):]
	}
	return path
}

// Abbreviate lists the first few of many names.
func Abbreviate(names []string, shown int, separator string) string {
	if len(names) <= shown {
		return strings.Join(names, separator)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], separator), len(names)-shown)
}
