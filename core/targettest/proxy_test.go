package targettest

import (
	"io"
	"net"
	"testing"
)

// TestProxy cuts a connection to a server that sends back what it gets.
func TestProxy(t *testing.T) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, "listen", err)
	t.Cleanup(func() { listen.Close() })
	go func() {
		for {
			c, err := listen.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	p := NewProxy(t, listen.Addr().String())
	echo := func(c net.Conn) error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", p.Addr())
		check(t, "dial", err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	first := dial()
	check(t, "echo", echo(first))
	up := p.Down(t)
	if echo(first) == nil || echo(dial()) == nil {
		t.Error("the server answers although it is down")
	}
	up()
	if echo(first) == nil {
		t.Error("a connection that was cut is back")
	}
	check(t, "echo", echo(dial()))
}
