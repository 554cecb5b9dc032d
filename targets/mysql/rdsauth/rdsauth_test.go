package rdsauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/mysql"
	"github.com/flamingock/flamingock-go/targets/mysql/rdsauth"
)

// A token is the address of a signed request, without its scheme. How it is made in
// all circumstances is tested in targets/postgres/rdsauth: it is the same.
func TestToken(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
	token, err := rdsauth.New().Token(t.Context(), mysql.Login{Host: "orders.abc123.eu-central-1.rds.amazonaws.com", Port: 3306, User: "app"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://" + token.Reveal())
	if err != nil {
		t.Fatal("the token is no address")
	}
	if u.Host != "orders.abc123.eu-central-1.rds.amazonaws.com:3306" || u.Query().Get("DBUser") != "app" || !strings.Contains(u.Query().Get("X-Amz-Credential"), "/eu-central-1/rds-db/") {
		t.Errorf("got a token for %s, user %s", u.Host, u.Query().Get("DBUser"))
	}
	_, err = rdsauth.New().Token(t.Context(), mysql.Login{Host: "h", Port: 3306, Region: "eu-west-1"})
	if core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(core.HintOf(err), "user@tcp(host:3306)") {
		t.Errorf("without a user: got %v (%s)", err, core.HintOf(err))
	}
}
