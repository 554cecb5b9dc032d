package core

import (
	"slices"
	"strings"
)

// SortChanges sorts the changes of one stage by order: as numbers when every
// order is a number, as text otherwise. One rule for the whole stage, because
// mixing both would not be an order ("9" < "10" < "1a" < "9").
func SortChanges(changes []Change) {
	cmp := OrderComparer(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp(a.Order, b.Order) })
}

// OrderComparer returns the comparison of orders that holds for a stage with
// these changes.
func OrderComparer(changes []Change) func(a, b string) int {
	for i := range changes {
		if !isNumber(changes[i].Order) {
			return strings.Compare
		}
	}
	return compareNumbers
}

func isNumber(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// compareNumbers compares digit strings of any length by value.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
