package sqltarget

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// Dialect is what differs from one database to the next. All fields are
// constant: a Dialect may be used by many targets at once.
type Dialect struct {
	// Split says how scripts are cut into statements.
	Split split.Options
	// Placeholder returns the n-th parameter's mark, from 1. Nil: always "?".
	Placeholder func(n int) string
	// Schema are the statements that create the fence and marker tables where they
	// are missing. Nil: [Schema] with VARCHAR(255) and BIGINT.
	Schema []string
	// Classify says what an error means. It is not asked about nil.
	Classify func(err error) Class
	// Refused reports that err is the database's own answer that a statement, or a
	// COMMIT, had no effect and will have none.
	Refused func(err error) bool
	// Exists reports that err refuses a statement since something of the name that it was
	// to make is there already. Nil: nobody can tell.
	Exists func(err error) bool
	// RollsBack reports that err is one with which the database may have rolled the
	// whole transaction back by itself.
	RollsBack func(err error) bool
	// Session prepares a connection for transactions: lock timeouts that [LockWait]
	// derives from the lease, and an idle timeout of the lease if there is one. It
	// returns what puts the connection back as it was.
	Session func(ctx context.Context, c *sql.Conn, lease time.Duration) (restore func(context.Context) error, err error)
	// Ping asks whether the database can be read and written, and changes nothing.
	// Nil: sql.Conn.PingContext.
	Ping func(ctx context.Context, c *sql.Conn) error
	// NotTransactional says why a statement with these first tokens (words in
	// capitals) cannot be part of a transaction: "" if it can.
	NotTransactional func(head []string) string
	// LateSafe says that no statement can take effect after its call has returned.
	LateSafe bool

	// The rest is optional: what a database can tell beyond the above.

	// SessionEachTime says that Session also takes back what a change has set on the
	// connection, and so is called before each use of it.
	SessionEachTime bool
	// SessionPerChange says that nothing takes back what a change has set on the
	// connection, and that not every way to do so can be seen: the session of a change
	// serves no other one.
	SessionPerChange bool
	// Savepoint says that the database does not tell that a transaction has ended, and
	// that savepoints end with it: one is set before the work, and looked for after it.
	Savepoint bool
	// TablePrefix returns what stands before the names of our tables, such as a
	// schema and a dot. It is asked once for each connection, so that a change that
	// sets a search path does not hide them.
	TablePrefix func(ctx context.Context, c *sql.Conn) (string, error)
	// InTransaction asks a driver's connection whether a transaction is open on it,
	// without asking the database: for those that do not refuse a COMMIT without one.
	InTransaction func(driverConn any) bool
	// WritesRows reports that a statement with these first tokens changes rows. One that
	// does may not stand in one payload, or one change, with one that NotTransactional
	// names. Nil: they may be mixed.
	WritesRows func(head []string) bool
	// Place returns where in a statement's text, in characters from 0, the database
	// found the fault.
	Place func(err error) (offset int, ok bool)
	// Advice says what to do about a failed statement; "" if it knows nothing.
	Advice func(err error) string
	// Special returns what is to be known about a statement; nil for most.
	Special func(text string) *Special
}

// Special is what a dialect knows about a statement that cannot be part of a
// transaction.
type Special struct {
	// Run executes the statement, whose text has its references resolved by now. Nil:
	// it is just executed.
	Run func(ctx context.Context, q Querier, text string) error
	// Probe asks whether its effect is there, and changes nothing. Nil: nobody can tell.
	Probe func(ctx context.Context, q Querier) (core.ProbeResult, error)
	// LateSafe says that a late or repeated effect of it is impossible or harmless.
	LateSafe bool
}

// Class is what an error of a database means to a target.
type Class int

// The classes.
const (
	Other         Class = iota
	Busy                // somebody else holds a lock
	Lost                // the connection is gone, or was never made
	Denied              // a right is missing
	Misconfigured       // the configuration names no usable database
	MissingTable
	Duplicate     // a unique key is taken
	NoTransaction // COMMIT or ROLLBACK without a transaction, or a savepoint that is gone
)

