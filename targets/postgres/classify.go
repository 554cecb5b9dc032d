package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// The SQLSTATEs that mean something to us. See appendix A of PostgreSQL's manual.
const (
	activeTransaction    = "25001"
	readOnlyTransaction  = "25006"
	noActiveTransaction  = "25P01"
	idleInTransaction    = "25P03"
	transactionTimeout   = "25P04"
	invalidStatementName = "26000"
	invalidAuthorization = "28000"
	invalidPassword      = "28P01"
	invalidTermination   = "2D000"
	invalidDatabase      = "3D000"
	invalidSchema        = "3F000"
	serializationFailure = "40001"
	deadlock             = "40P01"
	insufficientRight    = "42501"
	duplicateColumn      = "42701"
	duplicateObject      = "42710"
	duplicateFunction    = "42723"
	undefinedTable       = "42P01"
	duplicateDatabase    = "42P04"
	duplicateSchema      = "42P06"
	duplicateTable       = "42P07"
	uniqueViolation      = "23505"
	tooManyConnections   = "53300"
	lockNotAvailable     = "55P03"
	unsafeEnumValue      = "55P04"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	cannotConnectNow     = "57P03"
	idleSession          = "57P05"
	internalError        = "XX000"
)

func classify(err error) sqltarget.Class {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classifyServer(e, err)
	}
	if misconfiguredTLS(err) {
		return sqltarget.Misconfigured
	}
	if _, ok := errors.AsType[*BuildingError](err); ok {
		return sqltarget.Busy
	}
	if lost(err) {
		return sqltarget.Lost
	}
	return sqltarget.Other
}

func classifyServer(e *pgconn.PgError, err error) sqltarget.Class {
	switch e.Code {
	case lockNotAvailable, deadlock, serializationFailure:
		return sqltarget.Busy
	case insufficientRight, invalidAuthorization, readOnlyTransaction:
		return sqltarget.Denied
	case invalidPassword, invalidDatabase, invalidSchema:
		return sqltarget.Misconfigured
	case undefinedTable:
		return sqltarget.MissingTable
	case uniqueViolation, duplicateTable, duplicateObject:
		return sqltarget.Duplicate
	case noActiveTransaction:
		return sqltarget.NoTransaction
	case idleInTransaction, transactionTimeout, idleSession, adminShutdown, crashShutdown, cannotConnectNow, tooManyConnections:
		return sqltarget.Lost
	case invalidStatementName: // a step deallocated our prepared statements: a new connection has them
		return sqltarget.Lost
	case internalError:
		if strings.Contains(e.Message, "concurrently updated") { // two sessions make the same table
			return sqltarget.Duplicate
		}
	}
	if strings.HasPrefix(e.Code, "08") {
		return sqltarget.Lost
	}
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return sqltarget.Misconfigured // such as an unknown parameter in the DSN
	}
	return sqltarget.Other
}

// lost reports whether there is no connection, or none any more.
func lost(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// misconfiguredTLS reports whether the two sides do not agree on TLS. Trying again
// would not help.
func misconfiguredTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	// pgx has no type for it; a test holds on to the words.
	return strings.Contains(err.Error(), "server refused TLS connection")
}

// refused reports that the server itself said ERROR: that undoes the statement, or
// the whole transaction at COMMIT. After FATAL and PANIC a COMMIT may have happened,
// or may come back to life in the recovery.
func refused(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) { // COMMIT of a failed transaction answers ROLLBACK
		return true
	}
	if _, ok := errors.AsType[*BuildingError](err); ok {
		return true
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}

// alreadyThere reports that something of the name is there that a statement was to make.
func alreadyThere(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch e.Code {
	case duplicateTable, duplicateObject, duplicateColumn, duplicateSchema, duplicateFunction, duplicateDatabase:
		return true
	}
	return false
}

// place is where in the statement the server found the fault.
func place(err error) (offset int, ok bool) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.Position < 1 {
		return 0, false
	}
	return int(e.Position) - 1, true
}

// advice says what to do about a failed statement.
func advice(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	switch e.Code {
	case activeTransaction:
		return "set transactional: false for this change: the statement cannot be part of a transaction"
	case invalidTermination:
		return "set transactional: false for this change: what it calls ends transactions by itself"
	case unsafeEnumValue:
		return "put ALTER TYPE … ADD VALUE into a change of its own: a new value can be used after COMMIT only"
	case lockNotAvailable:
		return "another session holds a lock on what the statement needs (see pg_locks): end it or wait for it, then run again"
	case insufficientRight:
		return "grant the right to the role that Flamingock logs in with, then run again"
	}
	return ""
}
