package commands

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
)

// shortcut has a person choose Add to timeline in the menu of a message.
func (w *world) shortcut(u bot.User, ch bot.ChannelRef, ref bot.MessageRef, text string) string {
	w.t.Helper()
	_, _, _, max := people()
	return w.show(w.handle(bot.Event{
		Kind: bot.EventAction, User: u, Channel: ch, Action: btnMessage, Message: ref, Text: text, Author: &max, Trigger: "view:x",
	})...)
}

func TestShortcut(t *testing.T) {
	_, rio, _, max := people()
	scene(t, func(t *testing.T, w *world) {
		const ref = bot.MessageRef("webchat:x1")
		w.message(ref, "", max, words1)
		has(t, "nothing open", w.shortcut(rio, elsewhere, ref, words1), "No incident is open")
		w.say(rio, "/incident new One")
		w.say(rio, "/incident new Two")
		has(t, "not allowed", w.shortcut(max, elsewhere, ref, words1), "Only incident responders")
		w.shortcut(rio, elsewhere, ref, words1)
		f := w.form()
		if f.ID != formMessage || f.Inputs[0].Initial != words1 || f.Inputs[2].Initial != "2026-11-20 11:30:05" || f.Inputs[3].Initial != "internal" {
			t.Fatalf("form = %+v", f)
		}
		has(t, "hint", f.Inputs[0].Hint, "Said by Max", "https://chat.test/webchat:x1")
		if o := f.Inputs[1].Options; len(o) != 2 || o[0].Label != "INC-2: Two" || f.Inputs[1].Initial != o[0].Value {
			t.Errorf("incidents = %+v", f.Inputs[1])
		}
		one := f.Inputs[1].Options[1].Value
		fields := map[string]string{"text": "The cache is full", "incident": one, "at": f.Inputs[2].Initial, "visibility": "internal"}
		with := func(k, v string) map[string]string {
			m := maps.Clone(fields)
			m[k] = v
			return m
		}
		has(t, "time", w.submit(rio, formMessage, f.Value, with("at", "yesterday")), "can't read the time", "yesterday")
		has(t, "future", w.submit(rio, formMessage, f.Value, with("at", "2027-01-01 00:00")), "yet to come")
		has(t, "empty", w.submit(rio, formMessage, f.Value, with("text", " ")), "nothing was added")
		has(t, "incident", w.submit(rio, formMessage, f.Value, with("incident", "x")), "no incident")
		has(t, "value", w.submit(rio, formMessage, "{}", fields), "older version")
		if n := len(w.made("INC-1")); n != 0 {
			t.Fatalf("%d entries of mistakes", n)
		}
		has(t, "added", w.submit(rio, formMessage, f.Value, fields), "Added to INC-1 (internal)")
		made := w.made("INC-1")
		if len(made) != 1 {
			t.Fatalf("%d entries", len(made))
		}
		e := made[0]
		if e.Text != "The cache is full" || e.AuthorName != "Max" || e.AddedByName != "Rio" || e.Permalink != "https://chat.test/webchat:x1" ||
			!e.OccurredAt.Equal(time.Date(2026, 11, 20, 11, 30, 5, 123_000_000, time.UTC)) {
			t.Errorf("entry = %+v", e)
		}
		if !w.signed(ref) {
			t.Error("no sign")
		}
		has(t, "again", w.shortcut(rio, elsewhere, ref, words1), "is on the timeline of INC-1 already")
		has(t, "again", w.submit(rio, formMessage, f.Value, fields), "is on the timeline of INC-1 already")

		// In an incident's thread that one is offered first.
		w.message("webchat:x2", w.root(1), max, strings.Repeat("long ", 2000))
		w.shortcut(rio, incidents, "webchat:x2", "")
		f = w.form()
		if f.Inputs[1].Initial != one || len([]rune(f.Inputs[0].Initial)) > 3000 {
			t.Errorf("form offers %q, %d characters", f.Inputs[1].Initial, len(f.Inputs[0].Initial))
		}
		has(t, "hint", f.Inputs[0].Hint, "longer message")
		has(t, "gone", w.shortcut(rio, incidents, "webchat:none", "x"), "does not exist any more")
	})
}

