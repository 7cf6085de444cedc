package commands

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const homeless = bot.ChannelRef("-") // where world.handle is to leave the channel out

// openHome has a person open their page, and returns what it shows.
func (w *world) openHome(u bot.User) string {
	w.t.Helper()
	w.handle(bot.Event{Kind: bot.EventHome, User: u, Channel: homeless})
	return w.home(u)
}

func (w *world) home(u bot.User) string {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	return w.show(w.out.homes[u.Ref])
}

// pressHome has a person press a button of their page.
func (w *world) pressHome(u bot.User, label string) (told string) {
	w.t.Helper()
	for _, b := range w.out.homes[u.Ref].Blocks {
		for _, x := range b.Buttons {
			if x.Label == label {
				return w.show(w.handle(bot.Event{Kind: bot.EventAction, User: u, Channel: homeless, Action: x.ID, Value: x.Value, Trigger: "trigger"})...)
			}
		}
	}
	w.t.Fatalf("%s's page has no button %q:\n%s", u.Name, label, w.home(u))
	return ""
}

// customer has a customer write.
func (w *world) customer(n int, words string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return w.desk.Receive(tx, desk.Inbound{
			Account: acme, Kind: desk.DM, XID: fmt.Sprint("dm", n), XConversation: fmt.Sprint("c", n), Text: words, At: time.Now(),
			From: desk.Contact{Account: acme, ID: fmt.Sprint("x", n), Handle: fmt.Sprint("jane", n), Name: fmt.Sprint("Jane ", n)},
		})
	})
	synctest.Wait()
}

func TestHome(t *testing.T) {
	ada, rio, sam, max := people()
	scene(t, func(t *testing.T, w *world) {
		has(t, "Ada's page", w.openHome(ada), "# Connect X", "[Start Authentication]", "# Open incidents\nNone.", "[Declare an incident]", "Support: nobody", "/twitter help")
		got := w.openHome(max)
		has(t, "Max's page", got, "Only an admin of Perch can do this. Ask @webchat:U_ada.")
		hasNot(t, "Max's page", got, "[")
		has(t, "to Ada alone", w.pressHome(ada, "Start Authentication"), "Click here to authorize")

		w.connect(acme, "acme")
		<-time.After(3 * time.Second)
		synctest.Wait()
		got = w.home(ada)
		has(t, "Ada's page", got, "# X accounts\n@acme · ACME · default · ✅ connected 20 Nov 2026 by Ada")
		hasNot(t, "Ada's page", got, "Start Authentication")

		w.openHome(sam)
		if told := w.pressHome(sam, "Go on duty"); told != "" {
			t.Errorf("told %q, want the page itself to be the answer", told)
		}
		has(t, "Sam's page", w.home(sam), "Support: @webchat:U_sam\n[Go off duty]")
		w.customer(1, "Where is my order?")
		<-time.After(3 * time.Second)
		synctest.Wait()
		has(t, "Sam's page", w.home(sam), "# Waiting for an agent\nJane 1 (@jane1) · waits since 12:00 UTC, 20 Nov · in #webchat:support · Where is my order?\n[Claim]")
		hasNot(t, "Max's page", w.home(max), "Where is my order")
		claim := w.out.homes[sam.Ref].Blocks[2].Buttons[0]
		w.update(func(tx store.Tx) error {
			_, err := w.desk.HandleEvent(tx, bot.Event{ID: "claim", Platform: "webchat", Kind: bot.EventAction, User: sam, Action: claim.ID, Value: claim.Value})
			return err
		})
		<-time.After(3 * time.Second)
		synctest.Wait()
		got = w.home(sam)
		has(t, "Sam's page", got, "# Your conversations\nJane 1", "[Close] asks:")
		hasNot(t, "Sam's page", got, "Waiting for an agent")
		w.update(func(tx store.Tx) error {
			_, err := w.desk.Snooze(tx, claim.Value, time.Now().Add(time.Hour), sam)
			return err
		})
		<-time.After(3 * time.Second)
		synctest.Wait()
		has(t, "Sam's page", w.home(sam), "put off until 13:00 UTC, 20 Nov")

		w.say(rio, "/incident new --severity sev1 Slow")
		w.draft("We are slow")
		got = w.openHome(rio)
		has(t, "Rio's page", got, "# Waiting for your decision\nINC-1 · Rio · not public yet · We are slow\n[Preview]\n[Post to X]\n[Discard]", "🔴 INC-1 Slow · sev1 · started · in #webchat:incidents\n[Add update]\n[Resolve]")
		hasNot(t, "Sam's page", w.home(sam), "We are slow")
		has(t, "the preview", w.pressHome(rio, "Preview"), "| @acme: We are slow (11 of 280)", "[Post to X]")
		if told := w.pressHome(rio, "Post to X"); told != "" || w.sent() != 1 {
			t.Errorf("told %q, posted %d times", told, w.sent())
		}
		hasNot(t, "Rio's page", w.home(rio), "We are slow")
		w.pressHome(rio, "Resolve")
		has(t, "Rio's page", w.home(rio), "# Open incidents\nNone.")
		w.pressHome(rio, "Declare an incident")
		if f := w.form(); f.ID != formNew {
			t.Errorf("form = %+v", f)
		}
	})
}

