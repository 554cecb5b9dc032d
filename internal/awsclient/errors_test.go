package awsclient_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// isolated hides the machine's own AWS configuration from a test.
func isolated(t *testing.T, environment map[string]string) {
	t.Helper()
	all := map[string]string{
		"AWS_CONFIG_FILE": "/nowhere/config", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_STS": "", "AWS_CA_BUNDLE": "", "AWS_MAX_ATTEMPTS": "",
	}
	for k, v := range environment {
		all[k] = v
	}
	for k, v := range all {
		t.Setenv(k, v)
	}
}

var keys = map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cr3t-key"}

// call makes one real call of DynamoDB's client, tried once.
func call(t testing.TB, ctx context.Context, s awsclient.Settings) error { //nolint:revive // the test comes first
	t.Helper()
	if s.Region == "" {
		s.Region = "eu-west-1"
	}
	cfg, err := awsclient.Load(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }).
		PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}})
	if err == nil {
		t.Fatal("the call went well")
	}
	return err
}

// answer is what a server says.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		contentType := "application/x-amz-json-1.0"
		if strings.HasPrefix(body, "<") {
			contentType = "text/html"
		} else {
			w.Header().Set("x-amzn-RequestId", "REQUEST1")
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// fault is an error as DynamoDB writes it.
func fault(code, message string) string {
	return fmt.Sprintf(`{"__type":"com.amazon.coral.service#%s","message":%q}`, code, message)
}

const deniedText = "User: arn:aws:sts::123456789012:assumed-role/ci/session is not authorized to perform: dynamodb:PutItem on resource: " +
	"arn:aws:dynamodb:eu-west-1:123456789012:table/t because no identity-based policy allows the dynamodb:PutItem action"

func TestErrorsOfAnswers(t *testing.T) {
	isolated(t, keys)
	zipped := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		z.Close()
		return b.String()
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		kind   awsclient.Kind
		code   core.Code // of what Explain makes of it
		says   string
	}{
		"denied":            {answer(400, fault("AccessDeniedException", deniedText)), awsclient.Denied, core.CodePermissionDenied, "missing dynamodb:PutItem on arn:aws:dynamodb:eu-west-1:123456789012:table/t"},
		"denied elsewhere":  {answer(403, fault("AccessDenied", "Access Denied")), awsclient.Denied, core.CodePermissionDenied, "AccessDenied: Access Denied (request REQUEST1)"},
		"expired":           {answer(400, fault("ExpiredTokenException", "The security token included in the request is expired")), awsclient.Expired, core.CodePermissionDenied, "credentials that have not expired"},
		"unknown key":       {answer(400, fault("UnrecognizedClientException", "The security token included in the request is invalid.")), awsclient.Rejected, core.CodePermissionDenied, "credentials that AWS accepts"},
		"bad signature":     {answer(400, fault("InvalidSignatureException", "The request signature we calculated does not match")), awsclient.Rejected, core.CodePermissionDenied, "credentials that AWS accepts"},
		"stale signature":   {answer(400, fault("InvalidSignatureException", "Signature expired: 20261122T101500Z is now earlier than …")), awsclient.Expired, core.CodePermissionDenied, "Signature expired"},
		"throttled":         {answer(400, fault("ThrottlingException", "Rate exceeded")), awsclient.Throttled, core.CodeUnavailable, "Rate exceeded"},
		"throughput":        {answer(400, fault("ProvisionedThroughputExceededException", "slow down")), awsclient.Throttled, core.CodeUnavailable, "slow down"},
		"internal":          {answer(500, fault("InternalServerError", "Internal server error")), awsclient.Transient, core.CodeUnavailable, "InternalServerError: Internal server error (request REQUEST1)"},
		"unavailable":       {answer(503, ""), awsclient.Transient, core.CodeUnavailable, "503"},
		"too many":          {answer(429, "<html>"), awsclient.Transient, core.CodeUnavailable, "429"},
		"HTML with 502":     {answer(502, "<html>Bad Gateway</html>"), awsclient.Transient, core.CodeUnavailable, "502"},
		"HTML with 200":     {answer(200, "<html>Welcome</html>"), awsclient.Foreign, core.CodeConfigInvalid, "not the AWS service"},
		"HTML with 404":     {answer(404, "<html>Not found</html>"), awsclient.Foreign, core.CodeConfigInvalid, "not the AWS service"},
		"HTML with 403":     {answer(403, "<html>Forbidden</html>"), awsclient.Foreign, core.CodeConfigInvalid, "not the AWS service"},
		"another JSON":      {answer(404, `{"detail":"no such page"}`), awsclient.Foreign, core.CodeConfigInvalid, "not the AWS service"},
		"binary":            {answer(200, zipped("x")), awsclient.Foreign, core.CodeConfigInvalid, "not the AWS service"},
		"a condition":       {answer(400, fault("ConditionalCheckFailedException", "The conditional request failed")), awsclient.Other, core.CodeInternal, "The conditional request failed"},
		"a table that gone": {answer(400, fault("ResourceNotFoundException", "Requested resource not found")), awsclient.Other, core.CodeInternal, "Requested resource not found"},
		"torn by length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"Attributes":{"pk`)
		}, awsclient.Transient, core.CodeUnavailable, "EOF"},
		"torn in a chunk": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"Attributes":{"pk`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, awsclient.Transient, core.CodeUnavailable, "EOF"},
		"torn before a word": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, awsclient.Transient, core.CodeUnavailable, "EOF"},
		"torn error": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"com.amaz`)
		}, awsclient.Transient, core.CodeUnavailable, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			expect(t, call(t, t.Context(), awsclient.Settings{Endpoint: s.URL}), tt.kind, tt.code, tt.says)
		})
	}
}

