package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/slack/slackfake"
	"github.com/perch-chat/perch/internal/config"
)

// connect connects the account.
func (o *office) connect() {
	o.t.Helper()
	o.click("ada", o.reads(o.setup, "", "Connect X (Twitter)"), "Start Authentication")
	for _, b := range o.reads("", "ada", "Click here to authorize").Buttons {
		if b.URL != "" {
			o.authorize(b.URL)
		}
	}
	o.reads(o.setup, "", "Connected @larkspur_hq")
}

// writes has the customer write a direct message.
func (o *office) writes(text string) {
	o.t.Helper()
	if _, err := o.x.SendDMAs("1002", "1001", text); err != nil {
		o.t.Fatal(err)
	}
}

// claimed connects the account, has the customer write, and Sam claim the
// conversation, whose card it returns.
func (o *office) claimed(text string) slackfake.Message {
	o.t.Helper()
	o.connect()
	o.writes(text)
	card := o.offers(o.support, "Claim")
	o.click("sam", card, "Claim")
	o.shown(o.support, card.TS, "Sam is on it")
	return card
}

// says has somebody write in a thread.
func (o *office) says(who, thread, text string) (ts string) {
	o.t.Helper()
	ts, err := o.slack.PersonSays(who, o.support, text, thread)
	if err != nil {
		o.t.Fatal(err)
	}
	return ts
}

// gets waits until the customer has just these messages of the account.
func (o *office) gets(want ...string) {
	o.t.Helper()
	await(o, "messages at the customer: "+strings.Join(want, " | "), func() (struct{}, bool) {
		var got []string
		for _, m := range o.x.DMs("1001", "1002") {
			if m.From == "1001" {
				got = append(got, m.Text)
			}
		}
		if len(got) > len(want) {
			o.t.Fatalf("the customer has %q, want %q", got, want)
		}
		return struct{}{}, slices.Equal(got, want)
	})
}

// quiet is a configuration without automatic messages to customers.
func quiet(_ *office, c *config.Config) {
	c.Desk.Welcome, c.Desk.Finished, c.Desk.ServiceUnavailable = "", "", ""
}

