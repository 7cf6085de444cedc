package desk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

func TestFirstMessage(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := agents()
		w.set("welcome", "Hello from Acme!")
		w.duty(sam, lee)
		w.in("100", "My order is <b>late</b> @channel")

		c := w.conv()
		if c.State != Queued || c.Kind != DM || c.Department != "support" || c.Owner != "" || c.Unread != 1 || c.CardRef == "" {
			t.Errorf("conversation = %+v", c)
		}
		card := w.card()
		contains(t, "card", all(card.msg), "Ana (@ana)", "Direct message to @acme", "1,234", "Waiting for an agent", "My order is", "Support")
		equal(t, "buttons", buttonIDs(card.msg), []string{"desk.claim", "desk.close", "desk.open", "desk.snooze", "desk.transfer"})
		if u := buttons(card.msg)["desk.open"].URL; u != "https://x.com/messages/42-"+acme {
			t.Errorf("open on X = %q", u)
		}
		th := w.thread()
		if len(th) != 3 {
			t.Fatalf("thread = %q, want the call, the message and the welcome", th)
		}
		contains(t, "call", th[0], "Lee, Sam", "Press Claim", "//")
		if th[1] != "My order is <b>late</b> @channel" {
			t.Errorf("customer's message = %q, want it untouched", th[1])
		}
		contains(t, "welcome", th[2], "Hello from Acme!")
		equal(t, "direct messages", w.x.texts(), []string{"Hello from Acme!"})

		w.in("101", "Anybody?")
		equal(t, "direct messages", w.x.texts(), []string{"Hello from Acme!"})
		contains(t, "card", all(w.card().msg), "Anybody?")
		if c := w.conv(); c.Unread != 2 || c.WaitingSince.IsZero() {
			t.Errorf("conversation = %+v, want two unread", c)
		}
		for _, p := range w.chat.posts {
			if p.msg.Text == "Anybody?" && (p.msg.Author == nil || p.msg.Author.Handle != "ana" || p.msg.Thread != c.CardRef) {
				t.Errorf("post = %+v, want Ana's, in the thread", p.msg)
			}
		}
		for _, p := range w.chat.posts {
			if strings.HasPrefix(p.msg.Text, "Lee, Sam") && !strings.Contains(all(p.msg), `"mention":"webchat:U_sam"`) {
				t.Errorf("call = %s, want Sam mentioned", all(p.msg))
			}
		}
	})
}

func TestDuplicatesAndDisorder(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.duty(sam)
		begun := time.Now()
		w.in("102", "second")
		for range 3 {
			w.in("102", "second")
			w.in("101", "first", func(in *Inbound) { in.At = begun.Add(-time.Minute) })
		}
		th := w.thread()
		if len(th) != 3 || th[1] != "second" || th[2] != "first" {
			t.Errorf("thread = %q, want each message once", th)
		}
		contains(t, "late message", all(w.last().msg), "delivered late by X")
		contains(t, "card", all(w.card().msg), "second")
		msgs := w.messages()
		if len(msgs) != 2 || msgs[0].Text != "first" || msgs[1].Text != "second" {
			t.Errorf("messages = %+v, want them as they were written", msgs)
		}
		w.update(func(tx store.Tx) error {
			if n := len(must(store.Collect(conversations().Scan(tx, store.Range{})))); n != 1 {
				t.Errorf("%d conversations, want 1", n)
			}
			return nil
		})
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNobodyOnDuty(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.set("welcome", "Hello!")
		w.set("service_unavailable", "Nobody is here. We answer tomorrow.")
		w.in("100", "hi")
		w.in("101", "hello?")
		w.wait(11 * time.Hour)
		w.in("102", "still nobody?")
		equal(t, "told within 12 hours", w.x.texts(), []string{"Nobody is here. We answer tomorrow."})
		w.wait(2 * time.Hour)
		w.in("103", "and now?")
		equal(t, "told after 12 hours", w.x.texts(), []string{"Nobody is here. We answer tomorrow.", "Nobody is here. We answer tomorrow."})
		contains(t, "thread", strings.Join(w.thread(), "\n"), "Nobody is on duty", "hi", "hello?")
		if c := w.conv(); c.State != Queued {
			t.Errorf("state = %q, want it kept in the queue", c.State)
		}
		w.wait(13 * time.Hour)
		w.press(sam, "desk.claim", w.conv().ID)
		w.in("104", "ah") // its owner is there, on duty or not
		if n := len(w.x.texts()); n != 2 {
			t.Errorf("%d automatic messages, want 2", n)
		}
	})
}

