package desk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// shutRoom has the chat take nothing more in a room.
func (w *world) shutRoom(ref bot.MessageRef) {
	w.chat.mu.Lock()
	defer w.chat.mu.Unlock()
	w.chat.shut[ref] = true
}

// shutAfter has a room take n things more, and then nothing.
func (w *world) shutAfter(n int, ref bot.MessageRef) {
	w.chat.mu.Lock()
	defer w.chat.mu.Unlock()
	w.chat.shutIn = map[bot.MessageRef]int{ref: n}
}

// held does something while nothing is said in rooms.
func (w *world) held(fn func()) {
	w.t.Helper()
	lane := channelLane(rooms)
	w.update(func(tx store.Tx) error { return w.ob.Hold(tx, outbox.Hold{Lane: lane, Code: "test", Message: "Wait."}) })
	fn()
	w.update(func(tx store.Tx) error { return w.ob.Release(tx, lane) })
	w.settle()
}

// filesIn are the files that are shown in a room.
func (w *world) filesIn(room bot.MessageRef) (texts []string) {
	w.chat.mu.Lock()
	defer w.chat.mu.Unlock()
	for _, p := range w.chat.posts {
		if p.msg.Thread == room && len(p.msg.Text) > 5 && p.msg.Text[:5] == "file " {
			texts = append(texts, p.msg.Text[5:])
		}
	}
	return texts
}

// TestLiveClosedWhileWriting: the room is closed, and that is known, before what
// the customer wrote to it was shown there. It goes on in a new room.
func TestLiveClosedWhileWriting(t *testing.T) {
	for _, more := range []bool{false, true} {
		t.Run(fmt.Sprint("and writes on: ", more), func(t *testing.T) {
			service(t, func(t *testing.T, w *world) {
				_, _, rio := agents()
				w.set("finished", "Goodbye!")
				w.in("1", "one")
				old := w.conv().CardRef
				want := []string{"two", "three"}
				w.held(func() {
					w.in("2", "two")
					w.in("3", "three")
					w.shutRoom(old)
					w.room(bot.EventClosed, rio, "solved")
					if more {
						w.in("4", "four")
						want = append(want, "four")
					}
				})
				c := w.conv()
				if !c.Open() || c.CardRef == old || c.CardRef == "" {
					t.Fatalf("what the customer wrote is nowhere: %+v", c)
				}
				equal(t, "the old room", w.shownIn(old), []string{"one"})
				equal(t, "the new room", w.shownIn(c.CardRef), want)
				equal(t, "X", w.x.texts(), []string{"Goodbye!"})
				w.event(bot.Event{Kind: bot.EventClosed, User: rio, Thread: old, Channel: "webchat:room"})
				if !w.conv().Open() {
					t.Error("the old room's end ended the new one")
				}
			})
		})
	}
}

// TestLiveFoundClosed: a room takes nothing more before anybody heard that it is
// over. The customer is led on, and told of the end all the same: once, and not
// again unless an agent has answered since.
func TestLiveFoundClosed(t *testing.T) {
	for _, answered := range []bool{false, true} {
		t.Run(fmt.Sprint("answered in the next room: ", answered), func(t *testing.T) {
			service(t, func(t *testing.T, w *world) {
				_, _, rio := agents()
				w.set("finished", "Goodbye!")
				w.in("1", "one")
				old := w.conv().CardRef
				w.room(bot.EventMessage, rio, "First.")
				over := bot.Event{Kind: bot.EventClosed, User: rio, Thread: old, Channel: "webchat:room", At: time.Now()}
				w.wait(time.Second)
				w.shutRoom(old)
				w.in("2", "two")
				c := w.conv()
				if c.CardRef == old || !c.Open() {
					t.Fatalf("what the customer wrote is nowhere: %+v", c)
				}
				want := []string{"First."}
				if answered {
					w.room(bot.EventMessage, rio, "Second.")
					want = append(want, "Second.")
				}
				w.event(over)
				w.event(over) // its ID is another: as if it were forgotten
				want = append(want, "Goodbye!")
				equal(t, "X", w.x.texts(), want)
				if c := w.conv(); !c.Open() {
					t.Error("the old room's end ended the new one")
				}
				equal(t, "notes", w.notes(), []string{"The room before this one was closed. The customer was told: “Goodbye!”"})
				w.room(bot.EventClosed, rio, "solved")
				if answered {
					want = append(want, "Goodbye!")
				}
				equal(t, "X after the next end", w.x.texts(), want)
			})
		})
	}
}

// TestLiveLateInTheNextRoom: what X delivered late says so in whichever room it
// is shown.
func TestLiveLateInTheNextRoom(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		w.in("1", "one")
		old := w.conv().CardRef
		begun := time.Now()
		w.wait(time.Minute)
		w.held(func() {
			w.in("3", "three")
			w.in("2", "two", func(in *Inbound) { in.At = begun.Add(time.Second) })
			w.shutRoom(old)
		})
		late := map[string]bool{}
		for _, p := range w.chat.posts {
			if p.msg.Thread == w.conv().CardRef && p.msg.Author != nil {
				late[p.msg.Text] = strings.Contains(all(p.msg), "delivered late by X")
			}
		}
		if len(late) != 2 || !late["two"] || late["three"] {
			t.Errorf("late in the new room: %v, want the one that was", late)
		}
	})
}

