package mongotest

import (
	"encoding/binary"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The opcodes of MongoDB's wire protocol: a driver's first question is an old one.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// message is one message of a driver, as a command.
type message struct {
	id      int32
	opcode  int32
	command bson.D
}

func readMessage(r io.Reader) (*message, error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.LittleEndian.Uint32(head[:]))
	if size < len(head) || size > 48<<20 {
		return nil, errors.New("no message of MongoDB's")
	}
	body := make([]byte, size-len(head))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	m := &message{id: int32(binary.LittleEndian.Uint32(head[4:])), opcode: int32(binary.LittleEndian.Uint32(head[12:]))} //nolint:gosec // bits are bits
	switch m.opcode {
	case opQuery:
		rest := body[4:] // flags
		for rest[0] != 0 {
			rest = rest[1:]
		}
		return m, bson.Unmarshal(rest[1+8:], &m.command)
	case opMsg:
		return m, m.sections(body[4:])
	}
	return nil, errors.New("no message that is known")
}

// sections puts the sequences of documents of a message into its command.
func (m *message) sections(rest []byte) error {
	for len(rest) > 0 {
		kind := rest[0]
		size := int(binary.LittleEndian.Uint32(rest[1:]))
		section := rest[1 : 1+size]
		rest = rest[1+size:]
		if kind == 0 {
			var d bson.D
			if err := bson.Unmarshal(section, &d); err != nil {
				return err
			}
			m.command = append(d, m.command...)
			continue
		}
		section = section[4:]
		end := 0
		for section[end] != 0 {
			end++
		}
		name := string(section[:end])
		var all bson.A
		for section = section[end+1:]; len(section) > 0; {
			n := int(binary.LittleEndian.Uint32(section))
			var d bson.D
			if err := bson.Unmarshal(section[:n], &d); err != nil {
				return err
			}
			all, section = append(all, d), section[n:]
		}
		m.command = append(m.command, bson.E{Key: name, Value: all})
	}
	return nil
}

func (m *message) reply(w io.Writer, answer bson.D) error {
	doc, err := bson.Marshal(answer)
	if err != nil {
		return err
	}
	opcode, before := int32(opMsg), make([]byte, 5) // flags, and the kind of the section
	if m.opcode == opQuery {
		opcode, before = opReply, make([]byte, 20)
		before[16] = 1 // one document
	}
	out := make([]byte, 16, 16+len(before)+len(doc))
	binary.LittleEndian.PutUint32(out, uint32(cap(out)))    //nolint:gosec // small
	binary.LittleEndian.PutUint32(out[8:], uint32(m.id))    //nolint:gosec // bits are bits
	binary.LittleEndian.PutUint32(out[12:], uint32(opcode)) //nolint:gosec // bits are bits
	_, err = w.Write(append(append(out, before...), doc...))
	return err
}
