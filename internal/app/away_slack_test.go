package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// TestPrivateQuestionOverSlack: what an agent alone was asked says what became
// of it, in its place, and its buttons are gone.
func TestPrivateQuestionOverSlack(t *testing.T) {
	o := newOffice(t, quiet)
	o.connect()
	o.writes("Is the 8:15 running?")
	card := o.offers(o.support, "Claim")
	o.says("sam", card.TS, "Yes, on platform 3.")
	asked := o.reads("", "sam", "Not sent. Claim this conversation")
	o.click("sam", asked, "Claim and send")
	o.gets("Yes, on platform 3.")
	await(o, "receipt in place of the question", func() (struct{}, bool) {
		seen := o.slack.Ephemerals("sam")
		ok := slices.ContainsFunc(seen, func(m slackfake.Message) bool { return m.TS == asked.TS && m.Shown == "✅ Sent to the customer." })
		for _, m := range seen {
			if len(m.Buttons) > 0 || strings.Contains(m.Shown, "Not sent") {
				ok = false
			}
		}
		return struct{}{}, ok
	})
	o.says("sam", card.TS, "@perch release")
	o.shown(o.support, card.TS, "Waiting for an agent") // Slack keeps no order between its two sockets
	o.says("sam", card.TS, "He is a regular.")
	asked = o.reads("", "sam", "Not sent. Claim this conversation")
	o.click("sam", asked, "Keep internal")
	o.reads("", "sam", "Stays among you.")
}

// TestDoneWhilePerchIsAway: what agents delete and mark by emoji while Slack is
// not heard is noticed when it is heard again, once.
func TestDoneWhilePerchIsAway(t *testing.T) {
	o := newOffice(t, quiet)
	card := o.claimed("Is the 8:15 running?")
	sent := o.says("sam", card.TS, "Yes, on platform 3.")
	o.gets("Yes, on platform 3.")
	o.slack.Command("ada", o.incidents, "/incident", "new Signals fail")
	o.reads(o.incidents, "", "INC-1: Signals fail")
	said, err := o.slack.PersonSays("rio", o.incidents, "The relay lost power")
	if err != nil {
		t.Fatal(err)
	}
	inc := o.offers(o.incidents, "Add update")
	below, err := o.slack.PersonSays("rio", o.incidents, "A relay is on its way", inc.TS)
	if err != nil {
		t.Fatal(err)
	}
	react := func(who, channel, ts, emoji string) {
		t.Helper()
		if err := o.slack.PersonReacts(who, channel, ts, emoji, true); err != nil {
			t.Fatal(err)
		}
	}
	react("ada", o.incidents, said, "pushpin")
	signed := func(ts string, want int) {
		t.Helper()
		await(o, "sign on "+ts, func() (struct{}, bool) {
			for _, m := range o.slack.Messages(o.incidents) {
				if m.TS == ts {
					return struct{}{}, len(m.Reactions["white_check_mark"]) == want
				}
			}
			return struct{}{}, false
		})
	}
	signed(said, 1)

	o.slack.FailOpens(2)
	o.slack.Drop()
	if err := o.slack.PersonDeletes("sam", o.support, sent); err != nil {
		t.Fatal(err)
	}
	react("sam", o.support, card.TS, "checkered_flag")
	react("ada", o.incidents, below, "pushpin")
	o.reads("", "sam", "The customer still has this message: “Yes, on platform 3.”")
	o.shown(o.support, card.TS, "Closed by Sam")
	signed(below, 1)

	// What was heard is not done again.
	o.writes("And back?")
	o.shown(o.support, card.TS, "Sam is on it")
	await(o, "both connections", func() (struct{}, bool) { return struct{}{}, len(o.slack.Connections()) == 2 })
	opens := o.slack.Opens()
	o.slack.Drop()
	await(o, "connection", func() (struct{}, bool) {
		return struct{}{}, o.slack.Opens() >= opens+2 && len(o.slack.Connections()) == 2
	})
	after := o.says("sam", card.TS, "On platform 1.")
	o.gets("Yes, on platform 3.", "On platform 1.")
	o.shown(o.support, card.TS, "waiting for the customer")
	n := 0
	for _, m := range o.slack.Ephemerals("sam") {
		if strings.Contains(m.Shown, "The customer still has this message") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("Sam was told %d times of what he deleted; later he wrote %s", n, after)
	}
	signed(said, 1)
}
