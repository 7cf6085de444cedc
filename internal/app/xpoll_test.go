package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
	"github.com/perch-chat/perch/xapi/xfake"
)

// heard are the texts of everybody's conversations, by who wrote them.
func (w *world) heard() (list []string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		list = nil
		for _, state := range []desk.State{desk.Queued, desk.Claimed, desk.Waiting, desk.Closed} {
			convs, err := w.app.Desk.List(tx, state, 500)
			if err != nil {
				return err
			}
			for _, c := range convs {
				msgs, err := w.app.Desk.Messages(tx, c.ID)
				if err != nil {
					return err
				}
				for _, m := range msgs {
					if m.Origin == desk.Customer {
						list = append(list, m.Text)
					}
				}
			}
		}
		slices.Sort(list)
		return nil
	})
	return list
}

func (w *world) tell(from, text string) {
	w.t.Helper()
	if _, err := w.x.SendDMAs(from, acme, text); err != nil {
		w.t.Fatal(err)
	}
}

func noWebhook(c *config.Config) { c.X.Webhook = false }

// What the webhook lost is read within the poll's interval, once.
func TestPoll(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.tell(casey, "before Perch came") // no news
		w.wait(time.Hour)
		w.begin()
		w.x.SetDelivery(xfake.DeliveryMode{Lose: true})
		w.tell(casey, "lost 1")
		if _, err := w.x.MentionAs(noor, "@acme lost 2"); err != nil {
			t.Fatal(err)
		}
		equal(t, "before the poll", w.heard(), nil)
		w.wait(6 * time.Minute)
		equal(t, "after the poll", w.heard(), []string{"@acme lost 2", "lost 1"})
		w.x.SetDelivery(xfake.DeliveryMode{Duplicates: 2})
		w.tell(casey, "three times")
		w.wait(20 * time.Minute)
		equal(t, "in the end", w.heard(), []string{"@acme lost 2", "lost 1", "three times"})
	})
}

// More came in than one look reads: the looks after it go on where it left
// off, and nothing is skipped, though more comes in meanwhile.
func TestPollManyPages(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = noWebhook
		w.begin()
		w.stop()
		var want []string
		say := func(n int) {
			for range n {
				text := fmt.Sprintf("message %04d", len(want))
				want = append(want, text)
				w.tell(casey, text)
				w.wait(time.Second)
			}
		}
		say(pollPages*pollPage + 120)
		w.start()
		w.wait(time.Second)
		if got := len(w.heard()); got != pollPages*pollPage {
			t.Errorf("the first look stored %d, want %d", got, pollPages*pollPage)
		}
		say(60)
		w.wait(20 * time.Minute)
		equal(t, "messages", w.heard(), want)
	})
}

// More posts name the account than one look reads, among many that name it only
// by the chain they answer. None is skipped.
func TestPollManyMentions(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = noWebhook
		w.begin()
		root, err := w.x.PostAs(acme, "We are @acme, at your service")
		if err != nil {
			t.Fatal(err)
		}
		w.stop()
		var want []string
		say := func(n, chatter int) {
			for range n {
				text := fmt.Sprintf("@acme question %04d", len(want))
				want = append(want, text)
				if _, err := w.x.MentionAs(casey, text); err != nil {
					t.Fatal(err)
				}
				w.wait(time.Second)
			}
			for range chatter {
				if _, err := w.x.PostAs(noor, "I like trains", root.ID); err != nil {
					t.Fatal(err)
				}
				w.wait(time.Second)
			}
		}
		say(40, pollPage)
		say(pollPages*pollPage, pollPage)
		w.start()
		w.wait(time.Second)
		say(5, 0)
		w.wait(20 * time.Minute)
		equal(t, "mentions", w.heard(), want)
	})
}

// What somebody wrote in one thread between two looks is shown in its order.
func TestPollMentionsInOrder(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = noWebhook
		w.begin()
		w.wait(time.Second)
		first, err := w.x.MentionAs(casey, "@acme one")
		if err != nil {
			t.Fatal(err)
		}
		w.wait(time.Second)
		if _, err := w.x.PostAs(casey, "@acme two", first.ID); err != nil {
			t.Fatal(err)
		}
		w.wait(6 * time.Minute)
		seen := w.support()
		if a, b := slices.Index(seen, "@acme one"), slices.Index(seen, "@acme two"); a < 0 || b < a {
			t.Errorf("agents see %q", seen)
		}
	})
}

// A page of X that it does not know any more is no reason to read nothing ever again.
func TestPollLostPage(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = noWebhook
		w.begin()
		w.wait(time.Second)
		w.update(func(tx store.Tx) error {
			cp, err := checkpoints.Get(tx, store.Key(acme))
			cp.Cursor, cp.MentionCursor = "forgotten", "forgotten"
			return errors.Join(err, checkpoints.Put(tx, cp))
		})
		w.tell(casey, "hello")
		if _, err := w.x.MentionAs(noor, "@acme hello"); err != nil {
			t.Fatal(err)
		}
		w.wait(12 * time.Minute)
		equal(t, "heard", w.heard(), []string{"@acme hello", "hello"})
	})
}

