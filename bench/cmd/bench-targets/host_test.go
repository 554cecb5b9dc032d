package main

import (
	"slices"
	"strings"
	"testing"
)

// A maker ends where it fails, and what it left behind is done away with all the same.
func TestHost(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func(server)
		want string
	}{
		"content":      {func(server) {}, ""},
		"a failure":    {func(tb server) { tb.Fatal("no ", "server") }, "no server"},
		"with a form":  {func(tb server) { tb.Fatalf("no %s", "server") }, "no server"},
		"nothing here": {func(tb server) { tb.Skip("needs a server") }, "needs a server"},
		"with an error": {func(tb server) {
			tb.Errorf("it said %d", 1)
		}, "it said 1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t.Context())
			var order []string
			err := h.run(func(tb server) {
				tb.Cleanup(func() { order = append(order, "first made") })
				tb.Cleanup(func() { order = append(order, "last made") })
				tt.fail(tb)
				order = append(order, "went on")
			})
			ended := strings.Contains(name, "failure") || strings.Contains(name, "form") || strings.Contains(name, "nothing")
			if got := slices.Contains(order, "went on"); got == ended {
				t.Errorf("went on: %t", got)
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			order = nil
			h.close()
			if want := []string{"last made", "first made"}; !slices.Equal(order, want) {
				t.Errorf("%q, want %q", order, want)
			}
		})
	}
}
