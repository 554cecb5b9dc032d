package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"runtime"
	"time"
)

// Change is a unit of work with an immutable id. It comes from a template file
// or from Go code; after loading nothing asks which.
type Change struct {
	// ID identifies the change for ever. Unique over all stages. 1 to 255 bytes.
	ID string
	// Order places the change within its stage. Any non-empty text; when every
	// order of a stage is a number they compare as numbers, otherwise as text.
	Order string
	// Author and Description are for people.
	Author, Description string
	// TargetSystem is the id of the configured target system to act on.
	TargetSystem string
	Recovery     Recovery
	// Transactional forces a transaction (true) or forbids one (false). Nil infers
	// it from the steps and the target system.
	Transactional *bool
	// Profiles and Labels filter: see run.Options.
	Profiles, Labels []string
	// Timeout bounds one attempt. Zero means no bound of its own.
	Timeout time.Duration
	// MaxAttempts bounds how often the change is started. Zero means no bound.
	MaxAttempts int
	// AllowOutOfOrder admits the change although a later one is applied already.
	AllowOutOfOrder bool
	// Revision stands for the content of a Go change: edit it when the code's
	// meaning changes, and the edit shows as drift.
	Revision string

	// Apply does the work and Rollback takes it back; or Steps has several such
	// pairs. A change has either Apply or Steps.
	Apply, Rollback Step
	Steps           []StepPair
	// Probe asks the target system whether the effect is there. Optional.
	Probe Probe

	// Source says where the change is defined.
	Source Source
	// Checksum is set by the template loader. Empty: derived from Revision.
	Checksum string
	// References are the external values that the change needs; the Runner
	// resolves all of them before it starts anything.
	References []Reference
}

// StepPair is one step of a change and how to take it back.
type StepPair struct{ Apply, Rollback Step }

// Step is one piece of work, typed by the handle it needs from the target
// system. The zero value means "none".
type Step struct {
	// Do does the work. An error that is not marked with [Unknown] and is no
	// context error says that the step definitely had no further effect.
	Do func(ctx context.Context, s *Session) error
	// Handle is the type that Session.Handle must be assignable to. Nil accepts any.
	Handle reflect.Type
	// Name is the Go function or the template operation, for the audit.
	Name string
	// Does says in one line for people what the step will do: plans show it, and nothing
	// depends on it. It is made of what is written, without asking anybody: references are
	// not resolved, and values that may be secret (rows, bodies, headers) are not in it.
	// Empty: plans show Name. See Summary.
	Does string
	// NotTransactional says why the step cannot run inside a transaction. Empty: it can.
	NotTransactional string
	// LateSafe declares that a late or repeated effect of this step is impossible
	// or harmless.
	LateSafe bool
	// Capture reads what the step is about to change, for its rollback and for people.
	// Nil: nothing is kept. It is asked only where the change runs without a transaction.
	Capture Capture
}

// Capture reads the state that a step is about to change, as text: JSON, as a rule.
// "": there is nothing to keep. It must change nothing. The text is recorded with the
// change's STARTED, before its first side effect, without secrets; more than
// MaxCaptured bytes for a change are an error, and the change does not begin. An error
// without a Code counts as a target system that cannot be reached.
type Capture func(ctx context.Context, s *Session) (string, error)

// IsZero reports whether there is no step.
func (s Step) IsZero() bool { return s.Do == nil }

// StepFor makes a Step from a function over the target system's handle type, for
// example *sql.Tx. It is the one place where a handle's type is asserted.
func StepFor[H any](f func(ctx context.Context, handle H) error) Step {
	if f == nil {
		return Step{}
	}
	t := reflect.TypeFor[H]()
	return Step{
		Handle: t,
		Name:   funcName(f),
		Do: func(ctx context.Context, s *Session) error {
			h, ok := s.Handle.(H)
			if !ok {
				return &HandleError{Want: t, Got: reflect.TypeOf(s.Handle)}
			}
			return f(ctx, h)
		},
	}
}

func funcName(f any) string {
	if fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer()); fn != nil {
		return fn.Name()
	}
	return ""
}

// Probe asks the target system whether the change's effect is there. It must
// change nothing.
type Probe func(ctx context.Context, s *Session) (ProbeResult, error)

