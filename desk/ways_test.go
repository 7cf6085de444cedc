package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// say has a person tell the bot something in the conversation's thread.
func (w *world) say(u bot.User, command, text string) bot.MessageRef {
	w.t.Helper()
	ref := w.put("@perch " + command + " " + text)
	ev := bot.Event{Kind: bot.EventCommand, User: u, Message: ref, Thread: w.conv().CardRef, Text: text}
	if command != "" {
		ev.Command = "/" + command
	}
	w.event(ev)
	return ref
}

// put is a message of a person in the chat, of which nobody was told yet.
func (w *world) put(text string) bot.MessageRef {
	w.t.Helper()
	c := w.conv()
	w.chat.mu.Lock()
	defer w.chat.mu.Unlock()
	w.chat.n++
	ref := bot.MessageRef("webchat:p" + string(rune('a'+w.chat.n%26)) + time.Now().Format("150405.000000"))
	w.chat.posts = append(w.chat.posts, &post{ref: ref, key: "person", msg: bot.Message{Text: text, Thread: c.CardRef}})
	return ref
}

func (w *world) react(u bot.User, emoji string, ref bot.MessageRef) {
	w.t.Helper()
	w.event(bot.Event{Kind: bot.EventReaction, User: u, Emoji: emoji, Message: ref})
}

func TestWordsInTheThread(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, rio := agents()
		w.duty(sam, lee)
		w.in("100", "hi")
		w.say(rio, "claim", "")
		contains(t, "told", w.told(rio).msg.Text, "Only agents")
		w.say(sam, "claim", "")
		contains(t, "told", w.told(sam).msg.Text, "You have the conversation")
		if c := w.conv(); c.Owner != sam.Ref {
			t.Fatalf("owner = %q", c.Owner)
		}
		w.say(lee, "claim", "")
		contains(t, "told", w.told(lee).msg.Text, "Sam has this conversation")
		equal(t, "buttons", buttonIDs(w.told(lee).msg), []string{"desk.take"})
		w.press(lee, "desk.take", buttons(w.told(lee).msg)["desk.take"].Value)
		if c := w.conv(); c.Owner != lee.Ref {
			t.Fatalf("owner = %q, want the button under the answer to work", c.Owner)
		}

		w.say(lee, "transfer", "@sam")
		if c := w.conv(); c.Owner != sam.Ref {
			t.Errorf("owner = %q, want Sam, by name", c.Owner)
		}
		w.say(sam, "transfer", "nobody")
		contains(t, "told", w.told(sam).msg.Text, "Nobody on duty and no department is called “nobody”")
		to := w.told(sam).msg
		if b := to.Blocks[1].Buttons; len(b) != 2 || b[0].Label != "Billing (queue)" || b[1].Label != "Lee" {
			t.Errorf("buttons = %+v", b)
		}
		w.press(sam, "desk.transfer.to", to.Blocks[1].Buttons[1].Value)
		if c := w.conv(); c.Owner != lee.Ref {
			t.Errorf("owner = %q, want Lee, by a button", c.Owner)
		}

		w.say(lee, "snooze", "2h")
		if c := w.conv(); c.State != Snoozed {
			t.Errorf("state = %q", c.State)
		}
		w.say(lee, "wake", "")
		if c := w.conv(); c.State != Claimed {
			t.Errorf("state = %q", c.State)
		}
		w.say(lee, "snooze", "")
		if b := w.told(lee).msg.Blocks[1].Buttons; len(b) < 3 || b[0].ID != "desk.snooze.for" {
			t.Errorf("buttons = %+v, want choices where no form can be shown", b)
		}
		w.say(lee, "release", "")
		if c := w.conv(); c.State != Queued {
			t.Errorf("state = %q", c.State)
		}
		ref := w.say(lee, "note", "They called us too.")
		if m := w.message(ref); m.Direction != Note || m.Text != "They called us too." {
			t.Errorf("note = %+v", m)
		}
		equal(t, "reactions", w.reactions(ref), []string{markNote})
		w.say(lee, "close", "")
		if c := w.conv(); c.State != Closed {
			t.Errorf("state = %q", c.State)
		}
		w.say(lee, "reopen", "")
		if c := w.conv(); !c.Open() || c.Owner != lee.Ref {
			t.Errorf("conversation = %+v", c)
		}
		w.say(sam, "help", "")
		for _, word := range words() {
			contains(t, "help", w.told(sam).msg.Text, "@perch "+word.name, word.about)
		}
		w.say(sam, "", "")
		contains(t, "told", w.told(sam).msg.Text, "@perch claim")
		w.say(sam, "", "note: a colon is no harm")
		w.say(sam, "claime", "this")
		contains(t, "told", w.told(sam).msg.Text, "Did you mean @perch claim?", "did not get this")
		if len(w.x.texts()) != 0 {
			t.Errorf("sent = %q, want nothing that was told the bot", w.x.texts())
		}
		for _, ev := range []bot.Event{
			{Kind: bot.EventCommand, Command: "/twitter", Text: "help", Thread: w.conv().CardRef},
			{Kind: bot.EventCommand, Command: "/claim", Thread: "webchat:elsewhere"},
			{Kind: bot.EventCommand, Command: "/claim"},
		} {
			ev.ID, ev.User, ev.Platform, ev.Channel = "x"+ev.Command, sam, "webchat", billing
			w.update(func(tx store.Tx) error {
				if handled, err := w.d.HandleEvent(tx, ev); handled || err != nil {
					t.Errorf("%s in %q: handled %t, %v, want it left to others", ev.Command, ev.Thread, handled, err)
				}
				return nil
			})
		}
	})
}

