package sqltarget

import (
	"context"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/flamingock/flamingock-go/core"
)

// values resolves ${env:x} to x.
type values struct{}

func (values) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.NewSecret(r.Key), nil
}

func resolve(ctx context.Context, text string) (string, error) {
	return core.Expand(ctx, values{}, text)
}

// Every place of a resolved text comes from the place in the written one where the
// part before it ends.
func TestWritten(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "é", "$", "{", "}", "${", "$$", "\n", "${env:}", "${env:x}", "${env:üü}", "$${env:x}", "${no:x}", "${env:x y}", "${ssm:/a}"})
	rapid.Check(t, func(r *rapid.T) {
		text := ""
		for _, p := range rapid.SliceOf(part).Draw(r, "parts") {
			text += p
		}
		resolved, err := resolve(t.Context(), text)
		if err != nil {
			r.Fatal(err)
		}
		total := utf8.RuneCountInString(resolved)
		for offset := range total + 1 {
			before, ok := written(t.Context(), resolve, text, offset)
			if !ok || len(before) > len(text) || text[:len(before)] != before {
				r.Fatalf("%q at %d: got %q %t", text, offset, before, ok)
			}
			got, err := resolve(t.Context(), before)
			if err != nil {
				r.Fatal(err)
			}
			if n := utf8.RuneCountInString(got); n > offset {
				r.Fatalf("%q at %d: %q resolves to %d characters", text, offset, before, n)
			}
		}
		if _, ok := written(t.Context(), resolve, text, total+1); ok {
			r.Fatalf("%q has a place behind its end", text)
		}
	})
}
