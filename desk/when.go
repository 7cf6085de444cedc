package desk

import (
	"strconv"
	"strings"
	"time"
)

// parseSnooze reads until when: how long ("30m", "2 hours", "1h30m", "3d"), a
// time of day ("17:30"), a day ("tomorrow", "monday", "2026-12-24"), or a day
// and a time. Days begin at nine, times are UTC, and all are ahead of at.
func parseSnooze(text string, at time.Time) (time.Time, bool) {
	at = at.UTC()
	words := strings.Fields(strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), ".")))
	for len(words) > 0 && (words[0] == "for" || words[0] == "until" || words[0] == "in") {
		words = words[1:]
	}
	if n := len(words); n > 0 && words[n-1] == "utc" {
		words = words[:n-1]
	}
	if len(words) == 0 || len(words) > 4 {
		return time.Time{}, false
	}
	if d, ok := span(strings.Join(words, "")); ok {
		return at.Add(d), true
	}
	midnight := at.Truncate(24 * time.Hour)
	if len(words) == 1 {
		if t, ok := timeOfDay(words[0]); ok {
			if then := midnight.Add(t); then.After(at) {
				return then, true
			}
			return midnight.AddDate(0, 0, 1).Add(t), true
		}
	}
	day, ok := dayAhead(words[0], midnight)
	words = words[1:]
	if len(words) > 0 && words[0] == "at" {
		words = words[1:]
	}
	switch {
	case !ok || len(words) > 1:
		return time.Time{}, false
	case len(words) == 0:
		return day.Add(nineOClock), true
	}
	t, ok := timeOfDay(words[0])
	return day.Add(t), ok
}

// dayAhead reads a day. That of a week's day is never today.
func dayAhead(s string, today time.Time) (time.Time, bool) {
	if s == "tomorrow" {
		return today.AddDate(0, 0, 1), true
	}
	for n := 1; n <= 7; n++ {
		day := today.AddDate(0, 0, n)
		name := strings.ToLower(day.Weekday().String())
		if s == name || s == name[:3] {
			return day, true
		}
	}
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil
}

// timeOfDay reads "17:30", "9:00", "14h".
func timeOfDay(s string) (time.Duration, bool) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

// span reads a length of time of one or more parts: "1h30m", "3days".
func span(s string) (time.Duration, bool) {
	units := map[string]time.Duration{
		"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	}
	const digits = "0123456789"
	var sum time.Duration
	for s != "" {
		rest := strings.TrimLeft(s, digits)
		n, err := strconv.Atoi(s[:len(s)-len(rest)])
		if err != nil || n > 10_000 {
			return 0, false
		}
		word := rest
		if i := strings.IndexAny(rest, digits); i >= 0 {
			word = rest[:i]
		}
		unit, ok := units[word]
		if !ok {
			return 0, false
		}
		sum += time.Duration(n) * unit
		if sum > 100*maxSnooze {
			return 0, false
		}
		s = rest[len(word):]
	}
	return sum, sum > 0
}