func TestEmojiOnTheCard(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Emoji = Emoji{Claim: "raised_hand", Close: "checkered_flag", Snooze: "zzz", Note: "lock"}
		sam, lee, rio := agents()
		w.in("100", "hi")
		card := w.conv().CardRef
		w.react(rio, "raised_hand", card)
		contains(t, "told", w.told(rio).msg.Text, "Only agents")
		w.react(sam, "raised_hand", card)
		if c := w.conv(); c.Owner != sam.Ref {
			t.Errorf("owner = %q", c.Owner)
		}
		w.react(lee, "hand", card) // as Slack calls it
		contains(t, "told", w.told(lee).msg.Text, "Sam has this conversation")
		w.press(lee, "desk.take", buttons(w.told(lee).msg)["desk.take"].Value)
		w.react(lee, "zzz", card)
		p := w.told(lee)
		if p.msg.Thread != card {
			t.Errorf("the question stands in %q, want it under the card", p.msg.Thread)
		}
		w.press(lee, "desk.snooze.for", p.msg.Blocks[1].Buttons[0].Value)
		if c := w.conv(); c.State != Snoozed {
			t.Errorf("state = %q", c.State)
		}
		w.react(lee, "checkered_flag", card)
		if c := w.conv(); c.State != Closed {
			t.Errorf("state = %q", c.State)
		}
		for _, ev := range []bot.Event{
			{Emoji: "tada", Message: card}, {Emoji: "raised_hand", Message: "webchat:other"}, {Emoji: "", Message: card}, {Emoji: "lock", Message: card},
		} {
			ev.ID, ev.Kind, ev.User, ev.Platform, ev.Channel = "r"+ev.Emoji, bot.EventReaction, sam, "webchat", billing
			w.update(func(tx store.Tx) error {
				if handled, err := w.d.HandleEvent(tx, ev); handled || err != nil {
					t.Errorf("%s on %s: handled %t, %v, want it left to others", ev.Emoji, ev.Message, handled, err)
				}
				return nil
			})
		}
	})
}

func TestEmojiKeepsInternal(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Emoji = Emoji{Note: "lock"}
		sam, lee, _ := talk(w)
		sent := w.write(sam, "gone already")
		w.react(sam, "lock", sent)
		contains(t, "told", w.told(sam).msg.Text, "Too late", "The customer still has this message: “gone already”")

		w.hold("reconnect", time.Time{})
		ref := w.write(sam, "not for them")
		w.update(func(tx store.Tx) error { // somebody else's lock says nothing
			handled, err := w.d.HandleEvent(tx, bot.Event{ID: "l", Kind: bot.EventReaction, User: lee, Emoji: "lock", Message: ref})
			if handled {
				t.Error("Lee kept Sam's words inside")
			}
			return err
		})
		w.react(sam, "lock", ref)
		equal(t, "reactions", w.reactions(ref), []string{markNote})
		if m := w.message(ref); m.Direction != Note || m.Delivery != "" {
			t.Errorf("message = %+v, want a note", m)
		}
		w.release()
		equal(t, "sent", w.x.texts(), []string{"gone already"})

		ref = w.write(lee, "mine")
		w.react(lee, "lock", ref)
		equal(t, "reactions", w.reactions(ref), []string{markNote})
		w.press(lee, "desk.send", w.message(ref).ID)
		contains(t, "told", w.told(lee).msg.Text, "already decided")
	})
}

