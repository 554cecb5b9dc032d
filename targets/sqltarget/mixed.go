package sqltarget

import (
	"fmt"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqltarget/split"
)

// kinds are the first statements of a payload that cannot be part of a transaction,
// and that change rows. Where a database commits before and after the former, a
// change with both could neither be rolled back nor be looked for when it stops
// between them.
type kinds struct{ outside, rows *split.Statement }

func kindsOf(d Dialect, statements []split.Statement) (k kinds) {
	for i := range statements {
		st := &statements[i]
		switch {
		case k.outside == nil && d.NotTransactional(st.Head) != "":
			k.outside = st
		case k.rows == nil && d.WritesRows(st.Head):
			k.rows = st
		}
	}
	return k
}

const mixedAdvice = "put them into changes of their own, the rows into one with a transaction: when a change with both stops half-way, nobody can tell what is there"

// mixed returns the fault of a payload with both kinds; nil if it has not.
func mixed(d Dialect, p core.Payload, text core.Text, statements []split.Statement) error {
	k := kindsOf(d, statements)
	if k.outside == nil || k.rows == nil {
		return nil
	}
	later, earlier, does, did := k.rows, k.outside, "changes rows", "is committed by itself"
	if later.Offset < earlier.Offset {
		later, earlier, does, did = earlier, later, did, does
	}
	return p.Fault(later.Line, later.Column, fmt.Sprintf("%s %s, and %s (%s) %s: %s",
		brief(later.Text), does, brief(earlier.Text), text.At(earlier.Line, earlier.Column), did, mixedAdvice))
}

// mixedSteps returns the fault of a change whose steps are of both kinds, although
// none of them is by itself.
func mixedSteps(d Dialect, payloads []core.Payload) error {
	var first kinds
	for _, p := range payloads {
		text, err := p.Text()
		if err != nil {
			return err
		}
		statements, err := split.Split(text.Value, d.Split)
		if err != nil {
			return nil //nolint:nilerr // compiled all the same: it is not to be split, nor to be read
		}
		k := kindsOf(d, statements)
		switch {
		case k.rows != nil && first.outside != nil:
			return p.Fault(k.rows.Line, k.rows.Column, fmt.Sprintf("%s changes rows, and %s of an earlier step is committed by itself: %s", brief(k.rows.Text), brief(first.outside.Text), mixedAdvice))
		case k.outside != nil && first.rows != nil:
			return p.Fault(k.outside.Line, k.outside.Column, fmt.Sprintf("%s is committed by itself, and %s of an earlier step changes rows: %s", brief(k.outside.Text), brief(first.rows.Text), mixedAdvice))
		}
		if first.outside == nil {
			first.outside = k.outside
		}
		if first.rows == nil {
			first.rows = k.rows
		}
	}
	return nil
}