// TestLiveStrayRoom: an agent answered in a room of which the desk hears later
// than of the one that the customer is in, and closed it. The answer reaches
// the customer, and so does the end.
func TestLiveStrayRoom(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.set("finished", "Goodbye!")
		w.in("1", "one")
		known := w.conv().CardRef
		w.room(bot.EventClosed, rio, "solved")
		stray := bot.MessageRef("webchat:stray:live")
		w.chat.stray = []bot.MessageRef{known, stray}
		w.in("2", "two")
		c := w.conv()
		if c.CardRef == stray || c.CardRef == known {
			t.Fatalf("the customer is in %s", c.CardRef)
		}
		for _, kind := range []bot.EventKind{bot.EventMessage, bot.EventClosed} {
			w.event(bot.Event{Kind: kind, User: rio, Thread: stray, Channel: "webchat:stray", Message: "webchat:stray:m1", Text: "Yes."})
		}
		equal(t, "X", w.x.texts(), []string{"Goodbye!", "Yes.", "Goodbye!"})
		if c := w.conv(); !c.Open() || len(c.Shut) > 0 {
			t.Errorf("the conversation is open: %t; rooms whose end is awaited: %v", c.Open(), c.Shut)
		}
	})
}

// TestLiveClosedBeforeTheFile: a room that is closed between a message and its
// files has the files shown in the next one.
func TestLiveClosedBeforeTheFile(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		w.set("file_upload", "on")
		w.set("media_types", "")
		w.in("1", "one")
		old := w.conv().CardRef
		w.held(func() {
			w.in("2", "two", func(in *Inbound) {
				in.Files = []File{{Name: "a", Type: "image/png", URL: "x:a"}, {Name: "b", Type: "image/png", URL: "x:b"}}
			})
			w.in("3", "three")
			w.shutAfter(1, old)
		})
		c := w.conv()
		if c.CardRef == old {
			t.Fatal("still in the closed room")
		}
		equal(t, "the old room", w.shownIn(old), []string{"one", "two"})
		equal(t, "files in the new room", w.filesIn(c.CardRef), []string{"x:a", "x:b"})
		equal(t, "the new room", w.shownIn(c.CardRef), []string{"three"})
		// And once more: the next room closes at once, too.
		w.held(func() {
			w.in("4", "four", func(in *Inbound) { in.Files = []File{{Name: "c", Type: "image/png", URL: "x:c"}} })
			w.shutRoom(c.CardRef)
		})
		c = w.conv()
		w.held(func() {
			w.in("5", "five")
			w.shutRoom(c.CardRef)
		})
		equal(t, "files in the third room", w.filesIn(c.CardRef), []string{"x:c"})
	})
}

// TestLiveNotShown: what the chat refuses to show is said where agents read it.
func TestLiveNotShown(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		admins := w.admins()
		w.in("1", "one")
		w.chat.mu.Lock()
		w.chat.refuseNext = 1
		w.chat.mu.Unlock()
		w.in("2", "two")
		note := w.last()
		contains(t, "the room", all(note.msg), "can't be shown here", "No.", "https://x.com/messages/")
		w.chat.mu.Lock()
		w.chat.refuseNext = 2
		w.chat.mu.Unlock()
		w.in("3", "three")
		if len(*admins) != 1 {
			t.Fatalf("the admins were told %d times, want 1", len(*admins))
		}
		contains(t, "the admins", all((*admins)[0]), "Ana (@ana)", "can't be shown here")
	})
}

// TestSeesTo: nobody is asked about what the desk says again by itself.
func TestSeesTo(t *testing.T) {
	post := func(channel bot.ChannelRef) []byte { return encode(bot.Post{Message: bot.Message{Channel: channel}}) }
	shut := &outbox.Failure{Code: "room-closed"}
	tests := []struct {
		name string
		a    outbox.Action
		want bool
	}{
		{"words for a room that is closed", outbox.Action{Kind: bot.KindPost, Subject: "conversation:1", Payload: post(rooms), Failure: shut}, true},
		{"words under a card that is gone", outbox.Action{Kind: bot.KindPost, Subject: "conversation:1", Payload: post(support), Failure: &outbox.Failure{Code: "thread_not_found"}}, true},
		{"words for a channel that is gone", outbox.Action{Kind: bot.KindPost, Subject: "conversation:1", Payload: post(support), Failure: &outbox.Failure{Code: "room_not_found"}}, false},
		{"words that a room refuses", outbox.Action{Kind: bot.KindPost, Subject: "conversation:1", Payload: post(rooms), Failure: &outbox.Failure{Code: "error-not-allowed"}}, false},
		{"words whose fate nobody knows", outbox.Action{Kind: bot.KindPost, Subject: "conversation:1", Payload: post(rooms)}, false},
		{"somebody else's words", outbox.Action{Kind: bot.KindPost, Payload: post(rooms), Failure: shut}, false},
		{"another thing", outbox.Action{Kind: bot.KindReact, Subject: "conversation:1", Payload: post(rooms), Failure: shut}, false},
		{"what can't be read", outbox.Action{Kind: bot.KindPost, Subject: "conversation:1", Payload: []byte("{"), Failure: shut}, false},
	}
	for _, tt := range tests {
		tt.a.State = outbox.Failed
		if got := SeesTo(tt.a); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