func TestReplyShortcut(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, rio := agents()
		w.in("100", "hi")
		card := w.conv().CardRef
		press := func(u bot.User, author *bot.User, ref, thread bot.MessageRef, text string) {
			w.event(bot.Event{Kind: bot.EventAction, Action: "desk.reply", User: u, Author: author, Message: ref, Thread: thread, Text: text, Trigger: "t"})
		}
		press(sam, &sam, "webchat:lunch", "", "lunch?")
		contains(t, "told", w.told(sam).msg.Text, "There is no customer here")

		ref := w.write(rio, "I know") // no agent
		press(rio, &rio, ref, card, "I know")
		contains(t, "told", w.told(rio).msg.Text, "Only agents")
		press(sam, &rio, ref, card, "I know")
		contains(t, "told", w.told(sam).msg.Text, "Only the one who wrote this can send it.")

		ref = w.write(sam, "hello") // claims what nobody has
		press(sam, &sam, ref, card, "hello")
		equal(t, "sent", w.x.texts(), []string{"hello"})
		if c := w.conv(); c.Owner != sam.Ref {
			t.Errorf("owner = %q", c.Owner)
		}
		press(sam, &sam, ref, card, "hello")
		contains(t, "told", w.told(sam).msg.Text, "has it already")
		ref = w.write(sam, "// hm")
		press(sam, &sam, ref, card, "// hm")
		contains(t, "told", w.told(sam).msg.Text, "internal note")

		ref = w.write(lee, "me too") // what somebody has is not taken without a question
		press(lee, &lee, ref, card, "me too")
		contains(t, "told", w.told(lee).msg.Text, "Sam has this conversation.")
		equal(t, "sent", w.x.texts(), []string{"hello"})

		unseen := w.put("written while Perch did not look")
		press(sam, &sam, unseen, card, "written while Perch did not look")
		equal(t, "sent", w.x.texts(), []string{"hello", "written while Perch did not look"})
		equal(t, "reactions", w.reactions(unseen), []string{markSent})

		// On the card or on the customer's words it asks for some.
		press(sam, nil, card, "", "")
		form := w.chat.forms[len(w.chat.forms)-1]
		if form.ID != "desk.reply" || form.Submit != "Send" || !strings.Contains(form.Inputs[0].Label, "Ana") || form.Inputs[0].Hint != "As @acme." {
			t.Errorf("form = %+v", form)
		}
		submit := func(u bot.User, text string) {
			w.event(bot.Event{Kind: bot.EventSubmit, Action: "desk.reply", User: u, Value: form.Value, Fields: map[string]string{"text": text}})
		}
		n := len(w.thread())
		for _, bad := range []string{"", "note: hm"} {
			submit(sam, bad)
		}
		submit(rio, "hello")
		if len(w.thread()) != n || len(w.x.texts()) != 2 {
			t.Errorf("thread = %q, sent = %q, want none of these", w.thread()[n:], w.x.texts())
		}
		submit(sam, "from the form")
		equal(t, "sent", w.x.texts()[2:], []string{"from the form"})
		contains(t, "thread", w.last().msg.Text, "Sam answers: from the form")
		equal(t, "reactions", w.last().reactions, []string{markSent})
	})
}

func TestReplyShortcutOnMention(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.in("500", "@acme hi", func(in *Inbound) { in.Kind, in.XConversation = Mention, "500" })
		card := w.conv().CardRef
		ref := w.write(sam, "Hi!")
		w.event(bot.Event{Kind: bot.EventAction, Action: "desk.reply", User: sam, Author: &sam, Message: ref, Thread: card, Text: "Hi!"})
		contains(t, "preview", w.last().msg.Text, "Public answer to Ana")
		w.event(bot.Event{Kind: bot.EventSubmit, Action: "desk.reply", User: sam, Value: w.conv().ID, Fields: map[string]string{"text": "From a form."}})
		contains(t, "preview", w.last().msg.Text, "Public answer to Ana", "From a form.")
		if len(w.x.posts) != 0 {
			t.Errorf("posted = %+v, want nothing before its preview was confirmed", w.x.posts)
		}
		w.press(sam, "desk.post", buttons(w.last().msg)["desk.post"].Value)
		if len(w.x.posts) != 1 || w.x.posts[0].Text != "From a form." {
			t.Errorf("posted = %+v", w.x.posts)
		}
	})
}

