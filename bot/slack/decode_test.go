package slack

import (
	"encoding/json"
	"testing"
	"time"
)

// Whatever stands in a timestamp, the event with it can be stored.
func TestTimesOfTimestamps(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	d := decoder{now: now}
	for ts, want := range map[string]time.Time{
		"1795359608.033000":    time.Date(2026, 11, 22, 15, 0, 8, 33_000_000, time.UTC),
		"1795359608":           time.Date(2026, 11, 22, 15, 0, 8, 0, time.UTC),
		"1795359608.x":         time.Date(2026, 11, 22, 15, 0, 8, 0, time.UTC),
		"253402300800.000000":  now, // the year 10000
		"9999999999999.000001": now,
		"-5.0":                 now,
		"soon":                 now,
		"":                     now,
	} {
		got := d.when(ts)
		if _, err := json.Marshal(got); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v; want %s", ts, got, err, want)
		}
	}
}
