package main

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// long is a visibility timeout that no test lasts for: what comes again before was asked
// for by the function.
const long = time.Hour

// patience is how long a queue may take to be empty.
const patience = 3 * time.Minute

// askLocalStack feels the pulse of LocalStack, too.
func askLocalStack(t testing.TB, p *standstill.Pulse) {
	t.Helper()
	client := sqs.NewFromConfig(awstest.LocalStack(t), func(o *sqs.Options) { o.Retryer = aws.NopRetryer{} })
	p.Ask(t, "LocalStack", func(ctx context.Context) error {
		_, err := client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("nobody-has-such")})
		return err
	})
}

// As infra/template.yaml has it: a FIFO queue, one message a batch. A poison message
// holds up those behind it until it is a dead letter; all others are applied once, in
// order, however often each is delivered.
func TestFIFOQueue(t *testing.T) {
	t.Parallel()
	s, q := newShop(t, "one", "two", "three"), newQueue(t, true, long)
	source := eventSource{q: q, f: s.start(), batch: 1, times: 2}
	q.send(request("one"), request("one"), poison, request("two"), request("three"), request("two"))
	began := time.Now()
	source.drain(patience)
	t.Logf("drained in %s", time.Since(began).Round(time.Millisecond))
	if diff := cmp.Diff([]string{
		"one#1 0 failed", "one#1 0 failed", "poison#1 1 failed", "poison#2 1 failed", "poison#3 1 failed", "two#1 0 failed", "three#1 0 failed", "two#1 0 failed",
	}, source.log); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{poison}, q.deadLetters()); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	s.once(source.f, "one", "two", "three")
}

// On a standard queue what is poisoned takes nothing with it.
func TestStandardQueue(t *testing.T) {
	t.Parallel()
	s, q := newShop(t, "one", "two"), newQueue(t, false, long)
	source := eventSource{q: q, f: s.start(), batch: 10}
	q.send(request("one"), poison, request("two"), request("one"))
	source.drain(patience)
	if diff := cmp.Diff([]string{poison}, q.deadLetters()); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	got := s.applied()
	if diff := cmp.Diff(map[string]string{"one": "1", "two": "1"}, got); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	t.Logf("batches: %q", source.log)
}

// On a FIFO queue with larger batches, what is behind a failure comes again with it,
// and is applied after it: after the queue's own time, since a person has to mend something.
func TestOrderAfterAFailure(t *testing.T) {
	t.Parallel()
	pulse := standstill.Feel(t, 8)
	askLocalStack(t, pulse)
	pulse.Try(t, 2*time.Second, func(t testing.TB, hidden time.Duration) {
		s, q := newShop(t, "one", "two", "three"), newQueue(t, true, hidden)
		s.change("two", "two", refuses)
		source := eventSource{q: q, f: s.start(), batch: 10}
		q.send(request("one"), request("two"), request("three"))
		source.hand(q.receive(q.url, 10))
		s.once(source.f, "one")
		s.change("two", "two", "") // somebody mends it
		source.drain(patience)
		if diff := cmp.Diff([]string{"one#1 two#1 three#1 2 failed", "two#2 three#2 0 failed"}, source.log); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		s.once(source.f, "one", "two", "three")
	})
}
