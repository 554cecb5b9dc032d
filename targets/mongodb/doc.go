// Package mongodb is the target system MongoDB: documents, collections, indexes and
// views.
//
// # How a change runs
//
//   - TX_SEPARATE_WITH_MARKER, where the target has transactions (replica sets and
//     sharded clusters): the change's writes, its marker and the fence commit in one
//     transaction with write concern majority, in the collections flamingock_marker and
//     flamingock_fence of the same database.
//   - NON_TX otherwise (standalone servers), and for collections, indexes and views, which
//     a transaction cannot hold.
//
// Whether the target has transactions is a setting, since a change's kind is known before
// anything is contacted. Ping holds it against the server.
//
// # Invariants
//
//   - A transaction's first operation writes the fence, and really changes it: MongoDB
//     takes an update that changes nothing for a read, which would keep nobody out.
//   - A COMMIT is unknown unless the server says that the transaction is no more. A step
//     of a transaction is run once; only what comes before it is tried again.
//   - An operation outside of a transaction that got no answer is unknown.
//
// # What is not guaranteed
//
//   - MongoDB has no time limit of ours on open transactions: one of a process that died
//     keeps its successor out for as long as the server's transactionLifetimeLimitSeconds
//     (60 by default). The successor ends with *core.BusyError and has changed nothing.
//   - A step that ends its transaction and begins another on the same session is not
//     found out.
package mongodb
