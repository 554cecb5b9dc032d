// Package awstest gives tests the AWS simulator that the environment names:
// LocalStack, or DynamoDB Local alone. Without it, tests are skipped, with a word
// on how to get it. Commands that start one are in localstack-tests.
//
// Neither is AWS: both read consistently, know no throttling and no conflict of
// transactions, and permit everything. What depends on these needs a fake.
package awstest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing" //nolint:depguard // this package is for tests
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	// LocalStackVariable names the environment variable with LocalStack's base URL.
	LocalStackVariable = "FLAMINGOCK_TEST_LOCALSTACK_URI"
	// DynamoDBVariable names the environment variable with the base URL of a
	// DynamoDB Local, which is preferred to LocalStack's where both are set.
	DynamoDBVariable = "FLAMINGOCK_TEST_DYNAMODB_URI"
	// Region is where all tests are.
	Region = "us-east-1"
)

// answerTimeout bounds how long the simulator may take to say that it is there.
const answerTimeout = time.Minute

// LocalStack returns what a client of any service needs to use LocalStack, or skips
// the test. What a test makes there stays: it must choose names of its own.
func LocalStack(t testing.TB) aws.Config {
	t.Helper()
	base := environment(LocalStackVariable)
	if base == "" {
		t.Skip("needs LocalStack: make test starts it where there is Docker, or Java 17, Maven and Python 3.13; or set " + LocalStackVariable)
	}
	return config(t, LocalStackVariable, base)
}

// DynamoDB returns what a client of DynamoDB needs to use DynamoDB Local, by itself
// or as a part of LocalStack, or skips the test. Tables that a test makes stay: it
// must choose names of its own, of at least three characters.
func DynamoDB(t testing.TB) aws.Config {
	t.Helper()
	if base := environment(DynamoDBVariable); base != "" {
		return config(t, DynamoDBVariable, base)
	}
	if base := environment(LocalStackVariable); base != "" {
		return config(t, LocalStackVariable, base)
	}
	t.Skip("needs DynamoDB Local: make test starts it where there is Docker, or Java 17 and Maven; or set " + DynamoDBVariable + " or " + LocalStackVariable)
	return aws.Config{}
}

func environment(name string) string {
	return strings.TrimSuffix(os.Getenv(name), "/") //nolint:forbidigo // the environment is where the tests' servers are named
}

// Config returns the configuration of a client for a simulator's base URL.
func Config(base string) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(base),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func config(t testing.TB, variable, base string) aws.Config {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerTimeout)
	defer cancel()
	if err := Answers(ctx, base, variable == LocalStackVariable); err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return Config(base)
}

// Answers asks the simulator at a base URL whether it is there: LocalStack for its
// health, DynamoDB Local for anything, since it has no such question.
func Answers(ctx context.Context, base string, localStack bool) error {
	url := base + "/"
	if localStack {
		url = base + "/_localstack/health"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Close = true // a test that looks for leaked goroutines must not find ours
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is lost
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if localStack && resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
