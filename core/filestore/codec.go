package filestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// headBody is the stored form of core.Head. It is apart from it, so that the
// model can move while stored rows stay readable.
type headBody struct {
	LedgerID string      `json:"ledgerId"`
	Owner    string      `json:"owner"`
	Token    uint64      `json:"token"`
	RVN      uint64      `json:"rvn"`
	LeaseMs  int64       `json:"leaseMs"`
	Released bool        `json:"released"`
	Seq      uint64      `json:"seq"`
	Sum      uint64      `json:"sum"`
	Hash     string      `json:"hash"`
	Holder   core.Holder `json:"holder,omitzero"`
}

func encodeHead(h core.Head) (string, int64, error) {
	return seal(headBody{
		LedgerID: h.LedgerID, Owner: h.Owner, Token: h.Token, RVN: h.RVN, LeaseMs: h.Lease.Milliseconds(), Released: h.Released,
		Seq: h.Seq, Sum: h.Sum, Hash: h.Hash, Holder: h.Holder,
	})
}

func decodeHead(ledger, body string, crc int64) (core.Head, error) {
	var b headBody
	if err := open(body, crc, &b); err != nil {
		return core.Head{}, fmt.Errorf("head of ledger %s: %w", ledger, err)
	}
	if b.LedgerID == "" || b.RVN == 0 {
		return core.Head{}, fmt.Errorf("head of ledger %s: it has no id or no version", ledger)
	}
	return core.Head{
		LedgerID: b.LedgerID, Owner: b.Owner, Token: b.Token, RVN: b.RVN, Lease: time.Duration(b.LeaseMs) * time.Millisecond,
		Released: b.Released, Seq: b.Seq, Sum: b.Sum, Hash: b.Hash, Holder: b.Holder,
	}, nil
}

func decodeRecord(ledger, id string, seq uint64, body string, crc int64) (core.Record, error) {
	var r core.Record
	if err := open(body, crc, &r); err != nil {
		return core.Record{}, fmt.Errorf("state of change %s in ledger %s: %w", id, ledger, err)
	}
	switch {
	case r.ChangeID != id || r.Seq != seq:
		return core.Record{}, fmt.Errorf("state of change %s in ledger %s: its row says entry %d, its content change %s at entry %d", id, ledger, seq, r.ChangeID, r.Seq)
	case !r.State.Known():
		return core.Record{}, fmt.Errorf("state of change %s in ledger %s: unknown state %q", id, ledger, r.State)
	}
	return r, nil
}

func decodeEntry(ledger string, seq uint64, body string) (core.Entry, error) {
	e, err := core.DecodeEntry([]byte(body))
	if err != nil {
		return core.Entry{}, fmt.Errorf("entry %d of ledger %s: %w", seq, ledger, err)
	}
	if e.Ledger != ledger || e.Seq != seq {
		return core.Entry{}, fmt.Errorf("entry %d of ledger %s: its content is that of entry %d of ledger %s", seq, ledger, e.Seq, e.Ledger)
	}
	return e, nil
}

func encodeRecord(r core.Record) (string, int64) {
	b := r.Encode()
	return string(b), checksum(b)
}

// seal encodes a body and its checksum.
func seal(v any) (string, int64, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", 0, fmt.Errorf("encode: %w", err)
	}
	return string(b), checksum(b), nil
}

func open(body string, crc int64, v any) error {
	if checksum([]byte(body)) != crc {
		return errors.New("its content does not have its checksum")
	}
	return json.Unmarshal([]byte(body), v)
}

func checksum(b []byte) int64 { return int64(crc32.ChecksumIEEE(b)) }

// wholeMs rounds up: contenders wait rather longer than shorter.
func wholeMs(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}
