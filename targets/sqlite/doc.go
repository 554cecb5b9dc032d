// Package sqlite is the target system SQLite: a database in a local file, through
// the driver modernc.org/sqlite.
//
// # Invariants
//
//   - A change commits with its marker and fence in one transaction of the file.
//     DDL is transactional.
//   - A file that a change creates is put into WAL mode and written with
//     synchronous=FULL, the driver's default, unless the DSN says otherwise. A file
//     that was there keeps its journal mode. foreign_keys are as the DSN says.
//   - Every connection waits for a lock for a third of the lease, at most 5
//     seconds, and then gives up having changed nothing.
//   - Ping does not create the file.
//
// # What is not guaranteed
//
//   - SQLite cannot end somebody else's transaction. While another process keeps a
//     write transaction open, a change ends with *core.BusyError.
//   - A file on a network file system: its locks cannot be trusted.
//   - A database in memory is refused: it would be gone when the ledger says that
//     the change is applied. [New] takes one from Go code, for tests.
package sqlite
