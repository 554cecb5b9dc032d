package sqltarget

import "slices"

// leaves reports whether a statement with these first tokens may leave something
// on its session. Of dialects whose sessions are cleaned each time nothing is left.
func leaves(head []string) bool {
	if len(head) == 0 {
		return false
	}
	switch head[0] {
	case "PRAGMA", "ATTACH", "DETACH", "SET":
		return true
	case "CREATE":
		// Also CREATE TABLE IF NOT EXISTS temp.t: a name too many does no harm.
		return slices.Contains(head, "TEMP") || slices.Contains(head, "TEMPORARY")
	}
	return false
}
