package sqltarget

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
		return len(head) > 1 && (head[1] == "TEMP" || head[1] == "TEMPORARY")
	}
	return false
}
