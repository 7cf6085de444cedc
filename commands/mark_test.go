package commands

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

const words1 = "<!channel> The *cache* is full, ask <@U1> {{ x }}"

func withEmoji(_ *world, d *Deps) { d.Emoji = []string{"pushpin", "memo"} }

// message is one that somebody wrote, and that the chat can read.
func (w *world) message(ref, thread bot.MessageRef, who bot.User, text string) {
	w.readable(ref, bot.ReadResult{
		Permalink: "https://chat.test/" + string(ref),
		Event: bot.Event{
			Kind: bot.EventMessage, Message: ref, Thread: thread, User: who, Text: text,
			At: time.Date(2026, 11, 20, 11, 30, 5, 123_000_000, time.UTC),
		},
	})
}

func (w *world) react(u bot.User, ch bot.ChannelRef, ref bot.MessageRef, emoji string, on bool) string {
	w.t.Helper()
	kind := bot.EventReaction
	if !on {
		kind = bot.EventReactionGone
	}
	return w.show(w.handle(bot.Event{Kind: kind, User: u, Channel: ch, Message: ref, Emoji: emoji})...)
}

func (w *world) entries(ref string) []incident.Entry {
	w.t.Helper()
	var list []incident.Entry
	if err := w.db.View(w.t.Context(), func(tx store.Tx) (err error) {
		list, _, err = w.inc.Entries(tx, ref, incident.Page{})
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) signed(ref bot.MessageRef) bool {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	return w.out.marks[ref][markSign]
}

// made are the entries that were made of a message.
func (w *world) made(ref string) (out []incident.Entry) {
	for _, e := range w.entries(ref) {
		if strings.HasPrefix(e.Origin, markOrigin) {
			out = append(out, e)
		}
	}
	return out
}

func TestEmoji(t *testing.T) {
	ada, rio, sam, max := people()
	const ref = bot.MessageRef("webchat:x1")
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.message(ref, "", max, words1)
		if got := w.react(rio, elsewhere, ref, "pushpin", true); got != "" || len(w.out.did) > 2 {
			t.Errorf("without any incident: %q, %q", got, w.out.did)
		}
		w.say(rio, "/incident new Slow")
		w.react(rio, elsewhere, ref, "pushpin", false)
		w.react(max, elsewhere, ref, "pushpin", true) // no responder
		w.react(rio, elsewhere, ref, "eyes", true)    // another emoji
		if n := len(w.made("INC-1")); n != 0 {
			t.Fatalf("%d entries", n)
		}
		// Once, however many react and however often that is told.
		for _, u := range []bot.User{rio, ada, rio} {
			if got := w.react(u, elsewhere, ref, "pushpin", true); got != "" {
				t.Errorf("told %q, want silence", got)
			}
		}
		w.react(rio, elsewhere, ref, "memo", true)
		made := w.made("INC-1")
		if len(made) != 1 {
			t.Fatalf("%d entries, want 1", len(made))
		}
		if got := w.didWhat("read webchat:x1"); len(got) != 1 {
			t.Errorf("read %d times, want once", len(got))
		}
		e := made[0]
		if e.Text != words1 || e.AuthorName != "Max" || e.AddedByName != "Rio" || e.Visibility != incident.Internal || e.Permalink != "https://chat.test/webchat:x1" ||
			!e.OccurredAt.Equal(time.Date(2026, 11, 20, 11, 30, 5, 123_000_000, time.UTC)) {
			t.Errorf("entry = %+v", e)
		}
		if !w.signed(ref) {
			t.Error("the message has no sign")
		}
		has(t, "echo", w.last(incidents), words1, "(11:30 UTC, 20 Nov · Max · internal · added by Rio · message <https://chat.test/webchat:x1>)")
		// The last one that goes takes it back.
		w.react(rio, elsewhere, ref, "pushpin", false)
		w.react(rio, elsewhere, ref, "memo", false)
		w.react(sam, elsewhere, ref, "pushpin", false)
		if n := len(w.made("INC-1")); n != 1 || !w.signed(ref) {
			t.Errorf("%d entries though Ada still wants it", n)
		}
		w.react(ada, elsewhere, ref, "pushpin", false)
		if n := len(w.made("INC-1")); n != 0 || w.signed(ref) {
			t.Errorf("%d entries, signed %v, want it taken back", n, w.signed(ref))
		}
		has(t, "echo", w.last(incidents), "~"+words1+"~", "deleted")
		w.react(ada, elsewhere, ref, "pushpin", true)
		if n := len(w.made("INC-1")); n != 1 || !w.signed(ref) {
			t.Errorf("%d entries, want it back", n)
		}
		// Deleted elsewhere, the sign goes too.
		w.update(func(tx store.Tx) error {
			_, err := w.inc.Delete(tx, w.made("INC-1")[0].ID, incident.Person{Name: "API"}, false)
			return err
		})
		synctest.Wait()
		if w.signed(ref) {
			t.Error("the sign stayed")
		}
	}, withEmoji)
}