// Only somebody else's click approves; the page says so.
func TestHomeApproval(t *testing.T) {
	ada, rio, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{Approval: true}, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new Slow")
		w.draft("Careful words")
		w.press(rio, btnPost)
		got := w.openHome(rio)
		has(t, "Rio's page", got, "another person has to approve it · Careful words\n[Preview]\n[Discard]")
		hasNot(t, "Rio's page", got, "Approve")
		has(t, "Ada's page", w.openHome(ada), "waits for approval · Careful words\n[Preview]\n[Approve and post]")
		w.pressHome(ada, "Approve and post")
		if w.sent() != 1 {
			t.Error("not posted")
		}
		hasNot(t, "Ada's page", w.home(ada), "Careful words")
	})
}

// A page is kept current for an hour, once for many changes, and never shown
// for nothing.
func TestHomeKept(t *testing.T) {
	_, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		shown := func() (n int) {
			for _, s := range w.out.did {
				if strings.HasPrefix(s, "home of ") {
					n++
				}
			}
			return n
		}
		w.openHome(rio)
		if n := shown(); n != 1 {
			t.Fatalf("shown %d times", n)
		}
		<-time.After(30 * time.Minute)
		synctest.Wait()
		if n := shown(); n != 1 {
			t.Errorf("shown %d times though nothing changed", n)
		}
		w.update(func(tx store.Tx) error { // 20 changes at once
			for i := range 20 {
				if _, err := w.inc.Create(tx, incident.New{Title: fmt.Sprint("Fire ", i)}); err != nil {
					return err
				}
			}
			return nil
		})
		<-time.After(10 * time.Second)
		synctest.Wait()
		got := w.home(rio)
		has(t, "page", got, "INC-20", "INC-13", "… and 12 more.")
		hasNot(t, "page", got, "INC-12 ")
		if n := len(w.out.homes[rio.Ref].Blocks); n > 90 {
			t.Errorf("%d blocks", n)
		}
		if n := shown(); n > 3 { // once for the incidents, once for their addresses
			t.Errorf("shown %d times", n)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		before := shown()
		w.say(rio, "/incident new Later")
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if n := shown(); n != before {
			t.Error("a page that nobody has open was shown")
		}
		has(t, "page", w.openHome(rio), "Later")
	})
}

// Who opens a page for the first time doesn't put off what is due on those of others.
func TestHomeKeptWhileOthersOpenTheirs(t *testing.T) {
	_, rio, sam, max := people()
	scene(t, func(t *testing.T, w *world) {
		w.openHome(rio)
		w.say(rio, "/incident new First")
		w.openHome(sam)
		w.say(rio, "/incident new Second")
		w.openHome(max)
		<-time.After(10 * time.Second)
		synctest.Wait()
		for _, u := range []bot.User{rio, sam, max} {
			has(t, u.Name+"'s page", w.home(u), "First", "Second")
		}
	})
}

