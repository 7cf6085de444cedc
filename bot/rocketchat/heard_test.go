package rocketchat

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// The server tells the bot of all that it may read: that is each public channel
// and, as a manager, the customers of every other way to the workspace.
func TestWhatIsNotForPerchIsLeftAlone(t *testing.T) {
	w := newTeam(t)
	w.AddUser(rcfake.User{Username: "sam", Agent: true})
	public := w.AddRoom("general", false, "ada")
	c, _ := w.start(t, w.adapter(t))
	widget := newClient(nil, w.url, credentials{})
	var out struct{ Room room }
	must(t, widget.call(t.Context(), request{route: "POST livechat/visitor", body: map[string]any{"visitor": map[string]any{"token": "widget"}}}, nil))
	must(t, widget.call(t.Context(), request{route: "GET livechat/room", query: map[string][]string{"token": {"widget"}}}, &out))
	w.say(t, "ada", public, "my salary is 5000")
	w.say(t, "ada", public, "@twitter.bot send hello")
	w.say(t, "sam", out.Room.ID, "Hello, how can I help?")
	w.say(t, "sam", out.Room.ID, "@twitter.bot help")
	must(t, w.CloseRoom("sam", out.Room.ID, "done"))
	w.say(t, "ada", w.room, "the end")
	c.want(t, "message ada the end")
}

// A message comes again for a reaction, a pin, the thread below it. Two days
// later nobody remembers that it was handled: it is no order any more.
func TestOldMessagesAreNoNews(t *testing.T) {
	w := newTeam(t)
	order, words := w.say(t, "ada", w.room, "!twitter send hello"), w.say(t, "ada", w.room, "thanks")
	must(t, w.Edit("ada", w.room, words, "many thanks"))
	for _, id := range []string{order, words} {
		must(t, w.Age(w.room, id, 50*time.Hour))
	}
	c, _ := w.start(t, w.adapter(t))
	must(t, w.React("rio", w.room, order, "eyes", true))
	must(t, w.Preview(w.room, words))
	c.want(t, "reaction rio eyes")
	must(t, w.Edit("ada", w.room, words, "no thanks"))
	c.want(t, "reaction rio eyes", "message_edited ada no thanks")
	events, err := w.adapter(t).History(t.Context(), messageRef(w.room, order), time.Time{}, 100)
	if err != nil || len(events) > 0 {
		t.Errorf("the thread has %+v, %v", events, err)
	}
}

// Where a workspace shows that a message was deleted, and at the beginning of a
// thread, an empty one stays and nothing else is said.
func TestDeletedMessagesThatStay(t *testing.T) {
	w := newTeam(t)
	c, stop := w.start(t, w.adapter(t))
	root := w.say(t, "ada", w.room, "root")
	_, err := w.Say(rcfake.Says{Who: "rio", Room: w.room, Thread: root, Text: "answer"})
	must(t, err)
	must(t, w.Delete("ada", w.room, root))
	c.want(t, "message ada root", "message rio answer", "message_deleted ada")
	w.Set("Message_ShowDeletedStatus", true)
	plain := w.say(t, "ada", w.room, "plain")
	w.AddUser(rcfake.User{Username: "mod", Name: "Moderator", Roles: []string{"admin"}})
	must(t, w.Delete("mod", w.room, plain))
	c.want(t, "message ada root", "message rio answer", "message_deleted ada", "message ada plain", "message_deleted mod")
	// And read after a gap it is the same event.
	late := w.say(t, "ada", w.room, "late")
	stop()
	must(t, w.Delete("ada", w.room, late))
	again := w.adapter(t)
	c, _ = w.start(t, again)
	c.want(t, "message_deleted ada", "message rio answer", "message_deleted mod", "message_deleted ada")
	if _, err := again.ReadMessage(t.Context(), messageRef(w.room, late)); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("a deleted message is read: %v", err)
	}
}

// What was missed is read until all of it is: a failure between two rooms must
// not make the second one's words forgotten.
func TestCatchUpIsFinished(t *testing.T) {
	w := newTeam(t)
	other := w.AddRoom("sales", true, "ada", "twitter.bot")
	a := w.adapter(t)
	_, stop := w.start(t, a)
	stop()
	a.mu.Lock()
	a.since = time.Now().Add(-time.Hour)
	a.mu.Unlock()
	// Whichever is read first tells of something newer than the other's words.
	for _, rid := range []string{w.room, other} {
		must(t, w.Age(rid, w.say(t, "ada", rid, "missed"), 30*time.Minute))
		w.say(t, "ada", rid, "newer")
	}
	for range 3 {
		w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Skip: 1})
	}
	c, _ := w.start(t, a)
	got := c.lines()
	end := time.After(soon)
	for ; len(got) < 4; got = c.lines() {
		select {
		case <-c.woken:
		case <-end:
			t.Fatalf("events %q, want two of each room", got)
		}
	}
}