func TestMentionIsNeverAnsweredByItself(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.set("welcome", "Hello!")
		w.set("service_unavailable", "Nobody is here.")
		w.set("finished", "Bye!")
		mention := func(root string) func(*Inbound) {
			return func(in *Inbound) { in.Kind, in.XConversation = Mention, root }
		}
		w.in("500", "@acme help", mention("500"))
		sam, _, _ := agents()
		w.press(sam, "desk.claim", w.conv().ID)
		w.press(sam, "desk.close", w.conv().ID)
		if n := len(w.x.texts()) + len(w.x.posts); n != 0 {
			t.Errorf("%d automatic answers, want none", n)
		}
		contains(t, "card", all(w.card().msg), "Mention of @acme", "https://x.com/ana/status/500")
		first := w.conv().ID
		w.in("501", "@acme another thing", mention("501"))
		if w.conv().ID == first {
			t.Error("two threads on X share a conversation")
		}
	})
}

func TestEncrypted(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.set("welcome", "Hello!")
		w.duty(sam)
		w.in("100", "", func(in *Inbound) { in.Encrypted = true })
		contains(t, "notice", all(w.last().msg), "Encrypted message", "open it on X", "https://x.com/messages/42-"+acme)
		w.press(sam, "desk.claim", w.conv().ID)
		w.write(sam, "hello")
		contains(t, "told", w.told(sam).msg.Text, "Not sent", "encrypted", "Answer on X")
		if n := len(w.x.texts()); n != 0 {
			t.Errorf("%d messages went out, want none", n)
		}
		w.in("101", "a plain one") // the next one can be answered
		w.write(sam, "hi Ana")
		equal(t, "sent", w.x.texts()[1:], []string{"hi Ana"})
	})
}

func TestTwoAccountsOneCustomer(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.duty(sam)
		// Both accounts were named in one post: one id, two accounts.
		at := func(account string) func(*Inbound) {
			return func(in *Inbound) { in.Account = account }
		}
		w.in("100", "hi", at(acme))
		first := w.conv()
		w.in("100", "hi", at(beta))
		second := w.conv()
		if first.ID == second.ID || first.Account == second.Account {
			t.Fatalf("conversations = %+v and %+v, want one an account", first, second)
		}
		w.press(sam, "desk.claim", second.ID)
		w.write(sam, "hello from beta")
		if len(w.x.dms) != 1 || w.x.dms[0].Account != beta {
			t.Errorf("sent = %+v, want it from the account that was written to", w.x.dms)
		}
	})
}

func TestReopen(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := agents()
		w.duty(sam, lee)
		w.in("100", "hi")
		id := w.conv().ID
		w.press(sam, "desk.claim", id)
		w.press(sam, "desk.close", id)

		w.wait(6 * 24 * time.Hour)
		w.in("101", "one more thing")
		if c := w.conv(); c.ID != id || c.State != Claimed || c.Owner != sam.Ref {
			t.Errorf("conversation = %+v, want it open again, with Sam, who is on duty", c)
		}
		contains(t, "thread", strings.Join(w.thread(), "\n"), "Sam: the customer wrote again")

		w.press(sam, "desk.close", id)
		w.update(func(tx store.Tx) error { _, err := w.d.Off(tx, "", sam.Ref); return err })
		w.in("102", "and another")
		if c := w.conv(); c.ID != id || c.State != Queued || c.Owner != "" {
			t.Errorf("conversation = %+v, want it open for everybody", c)
		}
		contains(t, "thread", strings.Join(w.thread(), "\n"), "Lee: the customer wrote again")

		w.press(lee, "desk.claim", id)
		w.press(lee, "desk.close", id)
		w.wait(7*24*time.Hour + time.Minute)
		w.in("103", "long after")
		if c := w.conv(); c.ID == id {
			t.Error("the conversation went on after more than 7 days")
		}
		w.update(func(tx store.Tx) error {
			_, err := w.d.Reopen(tx, id, sam)
			if e := (*Error)(nil); !asError(err, &e) || e.Code != CodeClosed {
				t.Errorf("Reopen beside a newer conversation: %v", err)
			}
			return nil
		})
	})
}

