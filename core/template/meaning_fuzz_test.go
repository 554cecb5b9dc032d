package template

import (
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// Two files have one checksum if, and only if, they mean the same, however they are
// written.
func checksumIsMeaning(t *rapid.T, edits int) {
	one := drawMeaning(t)
	text := one.file(t)
	sum := loadedSum(t, text)
	for range edits {
		other := one
		if rapid.IntRange(0, 3).Draw(t, "edited") > 0 {
			other = one.edited(t)
		}
		text2 := other.file(t)
		sum2 := loadedSum(t, text2)
		if alike := one.same(other); alike != (sum == sum2) {
			t.Fatalf("they mean the same: %v, and have one checksum: %v\n%q\n%q", alike, sum == sum2, text, text2)
		}
	}
}

func loadedSum(t *rapid.T, text string) string {
	in := input(fstest.MapFS{"main/_0001__x.yaml": file(text)})
	in.Types = lenient()
	stages, err := Load(in)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return stages[0].Changes[0].Checksum
}

func TestChecksumIsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checksumIsMeaning(t, 10) })
}

// FuzzChecksum takes its choices from the bytes; its seeds have enough for all.
func FuzzChecksum(f *testing.F) {
	for n := range uint64(8) {
		r := rand.New(rand.NewPCG(n, 1))
		b := make([]byte, 24<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { checksumIsMeaning(t, 1) }))
}
