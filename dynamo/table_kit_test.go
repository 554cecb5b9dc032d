package dynamo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// onSimulators runs a test on DynamoDB Local and on LocalStack.
func onSimulators(t *testing.T, test func(t *testing.T, cfg aws.Config)) {
	t.Run("DynamoDB Local", func(t *testing.T) { test(t, awstest.DynamoDB(t)) })
	t.Run("LocalStack", func(t *testing.T) { test(t, awstest.LocalStack(t)) })
}

// tableName is a name for a table that the test makes by itself.
func tableName(t testing.TB, cfg aws.Config) string {
	t.Helper()
	name := fmt.Sprintf("flamingock-made-%d-%d", os.Getpid(), tables.Add(1))
	t.Cleanup(func() { unprotect(t, cfg, name) })
	t.Cleanup(func() { // before unprotect's own
		_, err := dynamodb.NewFromConfig(cfg).DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		if err == nil {
			t.Error("the table could be deleted although it is protected")
		}
	})
	return name
}

// unprotect deletes a table that Create has protected.
func unprotect(t testing.TB, cfg aws.Config, name string) {
	ctx, client := context.Background(), dynamodb.NewFromConfig(cfg)
	if _, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &name, DeletionProtectionEnabled: aws.Bool(false)}); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
		t.Error(err)
	}
}

// lacks reports whether the simulator has no such thing as backups and tags.
func lacks(t *testing.T, cfg aws.Config) bool {
	t.Helper()
	_, err := dynamodb.NewFromConfig(cfg).DescribeContinuousBackups(t.Context(), &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String("nothing")})
	return lacking(err)
}

// targetHeader names the operation of a request.
const targetHeader = "X-Amz-Target"

func operationOf(r *http.Request) string {
	_, op, _ := strings.Cut(r.Header.Get(targetHeader), ".")
	return op
}

// answer is one answer of a scripted DynamoDB.
type answer struct {
	status int
	body   string
}

// refusal of a request, as DynamoDB words it.
func refuses(typ, message string) answer {
	return answer{http.StatusBadRequest, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, typ, message)}
}

// scripted is a DynamoDB that gives the answers that the simulators cannot give:
// they know no rights, and are ready at once. Each operation has a list of
// answers; the last one is given for ever.
type scripted struct {
	mu      sync.Mutex
	answers map[string][]answer
	asked   []string
}

func (s *scripted) config() aws.Config {
	return aws.Config{
		Region: "eu-west-1", HTTPClient: s, BaseEndpoint: aws.String("http://dynamodb.test"),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func (s *scripted) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := operationOf(r)
	s.asked = append(s.asked, op)
	list := s.answers[op]
	if len(list) == 0 {
		return nil, errors.New("no answer is scripted for " + op)
	}
	if len(list) > 1 {
		s.answers[op] = list[1:]
	}
	return &http.Response{
		StatusCode: list[0].status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {"FAKE"}},
		Body: io.NopCloser(bytes.NewReader([]byte(list[0].body))), Request: r,
	}, nil
}

func (s *scripted) count(op string) int {
	n := 0
	for _, o := range s.asked {
		if o == op {
			n++
		}
	}
	return n
}

const scriptedARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/audit"

// described is the description of a fitting table; more are its other fields.
func described(status, more string) answer {
	return answer{http.StatusOK, `{"Table":{"TableName":"audit","TableArn":"` + scriptedARN + `","TableStatus":"` + status + `",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]` + more + `}}`}
}

// protected are the fields of a table that has all that Create gives it.
const protected = `,"DeletionProtectionEnabled":true,"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"}`

func ok(body string) []answer { return []answer{{http.StatusOK, body}} }

// wholeTable scripts a table that lacks nothing.
func wholeTable() *scripted {
	backups := `{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED"}}}`
	return &scripted{answers: map[string][]answer{
		"CreateTable":               ok(`{}`),
		"DescribeTable":             {described("ACTIVE", protected)},
		"UpdateTable":               ok(`{}`),
		"DescribeContinuousBackups": ok(backups),
		"UpdateContinuousBackups":   ok(backups),
		"DescribeTimeToLive":        ok(`{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`),
		"ListTagsOfResource":        ok(`{"Tags":[{"Key":"` + TagKey + `","Value":"1"}]}`),
		"TagResource":               ok(`{}`),
		"Query":                     ok(`{"Items":[],"Count":0}`),
	}}
}
