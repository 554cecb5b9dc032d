package mysql

import "slices"

// implicit are the statements that commit the open transaction, in MySQL or in MariaDB,
// by their first word and, where that does not tell, the second one. See "Statements
// That Cause an Implicit Commit" in MySQL's manual and "SQL statements That Cause an
// Implicit Commit" in MariaDB's; a test asks the servers.
var implicit = map[string][]string{
	"ALTER": nil, "CREATE": nil, "DROP": nil, "RENAME": nil, "TRUNCATE": nil,
	"GRANT": nil, "REVOKE": nil,
	"LOCK": nil, "UNLOCK": nil, "FLUSH": nil, "RESET": nil, "CACHE": nil, "BACKUP": nil,
	"REPAIR": nil, "OPTIMIZE": nil, "CHECK": nil,
	"INSTALL": nil, "UNINSTALL": nil, "IMPORT": nil, "CLONE": nil, "RESTART": nil, "SHUTDOWN": nil,
	"CHANGE": nil, "STOP": nil, "PURGE": nil,
	"ANALYZE": {"TABLE", "LOCAL", "NO_WRITE_TO_BINLOG"}, // MariaDB's ANALYZE of a statement does not
	"LOAD":    {"INDEX"},
	"START":   {"REPLICA", "SLAVE", "ALL", "GROUP_REPLICATION"}, // START TRANSACTION is refused as such
	"SET":     {"PASSWORD", "DEFAULT"},
}

const commits = "is committed by itself, and commits what came before it"

// notTransactional names what commits the transaction that it is executed in. What is
// hidden in procedures and in EXECUTE only the server knows.
func notTransactional(head []string) string {
	if head[0] == "XA" {
		return "has transactions of its own"
	}
	if head[0] == "SET" && word(head, 1) == "STATEMENT" { // MariaDB: SET STATEMENT … FOR …
		i := slices.Index(head, "FOR")
		if i < 0 || i+1 == len(head) {
			return "hides its statement behind SET STATEMENT"
		}
		return notTransactional(head[i+1:])
	}
	if head[0] == "SET" && setsAutocommit(head) {
		return commits
	}
	if temporary(head) {
		return ""
	}
	seconds, ok := implicit[head[0]]
	if ok && (seconds == nil || slices.Contains(seconds, word(head, 1))) {
		return commits
	}
	return ""
}

func word(head []string, i int) string {
	if i < len(head) {
		return head[i]
	}
	return ""
}

// temporary reports CREATE and DROP of temporary tables, which do not commit. ALTER
// does, also for them.
func temporary(head []string) bool {
	switch head[0] {
	case "CREATE":
		return word(head, 1) == "TEMPORARY" || word(head, 1) == "OR" && word(head, 2) == "REPLACE" && word(head, 3) == "TEMPORARY"
	case "DROP":
		return word(head, 1) == "TEMPORARY"
	}
	return false
}

// setsAutocommit reports whether a SET is about autocommit, which commits when it is
// switched on.
func setsAutocommit(head []string) bool {
	return slices.Contains(head, "AUTOCOMMIT") || slices.Contains(head, "@@AUTOCOMMIT")
}

// writesRows names the statements that change rows. A CALL is none: procedures are how
// DDL is made conditional.
func writesRows(head []string) bool {
	switch head[0] {
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH":
		return true
	case "LOAD":
		return word(head, 1) == "DATA" || word(head, 1) == "XML"
	case "SET":
		if i := slices.Index(head, "FOR"); word(head, 1) == "STATEMENT" && i > 0 && i+1 < len(head) {
			return writesRows(head[i+1:])
		}
	}
	return false
}
