package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const rooms = bot.ChannelRef("webchat:omnichannel:Sales")

// doors lets customers into rooms of the chat, as its customer service does.
type doors struct{ *chat }

func (d doors) Do(_ context.Context, a outbox.Action) (outbox.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch a.Kind {
	case bot.KindServe:
		d.asked++
		return outbox.Receipt{Result: encode(bot.Served{Served: !d.idle})}, nil
	case bot.KindLeave:
		if d.leave != nil {
			return outbox.Receipt{}, d.leave
		}
		d.shut[decode[bot.Leave](a).Room] = true
		return outbox.Receipt{}, nil
	}
	e := decode[bot.Enter](a)
	if d.away {
		f := outbox.Failure{Code: bot.CodeNoAgent, Message: "Nobody is online."}
		h := outbox.Hold{Lane: bot.LiveLane + string(bot.LiveChannel(e.Platform, e.Visitor.Department)), Code: f.Code, Message: f.Message, Until: time.Now().Add(20 * time.Minute)}
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: f, Hold: &h}
	}
	if e.Visitor.Department != "Sales" && !d.anywhere {
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "error-invalid-department", Message: "There is no such department."}}
	}
	d.visitors = append(d.visitors, e.Visitor)
	ref := bot.MessageRef(fmt.Sprintf("webchat:room%d:live", len(d.visitors)))
	d.posts = append(d.posts, &post{ref: ref, key: a.Key})
	return outbox.Receipt{Result: encode(bot.Entered{Ref: ref, Fresh: true, Unserved: d.idle, Stray: d.stray})}, nil
}

// service plays conversations that the chat serves by itself.
func service(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	scene(t, func(t *testing.T, w *world) {
		for _, k := range []string{bot.KindEnter, bot.KindLeave, bot.KindServe} {
			w.ob.Register(k, doors{w.chat})
		}
		w.chat.shut = map[bot.MessageRef]bool{}
		w.update(func(tx store.Tx) error {
			return w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: rooms})
		})
		fn(t, w)
	})
}

// admins are what whoever runs Perch is told from now on.
func (w *world) admins() *[]bot.Message {
	var told []bot.Message
	w.d.opt.Attention = func(_ store.Tx, _ string, m bot.Message) (bool, error) {
		told = append(told, m)
		return true, nil
	}
	return &told
}

// room is what an agent does in the conversation's room.
func (w *world) room(kind bot.EventKind, who bot.User, text string) {
	w.t.Helper()
	w.event(bot.Event{Kind: kind, User: who, Thread: w.conv().CardRef, Channel: "webchat:room", Text: text})
}

// in is what the customer wrote that is shown in a room.
func (w *world) shownIn(room bot.MessageRef) (texts []string) {
	for _, p := range w.chat.posts {
		if p.msg.Thread == room && p.msg.Author != nil {
			texts = append(texts, p.msg.Text)
		}
	}
	return texts
}

// notes are the bot's words in the rooms.
func (w *world) notes() (texts []string) {
	for _, p := range w.chat.posts {
		if p.msg.Thread != "" && p.msg.Author == nil && p.key != "person" {
			texts = append(texts, p.msg.Text)
		}
	}
	return texts
}

