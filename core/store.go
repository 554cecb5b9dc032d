package core

import (
	"context"
	"maps"
	"regexp"
	"time"
)

// AuditStore is where history lives. A store holds many ledgers; each has its
// own lease, ids and order. Implementations are safe for concurrent use and obey
// the four rules of design.md 3; core/storetest proves them.
//
// Every write is all or nothing. Errors of a write that say "definitely not
// written" are ErrLeaseLost, *ConflictError, *StoreError, *PermissionError and
// *ConfigError; after any other error the outcome is unknown, and the same request
// may be sent again: a store recognises its own earlier write by the hash of the
// request's first entry (or, without entries, by owner and token), answers nil,
// and writes nothing.
type AuditStore interface {
	// Load returns one consistent state of the ledger: its head and the current
	// state of every change. A ledger that does not exist has the zero Head.
	Load(ctx context.Context, ledger string) (Snapshot, error)
	// Acquire takes the lease, on the rvn of a load. *ConflictError when the head
	// has moved on, or is held and a.Takeover is not set.
	Acquire(ctx context.Context, a Acquisition) error
	// Append writes entries under the lease. ErrLeaseLost when the lease is no
	// longer a.Lease's, *ConflictError when an entry's Seq or PrevSeq is not what
	// the ledger has.
	Append(ctx context.Context, a Append) error
	// Renew shows that the holder is alive: it changes nothing but the rvn.
	// ErrLeaseLost when the lease is no longer l.
	Renew(ctx context.Context, l Lease) error
	// Release frees the lease. ErrLeaseLost when it is no longer l; nil when l
	// was released before.
	Release(ctx context.Context, l Lease) error
	// History returns entries in the order of their seq.
	History(ctx context.Context, q HistoryQuery) (HistoryPage, error)
}

// SharingStore is offered by stores that can commit the writes of a change
// together with its entries (TX_SHARED).
type SharingStore interface {
	AuditStore
	// Domain names where the store is and with which credentials it is used. Target
	// systems of the same domain can share its transactions. "": none can.
	Domain() string
	// AppendShared is Append with the items of a SharedWrites in the same
	// transaction. *RefusedError when the items are the reason that nothing was
	// written: the lease and the ledger are as they were.
	AppendShared(ctx context.Context, a Append, items any) error
}

// LiveStore is a SharingStore whose transaction is open while the steps of a change
// act in it.
type LiveStore interface {
	SharingStore
	// Begin opens a transaction for a change, under the lease: ErrLeaseLost when it is
	// no longer l. Until AppendShared with its items, or Discard, has ended it, nobody
	// else can write to the store: that is more than a lease, and it needs no renewal.
	// *UnavailableError when somebody else keeps it locked.
	Begin(ctx context.Context, l Lease) (OpenWrites, error)
}

// Presence is offered by stores that can prove that a holder's process is dead.
type Presence interface {
	// Attend marks the owner as alive until leave is called or the process ends.
	Attend(ctx context.Context, owner string) (leave func() error, err error)
	// Gone reports whether the owner's process is known to have ended. False
	// means nothing.
	Gone(ctx context.Context, owner string) (bool, error)
}

// HolderGone asks a store whether the holder of the lease is known to be dead.
// Stores that cannot tell, and heads that nobody holds, give false.
func HolderGone(ctx context.Context, store AuditStore, h Head) (bool, error) {
	p, ok := store.(Presence)
	if !ok || !h.Held() || h.Owner == "" {
		return false, nil
	}
	return p.Gone(ctx, h.Owner)
}

// Lease is the right to write to a ledger. Token guards every write of its
// holder: it grows with every acquisition and never goes back.
type Lease struct {
	Ledger string
	Owner  string
	Token  uint64
}

// Head is the state of a ledger's lease and the end of its history.
type Head struct {
	LedgerID string        // made once; "" when the ledger does not exist
	Owner    string        // of the last acquisition; "" after a forced release
	Token    uint64        // only grows
	RVN      uint64        // new at every write; 0 when the ledger does not exist
	Lease    time.Duration // of the holder, whole milliseconds
	Released bool
	Seq      uint64 // of the last entry
	Sum      uint64 // of the seqs of all records
	Hash     string // of the last entry
	Holder   Holder // for people, never for decisions
}

// Held reports whether an execution holds the lease.
func (h Head) Held() bool { return h.LedgerID != "" && !h.Released }

