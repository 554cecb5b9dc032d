package strictyaml

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Faults collects what is wrong.
type Faults struct{ List []core.Fault }

// Add adds a fault at a place.
func (f *Faults) Add(at core.Position, message string) {
	f.List = append(f.List, core.Fault{Where: at.String(), Message: message})
}

// None reports whether there is no fault.
func (f *Faults) None() bool { return len(f.List) == 0 }

// SortFaults sorts faults by file, line and column, and drops repetitions. Faults
// at one place stay in the order in which they were found.
func SortFaults(faults []core.Fault) []core.Fault {
	slices.SortStableFunc(faults, func(a, b core.Fault) int {
		af, al, ac := place(a.Where)
		bf, bl, bc := place(b.Where)
		return cmp.Or(cmp.Compare(af, bf), cmp.Compare(al, bl), cmp.Compare(ac, bc))
	})
	return slices.Compact(faults)
}

// place takes file:line:column apart.
func place(where string) (file string, line, column int) {
	rest, last := cutNumber(where)
	if last == 0 {
		return where, 0, 0
	}
	if file, line := cutNumber(rest); line > 0 {
		return file, line, last
	}
	return rest, last, 0
}

func cutNumber(s string) (string, int) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0
	}
	n, err := strconv.Atoi(s[i+1:])
	if err != nil {
		return s, 0
	}
	return s[:i], n
}
