package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// TestTableScripts are scripts on a table of LocalStack's, one for each.
func TestTableScripts(t *testing.T) {
	t.Parallel()
	cfg := awstest.LocalStack(t)
	client := dynamodb.NewFromConfig(cfg)
	var n atomic.Int64
	testscript.Run(t, testscript.Params{
		Dir: "testdata/table", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			table := fmt.Sprintf("audit-%d-%d", os.Getpid(), n.Add(1))
			for k, v := range map[string]string{
				"TABLE": table, "FLAMINGOCK_AUDITSTORE_DYNAMODB_TABLE": table, "FLAMINGOCK_AUDITSTORE_DYNAMODB_ENDPOINT": *cfg.BaseEndpoint,
				"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "NO_COLOR": "1",
			} {
				env.Setenv(k, v)
			}
			env.Defer(func() {
				unprotect(client, table)
				_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table})
			})
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
			// meddle does to the table what somebody else might.
			"meddle": func(ts *testscript.TestScript, _ bool, args []string) {
				table := ts.Getenv("TABLE")
				var err error
				switch args[0] {
				case "unprotect":
					err = unprotect(client, table)
				case "expire":
					_, err = client.UpdateTimeToLive(context.Background(), &dynamodb.UpdateTimeToLiveInput{
						TableName: &table, TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(true), AttributeName: aws.String("at")},
					})
				case "replicate":
					_, err = client.UpdateTable(context.Background(), &dynamodb.UpdateTableInput{
						TableName: &table, ReplicaUpdates: []types.ReplicationGroupUpdate{{Create: &types.CreateReplicationGroupMemberAction{RegionName: aws.String("eu-west-1")}}},
					})
				default:
					err = fmt.Errorf("unknown: %s", args[0])
				}
				ts.Check(err)
			},
		},
	})
}

func unprotect(client *dynamodb.Client, table string) error {
	_, err := client.UpdateTable(context.Background(), &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)})
	return err
}

// onEndpoint runs a command whose audit store is at an endpoint.
func onEndpoint(t *testing.T, endpoint string, args ...string) (code int, stderr string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	file := filepath.Join(t.TempDir(), "flamingock.yaml")
	text := "ledger: orders/prod\nauditStore: { dynamodb: { table: audit, region: eu-west-1, endpoint: \"" + endpoint + "\" } }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	code = cli.Run(t.Context(), core.Program{}, cli.Process{Args: append([]string{"-c", file}, args...), Stdout: io.Discard, Stderr: &errs})
	return code, errs.String()
}

// What answers is no DynamoDB.
func TestStoreForeignEndpoint(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":       func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>It works!</html>") },
		"another page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not found", http.StatusNotFound) },
	} {
		s := httptest.NewServer(answer)
		for _, cmd := range []string{"create", "check"} {
			code, stderr := onEndpoint(t, s.URL, "store", cmd)
			if code != core.CodeConfigInvalid.Exit() || !strings.Contains(stderr, "not the AWS service") || !strings.Contains(stderr, "mend endpoint") {
				t.Errorf("%s, %s: %d: %s", name, cmd, code, stderr)
			}
		}
		s.Close()
	}
}

// A right that is missing is named, with its resource. No simulator refuses one, so
// the answer is made here.
func TestStoreDenied(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: u is not authorized to perform: dynamodb:%s on resource: arn:aws:dynamodb:eu-west-1:1:table/audit because no identity-based policy allows it"}`, op)
	}))
	defer s.Close()
	for cmd, want := range map[string]string{
		"store create": "dynamodb:DescribeTable", "store check": "dynamodb:DescribeTable", "plan": "dynamodb:Query", "lock show": "dynamodb:Query",
	} {
		code, stderr := onEndpoint(t, s.URL, strings.Fields(cmd)...)
		if code != core.CodePermissionDenied.Exit() || !strings.Contains(stderr, "missing "+want+" on arn:aws:dynamodb:eu-west-1:1:table/audit") {
			t.Errorf("%s: %d: %s", cmd, code, stderr)
		}
	}
}
