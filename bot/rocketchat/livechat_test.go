package rocketchat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// sink keeps events, each ID once, as the inbox does.
type sink struct {
	mu     sync.Mutex
	ids    map[string]bool
	events []bot.Event
	woken  chan struct{}
}

func newSink() *sink { return &sink{ids: map[string]bool{}, woken: make(chan struct{}, 1)} }

func (s *sink) Deliver(_ context.Context, ev bot.Event) error {
	s.mu.Lock()
	if !s.ids[ev.ID] {
		s.ids[ev.ID] = true
		s.events = append(s.events, ev)
	}
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default:
	}
	return nil
}

// of are the events of a kind so far.
func (s *sink) of(kinds ...bot.EventKind) (out []bot.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

// await waits until is says true.
func (s *sink) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.After(15 * time.Second)
	for !is() {
		select {
		case <-s.woken:
		case <-end:
			t.Fatalf("%s: waited in vain; events: %+v", what, s.events)
		}
	}
}

// service is a workspace with a customer service, and its adapter at work.
type service struct {
	*workspace
	*rocketchat.Adapter
	sink *sink
	stop func()
}

func newService(t *testing.T) *service { return newServiceOf(t, rcfake.Options{}) }

func newServiceOf(t *testing.T, o rcfake.Options) *service {
	t.Helper()
	w := newWorkspaceOf(t, o)
	w.AddDepartment("Support")
	w.AddUser(rcfake.User{Username: "sam", Name: "Sam Lee", Agent: true, Departments: []string{"Support"}})
	s := &service{workspace: w, sink: newSink()}
	s.start(t)
	return s
}

