package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

const (
	javaAtLeast = 17
	// pythonVersion is the only one that LocalStack 4.14.0 runs on.
	pythonVersion = "3.13"
)

// ToolError is a program that failed, with the end of what it said.
type ToolError struct {
	Tool string
	Err  error
	Said string
}

func (e *ToolError) Error() string { return e.Tool + ": " + e.Err.Error() + "\n" + e.Said }

func (e *ToolError) Unwrap() error { return e.Err }

// tool runs a program to its end; variables are added to the environment.
func tool(ctx context.Context, dir string, variables []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(cmd.Environ(), variables...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return &ToolError{filepath.Base(name), err, tail(string(out))}
	}
	return nil
}

// tail returns the end of a text, which is where the reason of a failure stands.
func tail(text string) string {
	const most = 2000
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = "… " + text[len(text)-most:]
	}
	return text
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// java finds a Java that is new enough.
func java(ctx context.Context) (string, error) {
	path, err := exec.LookPath("java")
	if err != nil {
		return "", route.Unavailable("no java on the PATH: install Java %d or newer", javaAtLeast)
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput() // macOS has a java that only says that there is none
	m := javaVersion.FindSubmatch(out)
	if err != nil || m == nil {
		return "", route.Unavailable("%s does not run: install Java %d or newer", path, javaAtLeast)
	}
	if v, err := strconv.Atoi(string(m[1])); err != nil || v < javaAtLeast {
		return "", route.Unavailable("%s is Java %s: install Java %d or newer", path, m[1], javaAtLeast)
	}
	return path, nil
}

func maven() (string, error) {
	path, err := exec.LookPath("mvn")
	if err != nil {
		return "", route.Unavailable("no mvn on the PATH: install Maven")
	}
	return path, nil
}

// python finds the Python that LocalStack runs on: on the PATH, or one of pyenv's,
// which are there without being on it.
func python(ctx context.Context) (string, error) {
	name := "python" + pythonVersion
	candidates := []string{name}
	if home, err := os.UserHomeDir(); err == nil {
		found, err := filepath.Glob(filepath.Join(home, ".pyenv", "versions", pythonVersion+"*", "bin", name))
		if err == nil { // the pattern is ours
			candidates = append(candidates, found...)
		}
	}
	withoutVenv := ""
	for _, c := range candidates {
		out, err := exec.CommandContext(ctx, c, "-c", "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)").Output()
		version, path, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if err != nil || version != pythonVersion { // pyenv puts a program on the PATH for versions that are not in use
			continue
		}
		if exec.CommandContext(ctx, path, "-c", "import venv, ensurepip").Run() == nil {
			return path, nil
		}
		withoutVenv = path
	}
	if withoutVenv != "" {
		return "", route.Unavailable("%s cannot make environments: install its venv (Debian: apt-get install %s-venv)", withoutVenv, name)
	}
	return "", route.Unavailable("no %s: LocalStack runs on Python %s only; pyenv or uv can install it", name, pythonVersion)
}

// variable formats one for an environment.
func variable(name, value string) string { return fmt.Sprintf("%s=%s", name, value) }
