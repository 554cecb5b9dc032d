// Package core holds the words of Change-as-Code: changes and stages, the target
// systems they act on, the audit entries that record them, the lease that guards
// the record, and the interfaces that audit stores and target systems implement.
//
// It knows no file format, no database and no network; it imports the standard
// library only. The protocol that these types serve is section 3 of
// docs/design.md.
//
// # What is guaranteed, and what is not
//
// A Runner (core/run) with a conforming [AuditStore] records a durable STARTED
// entry before a change's first side effect, never lets a former holder of the
// lease write to the ledger, and never guesses an outcome it cannot know.
//
// No protocol can recall an external call that is in flight when a lease is
// lost, and a process that is paused between a check and its effect can still
// act once on a target system that has no transactions. Such a change is
// reported to a person, it is not repeated.
package core
