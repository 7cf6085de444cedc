package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

// TestOmnichannelUnserved: the workspace lets customers in though nobody is
// there. They are told so, and what they wrote waits in the room.
func TestOmnichannelUnserved(t *testing.T) {
	b := newBureau(t, func(b *bureau) {
		b.rc.Set("Livechat_accept_chats_with_no_agents", true)
		b.rc.SetOffline("sam", true)
	})
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.until("words in the room", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?"}) })
	b.gets("Nobody is here now.")
	b.reads(rid, "Nobody was online. The customer was told")
	b.writes("1002", "Anybody?")
	b.until("more words in the room", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?", "Anybody?"}) })
	b.rc.SetOffline("sam", false)
	if err := b.rc.Take("sam", rid); err != nil {
		t.Fatal(err)
	}
	b.answers(rid, "Here I am.")
	b.gets("Nobody is here now.", "Here I am.")
}

// TestOmnichannelSetUp: while the bot lacks a right, or Omnichannel is off, all
// customers wait. It is told once, and goes on by itself when that is mended.
func TestOmnichannelSetUp(t *testing.T) {
	for name, body := range map[string]string{
		"no right": `{"success":false,"error":"User does not have the permissions required for this action [error-unauthorized]"}`,
		"off":      `{"success":false,"error":"error-omnichannel-is-disabled","errorType":"error-omnichannel-is-disabled"}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBureau(t, withAda)
			b.x.AddUser(xfake.User{ID: "1003", Handle: "noor", Name: "Noor"})
			setup := b.setupRoom()
			b.rc.AddFault(rcfake.Fault{Route: "GET livechat/visitor/:token/room", Times: 6, Status: 400, Body: body})
			b.writes("1002", "Hello?")
			b.writes("1003", "Hi.")
			b.reads(setup, "goes on by itself")
			b.room(2)
			b.until("what they wrote", func() bool {
				var all []string
				for _, r := range b.rc.Rooms("l") {
					all = append(all, b.customers(r.ID)...)
				}
				slices.Sort(all)
				return slices.Equal(all, []string{"Hello?", "Hi."})
			})
			told := 0
			for _, m := range b.rc.Messages(setup) {
				if strings.Contains(m.Text, "can't be shown") {
					told++
				}
			}
			if told != 1 {
				t.Errorf("told %d times", told)
			}
		})
	}
}

// TestOmnichannelLong: what is too long for the workspace comes in pieces; what it
// does not take at all is said, and what comes after it is shown.
func TestOmnichannelLong(t *testing.T) {
	b := newBureau(t)
	text := strings.TrimSpace(strings.Repeat("Is it running? ", 600))
	b.writes("1002", text)
	rid := b.room(1)
	b.until("all of it", func() bool { return strings.Join(b.customers(rid), " ") == text })
	b.rc.AddFault(rcfake.Fault{Route: "POST livechat/message", Status: 400, Body: `{"success":false,"error":"error-blocked","errorType":"error-blocked"}`})
	b.writes("1002", "not this")
	b.reads(rid, "can't be shown here")
	b.writes("1002", "but this")
	b.until("what came after it", func() bool { return slices.Contains(b.customers(rid), "but this") })
}

// last is what a customer wrote last, as far as Perch knows.
func (b *bureau) last() (text string) {
	b.t.Helper()
	err := b.app.DB.View(b.t.Context(), func(tx store.Tx) error {
		for _, s := range []desk.State{desk.Queued, desk.Claimed, desk.Waiting, desk.Closed} {
			all, err := b.app.Desk.List(tx, s, 0)
			if err != nil {
				return err
			}
			for _, c := range all {
				text = c.Last
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// TestOmnichannelClosing: a room is closed while words and a picture are on their
// way into it. They go on in a new one, once, in order.
func TestOmnichannelClosing(t *testing.T) {
	b := newBureau(t)
	b.writes("1002", "one")
	rid := b.room(1)
	b.until("words in the room", func() bool { return slices.Equal(b.customers(rid), []string{"one"}) })
	b.gets("Welcome!")
	gate := make(chan struct{})
	b.rc.AddFault(rcfake.Fault{Route: "POST livechat/", Times: -1, Until: gate})
	b.writes("1002", "two", xfake.File{Name: "board.png", Type: "image/png", Data: picture(t)})
	b.writes("1002", "three")
	b.until("words on their way", func() bool { return b.last() == "three" })
	if err := b.rc.CloseRoom("sam", rid, "solved"); err != nil {
		t.Fatal(err)
	}
	b.gets("Welcome!", "Goodbye!") // so the end is known
	close(gate)
	b.rc.ClearFaults()
	next := b.room(2)
	b.until("all in the new room", func() bool {
		var got []string
		for _, m := range b.rc.Messages(next) {
			if m.Visitor && m.Kind == "" {
				got = append(got, strings.SplitN(m.Text+strings.Join(m.Files, ""), "\n", 2)[0])
			}
		}
		return len(got) == 3 && got[0] == "two" && strings.HasPrefix(got[1], "photo") && got[2] == "three"
	})
	b.answers(next, "Yes?")
	b.gets("Welcome!", "Goodbye!", "Yes?")
	b.answers(next, "@twitter.bot close")
	b.gets("Welcome!", "Goodbye!", "Yes?", "Goodbye!")
	if got := b.rc.Rooms("l")[1]; got.Open || got.ClosedBy != "twitter.bot" {
		t.Errorf("the room is %+v", got)
	}
	if got := b.customers(rid); !slices.Equal(got, []string{"one"}) {
		t.Errorf("the closed room has %q", got)
	}
}

// TestOmnichannelTyping: the agents see that a customer writes; it is no message.
func TestOmnichannelTyping(t *testing.T) {
	b := newBureau(t)
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.until("words in the room", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?"}) })
	b.until("sign that the customer writes", func() bool {
		if err := b.x.TypeAs("1002", hq); err != nil {
			t.Fatal(err)
		}
		return slices.Contains(b.rc.Typed(rid), "Casey Rivera")
	})
	b.writes("1002", "Anybody?")
	b.until("more words in the room", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?", "Anybody?"}) })
}

// TestOmnichannelColleagues: who calls a colleague in the room is asked before the
// customer reads it.
func TestOmnichannelColleagues(t *testing.T) {
	b := newBureau(t)
	b.rc.AddUser(rcfake.User{Username: "lee", Name: "Lee", Agent: true})
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.until("words in the room", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?"}) })
	b.answers(rid, "@lee can you look?")
	asked := b.reads(rid, "the customer would read that")
	b.answers(rid, "One moment.")
	b.gets("Welcome!", "One moment.")
	if _, err := b.rc.Press("sam", rid, asked.ID, "Send anyway"); err != nil {
		t.Fatal(err)
	}
	b.gets("Welcome!", "One moment.", "@lee can you look?")
}