// One room that can't be read, or one message, does not keep Perch from the others.
func TestOneBadRoom(t *testing.T) {
	w := newTeam(t)
	for range 4 {
		w.AddRoom("room-"+w.room, true, "twitter.bot")
	}
	bad := w.say(t, "ada", w.room, "bad")
	w.say(t, "ada", w.room, "good")
	must(t, w.Spoil(w.room, bad, "ts", []int{1}))
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Skip: 1, Times: -1, Status: http.StatusBadRequest, Body: `{"success":false,"error":"Not allowed [error-not-allowed]","errorType":"error-not-allowed"}`})
	// The rooms come in any order: the refused one may be that of the words.
	a := w.adapter(t)
	c, _ := w.start(t, a)
	w.say(t, "ada", w.room, "later")
	end := time.After(soon)
	for !slices.Contains(c.lines(), "message ada later") {
		select {
		case <-c.woken:
		case <-end:
			t.Fatal(c.lines())
		}
	}
	if got := c.lines(); len(got) > 2 || strings.Contains(strings.Join(got, " "), "bad") {
		t.Errorf("events %q", got)
	}
}

// A room over which the server stumbles each time is given up in the end.
func TestServerStumblesOverRoom(t *testing.T) {
	w := newTeam(t)
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Times: -1, Status: http.StatusInternalServerError})
	c, _ := w.start(t, w.adapter(t))
	w.say(t, "ada", w.room, "heard")
	c.want(t, "message ada heard")
	if n := len(w.Calls("GET me")); n != tries {
		t.Errorf("connected %d times, want %d", n, tries)
	}
}

