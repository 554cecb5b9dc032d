package disturb

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing" //nolint:depguard // this package is for tests
)

// SeedVariable names the environment variable with the seed to begin with, to play
// the same disturbances again. What the processes make of them depends on the
// machine as well.
const SeedVariable = "FLAMINGOCK_CHAOS_SEED"

// Seed returns the seed to begin with, and logs it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64() >> 32
	if text := os.Getenv(SeedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", SeedVariable, err)
		}
	}
	t.Logf("%s=%d", SeedVariable, seed)
	return seed
}

// Random returns the generator of one case.
func Random(seed, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, n)) //nolint:gosec // for chance, not for secrets
}
