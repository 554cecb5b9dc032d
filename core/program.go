package core

import "io/fs"

// Program is what a binary brings along: the changes compiled into it and the
// kinds of target systems it can act on. The zero value brings nothing.
type Program struct {
	// Name and Version of the binary; "flamingock" and the build's by default.
	Name, Version string
	// Stages are changes in Go. A stage with the name of a configured one is
	// merged with it, by order.
	Stages []Stage
	// Targets are the kinds of target systems that the configuration may name.
	Targets []TargetType
	// Clients are ready target systems for configuration entries of type custom,
	// matched by id.
	Clients []Target
	// Files is where the stages' locations are read from. Nil: the directory of
	// the configuration file.
	Files fs.FS
}

// TargetType is a kind of target system and the templates that act on it.
type TargetType struct {
	Name string
	// New makes a target from its configuration and contacts nothing.
	New func(id string, s Settings) (Target, error)
	// Templates are the templates for this kind. The same name may be used by
	// several kinds.
	Templates []Template
}

// Settings is the configuration of one target system.
type Settings interface {
	// Decode decodes the settings strictly into a struct with yaml tags: unknown
	// keys and wrong types are faults with a position.
	Decode(into any) error
	// Resolver resolves the references in values, at the time of use.
	Resolver() Resolver
	// Path makes a path of the configuration relative to its file.
	Path(path string) string
	// StoreDomain is the Domain of the audit store, for a target system that may be
	// able to share its transactions (see SharedTarget). "": none can.
	StoreDomain() string
}

// Template compiles the payload of a change file to steps. Its functions are pure:
// they contact nothing, find every fault that can be found by reading, and may be
// called from several goroutines at once.
type Template struct {
	Name    string
	Aliases []string
	// RollbackRequired makes a missing rollback a fault.
	RollbackRequired bool
	// StepsOnly and SingleOnly restrict the shape: only `steps:`, or only `apply:`.
	StepsOnly, SingleOnly bool
	// Compile is called once for each apply and each rollback payload.
	Compile func(Payload) (Step, error)
	// Restore compiles `rollback: auto` from the apply payload: the step that puts back
	// what the apply's Capture read. Nil: the template has no automatic rollback.
	Restore func(apply Payload) (Step, error)
	// Probe compiles the change's probe from all its apply payloads. Nil: none.
	Probe func([]Payload) (Probe, error)
	// CustomProbe compiles the `probe:` of a change file, which then replaces what
	// Probe gives. Nil: the template takes none, and one in a file is a fault.
	CustomProbe func(Payload) (Probe, error)
}

// Payload is one apply or rollback payload of a change file.
type Payload interface {
	// Decode decodes the payload strictly into a value with yaml tags.
	Decode(into any) error
	// Configuration decodes the change's `configuration:` strictly; an absent one
	// leaves into as it is.
	Configuration(into any) error
	// Text returns the payload as text; a fault when it is not a scalar.
	Text() (Text, error)
	// Rollback reports whether this is a rollback payload.
	Rollback() bool
	// Fault makes an error at line and column of the payload's text, or at its start
	// when line is 0.
	Fault(line, column int, message string) error
}
