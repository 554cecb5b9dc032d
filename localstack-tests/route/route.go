// Package route chooses among the ways to get an AWS simulator for tests.
package route

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// Route is a way to get a server.
type Route interface {
	// Name is what the user calls it by.
	Name() string
	// Start returns a server that answers, an *UnavailableError where this machine
	// lacks what the route needs, or another error where it should have worked.
	Start(ctx context.Context) (*Server, error)
}

// Server answers until it is stopped.
type Server struct {
	// About says what it is, for people.
	About string
	// LocalStack and DynamoDB are base URLs; "" for what it is not.
	LocalStack, DynamoDB string
	// Stop ends it; nil for a server that is not ours.
	Stop func(ctx context.Context) error
	// Said returns the end of its log; nil for a server that is not ours.
	Said func() string
}

// Answers asks the server whether it is still there.
func (s *Server) Answers(ctx context.Context) error {
	if s.LocalStack != "" {
		return awstest.Answers(ctx, s.LocalStack, true)
	}
	return awstest.Answers(ctx, s.DynamoDB, false)
}

// UnavailableError says what the machine lacks for a route.
type UnavailableError struct {
	Lack string
	Err  error // may be nil
}

// Unavailable returns an *UnavailableError without a cause.
func Unavailable(format string, args ...any) error {
	return &UnavailableError{Lack: fmt.Sprintf(format, args...)}
}

func (e *UnavailableError) Error() string {
	if e.Err == nil {
		return e.Lack
	}
	return e.Lack + ": " + e.Err.Error()
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// Choice is the server of the first route that gave one, and what was wrong with
// those before it.
type Choice struct {
	Name   string  // of the route; "" without a server
	Server *Server // nil when no route gave one
	Passed []Passed
}

// Passed is a route that gave no server.
type Passed struct {
	Name string
	Err  error
}

func (p Passed) String() string {
	if lacking := (*UnavailableError)(nil); errors.As(p.Err, &lacking) {
		return p.Name + ": not to be had: " + p.Err.Error()
	}
	return p.Name + ": FAILED: " + p.Err.Error()
}

// Best starts the first of the routes that works. It tells each one that did not
// when it knows, since the next may take minutes. The error is the context's, or a
// *NamedError: who names a server does not want another.
func Best(ctx context.Context, routes []Route, tell func(Passed)) (Choice, error) {
	var c Choice
	for _, r := range routes {
		s, err := r.Start(ctx)
		if err == nil {
			c.Name, c.Server = r.Name(), s
			return c, nil
		}
		if named := (*NamedError)(nil); errors.As(err, &named) {
			return c, err
		}
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		p := Passed{r.Name(), err}
		c.Passed = append(c.Passed, p)
		tell(p)
	}
	return c, nil
}

// Summary says in one line what serves, or why nothing does.
func (c Choice) Summary() string {
	if c.Server != nil {
		return c.Name + ": " + c.Server.About
	}
	why := make([]string, len(c.Passed))
	for i, p := range c.Passed {
		why[i] = p.Name + ": " + firstLine(p.Err)
	}
	return "none (" + strings.Join(why, "; ") + ")"
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
