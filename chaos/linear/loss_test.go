package linear_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/flamingock/flamingock-go/core"
)

// errLost is what a client sees when its connection ends without an answer.
var errLost = errors.New("connection reset by peer")

// losses is a bad network: some requests never arrive, some arrive but their
// answer does not, and some arrive only when others made later have arrived.
type losses struct {
	mu     sync.Mutex
	rng    *rand.Rand
	often  float64 // of all requests
	n      int
	dies   int    // the request at which the process ends; 0: it lives
	died   func() // is told of it
	parked []parked
}

type parked struct {
	due int
	act func()
}

func newLosses(seed uint64, often float64) *losses {
	return &losses{rng: rand.New(rand.NewPCG(seed, 1)), often: often}
}

// pass lets act happen now, later or not at all, and reports whether its answer
// comes back.
func (l *losses) pass(act func()) bool {
	l.mu.Lock()
	l.n++
	if l.dies > 0 && l.n >= l.dies {
		arrives := l.n == l.dies && l.rng.IntN(2) == 0
		l.mu.Unlock()
		if arrives {
			act()
		}
		l.died()
		runtime.Goexit()
	}
	due := l.takeDue(l.n)
	fate := "arrives"
	if l.rng.Float64() < l.often {
		fate = []string{"vanishes", "unanswered", "late"}[l.rng.IntN(3)]
	}
	if fate == "late" {
		l.parked = append(l.parked, parked{due: l.n + 1 + l.rng.IntN(6), act: act})
	}
	l.mu.Unlock()
	for _, p := range due {
		p.act()
	}
	if fate == "arrives" || fate == "unanswered" {
		act()
	}
	return fate == "arrives"
}

func (l *losses) takeDue(now int) []parked {
	var due, rest []parked
	for _, p := range l.parked {
		if p.due <= now {
			due = append(due, p)
		} else {
			rest = append(rest, p)
		}
	}
	l.parked = rest
	return due
}

// heal lets everything arrive that is still under way; from now on nothing is lost.
func (l *losses) heal() {
	l.mu.Lock()
	l.often = 0
	due := l.takeDue(1 << 62)
	l.mu.Unlock()
	for _, p := range due {
		p.act()
	}
}

// lossyStore is a store behind a bad network, for stores that have none.
type lossyStore struct {
	core.AuditStore
	l *losses
}

func (s lossyStore) write(send func() error) error {
	var mu sync.Mutex // a late request may act while its sender still looks
	var err error
	answered := s.l.pass(func() {
		mu.Lock()
		defer mu.Unlock()
		err = send()
	})
	if !answered {
		return errLost
	}
	mu.Lock()
	defer mu.Unlock()
	return err
}

func (s lossyStore) Acquire(ctx context.Context, a core.Acquisition) error {
	return s.write(func() error { return s.AuditStore.Acquire(context.WithoutCancel(ctx), a) })
}

func (s lossyStore) Append(ctx context.Context, a core.Append) error {
	return s.write(func() error { return s.AuditStore.Append(context.WithoutCancel(ctx), a) })
}

func (s lossyStore) Renew(ctx context.Context, l core.Lease) error {
	return s.write(func() error { return s.AuditStore.Renew(context.WithoutCancel(ctx), l) })
}

func (s lossyStore) Release(ctx context.Context, l core.Lease) error {
	return s.write(func() error { return s.AuditStore.Release(context.WithoutCancel(ctx), l) })
}

// wire is a bad network under an HTTP client. The bytes of a late request are those
// that were sent.
type wire struct {
	l  *losses
	to http.RoundTripper
}

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.Header.Get("X-Amz-Target"), ".DescribeTable") {
		return w.to.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var resp *http.Response
	answered := w.l.pass(func() {
		mu.Lock()
		defer mu.Unlock()
		resp, err = w.send(req, body) //nolint:bodyclose // it is handed on, over bytes
	})
	if !answered {
		return nil, errLost
	}
	mu.Lock()
	defer mu.Unlock()
	return resp, err
}

// send sends the request, whether or not its sender still waits, and reads the
// whole answer.
func (w wire) send(req *http.Request, body []byte) (*http.Response, error) {
	out := req.Clone(context.WithoutCancel(req.Context()))
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := w.to.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}