// ProbeEach is the answer for a change of several parts, each asked in turn: what
// they agree on, CONFLICT when one says so, and UNKNOWN when they differ, since what
// is done in part is what a repetition may stumble over.
func ProbeEach[T any](parts []T, ask func(T) (ProbeResult, error)) (ProbeResult, error) {
	answer := ProbeResult("")
	for _, p := range parts {
		one, err := ask(p)
		switch {
		case err != nil:
			return ProbeUnknown, err
		case one == ProbeConflict:
			return one, nil
		case answer == "":
			answer = one
		case answer != one:
			answer = ProbeUnknown
		}
	}
	return answer, nil
}

// Session is what a step works with.
type Session struct {
	// Handle is the target system's: a transaction, a connection, a client.
	Handle any
	// ChangeID is the change's, and Step the number of the step in it, from 1, which a
	// step and its rollback have in common. "" and 0 outside of a run.
	ChangeID string
	Step     int
	// Resolve replaces the ${…} references of a text. Never nil.
	Resolve func(ctx context.Context, text string) (string, error)
	// Progress reports what the step is doing. Never nil.
	Progress func(Progress)
	// Captured is what the step's Capture gave before the attempt began, also for its
	// rollback; "" when there is nothing.
	Captured string
	// MayBeThere says that an attempt before this one may have left something behind: what
	// is found may be the change's own.
	MayBeThere bool
	// IdempotencyKey names the step's effect, for systems that take a client token: a
	// UUID that is the same in every attempt for as long as an earlier one may have had
	// the effect, and another one after the change was rolled back, or marked so. Each
	// rollback has its own. A probe gets that of the attempt that it asks about; in a
	// Capture it means nothing. It does not change when the change is edited while its
	// effect may be there. Nil outside of a run.
	IdempotencyKey func(ctx context.Context) (string, error)
}

// Progress is a step's report of where it is.
type Progress struct {
	Done, Total int // 0 of 0 when unknown
	Text        string
}

// Pairs returns the steps of c, whichever way they were given.
func (c *Change) Pairs() []StepPair {
	if len(c.Steps) > 0 {
		return c.Steps
	}
	if c.Apply.IsZero() {
		return nil
	}
	return []StepPair{{Apply: c.Apply, Rollback: c.Rollback}}
}

// Captures reports whether any step keeps what it is about to change.
func (c *Change) Captures() bool {
	for _, p := range c.Pairs() {
		if p.Apply.Capture != nil {
			return true
		}
	}
	return false
}

// LateSafe reports whether a late effect of every apply step is impossible or harmless.
func (c *Change) LateSafe() bool {
	for _, p := range c.Pairs() {
		if !p.Apply.LateSafe {
			return false
		}
	}
	return true
}

// HasRollback reports whether any step can be taken back.
func (c *Change) HasRollback() bool {
	for _, p := range c.Pairs() {
		if !p.Rollback.IsZero() {
			return true
		}
	}
	return false
}

// Fingerprint returns the checksum that the ledger keeps: the loader's for a
// template change, one over Revision, target system and Transactional for a Go
// change; "" for a Go change without a Revision, whose edits cannot be seen.
func (c *Change) Fingerprint() string {
	if c.Checksum != "" || c.Revision == "" {
		return c.Checksum
	}
	b, err := json.Marshal(struct {
		Revision      string `json:"revision"`
		TargetSystem  string `json:"targetSystem"`
		Transactional *bool  `json:"transactional"`
	}{c.Revision, c.TargetSystem, c.Transactional})
	if err != nil {
		panic(err) // unreachable: strings and a bool
	}
	return ChecksumOf(b)
}

// ChecksumOf returns the versioned checksum of canonical content: "v1:" and the
// SHA-256 in hexadecimal.
func ChecksumOf(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return "v1:" + hex.EncodeToString(sum[:])
}

// Definition names the template or Go function, for the audit.
func (c *Change) Definition() string {
	if c.Source.Template != "" {
		return c.Source.Template
	}
	if c.Source.Function != "" {
		return c.Source.Function
	}
	for _, p := range c.Pairs() {
		return p.Apply.Name
	}
	return ""
}

// Where says where the change is defined: file:line:column, or its id.
func (c *Change) Where() string {
	if c.Source.File != "" {
		return c.Source.Position.String()
	}
	return "change " + c.ID
}

// Stage is an ordered group of changes.
type Stage struct {
	Name        string
	Description string
	Location    string // the directory its files come from; "" for code only
	DependsOn   []string
	Changes     []Change
	// Source is where the stage is configured; zero for a stage in code.
	Source Position
}
