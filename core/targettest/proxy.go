package targettest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands before a server and can cut it off: see [System].Down.
type Proxy struct {
	server string
	listen net.Listener

	mu    sync.Mutex
	down  bool
	open  map[net.Conn]bool
	tasks sync.WaitGroup
}

// NewProxy starts a proxy before the server at a TCP address. It ends with the test.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{server: server, listen: listen, open: map[net.Conn]bool{}}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		p.listen.Close()
		p.cut()
		p.tasks.Wait()
	})
	return p
}

// Addr is where clients connect to.
func (p *Proxy) Addr() string { return p.listen.Addr().String() }

// Down cuts all connections, and every new one as soon as it is made, until up is
// called.
func (p *Proxy) Down(testing.TB) (up func()) {
	p.cut()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.down = false
	}
}

func (p *Proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.open {
		c.Close()
	}
	clear(p.open)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !p.keep(client) {
			continue
		}
		p.tasks.Go(func() { p.serve(client) })
	}
}

// keep remembers a connection, or closes it when the server is to be out of reach.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil || !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // ends when either side is closed
			to.Close()
		})
	}
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, client)
	delete(p.open, server)
}
