package mongotest

import (
	"net"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Fault is what becomes of one command instead of its answer.
type Fault struct {
	// Lost ends the connection, before the command is done or, with Done, after it.
	Lost, Done bool
	// Answer is sent in the place of the command's own, which is done only with Done.
	Answer bson.D
}

// Model is a model of a replica set of one. It is for several clients at once.
type Model struct {
	listen net.Listener
	tasks  sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	closed   bool
	conns    map[net.Conn]bool
	state    *state
	sessions map[string]*session
	commands []bson.D
	fault    func(command bson.D) *Fault
	hello    bson.D
}

// NewModel starts a model, which ends with the test.
func NewModel(t testing.TB) *Model {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &Model{listen: listen, conns: map[net.Conn]bool{}, state: newState(), sessions: map[string]*session{}}
	m.changed = sync.NewCond(&m.mu)
	m.hello = bson.D{{Key: "setName", Value: "rs0"}}
	m.tasks.Go(m.accept)
	t.Cleanup(func() {
		listen.Close()
		m.mu.Lock()
		m.closed = true
		for c := range m.conns {
			c.Close()
		}
		m.changed.Broadcast()
		m.mu.Unlock()
		m.tasks.Wait()
	})
	return m
}

// Addr is where the model listens.
func (m *Model) Addr() string { return m.listen.Addr().String() }

// URI is that of a database of the model, past what it says of its hosts.
func (m *Model) URI(addr, database string) string {
	return "mongodb://" + addr + "/" + database + "?directConnection=true&serverSelectionTimeoutMS=1500"
}

// Says replaces what the model says of itself to hello and to buildInfo.
func (m *Model) Says(d bson.D) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hello = d
}

// On asks f for a fault before each command but those of the driver itself. Nil asks
// nobody.
func (m *Model) On(f func(command bson.D) *Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// Commands are those that arrived so far, without the driver's own.
func (m *Model) Commands() []bson.D {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.commands)
}

// Open is how many transactions are open.
func (m *Model) Open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.sessions {
		if s.open != nil {
			n++
		}
	}
	return n
}

func (m *Model) accept() {
	for {
		c, err := m.listen.Accept()
		if err != nil {
			return
		}
		m.mu.Lock()
		if m.closed {
			c.Close()
		}
		m.conns[c] = true
		m.mu.Unlock()
		m.tasks.Go(func() { m.serve(c) })
	}
}

func (m *Model) serve(c net.Conn) {
	defer func() {
		c.Close()
		m.mu.Lock()
		delete(m.conns, c)
		m.mu.Unlock()
	}()
	for {
		in, err := readMessage(c)
		if err != nil {
			return
		}
		answer := m.answer(in.command)
		if answer == nil || in.reply(c, answer) != nil {
			return
		}
	}
}

// answer does a command; nil ends the connection.
func (m *Model) answer(command bson.D) bson.D {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := command[0].Key
	switch name {
	case "hello", "isMaster", "ismaster":
		said := slices.Clone(m.hello)
		for _, e := range (bson.D{
			{Key: "ismaster", Value: true},
			{Key: "isWritablePrimary", Value: true},
			{Key: "hosts", Value: bson.A{m.Addr()}},
			{Key: "me", Value: m.Addr()},
			{Key: "maxBsonObjectSize", Value: 16 << 20},
			{Key: "maxMessageSizeBytes", Value: 48 << 20},
			{Key: "maxWriteBatchSize", Value: 100000},
			{Key: "logicalSessionTimeoutMinutes", Value: 30},
			{Key: "minWireVersion", Value: 0},
			{Key: "maxWireVersion", Value: 21},
			{Key: "ok", Value: 1},
		}) {
			if get(m.hello, e.Key) == nil {
				said = append(said, e)
			}
		}
		return said
	case "buildInfo":
		return append(slices.Clone(m.hello), bson.E{Key: "ok", Value: 1})
	case "endSessions", "ping":
		return done()
	}
	m.commands = append(m.commands, command)
	if m.fault != nil {
		if f := m.fault(command); f != nil {
			if f.Done {
				m.do(command)
			}
			if f.Lost {
				return nil
			}
			return f.Answer
		}
	}
	return m.do(command)
}

func done(more ...bson.E) bson.D { return append(more, bson.E{Key: "ok", Value: 1}) }

// Refusal is the answer to a command that is refused.
func Refusal(code int, name, message string, labels ...string) bson.D {
	d := bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: code}, {Key: "codeName", Value: name}, {Key: "errmsg", Value: message}}
	if len(labels) > 0 {
		d = append(d, bson.E{Key: "errorLabels", Value: labels})
	}
	return d
}
