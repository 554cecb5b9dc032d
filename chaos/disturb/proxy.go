package disturb

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing" //nolint:depguard // this package is for tests
	"time"
)

// Network is what a Proxy does with what passes through it.
type Network string

// The networks.
const (
	// Healthy passes everything on at once.
	Healthy Network = "healthy"
	// Cut ends all connections, and every new one as soon as it is made.
	Cut Network = "cut"
	// Slow passes everything on after Delay.
	Slow Network = "slow"
	// HalfOpen swallows what is sent, and keeps the connections open: nobody is told.
	// A connection that lost something stays so, whatever the network becomes.
	HalfOpen Network = "half-open"
)

// parcels is how many can be on their way at a time in each direction.
const parcels = 64

// dialTimeout bounds how long the proxy waits for the server.
const dialTimeout = 10 * time.Second

// Proxy is the network between a process and a server.
type Proxy struct {
	// Delay is how long everything takes in each direction while the network is Slow.
	Delay time.Duration

	server string
	listen net.Listener
	tasks  sync.WaitGroup
	ctx    context.Context // ends with the test

	mu      sync.Mutex
	network Network
	open    map[net.Conn]bool
}

// NewProxy starts a healthy network before the server at a TCP address. It ends
// with the test.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{server: server, listen: listen, ctx: ctx, network: Healthy, open: map[net.Conn]bool{}}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		cancel()
		p.listen.Close()
		p.Become(Cut)
		p.tasks.Wait()
	})
	return p
}

// Through returns the URL with the proxy's address in place of the server's.
func (p *Proxy) Through(t testing.TB, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = p.listen.Addr().String()
	return u.String()
}

// Host returns the address of a URL's server.
func Host(t testing.TB, of string) string {
	t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// Become makes the network another one.
func (p *Proxy) Become(n Network) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.network = n
	if n != Cut {
		return
	}
	for c := range p.open {
		c.Close()
	}
	clear(p.open)
}

func (p *Proxy) now() Network {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.network
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

// keep remembers a connection, or closes it when the network is cut.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.network == Cut {
		c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	defer cancel()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.server)
	if err != nil || !p.keep(server) {
		return
	}
	l := &link{proxy: p}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			l.pass(to, from)
			if !l.lost() { // of a half-open connection nobody learns that the other side closed it
				to.Close()
			}
		})
	}
	both.Wait()
	if l.lost() {
		<-p.ctx.Done()
	}
	server.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, client)
	delete(p.open, server)
}

// link is one connection through the proxy.
type link struct {
	proxy *Proxy
	mu    sync.Mutex
	dead  bool // something was swallowed: nothing can follow it
}

// parcel is what was read at once, and when it is to arrive.
type parcel struct {
	data []byte
	due  time.Time
}

// pass ends when either side is closed.
func (l *link) pass(to, from net.Conn) {
	way := make(chan parcel, parcels)
	var sent sync.WaitGroup
	sent.Go(func() {
		for p := range way {
			select {
			case <-time.After(time.Until(p.due)):
			case <-l.proxy.ctx.Done():
			}
			if _, err := to.Write(p.data); err != nil {
				from.Close() // the reader must not go on for nobody
			}
		}
	})
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if n > 0 && !l.lost() {
			due := time.Now()
			if l.proxy.now() == Slow {
				due = due.Add(l.proxy.Delay)
			}
			way <- parcel{buf[:n], due}
		}
		if err != nil {
			break
		}
	}
	close(way)
	sent.Wait()
}

// lost reports whether the connection is half-open, or becomes so now.
func (l *link) lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = l.dead || l.proxy.now() == HalfOpen
	return l.dead
}
