package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

// unlimited lets X take and tell as much as a test wants.
func (b *bureau) unlimited() {
	for _, e := range []string{"POST /2/dm_conversations/with/{participant_id}/messages", "POST /2/dm_conversations/{dm_conversation_id}/messages", "GET /2/dm_events"} {
		b.x.SetLimit(e, xfake.Limit{})
	}
}

// together does things at the same time.
func together(all ...func()) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for _, fn := range all {
		wg.Go(func() { <-begin; fn() })
	}
	close(begin)
	wg.Wait()
}

// allRooms is what customers wrote, room by room.
func (b *bureau) allRooms() (words []string) {
	for _, r := range b.rc.Rooms("l") {
		words = append(words, b.customers(r.ID)...)
	}
	return words
}

// TestOmnichannelFirstWords: two calls at once for a customer's room make two,
// and the answer to one that made it may be lost. However their first words
// come, there is one room, with all of them in order.
func TestOmnichannelFirstWords(t *testing.T) {
	words := []string{"one", "two", "three", "four", "five", "six"}
	for name, strikes := range map[string]func(b *bureau) (over func()){
		"all at once":      func(b *bureau) func() { return b.rc.RaceRooms() },
		"the answer lost":  func(b *bureau) func() { return b.lost("GET livechat/room", 3) },
		"registering lost": func(b *bureau) func() { return b.lost("POST livechat/visitor", 3) },
		"started again": func(b *bureau) func() {
			release := b.rc.RaceRooms()
			return func() { release(); b.stop(); b.start() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBureau(t)
			b.unlimited()
			over := strikes(b)
			for i, text := range words {
				b.writes("1002", text)
				if i == 3 {
					b.until("words on their way", func() bool { return b.last() == text })
					over()
				}
			}
			rid := b.room(1)
			b.until("all words", func() bool { return len(b.customers(rid)) >= len(words) })
			b.gets("Welcome!")
			b.answers(rid, "Yes?")
			b.gets("Welcome!", "Yes?")
			if got := b.customers(b.room(1)); !slices.Equal(got, words) {
				t.Errorf("in the room is %q, want %q", got, words)
			}
		})
	}
}

