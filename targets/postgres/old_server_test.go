package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/postgres"
)

// A server of another version is the real one behind a proxy that says so.

// disguise starts a proxy before a server, and returns its URI. What the server
// says about its version is replaced; all else, the login too, is as it is.
func disguise(t *testing.T, uri string, version int) string {
	t.Helper()
	actual := query[int](t, look(t, uri), "SELECT current_setting('server_version_num')::int")
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	u, err := url.Parse(uri)
	must(t, err)
	backend := u.Host
	u.Host = listen.Addr().String()
	var tasks sync.WaitGroup
	t.Cleanup(func() {
		listen.Close()
		tasks.Wait()
	})
	tasks.Go(func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer client.Close()
				s, err := net.Dial("tcp", backend)
				if err != nil {
					return
				}
				tasks.Go(func() {
					defer s.Close()
					_, _ = io.Copy(s, client) // ends with either side
				})
				answers(client, s, actual, version)
			})
		}
	})
	return u.String()
}

// answers copies the server's messages: a letter, the length with itself, the body.
func answers(client io.Writer, s io.Reader, actual, version int) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(s, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(s, body); err != nil {
			return
		}
		switch {
		case head[0] == 'S' && bytes.HasPrefix(body, []byte("server_version\x00")):
			body = []byte("server_version\x00" + strconv.Itoa(version/10000) + "." + strconv.Itoa(version%10000) + "\x00")
		case head[0] == 'D': // the number as text and as a binary integer, as long as before
			body = bytes.ReplaceAll(body, []byte(strconv.Itoa(actual)), []byte(strconv.Itoa(version)))
			body = bytes.ReplaceAll(body, binary.BigEndian.AppendUint32(nil, uint32(actual)), binary.BigEndian.AppendUint32(nil, uint32(version)))
		}
		binary.BigEndian.PutUint32(head[1:], uint32(len(body)+4))
		if _, err := client.Write(append(head, body...)); err != nil {
			return
		}
	}
}

func TestOldServer(t *testing.T) {
	uri := server.Database(t)
	err := targetOf(t, disguise(t, uri, 110022)).Ping(t.Context())
	if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), "too old: PostgreSQL 11.22, and 12 is needed") {
		t.Errorf("got %v, want ConfigInvalid with both versions", err)
	}
	must(t, targetOf(t, disguise(t, uri, 120000)).Ping(t.Context())) // the oldest, and what shows that the proxy is none of the trouble
}

// The whole way, from the command line to the server: nothing is made there, no
// change is begun, and the ledger is free for the next run.
func TestApplyOnOldServer(t *testing.T) {
	uri := server.Database(t)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "changes"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "changes", "_0001__a.yaml"), []byte("id: a\ntemplate: sql\ntargetSystem: db\napply: CREATE TABLE a (x int)\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "flamingock.yaml"), []byte("stages: [{location: changes}]\ntargetSystems:\n  db: {type: postgres, dsn: '${env:DSN}'}\n"), 0o600))
	apply := func(dsn string) (exit int, out string) {
		var stdout, stderr bytes.Buffer
		lookup := func(name string) (string, bool) { return dsn, name == "DSN" }
		exit = cli.Run(context.WithoutCancel(t.Context()), core.Program{Version: "test", Targets: []core.TargetType{postgres.Type()}}, cli.Process{
			Args: []string{"-c", filepath.Join(dir, "flamingock.yaml"), "apply"}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, LookupEnv: lookup,
			Environ: func() []string { return []string{"DSN=" + dsn} },
		})
		return exit, stdout.String() + stderr.String()
	}
	exit, out := apply(disguise(t, uri, 110022))
	if exit != 78 || !strings.Contains(out, "ConfigInvalid") || !strings.Contains(out, "targetSystems.db: the server is too old: PostgreSQL 11.22, and 12 is needed") || !strings.Contains(out, "version 12 or later") {
		t.Errorf("got exit code %d, want 78 with both versions:\n%s", exit, out)
	}
	if got := query[int](t, look(t, uri), "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'flamingock_fence', 'flamingock_marker')"); got != 0 {
		t.Errorf("%d tables were made on a server that is too old", got)
	}
	if exit, out := apply(uri); exit != 0 || tables(t, uri) != "a" {
		t.Errorf("after the server was upgraded: got exit code %d:\n%s", exit, out)
	}
}
