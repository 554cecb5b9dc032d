package sim

import (
	"os"
	"strconv"
	"testing"

	"github.com/flamingock/flamingock-go/chaos/report"
)

// seedVariable names one seed to play.
const seedVariable = "FLAMINGOCK_CHAOS_SEED"

func full() bool { return os.Getenv(report.Bound) == report.Full }

// seed returns the seed that is to be played alone.
func seed(t *testing.T) (uint64, bool) {
	text := os.Getenv(seedVariable)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", seedVariable, err)
	}
	return n, true
}

// row tells make chaos what a test did.
func row(t *testing.T, r report.Row) {
	t.Helper()
	path := os.Getenv(report.Variable)
	if path == "" {
		return
	}
	if err := report.Append(path, r); err != nil {
		t.Error(err)
	}
}
