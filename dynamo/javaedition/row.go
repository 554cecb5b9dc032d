package javaedition

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// The metadata of an entry that has no field of its own there.
const (
	metaType          = "java.type"          // STANDARD_CODE, MONGOCK_EXECUTION, …
	metaMetadata      = "java.metadata"      // a Java map's text
	metaTransactional = "java.transactional" // as declared
)

// Limits of what can be recorded.
const (
	maxID     = 255  // bytes of a change's id
	maxKey    = 1000 // bytes of a key, which the entry keeps whole
	maxMillis = 100 * 365 * 24 * 3600 * 1000
)

// reader reads one row, and collects what is wrong with it.
type reader struct {
	item     map[string]types.AttributeValue
	faults   []string
	doubtful bool
}

func (r *reader) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// text reads a string; "" when it is absent or null.
func (r *reader) text(name string) string {
	switch v := r.item[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
	case *types.AttributeValueMemberS:
		return v.Value
	default:
		r.fault("%s is not a text", name)
	}
	return ""
}

func (r *reader) number(name string) int64 {
	switch v := r.item[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
	case *types.AttributeValueMemberN:
		n, err := strconv.ParseInt(v.Value, 10, 64)
		if err != nil || n < 0 || n > maxMillis {
			r.fault("%s is %s, not a number of milliseconds", name, core.Cap(v.Value, 40))
			return 0
		}
		return n
	default:
		r.fault("%s is not a number", name)
	}
	return 0
}

// flag reads a boolean; false when it is absent or null.
func (r *reader) flag(name string) bool {
	switch v := r.item[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
	case *types.AttributeValueMemberBOOL:
		return v.Value
	default:
		r.fault("%s is neither true nor false", name)
	}
	return false
}

// row reads the row. It is worth something only without faults.
func (r *reader) row(zone *time.Location) Row {
	row := Row{Key: r.text(attrKey), CreatedAt: r.text("createdAt")}
	if len(row.Key) > maxKey {
		r.fault("partitionKey is longer than %d bytes", maxKey)
	}
	e := &row.Entry
	e.ChangeID = r.text("changeId")
	_, locked := r.item["lockOwner"]
	switch {
	case e.ChangeID == "" && locked:
		r.fault("it is a lock: name the audit table, not the table of locks")
		return row
	case e.ChangeID == "":
		r.fault("changeId is missing")
	case len(e.ChangeID) > maxID:
		r.fault("changeId is longer than %d bytes", maxID)
	}
	e.ExecutionID, e.Stage, e.Author, e.Host = core.Cap(r.text("executionId"), maxID), r.text("stageId"), r.text("author"), r.text("executionHostname")
	e.Order, e.TargetSystem, e.SourceFile = r.text("changeOrder"), r.text("targetSystemId"), r.text("sourceFile")
	if e.Author == "" {
		e.Author = "not-specified"
	}
	e.Definition = r.text("invokedClass")
	if m := r.text("invokedMethod"); m != "" {
		e.Definition += "#" + m
	}
	e.State = oneOf(r, "state", core.States(), "")
	e.TxType = oneOf(r, "txStrategy", core.TxTypes(), core.TxNone)
	e.Strategy = oneOf(r, "recoveryStrategy", []core.Strategy{core.ManualIntervention, core.AlwaysRetry}, core.ManualIntervention)
	e.Error = entryError(r.text("errorTrace"))
	e.Metadata = r.metadata()
	r.times(&row, zone)
	return row
}

// oneOf reads one of the known values; absent is what is meant by none, which is
// a fault when it is "".
func oneOf[T ~string](r *reader, name string, known []T, absent T) T {
	before := len(r.faults)
	v := T(r.text(name))
	switch {
	case len(r.faults) > before:
	case v == "" && absent == "":
		r.fault("%s is missing", name)
	case v == "":
		return absent
	case !slices.Contains(known, v):
		r.fault("%s is %q, which is not known: %v", name, core.Cap(string(v), 60), known)
	}
	return v
}

func (r *reader) metadata() map[string]string {
	m := map[string]string{}
	if v := r.text("type"); v != "" {
		m[metaType] = v
	}
	if v := r.text("metadata"); v != "" && v != "{}" {
		m[metaMetadata] = v
	}
	if _, ok := r.item["transactionFlag"].(*types.AttributeValueMemberBOOL); ok {
		m[metaTransactional] = strconv.FormatBool(r.flag("transactionFlag"))
	}
	return m
}

// times reads when the entry was written, which is the end of what it tells, and
// how long that took.
func (r *reader) times(row *Row, zone *time.Location) {
	millis := r.number("executionMillis")
	if row.CreatedAt == "" {
		r.fault("createdAt is missing")
		return
	}
	local, err := parseLocal(row.CreatedAt)
	if err != nil {
		r.fault("createdAt is %q, not a local time such as 2025-11-22T10:15:30.123", core.Cap(row.CreatedAt, 60))
		return
	}
	at, sure := instant(local, zone)
	row.local, r.doubtful = local, !sure
	if row.Entry.State == core.StateStarted {
		row.Entry.StartedAt = at
		return
	}
	row.Entry.EndedAt, row.Entry.DurationMs = at, millis
	row.Entry.StartedAt = at.Add(-time.Duration(millis) * time.Millisecond)
}
