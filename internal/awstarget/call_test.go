package awstarget

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/aws/smithy-go"

	"github.com/flamingock/flamingock-go/core"
)

// A call is sent again where that does no harm, and says whether anything may have been done.
func TestCall(t *testing.T) {
	lost := &net.OpError{Op: "read", Err: errors.New("reset")}
	away := &net.OpError{Op: "dial", Err: errors.New("refused")}
	code := func(c string) error { return &smithy.GenericAPIError{Code: c, Message: "m"} }
	for about, tt := range map[string]struct {
		resend  bool
		answers []error // the last one is repeated
		sent    int
		failed  bool
		unknown bool
	}{
		"done":                           {false, []error{nil}, 1, false, false},
		"no answer":                      {false, []error{lost, nil}, 1, true, true},
		"no answer, and harmless":        {true, []error{lost, lost, nil}, 3, false, false},
		"never an answer, and harmless":  {true, []error{lost}, 4, true, true},
		"nobody is there":                {false, []error{away}, 4, true, false},
		"nobody is there for a moment":   {false, []error{away, away, nil}, 3, false, false},
		"refused":                        {true, []error{code("InvalidParameter")}, 1, true, false},
		"throttled":                      {false, []error{code("Throttling"), code("Throttling"), nil}, 3, false, false},
		"busy, as the service says it":   {false, []error{code("Busy"), nil}, 2, false, false},
		"refused after a lost answer":    {true, []error{lost, code("InvalidParameter")}, 2, true, true},
		"lost after a connection failed": {false, []error{away, lost, nil}, 2, true, true},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				err := Call{
					Resend: tt.resend,
					Later:  func(err error) bool { return CodeOf(err) == "Busy" },
					Send: func(context.Context) error {
						sent++
						return tt.answers[min(sent, len(tt.answers))-1]
					},
				}.Change(t.Context())
				if sent != tt.sent || (err != nil) != tt.failed || core.IsUnknown(err) != tt.unknown {
					t.Errorf("sent %d times, got %v (unknown: %t)", sent, err, core.IsUnknown(err))
				}
			})
		})
	}
}

// What is throttled for ever ends after half a minute, and what is cancelled is not sent.
func TestCallEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := Call{Send: func(context.Context) error { return &smithy.GenericAPIError{Code: "Throttling"} }}.Change(t.Context())
		if CodeOf(err) != "Throttling" || core.IsUnknown(err) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := (Call{Send: func(context.Context) error { t.Error("it was sent"); return nil }}).Change(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
