//go:build failpoint && unix

package failpoint

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"
)

// Clock returns now, set off as the environment says. What the monotonic clock
// measures stays as it is, like on a machine whose wall clock is set.
func Clock(now func() time.Time) func() time.Time {
	c, err := clock(os.Getenv("FLAMINGOCK_CLOCK_OFFSET"), now)
	if err != nil {
		panic(err)
	}
	return c
}

func clock(text string, now func() time.Time) (func() time.Time, error) {
	if text == "" {
		return now, nil
	}
	offset, after, delayed := strings.Cut(text, "@")
	by, err := time.ParseDuration(offset)
	var from time.Duration
	if err == nil && delayed {
		from, err = time.ParseDuration(after)
	}
	if err != nil {
		return nil, fmt.Errorf("FLAMINGOCK_CLOCK_OFFSET: %q is no offset, such as 1h or -1h@5s", text)
	}
	start := now()
	if moved := jump(start, by); moved.Sub(start) != 0 || moved.Round(0).Sub(start.Round(0)) != by {
		return nil, fmt.Errorf("FLAMINGOCK_CLOCK_OFFSET: time.Time is not laid out as expected: %v moved by %v is %v", start, by, moved)
	}
	return func() time.Time {
		t := now()
		if t.Sub(start) < from {
			return t
		}
		return jump(t, by)
	}, nil
}

// jump moves the wall clock of a reading and keeps its monotonic part, which
// package time offers nowhere. Its first word is, from above: one bit for the
// presence of the monotonic part, 33 of seconds since 1885, 30 of nanoseconds.
func jump(t time.Time, by time.Duration) time.Time {
	const nanoBits = 30
	wall := (*uint64)(unsafe.Pointer(&t))
	sec, nano := int64(*wall<<1>>(nanoBits+1)), int64(*wall&(1<<nanoBits-1))
	moved := sec*int64(time.Second) + nano + int64(by)
	*wall = 1<<63 | uint64(moved/int64(time.Second))<<nanoBits | uint64(moved%int64(time.Second))
	return t
}