// One who takes the reaction back at once gets no entry.
func TestEmojiTakenBackAtOnce(t *testing.T) {
	_, rio, _, max := people()
	const ref = bot.MessageRef("webchat:x1")
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new Slow")
		w.message(ref, "", max, "Hm")
		w.update(func(tx store.Tx) error {
			for i, k := range []bot.EventKind{bot.EventReaction, bot.EventReactionGone} {
				ev := bot.Event{ID: fmt.Sprint(i), Platform: "webchat", Kind: k, User: rio, Channel: elsewhere, Message: ref, Emoji: "pushpin"}
				if err := w.r.Handle(tx, ev); err != nil {
					return err
				}
			}
			return nil
		})
		synctest.Wait()
		if n := len(w.made("INC-1")); n != 0 || w.signed(ref) {
			t.Errorf("%d entries", n)
		}
	}, withEmoji)
}

func TestEmojiWhere(t *testing.T) {
	_, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new One")
		w.say(rio, "/incident new Two")
		w.message("webchat:x1", "", max, "Where does this belong?")
		has(t, "told", w.react(rio, elsewhere, "webchat:x1", "pushpin", true), "2 incidents are open", "Add to timeline")
		has(t, "told again", w.react(rio, elsewhere, "webchat:x1", "pushpin", true), "2 incidents are open")
		w.message("webchat:x2", w.root(2), max, "In the second's thread")
		if got := w.react(rio, incidents, "webchat:x2", "pushpin", true); got != "" {
			t.Errorf("told %q", got)
		}
		if len(w.made("INC-1")) != 0 || len(w.made("INC-2")) != 1 {
			t.Errorf("entries: %d and %d, want 0 and 1", len(w.made("INC-1")), len(w.made("INC-2")))
		}
		// What Perch wrote itself is on the timeline already.
		own := w.out.chat[len(w.out.chat)-1]
		has(t, "echo", w.show(own.Message), "In the second's thread")
		for _, ref := range []bot.MessageRef{own.ref, w.root(2)} {
			w.message(ref, w.root(2), bot.User{Name: "Perch"}, "x")
			if got := w.react(rio, incidents, ref, "pushpin", true); got != "" {
				t.Errorf("told %q", got)
			}
		}
		if n := len(w.made("INC-2")); n != 1 {
			t.Errorf("%d entries, want none of Perch's own words", n)
		}
		// A message that is gone, empty or can't be read.
		w.react(rio, incidents, "webchat:none", "pushpin", true)
		w.message("webchat:x3", w.root(1), max, " ")
		has(t, "told", w.react(rio, incidents, "webchat:x3", "pushpin", true), "no words")
		w.out.mu.Lock()
		w.out.refuse[bot.KindRead] = "missing_scope"
		w.out.mu.Unlock()
		has(t, "told", w.react(rio, incidents, "webchat:x4", "pushpin", true), "could not be added", "missing_scope")
		w.allow(bot.KindRead)
		w.message("webchat:x4", w.root(1), max, "Now it can")
		w.react(rio, incidents, "webchat:x4", "pushpin", false)
		w.react(rio, incidents, "webchat:x4", "pushpin", true)
		if n := len(w.made("INC-1")); n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
		w.say(rio, "/incident cancel INC-1")
		w.message("webchat:x5", w.root(1), max, "Too late")
		has(t, "told", w.react(rio, incidents, "webchat:x5", "pushpin", true), "takes no more entries")
	}, withEmoji)
}

