// Package httpapi is the target system REST API: one HTTP request a step, with what
// its answer must be.
//
// # Invariants
//
//   - A request is sent again only where that cannot do anything twice: when no
//     connection was made, when the answer says that nothing was done, for the methods
//     that RFC 9110 calls idempotent, and for POST and PATCH where the configuration
//     says that the API honours the idempotency key.
//   - An answer that got lost, and every answer of the 5xx class, leaves the outcome
//     unknown.
//   - Credentials and the headers of the configuration are sent to the host of baseUrl
//     and to no other. A redirect to another host is refused, unless that is in
//     allowHosts.
//   - An answer takes a bounded amount of memory. What errors quote of it is short,
//     and without the credentials and the values of references.
//   - A rollback does not take away what the change did not make: see [Template].
//
// # What is not guaranteed
//
//   - Changes are NON_TX. What an answer of the 4xx class means is the API's word: it
//     is taken to mean that nothing was done.
//   - One request that is on its way when the lease is lost cannot be called back.
package httpapi
