package javaedition

import (
	"errors"
	"time"
)

// parseLocal reads what Java's LocalDateTime prints, as if it were UTC: seconds
// that are zero are left out, and there is no zone.
func parseLocal(s string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05", s) // a fraction may follow
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04", s)
	}
	if err == nil && (t.Year() < 1000 || t.Year() > 9998) {
		// In UTC, or before the time that the change took, its year might not have four
		// digits, and an entry cannot be encoded.
		return time.Time{}, errors.New("the year is absurd")
	}
	return t, err
}

// instant returns when local, which is given as if it were UTC, was in zone. It is
// not sure of it when the zone has that time twice, or not at all, because its
// clocks were changed.
func instant(local time.Time, zone *time.Location) (at time.Time, sure bool) {
	found := 0
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := local.Add(near).In(zone).Zone()
		candidate := local.Add(-time.Duration(offset) * time.Second)
		_, is := candidate.In(zone).Zone()
		if is == offset && !(found > 0 && candidate.Equal(at)) {
			at = candidate
			found++
		}
	}
	if found == 1 {
		return at.UTC(), true
	}
	y, m, d := local.Date()
	return time.Date(y, m, d, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), zone).UTC(), false
}
