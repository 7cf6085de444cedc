package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/slack/slackfake"
	"github.com/perch-chat/perch/internal/config"
)

// TestIncidentsOverSlack works on an incident in Slack as people do there: the
// channels are made, a form declares, an emoji and a menu keep the timeline,
// and the Home tab leads to all of it.
func TestIncidentsOverSlack(t *testing.T) {
	o := newOffice(t, func(_ *office, c *config.Config) {
		c.Team.Responders = []string{"slack:U0RIO"}
		c.Channels = config.Channels{Setup: "slack:#twitter-setup", Incidents: "slack:#incident-news", PerIncident: true}
	})
	channel := func(name string) string {
		t.Helper()
		return await(o, "channel "+name, func() (string, bool) {
			id := o.slack.ChannelID(name)
			return id, id != "" && id != name
		})
	}
	home := func(who, text string) slackfake.Modal {
		t.Helper()
		return await(o, "Home tab that reads "+text, func() (slackfake.Modal, bool) {
			v, ok := o.slack.Home(who)
			return v, ok && strings.Contains(v.Shown, text)
		})
	}
	view := func(who, text string) slackfake.Modal {
		t.Helper()
		return await(o, "form that reads "+text, func() (v slackfake.Modal, ok bool) {
			for _, v = range o.slack.Views(who) {
				if strings.Contains(v.Shown, text) {
					return v, true
				}
			}
			return v, false
		})
	}
	press := func(who string, v slackfake.Modal, label string) {
		t.Helper()
		for _, b := range v.Buttons {
			if b.Text == label {
				if _, err := o.slack.ClickView(who, v.ID, b.ActionID, ""); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatalf("no button %q in %s", label, v.Shown)
	}
	submit := func(who string, v slackfake.Modal, values map[string]string) {
		t.Helper()
		if _, err := o.slack.Submit(who, v.ID, values); err != nil {
			t.Fatal(err)
		}
	}

	// The setup channel is made, and its message pinned.
	o.setup = channel("twitter-setup")
	await(o, "pinned setup message", func() (struct{}, bool) {
		for _, m := range o.slack.Messages(o.setup) {
			if m.Pinned && strings.Contains(m.Shown, "Connect X (Twitter)") {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})
	await(o, "Ada in the setup channel", func() (struct{}, bool) {
		return struct{}{}, slices.Contains(o.slack.Members(o.setup), "U0ADA")
	})
	o.incidents = channel("incident-news")

	// From the Home tab Ada connects the account; the link comes to her alone.
	o.slack.OpenHome("ada")
	press("ada", home("ada", "Start Authentication"), "Start Authentication")
	direct := o.slack.DirectChannel("ada")
	link := await(o, "link for Ada", func() (url string, ok bool) {
		for _, m := range o.slack.Messages(direct) {
			for _, b := range m.Buttons {
				if b.URL != "" {
					return b.URL, true
				}
			}
		}
		return "", false
	})
	o.authorize(link)
	home("ada", "@larkspur_hq")

	// /incident alone opens the form; the incident gets a channel.
	o.slack.Command("rio", o.support, "/incident", "")
	submit("rio", view("rio", "What is wrong?"), map[string]string{"title": "Signals fail near Oakham", "severity": "sev2"})
	room := channel("inc-1-signals-fail-near-oakham")
	await(o, "pinned card", func() (struct{}, bool) {
		for _, m := range o.slack.Messages(room) {
			if m.Pinned && strings.Contains(m.Shown, "INC-1: Signals fail near Oakham") {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})
	await(o, "Rio in the incident's channel", func() (struct{}, bool) {
		return struct{}{}, slices.Contains(o.slack.Members(room), "U0RIO")
	})
	o.reads(o.incidents, "", "INC-1: Signals fail near Oakham")
	topic := func(want string) {
		t.Helper()
		await(o, "topic "+want, func() (struct{}, bool) {
			got, _ := o.slack.Topic(room)
			return struct{}{}, strings.HasPrefix(got, want)
		})
	}
	topic("🔴 started · sev2 · INC-1: Signals fail near Oakham · ")

	// An emoji adds a message without a word, and takes it back.
	if err := o.slack.Join("sam", room, "rio"); err != nil {
		t.Fatal(err)
	}
	said, err := o.slack.PersonSays("sam", room, "The relay at <!channel> Oakham *lost* power")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.slack.PersonReacts("rio", room, said, "pushpin", true); err != nil {
		t.Fatal(err)
	}
	echo := o.reads(room, "", "added by Rio")
	if len(echo.Notifies) != 0 || !strings.Contains(echo.Shown, "lost") || !strings.Contains(echo.Shown, "Sam") {
		t.Errorf("echo notifies %v and reads %q", echo.Notifies, echo.Shown)
	}
	signed := func(want bool) {
		t.Helper()
		await(o, "sign on the message", func() (struct{}, bool) {
			for _, m := range o.slack.Messages(room) {
				if m.TS == said && (len(m.Reactions["white_check_mark"]) == 1) == want {
					return struct{}{}, true
				}
			}
			return struct{}{}, false
		})
	}
	signed(true)
	if err := o.slack.PersonReacts("rio", room, said, "pushpin", false); err != nil {
		t.Fatal(err)
	}
	signed(false)
	o.reads(room, "", "deleted")

	// The menu does it with a form that knows words, time and place.
	if _, err := o.slack.Shortcut("rio", "timeline.message", room, said); err != nil {
		t.Fatal(err)
	}
	form := view("rio", "When it happened (UTC)")
	if !strings.Contains(form.Shown, "INC-1") || !strings.Contains(form.Shown, "Said by Sam") {
		t.Errorf("form reads %q", form.Shown)
	}
	submit("rio", form, map[string]string{"text": "The relay at Oakham lost power", "visibility": "twitter"})
	preview := o.reads(room, "", "Preview – not public yet")
	signed(true)

	// Rio sees the draft on his page, and the incident.
	o.slack.OpenHome("rio")
	mine := home("rio", "The relay at Oakham lost power")
	if !strings.Contains(mine.Shown, "Signals fail near Oakham") {
		t.Errorf("Rio's page reads %q", mine.Shown)
	}
	press("rio", mine, "Post to X")
	await(o, "page without the draft", func() (struct{}, bool) {
		v, _ := o.slack.Home("rio")
		return struct{}{}, !strings.Contains(v.Shown, "The relay at Oakham lost power")
	})
	await(o, "receipt in place of the preview", func() (struct{}, bool) {
		for _, m := range o.slack.Messages(room) {
			if m.TS == preview.TS && strings.Contains(m.Shown, "Posted on X as @larkspur_hq") {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})
	await(o, "Open button", func() (struct{}, bool) {
		v, _ := o.slack.Home("rio")
		return struct{}{}, slices.ContainsFunc(v.Buttons, func(b slackfake.Button) bool { return b.Text == "Open" && b.URL != "" })
	})

	// Resolved, its channel can go.
	o.slack.Command("rio", room, "/incident", "resolve New relay")
	o.reads(o.incidents, "", "✅ INC-1")
	o.slack.Command("rio", room, "/incident", "archive")
	ask := o.reads("", "rio", "Nobody can write there any more")
	o.click("rio", ask, "Archive it")
	o.reads(o.incidents, "", "(archived)")
	o.slack.OpenHome("sam")
	if v := home("sam", "Go off duty"); strings.Contains(v.Shown, "Declare") {
		t.Errorf("Sam's page reads %q", v.Shown)
	}
}
