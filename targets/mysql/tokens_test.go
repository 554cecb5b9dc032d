package mysql_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mysqltest"
	"github.com/flamingock/flamingock-go/targets/mysql"
)

// source gives tokens away, each another one.
type source struct {
	mu    sync.Mutex
	asked []mysql.Login
	fault error
	use   func(token string) // makes a token the password
}

func (s *source) Token(_ context.Context, l mysql.Login) (core.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, l)
	if s.fault != nil {
		return core.Secret{}, s.fault
	}
	token := fmt.Sprintf("t0ken-%d", len(s.asked))
	if s.use != nil {
		s.use(token)
	}
	return core.NewSecret(token), nil
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func withTokens(t *testing.T, s *source, v values) core.TxTarget {
	t.Helper()
	v["iamAuth"] = "true"
	target, err := newFor(v, mysql.WithTokens(s))
	must(t, err)
	t.Cleanup(func() { must(t, target.Close()) })
	return target
}

// Each connection has a token of its own, as the password of a real server.
func TestTokens(t *testing.T) {
	everywhere(t, func(t *testing.T, server *mysqltest.Server) {
		root, dsn := server.RootCertificate(t), table(t, server)
		user := server.User(t, "not known to anybody")
		db := look(t, dsn)
		execute(t, db, "GRANT ALL ON "+query[string](t, db, "SELECT DATABASE()")+".* TO "+user+"@'%'")
		s := &source{use: func(token string) { server.Exec(t, "ALTER USER "+user+"@'%' IDENTIFIED BY '"+token+"'") }}
		c, err := driver.ParseDSN(dsn)
		must(t, err)
		host, port, err := net.SplitHostPort(c.Addr)
		must(t, err)
		target := withTokens(t, s, values{
			"dsn": with(t, dsn, func(c *driver.Config) { c.User, c.Passwd = user, "" }), "sslMode": "VERIFY_IDENTITY", "sslCa": root,
			"region": "${env:eu-west-1}", "profile": "p", "roleArn": "arn",
		})
		must(t, target.Ping(t.Context()))
		must(t, transact(t, target, fence(1, 1), marker("a", 1), run("INSERT INTO a VALUES (1)")))
		before := s.count()
		_, release, err := target.Open(t.Context())
		must(t, err)
		must(t, release())
		if s.count() != before+1 {
			t.Errorf("a new connection asked for %d tokens", s.count()-before)
		}
		if got, want := fmt.Sprintf("%+v", s.asked[0]), fmt.Sprintf("{Host:%s Port:%s User:%s Region:eu-west-1 Profile:p RoleARN:arn}", host, port, user); got != want {
			t.Errorf("got login %s, want %s", got, want)
		}
		s.use = nil // the next token is no password
		_, _, err = target.Open(t.Context())
		refusedToken(t, err, user)
		for want, fault := range map[core.Code]error{
			core.CodeConfigInvalid: &core.ConfigError{Key: "region", Reason: "is missing"}, core.CodeUnavailable: &core.UnavailableError{System: "AWS", Err: errors.New("down")},
		} {
			s.fault = fault
			_, _, err := target.Open(t.Context())
			if core.CodeOf(err) != want || !errors.Is(err, fault) || !strings.Contains(err.Error(), "target system db") {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

func refusedToken(t *testing.T, err error, user string) {
	t.Helper()
	if core.CodeOf(err) != core.CodePermissionDenied || core.CodeOf(err).Exit() != 77 {
		t.Fatalf("got %v, want PermissionDenied", err)
	}
	for _, want := range []string{"db (mysql)", "rds-db:connect", "AWSAuthenticationPlugin", user} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, core.HintOf(err)), "t0ken") {
		t.Errorf("the error holds the token: %#v", err)
	}
}

// A server with the plugin of RDS asks for the password in clear text. This one refuses
// whatever it gets; it speaks just enough for that.
func TestTokenInClearText(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificate := web.TLS.Certificates[0]
	web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	got := make(chan string, 1)
	var serving sync.WaitGroup
	serving.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		password, err := askInClearText(c, certificate)
		got <- fmt.Sprint(password, err)
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	s := &source{}
	target := withTokens(t, s, values{"dsn": "app@tcp(" + l.Addr().String() + ")/orders", "sslMode": "REQUIRED"})
	_, _, err = target.Open(t.Context())
	refusedToken(t, err, "app")
	if password := <-got; password != "t0ken-1\x00<nil>" {
		t.Errorf("the server got %q, want the token", password)
	}
}

func askInClearText(c net.Conn, certificate tls.Certificate) (string, error) {
	const capabilities = 1<<9 | 1<<11 | 1<<15 | 1<<19 | 1<<3 // protocol 4.1, TLS, secure connection, plugins, with a database
	hello := []byte("\x0a8.0.35\x00\x01\x00\x00\x0012345678\x00")
	hello = binary.LittleEndian.AppendUint16(hello, capabilities&0xffff)
	hello = append(hello, 45, 2, 0)
	hello = binary.LittleEndian.AppendUint16(hello, capabilities>>16)
	hello = append(hello, 21)
	hello = append(hello, make([]byte, 10)...)
	hello = append(hello, "123456789012\x00caching_sha2_password\x00"...)
	if err := send(c, 0, hello); err != nil {
		return "", err
	}
	if _, err := receive(c); err != nil { // it asks for TLS
		return "", err
	}
	secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
	if _, err := receive(secure); err != nil { // who it is
		return "", err
	}
	if err := send(secure, 3, []byte("\xfemysql_clear_password\x00")); err != nil {
		return "", err
	}
	password, err := receive(secure)
	if err != nil {
		return "", err
	}
	return string(password), send(secure, 5, []byte("\xff\x15\x04#28000Access denied for user 'app'"))
}

func send(w io.Writer, number byte, body []byte) error {
	head := []byte{byte(len(body)), byte(len(body) >> 8), 0, number}
	_, err := w.Write(append(head, body...))
	return err
}

func receive(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, int64(head[0])|int64(head[1])<<8)
	return b.Bytes(), err
}

func TestTokenSettings(t *testing.T) {
	const asked = "asked" // no fault: the source was asked
	for name, tt := range map[string]struct {
		v    values
		says string
	}{
		"VERIFY_IDENTITY":    {values{"dsn": "app@tcp(h:3306)/d", "sslMode": "VERIFY_IDENTITY"}, asked},
		"REQUIRED":           {values{"host": "h", "database": "d", "user": "app", "sslMode": "REQUIRED"}, asked},
		"in the DSN":         {values{"dsn": "app@tcp(h:3306)/d?tls=true"}, asked},
		"the default":        {values{"dsn": "app@tcp(h:3306)/d"}, "needs TLS"},
		"PREFERRED":          {values{"dsn": "app@tcp(h:3306)/d", "sslMode": "PREFERRED"}, "needs TLS"},
		"DISABLED":           {values{"host": "h", "database": "d", "sslMode": "DISABLED"}, "needs TLS"},
		"tls=preferred":      {values{"dsn": "app@tcp(h:3306)/d?tls=preferred"}, "needs TLS"},
		"a socket":           {values{"dsn": "app@unix(/tmp/s)/d", "sslMode": "REQUIRED"}, "needs a host"},
		"password in a DSN":  {values{"dsn": "app:s3cret@tcp(h:3306)/d?tls=true"}, "iamAuth and a password"},
		"password as a part": {values{"host": "h", "database": "d", "password": "s3cret", "sslMode": "REQUIRED"}, "iamAuth and a password"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &source{fault: &core.UnavailableError{System: "source", Err: errors.New("asked")}}
			tt.v["iamAuth"] = "true"
			target, err := newFor(tt.v, mysql.WithTokens(s))
			if err == nil {
				err = target.Ping(t.Context())
				must(t, target.Close())
			}
			want := core.CodeConfigInvalid
			if tt.says == asked {
				want = core.CodeUnavailable
			}
			if core.CodeOf(err) != want || !strings.Contains(fmt.Sprint(err), tt.says) || core.HintOf(err) == "" || strings.Contains(fmt.Sprint(err, core.HintOf(err)), "s3cret") {
				t.Errorf("got %v, want %s: %s", err, want, tt.says)
			}
			if (s.count() > 0) != (tt.says == asked) {
				t.Error("the source was asked though the configuration is wrong, or was not asked at all")
			}
		})
	}
}
