package dynamodb

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

// A function makes its target systems anew at every invocation; connections and
// credentials last.
func TestConnectionsLast(t *testing.T) {
	var connections, credentials atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/credentials" {
			credentials.Add(1)
			fmt.Fprint(w, `{"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2999-01-01T00:00:00Z"}`)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-RequestId", "FAKE")
		fmt.Fprint(w, `{"TableNames":[]}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for k, v := range map[string]string{
		"AWS_CONFIG_FILE": "/nowhere/config", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": s.URL + "/credentials",
	} {
		t.Setenv(k, v)
	}
	call := func(typ core.TargetType) {
		t.Helper()
		target, err := typ.New("shop", entry{settings{Region: "eu-west-1", Endpoint: s.URL}, ""})
		if err != nil {
			t.Fatal(err)
		}
		got, release, err := target.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, ok := got.(*Client)
		if !ok {
			t.Fatalf("%T", got)
		}
		if _, err := c.ListTables(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(release(), target.Close()); err != nil {
			t.Fatal(err)
		}
	}
	one := Type()
	call(one)
	before := connections.Load()
	for range 20 {
		call(one)
	}
	// Not all of them: on a busy machine the SDK gives some back too late, or not at all.
	if n := connections.Load() - before; n >= 20 || credentials.Load() != 1 {
		t.Errorf("%d more connections, credentials asked for %d times", n, credentials.Load())
	}
	call(Type()) // another program's
	if credentials.Load() != 2 {
		t.Errorf("credentials asked for %d times by two types", credentials.Load())
	}
}