// expect holds an error of a call against what it should be.
func expect(t testing.TB, err error, kind awsclient.Kind, code core.Code, says string) {
	t.Helper()
	explained := awsclient.Explain("the table", err)
	if awsclient.KindOf(err) != kind || core.CodeOf(explained) != code || !strings.Contains(explained.Error(), says) {
		t.Errorf("got kind %d, %s: %v\nwant kind %d, %s: %s\nfrom %v", awsclient.KindOf(err), core.CodeOf(explained), explained, kind, code, says, err)
	}
	if code != core.CodeInternal && (!strings.Contains(explained.Error(), "the table") || core.HintOf(explained) == "") {
		t.Errorf("%v does not name the system, or has no hint", explained)
	}
	for _, noise := range []string{"operation error", "s3cr3t", "StatusCode: 0", "maximum number of attempts", "deserialization", "failed to refresh"} {
		if strings.Contains(explained.Error(), noise) {
			t.Errorf("%v says %q, which helps nobody", explained, noise)
		}
	}
}

func TestErrorsWithoutAnAnswer(t *testing.T) {
	isolated(t, keys)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	nobody := "http://" + closed.Addr().String()
	expect(t, call(t, t.Context(), awsclient.Settings{Endpoint: nobody}), awsclient.Transient, core.CodeUnavailable, "connection refused")
	expect(t, call(t, t.Context(), awsclient.Settings{Endpoint: "http://nowhere.invalid"}), awsclient.Transient, core.CodeUnavailable, "nowhere.invalid")

	strange := httptest.NewUnstartedServer(answer(200, "{}"))
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	defer strange.Close()
	plain := httptest.NewServer(answer(200, "{}"))
	defer plain.Close()
	for endpoint, says := range map[string]string{
		strange.URL: "certificate", strings.Replace(plain.URL, "http", "https", 1): "HTTP response to HTTPS client",
	} {
		expect(t, call(t, t.Context(), awsclient.Settings{Endpoint: endpoint}), awsclient.Foreign, core.CodeConfigInvalid, says)
	}

	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		},
		"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		},
	} {
		ctx, cancel := end(t.Context())
		err := call(t, ctx, awsclient.Settings{Endpoint: "http://" + silent.Addr().String()})
		cancel()
		if name == "deadline" {
			expect(t, err, awsclient.Transient, core.CodeUnavailable, "deadline exceeded")
		} else if got := awsclient.Explain("the table", err); !errors.Is(got, context.Canceled) || awsclient.KindOf(err) != awsclient.Transient {
			t.Errorf("got %v, want context.Canceled as it is", got)
		}
	}

	// What the SDK does not even send is the caller's fault: to try again is in vain.
	cfg, err := awsclient.Load(t.Context(), awsclient.Settings{Region: "eu-west-1", Endpoint: nobody})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = dynamodb.NewFromConfig(cfg).PutItem(t.Context(), &dynamodb.PutItemInput{}); awsclient.KindOf(err) != awsclient.Other {
		t.Errorf("got kind %d for %v", awsclient.KindOf(err), err)
	}
	if awsclient.Explain("the table", nil) != nil {
		t.Error("no error has become one")
	}
}

// A long answer does not make a long message.
func TestErrorsAreCapped(t *testing.T) {
	isolated(t, keys)
	s := httptest.NewServer(answer(400, fault("AccessDeniedException", strings.Repeat("x", 100_000))))
	defer s.Close()
	if got := awsclient.Explain("the table", call(t, t.Context(), awsclient.Settings{Endpoint: s.URL})).Error(); len(got) > 4000 {
		t.Errorf("got a message of %d bytes", len(got))
	}
}
