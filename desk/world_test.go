package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

const (
	acme    = "2244994945"
	beta    = "17"
	support = bot.ChannelRef("webchat:support")
	billing = bot.ChannelRef("webchat:billing")
)

func agents() (sam, lee, rio bot.User) {
	return bot.User{Ref: "webchat:U_sam", Name: "Sam", Handle: "sam"},
		bot.User{Ref: "webchat:U_lee", Name: "Lee", Handle: "lee"},
		bot.User{Ref: "webchat:U_rio", Name: "Rio", Handle: "rio"} // no agent
}

type world struct {
	t    *testing.T
	db   store.Store
	ob   *outbox.Outbox
	d    *Desk
	chat *chat
	x    *x
	n    int
}

// scene runs fn in a world of its own, with its own time, in which the outbox works.
func scene(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Settings{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.ob.Run(ctx) }()
		fn(t, w)
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("outbox: %v", err)
		}
	})
}

func newWorld(t *testing.T, s Settings) *world {
	t.Helper()
	db := bolttest.Open(t)
	w := &world{t: t, db: db, chat: &chat{}, x: &x{}}
	w.ob = outbox.New(db, outbox.Options{Exclusive: true, MaxAttempts: 3, Poll: time.Hour, Lease: 24 * time.Hour})
	w.d = New(w.ob, Options{Roles: roles{}, Accounts: handles{}, Settings: s})
	w.ob.OnChange(w.d.ActionChanged)
	w.ob.OnHold(w.d.HoldChanged)
	for _, k := range []string{bot.KindPost, bot.KindEdit, bot.KindDelete, bot.KindReact, bot.KindUpload, bot.KindOpen, bot.KindInspect, bot.KindMembers, bot.KindHistory, bot.KindPerson} {
		w.ob.Register(k, w.chat)
	}
	w.ob.Register(accounts.KindDM, w.x)
	w.ob.Register(accounts.KindPost, w.x)
	w.update(func(tx store.Tx) error {
		if err := w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: support}); err != nil {
			return err
		}
		return w.d.SetDepartment(tx, Department{ID: "zbilling", Name: "Billing", Channel: billing})
	})
	return w
}

// settle lets everything come to rest.
func (w *world) settle() {
	synctest.Wait()
	w.wait(2 * time.Second) // past the first tries again
	synctest.Wait()
}

// wait lets time pass. What the test has read so far was before it.
func (w *world) wait(d time.Duration) {
	w.chat.mu.Lock()
	w.x.mu.Lock()
	w.x.mu.Unlock() //nolint:staticcheck // for the order of memory
	w.chat.mu.Unlock()
	<-time.After(d)
}

// pass lets time pass while the desk looks at the clock, as it does in Perch.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.wait(min(20*time.Second, time.Until(end)))
		w.tick()
	}
	w.settle()
}

// tick has the desk do what the clock asks for.
func (w *world) tick() {
	w.t.Helper()
	due := false
	if err := w.db.View(w.t.Context(), func(tx store.Tx) (err error) { due, err = w.d.Due(tx); return err }); err != nil {
		w.t.Fatal(err)
	}
	for due {
		w.update(func(tx store.Tx) (err error) { due, err = w.d.Tick(tx); return err })
	}
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(key, value string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error { _, err := w.d.Set(tx, key, value, "test"); return err })
}

func (w *world) duty(users ...bot.User) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		for _, u := range users {
			if _, err := w.d.On(tx, "support", u, "test"); err != nil {
				return err
			}
		}
		return nil
	})
}

func ana() Contact { return Contact{ID: "42", Handle: "ana", Name: "Ana", Followers: 1234} }

func (w *world) in(xid, text string, change ...func(*Inbound)) {
	w.t.Helper()
	in := Inbound{Account: acme, Kind: DM, XID: xid, XConversation: "42:" + acme, From: ana(), Text: text, At: time.Now()}
	for _, fn := range change {
		fn(&in)
	}
	w.update(func(tx store.Tx) error { return w.d.Receive(tx, in) })
	w.settle()
}

func (w *world) own(xid, text string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return w.d.ReceiveOwn(tx, Own{Account: acme, XID: xid, To: ana(), Text: text, At: time.Now()})
	})
}

