package operation

import "github.com/flamingock/flamingock-go/core"

// LockData is the lock of a ledger.
type LockData struct {
	Held        bool   `json:"held"`
	Token       uint64 `json:"token"`
	core.Holder        // zero when nobody holds it
	LeaseMs     int64  `json:"leaseMs"`
	// HolderGone says that the holder's process is known to have ended.
	HolderGone bool `json:"holderGone"`
}

// NewLockData makes it from a ledger's head, and what Session.HolderGone says of it.
func NewLockData(h core.Head, gone bool) *LockData {
	d := &LockData{Held: h.Held(), Token: h.Token, LeaseMs: h.Lease.Milliseconds(), HolderGone: gone}
	if h.Held() {
		d.Holder = h.Holder
	}
	return d
}
