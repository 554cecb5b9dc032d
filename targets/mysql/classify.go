package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/targets/sqltarget"
)

// The error numbers that mean something to us. MariaDB shares those below 1900.
const (
	tooManyConnections = 1040
	databaseDenied     = 1044
	accessDenied       = 1045
	databaseExists     = 1007
	noDatabase         = 1046
	unknownDatabase    = 1049
	tableExists        = 1050
	unknownTable       = 1051
	serverShutdown     = 1053
	columnExists       = 1060
	indexExists        = 1061
	duplicateEntry     = 1062
	hostBlocked        = 1129
	hostDenied         = 1130
	tableDenied        = 1142
	columnDenied       = 1143
	noSuchTable        = 1146
	abortingConnection = 1152
	tooManyOfUser      = 1203
	lockWaitTimeout    = 1205
	deadlock           = 1213
	userLimit          = 1226
	rightMissing       = 1227
	unknownStatement   = 1243
	readOnlyOption     = 1290
	routineExists      = 1304
	savepointMissing   = 1305 // and procedures and functions that do not exist
	queryInterrupted   = 1317
	triggerExists      = 1359
	routineDenied      = 1370
	eventExists        = 1537
	errorDuringCommit  = 1180
	duplicateWithKey   = 1586
	needReprepare      = 1615
	foreignKeyExists   = 1826
	deniedNoPassword   = 1698
	readOnlyTx         = 1792
	mustChangePassword = 1820
	readOnlyMode       = 1836
	passwordExpired    = 1862
	connectionKilled   = 1927 // MariaDB
	statementTimeout   = 1969 // MariaDB
	executionTime      = 3024
	accountLocked      = 3118
	needsTLS           = 3159
	sessionKilled      = 3169
	lockNoWait         = 3572
	checkExists        = 3822
	idleTooLong        = 4031
	accountLockedMaria = 4151
)

// number is the server's error number, or 0.
func number(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

func classify(err error) sqltarget.Class {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	switch {
	case ok:
		class := classifyServer(e)
		if _, login := errors.AsType[*loginError](err); login && class == sqltarget.Other {
			return sqltarget.Misconfigured // such as an unknown parameter in the DSN
		}
		return class
	case misconfigured(err):
		return sqltarget.Misconfigured
	case lost(err):
		return sqltarget.Lost
	}
	return sqltarget.Other
}

func classifyServer(e *mysql.MySQLError) sqltarget.Class {
	switch e.Number {
	case lockWaitTimeout, deadlock, lockNoWait:
		return sqltarget.Busy
	case databaseDenied, tableDenied, columnDenied, rightMissing, routineDenied, hostDenied, accountLocked, accountLockedMaria, readOnlyOption, readOnlyTx, readOnlyMode:
		return sqltarget.Denied
	case accessDenied, deniedNoPassword, noDatabase, unknownDatabase, mustChangePassword, passwordExpired, needsTLS:
		return sqltarget.Misconfigured
	case noSuchTable:
		return sqltarget.MissingTable
	case duplicateEntry, duplicateWithKey, tableExists:
		return sqltarget.Duplicate
	case savepointMissing:
		if strings.HasPrefix(e.Message, "SAVEPOINT ") {
			return sqltarget.NoTransaction
		}
	case tooManyConnections, tooManyOfUser, userLimit, hostBlocked:
		return sqltarget.Lost
	case unknownStatement, needReprepare: // of our prepared ones: a new connection has them
		return sqltarget.Lost
	}
	if endsSession(e.Number) {
		return sqltarget.Lost
	}
	return sqltarget.Other
}

// endsSession names the errors with which the server ends the session.
func endsSession(number uint16) bool {
	switch number {
	case serverShutdown, abortingConnection, connectionKilled, sessionKilled, idleTooLong:
		return true
	}
	return false
}

// lost reports whether there is no connection, or none any more.
func lost(err error) bool {
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer} {
		if errors.Is(err, known) {
			return true
		}
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// misconfigured reports whether the two sides do not agree on TLS or on how to log in.
// Trying again would not help.
func misconfigured(err error) bool {
	for _, known := range []error{mysql.ErrNoTLS, mysql.ErrCleartextPassword, mysql.ErrNativePassword, mysql.ErrOldPassword, mysql.ErrUnknownPlugin, mysql.ErrOldProtocol} {
		if errors.Is(err, known) {
			return true
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// partialError is a server's error after which a part of the statement may have been
// carried out.
type partialError struct{ err error }

func (e *partialError) Error() string { return e.err.Error() }
func (e *partialError) Unwrap() error { return e.err }

// Hint says what to do.
func (e *partialError) Hint() string {
	return "some of the names may have been done: look, and give each a statement of its own"
}

// refused reports that the server itself said that the statement, or COMMIT, failed.
// It undoes a single statement; an error during COMMIT is none of the undone ones.
func refused(err error) bool {
	if _, partial := errors.AsType[*partialError](err); partial {
		return false
	}
	if errors.Is(err, mysql.ErrPktTooLarge) { // it was not sent
		return true
	}
	n := number(err)
	return n != 0 && n != errorDuringCommit && !endsSession(n)
}

// alreadyThere reports that something of the name is there that a statement was to make.
func alreadyThere(err error) bool {
	switch number(err) {
	case databaseExists, tableExists, columnExists, indexExists, routineExists, triggerExists, eventExists, foreignKeyExists, checkExists:
		return true
	}
	return false
}

// rollsBack reports whether the server has, or may have, rolled back the transaction.
func rollsBack(err error) bool {
	n := number(err)
	return n == deadlock || n == lockWaitTimeout // the latter with innodb_rollback_on_timeout
}

// advice says what to do about a failed statement.
func advice(err error) string {
	switch number(err) {
	case lockWaitTimeout, lockNoWait:
		return "another session holds a lock on what the statement needs (see SHOW PROCESSLIST and information_schema.innodb_trx): end it or wait for it, then run again"
	case deadlock:
		return "another session changes the same rows in another order: run again"
	case databaseDenied, tableDenied, columnDenied, rightMissing, routineDenied:
		return "grant the right to the user that Flamingock logs in with, then run again"
	case readOnlyOption, readOnlyMode:
		return "name the primary: this server only reads"
	case statementTimeout, executionTime:
		return "raise max_statement_time (MariaDB) or max_execution_time (MySQL) for the user that Flamingock logs in with, then run again"
	}
	return ""
}
