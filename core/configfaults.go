package core

import (
	"errors"
	"fmt"
	"strings"
)

// ConfigFaults carries every fault of a configuration, not the first only.
type ConfigFaults struct{ Faults []Fault }

func (e *ConfigFaults) Error() string {
	var b strings.Builder
	if len(e.Faults) == 1 {
		b.WriteString("the configuration has 1 fault:")
	} else {
		fmt.Fprintf(&b, "the configuration has %d faults:", len(e.Faults))
	}
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// Code returns ConfigInvalid.
func (e *ConfigFaults) Code() Code { return CodeConfigInvalid }

// Hint says what to do.
func (e *ConfigFaults) Hint() string {
	return "mend the configuration at the places named, then check with: flamingock config show"
}

// JoinConfigFaults puts the faults of several sources, *ConfigError among them,
// into one *ConfigFaults. Errors of other types are returned as they are; nil when
// there are none.
func JoinConfigFaults(errs ...error) error {
	var all []Fault
	for _, err := range errs {
		var (
			many *ConfigFaults
			one  *ConfigError
		)
		switch {
		case err == nil:
		case errors.As(err, &many):
			all = append(all, many.Faults...)
		case errors.As(err, &one):
			bare := *one
			bare.Where = ""
			all = append(all, Fault{Where: one.Where, Message: bare.Error()})
		default:
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &ConfigFaults{Faults: all}
}
