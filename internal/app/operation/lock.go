package operation

import (
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// LockData is the lock of a ledger.
type LockData struct {
	Held      bool      `json:"held"`
	Token     uint64    `json:"token"`
	Execution string    `json:"execution,omitempty"`
	Host      string    `json:"host,omitempty"`
	PID       int       `json:"pid,omitempty"`
	Trigger   string    `json:"trigger,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	LeaseMs   int64     `json:"leaseMs"`
	// HolderGone says that the holder's process is known to have ended.
	HolderGone bool `json:"holderGone"`
}

// NewLockData makes it from a ledger's head, and what Session.HolderGone says of it.
func NewLockData(h core.Head, gone bool) *LockData {
	d := &LockData{Held: h.Held(), Token: h.Token, LeaseMs: h.Lease.Milliseconds(), HolderGone: gone}
	if h.Held() {
		d.Execution, d.Host, d.PID, d.Trigger, d.Principal, d.Since = h.Holder.Execution, h.Holder.Host, h.Holder.PID, h.Holder.Trigger, h.Holder.Principal, h.Holder.Since
	}
	return d
}
