//go:build unix

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/disturb"
	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
	"github.com/flamingock/flamingock-go/internal/app/operation"
	"github.com/flamingock/flamingock-go/targets/all"
)

var program = core.Program{Version: "soak", Targets: all.Types()}

// environment gives a world's environment as the command line asks for it.
func environment(w *disturb.World) (environ func() []string, lookup func(string) (string, bool)) {
	env := w.Environment(disturb.Way{})
	return func() []string { return env }, func(name string) (string, bool) {
		for _, e := range env {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

// apply runs in this process, as a function does that stays warm: clients of AWS are
// kept from one run to the next, everything else is made anew and closed.
func (s *soak) apply(w *disturb.World, stop <-chan struct{}) disturb.End {
	environ, lookup := environment(w)
	session := operation.New(operation.Options{
		App: app.Options{
			Program: program, ConfigPath: w.Config(), LookupEnv: lookup, Environ: environ, AWS: &s.aws,
			Events: func(e run.Event) {
				if a, ok := e.(run.Acquired); ok && a.Takeover {
					s.takeovers.Add(1)
				}
			},
		},
		Stop: stop,
	})
	data, err := session.Apply(context.Background(), operation.ApplyRequest{})
	end := disturb.End{Exit: core.CodeOf(err).Exit(), Code: string(core.CodeOf(err))}
	if err != nil {
		end.Said = err.Error()
	}
	if end.Data, err = json.Marshal(data); err != nil {
		s.violation("%s: %v", w.Ledger, err)
	}
	if err := session.Close(); err != nil {
		s.violation("%s: closing: %v", w.Ledger, err)
	}
	return end
}

// inside calls the command line in this process: to read, it costs less than one of
// its own.
func inside(t testing.TB, w *disturb.World, args ...string) disturb.End {
	t.Helper()
	var out, said bytes.Buffer
	environ, lookup := environment(w)
	code := cli.Run(context.Background(), program, cli.Process{
		Args: w.Args(args...), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said, Environ: environ, LookupEnv: lookup,
	})
	return disturb.NewEnd(t, code, out.Bytes(), said.String())
}
