//go:build unix

package soak

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/chaos/disturb"
)

var lab disturb.Lab

func TestMain(m *testing.M) {
	code := lab.Run(m)
	if err := goleak.Find(
		// Idle connections of the clients of AWS, which are kept from run to run.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
