package operation

import (
	"context"
	"errors"
	"time"
)

// Request is one of this package's requests.
type Request interface {
	// Operation is its name on the command line: audit list.
	Operation() string

	do(ctx context.Context, s *Session) (any, error)
}

// Operation implements Request.
func (ApplyRequest) Operation() string { return "apply" }

func (r ApplyRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.Apply(ctx, r))
}

// Operation implements Request.
func (PlanRequest) Operation() string { return "plan" }

func (r PlanRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.Plan(ctx, r))
}

// Operation implements Request.
func (StatusRequest) Operation() string { return "status" }

func (r StatusRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.Status(ctx, r))
}

// Operation implements Request.
func (ValidateRequest) Operation() string { return "validate" }

func (r ValidateRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.Validate(ctx, r))
}

// Operation implements Request.
func (AuditListRequest) Operation() string { return "audit list" }

func (r AuditListRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.AuditList(ctx, r))
}

// Operation implements Request.
func (IssueListRequest) Operation() string { return "issue list" }

func (r IssueListRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.IssueList(ctx, r))
}

// Operation implements Request.
func (IssueGetRequest) Operation() string { return "issue get" }

func (r IssueGetRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.IssueGet(ctx, r))
}

// Operation implements Request.
func (IssueResolveRequest) Operation() string { return "issue resolve" }

func (r IssueResolveRequest) do(ctx context.Context, s *Session) (any, error) {
	return answer(s.IssueResolve(ctx, r))
}

// answer keeps a nil pointer from becoming data that is not nil.
func answer[T any](d *T, err error) (any, error) {
	if d == nil {
		return nil, err
	}
	return d, err
}

// Do does one operation from beginning to end. What goes wrong is in the document.
// When a target system's client panics, Do frees what was opened and panics on.
func Do(ctx context.Context, o Options, r Request) Document {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	began := o.Now()
	s := New(o)
	data, err := s.finish(ctx, r)
	return NewDocument(r.Operation(), began, o.Now().Sub(began), data, NewFailure(err, s.Redact, o.Hint))
}

// finish does the operation and closes the session.
func (s *Session) finish(ctx context.Context, r Request) (data any, err error) {
	defer func() {
		if cerr := s.Close(); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}()
	return r.do(ctx, s)
}
