package desk

import (
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

func TestGap(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		gap := func(platform string) (reads []bot.History) {
			t.Helper()
			w.chat.mu.Lock()
			w.chat.histories = nil
			w.chat.mu.Unlock()
			w.n++
			w.update(func(tx store.Tx) error {
				handled, err := w.d.HandleEvent(tx, bot.Event{ID: "gap" + string(rune('a'+w.n)), Platform: platform, Kind: bot.EventGap, At: time.Now()})
				if handled {
					t.Error("a gap may concern others too")
				}
				return err
			})
			w.settle()
			return w.chat.histories
		}
		sam, _, _ := talk(w)
		if got := gap("webchat"); len(got) != 0 {
			t.Errorf("read %+v from a chat that can't tell", got)
		}
		w.d.opt.Can = func(_, kind string) bool { return kind == bot.KindHistory }
		c := w.conv()
		if got := gap("webchat"); len(got) != 1 || got[0].Thread != c.CardRef || !got[0].After.Equal(c.CardAt.Add(-overlap)) {
			t.Errorf("read %+v, want the thread since its beginning", got)
		}
		if got := gap("slack"); len(got) != 0 {
			t.Errorf("read %+v for another chat", got)
		}
		w.wait(time.Hour)
		w.write(sam, "one")
		at := w.conv().Seen
		if !at.Equal(w.messages()[1].At) {
			t.Errorf("seen until %s, want the time of the newest message", at)
		}
		if got := gap("webchat"); len(got) != 1 || !got[0].After.Equal(at.Add(-overlap)) {
			t.Errorf("read %+v, want it since %s", got, at)
		}

		// Once the inbox may have forgotten that a command came, it is not read again.
		w.wait(72 * time.Hour)
		w.say(sam, "snooze", "4h")
		at = w.conv().Seen
		w.wait(30 * time.Hour)
		if got := gap("webchat"); len(got) != 1 || !got[0].After.Equal(at) {
			t.Errorf("read %+v, want nothing of %s again", got, at)
		}

		w.press(sam, "desk.close", c.ID)
		if got := gap("webchat"); len(got) != 1 {
			t.Errorf("read %+v, want a conversation that just ended", got)
		}
		w.wait(25 * time.Hour)
		if got := gap("webchat"); len(got) != 0 {
			t.Errorf("read %+v, want what is long over left alone", got)
		}
	})
}

// What a thread's history brings is handled like what was heard.
func TestHistoryIsHandledOnce(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		c := w.conv()
		heard := w.write(sam, "heard")
		missed := w.put("missed")
		for range 2 {
			for _, ev := range []bot.Event{
				{Kind: bot.EventMessage, User: sam, Message: heard, Thread: c.CardRef, Text: "heard"},
				{Kind: bot.EventMessage, User: sam, Message: missed, Thread: c.CardRef, Text: "missed"},
				{Kind: bot.EventMessageEdited, User: sam, Message: heard, Thread: c.CardRef, Text: "overheard"},
			} {
				w.event(ev)
			}
		}
		equal(t, "sent", w.x.texts(), []string{"heard", "missed"})
		if n := w.tells(); n != 1 {
			t.Errorf("Sam was told %d times that the customer sees his first text", n)
		}
	})
}

func TestEditedOnX(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		mention := func(in *Inbound) { in.Kind, in.XConversation = Mention, "500" }
		w.in("500", "@acme the 8:15 is late", mention, func(in *Inbound) { in.Versions = []string{"500"} })
		edit := func(in *Inbound) { in.Versions = []string{"500", "501"} }
		for range 2 {
			w.in("501", "@acme the 8:45 is late", mention, edit)
			w.in("500", "@acme the 8:15 is late", mention)
		}
		th := w.thread()
		if len(th) != 2 || th[1] != "@acme the 8:45 is late" {
			t.Errorf("thread = %q, want the message as it is now, in place", th)
		}
		contains(t, "message", all(w.last().msg), "Edited on X by its author", "status/501")
		c := w.conv()
		if c.LastInID != "501" || c.Unread != 1 {
			t.Errorf("conversation = %+v, want one message, answered as its newest version", c)
		}
		contains(t, "card", all(w.card().msg), "the 8:45 is late")
		w.in("503", "@acme third", mention, func(in *Inbound) { in.Versions = []string{"500", "501", "503"} })
		w.in("501", "@acme the 8:45 is late", mention, edit)
		if th := w.thread(); len(th) != 2 || th[1] != "@acme third" {
			t.Errorf("thread = %q", th)
		}
		w.update(func(tx store.Tx) error { return w.d.Deleted(tx, acme, Mention, "503") })
		w.settle()
		contains(t, "thread", w.last().msg.Text, wasDeleted)
		w.in("504", "@acme fourth", mention, func(in *Inbound) { in.Versions = []string{"503", "504"} })
		contains(t, "thread", w.last().msg.Text, wasDeleted)
	})
}

func TestNamesAreAskedFor(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Can = func(_, kind string) bool { return kind == bot.KindPerson }
		sam, lee, _ := agents()
		w.chat.people = map[bot.UserRef]bot.User{sam.Ref: {Ref: sam.Ref, Name: "Sam Lindqvist", Handle: "sam"}}
		w.duty(bot.User{Ref: sam.Ref, Name: "U_sam"}, lee)
		w.settle()
		w.in("100", "hi")
		contains(t, "call", w.thread()[0], "Lee, Sam Lindqvist: a customer wrote")
	})
}