// What is too much for one answer is read in pages: else Perch would read it in
// vain, and never start.
func TestLongRoomsAreReadInPages(t *testing.T) {
	w := newTeam(t)
	var want []string
	for i := range 120 {
		id := w.say(t, "ada", w.room, fmt.Sprint(i))
		if i%60 == 7 {
			must(t, w.Delete("ada", w.room, id))
			continue
		}
		want = append(want, fmt.Sprint(i))
	}
	a := w.adapter(t)
	a.rest.most = 32 << 10 // fifty such messages, but not all
	c, _ := w.start(t, a)
	var got []string
	deleted := 0
	for _, e := range c.got {
		if e.Kind == bot.EventMessage {
			got = append(got, e.Text)
		}
		if e.Kind == bot.EventMessageDeleted {
			deleted++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || deleted != 2 {
		t.Errorf("%d deletions, want 2; messages (-want +got):\n%s", deleted, diff)
	}
}

// A bot without its role may read a few rooms a minute. It starts all the same.
func TestStartWithFewCalls(t *testing.T) {
	w := newTeam(t)
	w.SetRoles("twitter.bot", "user")
	for n := range strings.FieldsSeq("a b c d e f") {
		rid := w.AddRoom(n, true, "ada", "twitter.bot")
		w.say(t, "ada", rid, n)
	}
	w.Limits(true, 2, 300*time.Millisecond)
	c, _ := w.start(t, w.adapter(t))
	got := c.lines()
	slices.Sort(got)
	want := []string{"message ada a", "message ada b", "message ada c", "message ada d", "message ada e", "message ada f"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// The streams lose things without a word. What they lose is read besides.
func TestLookBesidesListening(t *testing.T) {
	w := newTeam(t)
	w.live.look = 50 * time.Millisecond
	c, _ := w.start(t, w.adapter(t))
	w.say(t, "ada", w.room, "heard")
	c.want(t, "message ada heard")
	w.Lose(1)
	w.say(t, "ada", w.room, "lost")
	c.want(t, "message ada heard", "message ada lost")
	w.AddFault(rcfake.Fault{Route: "GET rooms.get", Times: 2})
	w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Times: 2})
	w.Lose(1)
	w.say(t, "ada", w.room, "lost again")
	c.want(t, "message ada heard", "message ada lost", "message ada lost again")
	if n := w.Sessions(); n != 1 {
		t.Errorf("%d connections: a look that fails is no reason for another", n)
	}
}

// More customers than a connection may subscribe to at once are heard all the
// same, and right away.
func TestManyCustomersAreHeard(t *testing.T) {
	w := newTeam(t)
	w.DDPLimits(true, 0)
	w.Set("API_Upper_Count_Limit", 25) // of rooms in a list
	w.AddUser(rcfake.User{Username: "sam", Agent: true})
	a := w.adapter(t)
	_, stop := w.start(t, a)
	var rooms []string
	for i := range 60 {
		e, err := a.Enter(t.Context(), bot.Visitor{Key: fmt.Sprint(i), Name: fmt.Sprint(i)})
		must(t, err)
		rid, _ := liveRoom(e.Ref)
		rooms = append(rooms, rid)
	}
	stop()
	for _, rid := range rooms {
		w.say(t, "sam", rid, "before")
	}
	a = w.adapter(t)
	c, _ := w.start(t, a)
	for _, rid := range rooms {
		w.say(t, "sam", rid, "after")
	}
	end := time.After(soon)
	for {
		var said []string
		for _, l := range c.lines() {
			if strings.HasPrefix(l, "message ") {
				said = append(said, l)
			}
		}
		if len(said) == 2*len(rooms) {
			break
		}
		select {
		case <-c.woken:
		case <-end:
			t.Fatalf("%d answers, want %d", len(said), 2*len(rooms))
		}
	}
	if n := len(a.customers.watched()); n != len(rooms) {
		t.Errorf("%d rooms are watched, want %d", n, len(rooms))
	}
}

func TestDeletionsBeyondWhatIsWatched(t *testing.T) {
	w := newTeam(t)
	w.DDPLimits(true, 0)
	w.live.look = 100 * time.Millisecond
	var ids []string
	for range maxWatched + 20 {
		ids = append(ids, w.AddRoom("r", true, "ada", "twitter.bot"))
	}
	c, _ := w.start(t, w.adapter(t))
	end := time.After(soon)
	all := func(want string, n int) {
		t.Helper()
		for {
			got := slices.DeleteFunc(c.lines(), func(s string) bool { return s != want })
			if len(got) == n {
				return
			}
			select {
			case <-c.woken:
			case <-end:
				t.Fatalf("%d times %q, want %d", len(got), want, n)
			}
		}
	}
	said := map[string]string{}
	for _, rid := range ids {
		said[rid] = w.say(t, "ada", rid, "x")
	}
	all("message ada x", len(ids))
	for rid, id := range said {
		must(t, w.Delete("ada", rid, id))
	}
	all("message_deleted ada", len(ids))
}

// While Perch reads what it missed, the streams go on. What is deleted meanwhile
// is told as deleted, and not as said after that.
func TestDeletedIsNotSaidAfterwards(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	c := newCollector()
	if _, err := a.whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, trace := range []bool{false, true} {
		w.Set("Message_ShowDeletedStatus", trace)
		id := w.say(t, "ada", w.room, "a slip")
		queued, err := a.get(t.Context(), w.room, id)
		must(t, err)
		must(t, w.Delete("ada", w.room, id))
		must(t, a.readPlain(t.Context(), c, room{ID: w.room, Kind: "p"}, time.Now()))
		must(t, a.said(t.Context(), c, heard{queued, "p"}))
	}
	if diff := cmp.Diff([]string{"message_deleted", "message_deleted ada"}, c.lines()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// What several people say to each other, the bot among them, is no order.
func TestDirectRoomOfSeveral(t *testing.T) {
	w := newTeam(t)
	w.AddUser(rcfake.User{Username: "mia"})
	several, two := w.AddDirect("ada", "rio"), w.AddDirect("ada") // the ID of the second says nothing of who is in it
	c, _ := w.start(t, w.adapter(t))
	w.say(t, "ada", several, "shall we lunch?")
	w.say(t, "ada", several, "@twitter.bot help")
	w.say(t, "ada", two, "help")
	w.say(t, "mia", w.DirectRoom("mia"), "help")
	c.want(t, "message ada shall we lunch?", "command ada help", "command ada help", "command mia help")
}

func TestReactionsKeepTheirIDs(t *testing.T) {
	w := newTeam(t)
	id := w.say(t, "ada", w.room, "look")
	a := w.adapter(t)
	c, stop := w.start(t, a)
	must(t, w.React("rio", w.room, id, "eyes", true))
	must(t, w.React("ada", w.room, id, "eyes", true))
	must(t, w.React("rio", w.room, id, "eyes", false))
	must(t, w.React("rio", w.room, id, "eyes", true))
	c.want(t, "message ada look", "reaction rio eyes", "reaction ada eyes", "reaction_gone rio eyes", "reaction rio eyes")
	stop()
	first := c
	// After a restart all that is there is seen for the first time. Whoever wrote
	// nothing since is known nevertheless.
	c, _ = w.start(t, w.adapter(t))
	c.want(t, "message ada look", "reaction ada eyes", "reaction rio eyes")
	for _, e := range c.got {
		if e.Kind != bot.EventReaction {
			continue
		}
		if !slices.ContainsFunc(first.got, func(x bot.Event) bool { return x.ID == e.ID }) || e.User.Ref == "" || e.User.Name == "" {
			t.Errorf("%+v is another event than before the restart, or nobody's", e)
		}
	}
}

func TestRetry(t *testing.T) {
	var r retry
	var got []time.Duration
	for _, up := range []bool{false, false, false, true, true, true, true, true, true, true} {
		r.next(up, 0)
		got = append(got, r.wait)
	}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	want := []time.Duration{ms(500), ms(1000), ms(2000), ms(500), ms(500), ms(500), ms(500), ms(500), ms(1000), ms(2000)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	for range 10 {
		if d := r.next(false, 0); d > longestWait || d < r.wait*4/5 {
			t.Errorf("waits %s of %s", d, r.wait)
		}
	}
	if r.next(true, settled); r.wait != firstWait || r.short != 0 {
		t.Errorf("after one that worked: %+v", r)
	}
}