func TestLiveConversation(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents() // an agent only because the chat lets them into the room
		w.set("welcome", "Welcome!")
		w.set("finished", "Goodbye!")
		w.set("agents_display_name", "name")
		w.in("1", "one")
		w.in("2", "two")
		c := w.conv()
		equal(t, "the room", w.shownIn(c.CardRef), []string{"one", "two"})
		if v := w.chat.visitors; len(v) != 1 || v[0].Key != acme+":42" || v[0].Name != "Ana" || v[0].Handle != "ana" {
			t.Errorf("visitors = %+v", v)
		}
		equal(t, "the bot's words", w.notes(), []string{"The customer was welcomed: “Welcome!”"})
		if len(w.chat.posts) != 4 { // the room, two messages, a note: no card
			t.Errorf("%d things in the chat", len(w.chat.posts))
		}

		w.room(bot.EventTaken, rio, "")
		if c = w.conv(); c.Owner != rio.Ref || c.OwnerName != "Rio" || c.State != Claimed {
			t.Errorf("taken: %+v", c)
		}
		ref := w.write(rio, "hello")
		note := w.write(rio, "// they called")
		w.write(rio, "note: again")
		equal(t, "X", w.x.texts(), []string{"Welcome!", "hello\n^Rio"})
		if c = w.conv(); c.State != Waiting || !c.WaitingSince.IsZero() {
			t.Errorf("answered: %+v", c)
		}
		equal(t, "signs on the answer", w.reactions(ref), []string{markSent})
		equal(t, "signs on the note", w.reactions(note), []string{markNote})
		w.room(bot.EventHold, rio, "")
		w.room(bot.EventTransferred, rio, "Lee")
		if c = w.conv(); c.Owner != "" || c.State != Queued {
			t.Errorf("handed on: %+v", c)
		}
		_, lee, _ := agents()
		w.room(bot.EventTaken, lee, "")
		w.room(bot.EventTransferred, rio, "Lee")   // told late
		w.room(bot.EventTransferred, rio, "Sales") // a department, in which Lee is
		w.room(bot.EventTransferred, rio, "")
		if c = w.conv(); c.Owner != lee.Ref {
			t.Errorf("taken over: %+v", c)
		}
		w.room(bot.EventTransferred, rio, "Support") // somebody else hands it on
		w.room(bot.EventTransferred, lee, "")
		if c = w.conv(); c.Owner != "" || c.State != Queued {
			t.Errorf("taken from: %+v", c)
		}
		w.room(bot.EventTaken, lee, "")

		old := c.CardRef
		w.room(bot.EventClosed, lee, "solved")
		w.chat.shut[old] = true
		if c = w.conv(); c.Open() || c.ClosedBy != "Lee" {
			t.Errorf("closed: %+v", c)
		}
		equal(t, "X", w.x.texts(), []string{"Welcome!", "hello\n^Rio", "Goodbye!"})
		w.room(bot.EventClosed, lee, "solved")
		w.in("3", "three")
		c = w.conv()
		if !c.Open() || c.CardRef == old || !slices.Equal(c.OldCards, []bot.MessageRef{old}) || c.Reopened != 1 {
			t.Errorf("goes on: %+v", c)
		}
		equal(t, "the new room", w.shownIn(c.CardRef), []string{"three"})
		equal(t, "X", w.x.texts(), []string{"Welcome!", "hello\n^Rio", "Goodbye!"})

		// Late news of the old room changes nothing but words: those were meant for
		// the customer.
		w.event(bot.Event{Kind: bot.EventClosed, User: lee, Thread: old})
		w.event(bot.Event{Kind: bot.EventMessage, User: lee, Thread: old, Message: "webchat:late", Text: "one more"})
		if !w.conv().Open() {
			t.Error("news of the old room closed the new one")
		}
		equal(t, "X", w.x.texts(), []string{"Welcome!", "hello\n^Rio", "Goodbye!", "one more\n^Lee"})
	})
}

// TestLiveClosedBehindOurBack: the room is closed, and the customer's words find
// that out before anybody says so. All go on in a new room, in order.
func TestLiveClosedBehindOurBack(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		w.in("1", "one")
		old := w.conv().CardRef
		w.chat.mu.Lock()
		w.chat.shut[old] = true
		w.chat.mu.Unlock()
		lane := channelLane(rooms)
		w.update(func(tx store.Tx) error { return w.ob.Hold(tx, outbox.Hold{Lane: lane, Code: "test", Message: "Wait."}) })
		for i := range 4 {
			w.in(fmt.Sprint(i+2), fmt.Sprint("more ", i))
		}
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, lane) })
		w.settle()
		c := w.conv()
		if c.CardRef == old {
			t.Fatal("still in the closed room")
		}
		equal(t, "the new room", w.shownIn(c.CardRef), []string{"more 0", "more 1", "more 2", "more 3"})
		if len(w.chat.visitors) != 2 {
			t.Errorf("%d rooms, want 2", len(w.chat.visitors))
		}
	})
}

