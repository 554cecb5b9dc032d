package sqltarget

import "context"

// taintKey finds the mark by which a step tells that it may leave something on
// its session: a setting, a temporary table, an attached file.
type taintKey struct{}

// taint says that the session of the change that runs must not serve another one.
// The result of a change must not depend on which others ran in the same process.
func taint(ctx context.Context) {
	if mark, ok := ctx.Value(taintKey{}).(*bool); ok {
		*mark = true
	}
}

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
