package postgres_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/pgtest"
	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// proxy stands between a target and the server. Told to, it cuts a connection
// right after it forwarded a request with some text, before the answer.
type proxy struct {
	net.Listener
	server string
	mu     sync.Mutex
	at     string // the text; "" cuts nothing
	before bool   // cut before the request is forwarded
	conns  []net.Conn
	wg     sync.WaitGroup
}

// through returns a proxy in front of the server, and the URI of the database
// through it.
func through(t testing.TB, uri string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(uri)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{Listener: l, server: u.Host}
	p.wg.Go(p.serve)
	t.Cleanup(func() { l.Close(); p.cutAll(); p.wg.Wait() })
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) cut(at string, before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.before = at, before
}

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.wg.Go(func() {
			_, _ = io.Copy(client, server)
			client.Close()
		})
		p.wg.Go(func() { p.forward(client, server) })
	}
}

func (p *proxy) forward(client, server net.Conn) {
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		hit := p.at != "" && strings.Contains(string(buf[:n]), p.at)
		before := p.before
		if hit {
			p.at = ""
		}
		p.mu.Unlock()
		if hit {
			client.Close() // the answer has nowhere to go
			if before {
				return
			}
		}
		if _, err := server.Write(buf[:n]); err != nil || hit {
			time.Sleep(100 * time.Millisecond) // the server reads the request before it finds us gone
			return
		}
	}
}

func TestConnectionCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, at  string
		before    bool
		unknown   bool
		committed bool
		unbegun   bool
	}{
		{"after COMMIT was sent", "commit", false, true, true, false},
		{"before COMMIT was sent", "commit", true, true, false, false},
		{"in a statement", "INSERT INTO a", false, false, false, false},
		{"before a statement", "INSERT INTO a", true, false, false, false},
		{"at BEGIN", "begin", false, false, false, true},
		{"at the fence", "UPDATE public.flamingock_fence", false, false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			uri := server.Database(t)
			p, via := through(t, uri)
			must(t, transact(t, targetOf(t, uri), fence(1, 1), marker("0", 0), run("CREATE TABLE a (x int)")))
			target := targetOf(t, via)
			must(t, target.RaiseFence(t.Context(), fence(1, 1)))
			if tt.unbegun { // a new connection would do: cut that one as well
				must(t, target.Close())
				target = targetOf(t, via)
			}
			p.cut(tt.at, tt.before)
			err := transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (1)"))
			if tt.at == "begin" && err == nil { // a lost BEGIN is repeated on a new connection
				return
			}
			if err == nil || core.IsUnknown(err) != tt.unknown {
				t.Fatalf("got %v, want unknown %t", err, tt.unknown)
			}
			if is[*sqltarget.CommitError](err) != tt.unknown {
				t.Errorf("got %v", err)
			}
			// What the Runner does next, on the same target.
			must(t, target.RaiseFence(t.Context(), fence(1, 2)))
			if got := marked(t, target, marker("a", 1)); got != tt.committed {
				t.Errorf("marker: got %t, want %t", got, tt.committed)
			}
			if got := query[int](t, look(t, uri), "SELECT count(*) FROM a") == 1; got != tt.committed {
				t.Errorf("row: got %t, want %t", got, tt.committed)
			}
			must(t, transact(t, target, fence(1, 2), marker("a", 2), run("INSERT INTO a VALUES (2)")))
		})
	}
}

// A statement outside of a transaction whose answer is lost is of unknown outcome.
func TestDirectConnectionCut(t *testing.T) {
	patiently(t, 300*time.Millisecond, func(t testing.TB) {
		uri := server.Database(t)
		p, via := through(t, uri)
		target := targetOf(t, via)
		p.cut("VACUUM", false)
		if err := direct(t, t.Context(), target, compile(t, block("VACUUM"))); !core.IsUnknown(err) {
			t.Errorf("got %v, want an unknown outcome", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := direct(t, ctx, target, compile(t, block(endless))); err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "57014") {
			t.Errorf("a timeout that the server answers: got %v, want a definite 57014", err)
		}
	})
}

// A server that is killed comes back with what was committed, and nothing else.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	var own pgtest.Server // not the others' to kill
	t.Cleanup(own.Stop)
	uri := own.Database(t)
	target := targetOf(t, uri)
	must(t, transact(t, target, fence(1, 1), marker("a", 1), run("CREATE TABLE a (x int)")))
	if err := transact(t, target, fence(1, 1), marker("b", 2), func(ctx context.Context, h any) error {
		if err := run("CREATE TABLE b (x int)")(ctx, h); err != nil {
			return err
		}
		own.Kill(t)
		return run("CREATE TABLE c (x int)")(ctx, h)
	}); err == nil || core.IsUnknown(err) {
		t.Errorf("killed in mid-change: got %v, want a definite error", err)
	}
	for what, err := range map[string]error{"RaiseFence": target.RaiseFence(t.Context(), fence(1, 2)), "Ping": target.Ping(t.Context())} {
		if core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("%s of a dead server: got %v, want Unavailable", what, err)
		}
	}
	own.Restart(t)
	must(t, target.RaiseFence(t.Context(), fence(1, 2)))
	if marked(t, target, marker("b", 2)) || !marked(t, target, marker("a", 1)) {
		t.Error("the markers do not tell what was committed")
	}
	err := transact(t, target, fence(1, 2), marker("b", 3), func(ctx context.Context, h any) error {
		if err := run("CREATE TABLE b (x int)")(ctx, h); err != nil {
			return err
		}
		own.Kill(t)
		return nil // COMMIT finds nobody
	})
	if !core.IsUnknown(err) {
		t.Errorf("killed before COMMIT: got %v, want an unknown outcome", err)
	}
	own.Restart(t)
	must(t, target.RaiseFence(t.Context(), fence(1, 3)))
	if marked(t, target, marker("b", 3)) {
		t.Error("the marker is there although COMMIT was never received")
	}
	if got := tables(t, uri); got != "a" {
		t.Errorf("got tables %q, want %q", got, "a")
	}
}
