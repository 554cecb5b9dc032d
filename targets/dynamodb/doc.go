// Package dynamodb is the target system DynamoDB: items, tables and their indexes.
//
// # How a change runs
//
//   - TX_SHARED, when the target is where the audit store is: the same region and
//     endpoint, the same profile and role. The change's writes and its APPLIED are
//     one TransactWriteItems.
//   - TX_SEPARATE_WITH_MARKER, when it is elsewhere and has a markerTable: the
//     change's writes, its marker and the fence are one TransactWriteItems.
//   - NON_TX otherwise, and for what a transaction cannot hold: tables and indexes,
//     PartiQL, and writes one by one.
//
// # Invariants
//
//   - Steps of a transaction only collect ([Tx]): nothing is written before all of
//     them have returned, and then all of it or nothing. So they see the state from
//     before the change.
//   - A transaction is one request. It is sent again only after an answer that says
//     that nothing was done. One without an answer is reported as unknown, and the
//     Runner asks the marker, behind the raised fence.
//   - A change writes neither in the marker table nor in the audit store's.
//
// # What is not guaranteed
//
//   - A NON_TX write whose answer is lost is sent again under the same token, which
//     DynamoDB honours for ten minutes. When no answer comes at all, the outcome is
//     unknown.
//   - The fence of a marker table holds in one Region: global tables are refused.
package dynamodb