func TestLiveNobodyThere(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		w.set("welcome", "Welcome!")
		w.set("service_unavailable", "Nobody is here.")
		w.chat.away = true
		w.in("1", "one")
		w.in("2", "two")
		w.in("m1", "@acme hello", func(in *Inbound) { in.Kind, in.XConversation = Mention, "m1" })
		w.in("b1", "me too", func(in *Inbound) { in.From = Contact{ID: "43", Handle: "bo", Name: "Bo"} })
		w.wait(11 * time.Hour)
		w.in("3", "three")
		equal(t, "X", w.x.texts(), []string{"Nobody is here.", "Nobody is here."}) // Ana and Bo, once each
		w.wait(90 * time.Minute)
		w.settle()
		w.in("4", "four")
		n := len(w.x.texts())
		if n < 3 || n > 4 {
			t.Errorf("told %d times", n)
		}
		w.chat.mu.Lock()
		w.chat.away = false
		w.chat.mu.Unlock()
		w.wait(30 * time.Minute)
		w.settle()
		if len(w.chat.visitors) != 3 {
			t.Fatalf("visitors %+v", w.chat.visitors)
		}
		for _, v := range w.chat.visitors {
			if v.Handle != "ana" || strings.HasPrefix(v.Name, "Public") {
				continue
			}
			ref := bot.MessageRef(fmt.Sprintf("webchat:room%d:live", slices.Index(w.chat.visitors, v)+1))
			equal(t, "Ana's room", w.shownIn(ref), []string{"one", "two", "three", "four"})
		}
		if got := len(w.x.texts()); got != n {
			t.Errorf("welcomed after being turned away: %q", w.x.texts())
		}
	})
}

// TestLiveTrouble: what was not delivered is told in the room, with buttons for
// whoever is there; once that is closed, to the admins.
func TestLiveTrouble(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		admins := w.admins()
		w.in("1", "one")
		ref := w.write(rio, strings.Repeat("x", MaxText+1))
		note := w.last()
		contains(t, "told", note.msg.Text, "⚠ Not sent", "Shorten it")
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: ref, Thread: w.conv().CardRef, Text: "short"})
		equal(t, "X", w.x.texts(), []string{"short"})
		equal(t, "told", []string{note.msg.Text}, []string{"✅ Sent: “short”."})

		w.x.next = append(w.x.next, rejected("The customer takes no messages."))
		ref = w.write(rio, "lost?")
		note = w.last()
		contains(t, "note", note.msg.Text, "⚠ Not sent: “lost?”", "takes no messages")
		equal(t, "buttons", buttonIDs(note.msg), []string{"desk.discard", "desk.retry"})
		w.press(rio, "desk.retry", w.message(ref).ID)
		equal(t, "X", w.x.texts(), []string{"short", "lost?"})

		// Elsewhere the same person may not.
		w.x.next = append(w.x.next, rejected("No."), rejected("No."))
		ref = w.write(rio, "again")
		w.event(bot.Event{Kind: bot.EventAction, User: rio, Action: "desk.retry", Value: w.message(ref).ID, Thread: "webchat:else"})
		if m := w.message(ref); m.Delivery != Failed {
			t.Errorf("the message is %s", m.Delivery)
		}
		// And nobody takes a conversation that the chat leads.
		sam, _, _ := agents()
		w.press(sam, "desk.claim", w.conv().ID)
		contains(t, "told", w.told(sam).msg.Text, "own buttons")

		w.room(bot.EventClosed, rio, "")
		w.chat.shut[w.conv().CardRef] = true
		w.press(rio, "desk.retry", w.message(ref).ID)
		if len(*admins) != 1 {
			t.Fatalf("the admins were told %d times", len(*admins))
		}
		contains(t, "the admins", all((*admins)[0]), "Ana (@ana)", "again", "desk.retry")
	})
}