// The checkpoint moves only over what is stored, and each look reads a little
// of what was read before.
func TestPollCheckpoint(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = noWebhook
		w.begin()
		w.wait(time.Second)
		w.tell(casey, "first")
		w.fail(http.MethodGet, "/2/dm_events", xfake.Fault{Times: 1, Status: 503})
		w.wait(6 * time.Minute)
		equal(t, "while X is away", w.heard(), nil)
		if lines := w.app.poll.Lines(); len(lines) != 1 || lines[0][:len("⚠")] != "⚠" {
			t.Errorf("support says %q", lines)
		}
		w.wait(5 * time.Minute)
		equal(t, "afterwards", w.heard(), []string{"first"})
		var cp checkpoint
		w.update(func(tx store.Tx) (err error) { cp, err = checkpoints.Get(tx, store.Key(acme)); return err })
		dms := w.x.DMs(acme, casey)
		if cp.DM != dms[len(dms)-1].ID && cp.DM != dms[0].ID {
			t.Errorf("checkpoint = %+v, want the newest message", cp)
		}
		if b := back(cp.DM); xapi.CompareIDs(b, cp.DM) >= 0 || xapi.CompareIDs(b, sinceID(time.Now().Add(-time.Hour))) < 0 {
			t.Errorf("reads again from %s, checkpoint %s", b, cp.DM)
		}
		if back("not a number") != "not a number" || back("5") != "0" {
			t.Error("back of an odd id")
		}
	})
}

// A mention that X reports for a reply's chain alone is nobody's question.
func TestPollOnlyWhoNamesUs(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = noWebhook
		w.begin()
		root, err := w.x.PostAs(acme, "We are @acme, at your service")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.x.PostAs(noor, "I like trains", root.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.x.MentionAs(casey, "@acme are you there?"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.x.NativeDM(acme, casey, "typed on x.com"); err != nil {
			t.Fatal(err)
		}
		w.wait(11 * time.Minute)
		equal(t, "heard", w.heard(), []string{"@acme are you there?"})
	})
}

func TestItems(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	events := []xapi.Event{
		{Kind: xapi.DMReceived, ID: "1", UserID: casey, At: at, DM: &xapi.DMEvent{ID: "1", SenderID: casey, RecipientID: acme, Text: "hi"}},
		{Kind: xapi.DMSent, ID: "2", UserID: acme, At: at, DM: &xapi.DMEvent{ID: "2", SenderID: acme, RecipientID: casey, Text: "ho"}},
		{Kind: xapi.Typing, ID: "3", UserID: casey},
		{Kind: xapi.DMRead, ID: "4", UserID: casey},
		{Kind: xapi.Posted, ID: "5", UserID: acme},
		{Kind: xapi.Reply, ID: "6", UserID: casey},
		{Kind: xapi.Unknown, ID: "7", Raw: json.RawMessage(`{"new":1}`)},
	}
	got, err := items(events, acme)
	if err != nil || len(got) != 3 {
		t.Fatalf("items = %+v, %v, want 3", got, err)
	}
	if got[0].Thread != got[1].Thread || got[0].Key == got[1].Key {
		t.Errorf("both sides of a talk are one thread: %+v, %+v", got[0], got[1])
	}
	if otherOf("111-222", "111") != "222" || otherOf("111-222", "222") != "111" || otherOf("group", "111") != "" {
		t.Error("otherOf")
	}
}

func TestHandleX(t *testing.T) {
	handle := func(w *world, x xEvent) {
		w.t.Helper()
		body, err := json.Marshal(x)
		if err != nil {
			w.t.Fatal(err)
		}
		w.update(func(tx store.Tx) error {
			return xHandler{acc: w.app.Accounts, desk: w.app.Desk, log: w.app.log}.handle(tx, inbox.Item{ID: "i", Kind: kindX, Body: body})
		})
		w.wait(0)
	}
	from := desk.Contact{ID: casey, Handle: "casey", Name: "Casey"}
	play(t, func(t *testing.T, w *world) {
		w.begin()
		now := time.Now()
		handle(w, xEvent{Kind: xapi.DMReceived, Account: "404", ID: "1", From: from, Text: "to nobody", At: now})
		handle(w, xEvent{Kind: xapi.Unknown, Account: acme, ID: "2"})
		handle(w, xEvent{Kind: "next.year", Account: acme, ID: "3"})
		handle(w, xEvent{Kind: xapi.Mention, Account: acme, ID: "4", From: desk.Contact{ID: acme}, Text: "@acme our own", At: now})
		handle(w, xEvent{Kind: xapi.EncryptedChat, Account: acme, ID: "5", From: desk.Contact{ID: acme}, At: now})
		equal(t, "heard of what is not for us", w.heard(), nil)
		handle(w, xEvent{Kind: xapi.DMReceived, Account: acme, ID: "6", From: from, Text: "hello", Conversation: "c", At: now})
		handle(w, xEvent{Kind: xapi.Mention, Account: acme, ID: "7", From: from, Text: "@acme hello", At: now})
		equal(t, "heard", w.heard(), []string{"@acme hello", "hello"})
		handle(w, xEvent{Kind: xapi.Deleted, Account: acme, ID: "6", At: now})
		handle(w, xEvent{Kind: xapi.Deleted, Account: acme, ID: "unknown", At: now})
		handle(w, xEvent{Kind: xapi.EncryptedChat, Account: acme, ID: "8", From: desk.Contact{ID: noor, Handle: "noor"}, At: now})
		state := func() (s accounts.State) {
			w.update(func(tx store.Tx) error { a, err := w.app.Accounts.Get(tx, acme); s = a.State; return err })
			return s
		}
		handle(w, xEvent{Kind: xapi.Revoked, Account: acme, ID: "9", At: now.Add(-time.Hour)}) // before it was connected
		if state() != accounts.Connected {
			t.Errorf("an old revocation made it %s", state())
		}
		handle(w, xEvent{Kind: xapi.Revoked, Account: acme, ID: "10", At: now.Add(time.Second)})
		if state() != accounts.ReconnectNeeded {
			t.Errorf("a revocation left it %s", state())
		}
		handle(w, xEvent{Kind: xapi.DMReceived, Account: acme, ID: "11", From: from, Text: "while reconnecting", At: now})
		if !slices.Contains(w.heard(), "while reconnecting") {
			t.Error("what came in while a reconnection is needed was dropped")
		}
	})
}