func TestChatIsDown(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.duty(sam)
		w.chat.down = true
		w.in("100", "one")
		w.in("101", "two")
		w.chat.mu.Lock()
		w.chat.down = false
		w.chat.mu.Unlock()
		w.wait(time.Minute)
		w.settle()
		if th := w.thread(); len(th) != 3 || !slices.Equal(th[1:], []string{"one", "two"}) {
			t.Errorf("thread = %q, want all of it, in order, below the card", th)
		}
	})
}

func TestFiles(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.set("file_upload", "on")
		w.set("media_types", "image/*")
		w.in("100", "", func(in *Inbound) {
			in.Files = []File{{Name: "a.png", Type: "image/png", Size: 100}, {Name: "b.zip", Type: "application/zip"}, {Type: "image/gif", Size: 6 << 20}}
		})
		contains(t, "message", w.last().msg.Text, "a.png (image/png)", "b.zip (application/zip) is not shown: application/zip is not accepted", "6 MB")
		w.set("file_upload", "off")
		w.in("101", "look", func(in *Inbound) { in.Files = []File{{Name: "c.png", Type: "image/png"}} })
		contains(t, "message", all(w.last().msg), "look", "files are switched off")
	})
}

func TestReceiveRefusesWhatNamesNobody(t *testing.T) {
	w := newWorld(t, Settings{})
	for _, in := range []Inbound{{}, {Account: acme, Kind: DM, XID: "1"}, {Account: acme, Kind: "fax", XID: "1", From: ana()}} {
		err := w.db.Update(t.Context(), func(tx store.Tx) error { return w.d.Receive(tx, in) })
		if err == nil {
			t.Errorf("Receive(%+v) took it", in)
		}
	}
}

func TestManyAtOnceMakeOneConversation(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		errs := make(chan error)
		for i := range 20 {
			go func() {
				errs <- w.db.Update(t.Context(), func(tx store.Tx) error {
					return w.d.Receive(tx, Inbound{Account: acme, Kind: DM, XID: fmt.Sprint(i), From: ana(), Text: fmt.Sprint("m", i), At: time.Now()})
				})
			}()
		}
		for range 20 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		w.settle()
		cards := 0
		for _, p := range w.chat.posts {
			if p.msg.Thread == "" {
				cards++
			}
		}
		if cards != 1 || len(w.messages()) != 20 {
			t.Errorf("%d cards, %d messages, want 1 and 20", cards, len(w.messages()))
		}
	})
}

func TestDeletedOnX(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.duty(sam)
		w.in("100", "first")
		w.in("101", "my card number is 4711")
		del := func(account, xid string) {
			w.update(func(tx store.Tx) error { return w.d.Deleted(tx, account, DM, xid) })
			w.settle()
		}
		del(beta, "101") // another account's
		del(acme, "404")
		contains(t, "thread", strings.Join(w.thread(), "\n"), "4711")
		del(acme, "101")
		del(acme, "101")
		for _, p := range w.chat.posts {
			if strings.Contains(all(p.msg), "4711") {
				t.Errorf("still shown: %s", all(p.msg))
			}
		}
		contains(t, "thread", strings.Join(w.thread(), "\n"), "first", "Deleted on X by its author.")
		contains(t, "card", all(w.card().msg), "Deleted on X by its author.")
		if m := w.messages()[1]; m.Text != "" || !m.Deleted {
			t.Errorf("message = %+v", m)
		}
	})
}
