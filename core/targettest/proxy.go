package targettest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// Proxy stands before a server and can cut it off: see [System].Down. It does not look
// into what is encrypted.
type Proxy struct {
	server string
	listen net.Listener

	mu       sync.Mutex
	down     bool
	accepted int
	cutAt    []byte            // nil: nowhere
	replaced map[string]string // in what the server says
	open     map[net.Conn]bool
	tasks    sync.WaitGroup
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
	return p.up
}

// CutAt makes the server go away when a client sends a text: neither the text nor what
// comes after it reaches the server. It holds once, and up brings the server back.
func (p *Proxy) CutAt(text string) (up func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt = []byte(text)
	return p.up
}

// Replace changes what the server says to clients that connect from now on. Both texts
// must be as long as each other.
func (p *Proxy) Replace(says, instead string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replaced == nil {
		p.replaced = map[string]string{}
	}
	p.replaced[says] = instead
}

// Accepted says how many connections clients have made.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (p *Proxy) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
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
		if err != nil || !p.greet(client) {
			continue
		}
		p.tasks.Go(func() { p.serve(client) })
	}
}

// greet counts a client, and keeps it.
func (p *Proxy) greet(client net.Conn) bool {
	p.mu.Lock()
	p.accepted++
	p.mu.Unlock()
	return p.keep(client)
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
			p.pass(to, from, from == client) // ends when either side is closed
			to.Close()
		})
	}
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, client)
	delete(p.open, server)
}

// pass copies what one side says to the other, as far as it is to get there.
func (p *Proxy) pass(to io.Writer, from io.Reader, asked bool) {
	piece := make([]byte, 32<<10)
	var last []byte // a text may stand in two pieces
	for {
		n, err := from.Read(piece)
		said := piece[:n]
		if asked {
			if p.ends(append(last, said...)) {
				p.cut()
				return
			}
			last = slices.Clone(said[max(0, n-longest):])
		} else {
			said = p.revise(said)
		}
		if _, werr := to.Write(said); err != nil || werr != nil {
			return
		}
	}
}

// longest is how long a text of CutAt can be that stands in two pieces.
const longest = 100

// ends reports whether this is where the connection is to be cut, which is so once.
func (p *Proxy) ends(said []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cutAt == nil || !bytes.Contains(said, p.cutAt) {
		return false
	}
	p.cutAt = nil
	return true
}

func (p *Proxy) revise(said []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for old, instead := range p.replaced {
		said = bytes.ReplaceAll(said, []byte(old), []byte(instead))
	}
	return said
}
