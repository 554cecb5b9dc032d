// Package postgres is the target system PostgreSQL, from version 12 on, through the
// driver pgx.
//
// # Invariants
//
//   - A change commits with its marker and fence in one transaction. DDL is
//     transactional. The few statements that PostgreSQL refuses in a transaction are
//     found at load, and make their change NON_TX.
//   - Each change finds the session as it was at connect: settings, roles and
//     temporary tables of the change before are gone. lock_timeout is a third of the
//     lease, at most 5 seconds, and idle_in_transaction_session_timeout is the lease:
//     the server itself ends a holder that is paused inside a transaction.
//     statement_timeout is as the DSN, the role and the server have it.
//   - When a change's context ends, a cancel request is sent, and the server's answer
//     is awaited for 5 seconds: an answer makes the outcome definite.
//   - An ERROR of the server means that the statement, or COMMIT, had no effect. A
//     FATAL, or no answer, leaves the outcome of a COMMIT unknown.
//   - flamingock_fence and flamingock_marker are looked for along the search_path.
//     Where they are missing, they are made in its first schema that exists. That is
//     decided once for each connection, so that a change that sets a search_path does
//     not hide them. Do not add a schema with such tables of its own in front of the
//     one that is in use: markers would be overlooked.
//   - Ping changes nothing, and names the right that is missing.
//   - With iamAuth, each new connection asks the [TokenSource] for a token, sends it
//     over TLS only, and keeps it out of errors. One that runs out does not end the
//     connection that it was used for.
//
// # What is not guaranteed
//
//   - A NON_TX statement whose connection is lost may still be at work on the server.
//     It is reported with an unknown outcome. See the comments of CREATE INDEX
//     CONCURRENTLY in this package for what the catalogue can answer.
//   - iamAuth takes one host: a token is good for one address. On RDS that must be
//     the instance's or cluster's own endpoint, no other name for it.
//   - sslmode=require encrypts a token, but does not ask who the server is. Use
//     verify-full, with the certificates of Amazon RDS in sslrootcert.
//   - A pooler must keep one server connection for each of ours: session mode.
//   - Two dollar signs before a brace escape a reference in change files: write
//     $$ ${env:X} $$, with spaces, for a dollar-quoted text that holds only one.
package postgres
