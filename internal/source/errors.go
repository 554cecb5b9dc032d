package source

import (
	"fmt"
	"strconv"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// ZipError says that a zip is refused. Nothing of it is used.
type ZipError struct {
	Zip    string // where it came from
	File   string // in the zip; "": the zip as a whole
	Reason string
	Next   string
	Err    error
}

func (e *ZipError) Error() string {
	s := "the zip " + e.Zip
	if e.File != "" {
		s += ": the file " + strconv.Quote(core.Cap(e.File, 200))
	}
	s += " " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ZipError) Unwrap() error { return e.Err }

// Code returns ChangeSetInvalid.
func (e *ZipError) Code() core.Code { return core.CodeChangeSetInvalid }

// Hint says what to do.
func (e *ZipError) Hint() string {
	if e.Next != "" {
		return e.Next
	}
	return "make the zip anew from the change files alone, such as with: zip -r changes.zip changes"
}

// ExpiredError says that the credentials of a CodePipeline job are good no more. The
// same event will not get better.
type ExpiredError struct {
	Artifact string
	At       time.Time // zero when the event did not say
	Err      error
}

func (e *ExpiredError) Error() string {
	s := fmt.Sprintf("the input artifact %s cannot be read: the credentials of the CodePipeline job have expired", e.Artifact)
	if !e.At.IsZero() {
		s += " at " + e.At.UTC().Format(time.RFC3339)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ExpiredError) Unwrap() error { return e.Err }

// Code returns PermissionDenied: the same job must not be tried again.
func (e *ExpiredError) Code() core.Code { return core.CodePermissionDenied }

// Hint says what to do.
func (e *ExpiredError) Hint() string {
	return "retry the pipeline's action: it starts a new job, with new credentials (aws codepipeline retry-stage-execution --retry-mode FAILED_ACTIONS …)"
}

// DeniedError says which rights are missing to read an object.
type DeniedError struct {
	*core.PermissionError
	Next string
}

// Unwrap leads to the *core.PermissionError.
func (e *DeniedError) Unwrap() error { return e.PermissionError }

// Hint says what to do.
func (e *DeniedError) Hint() string { return e.Next }
