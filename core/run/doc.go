// Package run executes changes: it loads the ledger, plans, takes the lease,
// executes, records and releases, as section 3 of docs/design.md says.
//
// A [Runner] has no globals and no background work outside a call: every
// goroutine that a call starts has ended when the call returns, so it may run in
// a Lambda function, a job, or a service at start-up.
//
// # Guarantees
//
// With a conforming audit store: a change's STARTED is durable before its first
// side effect; nothing is written to the ledger by an execution that lost the
// lease; an outcome that cannot be known is recorded as such and never guessed;
// a change that is applied is not executed again.
//
// # Not guaranteed
//
// One call to a target system that is in flight when the lease is lost cannot be
// recalled. A process that is paused between a check and its effect can still
// act once on a target system without transactions.
package run