// A private incident is meant in its own place only.
func TestEmojiPrivate(t *testing.T) {
	_, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new --private yes Secret")
		w.message("webchat:x1", "", max, "Lunch?")
		has(t, "told", w.react(rio, elsewhere, "webchat:x1", "pushpin", true), "No incident is open here")
		w.message("webchat:x2", w.root(1), max, "Found it")
		w.react(rio, incidents, "webchat:x2", "pushpin", true)
		if n := len(w.made("INC-1")); n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
		for _, line := range []string{"/incident list", "/incident status", "/incident status INC-1"} {
			hasNot(t, line, w.say(max, line), "Secret")
		}
		has(t, "list", w.say(rio, "/incident list"), "Secret")
	}, withEmoji)
}

// What is on X stays on the timeline.
func TestEmojiPosted(t *testing.T) {
	_, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new Slow")
		w.message("webchat:x1", "", max, "We are on it")
		w.react(rio, elsewhere, "webchat:x1", "pushpin", true)
		w.update(func(tx store.Tx) error {
			vis := incident.Twitter
			_, err := w.inc.Edit(tx, w.made("INC-1")[0].ID, incident.Edit{Visibility: &vis}, incident.Person{})
			return err
		})
		synctest.Wait()
		w.press(rio, btnPost)
		has(t, "told", w.react(rio, elsewhere, "webchat:x1", "pushpin", false), "is on X", "stays")
		if n := len(w.made("INC-1")); n != 1 {
			t.Errorf("%d entries", n)
		}
	}, withEmoji)
}

// An entry does not follow its message by itself.
func TestMessageChanged(t *testing.T) {
	_, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new Slow")
		w.message("webchat:x1", "", max, "It was the cash")
		w.react(rio, elsewhere, "webchat:x1", "pushpin", true)
		edit := func(s string) {
			w.handle(bot.Event{Kind: bot.EventMessageEdited, User: max, Message: "webchat:x1", Text: s})
		}
		edit("It was the cash") // no other words
		hasNot(t, "channel", w.channel(incidents), "changed the message")
		edit("It was the catche")
		edit("It was the cache")
		got := w.channel(incidents)
		if n := strings.Count(got, "changed the message"); n != 1 {
			t.Errorf("%d notes, want 1:\n%s", n, got)
		}
		has(t, "note", w.last(incidents), "Max changed the message behind an entry. It says now:\n> It was the cache\n[Change the entry]\n[Leave the entry]")
		if e := w.made("INC-1")[0]; e.Text != "It was the cash" {
			t.Errorf("the entry says %q by itself", e.Text)
		}
		has(t, "not allowed", w.press(max, btnFollow), "Only incident responders")
		w.press(rio, btnFollow)
		if e := w.made("INC-1")[0]; e.Text != "It was the cache" || len(e.Revisions) != 1 {
			t.Errorf("entry = %+v", e)
		}
		has(t, "note", w.last(incidents), "✅ The entry says so now, as decided by Rio.")
		w.handle(bot.Event{Kind: bot.EventMessageDeleted, User: max, Message: "webchat:x1"})
		has(t, "note", w.last(incidents), "was deleted in chat. The entry still says:\n> It was the cache\n[Delete the entry]")
		w.press(rio, btnRemove)
		if n := len(w.made("INC-1")); n != 0 {
			t.Errorf("%d entries", n)
		}
		edit("Nobody cares any more")
		has(t, "note", w.last(incidents), "taken off the timeline by Rio")
	}, withEmoji)
}
