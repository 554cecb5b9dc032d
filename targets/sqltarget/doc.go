// Package sqltarget is the base of the SQL target systems: everything that does
// not depend on which database it is, and no driver. A package per database adds
// a [Dialect] and its settings.
//
// # Invariants
//
//   - A change, its marker and its fence write commit in one transaction. The
//     fence row is written before anything else, so that of two holders of a
//     ledger only the one with the higher fence can commit, and so that they wait
//     for each other on that row.
//   - COMMIT is never cut short by the end of a step's context. Until it is sent
//     every error is definite: the transaction was rolled back, or will be by the
//     database when it finds the connection gone. An error of COMMIT itself leaves
//     the outcome unknown, unless the database refused it.
//   - A step that ends the transaction by itself is found out: by database/sql,
//     by the database, or by the marker that is there after a rollback. It is a
//     [StepEndedTransactionError], and the outcome is unknown.
//   - Statements are shown in errors and progress as they are in the change file,
//     with references unresolved.
//
// # What is not guaranteed
//
//   - Whatever a session keeps outside of tables (temporary tables, settings) may
//     or may not be there for the next change: transactions share a session for as
//     long as it is sound. Steps outside of a transaction get a session of their own
//     that is closed after them, unless the *sql.DB is the caller's.
//   - A step that rolls the transaction back in SQL text and begins another one
//     escapes the marker. One that goes on without any is found out where the driver
//     or the database says so.
//   - A reference's value becomes part of the statement's text, as it is: quote it
//     in the statement. It is not split.
package sqltarget
