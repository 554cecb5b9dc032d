package mysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/core"
)

// checkTLS finds what is wrong with the settings without reading a file.
func (c settings) checkTLS(id string) error {
	switch {
	case c.SSLMode == "" && (c.SSLCA != "" || c.SSLCert != "" || c.SSLKey != ""):
		return fault(id, "has sslCa, sslCert or sslKey without sslMode", "add sslMode: VERIFY_IDENTITY")
	case c.SSLMode != "" && !slices.Contains(tlsModes, c.SSLMode):
		return fault(id, "has an sslMode that does not exist: "+core.Cap(c.SSLMode, 40), "use one of "+strings.Join(tlsModes, ", "))
	case (c.SSLCert == "") != (c.SSLKey == ""):
		return fault(id, "has only one of sslCert and sslKey", "a client certificate needs its key: give both")
	case c.SSLMode == "VERIFY_CA" && c.SSLCA == "":
		return fault(id, "has sslMode: VERIFY_CA without sslCa", "name the file with the certificates of the authority: sslCa: ca.pem; or use VERIFY_IDENTITY")
	}
	return nil
}

// useTLS puts sslMode and what belongs to it into the driver's configuration.
func (c settings) useTLS(ctx context.Context, id string, s core.Settings, config *mysql.Config) error {
	if c.SSLMode == "DISABLED" {
		return nil
	}
	t := clone(nil)
	t.ServerName = host(config)
	if err := c.readCertificates(ctx, id, s, t); err != nil {
		return err
	}
	switch c.SSLMode {
	case "PREFERRED", "REQUIRED":
		t.InsecureSkipVerify = true // it is what these words mean: encrypted, whoever the server is
	case "VERIFY_CA":
		// The name is not compared, the chain is.
		t.InsecureSkipVerify = true
		t.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, t.RootCAs) }
	}
	config.TLS, config.AllowFallbackToPlaintext = t, c.SSLMode == "PREFERRED"
	return nil
}

func (c settings) readCertificates(ctx context.Context, id string, s core.Settings, t *tls.Config) error {
	path := func(value string) (string, error) {
		value, err := core.Expand(ctx, s.Resolver(), value)
		return s.Path(value), err
	}
	if c.SSLCA != "" {
		file, err := path(c.SSLCA)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return &core.ConfigError{Key: "targetSystems." + id + ".sslCa", Reason: "the file cannot be read", Next: "name a file with certificates in PEM form", Err: err}
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return &core.ConfigError{Key: "targetSystems." + id + ".sslCa", Reason: "holds no certificate", Next: "name a file with certificates in PEM form"}
		}
	}
	if c.SSLCert == "" {
		return nil
	}
	cert, err := path(c.SSLCert)
	if err != nil {
		return err
	}
	key, err := path(c.SSLKey)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return &core.ConfigError{Key: "targetSystems." + id + ".sslCert", Reason: "the client certificate cannot be used", Next: "name files with a certificate and its key in PEM form", Err: err}
	}
	t.Certificates = []tls.Certificate{pair}
	return nil
}

// verifyChain checks that an authority has signed the server's certificate, for
// whatever name.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server has no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}
