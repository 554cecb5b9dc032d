package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

// fake is a route to a server of the test's.
type fake struct {
	name    string
	err     error
	health  int // what the server answers; 0: OK
	stopped *bool
}

func (f fake) Name() string { return f.name }

func (f fake) Start(context.Context) (*route.Server, error) {
	if f.err != nil {
		return nil, f.err
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if f.health != 0 {
			w.WriteHeader(f.health)
		}
	}))
	return &route.Server{
		About: "a fake", LocalStack: s.URL, Said: func() string { return "its last words" },
		Stop: func(context.Context) error { s.Close(); *f.stopped = true; return nil },
	}, nil
}

// recorded is a command whose output is kept, and for which all takes a second.
func recorded() (*command, *bytes.Buffer) {
	var out bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &command{out: &out, log: &out, environ: []string{"PATH=/usr/bin:/bin"}, get: func(string) string { return "" }, clock: func() time.Time {
		now = now.Add(time.Second)
		return now
	}}, &out
}

func TestRun(t *testing.T) {
	lacking, broken := fake{err: route.Unavailable("no engine")}, fake{err: errors.New("it crashed")}
	tests := map[string]struct {
		routes   []fake
		must     bool
		script   string
		want     int
		says     []string
		wantErr  string // a part of it
		unserved bool   // no server is started
	}{
		"the first that works": {
			routes: []fake{lacking, broken, {}, {}}, script: `echo "$FLAMINGOCK_TEST_LOCALSTACK_ROUTE"; test -n "$FLAMINGOCK_TEST_LOCALSTACK_URI"`,
			says: []string{"r0: not to be had: no engine\n", "r1: FAILED: it crashed\n", "took r2: a fake, ready in 1s\n", "\nr2: a fake\n"},
		},
		"the command's exit code": {routes: []fake{{}}, script: "exit 7", want: 7},
		"the command is killed":   {routes: []fake{{}}, script: "kill -9 $$", want: 1},
		"none works": {
			routes: []fake{lacking}, script: `echo "$FLAMINGOCK_TEST_LOCALSTACK_ROUTE"; test -z "$FLAMINGOCK_TEST_LOCALSTACK_URI"`,
			says: []string{"no server; tests that need one are skipped\n", "none (r0: no engine)\n"}, unserved: true,
		},
		"none works, and one must": {routes: []fake{lacking}, must: true, script: "echo ran", want: 1, wantErr: "no server: no engine", unserved: true},
		"a named server is not there": {
			routes: []fake{{err: &route.NamedError{Variable: "V", Err: errors.New("refused")}}, {}}, script: "echo ran", want: 1, wantErr: "V is set, but: refused", unserved: true,
		},
		"the server dies": {routes: []fake{{health: http.StatusBadGateway}}, script: "true", wantErr: "its last words"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			stopped := false
			var routes []route.Route
			for i, f := range tt.routes {
				f.name, f.stopped = fmt.Sprintf("r%d", i), &stopped
				routes = append(routes, f)
			}
			c, out := recorded()
			got, err := c.run(t.Context(), routes, tt.must, []string{"/bin/sh", "-c", tt.script})
			if got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
			if (tt.wantErr == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
			for _, want := range tt.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not say %q but:\n%s", want, out)
				}
			}
			if stopped == tt.unserved {
				t.Errorf("a server was stopped: %v", stopped)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"run"}, {"walk"}, {"run", "-route", "nix", "true"}, {"prepare", "x"}, {"run", "-x"}} {
		c, _ := recorded()
		if code, err := c.main(t.Context(), args); code != 2 || err == nil {
			t.Errorf("%q: exit code %d, error %v", args, code, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler()) // a DynamoDB Local, but no LocalStack
	defer s.Close()
	for name, tt := range map[string]struct {
		variables map[string]string
		wantErr   bool
	}{
		"a DynamoDB Local":     {map[string]string{"FLAMINGOCK_TEST_DYNAMODB_URI": s.URL + "/"}, false},
		"a dead LocalStack":    {map[string]string{"FLAMINGOCK_TEST_LOCALSTACK_URI": s.URL, "FLAMINGOCK_TEST_DYNAMODB_URI": s.URL}, true},
		"nothing is named":     {nil, true},
		"nobody listens there": {map[string]string{"FLAMINGOCK_TEST_DYNAMODB_URI": "http://127.0.0.1:1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := route.Environment{Get: func(n string) string { return tt.variables[n] }}.Start(t.Context())
			if (err != nil) != tt.wantErr {
				t.Fatalf("error %v", err)
			}
			if err == nil && (server.DynamoDB != s.URL || server.LocalStack != "") {
				t.Errorf("server %+v", server)
			}
		})
	}
}
