package rocketchat_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// A customer who has a room costs nothing of what the server allows of the
// public calls: it is asked as the bot.
func TestEnterAgain(t *testing.T) {
	s := newService(t)
	ref, _ := s.enter(t, s.customer(1))
	s.ForgetCalls()
	if got, err := s.Enter(t.Context(), s.customer(1)); err != nil || got.Ref != ref || got.Fresh {
		t.Errorf("again: %+v %v, want %s", got, err, ref)
	}
	if c := s.Calls("GET livechat/room", "POST livechat/visitor"); len(c) != 0 {
		t.Errorf("%d public calls for a room that is open: %s", len(c), c[0].Route)
	}
}

// A server of line 8 lets the bot make public calls without limit, if it says
// who it is.
func TestPublicCallsSayWhoTheBotIs(t *testing.T) {
	s := newService(t)
	s.Limits(true, 5, time.Minute)
	for i := range 20 {
		v := s.customer(i)
		room, _ := s.enter(t, v)
		s.tell(t, v, room, fmt.Sprint(i), "Hello?")
	}
	for _, c := range s.Calls() {
		if c.Status != http.StatusOK {
			t.Errorf("%s: %d", c.Route, c.Status)
		}
	}
}

// TestDeletionsThatShow shows that a deletion is noticed where the workspace
// shows that there was a message, as it does for all that have a thread.
func TestDeletionsThatShow(t *testing.T) {
	s := newService(t)
	_, rid := s.enter(t, s.customer(1))
	say := func(who, room, thread, text string) string {
		id, err := s.Say(rcfake.Says{Who: who, Room: room, Thread: thread, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	root := say("ada", s.room, "", "a card")
	say("rio", s.room, root, "a reply")
	answer := say("sam", rid, "", "an answer")
	missed := say("sam", rid, "", "another")
	s.sink.await(t, "what was said", func() bool { return len(s.sink.of(bot.EventMessage)) == 4 })
	s.Set("Message_ShowDeletedStatus", true)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.workspace.Delete("ada", s.room, root))
	must(s.workspace.Delete("sam", rid, answer))
	s.sink.await(t, "two deletions", func() bool { return len(s.sink.of(bot.EventMessageDeleted)) == 2 })
	s.stop()
	must(s.workspace.Delete("sam", rid, missed))
	s.start(t)
	s.sink.await(t, "the missed deletion", func() bool { return len(s.sink.of(bot.EventMessageDeleted)) == 3 })
	var got []string
	for _, ev := range s.sink.of(bot.EventMessageDeleted, bot.EventMessageEdited, bot.EventUndecoded) {
		got = append(got, string(ev.Kind)+" "+string(ev.User.Ref)+" "+string(ev.Message))
	}
	want := []string{
		"message_deleted " + prefix + "Uada " + prefix + s.room + ":" + root,
		"message_deleted " + prefix + "Usam " + prefix + rid + ":" + answer,
		"message_deleted " + prefix + "Usam " + prefix + rid + ":" + missed,
	}
	slices.Sort(got) // rooms don't wait for each other
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestUnreadableInARoom shows that a message that can't be read does not keep
// the others in its room from being read.
func TestUnreadableInARoom(t *testing.T) {
	s := newService(t)
	_, rid := s.enter(t, s.customer(1))
	s.stop()
	s.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Times: -1, Status: http.StatusOK, Body: `{"success":true,"result":{"deleted":[],"updated":[
		{"_id":7,"rid":[]},
		{"_id":"m1","rid":"` + rid + `","msg":"hello","ts":"2026-11-22T08:00:00Z","u":{"_id":"Usam","username":"sam"}}]}}`})
	s.start(t)
	s.sink.await(t, "the message beside it", func() bool {
		for _, ev := range s.sink.of(bot.EventMessage) {
			if ev.Text == "hello" {
				return true
			}
		}
		return false
	})
}

// TestLeaveSaysWhy shows that a conversation can be closed where the workspace
// wants a comment, as it does from the beginning, and that this can be repeated.
func TestLeaveSaysWhy(t *testing.T) {
	s := newService(t)
	ref, rid := s.enter(t, s.customer(1))
	for range 2 {
		if err := s.Leave(t.Context(), ref, ""); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Messages(rid)
	if last := got[len(got)-1]; last.Kind != "livechat-close" || last.Text == "" {
		t.Errorf("the room ends with %+v", last)
	}
}

// TestWhoServes shows of whom is told that they serve a customer, and no more:
// whoever takes over is named before those who leave.
func TestWhoServes(t *testing.T) {
	s := newService(t)
	s.AddDepartment("Sales")
	s.AddUser(rcfake.User{Username: "lee", Name: "Lee", Agent: true, Departments: []string{"Sales"}})
	_, rid := s.enter(t, s.customer(1))
	if err := s.Forward("sam", rid, "", "Sales"); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "all of it", func() bool { return len(s.sink.of(bot.EventTaken, bot.EventTransferred)) == 4 })
	var got []string
	for _, ev := range s.sink.of(bot.EventTaken, bot.EventTransferred) {
		got = append(got, fmt.Sprint(ev.Kind, " ", ev.User.Handle, " ", ev.Text))
	}
	if diff := cmp.Diff([]string{"taken sam ", "taken lee ", "transferred sam Sales", "transferred sam "}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestShutIsReadFirst: before a customer is led out of a room that was closed
// unheard, what was said in it is told.
func TestShutIsReadFirst(t *testing.T) {
	for _, way := range []string{"words", "a file"} {
		t.Run(way, func(t *testing.T) {
			s := newService(t)
			v := s.customer(1)
			room, rid := s.enter(t, v)
			s.tell(t, v, room, "k1", "Hello?")
			s.Lose(10)
			if _, err := s.Say(rcfake.Says{Who: "sam", Room: rid, Text: "Yes?"}); err != nil {
				t.Fatal(err)
			}
			if err := s.CloseRoom("sam", rid, ""); err != nil {
				t.Fatal(err)
			}
			var err error
			if way == "words" {
				_, err = s.Post(t.Context(), words(v, room, "k2", "Bye"))
			} else {
				_, err = s.Upload(t.Context(), picture(v, room, "k2", "pixels"))
			}
			if errorCode(err) != "room-closed" {
				t.Fatalf("it was said in a closed room: %v", err)
			}
			said, closed := s.sink.of(bot.EventMessage), s.sink.of(bot.EventClosed)
			if len(said) != 1 || said[0].Text != "Yes?" || len(closed) != 1 {
				t.Errorf("told is %+v and %+v", said, closed)
			}
		})
	}
}
