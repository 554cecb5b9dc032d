// Package linear checks that an audit store is linearizable: that the answers
// which concurrent executions got can be explained by one order of their
// requests, each of which took effect at one instant between its call and its
// answer, in a ledger that does what core.AuditStore says.
//
//	var h linear.History
//	one, other := h.Client(store), h.Client(store) // as many as there are processes
//	…                                              // use them at once
//	err := h.Check(10 * time.Second)
//
// A request whose answer was lost may have taken effect at any time since, or
// never: it stays open. The search for an order is porcupine's. It takes longer
// with every open request: some tens of requests by a handful of clients to a
// ledger are decided within milliseconds.
//
// # What is not checked
//
// A history shows what happened, not what could have happened: a fault that needs
// a rarer order of events than the clients made is not found. Pages of History
// count as one read each, which holds for a ledger that nobody writes to at that
// moment. Writes that join the store's transaction (core.SharingStore) are not
// recorded.
package linear
