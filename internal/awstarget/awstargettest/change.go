package awstargettest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing" //nolint:depguard // this package is for tests
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/template"
)

// Name returns a name that no other test has.
func Name(about string) string {
	return fmt.Sprintf("flamingock-%s-%s", about, strings.ToLower(rand.Text())[:12]) //nolint:forbidigo // a LocalStack outlives the tests that use it, and has names of all of them
}

// File is where Load puts a change.
const File = "changes/_0001__a.yaml"

// Load loads a change file for the target, from template: on.
func Load(typ core.TargetType, target core.Target, body string) (core.Change, error) {
	text := "id: a\ntargetSystem: " + target.ID() + "\n" + strings.TrimLeft(body, "\n")
	stages, err := template.Load(template.Input{
		Files:  fstest.MapFS{File: &fstest.MapFile{Data: []byte(text)}},
		Stages: []template.StageDir{{Name: "main", Location: "changes"}}, Targets: map[string]core.Target{target.ID(): target}, Types: []core.TargetType{typ},
	})
	if err != nil {
		return core.Change{}, err
	}
	return stages[0].Changes[0], nil
}

// Runner runs the parts of one change, as a run would, one after the other.
type Runner struct {
	Change  core.Change
	Said    []string // what its steps reported
	Key     string   // the idempotency key
	target  core.Target
	session *core.Session
	kept    []string
}

// NewRunner loads a change.
func NewRunner(t testing.TB, typ core.TargetType, target core.Target, body string) *Runner {
	t.Helper()
	c, err := Load(typ, target, body)
	if err != nil {
		t.Fatal(err)
	}
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{Change: c, Key: Name("key"), target: target}
	r.session = &core.Session{
		Handle:         handle,
		Resolve:        func(ctx context.Context, text string) (string, error) { return core.Expand(ctx, Resolver{}, text) },
		Progress:       func(p core.Progress) { r.Said = append(r.Said, p.Text) },
		IdempotencyKey: func(context.Context) (string, error) { return r.Key, nil },
	}
	return r
}

// Capture asks the steps for what they are about to change.
func (r *Runner) Capture(ctx context.Context) ([]string, error) {
	r.kept = nil
	for _, p := range r.Change.Pairs() {
		text := ""
		if p.Apply.Capture != nil {
			var err error
			if text, err = p.Apply.Capture(ctx, r.session); err != nil {
				return nil, err
			}
		}
		r.kept = append(r.kept, text)
	}
	return r.kept, nil
}

// Apply captures, and does the steps.
func (r *Runner) Apply(ctx context.Context) error {
	if _, err := r.Capture(ctx); err != nil {
		return err
	}
	for i, p := range r.Change.Pairs() {
		if err := p.Apply.Do(ctx, r.with(i)); err != nil {
			return err
		}
	}
	return nil
}

// Rollback takes the steps back.
func (r *Runner) Rollback(ctx context.Context) error {
	for i, p := range slices.Backward(r.Change.Pairs()) {
		if p.Rollback.IsZero() {
			continue
		}
		if err := p.Rollback.Do(ctx, r.with(i)); err != nil {
			return err
		}
	}
	return nil
}

// Probe asks the change's probe.
func (r *Runner) Probe(ctx context.Context) (core.ProbeResult, error) {
	return r.Change.Probe(ctx, r.session)
}

func (r *Runner) with(i int) *core.Session {
	s := *r.session
	s.Captured = ""
	if i < len(r.kept) {
		s.Captured = r.kept[i]
	}
	return &s
}

// Resolver knows every name: the value of ${env:x} is x.
type Resolver struct{}

// Resolve implements core.Resolver.
func (Resolver) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.NewSecret(r.Key), nil
}
