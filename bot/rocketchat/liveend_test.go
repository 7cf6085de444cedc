package rocketchat

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// enter brings a customer into a room, of whom Sam takes care, and returns once
// it was read.
func (w *team) enter(t *testing.T, a *Adapter, key string) (rid string) {
	t.Helper()
	e, err := a.Enter(t.Context(), bot.Visitor{Key: key, Name: "Casey"})
	must(t, err)
	rid, _ = liveRoom(e.Ref)
	until(t, "the room is read", func() bool { return !a.customers.holds(rid) })
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
	t.Parallel()
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
			until(t, "the end waits", func() bool { return a.customers.ends(rid) })
			if got := c.lines(); len(got) != 1 {
				t.Errorf("events %q before the room could be read", got)
			}
			w.ClearFaults()
			until(t, "the room is left", func() bool {
				on := map[string]*attended{rid: {read: time.Now()}}
				_ = a.lookCustomers(t.Context(), nil, *a.sink.Load(), on)
				return !a.customers.watches(rid)
			})
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
	subscribed := func(want bool) {
		t.Helper()
		until(t, fmt.Sprintf("subscribed to both streams of the room: %v", want), func() bool {
			return w.Subscribed("stream-room-messages", rid) == want && w.Subscribed("stream-notify-room", rid+"/deleteMessage") == want
		})
	}
	subscribed(true)
	must(t, w.CloseRoom("sam", rid, ""))
	subscribed(false)
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
	before := len(w.Calls("GET chat.syncMessages"))
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Skip: 2, Times: -1, Status: http.StatusInternalServerError})
	if err := a.lookCustomers(t.Context(), nil, *a.sink.Load(), on); err == nil {
		t.Error("a look that failed is no error")
	}
	w.ClearFaults()
	must(t, a.lookCustomers(t.Context(), nil, *a.sink.Load(), on))
	var got []string
	for _, x := range w.Calls("GET chat.syncMessages")[before:] {
		got = append(got, x.Query.Get("roomId"))
	}
	if want := []string{rooms[3], rooms[0], rooms[3], rooms[1], rooms[2], rooms[0]}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// TestAnswersDontWaitForLooks: reading rooms besides, and letting new customers
// in, takes as long as the server likes; what agents say meanwhile is told.
func TestAnswersDontWaitForLooks(t *testing.T) {
	w := newCustomerTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	rid := w.enter(t, a, "1001:1")
	c.want(t, "taken sam")
	hung := make(chan struct{})
	defer sync.OnceFunc(func() { close(hung) })()
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Times: -1, Until: hung})
	until(t, "a look begins", func() bool { return w.Struck("GET chat.syncMessages") > 0 })
	w.say(t, "sam", rid, "Hello!")
	c.want(t, "taken sam", "message sam Hello!")
}

// TestRoomsAreReadSideBySide: a start does not wait for one room after the other.
func TestRoomsAreReadSideBySide(t *testing.T) {
	w := newCustomerTeam(t)
	a := w.adapter(t)
	_, stop := w.start(t, a)
	for i := range 5 {
		w.enter(t, a, fmt.Sprint(i))
	}
	stop()
	hung := make(chan struct{})
	defer sync.OnceFunc(func() { close(hung) })()
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Skip: 1, Times: -1, Until: hung}) // the plain room passes
	c := newCollector()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.adapter(t).Run(ctx, c) })
	defer wg.Wait()
	defer cancel()
	until(t, "five rooms are read at once", func() bool { return w.Struck("GET chat.syncMessages") >= 5 })
}

// TestMissedComesFirst: what the streams tell of a new room waits until what was
// said in it before has been read.
func TestMissedComesFirst(t *testing.T) {
	w := newCustomerTeam(t)
	w.live.look = time.Hour
	a := w.adapter(t)
	c, _ := w.start(t, a)
	hung := make(chan struct{})
	release := sync.OnceFunc(func() { close(hung) })
	defer release()
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Until: hung})
	e, err := a.Enter(t.Context(), bot.Visitor{Key: "1001:1", Name: "Casey"})
	must(t, err)
	rid, _ := liveRoom(e.Ref)
	w.Lose(1)
	w.say(t, "sam", rid, "one")
	w.say(t, "sam", rid, "two")
	w.say(t, "ada", w.room, "elsewhere") // what is heard of other rooms comes behind it
	c.want(t, "message ada elsewhere")
	release()
	c.want(t, "message ada elsewhere", "taken sam", "message sam one", "message sam two")
}

// TestFoundAgain: a room that was given up and is found again is heard at once.
func TestFoundAgain(t *testing.T) {
	w := newCustomerTeam(t)
	w.live.look = time.Hour
	a := w.adapter(t)
	c, _ := w.start(t, a)
	rid := w.enter(t, a, "1001:1")
	c.want(t, "taken sam")
	a.customers.unwatch(rid)
	w.enter(t, a, "1001:1")
	w.say(t, "sam", rid, "Hello!")
	c.want(t, "taken sam", "message sam Hello!")
}