// maxLockWait bounds how long a change waits for somebody else's lock.
const maxLockWait = 5 * time.Second

// LockWait is how long to wait for a lock: a third of the lease, so that the
// holder can still report in time, and at most 5 seconds. Without a lease it is
// 5 seconds.
func LockWait(lease time.Duration) time.Duration {
	if w := lease / 3; w > 0 && w < maxLockWait {
		return w
	}
	return maxLockWait
}

// Schema returns the statements that create the fence and marker tables, with the
// given types for identifiers and for numbers. Identifiers must compare byte by
// byte. The fence table comes last: whoever finds it finds the other one as well,
// even while another process is making them.
func Schema(text, number string) []string {
	r := strings.NewReplacer("TEXT", text, "NUMBER", number)
	return []string{
		r.Replace("CREATE TABLE IF NOT EXISTS flamingock_marker (ledger_id TEXT NOT NULL, change_id TEXT NOT NULL, seq NUMBER NOT NULL, PRIMARY KEY (ledger_id, change_id, seq))"),
		r.Replace("CREATE TABLE IF NOT EXISTS flamingock_fence (ledger_id TEXT NOT NULL PRIMARY KEY, token NUMBER NOT NULL, n NUMBER NOT NULL, owner TEXT NOT NULL)"),
	}
}

// withDefaults fills in what d leaves out, so that nothing else asks for nil.
func (d Dialect) withDefaults() Dialect {
	if d.Schema == nil {
		d.Schema = Schema("VARCHAR(255)", "BIGINT")
	}
	if d.Classify == nil {
		d.Classify = func(error) Class { return Other }
	}
	if d.Refused == nil {
		d.Refused = func(error) bool { return false }
	}
	if d.Exists == nil {
		d.Exists = func(error) bool { return false }
	}
	if d.RollsBack == nil {
		d.RollsBack = func(error) bool { return false }
	}
	if d.Session == nil {
		d.Session = func(context.Context, *sql.Conn, time.Duration) (func(context.Context) error, error) {
			return func(context.Context) error { return nil }, nil
		}
	}
	if d.Ping == nil {
		d.Ping = func(ctx context.Context, c *sql.Conn) error { return c.PingContext(ctx) }
	}
	if d.NotTransactional == nil {
		d.NotTransactional = func([]string) string { return "" }
	}
	if d.TablePrefix == nil {
		d.TablePrefix = func(context.Context, *sql.Conn) (string, error) { return "", nil }
	}
	if d.InTransaction == nil {
		d.InTransaction = func(any) bool { return true }
	}
	if d.WritesRows == nil {
		d.WritesRows = func([]string) bool { return false }
	}
	if d.Place == nil {
		d.Place = func(error) (int, bool) { return 0, false }
	}
	if d.Advice == nil {
		d.Advice = func(error) string { return "" }
	}
	if d.Special == nil {
		d.Special = func(string) *Special { return nil }
	}
	return d
}

// bind replaces the question marks of our own statements by the dialect's marks.
func (d Dialect) bind(query string) string {
	if d.Placeholder == nil {
		return query
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(d.Placeholder(i))
		}
		b.WriteString(p)
	}
	return b.String()
}

// controlsTransaction reports whether a statement with these first tokens begins
// or ends a transaction. Savepoints do not.
func controlsTransaction(head []string) bool {
	if len(head) == 0 {
		return false
	}
	second := ""
	if len(head) > 1 {
		second = head[1]
	}
	switch head[0] {
	case "BEGIN", "COMMIT", "END", "ABORT":
		return true
	case "START", "PREPARE":
		return second == "TRANSACTION"
	case "ROLLBACK":
		for _, w := range head[1:] {
			if w == "TO" {
				return false
			}
		}
		return true
	}
	return false
}
