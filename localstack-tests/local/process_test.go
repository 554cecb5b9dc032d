package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// orphanVariable makes this program start a server, and be killed with it running.
const orphanVariable = "LOCAL_TEST_ORPHAN"

func TestMain(m *testing.M) {
	if at := os.Getenv(orphanVariable); at != "" {
		os.Unsetenv(orphanVariable) // not for the server, which is this program too
		if _, err := start(context.Background(), nil, listener(at)); err != nil {
			panic(err)
		}
		select {}
	}
	os.Exit(m.Run())
}

// listener is a server with a child of its own: whoever calls learns of their end.
func listener(at string) []string {
	return []string{os.Args[0], "-test.run=^TestHelperServer$", "-test.v", at}
}

// TestHelperServer is the server of listener: it holds connections open.
func TestHelperServer(t *testing.T) {
	at := os.Args[len(os.Args)-1]
	if !strings.HasPrefix(at, "127.0.0.1:") {
		t.Skip("does not apply: it is a helper")
	}
	for range 2 { // its own connection, and its child's
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.(*net.TCPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		sleep := exec.Command("sleep", "1000")
		sleep.ExtraFiles = []*os.File{f}
		if err := sleep.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(c, "here")
	}
	select {}
}

// connections are the two of a helper server.
func connections(t *testing.T, l net.Listener) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// gone waits until nobody holds the other end of the connections.
func gone(t *testing.T, all []net.Conn) {
	t.Helper()
	for _, c := range all {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a process of the server is still there")
		}
	}
}

func TestStop(t *testing.T) {
	l := listen(t)
	p, err := start(t.Context(), nil, listener(l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	all := connections(t, l)
	if err := p.stop(t.Context()); err != nil {
		t.Error(err)
	}
	gone(t, all)
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is there: %v", err)
	}
}

func TestEndsWithUs(t *testing.T) {
	l := listen(t)
	us, tmp := exec.Command(os.Args[0]), t.TempDir()
	us.Env = append(us.Environ(), orphanVariable+"="+l.Addr().String(), "TMPDIR="+tmp)
	if err := us.Start(); err != nil {
		t.Fatal(err)
	}
	all := connections(t, l)
	if err := us.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = us.Wait()
	gone(t, all)
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReadyTellsTheLog(t *testing.T) {
	p, err := start(t.Context(), nil, []string{"/bin/sh", "-c", "echo the reason; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	err = p.ready(t.Context(), func(context.Context) error { return errors.New("no answer") })
	if err == nil || !strings.Contains(err.Error(), "the reason\nthe server ended with exit code 3") {
		t.Errorf("ready: %v", err)
	}
}

func TestInstalled(t *testing.T) {
	c, times := Cache(t.TempDir()), 0
	for i, madeOf := range []string{"a", "a", "b"} {
		_, err := c.installed(t.Context(), "x", []string{madeOf}, func(string) error { times++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 1, 2}[i]; times != want {
			t.Errorf("installed %d times, want %d", times, want)
		}
	}
	if _, err := c.installed(t.Context(), "y", nil, func(string) error { return errors.New("no network") }); err == nil {
		t.Error("a failed install passes")
	}
	if _, err := c.installed(t.Context(), "y", nil, func(string) error { times++; return nil }); err != nil || times != 3 {
		t.Errorf("a failed install is not done again: %d, %v", times, err)
	}
}
