package core

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is one recorded state transition: append-only, numbered, hash-chained.
type Entry struct {
	Ledger      string `json:"ledger"`
	Seq         uint64 `json:"seq"`
	ExecutionID string `json:"executionId"`
	// ChangeID is empty for acts on the ledger itself (unlock).
	ChangeID string `json:"changeId,omitempty"`
	// PrevSeq is the seq that the change was at before this entry; 0: it had none.
	PrevSeq uint64 `json:"prevSeq,omitempty"`
	// StartedSeq is the seq of the STARTED that this entry belongs to.
	StartedSeq   uint64    `json:"startedSeq,omitempty"`
	Stage        string    `json:"stage,omitempty"`
	Order        string    `json:"order,omitempty"`
	Author       string    `json:"author,omitempty"`
	TargetSystem string    `json:"targetSystem,omitempty"`
	State        State     `json:"state,omitempty"`
	TxType       TxType    `json:"txType,omitempty"`
	Strategy     Strategy  `json:"strategy,omitempty"`
	Operation    Operation `json:"operation"`
	Definition   string    `json:"definition,omitempty"` // template or Go function
	SourceFile   string    `json:"sourceFile,omitempty"`
	Checksum     string    `json:"checksum,omitempty"`
	Attempt      int       `json:"attempt,omitempty"`
	StartedAt    time.Time `json:"startedAt"`
	EndedAt      time.Time `json:"endedAt,omitzero"`
	DurationMs   int64     `json:"durationMs,omitempty"`
	Host         string    `json:"host,omitempty"`
	Version      string    `json:"version,omitempty"`
	Trigger      Trigger   `json:"trigger,omitzero"`
	Principal    string    `json:"principal,omitempty"`
	Reason       string    `json:"reason,omitempty"`
	Reconciled   bool      `json:"reconciled,omitempty"`
	Unknown      bool      `json:"unknown,omitempty"` // the outcome could not be known
	// Captured is what each step found before it changed it, of a STARTED: "" for a
	// step that keeps nothing.
	Captured []string `json:"captured,omitempty"`
	// TakenBack are the numbers of the steps whose rollback was carried out, of a rollback
	// that was not carried out whole.
	TakenBack []int             `json:"takenBack,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Error     *EntryError       `json:"error,omitempty"`
	Token     uint64            `json:"token"`
	PrevHash  string            `json:"prevHash"`
	Hash      string            `json:"hash"`
}

// Trigger says what started an execution.
type Trigger struct {
	Kind string `json:"kind,omitempty"` // "cli", "lambda", "library", …
	ID   string `json:"id,omitempty"`
}

// EntryError is an error as the ledger keeps it: redacted and capped.
type EntryError struct {
	Type    string   `json:"type"`
	Message string   `json:"message"`
	Causes  []string `json:"causes,omitempty"`
}

// MaxCaptured is how many bytes the Captures of one change may keep.
const MaxCaptured = 64 << 10

// Limits of what an entry keeps, in bytes. They keep an entry far below
// DynamoDB's 400 KB for an item.
const (
	maxText     = 4 << 10
	maxCauses   = 8
	maxMetadata = 32
	maxID       = 255
)

// Cap shortens s to at most n bytes at a rune boundary, and says so.
func Cap(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	const mark = " … (cut)"
	cut := n - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// NewEntryError makes the ledger's form of err; redact removes secrets.
func NewEntryError(err error, redact func(string) string) *EntryError {
	if err == nil {
		return nil
	}
	e := &EntryError{Type: strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), Message: Cap(redact(err.Error()), maxText)}
	for err = unwrap(err); err != nil && len(e.Causes) < maxCauses; err = unwrap(err) {
		e.Causes = append(e.Causes, Cap(redact(err.Error()), maxText/4))
	}
	return e
}

func unwrap(err error) error {
	switch x := err.(type) { //nolint:errorlint // walking the chain by hand
	case interface{ Unwrap() error }:
		return x.Unwrap()
	case interface{ Unwrap() []error }:
		if errs := x.Unwrap(); len(errs) > 0 {
			return errs[0]
		}
	}
	return nil
}

// Seal completes entries so that they continue the history that ends at (seq,
// hash): texts are capped, times put into UTC, and Seq, PrevHash and Hash set.
// For a second entry of one change PrevSeq becomes the first one's Seq.
func Seal(ledger string, seq uint64, hash string, entries []Entry) {
	last := map[string]uint64{}
	for i := range entries {
		e := &entries[i]
		e.Ledger = ledger
		seq++
		e.Seq, e.PrevHash = seq, hash
		if p, ok := last[e.ChangeID]; ok && e.ChangeID != "" {
			e.PrevSeq = p
		}
		if e.State == StateStarted {
			e.StartedSeq = e.Seq
		}
		last[e.ChangeID] = e.Seq
		e.normalise()
		e.Hash = e.ComputeHash()
		hash = e.Hash
	}
}

func (e *Entry) normalise() {
	e.StartedAt = e.StartedAt.UTC().Round(0)
	if !e.EndedAt.IsZero() {
		e.EndedAt = e.EndedAt.UTC().Round(0)
	}
	for _, s := range []*string{&e.ExecutionID, &e.Checksum, &e.Author, &e.TargetSystem, &e.Order, &e.Stage, &e.Definition, &e.SourceFile, &e.Reason, &e.Host, &e.Version, &e.Principal, &e.Trigger.Kind, &e.Trigger.ID} {
		*s = Cap(*s, maxText/4)
	}
	e.Metadata = capMetadata(e.Metadata)
}

// capMetadata bounds what users may attach, and says when it left something out.
func capMetadata(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(in), maxMetadata)+1)
	for i, k := range slices.Sorted(maps.Keys(in)) {
		if i == maxMetadata {
			out["…"] = fmt.Sprintf("%d more (cut)", len(in)-maxMetadata)
			break
		}
		out[Cap(k, maxID)] = Cap(in[k], maxText/4)
	}
	return out
}

// Canonical returns the canonical encoding, version 1, that the hash is taken
// over: the entry as JSON with the fields in the order of the struct, absent
// where zero and marked omitempty, map keys sorted, no HTML escapes, Hash empty.
func (e Entry) Canonical() []byte {
	e.Hash = ""
	return e.encode()
}

// Encode returns the entry as JSON, as stores may keep it.
func (e Entry) Encode() []byte { return e.encode() }

// encode writes the fields in the order of the struct.
func (e *Entry) encode() []byte {
	o := jsonObject{b: make([]byte, 0, 1<<10)}
	o.open()
	o.text("ledger", e.Ledger)
	o.number("seq", e.Seq)
	o.text("executionId", e.ExecutionID)
	o.some("changeId", e.ChangeID)
	o.someNumber("prevSeq", e.PrevSeq)
	o.someNumber("startedSeq", e.StartedSeq)
	o.some("stage", e.Stage)
	o.some("order", e.Order)
	o.some("author", e.Author)
	o.some("targetSystem", e.TargetSystem)
	o.some("state", string(e.State))
	o.some("txType", string(e.TxType))
	o.some("strategy", string(e.Strategy))
	o.text("operation", string(e.Operation))
	o.some("definition", e.Definition)
	o.some("sourceFile", e.SourceFile)
	o.some("checksum", e.Checksum)
	o.someInt("attempt", int64(e.Attempt))
	o.time("startedAt", e.StartedAt)
	if !e.EndedAt.IsZero() {
		o.time("endedAt", e.EndedAt)
	}
	o.someInt("durationMs", e.DurationMs)
	o.some("host", e.Host)
	o.some("version", e.Version)
	if e.Trigger != (Trigger{}) {
		o.key("trigger")
		o.open()
		o.some("kind", e.Trigger.Kind)
		o.some("id", e.Trigger.ID)
		o.close()
	}
	o.some("principal", e.Principal)
	o.some("reason", e.Reason)
	o.someTrue("reconciled", e.Reconciled)
	o.someTrue("unknown", e.Unknown)
	o.someList("captured", e.Captured)
	o.someInts("takenBack", e.TakenBack)
	o.someMap("metadata", e.Metadata)
	if e.Error != nil {
		o.key("error")
		o.open()
		o.text("type", e.Error.Type)
		o.text("message", e.Error.Message)
		o.someList("causes", e.Error.Causes)
		o.close()
	}
	o.number("token", e.Token)
	o.text("prevHash", e.PrevHash)
	o.text("hash", e.Hash)
	o.close()
	return o.b
}

// DecodeEntry reads what Encode wrote.
func DecodeEntry(b []byte) (Entry, error) {
	var e Entry
	err := json.Unmarshal(b, &e)
	return e, err
}

// ComputeHash returns "v1:" and the SHA-256 of the canonical encoding.
func (e Entry) ComputeHash() string {
	sum := sha256.Sum256(e.Canonical())
	return "v1:" + hex.EncodeToString(sum[:])
}

// Record returns the state of the change after e.
func (e Entry) Record() Record {
	return Record{
		ChangeID: e.ChangeID, State: e.State, Seq: e.Seq, StartedSeq: e.StartedSeq, Operation: e.Operation,
		Unknown: e.Unknown, Reconciled: e.Reconciled, Checksum: e.Checksum, Order: e.Order, Stage: e.Stage, TargetSystem: e.TargetSystem,
		TxType: e.TxType, Strategy: e.Strategy, Attempt: e.Attempt, At: e.StartedAt,
	}
}

// VerifyChain checks that entries follow (seq, hash) unbroken and unaltered. The
// error is a *ChainError that names the first bad entry.
func VerifyChain(seq uint64, hash string, entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Seq != seq+1:
			return &ChainError{Seq: seq + 1, Reason: fmt.Sprintf("missing: the next one found is %d", e.Seq)}
		case e.PrevHash != hash:
			return &ChainError{Seq: e.Seq, Reason: "does not name the hash of the entry before it"}
		case e.Hash != e.ComputeHash():
			return &ChainError{Seq: e.Seq, Reason: "was altered: its content does not have its hash"}
		}
		seq, hash = e.Seq, e.Hash
	}
	return nil
}
