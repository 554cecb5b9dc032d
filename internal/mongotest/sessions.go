package mongotest

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// session is what the model knows of one: its transaction, and the answers to its
// numbered writes, which drivers may send twice.
type session struct {
	number    int64
	open      *transaction
	committed bool // the transaction of this number
	answers   map[int64]bson.D
}

// transaction sees the state from when it began, and what it has written itself.
type transaction struct {
	seen *state
	// wrote are the documents that it has written, which keeps others out of them.
	wrote map[string]bool
}

const transient = "TransientTransactionError"

func noTransaction() bson.D {
	return Refusal(251, "NoSuchTransaction", "the transaction does not exist, or was aborted", transient)
}

// do does a command in its session.
func (m *Model) do(command bson.D) bson.D {
	switch command[0].Key {
	case "killSessions":
		for _, s := range list(command, "killSessions") {
			if known := m.sessions[id(s)]; known != nil {
				m.end(known)
			}
		}
		return done()
	case "commitTransaction":
		return m.commit(m.session(command), whole(command, "txnNumber"))
	case "abortTransaction":
		s := m.session(command)
		if s.open == nil || s.number != whole(command, "txnNumber") {
			return noTransaction()
		}
		m.end(s)
		return done()
	}
	if auto, given := get(command, "autocommit").(bool); given && !auto {
		return m.inside(m.session(command), command)
	}
	number := whole(command, "txnNumber")
	if number > 0 {
		if answer := m.session(command).answers[number]; answer != nil {
			return answer
		}
	}
	answer := m.alone(command)
	if number > 0 {
		m.session(command).answers[number] = answer
	}
	return answer
}

func (m *Model) session(command bson.D) *session {
	key := id(get(command, "lsid"))
	if m.sessions[key] == nil {
		m.sessions[key] = &session{answers: map[int64]bson.D{}}
	}
	return m.sessions[key]
}

// end ends an open transaction without its effects.
func (m *Model) end(s *session) {
	s.open = nil
	m.changed.Broadcast()
}

func (m *Model) inside(s *session, command bson.D) bson.D {
	number := whole(command, "txnNumber")
	if start := as[bool](get(command, "startTransaction")); start {
		m.end(s)
		s.number, s.committed = number, false
		s.open = &transaction{seen: m.state.clone(), wrote: map[string]bool{}}
	}
	if s.open == nil || s.number != number {
		return noTransaction()
	}
	w := &writer{state: s.open.seen, conflict: func(key string) bool {
		return m.state.versions[key] != s.open.seen.versions[key] && !s.open.wrote[key] || m.lockedFor(key, s)
	}, wrote: func(key string) { s.open.wrote[key] = true }}
	answer := w.command(command)
	if w.conflicted {
		m.end(s)
		return Refusal(112, "WriteConflict", "this operation conflicted with another operation", transient)
	}
	if failed(answer) {
		m.end(s)
	}
	return answer
}

// lockedFor reports whether another transaction has written a document.
func (m *Model) lockedFor(key string, s *session) bool {
	for _, other := range m.sessions {
		if other != s && other.open != nil && other.open.wrote[key] {
			return true
		}
	}
	return false
}

func (m *Model) commit(s *session, number int64) bson.D {
	if s.number == number && s.committed {
		return done() // asked for a second time
	}
	if s.open == nil || s.number != number {
		return noTransaction()
	}
	for key := range s.open.wrote {
		m.state.take(s.open.seen, key)
	}
	s.committed = true
	m.end(s)
	return done()
}

// alone does a command outside of transactions. As MongoDB does, it waits for a document
// that a transaction has written.
func (m *Model) alone(command bson.D) bson.D {
	for !m.closed {
		w := &writer{state: m.state.clone(), conflict: func(key string) bool { return m.lockedFor(key, nil) }, wrote: func(string) {}}
		answer := w.command(command)
		if !w.conflicted {
			m.state = w.state
			return answer
		}
		m.changed.Wait()
	}
	return nil
}

func failed(answer bson.D) bool {
	_, errs := get(answer, "writeErrors").(bson.A)
	return errs || get(answer, "ok") == 0
}
