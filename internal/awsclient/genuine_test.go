package awsclient_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// A proxy answers 200 with nothing, or with something of its own.
func TestGenuine(t *testing.T) {
	for name, tt := range map[string]struct {
		body, id string
		ok       bool
	}{
		"nothing":            {"", "", false},
		"something else":     {`{"status":"ok"}`, "", false},
		"DynamoDB's, really": {`{"Item":{}}`, "AB12", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.id != "" {
					w.Header().Set("X-Amzn-RequestId", tt.id)
				}
				if _, err := w.Write([]byte(tt.body)); err != nil {
					t.Error(err)
				}
			}))
			defer s.Close()
			client := dynamodb.New(dynamodb.Options{
				Region: "eu-west-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: aws.NopRetryer{},
			}, func(o *dynamodb.Options) { o.APIOptions = append(o.APIOptions, awsclient.Genuine) })
			_, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
			if tt.ok != (err == nil) || !tt.ok && awsclient.KindOf(err) != awsclient.Transient {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is configured counts, not what the environment says for the service.
func TestEndpointOfTheConfiguration(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
	cfg, err := awsclient.Load(t.Context(), awsclient.Settings{Region: "eu-west-1", Endpoint: "http://configured.example"})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(dynamodb.NewFromConfig(cfg).Options().BaseEndpoint); got != "http://configured.example" {
		t.Errorf("got %s", got)
	}
}
