package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The function as it is shipped, under AWS's emulator, with its audit store and target
// system on LocalStack: what a stage of a pipeline would see.
func TestEmulatorAndLocalStack(t *testing.T) {
	t.Parallel()
	stages := []string{"first", "second", "third"}
	s := newShop(t, stages...)
	f := s.start()
	expect := func(name, event string, says ...string) {
		t.Helper()
		body := f.invoke(event)
		for _, want := range says {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in %s", name, want, body)
			}
		}
	}
	expect("several changes, cold", apply, `"status":"SUCCESS"`, `"APPLIED":3`)
	s.once(f, "first", "second", "third")
	process := f.process()
	for range 3 {
		expect("nothing to do, warm", apply, `"status":"NO_CHANGES"`, `"ALREADY_APPLIED":3`)
	}

	// A client is made for a change that needs it, and for nobody else.
	s.target = `, region: us-east-1, endpoint: "` + nobody(t) + `"`
	s.configure(stages)
	expect("nothing to do, with a target system of which nothing is wanted", apply, `"status":"NO_CHANGES"`)
	s.target = ""

	stages = append(stages, "fourth")
	s.configure(stages)
	s.change("fourth", "fourth", refuses)
	expect("a change fails", apply, `"errorType":"ChangeFailed"`, `\"changeId\":\"fourth\"`, "refused")
	if diff := cmp.Diff([]string{"first APPLIED", "second APPLIED", "third APPLIED", "fourth FAILED", "fourth ROLLED_BACK"}, s.history(f)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}

	s.write("flamingock.yaml", "ledger: shop/test\nnonsense: true\n")
	expect("a wrong configuration", apply, `"errorType":"ConfigInvalid"`, "nonsense")
	expect("an event of nobody's", `{}`, `"errorType":"ConfigInvalid"`)
	s.configure(stages)
	s.change("fourth", "fourth", "")
	expect("mended", apply, `"status":"SUCCESS"`, `"APPLIED":1`)
	s.once(f, "first", "second", "third", "fourth")
	if now := f.process(); now != process {
		t.Errorf("process %s has become %s: an answer was the end of one", process, now)
	}
}

// nobody is a server that fails the test when it is asked for anything.
func nobody(t testing.TB) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a target system was asked for something") }))
	t.Cleanup(s.Close)
	return s.URL
}