// The address of a card is asked for once and leads there.
func TestHomeLinks(t *testing.T) {
	_, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.say(rio, "/incident new Slow")
		w.readable(w.root(1), bot.ReadResult{Permalink: "https://chat.test/p1"})
		w.openHome(rio)
		<-time.After(10 * time.Minute)
		synctest.Wait()
		has(t, "page", w.home(rio), "[Open] https://chat.test/p1")
		if n := strings.Count(strings.Join(w.out.did, "\n"), "read "); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A full page fits into what chats show.
func TestHomeFull(t *testing.T) {
	all := bot.User{Ref: "webchat:U_all", Name: "All"}
	sceneOf(t, cast{all: true}, incident.Policy{}, func(t *testing.T, w *world) {
		for i := range 12 {
			w.update(func(tx store.Tx) error {
				return w.desk.SetDepartment(tx, desk.Department{ID: fmt.Sprint("d", i), Name: "D", Channel: supporters})
			})
			w.connect(fmt.Sprint(100+i), fmt.Sprint("acme", i))
		}
		w.connect(acme, "acme")
		for i := range 40 {
			w.customer(i, strings.Repeat("words ", 200))
		}
		w.say(all, "/incident new Slow")
		for i := range 10 {
			w.say(all, fmt.Sprintf(`/timeline add INC-1 --account @acme --visibility "status page + twitter" Words %d`, i))
		}
		for i := range 15 {
			w.say(all, fmt.Sprint("/incident new Fire ", i))
		}
		w.update(func(tx store.Tx) error {
			list, err := w.desk.List(tx, desk.Queued, 20)
			for _, c := range list {
				if err == nil {
					_, err = w.desk.Claim(tx, c.ID, all)
				}
			}
			return err
		})
		w.update(func(tx store.Tx) error {
			for i := range 12 {
				if _, err := w.acc.MarkReconnect(tx, fmt.Sprint(100+i), "Gone."); err != nil {
					return err
				}
			}
			return nil
		})
		got := w.openHome(all)
		if n := len(w.out.homes[all.Ref].Blocks); n > 100 {
			t.Errorf("%d blocks, want up to 100:\n%s", n, got)
		}
		if len(got) > 50_000 {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// A chat that shows no pages is not asked again and again, and the reason is told.
func TestHomeRefused(t *testing.T) {
	ada, _, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.openHome(ada)
		<-time.After(30 * time.Minute)
		synctest.Wait()
		var n int
		w.update(func(tx store.Tx) error {
			as, err := w.ob.ByState(tx, outbox.Failed, 0)
			n = len(as)
			return err
		})
		if n != 1 {
			t.Errorf("%d pages failed, want one", n)
		}
		has(t, "support", w.say(ada, "/twitter support"), "⚠ The Home tab: The chat says not_enabled.")
		w.allow(bot.KindHome)
		has(t, "page", w.openHome(ada), "Start Authentication")
		hasNot(t, "support", w.say(ada, "/twitter support"), "The Home tab")
	}, func(w *world, _ *Deps) { w.out.refuse[bot.KindHome] = "not_enabled" })
}

// Declared from a page, an incident without a channel is at least told of.
func TestDeclareFromHome(t *testing.T) {
	_, rio, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.openHome(rio)
		w.pressHome(rio, "Declare an incident")
		f := w.form()
		told := w.handle(bot.Event{Kind: bot.EventSubmit, User: rio, Channel: homeless, Action: f.ID, Value: f.Value, Fields: map[string]string{"title": "Slow"}})
		has(t, "told", w.show(told...), "INC-1 is declared, but it has no channel", "channels.incidents")
	}, func(_ *world, d *Deps) { d.IncidentsChannel = "" })
}
