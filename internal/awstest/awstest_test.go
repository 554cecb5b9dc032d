package awstest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// simulator answers as LocalStack does (health) or as DynamoDB Local does (400).
func simulator(t *testing.T, health int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_localstack/health" {
			w.WriteHeader(health)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAnswers(t *testing.T) {
	if err := awstest.Answers(t.Context(), simulator(t, http.StatusOK), true); err != nil {
		t.Errorf("LocalStack: %v", err)
	}
	if err := awstest.Answers(t.Context(), simulator(t, http.StatusServiceUnavailable), true); err == nil {
		t.Error("a LocalStack that is not healthy passes")
	}
	if err := awstest.Answers(t.Context(), simulator(t, http.StatusNotFound), false); err != nil {
		t.Errorf("DynamoDB Local: %v", err)
	}
	if err := awstest.Answers(t.Context(), "http://127.0.0.1:1", false); err == nil {
		t.Error("nobody is there, and it passes")
	}
}

func TestEndpoints(t *testing.T) {
	localStack, dynamoDB := simulator(t, http.StatusOK), simulator(t, http.StatusNotFound)
	t.Setenv(awstest.LocalStackVariable, localStack+"/")
	t.Setenv(awstest.DynamoDBVariable, "")
	if got := *awstest.LocalStack(t).BaseEndpoint; got != localStack {
		t.Errorf("LocalStack: %s, want %s", got, localStack)
	}
	if got := *awstest.DynamoDB(t).BaseEndpoint; got != localStack {
		t.Errorf("DynamoDB without one of its own: %s, want %s", got, localStack)
	}
	t.Setenv(awstest.DynamoDBVariable, dynamoDB)
	if got := *awstest.DynamoDB(t).BaseEndpoint; got != dynamoDB {
		t.Errorf("DynamoDB: %s, want %s", got, dynamoDB)
	}
}

// TestSkips is about the message, which the list of what was skipped shows.
func TestSkips(t *testing.T) {
	t.Setenv(awstest.LocalStackVariable, "")
	t.Setenv(awstest.DynamoDBVariable, "")
	for name, ask := range map[string]func(testing.TB){
		"LocalStack": func(t testing.TB) { awstest.LocalStack(t) },
		"DynamoDB":   func(t testing.TB) { awstest.DynamoDB(t) },
	} {
		s := &skipping{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			ask(s)
		}()
		<-done
		if s.message == "" {
			t.Errorf("%s does not skip", name)
		}
	}
}

// skipping notes a skip in place of the test that it stands in for.
type skipping struct {
	testing.TB
	message string
}

func (s *skipping) Skip(args ...any) {
	s.message = fmt.Sprint(args...)
	runtime.Goexit()
}
