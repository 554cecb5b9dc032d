package awstargettest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing" //nolint:depguard // this package is for tests

	"github.com/flamingock/flamingock-go/core/targettest" //nolint:depguard // this package is for tests
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// Gate is LocalStack as another process reaches it, with answers of the test's own.
type Gate struct {
	// Wire is the network before it.
	Wire *targettest.Proxy

	mu     sync.Mutex
	answer Reply
}

// Reply may answer a request in LocalStack's place: it returns true if it has. The
// operation is "" for services that have it in method and path.
type Reply func(w http.ResponseWriter, r *http.Request, operation string) bool

// NewGate starts a gate, and sets the environment of AWS clients so that they go through
// it; or it skips the test.
func NewGate(t *testing.T) *Gate {
	t.Helper()
	return gate(t, *awstest.LocalStack(t).BaseEndpoint)
}

// NewDynamoDBGate is NewGate before DynamoDB Local, where there is one.
func NewDynamoDBGate(t *testing.T) *Gate {
	t.Helper()
	return gate(t, *awstest.DynamoDB(t).BaseEndpoint)
}

func gate(t *testing.T, base string) *Gate {
	t.Helper()
	to, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op, err := operation(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		g.mu.Lock()
		answer := g.answer
		g.mu.Unlock()
		if answer == nil || !answer(w, r, op) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	g.Wire = targettest.NewProxy(t, server.Listener.Addr().String())
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": g.URL(), "AWS_REGION": awstest.Region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "",
	} {
		t.Setenv(k, v)
	}
	return g
}

// URL is where clients go.
func (g *Gate) URL() string { return "http://" + g.Wire.Addr() }

// Answer sets what answers in LocalStack's place; nil: nothing does.
func (g *Gate) Answer(r Reply) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = r
}

// Refuse makes a reply: requests of an operation ("": of all) that hold a text are refused,
// as a service of JSON or, with XML, of the query protocol or S3 does it.
func Refuse(xml bool, op, holds string, status int, code, message string) Reply {
	return func(w http.ResponseWriter, r *http.Request, operation string) bool {
		if op != "" && op != operation || !sends(r, holds) {
			return false
		}
		w.Header().Set("X-Amzn-Requestid", "REQUEST1")
		text := `{"__type":"` + code + `","message":"` + message + `"}`
		if xml {
			w.Header().Set("Content-Type", "text/xml")
			text = "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message + "</Message></Error><RequestId>REQUEST1</RequestId></ErrorResponse>"
			if operation == "" {
				text = "<Error><Code>" + code + "</Code><Message>" + message + "</Message><RequestId>REQUEST1</RequestId></Error>"
			}
		} else {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		}
		w.WriteHeader(status)
		_, err := w.Write([]byte(text))
		return err == nil
	}
}

// sends reports whether a request holds a text in its address or its body, which is left
// to be read.
func sends(r *http.Request, text string) bool {
	b, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	return err == nil && (bytes.Contains(b, []byte(text)) || strings.Contains(r.URL.RequestURI(), text))
}