// Chats promise no order between a click and what is written right after it.
func TestClaimOvertakenByAnswer(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := agents()
		w.in("100", "hi")
		c := w.conv()
		begun := time.Now()
		come := func(ev bot.Event) { // as the two come from two sockets, at once
			w.n++
			ev.ID, ev.Platform, ev.Channel = "race"+string(rune('a'+w.n)), "webchat", support
			w.update(func(tx store.Tx) error { _, err := w.d.HandleEvent(tx, ev); return err })
		}
		first, second, before := w.put("first"), w.put("second"), w.put("what is this about?")
		come(bot.Event{Kind: bot.EventMessage, User: sam, Message: first, Thread: c.CardRef, Text: "first", At: begun.Add(20 * time.Millisecond)})
		come(bot.Event{Kind: bot.EventMessage, User: sam, Message: second, Thread: c.CardRef, Text: "second", At: begun.Add(30 * time.Millisecond)})
		come(bot.Event{Kind: bot.EventMessage, User: sam, Message: before, Thread: c.CardRef, Text: "what is this about?", At: begun.Add(-time.Minute)})
		come(bot.Event{Kind: bot.EventMessage, User: lee, Message: w.put("me"), Thread: c.CardRef, Text: "me", At: begun.Add(25 * time.Millisecond)})
		come(bot.Event{Kind: bot.EventAction, Action: "desk.claim", User: sam, Value: c.ID, At: begun})
		w.settle()
		equal(t, "sent", w.x.texts(), []string{"first", "second"})
		if m := w.message(before); m.Delivery != Unsent {
			t.Errorf("what was written before the claim = %+v, want it asked about", m)
		}
		var asked []string
		for _, p := range w.chat.posts {
			if p.msg.Only != "" {
				asked = append(asked, string(p.msg.Only)+" "+buttons(p.msg)["desk.send"].Label)
			}
		}
		slices.Sort(asked)
		equal(t, "asked", asked, []string{"webchat:U_lee Take over and send", "webchat:U_sam Send"})
		w.press(sam, "desk.send", w.message(before).ID)
		equal(t, "sent", w.x.texts(), []string{"first", "second", "what is this about?"})
	})
}

// A button does no more than it says, whatever happened since.
func TestClaimAndSendTakesNothingOver(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := agents()
		w.in("100", "hi")
		w.write(lee, "let me")
		send := buttons(w.told(lee).msg)["desk.send"]
		if send.Label != "Claim and send" {
			t.Fatalf("button = %+v", send)
		}
		w.press(sam, "desk.claim", w.conv().ID)
		w.press(lee, "desk.send", send.Value)
		if c := w.conv(); c.Owner != sam.Ref || len(w.x.texts()) != 0 {
			t.Errorf("owner = %q, sent = %q, want Lee asked first", c.Owner, w.x.texts())
		}
		again := buttons(w.told(lee).msg)["desk.send"]
		if again.Label != "Take over and send" {
			t.Fatalf("button = %+v", again)
		}
		w.press(lee, "desk.send", again.Value)
		if c := w.conv(); c.Owner != lee.Ref {
			t.Errorf("owner = %q", c.Owner)
		}
		equal(t, "sent", w.x.texts(), []string{"let me"})
	})
}

func TestNoteIsNoNoteAnyMore(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, rio := talk(w)
		for _, u := range []bot.User{sam, lee} {
			ref := w.write(u, "// I'd refund it")
			w.event(bot.Event{Kind: bot.EventMessageEdited, User: u, Message: ref, Text: "I'd refund it"})
			if m := w.message(ref); m.Delivery != Unsent {
				t.Errorf("message = %+v, want its author asked", m)
			}
			equal(t, "reactions", w.reactions(ref), nil)
		}
		contains(t, "told", w.told(sam).msg.Text, "Not sent yet. Is the customer to get it?")
		contains(t, "told", w.told(lee).msg.Text, "Sam has this conversation")
		equal(t, "sent", w.x.texts(), nil)
		w.press(sam, "desk.send", buttons(w.told(sam).msg)["desk.send"].Value)
		equal(t, "sent", w.x.texts(), []string{"I'd refund it"})

		tells := w.tells()
		ref := w.write(rio, "// no agent")
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: ref, Text: "still none"})
		ref = w.write(sam, "// one")
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Text: "🔒 two"})
		if m := w.message(ref); m.Direction != Note || m.Text != "🔒 two" || w.tells() != tells {
			t.Errorf("message = %+v, told %d times", m, w.tells()-tells)
		}
	})
}

func FuzzSaid(f *testing.F) {
	for _, s := range []string{"claim", "note: x", "snooze 2h", "transfer @sam lee", "", "\n", "note\nthe text", "CLAIM!"} {
		f.Add("", s)
		f.Add("/claim", s)
		f.Add("/@perch", s)
	}
	f.Fuzz(func(t *testing.T, command, text string) {
		name, rest := said(bot.Event{Command: command, Text: text})
		if strings.ContainsAny(name, " \n") && !strings.ContainsAny(command, " \n") {
			t.Errorf("said(%q, %q) = %q, want one word", command, text, name)
		}
		if name != strings.ToLower(name) {
			t.Errorf("said(%q, %q) = %q", command, text, name)
		}
		if !strings.Contains(command+" "+strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(rest), " ")) {
			t.Errorf("said(%q, %q): rest = %q", command, text, rest)
		}
	})
}
