package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// system is a target system on a server.
type system struct {
	name, operation string
	// extra is what is called for safety beside the operation itself.
	extra string
	// addr is where its server listens, and speaks what is spoken with it; "" and nil when
	// it has none.
	addr   string
	speaks protocol
	// keeps says that its changes keep what was there before.
	keeps bool
	// config is the target system's entry in the configuration, with the server at addr.
	config func(addr string) string
	// change is the payload of the change with number n, and its template.
	change func(n int) string
	// client makes the bare client, with the server at addr.
	client func(ctx context.Context, addr string) (bare, error)
}

// bare is a system's own client.
type bare interface {
	// same makes the calls that the change with number n makes.
	same(ctx context.Context, n int) error
	// plain does the operation number n, and nothing else.
	plain(ctx context.Context, n int) error
	close() error
}

// The numbers of operations, so that none is done twice.
const (
	ofOurs  = 1_000_000
	ofSame  = 2_000_000
	ofPlain = 3_000_000
	ofBoth  = 4_000_000
	ofWire  = 5_000_000
)

// onWire is how many changes the proxy sees.
const onWire = 5

// measure compares the calls first, and then the times.
func measure(ctx context.Context, o *settings, w *world, s *system) (row, error) {
	r := row{name: s.name, operation: s.operation, extra: s.extra}
	if s.addr != "" {
		calls, err := sameCalls(ctx, o, w, s)
		if err != nil {
			return r, err
		}
		r.calls = calls
	}
	client, err := s.client(ctx, s.addr)
	if err != nil {
		return r, err
	}
	err = times(ctx, o, w, s, client, &r)
	return r, errors.Join(err, client.close())
}

// times takes the times, by turns. The first round warms up and does not count.
func times(ctx context.Context, o *settings, w *world, s *system, client bare, r *row) error {
	n := o.changes / o.rounds
	each := before + n + after
	all, err := w.load(s, s.addr, ofOurs, (o.rounds+1)*each)
	if err != nil {
		return err
	}
	defer all.app.Close() //nolint:errcheck // what it opened is not needed any more
	idle := inGo(each, s.keeps, nil)
	for round := range o.rounds + 1 {
		stage := all.stage
		stage.Changes = all.stage.Changes[round*each:][:each]
		turns := []struct {
			of *series
			do func() (series, error)
		}{
			{&r.ours, func() (series, error) {
				return w.apply(ctx, all.app.Targets, all.app.Secrets, stage, n, nil, nil)
			}},
			{&r.same, func() (series, error) { return timed(ctx, client.same, ofSame+round*each, n) }},
			{&r.audit, func() (series, error) { return w.apply(ctx, nobody(), nil, idle, n, nil, nil) }},
			{&r.both, func() (series, error) {
				busy := inGo(each, s.keeps, func(ctx context.Context, i int) error { return client.same(ctx, ofBoth+round*each+i) })
				return w.apply(ctx, nobody(), nil, busy, n, nil, nil)
			}},
			{&r.plain, func() (series, error) { return timed(ctx, client.plain, ofPlain+round*each, n) }},
		}
		for i := range turns {
			turn := turns[(i+round)%len(turns)]
			took, err := turn.do()
			if err != nil {
				return err
			}
			if round > 0 {
				*turn.of = append(*turn.of, took.median())
			}
		}
	}
	return nil
}

// timed does n operations. As in a run, there are some before them that do not count.
func timed(ctx context.Context, do func(context.Context, int) error, from, n int) (series, error) {
	var out series
	for i := range before + n {
		start := time.Now()
		if err := do(ctx, from+i); err != nil {
			return nil, err
		}
		if i >= before {
			out = append(out, time.Since(start))
		}
	}
	return out, nil
}

// sameCalls shows that the Runner and the bare client ask the same of the server, and
// returns how many calls that is for each change.
func sameCalls(ctx context.Context, o *settings, w *world, s *system) (float64, error) {
	p, err := newWire(ctx, s.addr, s.speaks)
	if err != nil {
		return 0, err
	}
	defer p.close()
	all, err := w.load(s, p.addr(), ofWire, before+onWire+after)
	if err != nil {
		return 0, err
	}
	var ours, theirs []string
	_, err = w.apply(ctx, all.app.Targets, all.app.Secrets, all.stage, onWire, p.forget, func() { ours = p.seen() })
	if err := errors.Join(err, all.app.Close()); err != nil {
		return 0, err
	}
	if o.wire {
		fmt.Printf("%s, %d changes:\n  %s\n", s.name, onWire, strings.Join(ours, "\n  "))
	}
	client, err := s.client(ctx, p.addr())
	if err != nil {
		return 0, err
	}
	for i := range before + onWire {
		if i == before {
			p.forget()
		}
		if err = client.same(ctx, ofWire+1000+i); err != nil {
			break
		}
	}
	theirs = p.seen()
	if err := errors.Join(err, client.close()); err != nil {
		return 0, fmt.Errorf("the bare client: %w", err)
	}
	if len(ours) == 0 {
		return 0, errors.New("no call was seen on the wire, and the comparison would say nothing")
	}
	if !rotated(ours, theirs) {
		return 0, fmt.Errorf("the bare client does not make the same calls, and the comparison would say nothing\nthe Runner:\n  %s\nthe bare client:\n  %s",
			strings.Join(ours, "\n  "), strings.Join(theirs, "\n  "))
	}
	return float64(len(ours)) / onWire, nil
}

// rotated reports whether a is b, but for where it begins: what a change reads before it
// is recorded as started comes before its start.
func rotated(a, b []string) bool {
	for i := range b {
		if slices.Equal(a, slices.Concat(b[i:], b[:i])) {
			return true
		}
	}
	return len(a)+len(b) == 0
}