func TestLiveEdits(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "one")
		w.update(func(tx store.Tx) error {
			return w.ob.Hold(tx, outbox.Hold{Lane: "x:" + acme + ":dm", Code: "rate_limited", Message: "X takes no more.", Until: time.Now().Add(time.Hour)})
		})
		first, second := w.write(rio, "first"), w.write(rio, "second")
		contains(t, "note", strings.Join(w.notes(), " | "), "⏳")
		room := w.conv().CardRef
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: first, Thread: room, Text: "first, changed"})
		w.event(bot.Event{Kind: bot.EventMessageDeleted, Message: second})
		third := w.write(rio, "third")
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: third, Thread: room, Text: "// third"})
		w.wait(2 * time.Hour)
		w.settle()
		equal(t, "X", w.x.texts(), []string{"first, changed"})
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: third, Thread: room, Text: "third"})
		equal(t, "X", w.x.texts(), []string{"first, changed"})
		contains(t, "told", w.told(rio).msg.Text, "stays among you")
		w.event(bot.Event{Kind: bot.EventMessageDeleted, Message: first})
		contains(t, "note", w.chat.posts[len(w.chat.posts)-1].msg.Text, "The customer still has this message")
		if p := w.chat.posts[len(w.chat.posts)-1]; p.msg.Thread != room {
			t.Errorf("told in %q, want the room", p.msg.Thread)
		}
	})
}

// TestLiveOrderEdited: what was said to the bot is not sent when its author
// makes words to the customer of it. They are told.
func TestLiveOrderEdited(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "one")
		room := w.conv().CardRef
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: "webchat:order", Thread: room, Live: true, Text: "we close at six"})
		contains(t, "told", w.told(rio).msg.Text, "The customer does not get this", "we close at six", "Write it anew")
		equal(t, "X", w.x.texts(), nil)
		n := w.tells()
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: rio, Message: "webchat:order2", Thread: room, Live: true, Text: "// stays"})
		if w.tells() != n {
			t.Errorf("told of a note: %q", w.told(rio).msg.Text)
		}
	})
}

// TestLiveMention: an answer to a public post is shown first, in the room.
func TestLiveMention(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "in private")
		w.in("m1", "@acme hello", func(in *Inbound) { in.Kind, in.XConversation = Mention, "m1" })
		if v := w.chat.visitors; len(v) != 2 || v[0].Key == v[1].Key {
			t.Fatalf("visitors %+v: a public conversation is one of its own", v)
		}
		ref := w.write(rio, "hi")
		if len(w.x.posts) != 0 {
			t.Fatal("posted without a look")
		}
		contains(t, "preview", w.last().msg.Text, "Public answer to Ana")
		w.press(rio, "desk.post", w.message(ref).ID)
		if len(w.x.posts) != 1 || w.x.posts[0].Text != "hi" || w.x.posts[0].ReplyTo != "m1" {
			t.Errorf("posts %+v", w.x.posts)
		}
		contains(t, "note", w.last().msg.Text, "Posted")
	})
}

// TestLiveRefused: a room that can't be had needs somebody, and nothing is lost.
func TestLiveRefused(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		admins := w.admins()
		w.update(func(tx store.Tx) error {
			return w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: "webchat:omnichannel:Nowhere"})
		})
		w.in("1", "one")
		if len(*admins) == 0 {
			t.Fatal("nobody was told")
		}
		contains(t, "the admins", all((*admins)[0]), "no such department", "desk.room")
		w.event(bot.Event{Kind: bot.EventAction, User: sam, Action: "desk.room", Value: w.conv().ID})
		if len(*admins) != 2 || len(w.shownIn(w.conv().CardRef)) != 0 {
			t.Errorf("the admins were told %d times, want 2", len(*admins))
		}
	})
}

// TestLiveNewsIsEarly: what happens in a room is put off until it is known whose
// room that is.
func TestLiveNewsIsEarly(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.chat.away = true
		w.in("1", "one")
		err := w.db.Update(t.Context(), func(tx store.Tx) error {
			_, err := w.d.HandleEvent(tx, bot.Event{ID: "e", Platform: "webchat", Kind: bot.EventTaken, User: rio, Thread: "webchat:room1:live", Live: true, Channel: "webchat:room1"})
			return err
		})
		if err == nil {
			t.Error("an agent's deed was forgotten")
		}
	})
}

