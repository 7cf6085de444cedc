package xapi

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// stamp is a time in any form X writes: RFC 3339, the form of its first API,
// or milliseconds since 1970, in quotes or not. What cannot be read is zero.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	var unquoted string
	if json.Unmarshal(b, &unquoted) == nil {
		text = unquoted
	}
	s.Time = readTime(text)
	return nil
}

func readTime(s string) time.Time {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case n <= 0 || n > 1<<50:
			return time.Time{}
		case n < 1e11: // seconds, until the year 5138
			return time.Unix(n, 0).UTC()
		}
		return time.UnixMilli(n).UTC()
	}
	for _, layout := range []string{time.RFC3339Nano, time.RubyDate, "2006-01-02T15:04:05.000-0700"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 0 && t.Year() < 10000 {
			return t.UTC()
		}
	}
	return time.Time{}
}
