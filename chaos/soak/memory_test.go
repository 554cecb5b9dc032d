//go:build unix

package soak

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// warm is the part of the test after which memory must not grow any more.
const warm = 0.25

// What may be added after that: a little for the ledgers' own files and counters, of
// which there are more and more.
const (
	moreHeap       = 16 << 20
	moreResident   = 64 << 20
	moreGoroutines = 10
)

// memory is what the process has when no run is under way.
type memory struct {
	heap, resident uint64 // bytes
	goroutines     int
}

func (m memory) String() string {
	return fmt.Sprintf("%.1f MB heap, %.0f MB resident, %d goroutines", float64(m.heap)/(1<<20), float64(m.resident)/(1<<20), m.goroutines)
}

// measureAt waits for a part of the test to be done, lets the workers pause, and
// measures.
func (s *soak) measureAt(part float64) memory {
	for s.progress() < part {
		time.Sleep(20 * time.Millisecond)
	}
	s.pause.Lock()
	defer s.pause.Unlock()
	return measure(s.t)
}

func measure(t *testing.T) memory {
	t.Helper()
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go
	runtime.ReadMemStats(&stats)
	return memory{heap: stats.HeapAlloc, resident: resident(t), goroutines: runtime.NumGoroutine()}
}

// resident is what the process has of the machine's memory; 0 where nobody says.
func resident(t *testing.T) uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		t.Fatalf("/proc/self/statm: %q", text)
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}

// flat fails the test when the later measurement has grown.
func (m memory) flat(t *testing.T, late memory) {
	t.Helper()
	if late.heap > m.heap+moreHeap || late.resident > m.resident+moreResident || late.goroutines > m.goroutines+moreGoroutines {
		t.Errorf("it has grown: %s at %.0f %%, %s at the end", m, warm*100, late)
	}
}
