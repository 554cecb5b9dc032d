// Package changetest tests changes that users write: what they are, and what a run
// makes of them.
//
//	func TestCreateOrders(t *testing.T) {
//		changetest.Check(t, createOrders, db).RunsAs(core.TxSeparateMarker).HasRollback()
//
//		changetest.Given(t, stages, db).
//			Recorded("create-orders", core.StateApplied).
//			Apply().
//			Succeeds().
//			Reports("create-orders ALREADY_APPLIED", "backfill-totals APPLIED").
//			Audits("backfill-totals STARTED", "backfill-totals APPLIED")
//	}
//
// Given makes a world of its own: the audit store of core/memstore, and a Runner of
// core/run as in production. The target systems are the caller's; a fake client
// behind core.NewClientTarget will often do. Execution ids are counted and the clock
// stands still until it is set, so that a run is the same every time.
//
// # What is not guaranteed
//
// The clock is the one that a run takes its times from; timeouts of changes, the
// lease's renewal and deadlines of a context go by the machine's. Nothing here
// sleeps. What a change does to a real target system is not tested by a fake one.
package changetest
