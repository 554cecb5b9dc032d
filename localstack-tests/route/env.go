package route

import (
	"context"
	"strings"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// Environment is the route to a server that the environment names.
type Environment struct {
	// Get looks a variable up.
	Get func(string) string
}

// Name implements Route.
func (Environment) Name() string { return "env" }

// Start implements Route. A server that is named must answer, or there is a *NamedError.
func (e Environment) Start(ctx context.Context) (*Server, error) {
	s := &Server{
		LocalStack: strings.TrimSuffix(e.Get(awstest.LocalStackVariable), "/"),
		DynamoDB:   strings.TrimSuffix(e.Get(awstest.DynamoDBVariable), "/"),
	}
	var about []string
	if s.LocalStack != "" {
		about = append(about, "LocalStack at "+s.LocalStack)
		if err := awstest.Answers(ctx, s.LocalStack, true); err != nil {
			return nil, &NamedError{awstest.LocalStackVariable, err}
		}
	}
	if s.DynamoDB != "" {
		about = append(about, "DynamoDB Local at "+s.DynamoDB)
		if err := awstest.Answers(ctx, s.DynamoDB, false); err != nil {
			return nil, &NamedError{awstest.DynamoDBVariable, err}
		}
	}
	if len(about) == 0 {
		return nil, Unavailable("neither %s nor %s is set", awstest.LocalStackVariable, awstest.DynamoDBVariable)
	}
	s.About = strings.Join(about, ", ")
	return s, nil
}

// NamedError says that the server that a variable names does not answer.
type NamedError struct {
	Variable string
	Err      error
}

func (e *NamedError) Error() string { return e.Variable + " is set, but: " + e.Err.Error() }

func (e *NamedError) Unwrap() error { return e.Err }
