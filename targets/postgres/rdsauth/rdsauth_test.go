package rdsauth_test

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/all"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/postgres/rdsauth"
)

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// machine is one with these AWS variables, and nothing else of AWS.
func machine(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, k := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ENDPOINT_URL",
	} {
		t.Setenv(k, variables[k])
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
}

func credentials(more ...string) map[string]string {
	m := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": secret}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// A token is the address of a signed request, without its scheme.
func TestToken(t *testing.T) {
	for name, tt := range map[string]struct {
		login       postgres.Login
		environment map[string]string
		host, scope string
	}{
		"region set": {postgres.Login{Host: "db.internal", Port: 5433, User: "app", Region: "eu-west-1"}, credentials("AWS_REGION", "us-east-1"), "db.internal:5433", "/eu-west-1/rds-db/aws4_request"},
		"region of the environment": {
			postgres.Login{Host: "db.internal", Port: 5432, User: "app"},
			credentials("AWS_REGION", "us-east-1"), "db.internal:5432", "/us-east-1/rds-db/aws4_request",
		},
		"region of the host": {
			postgres.Login{Host: "orders.cluster-abc123.eu-central-1.rds.amazonaws.com", Port: 5432, User: "app"},
			credentials("AWS_REGION", "us-east-1"), "orders.cluster-abc123.eu-central-1.rds.amazonaws.com:5432", "/eu-central-1/rds-db/aws4_request",
		},
		"China": {
			postgres.Login{Host: "orders.abc123.cn-north-1.rds.amazonaws.com.cn", Port: 5432, User: "app"},
			credentials(), "orders.abc123.cn-north-1.rds.amazonaws.com.cn:5432", "/cn-north-1/rds-db/aws4_request",
		},
		"IPv6 and an odd name": {postgres.Login{Host: "::1", Port: 5432, User: "a&p p=é", Region: "eu-west-1"}, credentials("AWS_SESSION_TOKEN", "session+/="), "[::1]:5432", "/eu-west-1/rds-db/aws4_request"},
	} {
		t.Run(name, func(t *testing.T) {
			machine(t, tt.environment)
			token, err := rdsauth.New().Token(t.Context(), tt.login)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(token.Reveal(), secret) || strings.Contains(token.Reveal(), url.QueryEscape(secret)) || strings.Contains(token.Reveal(), "://") {
				t.Error("the token holds the secret key, or a scheme")
			}
			u, err := url.Parse("https://" + token.Reveal())
			if err != nil {
				t.Fatal("the token is no address")
			}
			q := u.Query()
			if u.Host != tt.host || u.Path != "/" && u.Path != "" {
				t.Errorf("got host %s, path %s, want %s", u.Host, u.Path, tt.host)
			}
			for k, want := range map[string]string{
				"Action": "connect", "DBUser": tt.login.User, "X-Amz-Expires": "900", "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-SignedHeaders": "host",
				"X-Amz-Security-Token": tt.environment["AWS_SESSION_TOKEN"],
			} {
				if got := q.Get(k); got != want {
					t.Errorf("got %s=%s, want %s", k, got, want)
				}
			}
			if c := q.Get("X-Amz-Credential"); !strings.HasPrefix(c, "AKIDEXAMPLE/") || !strings.HasSuffix(c, tt.scope) || len(q.Get("X-Amz-Signature")) != 64 {
				t.Errorf("got credential %s, want …%s", c, tt.scope)
			}
		})
	}
}

func TestTokenRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		login       postgres.Login
		environment map[string]string
		says        string
	}{
		"no region":      {postgres.Login{Host: "h", Port: 5432, User: "app"}, credentials(), "no AWS region is known"},
		"another region": {postgres.Login{Host: "o.abc.eu-west-1.rds.amazonaws.com", Port: 5432, User: "app", Region: "eu-west-2"}, credentials(), "is eu-west-2, but the host is in eu-west-1"},
		"no credentials": {postgres.Login{Host: "h", Port: 5432, User: "app", Region: "eu-west-1"}, nil, "no AWS credentials were found"},
		"no profile":     {postgres.Login{Host: "h", Port: 5432, User: "app", Region: "eu-west-1", Profile: "nobody"}, credentials(), "nobody"},
		"no role's ARN":  {postgres.Login{Host: "h", Port: 5432, User: "app", Region: "eu-west-1", RoleARN: "changes"}, credentials(), "must be the ARN of a role"},
		"no user":        {postgres.Login{Host: "h", Port: 5432, Region: "eu-west-1"}, credentials(), "name of a user"},
	} {
		t.Run(name, func(t *testing.T) {
			machine(t, tt.environment)
			_, err := rdsauth.New().Token(t.Context(), tt.login)
			if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want ConfigInvalid: %s", err, tt.says)
			}
		})
	}
}

// The shipped binary knows iamAuth: what is missing is said with an exit code, before
// anything is contacted.
func TestCommandLine(t *testing.T) {
	for name, tt := range map[string]struct {
		target      string
		environment map[string]string
		exit        int
		says        []string
	}{
		"no credentials": {`dsn: "postgres://app@127.0.0.1:1/orders?sslmode=verify-full", region: eu-west-1`, nil, 78, []string{"ConfigInvalid", "orders-db (postgres): no token for the login", "no AWS credentials were found", "AWS_PROFILE"}},
		"no region":      {`dsn: "postgres://app@127.0.0.1:1/orders?sslmode=verify-full"`, credentials(), 78, []string{"ConfigInvalid", "orders-db", "no AWS region is known"}},
		"no TLS":         {`dsn: "postgres://app@127.0.0.1:1/orders", region: eu-west-1`, credentials(), 78, []string{"ConfigInvalid", "orders-db: iamAuth needs TLS", "sslmode=verify-full"}},
		"a password":     {`host: 127.0.0.1, user: app, password: "${env:X}"`, credentials(), 78, []string{"ConfigInvalid", "orders-db: has iamAuth and a password"}},
		"no server":      {`dsn: "postgres://app@127.0.0.1:1/orders?sslmode=verify-full", region: eu-west-1`, credentials(), 69, []string{"Unavailable", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			machine(t, tt.environment)
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(dir, "changes"), 0o755); err != nil {
				t.Fatal(err)
			}
			write("changes/_0001__a.yaml", "id: a\ntemplate: sql\ntargetSystem: orders-db\napply: CREATE TABLE a (x int)\n")
			write("flamingock.yaml", "stages: [{location: changes}]\ntargetSystems:\n  orders-db: {type: postgres, iamAuth: true, "+tt.target+"}\n")
			var stdout, stderr bytes.Buffer
			exit := cli.Run(context.WithoutCancel(t.Context()), core.Program{Version: "test", Targets: all.Types()}, cli.Process{
				Args: []string{"-c", filepath.Join(dir, "flamingock.yaml"), "apply"}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
			})
			out := stdout.String() + stderr.String()
			if exit != tt.exit {
				t.Errorf("got exit code %d, want %d", exit, tt.exit)
			}
			for _, want := range tt.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if strings.Contains(out, "X-Amz-") || strings.Contains(out, secret) {
				t.Errorf("the token or the key is in the output:\n%s", out)
			}
		})
	}
}