// start runs an adapter until the test ends or it is stopped.
func (s *service) start(t *testing.T) {
	t.Helper()
	id, token := s.Bot()
	a, err := rocketchat.New(rocketchat.Options{URL: s.url, UserID: id, Token: token, Secret: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	s.Adapter = a
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, s.sink) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
	select {
	case <-a.Started():
	case <-time.After(10 * time.Second):
		t.Fatal("the adapter did not begin")
	}
}

func (s *service) customer(n int) bot.Visitor {
	return bot.Visitor{Key: fmt.Sprintf("1001:%d", n), Name: fmt.Sprintf("Casey %d", n), Handle: fmt.Sprintf("casey%d", n), Department: "Support"}
}

// enter brings a customer into a room and returns its ref and ID.
func (s *service) enter(t *testing.T, v bot.Visitor) (bot.MessageRef, string) {
	t.Helper()
	e, err := s.Enter(t.Context(), v)
	if err != nil {
		t.Fatalf("Enter: %v", err)
	}
	_, rid, _ := bytes.Cut([]byte(e.Ref), []byte(":"))
	rid, _, _ = bytes.Cut(rid, []byte(":"))
	return e.Ref, string(rid)
}

// words are what a customer says, as the desk hands them on.
func words(v bot.Visitor, room bot.MessageRef, key, text string) bot.Message {
	return bot.Message{Thread: room, Key: key, Text: text, Author: &bot.Author{Name: v.Name, Handle: v.Handle}}
}

func (s *service) tell(t *testing.T, v bot.Visitor, room bot.MessageRef, key, text string) bot.MessageRef {
	t.Helper()
	ref, err := s.Post(t.Context(), words(v, room, key, text))
	if err != nil {
		t.Fatalf("the customer's words: %v", err)
	}
	return ref
}

// said are the words of customers and agents in a room, in order.
func (s *service) said(rid string) (out []string) {
	for _, m := range s.Messages(rid) {
		if m.Kind == "" {
			out = append(out, m.Text)
		}
	}
	return out
}

func TestLivechat(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, rid := s.enter(t, v)
	again, err := s.Enter(t.Context(), v)
	if err != nil || again.Ref != room || again.Fresh {
		t.Errorf("entered again: %+v %v, want the same room", again, err)
	}
	first := s.tell(t, v, room, "k1", "Where is *my* order?")
	if ref := s.tell(t, v, room, "k1", "Where is *my* order?"); ref != first {
		t.Errorf("a repeat is %s, want %s", ref, first)
	}
	s.tell(t, v, room, "k2", "Hello?")
	if diff := cmp.Diff([]string{"Where is \\*my\\* order?", "Hello?"}, s.said(rid)); diff != "" {
		t.Errorf("agents read (-want +got):\n%s", diff)
	}
	got := s.Rooms("l")[0]
	if got.Visitor != "Casey 1 (@casey1) on X" || got.Department != "Support" || got.Agent != "sam" {
		t.Errorf("the room is %+v", got)
	}
	if err := s.Edit(t.Context(), first, words(v, "", "", "Where is my parcel?")); err != nil {
		t.Errorf("the customer's change: %v", err)
	}

	id, err := s.Say(rcfake.Says{Who: "sam", Room: rid, Text: "It is **on** its _way_: [track it](https://x.com/t)", Files: []rcfake.Attached{{Name: "a.png", Type: "image/png", Data: []byte("png")}}})
	if err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the agent's answer", func() bool { return len(s.sink.of(bot.EventMessage)) == 1 })
	ev := s.sink.of(bot.EventMessage)[0]
	if ev.Text != "It is on its way: track it (https://x.com/t)" || ev.Thread != room || ev.User.Name != "Sam Lee" || ev.User.Handle != "sam" || len(ev.Files) != 1 {
		t.Errorf("event = %+v", ev)
	}
	if err := s.Server.Edit("sam", rid, id, "It left *today*"); err != nil {
		t.Fatal(err)
	}
	if err := s.Preview(rid, id); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the edit", func() bool { return len(s.sink.of(bot.EventMessageEdited)) == 1 })
	if err := s.Server.Delete("sam", rid, id); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the deletion", func() bool { return len(s.sink.of(bot.EventMessageDeleted)) == 1 })
	if err := s.Hold("sam", rid); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseRoom("sam", rid, "solved"); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the end", func() bool { return len(s.sink.of(bot.EventClosed)) == 1 })
	if e := s.sink.of(bot.EventClosed)[0]; e.Thread != room || e.User.Handle != "sam" || e.Text != "solved" {
		t.Errorf("closed: %+v", e)
	}
	if n := len(s.sink.of(bot.EventTaken, bot.EventHold)); n != 2 {
		t.Errorf("%d events of who serves and waits, want 2", n)
	}
	if err := s.Leave(t.Context(), room, "over"); err != nil {
		t.Errorf("closing what is closed: %v", err)
	}
	next, _ := s.enter(t, v)
	if next == room {
		t.Error("a closed room is no room to go on in")
	}
}

func TestLivechatFiles(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, rid := s.enter(t, v)
	up := func(text string) error {
		_, err := s.Upload(t.Context(), bot.Upload{Channel: bot.ChannelRef("rocketchat:" + rid), Thread: room, Name: "a.png", Type: "image/png", Size: 6, Author: &bot.Author{Name: v.Name}, Content: strings.NewReader(text)})
		return err
	}
	if err := up("pixels"); err != nil {
		t.Fatal(err)
	}
	all := s.Messages(rid)
	if m := all[len(all)-1]; !m.Visitor || len(m.Files) != 1 || string(s.File(m.FileIDs[0])) != "pixels" {
		t.Errorf("agents see %+v", m)
	}
	s.Set("Livechat_fileupload_enabled", false)
	if e, ok := errors.AsType[*bot.Error](up("x")); !ok || e.Code != "error-file-upload-disabled" || e.Temporary {
		t.Errorf("files switched off: %v", e)
	}
}

// TestLivechatNotes shows that the bot's own words to the agents are not the
// customer's, and come back as nobody's answer.
func TestLivechatNotes(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, rid := s.enter(t, v)
	for i, m := range []bot.Message{
		{Thread: room, Text: "Not delivered: X takes no more messages."},
		{Thread: room, Channel: bot.ChannelRef("rocketchat:" + rid), Only: "rocketchat:Usam", Text: "Shorten it."},
	} {
		m.Key = fmt.Sprint("note ", i)
		if _, err := s.Post(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"Not delivered: X takes no more messages.", "Shorten it."}, s.said(rid)); diff != "" {
		t.Errorf("agents read (-want +got):\n%s", diff)
	}
	if _, err := s.Say(rcfake.Says{Who: "sam", Room: rid, Text: "ok"}); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the agent's answer", func() bool { return len(s.sink.of(bot.EventMessage)) > 0 })
	if got := s.sink.of(bot.EventMessage); got[0].Text != "ok" {
		t.Errorf("an event of the bot's own words: %+v", got)
	}
}

func TestLivechatNobodyThere(t *testing.T) {
	s := newService(t)
	s.SetOffline("sam", true)
	v := s.customer(1)
	_, err := s.Enter(t.Context(), v)
	if e, ok := errors.AsType[*bot.Error](err); !ok || e.Code != "no_agent" || !e.Temporary || e.RetryAfter == 0 {
		t.Errorf("Enter without agents: %v", err)
	}
	if on, err := s.Serves(t.Context(), ""); on || err != nil {
		t.Errorf("Serves = %v %v", on, err)
	}
	s.SetOffline("sam", false)
	s.enter(t, v)
	if _, err := s.Enter(t.Context(), bot.Visitor{Key: "x", Name: "y", Department: "Sales"}); err == nil || len(s.Rooms("l")) != 1 {
		t.Errorf("a department that is none: %v", err)
	}
}

// TestLivechatTokensAreSecret shows that nobody who knows the customer knows
// the key to the conversation.
func TestLivechatTokensAreSecret(t *testing.T) {
	s := newService(t)
	s.enter(t, s.customer(1))
	for _, token := range s.Visitors() {
		if len(token) < 40 || bytes.Contains([]byte(token), []byte("1001")) {
			t.Errorf("token %q", token)
		}
	}
	for _, c := range s.Calls() {
		if c.Route == "POST livechat/visitor" && (bytes.Contains(c.Body, []byte("phone")) || bytes.Contains(c.Body, []byte("email"))) {
			t.Errorf("the server could take the customer for another: %s", c.Body)
		}
	}
}

// TestLivechatGap drops the stream between two answers, and the whole server's
// connections: nothing is lost, nothing comes twice, order is kept.
func TestLivechatGap(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	_, rid := s.enter(t, v)
	var want []string
	say := func(text string) {
		t.Helper()
		want = append(want, text)
		if _, err := s.Say(rcfake.Says{Who: "sam", Room: rid, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		say(fmt.Sprintf("before %d", i))
		if i%2 == 1 {
			s.AddFault(rcfake.Fault{Route: "GET websocket", Status: 502})
		}
		s.DropAll()
		say(fmt.Sprintf("while away %d", i))
		s.sink.await(t, "both", func() bool { return len(s.sink.of(bot.EventMessage)) == len(want) })
	}
	// And what is said while Perch itself is away.
	s.stop()
	say("while Perch is away")
	s.start(t)
	s.sink.await(t, "what was missed", func() bool { return len(s.sink.of(bot.EventMessage)) == len(want) })
	var got []string
	for _, e := range s.sink.of(bot.EventMessage) {
		got = append(got, e.Text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestLivechatLimited has fifty customers write at once where the limiter is at
// its strictest, as an outbox would: each call that is put off is made again.
func TestLivechatLimited(t *testing.T) {
	s := newServiceOf(t, rcfake.Options{Version: "7.13.0"}) // which counts the bot's public calls too
	s.Limits(true, 5, 150*time.Millisecond)                 // a minute in the life of a fly
	const customers, each = 50, 3
	var wg sync.WaitGroup
	retry := func(what string, call func() error) {
		for {
			err := call()
			e, ok := errors.AsType[*bot.Error](err)
			switch {
			case err == nil:
				return
			case !ok || !e.Temporary:
				t.Errorf("%s: %v", what, err)
				return
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-t.Context().Done():
				return
			}
		}
	}
	for i := range customers {
		wg.Go(func() {
			v := s.customer(i)
			var at bot.Entered
			retry("enter", func() (err error) { at, err = s.Enter(t.Context(), v); return err })
			for j := range each {
				retry("tell", func() error {
					_, err := s.Post(t.Context(), words(v, at.Ref, fmt.Sprintf("%d/%d", i, j), fmt.Sprintf("%d", j)))
					return err
				})
			}
		})
	}
	wg.Wait()
	rooms := s.Rooms("l")
	if len(rooms) != customers {
		t.Errorf("%d rooms, want %d", len(rooms), customers)
	}
	for _, r := range rooms {
		if diff := cmp.Diff([]string{"0", "1", "2"}, s.said(r.ID)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Visitor, diff)
		}
	}
	refused := 0
	for _, c := range s.Calls() {
		if c.Status == 429 {
			refused++
		}
	}
	if all := len(s.Calls()); refused*4 > all {
		t.Errorf("%d of %d calls were refused: what the server said was not kept to", refused, all)
	}
}

func TestOtherWorkspaceIsLeftAlone(t *testing.T) {
	s := newService(t)
	if _, err := s.Post(t.Context(), words(s.customer(1), "slack:C1:1.2", "k", "x")); err == nil {
		t.Error("a room of another chat was taken")
	}
}

// TestLivechatReadAtTheEnd shows that an answer that the stream kept to itself
// is told before the end of its conversation is.
func TestLivechatReadAtTheEnd(t *testing.T) {
	s := newService(t)
	_, rid := s.enter(t, s.customer(1))
	s.sink.await(t, "who serves", func() bool { return len(s.sink.of(bot.EventTaken)) == 1 })
	s.Lose(1)
	if _, err := s.Say(rcfake.Says{Who: "sam", Room: rid, Text: "Goodbye!"}); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseRoom("sam", rid, ""); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the end", func() bool { return len(s.sink.of(bot.EventClosed)) == 1 })
	got := s.sink.of(bot.EventMessage, bot.EventClosed)
	if len(got) != 2 || got[0].Text != "Goodbye!" {
		t.Errorf("events %+v, want the answer and then the end", got)
	}
}
