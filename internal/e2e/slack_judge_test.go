package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// findings are what the judge saw, in numbers.
type findings struct {
	commands, unacked, messages int
	answered, again             int // answers by response_url, and those that came again
	entries, posts              int
}

func (f findings) String() string {
	return fmt.Sprintf("%d commands given (%d without an acknowledgement), %d messages written; %d mistakes answered (%d of them again), %d entries, %d posts",
		f.commands, f.unacked, f.messages, f.answered, f.again, f.entries, f.posts)
}

var asked = regexp.MustCompile(`q-\d{6}`)

// judge waits until all is as it has to be, and a while longer for what must
// not come. kills are when Perch was killed.
func (o *office) judge(t *testing.T, patience time.Duration, kills []time.Time) findings {
	t.Helper()
	var f findings
	if !verdict(t, patience, 2*time.Second, func() (wrong []string) { f, wrong = o.look(kills); return wrong }) {
		t.Error(f)
	}
	return f
}

// look says what is not as it has to be.
func (o *office) look(kills []time.Time) (f findings, wrong []string) {
	o.mu.Lock()
	given, written := o.given, o.written
	for words, n := range o.refused {
		wrong = append(wrong, fmt.Sprintf("%d times a person could not write: %s", n, words))
	}
	o.mu.Unlock()
	f.commands, f.messages = len(given), len(written)
	texts, err := o.entries()
	if err != nil {
		return f, []string{err.Error()}
	}
	f.entries = len(texts)
	kept := map[string]int{}
	for _, text := range texts {
		kept[strings.TrimSuffix(text, ".")]++
	}
	answers := o.answers()
	for _, c := range given {
		_, acked := c.d.Acked()
		if !acked {
			f.unacked++
		}
		switch n := kept[c.word]; {
		case !c.entry:
			times := answers[c.word]
			if len(times) > 0 {
				f.answered++
			}
			if acked && len(times) == 0 {
				wrong = append(wrong, c.word+" was acknowledged and never answered")
			}
			if len(times) > 1 {
				f.again++
				// Nobody can look up what one person alone saw. So an answer goes
				// out again if Perch died before it knew that it had.
				if !before(times[0], kills) {
					wrong = append(wrong, fmt.Sprintf("%s was answered %d times, and no kill is the reason", c.word, len(times)))
				}
			}
		case n > 1:
			wrong = append(wrong, fmt.Sprintf("%s is %d times on the timeline", c.word, n))
		case n == 0 && acked:
			wrong = append(wrong, c.word+" was acknowledged and is not on the timeline")
		}
	}
	for _, word := range written {
		if n := kept[word]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s was written once and is %d times on the timeline", word, n))
		}
	}
	keys := map[string]int{}
	for _, m := range o.slack.Messages(o.incidents) {
		var meta struct {
			Payload struct{ Key string } `json:"event_payload"`
		}
		if json.Unmarshal(m.Metadata, &meta) == nil && meta.Payload.Key != "" {
			f.posts++
			if keys[meta.Payload.Key]++; keys[meta.Payload.Key] == 2 {
				wrong = append(wrong, "two posts of "+meta.Payload.Key)
			}
		}
	}
	for _, e := range o.late() {
		if e.Kind == "events_api" {
			wrong = append(wrong, fmt.Sprintf("event %s is not acknowledged", e.EventID))
		}
	}
	return f, wrong
}

// ackTime is what Slack gives an app to acknowledge something.
const ackTime = 3 * time.Second

// late are the envelopes that were not acknowledged in the time that Slack gives
// an app for it. Perch goes on posting for a while, and hears of each post.
func (o *office) late() (out []slackfake.Envelope) {
	for _, e := range o.slack.Unacked() {
		if !e.Lost && time.Since(e.Sent) >= ackTime {
			out = append(out, e)
		}
	}
	return out
}

// before reports whether at is shortly before a kill.
func before(at time.Time, kills []time.Time) bool {
	for _, k := range kills {
		if d := k.Sub(at); d > -100*time.Millisecond && d < 2*time.Second {
			return true
		}
	}
	return false
}

// answers are when each command's answer came by its response_url.
func (o *office) answers() map[string][]time.Time {
	out := map[string][]time.Time{}
	for _, c := range o.slack.Calls("response_url") {
		text, _ := c.Args["text"].(string)
		if word := asked.FindString(text); word != "" && c.Status == http.StatusOK {
			out[word] = append(out[word], c.At)
		}
	}
	return out
}

// entries are the words on the timeline.
func (o *office) entries() ([]string, error) {
	secret, err := o.p.bearer()
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return attributes(o.p.client, o.p.url, secret, "/v1/incidents/INC-1/events", "event")
}
