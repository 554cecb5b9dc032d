package httpapi

import (
	"net/http"
	"regexp"
	"slices"

	"golang.org/x/net/http/httpguts"
)

// ours are headers that this package or net/http sets, and those with credentials.
var ours = []string{"Authorization", "Connection", "Content-Length", "Host", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// secretHeader finds headers whose values are secrets also where they are no references.
var secretHeader = regexp.MustCompile(`(?i)key|token|secret|auth|cookie|passw|session|signature|credential`)

// wrongHeader says why a header cannot be set; "" when it can.
func wrongHeader(name string) string {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "the name of a header is not valid"
	case slices.Contains(ours, http.CanonicalHeaderKey(name)):
		return "the header " + http.CanonicalHeaderKey(name) + " is not for changes and configurations to set"
	}
	return ""
}
