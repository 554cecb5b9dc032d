package mysql_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
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
	deaf   bool   // new connections are not served
	conns  []net.Conn
	wg     sync.WaitGroup
}

// through returns a proxy in front of the server, and the DSN of the database through
// it.
func through(t testing.TB, dsn string) (*proxy, string) {
	t.Helper()
	c, err := driver.ParseDSN(dsn)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{Listener: l, server: c.Addr}
	p.wg.Go(p.serve)
	t.Cleanup(func() { l.Close(); p.cutAll(); p.wg.Wait() })
	c.Addr = l.Addr().String()
	return p, c.FormatDSN()
}

func (p *proxy) cut(at string, before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.before = at, before
}

// refuse leaves new connections without an answer.
func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = true
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
		if p.deaf {
			p.conns = append(p.conns, client)
			p.mu.Unlock()
			server.Close()
			continue
		}
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
	for _, tt := range []struct {
		name, at  string
		before    bool
		unknown   bool
		committed bool
	}{
		{"after COMMIT was sent", "COMMIT", false, true, true},
		{"before COMMIT was sent", "COMMIT", true, true, false},
		{"in a statement", "INSERT INTO a", false, false, false},
		{"before a statement", "INSERT INTO a", true, false, false},
		{"at the savepoint", "RELEASE SAVEPOINT", false, false, false},
		{"at BEGIN", "START TRANSACTION", false, false, false},
		{"at the fence", "_fence SET", false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, server *mysqltest.Server) {
				t.Parallel()
				dsn := table(t, server)
				p, via := through(t, dsn)
				target := targetOf(t, via)
				must(t, target.RaiseFence(t.Context(), fence(1, 1)))
				if tt.at == "_fence SET" { // it is prepared already: cut the preparation of a new session
					must(t, target.Close())
				}
				p.cut(tt.at, tt.before)
				err := transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (1)"))
				if tt.at == "START TRANSACTION" && err == nil { // a lost BEGIN is repeated on a new connection
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
				if got := rows(t, dsn, "a") == 1; got != tt.committed {
					t.Errorf("row: got %t, want %t", got, tt.committed)
				}
				must(t, transact(t, target, fence(1, 2), marker("a", 2), run("INSERT INTO a VALUES (2)")))
			})
		})
	}
}

// A statement outside of a transaction whose answer is lost is of unknown outcome; one
// that the server gave up in time is not.
func TestDirectConnectionCut(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		patiently(t, server, 300*time.Millisecond, func(t testing.TB) {
			dsn := table(t, server)
			p, via := through(t, dsn)
			target := targetOf(t, via)
			p.cut("ALTER TABLE", false)
			if err := direct(t, t.Context(), target, compile(t, block("ALTER TABLE a ADD y int"))); !core.IsUnknown(err) {
				t.Errorf("got %v, want an unknown outcome", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := direct(t, ctx, target, compile(t, block(slow))); err == nil || core.IsUnknown(err) || !strings.Contains(err.Error(), "1317") {
				t.Errorf("a timeout that the server answers: got %v, want a definite 1317", err)
			}
		})
	})
}

// A server that does not answer KILL QUERY either: the connection is closed.
func TestNobodyAnswersTheKill(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		t.Parallel()
		patiently(t, server, 300*time.Millisecond, func(t testing.TB) {
			dsn := table(t, server)
			p, via := through(t, dsn)
			target := targetOf(t, via)
			must(t, target.RaiseFence(t.Context(), fence(1, 1)))
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			start := time.Now()
			err := target.Transact(ctx, core.Transaction{Fence: fence(1, 1), Marker: marker("a", 1), Work: func(ctx context.Context, h any) error {
				p.refuse() // new connections only
				return run("INSERT INTO a VALUES (1)", slow)(ctx, h)
			}})
			if took := time.Since(start); took < 4*time.Second || took > 9*time.Second {
				t.Errorf("took %s, want about 5 s", took)
			}
			if !errors.Is(err, context.DeadlineExceeded) || core.IsUnknown(err) {
				t.Errorf("got %v, want a definite context.DeadlineExceeded", err)
			}
			if got := rows(t, dsn, "a"); got != 0 {
				t.Errorf("got %d rows, want none", got)
			}
		})
	})
}

// A server that is killed comes back with what was committed, and nothing else.
func TestServerKilled(t *testing.T) {
	for _, kind := range []mysqltest.Kind{mysqltest.MariaDB, mysqltest.MySQL80} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			own := mysqltest.New(kind) // not the others' to kill
			t.Cleanup(own.Stop)
			dsn := table(t, own)
			target := targetOf(t, dsn)
			must(t, transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (1)")))
			if err := transact(t, target, fence(1, 1), marker("b", 2), func(ctx context.Context, h any) error {
				if err := run("INSERT INTO a VALUES (2)")(ctx, h); err != nil {
					return err
				}
				own.Kill(t)
				return run("INSERT INTO a VALUES (3)")(ctx, h)
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
			if got := rows(t, dsn, "a"); got != 1 {
				t.Errorf("got %d rows, want 1", got)
			}
		})
	}
}