// entered reports whether Perch knows of a customer's room.
func (b *bureau) entered(rid string) (is bool) {
	b.t.Helper()
	err := b.app.DB.View(b.t.Context(), func(tx store.Tx) error {
		for _, s := range []desk.State{desk.Queued, desk.Claimed, desk.Waiting} {
			all, err := b.app.Desk.List(tx, s, 0)
			if err != nil {
				return err
			}
			for _, c := range all {
				is = is || strings.HasPrefix(string(c.CardRef), "rocketchat:"+rid+":")
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return is
}

// lost has so many calls of a route take effect and their answers get lost.
func (b *bureau) lost(route string, n int) func() {
	b.rc.AddFault(rcfake.Fault{Route: route, Drop: rcfake.DropAfter, Times: n})
	return func() {}
}

// TestOmnichannelEnds has agents answer and close while the customer writes,
// each time at once, and now and then in the very moment in which the words are
// stored: nothing is lost or doubled, order is kept, and each end is told once.
func TestOmnichannelEnds(t *testing.T) {
	b := newBureau(t, withAda, func(b *bureau) { b.c.Desk.Welcome = "" })
	b.unlimited()
	b.writes("1002", "question 00")
	b.room(1)
	asked, told, ends := []string{"question 00"}, []string(nil), 0
	for i := range 13 { // what the server moves is taken back and told again, before the next
		rooms := b.rc.Rooms("l")
		r := rooms[len(rooms)-1]
		question, answer := fmt.Sprintf("question %02d", i+1), fmt.Sprintf("answer %02d", i)
		if i%4 == 3 {
			b.rc.CloseWhileWriting("sam")
		}
		together(
			func() { b.writes("1002", question) },
			func() {
				if _, err := b.rc.Say(rcfake.Says{Who: "sam", Room: r.ID, Text: answer}); err == nil {
					told = append(told, answer)
				}
				if i%4 != 3 && b.rc.CloseRoom("sam", r.ID, "") == nil {
					ends++
				}
			},
		)
		if i%4 == 3 {
			ends++
		}
		asked = append(asked, question)
		b.until("open room with the newest words", func() bool {
			all := b.rc.Rooms("l")
			last := all[len(all)-1]
			return last.Open && slices.Contains(b.customers(last.ID), question) && b.entered(last.ID)
		})
	}
	finished := func() int {
		return len(slices.DeleteFunc(b.has("1002"), func(s string) bool { return s != "Goodbye!" }))
	}
	b.until("all answers", func() bool { return len(b.has("1002")) >= len(told)+ends })
	if got := slices.DeleteFunc(b.has("1002"), func(s string) bool { return s == "Goodbye!" }); !slices.Equal(got, told) {
		t.Errorf("the customer has %q, want %q", got, told)
	}
	if got := b.allRooms(); !slices.Equal(got, asked) {
		t.Errorf("in the rooms is %q, want %q", got, asked)
	}
	if finished() != ends {
		t.Errorf("the customer was told of %d ends, want %d", finished(), ends)
	}
	for _, m := range b.rc.Messages(b.setupRoom()) {
		if strings.Contains(m.Text, "could not post") {
			t.Errorf("whoever runs Perch reads %q, though nobody has to do anything", m.Text)
		}
	}
	for i, r := range b.rc.Rooms("l") {
		if open := i == len(b.rc.Rooms("l"))-1; r.Open != open {
			t.Errorf("room %d is open: %v", i, r.Open)
		}
	}
}

// TestOmnichannelStrayRoom: nobody hears that a room was made, and an agent
// answers in it and closes it before Perch asks again, or while it is away. The
// answer reaches the customer, and what they wrote the next room.
func TestOmnichannelStrayRoom(t *testing.T) {
	for name, away := range map[string]bool{"asked again": false, "started again": true} {
		t.Run(name, func(t *testing.T) {
			b := newBureau(t, func(b *bureau) { b.c.Desk.Welcome = "" })
			again := make(chan struct{})
			b.rc.AddFault(rcfake.Fault{Route: "GET livechat/room", Status: http.StatusBadGateway, Effect: true})
			b.rc.AddFault(rcfake.Fault{Route: "GET livechat/visitor/:token/room", Skip: 1, Until: again, Times: -1})
			b.writes("1002", "Is the shop open?")
			b.until("room", func() bool { return len(b.rc.Rooms("l")) == 1 })
			if away {
				b.stop()
			}
			first := b.rc.Rooms("l")[0]
			if _, err := b.rc.Say(rcfake.Says{Who: "sam", Room: first.ID, Text: "How may I help?"}); err != nil {
				t.Fatal(err)
			}
			if err := b.rc.CloseRoom("sam", first.ID, ""); err != nil {
				t.Fatal(err)
			}
			close(again)
			if away {
				b.start()
			}
			b.gets("How may I help?", "Goodbye!")
			b.until("words in the next room", func() bool {
				all := b.rc.Rooms("l")
				return len(all) == 2 && slices.Equal(b.customers(all[1].ID), []string{"Is the shop open?"})
			})
		})
	}
}

// TestOmnichannelColleaguesAtOnce: several agents write in one room at once, while
// it is handed from one to the other and the customer writes. Their words reach
// the customer as they stand in the room, and the one who serves them is known.
func TestOmnichannelColleaguesAtOnce(t *testing.T) {
	b := newBureau(t, func(b *bureau) { b.c.Desk.Welcome = "" })
	b.unlimited()
	for _, name := range []string{"lee", "kim"} {
		b.rc.AddUser(rcfake.User{Username: name, Name: strings.ToUpper(name[:1]) + name[1:], Agent: true})
	}
	b.writes("1002", "Hello?")
	rid := b.room(1)
	agents := []string{"sam", "lee", "kim"}
	asked := []string{"Hello?"}
	for i := range 8 {
		question := fmt.Sprint("question ", i)
		acts := []func(){func() { b.writes("1002", question) }, func() {
			r := b.rc.Rooms("l")[0]
			to := agents[(slices.Index(agents, r.Agent)+1)%3]
			if err := b.rc.Forward(r.Agent, rid, to, ""); err != nil {
				t.Error(err)
			}
		}}
		for _, who := range agents {
			acts = append(acts, func() {
				if _, err := b.rc.Say(rcfake.Says{Who: who, Room: rid, Text: fmt.Sprint(who, " ", i)}); err != nil {
					t.Error(err)
				}
			})
		}
		if i == 3 {
			acts = append(acts, b.rc.DropAll)
		}
		together(acts...)
		if i == 5 {
			b.stop()
			b.start()
		}
		asked = append(asked, question)
	}
	var told []string
	for _, s := range b.said(rid) {
		who, text, _ := strings.Cut(s, ": ")
		if slices.Contains(agents, who) {
			told = append(told, text)
		}
	}
	b.until("all answers", func() bool { return len(b.has("1002")) >= len(told) })
	if got := b.has("1002"); !slices.Equal(got, told) {
		t.Errorf("the customer has %q, want %q", got, told)
	}
	b.until("all questions", func() bool { return len(b.customers(rid)) >= len(asked) })
	if got := b.customers(rid); !slices.Equal(got, asked) {
		t.Errorf("in the room is %q, want %q", got, asked)
	}
	serves := b.rc.Rooms("l")[0].Agent
	b.until(serves+" as the one who serves", func() bool {
		own := map[string]int{}
		err := b.app.DB.View(t.Context(), func(tx store.Tx) error {
			for _, who := range agents {
				all, err := b.app.Desk.Owned(tx, bot.UserRef("rocketchat:U"+who))
				if err != nil {
					return err
				}
				own[who] = len(all)
			}
			return nil
		})
		return err == nil && own[serves] == 1 && own["sam"]+own["lee"]+own["kim"] == 1
	})
}

// TestOmnichannelRestarts restarts the server, Perch and both at once between
// any two things that are said.
func TestOmnichannelRestarts(t *testing.T) {
	b := newBureau(t, func(b *bureau) { b.c.Desk.Welcome = "" })
	b.unlimited()
	b.writes("1002", "question 0")
	rid := b.room(1)
	asked, told := []string{"question 0"}, []string(nil)
	again := []func(){
		func() { b.rc.Stop(); b.rc.Start() },
		func() { b.stop(); b.start() },
		func() { b.rc.Stop(); b.stop(); b.rc.Start(); b.start() },
		func() { b.rc.DropAll() },
	}
	for i, restart := range slices.Concat(again, again) {
		answer, question := fmt.Sprint("answer ", i), fmt.Sprint("question ", i+1)
		switch i / len(again) {
		case 0: // between the two
			b.answers(rid, answer)
			restart()
			b.writes("1002", question)
		default: // while both are under way
			together(func() { b.answers(rid, answer) }, func() { b.writes("1002", question) }, restart)
		}
		asked, told = append(asked, question), append(told, answer)
		b.until("the answer", func() bool { return len(b.has("1002")) >= len(told) })
		b.until("the question", func() bool { return len(b.customers(rid)) >= len(asked) })
	}
	if got := b.has("1002"); !slices.Equal(got, told) {
		t.Errorf("the customer has %q, want %q", got, told)
	}
	if got := b.customers(b.room(1)); !slices.Equal(got, asked) {
		t.Errorf("in the room is %q, want %q", got, asked)
	}
}
