package rocketchat

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// enter brings a customer into a room, of whom Sam takes care.
func (w *team) enter(t *testing.T, a *Adapter, key string) (rid string) {
	t.Helper()
	e, err := a.Enter(t.Context(), bot.Visitor{Key: key, Name: "Casey"})
	must(t, err)
	rid, _ = liveRoom(e.Ref)
	return rid
}

func newCustomerTeam(t *testing.T) *team {
	t.Helper()
	w := newTeam(t)
	w.AddUser(rcfake.User{Username: "sam", Name: "Sam", Agent: true})
	w.live.look = 100 * time.Millisecond
	return w
}

// TestEndWaits: the words that the stream kept to itself can't be read at the
// moment in which their room is closed. They are told later, and so is the end.
func TestEndWaits(t *testing.T) {
	for name, f := range map[string]rcfake.Fault{
		"limited": {Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3"}}},
		"broken":  {Times: -1, Status: http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCustomerTeam(t)
			w.live.look = time.Minute
			a := w.adapter(t)
			c, _ := w.start(t, a)
			rid := w.enter(t, a, "1001:1")
			c.want(t, "taken sam")
			w.Lose(1)
			w.say(t, "sam", rid, "Goodbye!")
			f.Route = "GET chat.syncMessages"
			w.AddFault(f)
			must(t, w.CloseRoom("sam", rid, "done"))
			for end := time.After(soon); !a.customers.ends(rid); {
				select {
				case <-time.After(10 * time.Millisecond):
				case <-end:
					t.Fatalf("the end does not wait; events %q", c.lines())
				}
			}
			if got := c.lines(); len(got) != 1 {
				t.Errorf("events %q before the room could be read", got)
			}
			w.ClearFaults()
			for end := time.After(soon); a.customers.watches(rid); {
				select {
				case <-time.After(100 * time.Millisecond):
					on := map[string]*attended{rid: {read: time.Now()}}
					_ = a.lookCustomers(t.Context(), *a.sink.Load(), on)
				case <-end:
					t.Fatal("the room is never left")
				}
			}
			c.want(t, "taken sam", "message sam Goodbye!", "closed sam done")
		})
	}
}

// TestOverIsLeft: of a room that is over nothing stays subscribed to.
func TestOverIsLeft(t *testing.T) {
	w := newCustomerTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	rid := w.enter(t, a, "1001:1")
	c.want(t, "taken sam")
	until := func(want bool) {
		t.Helper()
		for end := time.After(soon); w.Subscribed("stream-room-messages", rid) != want || w.Subscribed("stream-notify-room", rid+"/deleteMessage") != want; {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-end:
				t.Fatalf("subscribed to both streams of the room: want %v", want)
			}
		}
	}
	until(true)
	must(t, w.CloseRoom("sam", rid, ""))
	until(false)
}

// TestRefusedRoomIsRead: a room that may not be subscribed to is heard by the
// looks.
func TestRefusedRoomIsRead(t *testing.T) {
	w := newCustomerTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	w.RefuseSubscriptions("stream-room-messages")
	rid := w.enter(t, a, "1001:1")
	w.Lose(1)
	w.say(t, "sam", rid, "Hello!")
	c.want(t, "taken sam", "message sam Hello!")
}

// TestLooksInTurn: where the server takes few calls, each room is read in its
// turn, and one whose end waits first.
func TestLooksInTurn(t *testing.T) {
	w := newCustomerTeam(t)
	w.live.look = time.Hour
	a := w.adapter(t)
	c, _ := w.start(t, a)
	on := map[string]*attended{}
	var rooms []string
	for i, key := range []string{"1", "2", "3", "4"} {
		rid := w.enter(t, a, key)
		rooms = append(rooms, rid)
		on[rid] = &attended{read: time.Now().Add(-time.Duration(10-i) * time.Minute)}
	}
	c.want(t, "taken sam", "taken sam", "taken sam", "taken sam")
	a.customers.end(rooms[3])
	for end := time.After(soon); len(w.Calls("GET chat.syncMessages")) < len(rooms); { // each at its begin
		select {
		case <-time.After(10 * time.Millisecond):
		case <-end:
			t.Fatal("not all rooms are read")
		}
	}
	before := len(w.Calls("GET chat.syncMessages"))
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Skip: 2, Times: -1, Status: http.StatusInternalServerError})
	if err := a.lookCustomers(t.Context(), *a.sink.Load(), on); err == nil {
		t.Error("a look that failed is no error")
	}
	w.ClearFaults()
	must(t, a.lookCustomers(t.Context(), *a.sink.Load(), on))
	var got []string
	for _, x := range w.Calls("GET chat.syncMessages")[before:] {
		got = append(got, x.Query.Get("roomId"))
	}
	if want := []string{rooms[3], rooms[0], rooms[3], rooms[1], rooms[2], rooms[0]}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}
