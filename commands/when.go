package commands

import (
	"strings"
	"time"
)

// whenForm is how forms write a time, in UTC.
const whenForm = "2006-01-02 15:04:05"

// parseWhen reads a time that a person wrote into a form. Without a zone it is
// UTC; a time of day alone is of the day of near.
func parseWhen(s string, near time.Time) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 40 {
		return time.Time{}, false
	}
	near = near.UTC()
	if s == near.Format(whenForm) {
		return near, true // left as it was: with its fractions of a second
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), true
	}
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(s, "UTC"), "Z"))
	for _, form := range []string{whenForm, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), true
		}
	}
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			y, m, d := near.Date()
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, time.UTC), true
		}
	}
	return time.Time{}, false
}
