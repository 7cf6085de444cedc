package rocketchat_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// spoil has a call for a customer's room make one, of which nobody hears, and an
// agent answer there and close it. It returns that room.
func (s *service) spoil(t *testing.T, v bot.Visitor, open bool) rcfake.Room {
	t.Helper()
	s.AddFault(rcfake.Fault{Route: "GET livechat/room", Status: http.StatusBadGateway, Effect: true})
	if e, err := s.Enter(t.Context(), v); err == nil {
		t.Fatalf("entered %+v, want no answer", e)
	}
	rooms := s.Rooms("l")
	r := rooms[len(rooms)-1]
	if _, err := s.Say(rcfake.Says{Who: "sam", Room: r.ID, Text: "Hello?"}); err != nil {
		t.Fatal(err)
	}
	if !open {
		if err := s.CloseRoom("sam", r.ID, "nobody"); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// strays enters and returns the other rooms that this told of.
func (s *service) strays(t *testing.T, v bot.Visitor) (in bot.MessageRef, strays []bot.MessageRef) {
	t.Helper()
	e, err := s.Enter(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return e.Ref, e.Stray
}

func ref(r rcfake.Room) bot.MessageRef { return bot.MessageRef("rocketchat:" + r.ID + ":live") }

// TestStrayRoom: a call that made a room got no answer, and the room is over when
// the next one is made. What was said there is not lost.
func TestStrayRoom(t *testing.T) {
	for name, restarted := range map[string]bool{"by this run": false, "by one that was killed": true} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			v := s.customer(1)
			v.Since = time.Now()
			before, _ := s.strays(t, s.customer(2))
			r := s.spoil(t, v, false)
			if restarted {
				s.stop()
				s.start(t)
			}
			in, strays := s.strays(t, v)
			if diff := cmp.Diff([]bot.MessageRef{ref(r)}, strays); diff != "" || in == ref(r) || in == before {
				t.Errorf("entered %s, other rooms (-want +got):\n%s", in, diff)
			}
			said, over := s.sink.of(bot.EventMessage), s.sink.of(bot.EventClosed)
			if len(said) != 1 || said[0].Text != "Hello?" || said[0].Thread != ref(r) || len(over) != 1 || over[0].Thread != ref(r) {
				t.Errorf("told: %+v, %+v; want the agent's words and the end", said, over)
			}
		})
	}
}

// TestStrayRoomBeforeTheStart: nobody hears what was said there before the adapter
// listens, so the customer waits for that.
func TestStrayRoomBeforeTheStart(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	v.Since = time.Now()
	r := s.spoil(t, v, false)
	s.stop()
	id, token := s.Bot()
	early, err := rocketchat.New(rocketchat.Options{URL: s.url, UserID: id, Token: token, Secret: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	e, err := early.Enter(t.Context(), v)
	if b, ok := errors.AsType[*bot.Error](err); !ok || !b.Temporary {
		t.Errorf("entered %+v, %v; want to be asked again", e, err)
	}
	s.start(t)
	if _, strays := s.strays(t, v); !slices.Equal(strays, []bot.MessageRef{ref(r)}) {
		t.Errorf("other rooms %v, want the one that is over", strays)
	}
}

// A room that is found open is the customer's, and no other is told of.
func TestStrayRoomStillOpen(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	v.Since = time.Now()
	r := s.spoil(t, v, true)
	if in, strays := s.strays(t, v); in != ref(r) || len(strays) > 0 {
		t.Errorf("entered %s, other rooms %v; want the one that is there", in, strays)
	}
	s.sink.await(t, "the agent's words", func() bool { return len(s.sink.of(bot.EventMessage)) == 1 })
}

// TestStrayRoomsCost: nobody is asked for other rooms where every call was
// answered, and for all customers at once who waited through a restart.
func TestStrayRoomsCost(t *testing.T) {
	s := newService(t)
	asked := func() (n int) {
		for _, c := range s.Calls("GET livechat/rooms") {
			if c.Query.Has("createdAt") {
				n++
			}
		}
		return n
	}
	began := time.Now()
	for n := range 5 {
		v := s.customer(n)
		v.Since = time.Now()
		s.strays(t, v)
	}
	if n := asked(); n != 0 {
		t.Errorf("the rooms were listed %d times, though all calls were answered", n)
	}
	s.stop()
	s.start(t)
	for n := range 5 {
		v := s.customer(n)
		v.Since = began.Add(time.Duration(n) * time.Millisecond)
		if _, strays := s.strays(t, v); len(strays) > 0 {
			t.Errorf("customer %d: other rooms %v", n, strays)
		}
	}
	if n := asked(); n != 1 {
		t.Errorf("the rooms were listed %d times, want once", n)
	}
}

// TestStrayRoomsNotListed: what can't be asked now keeps the customer out for a
// moment; where it can never be asked, it does not.
func TestStrayRoomsNotListed(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	v.Since = time.Now()
	s.spoil(t, v, false)
	s.AddFault(rcfake.Fault{Route: "GET livechat/rooms", Status: http.StatusBadGateway, Times: 3})
	if e, err := s.Enter(t.Context(), v); err == nil {
		t.Errorf("entered %+v, though nobody knows of the other room", e)
	}
	s.AddFault(rcfake.Fault{Route: "GET livechat/rooms", Status: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"success":false,"error":"unauthorized"}`})
	if in, strays := s.strays(t, v); in == "" || len(strays) > 0 {
		t.Errorf("entered %s, other rooms %v", in, strays)
	}
}
