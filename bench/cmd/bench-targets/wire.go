package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// wire is a proxy before a server that writes down what is asked, for the protocols of all
// systems here: nobody says anything but in answer to the other.
type wire struct {
	listen net.Listener
	server string
	speaks protocol

	mu    sync.Mutex
	calls []string
	conns []net.Conn
}

func newWire(ctx context.Context, server string, speaks protocol) (*wire, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listen: l, server: server, speaks: speaks}
	go w.accept(ctx)
	return w, nil
}

func (w *wire) addr() string { return w.listen.Addr().String() }

func (w *wire) close() {
	_ = w.listen.Close() //nolint:errcheck // it only listened
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close() //nolint:errcheck // nobody uses it any more
	}
}

// forget begins anew.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = nil
}

// seen are the calls since forget, without the driver's own about the connection.
func (w *wire) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

func (w *wire) accept(ctx context.Context) {
	var dialer net.Dialer
	for {
		client, err := w.listen.Accept()
		if err != nil {
			return
		}
		server, err := dialer.DialContext(ctx, "tcp", w.server)
		if err != nil {
			_ = client.Close() //nolint:errcheck // the client hears of it by that
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, client, server)
		w.mu.Unlock()
		w.join(client, server)
	}
}

// newConnection begins the first call of each.
const newConnection = "on a new connection: "

// join hands on what comes. A call is all that the client says until the server answers;
// that a connection was made for it is a part of it.
func (w *wire) join(client, server net.Conn) {
	var mu sync.Mutex
	var said []byte
	connected := newConnection
	pass := func(from, to net.Conn, before func(data []byte)) {
		data := make([]byte, 64<<10)
		for {
			n, err := from.Read(data)
			if n > 0 {
				before(data[:n])
				if _, werr := to.Write(data[:n]); werr != nil {
					err = werr
				}
			}
			if err != nil {
				_ = to.Close() //nolint:errcheck // its other side is gone
				return
			}
		}
	}
	go pass(client, server, func(data []byte) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, data...)
	})
	go pass(server, client, func([]byte) {
		mu.Lock()
		defer mu.Unlock()
		if len(said) == 0 {
			return
		}
		call := w.speaks(said)
		said = nil
		if call == "" {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls = append(w.calls, connected+numbers.ReplaceAllString(call, "#"))
		connected = ""
	})
}

var (
	httpCall = regexp.MustCompile(`^([A-Z]+) (\S*) HTTP/1\.1\r\n`)
	amzCall  = regexp.MustCompile(`(?i)\r\nx-amz-target: *[A-Za-z]+[_0-9]*\.([A-Za-z]+)`)
	queryAct = regexp.MustCompile(`(?:^|&|\n)Action=([A-Za-z]+)`)
	numbers  = regexp.MustCompile(`[0-9]+`)
)

// protocol names a call from what the client says, without what differs from one to the
// next of its kind; "" for what only concerns the connection.
type protocol func(said []byte) string

// overHTTP is the operation of AWS, or method and path.
func overHTTP(said []byte) string {
	if m := amzCall.FindSubmatch(said); m != nil {
		return string(m[1])
	}
	head, body, _ := bytes.Cut(said, []byte("\r\n\r\n"))
	if m := queryAct.FindSubmatch(body); m != nil {
		return string(m[1])
	}
	m := httpCall.FindSubmatch(head)
	if m == nil {
		return "what is not HTTP/1.1"
	}
	return string(m[1]) + " " + string(m[2])
}

// overMongo is the command of an OP_MSG and its collection. The driver watches its servers
// by itself.
func overMongo(said []byte) string {
	if len(said) < 27 || binary.LittleEndian.Uint32(said[12:]) != 2013 {
		return ""
	}
	doc := said[21:] // the header, the flags, the kind of the section; the document's length is next
	name, rest, _ := bytes.Cut(doc[5:], []byte{0})
	switch string(name) {
	case "hello", "isMaster", "saslStart", "saslContinue", "ping", "endSessions":
		return ""
	}
	if doc[4] != 2 || len(rest) < 4 { // no text
		return string(name)
	}
	collection, _, _ := bytes.Cut(rest[4:], []byte{0})
	return string(name) + " " + string(collection)
}

// overMySQL is the statement of a COM_QUERY or COM_STMT_PREPARE, or that one of those is
// executed. COM_STMT_CLOSE has no answer, and comes together with what is said next.
func overMySQL(said []byte) string {
	var names []string
	for len(said) > 4 {
		size := mysqlSize(said)
		if size < 5 || size > len(said) {
			break
		}
		switch text := said[5:size]; said[4] {
		case 3:
			names = append(names, string(text))
		case 22:
			names = append(names, "prepare "+string(text))
		case 23:
			names = append(names, "execute a prepared statement")
		}
		said = said[size:]
	}
	return strings.Join(names, ", ")
}

// mysqlSize is how long the first packet is.
func mysqlSize(said []byte) int { return 4 + int(said[0]) + int(said[1])<<8 + int(said[2])<<16 }

// overPostgres is the statement, or that a prepared one is executed.
func overPostgres(said []byte) string {
	var names []string
	for len(said) >= 5 {
		size := int(binary.BigEndian.Uint32(said[1:])) + 1
		if size < 5 || size > len(said) {
			break
		}
		text := said[5:size]
		switch said[0] {
		case 'Q':
			names = append(names, string(bytes.TrimRight(text, "\x00")))
		case 'P':
			_, text, _ = bytes.Cut(text, []byte{0})
			text, _, _ = bytes.Cut(text, []byte{0})
			names = append(names, "prepare "+string(text))
		case 'E':
			names = append(names, "execute a prepared statement")
		}
		said = said[size:]
	}
	return strings.Join(names, ", ")
}