// TestLiveDefaultDepartment: the departments of the chat need not be told to Perch.
func TestLiveDefaultDepartment(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		set := func(name string) error {
			return w.db.Update(t.Context(), func(tx store.Tx) error { _, err := w.d.Set(tx, "default_department", name, "ada"); return err })
		}
		if err := set("Sales"); err == nil { // there is a department with a channel of its own
			t.Error("an unknown department was taken beside one with a channel")
		}
		w.update(func(tx store.Tx) error {
			return w.d.SetDepartment(tx, Department{ID: "zbilling", Name: "Billing", Channel: "webchat:omnichannel"})
		})
		if err := set(" Big  Sales "); err != nil {
			t.Fatal(err)
		}
		w.chat.away = true
		w.in("1", "one")
		if c := w.conv(); c.Channel != "webchat:omnichannel:Big Sales" || c.Department != "big-sales" {
			t.Errorf("conversation %+v", c)
		}
	})
}

// TestLiveGap: after a gap a conversation's room is read, and the one it was in
// before.
func TestLiveGap(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.d.opt.Can = func(_, kind string) bool { return kind == bot.KindHistory }
		w.in("1", "one")
		old := w.conv().CardRef
		w.room(bot.EventClosed, rio, "")
		w.in("2", "two")
		w.update(func(tx store.Tx) error {
			_, err := w.d.HandleEvent(tx, bot.Event{ID: "gap", Platform: "webchat", Kind: bot.EventGap, At: time.Now()})
			return err
		})
		w.settle()
		var read []string
		for _, h := range w.chat.histories {
			read = append(read, string(h.Thread))
		}
		slices.Sort(read)
		want := []string{string(old), string(w.conv().CardRef)}
		slices.Sort(want)
		equal(t, "the rooms that were read", read, want)
	})
}

// TestLiveRoomNotKnown: an agent may answer in a room of which Perch has yet to
// learn that it is there. That waits, for as long as it takes, and what is said
// in other threads does not wait with it.
func TestLiveRoomNotKnown(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.chat.away = true
		w.in("1", "one")
		w.settle()
		handle := func(ev bot.Event) (handled bool, err error) {
			ev.Kind, ev.Platform, ev.User, ev.At = bot.EventMessage, "webchat", rio, time.Now()
			err = w.db.Update(t.Context(), func(tx store.Tx) error { handled, err = w.d.HandleEvent(tx, ev); return err })
			return handled, err
		}
		lunch := bot.Event{ID: "lunch", Channel: "webchat:incidents", Message: "webchat:m1001", Thread: "webchat:m1000", Text: "lunch?"}
		if handled, err := handle(lunch); handled || err != nil {
			t.Errorf("words in another thread: %t, %v; want them left alone", handled, err)
		}
		answer := bot.Event{ID: "answer", Channel: "webchat:room1", Message: "webchat:m1002", Thread: "webchat:room1:live", Live: true, Text: "Yes."}
		for range 3 {
			if _, err := handle(answer); !errors.Is(err, errNotYet) {
				t.Errorf("an answer in a room that is not known: %v, want to be asked again", err)
			}
			w.wait(5 * time.Minute)
		}
		w.chat.away = false
		w.wait(10 * time.Minute)
		w.settle()
		if handled, err := handle(answer); !handled || err != nil {
			t.Errorf("an answer in a room that is known: %t, %v", handled, err)
		}
		w.settle()
		equal(t, "X", w.x.texts(), []string{"Yes."})
		answer.ID, answer.Message, answer.Thread = "other", "webchat:m1003", "webchat:room9:live"
		if handled, err := handle(answer); handled || err != nil {
			t.Errorf("an answer in a room of nobody's: %t, %v; want it left alone", handled, err)
		}
	})
}
