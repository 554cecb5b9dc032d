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
	if n := p.Accepted(); n != 3 {
		t.Errorf("%d connections were accepted, want 3", n)
	}

	say := func(c net.Conn, text string) (string, error) {
		if _, err := io.WriteString(c, text); err != nil {
			return "", err
		}
		answer := make([]byte, len(text))
		_, err := io.ReadFull(c, answer)
		return string(answer), err
	}
	p.Replace("8.0", "5.7")
	if got, err := say(dial(), "version 8.0"); got != "version 5.7" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	up = p.CutAt("INSERT")
	second := dial()
	if got, err := say(second, "INS"); got != "INS" || err != nil {
		t.Errorf("half of the text: got %q, %v", got, err)
	}
	if _, err := say(second, "ERT"); err == nil {
		t.Error("the server answers beyond the text at which it goes away")
	}
	if echo(dial()) == nil {
		t.Error("the server answers after it went away")
	}
	up()
	if got, err := say(dial(), "INSERT"); got != "INSERT" || err != nil {
		t.Errorf("the second time: got %q, %v", got, err)
	}
}
