// Package filestore is the embedded audit store: one SQLite file that holds many
// ledgers and that many processes may use at once.
//
// # Layout
//
// Three tables, which any SQLite client can read: ledgers (one head a ledger),
// changes (the current state of every change) and entries (the history). The
// bodies are JSON; entries.body is exactly the encoding that the hash of an
// entry is taken over, with its hash. PRAGMA application_id says whose file it
// is and user_version which layout it has. A directory <file>.owners beside it
// holds one lock file for every run that is alive; see [Store.Attend].
//
// Within an application's database ([Within]) the tables' names begin with flamingock_,
// a fourth one holds the layout, and application_id, user_version and the journal mode
// are the application's.
//
// # Invariants
//
//   - Every write is one transaction that begins with the write lock (BEGIN
//     IMMEDIATE), so that what it checks is still true when it commits.
//   - A write is on the disk before it is answered (WAL, synchronous=FULL), and
//     once begun it does not look at its context any more: its outcome is known.
//   - entries is append-only: triggers refuse UPDATE, DELETE and REPLACE.
//   - Heads and states carry a checksum, and a load must add up; a file that does
//     not is an error, never an empty history. A file that is not ours is never
//     written to.
//   - A store whose file was deleted or replaced while it is open refuses to
//     write.
//
// # What is not guaranteed
//
// The file must be on a local file system: SQLite's log needs shared memory and
// real locks, and the locks of owners are flock(2). Between machines use the
// store on DynamoDB.
//
// The files <file>-wal and <file>-shm belong to the store while a process has it
// open or after one was killed. Who deletes the log then deletes the last
// commits with it; what remains is a whole but older history, which nothing in
// the file can tell from a restored backup. Closing the store folds the log in.
//
// The process must not open and close the file by other means while a Store is
// open: POSIX drops a process's locks when it closes any descriptor of a file. Where
// the store is within an application's database, in which that is likely, its
// connections hold open file description locks on Linux, which stay; for that the store
// must be opened before any other SQLite database of the process. The locks of the
// <file>-shm of a log are POSIX's all the same: nobody may open that.
package filestore
