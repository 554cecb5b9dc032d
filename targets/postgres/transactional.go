package postgres

import "slices"

// notTransactional names what PostgreSQL refuses inside a transaction. What depends
// on more than the statement itself (a procedure that commits, a REINDEX of a
// partitioned table) the server says when it is run.
func notTransactional(head []string) string {
	const refused = "is refused by PostgreSQL inside a transaction"
	word := func(i int) string {
		if i < len(head) {
			return head[i]
		}
		return ""
	}
	has := func(w string) bool { return slices.Contains(head, w) }
	yes := false
	switch head[0] {
	case "VACUUM":
		yes = true
	case "DISCARD":
		yes = word(1) == "ALL"
	case "CLUSTER":
		rest := options(head[1:])
		yes = len(rest) == 0 || len(rest) == 1 && rest[0] == "VERBOSE" // all tables
	case "REINDEX":
		rest := options(head[1:])
		yes = has("CONCURRENTLY") || len(rest) > 0 && slices.Contains([]string{"SCHEMA", "DATABASE", "SYSTEM"}, rest[0])
	case "CREATE", "DROP":
		switch word(1) {
		case "DATABASE", "TABLESPACE":
			yes = true
		case "SUBSCRIPTION":
			return "talks to the publisher, which PostgreSQL refuses inside a transaction"
		case "INDEX":
			yes = word(2) == "CONCURRENTLY"
		case "UNIQUE":
			yes = word(3) == "CONCURRENTLY"
		}
	case "ALTER":
		switch word(1) {
		case "SYSTEM":
			yes = true
		case "DATABASE":
			yes = word(3) == "SET" && word(4) == "TABLESPACE"
		case "TABLE":
			yes = has("DETACH") && has("CONCURRENTLY")
		case "SUBSCRIPTION":
			yes = has("REFRESH") || has("PUBLICATION")
		}
	}
	if yes {
		return refused
	}
	return ""
}

// options leaves out options in parentheses.
func options(head []string) []string {
	if len(head) == 0 || head[0] != "(" {
		return head
	}
	if i := slices.Index(head, ")"); i >= 0 {
		return head[i+1:]
	}
	return nil
}
