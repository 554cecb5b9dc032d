// Package storetest proves that an audit store obeys the contract of
// core.AuditStore: the four rules of docs/design.md 3, and what a Runner builds
// on. Every store passes it; a store's own tests add only what is its own.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{New: func(t *testing.T) storetest.Factory {
//			path := filepath.Join(t.TempDir(), "audit.db")
//			return storetest.Factory{Open: func() core.AuditStore { return open(t, path) }}
//		}})
//	}
//
// The suite has no clock and never sleeps: a takeover rests on the rvn, which is
// in the store, so no time has to pass. Every case has a ledger of its own, so
// that all of them run at once on one store, also on a slow, remote one.
//
// # Order of the answers
//
// A request may be refused for several reasons at once. The suite wants the
// first that applies: it was written before (nil); the lease is not the
// sender's (ErrLeaseLost); the ledger has moved on (*ConflictError).
//
// # What is not proven
//
// Durability against crashes and power loss, damaged data, missing rights and
// limits of size are every store's own; so is how often a store sends a request.
//
// The package's own tests prove that the suite can fail: for every rule there is
// a store that breaks it, and the case that must notice.
package storetest