// By hand it stays, whatever the reactions do.
func TestShortcutAndEmoji(t *testing.T) {
	_, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new One")
		w.message("webchat:x1", "", max, "Words")
		w.shortcut(rio, elsewhere, "webchat:x1", "Words")
		f := w.form()
		w.submit(rio, formMessage, f.Value, map[string]string{"text": "Words", "incident": f.Inputs[1].Initial, "at": "11:31"})
		w.react(rio, elsewhere, "webchat:x1", "pushpin", true)
		w.react(rio, elsewhere, "webchat:x1", "pushpin", false)
		made := w.made("INC-1")
		if len(made) != 1 || !w.signed("webchat:x1") {
			t.Fatalf("%d entries", len(made))
		}
		if got := made[0].OccurredAt; !got.Equal(time.Date(2026, 11, 20, 11, 31, 0, 0, time.UTC)) {
			t.Errorf("at %v", got)
		}
	}, withEmoji)
}

// Who brings words in can't approve them alone, and neither can who changes them.
func TestApprovalOfOthersWords(t *testing.T) {
	ada, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{Approval: true}, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new One")
		w.message("webchat:x1", "", max, "Words")
		w.shortcut(rio, elsewhere, "webchat:x1", "Words")
		f := w.form()
		w.submit(rio, formMessage, f.Value, map[string]string{"text": "Words", "incident": f.Inputs[1].Initial, "at": "11:31", "visibility": "twitter"})
		w.press(rio, btnPost)
		has(t, "Rio approves", w.press(rio, btnPost), "another person has to approve")
		w.press(ada, btnEdit)
		w.submit(ada, formText, w.form().Value, map[string]string{"text": "Other words"})
		w.press(ada, btnPost)
		has(t, "Ada approves her own", w.press(ada, btnPost), "another person has to approve")
		if w.sent() != 0 {
			t.Fatal("posted")
		}
		w.press(rio, btnPost)
		if w.sent() != 1 {
			t.Error("not posted")
		}
	})
}

// Publishing of a private incident takes another click, which the timeline shows.
func TestInsist(t *testing.T) {
	_, rio, _, max := people()
	scene(t, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new --private yes Secret")
		w.draft("We are on it")
		has(t, "preview", w.last(incidents), "⚠ Not posted", "unless you insist", "[Publish anyway] asks: This incident is private.")
		has(t, "not allowed", w.press(max, btnInsist), "Only incident responders")
		w.press(rio, btnInsist)
		has(t, "channel", w.channel(incidents), "Preview – not public yet", "Rio insisted on publishing an entry of this private incident on X: We are on it")
		if w.sent() != 0 {
			t.Fatal("posted without a preview")
		}
		w.press(rio, btnPost)
		if w.sent() != 1 {
			t.Error("not posted")
		}
	})
}

func TestParseWhen(t *testing.T) {
	near := time.Date(2026, 11, 20, 11, 30, 5, 123, time.UTC)
	tests := map[string]time.Time{
		"2026-11-20 11:30:05":       near,
		"2026-11-19 23:59":          time.Date(2026, 11, 19, 23, 59, 0, 0, time.UTC),
		" 09:15 ":                   time.Date(2026, 11, 20, 9, 15, 0, 0, time.UTC),
		"09:15:10 UTC":              time.Date(2026, 11, 20, 9, 15, 10, 0, time.UTC),
		"2026-11-20T12:00:00+02:00": time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T12:00Z":         time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		"":                          {}, "noon": {}, "25:00": {}, "2026-13-01 00:00": {}, "20.11.2026 12:00": {},
	}
	for s, want := range tests {
		if got, ok := parseWhen(s, near); ok == want.IsZero() || !got.Equal(want) {
			t.Errorf("parseWhen(%q) = %v, %v, want %v", s, got, ok, want)
		}
	}
}

func FuzzParseWhen(f *testing.F) {
	for _, s := range []string{"2026-11-20 11:30:05", "11:30", "2026-11-20T12:00Z", "x", ""} {
		f.Add(s)
	}
	near := time.Date(2026, 11, 20, 11, 30, 5, 123, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parseWhen(s, near)
		if !ok {
			return
		}
		again, ok := parseWhen(at.Format(whenForm), near)
		if !ok || again.Sub(at).Abs() >= time.Second {
			t.Errorf("parseWhen(%q) = %v, which reads as %v, %v", s, at, again, ok)
		}
	})
}