// Holder tells people who holds a lease.
type Holder struct {
	Execution string    `json:"execution,omitempty"`
	Host      string    `json:"host,omitempty"`
	PID       int       `json:"pid,omitempty"`
	Trigger   string    `json:"trigger,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// Snapshot is one consistent state of a ledger.
type Snapshot struct {
	Head    Head
	Records map[string]Record // by change id
}

// Clone returns a copy that shares nothing.
func (s Snapshot) Clone() Snapshot {
	s.Records = maps.Clone(s.Records)
	return s
}

// Record is the current state of one change in a ledger. It follows from the
// change's last entry alone: see Entry.Record.
type Record struct {
	ChangeID     string    `json:"changeId"`
	State        State     `json:"state"`
	Seq          uint64    `json:"seq"`                  // of its last entry
	StartedSeq   uint64    `json:"startedSeq,omitempty"` // of the STARTED of its last attempt
	Operation    Operation `json:"operation"`
	Unknown      bool      `json:"unknown,omitempty"`    // the outcome could not be known
	Reconciled   bool      `json:"reconciled,omitempty"` // a later execution asked the target system
	Checksum     string    `json:"checksum,omitempty"`
	Order        string    `json:"order,omitempty"`
	Stage        string    `json:"stage,omitempty"`
	TargetSystem string    `json:"targetSystem,omitempty"`
	TxType       TxType    `json:"txType,omitempty"`
	Strategy     Strategy  `json:"strategy,omitempty"`
	Attempt      int       `json:"attempt,omitempty"`
	At           time.Time `json:"at,omitzero"` // when the entry's act began
}

// Acquisition asks for the lease.
type Acquisition struct {
	Ledger   string
	LedgerID string // the id to give a ledger that does not exist yet
	// RVN is that of the load that this acquisition rests on; 0 when the ledger
	// did not exist.
	RVN uint64
	// Takeover admits a head that is not released: the rvn was watched for a whole
	// lease, or its owner is proven dead, or a person forces it.
	Takeover bool
	// Owner is new for every acquisition. "" only for a forced release.
	Owner string
	// Token is the loaded token plus one.
	Token uint64
	// Lease is how long contenders must wait without a sign of life.
	Lease  time.Duration
	Holder Holder
	// Entries are written in the same transaction, and Release frees the lease
	// again in it.
	Entries []Entry
	Release bool
}

// Append asks to write entries under a lease.
type Append struct {
	Lease   Lease
	Entries []Entry // at least one, with consecutive seqs
	Release bool    // free the lease in the same transaction
}

// MaxEntries is how many entries one request to a store may carry: stores bound
// what fits into one transaction.
const MaxEntries = 40

// HistoryQuery selects entries.
type HistoryQuery struct {
	Ledger   string
	ChangeID string // "" for all
	AfterSeq uint64 // only entries with a greater seq
	Limit    int    // at most so many; 0 means 1000, which is also the most
}

// MaxHistoryPage is the largest page of History.
const MaxHistoryPage = 1000

// PageSize returns the limit that applies.
func (q HistoryQuery) PageSize() int {
	if q.Limit <= 0 || q.Limit > MaxHistoryPage {
		return MaxHistoryPage
	}
	return q.Limit
}

// HistoryPage is one page of entries.
type HistoryPage struct {
	Entries []Entry
	// Next is the AfterSeq of the next page; 0 when there is none.
	Next uint64
}

// Without {1,255}, which costs a millisecond when the process starts.
var ledgerPattern = regexp.MustCompile(`^[A-Za-z0-9._/-]+$`)

// CheckLedger reports whether name can name a ledger: 1 to 255 of A-Z a-z 0-9 . _ / -
func CheckLedger(name string) error {
	if len(name) > 255 || !ledgerPattern.MatchString(name) {
		return &ConfigError{Key: "ledger", Reason: "must be 1 to 255 of the characters A-Z a-z 0-9 . _ / -", Next: `choose a name such as "orders/prod"`}
	}
	return nil
}

// CheckEntries reports whether entries continue the chain that ends at (seq,
// hash) without a gap. Every store calls it before it writes.
func CheckEntries(ledger string, seq uint64, hash string, entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Ledger != ledger {
			return &ConflictError{Ledger: ledger, What: "an entry names another ledger"}
		}
		if e.Seq != seq+1 || e.PrevHash != hash {
			return &ConflictError{Ledger: ledger, What: "entry does not continue the history", Want: e.Seq - 1, Found: seq}
		}
		seq, hash = e.Seq, e.Hash
	}
	return nil
}

// SumAfter returns the head's sum after entries were written.
func SumAfter(sum uint64, entries []Entry) uint64 {
	for i := range entries {
		if entries[i].ChangeID != "" {
			sum += entries[i].Seq - entries[i].PrevSeq
		}
	}
	return sum
}
