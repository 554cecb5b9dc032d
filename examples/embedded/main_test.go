package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// log is what the service writes, for two goroutines.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var address = regexp.MustCompile(`http://\S+`)

// TestService starts the service twice on one directory, asks it, and stops it.
func TestService(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{
		"changes of ledger shop: SUCCESS\n  APPLIED create-orders\n  APPLIED seed-orders\n",
		"changes of ledger shop: NO_CHANGES\n  ALREADY_APPLIED create-orders\n  ALREADY_APPLIED seed-orders\n",
	} {
		ctx, stop := context.WithCancel(t.Context())
		out, ended := &log{}, make(chan error, 1)
		go func() { ended <- service(ctx, dir, "127.0.0.1:0", out) }()
		for deadline := time.Now().Add(30 * time.Second); !address.MatchString(out.String()); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the service does not listen: %s", out)
			}
		}
		if got := get(t, address.FindString(out.String())); got != "2 orders\n" {
			t.Errorf("the service answers %q", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with %v", err)
		}
		if got := out.String(); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestStoppedAtOnce stops the service before it has begun: nothing is applied.
func TestStoppedAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	out := &log{}
	err := service(ctx, t.TempDir(), "127.0.0.1:0", out)
	if err == nil || core.CodeOf(err) != core.CodeInterrupted {
		t.Errorf("got %v, want that it was interrupted; log %s", err, out)
	}
}
