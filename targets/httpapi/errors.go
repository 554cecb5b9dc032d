package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/flamingock/flamingock-go/core"
)

// RequestError is a request that cannot be sent. Nothing was.
type RequestError struct {
	What   string // method and path
	Reason string
	Next   string
}

func (e *RequestError) Error() string { return e.What + ": " + e.Reason }

// Hint says what to do.
func (e *RequestError) Hint() string { return e.Next }

// RedirectError is a redirect that is not followed.
type RedirectError struct {
	What   string // method and path of the request
	Status int
	Host   string // that it leads to; "" if unknown
	Reason string
	Next   string
}

func (e *RedirectError) Error() string {
	s := fmt.Sprintf("%s: a redirect (%d) %s is not followed", e.What, e.Status, e.Reason)
	if e.Host != "" {
		s += ": " + e.Host
	}
	return s
}

// Hint says what to do.
func (e *RedirectError) Hint() string { return e.Next }

// StatusError is an answer with a status that was not expected.
type StatusError struct {
	What   string // method and path
	Status int
	Want   string // the statuses that were
	Quote  string // of the answer: short, and without secrets
}

func (e *StatusError) Error() string {
	s := e.What + " was answered with " + statusText(e.Status)
	if e.Want != "" {
		s += ", not " + e.Want
	}
	if e.Quote != "" {
		s += ": " + e.Quote
	}
	return s
}

// Hint says what to do; "" when it depends on what the API says.
func (e *StatusError) Hint() string {
	switch {
	case e.Status >= 300 && e.Status < 400:
		return "name the URL that the redirect leads to: what is not a GET is sent on only after 307 and 308"
	case e.Status == http.StatusConflict:
		return "something is there already: compare it; existing in the change says what counts as the same"
	case e.Status == http.StatusTooManyRequests:
		return "the API asks for fewer requests: run again later"
	}
	return ""
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// AnswerError is an answer of the expected status whose content is not as expected.
type AnswerError struct {
	What   string // method and path
	Status int
	Reason string // such as "$.price is 12, not 10"
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s was answered with %s, but %s", e.What, statusText(e.Status), e.Reason)
}

// Hint says what to do.
func (e *AnswerError) Hint() string {
	return "compare what the API has with what the change expects, and mend either"
}

// ExistsError is something that is there already, and is not what the change makes.
type ExistsError struct {
	What string // method and path of the request that was refused
	Err  error
}

func (e *ExistsError) Error() string {
	return e.What + ": something else is there already: " + e.Err.Error()
}
func (e *ExistsError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *ExistsError) Hint() string {
	return "find out whose it is: mend the change, or take away what is there"
}

// Expect returns nil if the answer has one of the statuses; without any, if it is of
// the 2xx class. Otherwise the error is a *StatusError, or a *core.PermissionError
// around one, marked with core.Unknown where nobody can say what was done.
func (r *Response) Expect(status ...int) error {
	want := make(statuses, len(status))
	for i, s := range status {
		want[i] = strconv.Itoa(s)
	}
	return r.expect(want)
}

func (r *Response) expect(want statuses) error {
	if want.has(r.Status) {
		return nil
	}
	err := error(r.statusError(want))
	switch r.Status {
	case http.StatusUnauthorized:
		err = &core.PermissionError{System: r.client.target.system(), Right: "credentials that the API accepts", Err: err, Next: "check auth of the target system, then run again"}
	case http.StatusForbidden:
		err = &core.PermissionError{System: r.client.target.system(), Right: "the right to " + r.what, Err: err}
	}
	return unknownIf(r.Unanswered || r.Status >= http.StatusInternalServerError, err)
}

func (r *Response) statusError(want statuses) *StatusError {
	return &StatusError{What: r.what, Status: r.Status, Want: want.String(), Quote: r.client.secrets.quote(string(r.Body))}
}

// tlsAlert is the operation of an error that the other side reported in TLS.
const tlsAlert = "remote error"

// refusedInTLS reports whether the server ended the connection because of the client's
// certificate. With TLS 1.3 that comes after the request was written, which is not read.
func refusedInTLS(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == tlsAlert && strings.Contains(op.Err.Error(), "certificate")
}

// unreachable explains why there was no answer. The errors of net/http quote URLs; these
// words hold nothing of them.
func (n *connection) unreachable(system, key string, err error) error {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		hostname    x509.HostnameError
		record      tls.RecordHeaderError
		op          *net.OpError
		number      syscall.Errno
		network     net.Error
	)
	away := func(words string) error { return &core.UnavailableError{System: system, Err: errors.New(words)} }
	wrong := func(key, reason, next string) error { return fault(n.target.id, key, reason, next) }
	switch {
	case errors.As(err, &hostname):
		return wrong("tls", "the certificate is for another name", "mend "+key+", or set tls.serverName")
	case errors.As(err, &certificate):
		return wrong("tls", "the certificate is not trusted", "set tls.caFile to the certificates of whoever signed it")
	case errors.As(err, &op) && op.Op == tlsAlert:
		return wrong("tls", "the server ended the TLS connection: "+op.Err.Error(), "look at tls: it may want another certificate of the client's, or none")
	case errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/":
		return wrong(key, "what answers speaks http, not https", "mend the URL")
	case errors.As(err, &dns) && dns.IsNotFound:
		return away("its host name cannot be resolved")
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout():
		return away("no connection or no answer in time")
	case errors.As(err, &number):
		return away(number.Error())
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return away("the connection was closed before the answer ended")
	}
	return away("the connection failed, or what answers does not speak HTTP")
}
