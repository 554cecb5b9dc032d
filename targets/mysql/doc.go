// Package mysql is the target systems MySQL, from version 8.0 on, and MariaDB, from
// version 10.6 on, through the driver go-sql-driver/mysql. To Flamingock they are one
// type.
//
// # Invariants
//
//   - DDL, and much else, commits the open transaction by itself. A change with such a
//     statement is NON_TX; the statements are found at load, by their first words. A
//     change that has DDL and changes rows does not load.
//   - A change that only changes rows commits with its marker and fence in one
//     transaction. A savepoint is set before its work and looked for before COMMIT: a
//     step that ended the transaction is found out, by whatever it did so.
//   - Our tables are InnoDB; where they are not, nothing is run.
//   - Each change has a session of its own, so that nothing it sets reaches another one.
//     innodb_lock_wait_timeout and lock_wait_timeout are a third of the lease, at most 5
//     seconds; wait_timeout is the lease: the server itself ends a holder that is paused
//     inside a transaction. All three count in whole seconds, at least 1.
//   - When a change's context ends, KILL QUERY is sent on a second connection, and the
//     server's answer is awaited for 5 seconds: an answer makes the outcome definite.
//   - An error of the server means that the statement, or COMMIT, had no effect, but for
//     those that end the session and for statements over a list of names, which MariaDB
//     carries out one by one. No answer leaves the outcome of a COMMIT unknown.
//   - Statements are sent one by one: multiStatements is refused.
//   - flamingock_fence and flamingock_marker are in the database that the configuration
//     names, whatever USE says later.
//   - With iamAuth, each new connection asks the [TokenSource] for a token, and sends it
//     over TLS only.
//
// # What is not guaranteed
//
//   - What a procedure or EXECUTE does cannot be read from its call. CALL runs in a
//     transaction; when the procedure commits, the change ends with an unknown outcome,
//     and a person is asked. Set transactional: false for it.
//   - Rows of tables in other engines than InnoDB are not rolled back, with whatever the
//     transaction says.
//   - A NON_TX statement whose connection is lost may still be at work on the server. It
//     is reported with an unknown outcome. See [Dialect] for what information_schema can
//     answer.
//   - Scripts are read as with the default sql_mode. NO_BACKSLASH_ESCAPES is refused.
//   - A proxy must keep one server connection for each of ours.
//   - A database of the caller's own (New) is reached by the driver's own ways: when a
//     context ends there, the connection is closed, and the statement goes on.
package mysql