// ticked waits until an agent's answer is marked as delivered.
func (o *office) ticked(ts string) {
	o.t.Helper()
	await(o, "tick on the answer", func() (struct{}, bool) {
		for _, m := range o.slack.Messages(o.support) {
			if m.TS == ts && len(m.Reactions["white_check_mark"]) == 1 && len(m.Reactions["hourglass_flowing_sand"]) == 0 {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})
}

// shown waits until a message reads text.
func (o *office) shown(channel, ts, text string) slackfake.Message {
	o.t.Helper()
	return await(o, "message "+ts+" that reads "+text, func() (slackfake.Message, bool) {
		for _, m := range o.slack.Messages(channel) {
			if m.TS == ts && strings.Contains(m.Shown, text) {
				return m, true
			}
		}
		return slackfake.Message{}, false
	})
}

// TestConversationOverSlack leads a conversation by all the ways there are.
func TestConversationOverSlack(t *testing.T) {
	o := newOffice(t, quiet)
	o.connect()
	o.writes("Is the 8:15 running?")
	card := o.offers(o.support, "Claim")
	if call := o.reads(o.support, "", "A customer wrote"); !strings.HasPrefix(call.Text, "Sam: ") {
		t.Errorf("the call reads %q: the configuration names people by their ids, and people read names", call.Text)
	}

	// By words to the bot in the thread.
	o.says("sam", card.TS, "@perch help")
	o.reads("", "sam", "@perch snooze <2h, tomorrow, 17:30>")
	o.says("sam", card.TS, "@perch claim")
	o.reads("", "sam", "You have the conversation")
	o.shown(o.support, card.TS, "Sam is on it")
	o.says("sam", card.TS, "Yes, on platform 3.")
	o.gets("Yes, on platform 3.")
	note := o.says("sam", card.TS, "🔒 they are a regular")
	await(o, "lock on the note", func() (struct{}, bool) {
		for _, m := range o.slack.Messages(o.support) {
			if m.TS == note && len(m.Reactions["lock"]) == 1 {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})

	// By the form behind a button; the customer ends the snooze.
	card = o.offers(o.support, "Snooze")
	o.click("sam", card, "Snooze")
	form := await(o, "form", func() (slackfake.Modal, bool) {
		for _, v := range o.slack.Views("sam") {
			if v.Submit == "Snooze" {
				return v, true
			}
		}
		return slackfake.Modal{}, false
	})
	if _, err := o.slack.Submit("sam", form.ID, map[string]string{"until": "2h"}); err != nil {
		t.Fatal(err)
	}
	o.shown(o.support, card.TS, "Snoozed until")
	o.writes("And the 8:45?")
	back := o.reads(o.support, "", "the customer wrote, so the snooze is over.")
	if !slices.Contains(back.Notifies, "U0SAM") {
		t.Errorf("the end of the snooze notifies %v, want Sam", back.Notifies)
	}
	o.shown(o.support, card.TS, "Sam is on it")

	// By the shortcut on the customer's own message.
	in := o.reads(o.support, "", "And the 8:45?")
	if _, err := o.slack.Shortcut("sam", "desk.reply", o.support, in.TS); err != nil {
		t.Fatal(err)
	}
	form = await(o, "form", func() (slackfake.Modal, bool) {
		for _, v := range o.slack.Views("sam") {
			if v.Title == "Reply to customer" && v.Submit == "Send" {
				return v, true
			}
		}
		return slackfake.Modal{}, false
	})
	if _, err := o.slack.Submit("sam", form.ID, map[string]string{"text": "Also from 3."}); err != nil {
		t.Fatal(err)
	}
	o.gets("Yes, on platform 3.", "Also from 3.")
	o.reads(o.support, "", "Sam answers:")

	// What was sent can't be changed, and the agent learns what the customer has.
	ts := o.says("sam", card.TS, "Platform 4, that is.")
	o.gets("Yes, on platform 3.", "Also from 3.", "Platform 4, that is.")
	o.ticked(ts)
	if err := o.slack.PersonEdits("sam", o.support, ts, "Platform 3, that is."); err != nil {
		t.Fatal(err)
	}
	o.reads("", "sam", "The customer still sees your first text: “Platform 4, that is.”")
	if err := o.slack.PersonDeletes("sam", o.support, ts); err != nil {
		t.Fatal(err)
	}
	o.reads("", "sam", "The customer still has this message")

	// By emoji on the card.
	if err := o.slack.PersonReacts("rio", o.support, card.TS, "checkered_flag", true); err != nil {
		t.Fatal(err)
	}
	o.reads("", "rio", "Only agents can do this")
	if err := o.slack.PersonReacts("sam", o.support, card.TS, "checkered_flag", true); err != nil {
		t.Fatal(err)
	}
	o.shown(o.support, card.TS, "Closed by Sam")
}

// TestWrittenWhilePerchIsAway: what agents write while Slack is not heard is
// read when it is heard again, in order, once.
func TestWrittenWhilePerchIsAway(t *testing.T) {
	o := newOffice(t, quiet)
	card := o.claimed("Is the 8:15 running?")
	o.says("sam", card.TS, "one")
	o.gets("one")

	o.slack.FailOpens(4)
	o.slack.Drop()
	two, want := "", []string{"one"}
	for _, text := range []string{"two", "three", "four"} {
		ts := o.says("sam", card.TS, text)
		if two == "" {
			two = ts
		}
		want = append(want, text)
	}
	if err := o.slack.PersonEdits("sam", o.support, two, "two and a half"); err != nil {
		t.Fatal(err)
	}
	want[1] = "two and a half"
	o.gets(want...)
	o.says("sam", card.TS, "five")
	o.gets(append(want, "five")...)
}

// TestPublicChannelOverSlack: direct messages wait until the channel is private.
func TestPublicChannelOverSlack(t *testing.T) {
	o := newOffice(t, quiet, func(o *office, _ *config.Config) {
		if err := o.slack.SetPrivate(o.support, false, false); err != nil {
			t.Fatal(err)
		}
	})
	o.connect()
	warning := o.reads(o.setup, "", "everybody in the chat can read #x-support")
	o.writes("My card is 4242")
	o.writes("Hello?")
	if _, err := o.x.MentionAs("1002", "@larkspur_hq is the 8:15 running?"); err != nil {
		t.Fatal(err)
	}
	o.reads(o.support, "", "is the 8:15 running?") // a mention is public anyway
	o.slack.Command("ada", o.setup, "/twitter", "support")
	o.reads("", "ada", "everybody in the chat can read #x-support")
	for _, m := range o.slack.Messages(o.support) {
		if strings.Contains(m.Shown, "4242") || strings.Contains(m.Shown, "Hello?") {
			t.Fatalf("the public channel shows %q", m.Shown)
		}
	}
	if err := o.slack.SetPrivate(o.support, true, false); err != nil {
		t.Fatal(err)
	}
	o.click("ada", warning, "Look again")
	await(o, "both messages, in order", func() (struct{}, bool) {
		var order []string
		for _, m := range o.slack.Messages(o.support) {
			if m.ThreadTS != "" && (m.Shown == "My card is 4242" || m.Shown == "Hello?") {
				order = append(order, m.Shown)
			}
		}
		return struct{}{}, slices.Equal(order, []string{"My card is 4242", "Hello?"})
	})
	o.reads(o.setup, "", "are shown in #x-support again")
}

// TestUserGroupOverSlack: the members of a user group are the agents on duty.
func TestUserGroupOverSlack(t *testing.T) {
	group := ""
	o := newOffice(t, quiet, func(o *office, c *config.Config) {
		group = o.slack.AddUserGroup("support-oncall", "Support on call", "rio")
		c.Departments[0].Agents, c.Departments[0].OnDuty, c.Departments[0].UserGroup = nil, nil, "slack:"+group
	})
	o.connect()
	o.slack.Command("rio", o.support, "/duty", "who")
	o.reads("", "rio", "@rio")
	o.writes("Is the 8:15 running?")
	call := o.reads(o.support, "", "A customer wrote")
	if !slices.Equal(call.Notifies, []string{"U0RIO"}) {
		t.Errorf("a new conversation notifies %v, want Rio", call.Notifies)
	}
	card := o.offers(o.support, "Claim")
	if err := o.slack.SetUserGroup(group, "sam"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for { // the change takes a moment
		n := len(o.slack.Ephemerals("sam"))
		o.slack.Command("sam", o.support, "/duty", "who")
		answer := await(o, "answer", func() (string, bool) {
			list := o.slack.Ephemerals("sam")
			if len(list) == n {
				return "", false
			}
			return list[len(list)-1].Shown, true
		})
		if strings.Contains(answer, "@sam") && !strings.Contains(answer, "@rio") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("on duty: %q", answer)
		}
	}
	o.click("rio", card, "Claim")
	o.reads("", "rio", "Only agents can do this")
	o.click("sam", card, "Claim")
	o.shown(o.support, card.TS, "Sam is on it")
}

// TestEditedOnXOverSlack: a mention that its author edits is shown as it is now.
func TestEditedOnXOverSlack(t *testing.T) {
	o := newOffice(t, quiet)
	o.connect()
	p, err := o.x.MentionAs("1002", "@larkspur_hq the 8:15 is late")
	if err != nil {
		t.Fatal(err)
	}
	card := o.offers(o.support, "Claim")
	in := await(o, "mention in the thread", func() (slackfake.Message, bool) {
		for _, m := range o.slack.Thread(o.support, card.TS) {
			if m.TS != card.TS && strings.Contains(m.Shown, "the 8:15 is late") {
				return m, true
			}
		}
		return slackfake.Message{}, false
	})
	if p, err = o.x.EditPostAs("1002", p.ID, "@larkspur_hq the 8:45 is late"); err != nil {
		t.Fatal(err)
	}
	now := o.shown(o.support, in.TS, "the 8:45 is late")
	if !strings.Contains(now.Shown, "Edited on X by its author") {
		t.Errorf("the message reads %q", now.Shown)
	}
	o.shown(o.support, card.TS, "the 8:45 is late")
	n := len(o.slack.Thread(o.support, card.TS))
	o.click("sam", o.offers(o.support, "Claim"), "Claim")
	o.shown(o.support, card.TS, "Sam is on it")
	o.says("sam", card.TS, "Sorry!")
	o.click("sam", await(o, "offer", func() (slackfake.Message, bool) {
		for _, m := range o.slack.Ephemerals("sam") {
			if strings.Contains(m.Shown, "look at it first") {
				return m, true
			}
		}
		return slackfake.Message{}, false
	}), "Preview")
	o.click("sam", o.offers(o.support, "Post on X"), "Post on X")
	await(o, "answer to the newest version", func() (struct{}, bool) {
		for _, x := range o.x.Posts("1001") {
			if x.InReplyTo == p.ID {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})
	if n != 3 { // the card, the call, the mention
		t.Errorf("the thread had %d messages, want the edited one in place", n)
	}
}

// TestCardDeletedInSlack: what a customer writes is never seen outside of its
// thread, and goes on under a new card.
func TestCardDeletedInSlack(t *testing.T) {
	o := newOffice(t, quiet)
	card := o.claimed("Is the 8:15 running?")
	if err := o.slack.AdminDeletes(o.support, card.TS); err != nil {
		t.Fatal(err)
	}
	o.writes("My card is 4242")
	// Slack puts what is for a thread that is gone into the channel: Perch
	// takes it away at once.
	await(o, "message in a new thread, and there alone", func() (struct{}, bool) {
		below, beside := 0, 0
		for _, m := range o.slack.Messages(o.support) {
			switch {
			case m.Shown != "My card is 4242":
			case m.ThreadTS == "":
				beside++
			case m.ThreadTS != card.TS:
				below++
			}
		}
		return struct{}{}, below == 1 && beside == 0
	})
	now := o.offers(o.support, "Snooze")
	o.says("sam", now.TS, "Never send us that.")
	o.gets("Never send us that.")
	for _, m := range o.slack.Messages(o.setup) {
		if strings.Contains(m.Shown, "could not post") {
			t.Errorf("the setup channel reads %q, though nobody has to do anything", m.Shown)
		}
	}
}
