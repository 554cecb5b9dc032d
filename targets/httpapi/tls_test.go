package httpapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// clientCertificate makes one that signs itself, and its key, in PEM.
func clientCertificate(t testing.TB) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "flamingock"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func TestTLS(t *testing.T) {
	cert, key := clientCertificate(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	start := func(config *tls.Config) *api {
		a := &api{plans: map[string]map[string]any{}}
		a.server = httptest.NewUnstartedServer(a)
		a.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of refused handshakes
		a.server.TLS = config
		a.server.StartTLS()
		t.Cleanup(a.server.Close)
		return a
	}
	plain, modern, old, mutual := newAPI(t), start(nil), start(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), //nolint:gosec // what must be refused
		start(&tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12})
	dir := t.TempDir()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: modern.server.Certificate().Raw}))
	write(t, dir, "ca.pem", []byte(ca))
	write(t, dir, "cert.pem", cert)
	write(t, dir, "key.pem", key)
	write(t, dir, "none.pem", []byte("canary"))
	values := map[string]string{"CA": ca, "CERT": string(cert), "KEY": string(key), "BAD": "canary"}
	for name, tt := range map[string]struct {
		a    *api
		url  string
		tls  tlsSettings
		code core.Code
		says string
	}{
		"a file":                      {a: modern, tls: tlsSettings{CAFile: "ca.pem"}},
		"by a reference":              {a: modern, tls: tlsSettings{CA: "${env:CA}"}},
		"not trusted":                 {a: modern, code: core.CodeConfigInvalid, says: "tls: the certificate is not trusted"},
		"another name":                {a: modern, tls: tlsSettings{CAFile: "ca.pem", ServerName: "other.example.org"}, code: core.CodeConfigInvalid, says: "tls: the certificate is for another name"},
		"the name set":                {a: modern, tls: tlsSettings{CAFile: "ca.pem", ServerName: "example.com"}},
		"too old":                     {a: old, tls: tlsSettings{CAFile: "ca.pem"}, code: core.CodeConfigInvalid, says: "the server ended the TLS connection: tls: protocol version not supported"},
		"http behind https":           {a: plain, url: strings.Replace(plain.url(), "http:", "https:", 1), code: core.CodeConfigInvalid, says: "speaks http, not https"},
		"a client's, as files":        {a: mutual, tls: tlsSettings{CAFile: "ca.pem", CertFile: "cert.pem", KeyFile: "key.pem"}},
		"a client's, by references":   {a: mutual, tls: tlsSettings{CA: "${env:CA}", Certificate: "${env:CERT}", PrivateKey: "${env:KEY}"}},
		"no client's":                 {a: mutual, tls: tlsSettings{CAFile: "ca.pem"}, code: core.CodeConfigInvalid, says: "certificate required"},
		"a file that is not there":    {a: modern, tls: tlsSettings{CAFile: "no.pem"}, code: core.CodeConfigInvalid, says: "tls.caFile: cannot be read"},
		"a file without certificates": {a: modern, tls: tlsSettings{CAFile: "none.pem"}, code: core.CodeConfigInvalid, says: "tls.ca: holds no certificate"},
		"a key that is none":          {a: modern, tls: tlsSettings{Certificate: "${env:CERT}", PrivateKey: "${env:BAD}"}, code: core.CodeConfigInvalid, says: "cannot be used together"},
	} {
		if tt.url == "" {
			tt.url = tt.a.url()
		}
		target := targetOf(t, entry{settings: settings{BaseURL: tt.url, TLS: tt.tls}, values: values, dir: dir})
		l := newLedger()
		_, err := l.apply(t, target, mustLoad(t, target, "apply: { method: POST, path: /plans, json: { name: gold } }"))
		if core.CodeOf(err) != tt.code || tt.says != "" && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q, %q", name, err, tt.code, tt.says)
		}
		if err != nil && (core.HintOf(err) == "" || strings.Contains(err.Error(), "canary") || l.states(t) != "") {
			t.Errorf("%s: %v; recorded %s", name, err, l.states(t))
		}
		tt.a.set(func(a *api) { clear(a.plans) })
	}
}
