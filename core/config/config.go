package config

import (
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// Config is the effective configuration: flags over environment over file over
// defaults.
type Config struct {
	// Path is the configuration file as it was named, and Dir its directory; "" and
	// "." when there is no file.
	Path, Dir string

	Ledger     string
	AuditStore AuditStore
	Lock       Lock
	Deadline   Deadline
	Grace      time.Duration
	Profiles   []string
	Drift      core.DriftPolicy
	Metadata   map[string]string
	// Enabled is false when the whole tool is switched off.
	Enabled bool
	// Events says which triggers of a function may apply changes.
	Events        Events
	Stages        []Stage
	TargetSystems []TargetSystem
	// Source is nil when changes are read from the configuration's directory.
	Source *Source
	Notify []Notification
	// Warnings are sentences about what was ignored.
	Warnings []string

	values []Value
	lookup func(string) (string, bool)
}

// AuditStore says where history lives: DynamoDB, the embedded file store, or the
// database of a target system that can hold that store.
type AuditStore struct {
	// File is the embedded store's file, ready to be opened: relative to the working
	// directory, no longer to the configuration file. "" for the others.
	File string
	// TargetSystem is the id of the target system whose database holds the embedded
	// store. "": none does.
	TargetSystem string
	// DynamoDB is nil for the embedded store.
	DynamoDB *DynamoDB
}

// DynamoDB names the audit store's table.
type DynamoDB struct {
	Table, Region string
	// Endpoint is another address than AWS's, for tests. Usually empty.
	Endpoint string
	// AllowGlobalTable accepts a table with replicas in other Regions.
	AllowGlobalTable bool
}

// Lock bounds the lease of a run and how long it waits for another's.
type Lock struct{ Lease, Wait time.Duration }

// Deadline says what a run keeps in reserve.
type Deadline struct {
	// Reserve is the time kept for recording, rollback and release. Zero: the Runner
	// takes the smaller of 10 s and a quarter of the time given.
	Reserve time.Duration
}

// Stage is one configured stage.
type Stage struct {
	Name        string
	Description string
	// Location is the directory of its change files as written: relative to the
	// configuration file, or absolute. "" for a stage that is in code only.
	Location  string
	DependsOn []string
	Source    core.Position
}

// TargetSystem is one configured target system.
type TargetSystem struct {
	ID, Type string
	Settings core.Settings
	Source   core.Position
}

// Options says where the configuration comes from.
type Options struct {
	// Path is the configuration file; "" means DefaultPath.
	Path string
	// Optional accepts a missing file, and with it a configuration of defaults.
	Optional bool
	// LookupEnv and Environ read the environment: os.LookupEnv and os.Environ. Nil:
	// there is none.
	LookupEnv func(string) (string, bool)
	Environ   func() []string
	// Flags are values given on the command line, by key ("lock.wait"). They win.
	Flags map[string]string
}

// DefaultPath is the configuration file when none is named.
const DefaultPath = "flamingock.yaml"

// Value is one effective setting and where it came from.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // secrets are redacted
	Origin string `json:"origin"`
}