func (w *world) event(ev bot.Event) {
	w.t.Helper()
	w.n++
	ev.ID, ev.Platform = fmt.Sprintf("ev%d", w.n), "webchat"
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	if ev.Channel == "" {
		ev.Channel = support
	}
	w.update(func(tx store.Tx) error {
		handled, err := w.d.HandleEvent(tx, ev)
		if err == nil && !handled {
			w.t.Errorf("event %s %s was not handled", ev.Kind, ev.Action)
		}
		return err
	})
	w.settle()
}

// write has a person write in the conversation's thread, and returns the ref.
func (w *world) write(u bot.User, text string, files ...bot.File) bot.MessageRef {
	w.t.Helper()
	c := w.conv()
	w.chat.mu.Lock()
	w.chat.n++
	ref := bot.MessageRef(fmt.Sprintf("webchat:m%d", w.chat.n))
	w.chat.posts = append(w.chat.posts, &post{ref: ref, key: "person", msg: bot.Message{Text: text, Thread: c.CardRef}})
	w.chat.mu.Unlock()
	w.event(bot.Event{Kind: bot.EventMessage, User: u, Message: ref, Thread: c.CardRef, Text: text, Files: files})
	return ref
}

func (w *world) press(u bot.User, id, value string) {
	w.t.Helper()
	w.event(bot.Event{Kind: bot.EventAction, User: u, Action: id, Value: value, Thread: w.conv().CardRef})
}

// conv is the newest conversation.
func (w *world) conv() (c Conversation) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		all, err := store.Collect(conversations().Scan(tx, store.Range{Reverse: true, Limit: 1}))
		if len(all) > 0 {
			c = all[0]
		}
		return err
	})
	return c
}

func (w *world) messages() (list []Message) {
	w.t.Helper()
	id := w.conv().ID
	w.update(func(tx store.Tx) (err error) { list, err = w.d.Messages(tx, id); return err })
	return list
}

func (w *world) message(ref bot.MessageRef) (m Message) {
	w.t.Helper()
	for _, x := range w.messages() {
		if x.ChatRef == ref {
			m = x
		}
	}
	return m
}

func (w *world) card() *post {
	w.t.Helper()
	p, err := w.chat.find(w.conv().CardRef, "")
	if err != nil {
		w.t.Fatalf("no card: %v", err)
	}
	return p
}

// thread is what the bot has put in the thread for all to see, oldest first.
func (w *world) thread() (texts []string) {
	for _, p := range w.chat.posts {
		if p.msg.Thread != "" && p.msg.Only == "" && p.key != "person" {
			texts = append(texts, p.msg.Text)
		}
	}
	return texts
}

// told is the newest thing that a person was told alone.
func (w *world) told(u bot.User) *post {
	w.t.Helper()
	for _, p := range slices.Backward(w.chat.posts) {
		if p.msg.Only == u.Ref {
			return p
		}
	}
	w.t.Fatalf("%s was told nothing", u.Name)
	return nil
}

func (w *world) tells() (n int) {
	for _, p := range w.chat.posts {
		if p.msg.Only != "" {
			n++
		}
	}
	return n
}

func (w *world) reactions(ref bot.MessageRef) []string {
	w.t.Helper()
	p, err := w.chat.find(ref, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return p.reactions
}

func buttons(m bot.Message) map[string]bot.Button {
	all := map[string]bot.Button{}
	for _, b := range m.Blocks {
		for _, x := range b.Buttons {
			all[x.ID] = x
		}
	}
	return all
}

func buttonIDs(m bot.Message) []string {
	var ids []string
	for id := range buttons(m) {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// last is the newest notice in the thread.
func (w *world) last() *post {
	w.t.Helper()
	for _, p := range slices.Backward(w.chat.posts) {
		if p.msg.Thread != "" && p.msg.Only == "" && p.key != "person" {
			return p
		}
	}
	w.t.Fatal("the thread is empty")
	return nil
}

func contains(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(got, s) {
			t.Errorf("%s = %q, want %q in it", what, got, s)
		}
	}
}

func all(m bot.Message) string {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s = %q, want %q", what, got, want)
	}
}
