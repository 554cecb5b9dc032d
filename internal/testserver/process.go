package testserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// restartTimeout bounds how long a server is started again that ends at once.
	restartTimeout = 15 * time.Second
	// mostSaid is how much of its log explains that it does not start.
	mostSaid = 4000
)

// Process is a server of our own, on a loopback port that stays its own.
type Process struct {
	// Dir is the server's directory: its log is there, and Stop removes it.
	Dir string
	// Command returns the program and its arguments, to listen at a port of 127.0.0.1.
	Command func(port int) []string
	// Prepare sets what else a command needs, such as its environment.
	Prepare func(*exec.Cmd)
	// Signal is the name of the one that ends the server, such as KILL.
	Signal string
	// Connect makes a connection, and closes it.
	Connect func(context.Context) error
	// Timeout bounds how long the server may take to start and to recover.
	Timeout time.Duration

	port  int
	life  io.Closer // the server ends when this is closed, or when we are gone
	ended <-chan struct{}
}

// Address is where the server listens, once it was started.
func (p *Process) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Start starts the server, again if need be, and waits until it answers.
func (p *Process) Start() error {
	if p.port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		p.port = l.Addr().(*net.TCPAddr).Port // the address of a TCP listener is one
		if err := l.Close(); err != nil {
			return err
		}
	}
	// After a crash the processes of the old server may be there for a moment, or their
	// locks on its files, and keep the new one from starting.
	for deadline := time.Now().Add(restartTimeout); ; {
		err := p.spawn()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(p.log()) // it only explains the error that there is
			return fmt.Errorf("%w\n%s", err, said[max(0, len(said)-mostSaid):])
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *Process) log() string { return filepath.Join(p.Dir, "log") }

// spawn starts the server's process and waits until it answers, or ends.
func (p *Process) spawn() error {
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The shell ends the server when its standard input ends, which happens when we
	// stop it and also when we are killed.
	script := `exec 3<&0
		"$@" </dev/null 3<&- & server=$!
		(read line <&3; kill -` + p.Signal + ` $server) & watch=$!
		wait $server
		kill $watch`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, p.Command(p.port)...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, log, log
	p.Prepare(cmd)
	if p.life, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the shell's status tells nothing
	}()
	p.ended = ended
	if err := p.answers(); err != nil {
		p.End()
		return err
	}
	return nil
}

// answers waits until the server takes connections.
func (p *Process) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.Timeout)
	defer cancel()
	for {
		err := p.Connect(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-p.ended:
			return fmt.Errorf("the server ended: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// End ends the server with its signal, and waits until it has ended.
func (p *Process) End() {
	_ = p.life.Close() // the server ends either way
	<-p.ended
}

// Stop ends the server and removes its directory.
func (p *Process) Stop() {
	p.End()
	_ = os.RemoveAll(p.Dir) // a temporary directory
}
