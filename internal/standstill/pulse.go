// Package standstill is for tests whose expectations rest on real time, such as a lease:
// it measures for how long the machine, or a server on it, stood still, and tries a test
// again that failed for no other reason.
package standstill

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Pulse measures how long a machine, or a server on it, keeps a small request waiting.
// A lease says nothing about a machine that stands still for longer.
type Pulse struct {
	// share is the part of a lease that an expectation survives.
	share time.Duration

	mu sync.Mutex
	// waits are those worth remembering, in their order.
	waits []wait
	// under are the requests that have had no answer yet, by what is asked; answered is
	// when a request was sent to each whose answer came last.
	under, answered map[string]time.Time
}

type wait struct {
	on          string
	from, until time.Time
}

const (
	// beat is how often each server is asked; remembered is what a request may take
	// without being a wait.
	beat       = 250 * time.Millisecond
	remembered = 50 * time.Millisecond
	// tooLong is no machine that stands still, but a server that is gone.
	tooLong = time.Minute
)

// feel asks every beat until the context ends. What is late to be asked counts, too, and
// a request that fails waits until the next one does not.
func (p *Pulse) feel(ctx context.Context, on string, ask func(ctx context.Context) error) {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for due := time.Now().Add(beat); ; due = due.Add(beat) {
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
		}
		p.begin(on, due)
		asked := time.Now()
		if err := ask(ctx); err != nil {
			continue // no answer yet
		}
		p.end(on, asked)
		if now := time.Now(); now.After(due.Add(beat)) {
			due = now // beats that were left out are not late
		}
	}
}

func (p *Pulse) begin(on string, due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, waits := p.under[on]; !waits {
		p.under[on] = due
	}
}

func (p *Pulse) end(on string, asked time.Time) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if from := p.under[on]; now.Sub(from) > remembered {
		p.waits = append(p.waits, wait{on, from, now})
	}
	delete(p.under, on)
	p.answered[on] = asked
}

// settle waits until each that is asked has answered a request of later than now: only
// then is it known for how long it stood still, and that it goes on. One that is gone, or
// that nobody asks any more, is not waited for.
func (p *Pulse) settle() {
	began := time.Now()
	unsettled := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, asked := range p.answered {
			if asked.Before(began) {
				return true
			}
		}
		return false
	}
	for unsettled() && time.Since(began) < tooLong {
		<-time.After(beat / 10)
	}
}

// longest returns the longest wait that was not over at a time, and on what it was.
func (p *Pulse) longest(since time.Time) (longest time.Duration, on string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	see := func(w wait) {
		if took := w.until.Sub(w.from); w.until.After(since) && took > longest {
			longest, on = took, w.on
		}
	}
	for _, w := range p.waits {
		see(w)
	}
	for on, from := range p.under {
		see(wait{on, from, time.Now()})
	}
	return longest, on
}

// Stood says whether this process, or a server, has stood still for that long since a
// time. It returns when they go on.
func (p *Pulse) Stood(since time.Time, long time.Duration) bool {
	p.settle()
	stood, _ := p.longest(since)
	return stood >= long
}

func newPulse(share int) *Pulse {
	return &Pulse{share: time.Duration(share), under: map[string]time.Time{}, answered: map[string]time.Time{}}
}

// Feel feels the pulse of this process until the test ends. What stands still for less
// than the given share of a lease (8: an eighth of it) is no excuse.
func Feel(t testing.TB, share int) *Pulse {
	p := newPulse(share)
	p.Ask(t, "this process", func(context.Context) error { return nil })
	return p
}

// Ask feels the pulse of a server, too, until the test ends. It is best asked where it
// hurts: for a write that has to be durable.
func (p *Pulse) Ask(t testing.TB, on string, ask func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var feeling sync.WaitGroup
	p.mu.Lock()
	p.answered[on] = time.Now()
	p.mu.Unlock()
	feeling.Go(func() { p.feel(ctx, on, ask) })
	t.Cleanup(func() {
		cancel()
		feeling.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.answered, on)
		if since, waits := p.under[on]; waits {
			p.waits = append(p.waits, wait{on, since, time.Now()})
			delete(p.under, on)
			if silent := time.Since(since); silent > tooLong {
				t.Errorf("%s has not answered for %s", on, silent)
			}
		}
	})
}

// AskSQL feels the pulse of a database server, too, which is asked through connections of
// its own, and in a database without a table pulse: to wait for a connection says nothing
// of the server.
func (p *Pulse) AskSQL(t testing.TB, on string, db *sql.DB) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE pulse (n int)"); err != nil {
		t.Fatal(err)
	}
	p.Ask(t, on, func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "INSERT INTO pulse VALUES (1)")
		return err
	})
}

// AskDisk feels the pulse of the disk that temporary directories are on, too: of writes
// that have to be durable, as those of an embedded database.
func (p *Pulse) AskDisk(t testing.TB) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "pulse"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Ask(t, "the disk", func(context.Context) error {
		if _, err := f.WriteAt([]byte("pulse"), 0); err != nil {
			return err
		}
		return f.Sync()
	})
}
