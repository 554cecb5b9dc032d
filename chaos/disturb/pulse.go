//go:build unix

package disturb

import (
	"context"
	"database/sql"
	"sync"
	"testing" //nolint:depguard // this package is for tests
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// pulse measures how long a machine, or a server on it, keeps a small request waiting.
// A lease says nothing about a machine that stands still for longer.
type pulse struct {
	mu sync.Mutex
	// waits are those worth remembering, in their order.
	waits []wait
	// under are the requests that have had no answer yet, by what is asked.
	under map[string]time.Time
}

type wait struct {
	on          string
	from, until time.Time
}

const (
	// beat is how often each server is asked; remembered is what a request may take
	// without being a wait.
	beat       = 250 * time.Millisecond
	remembered = 100 * time.Millisecond
	// tooLong is no machine that stands still, but a server that is gone.
	tooLong = time.Minute
)

// feel asks every beat until the context ends. What is late to be asked counts, too, and
// a request that fails waits until the next one does not.
func (p *pulse) feel(ctx context.Context, on string, ask func(ctx context.Context) error) {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for due := time.Now().Add(beat); ; due = due.Add(beat) {
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
		}
		p.begin(on, due)
		if err := ask(ctx); err != nil {
			continue // no answer yet
		}
		p.end(on)
		if now := time.Now(); now.After(due.Add(beat)) {
			due = now // beats that were left out are not late
		}
	}
}

func (p *pulse) begin(on string, due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, waits := p.under[on]; !waits {
		p.under[on] = due
	}
}

func (p *pulse) end(on string) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if from := p.under[on]; now.Sub(from) > remembered {
		p.waits = append(p.waits, wait{on, from, now})
	}
	delete(p.under, on)
}

// longest returns the longest wait that was not over at a time, and on what it was.
func (p *pulse) longest(since time.Time) (longest time.Duration, on string) {
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

// feelPulse feels the pulse of the machine and of the bench's servers, where it hurts: a
// write that has to be durable. It ends with the test.
func (b *Bench) feelPulse(t testing.TB) {
	b.pulse = &pulse{under: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(context.Background())
	var feeling sync.WaitGroup
	start := func(on string, ask func(ctx context.Context) error) {
		feeling.Go(func() { b.pulse.feel(ctx, on, ask) })
	}
	start("this process", func(context.Context) error { return nil })
	if b.client != nil {
		start("DynamoDB", func(ctx context.Context) error {
			_, err := b.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.Things, Item: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "pulse"}, "sk": &types.AttributeValueMemberS{Value: "pulse"},
			}}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
			return err
		})
	}
	if b.db != nil {
		if _, err := b.db.ExecContext(t.Context(), "CREATE TABLE pulse (n int)"); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("pgx", b.DSN) // of its own: to wait for a connection says nothing of the server
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		start("PostgreSQL", func(ctx context.Context) error {
			_, err := db.ExecContext(ctx, "INSERT INTO pulse VALUES (1)")
			return err
		})
	}
	t.Cleanup(func() {
		cancel()
		feeling.Wait()
		b.pulse.mu.Lock()
		defer b.pulse.mu.Unlock()
		for on, since := range b.pulse.under {
			if silent := time.Since(since); silent > tooLong {
				t.Errorf("%s has not answered for %s", on, silent)
			}
		}
	})
}
