package commands

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// sent counts the posts that went to X.
func (w *world) sent() (n int) {
	for _, k := range w.out.tried {
		if k == accounts.KindPost {
			n++
		}
	}
	return n
}

func (w *world) draft(text string) {
	w.t.Helper()
	_, rio, _, _ := people()
	w.say(rio, `/timeline add --visibility "status page + twitter" `+text)
}

func TestPreviewClicks(t *testing.T) {
	ada, rio, sam, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new Slow")
		w.draft("First words")
		old, _ := w.button(btnPost)
		if w.sent() != 0 {
			t.Fatal("a preview was posted")
		}
		has(t, "not allowed", w.click(sam, btnPost, old.Value), "Only incident responders")
		w.press(rio, btnEdit)
		has(t, "no words", w.submit(rio, formText, w.form().Value, map[string]string{"text": "  "}), "was empty", "Discard")
		w.submit(rio, formText, w.form().Value, map[string]string{"text": "Better words"})
		has(t, "preview", w.last(incidents), "Better words")
		has(t, "stale click", w.click(rio, btnPost, old.Value), "changed in the meantime")
		has(t, "stale form", w.submit(rio, formText, old.Value, map[string]string{"text": "Older words"}), "changed in the meantime")
		if w.sent() != 0 {
			t.Error("a click on an older preview posted")
		}
		now, _ := w.button(btnPost)
		click := bot.Event{Kind: bot.EventAction, User: rio, Channel: incidents, Action: btnPost, Value: now.Value}
		if got := w.show(w.handle(click)...); got != "" {
			t.Errorf("the message itself is the answer, got %q", got)
		}
		has(t, "receipt", w.last(incidents), "✅ Posted on X as @acme", "https://x.com/acme/status/")
		for _, u := range []bot.User{rio, ada} { // again, and somebody else at the same time
			w.click(u, btnPost, now.Value)
		}
		has(t, "discard too late", w.click(rio, btnDiscard, now.Value), ".")
		has(t, "receipt", w.last(incidents), "✅ Posted")
		if n := w.sent(); n != 1 {
			t.Errorf("posted %d times, want once", n)
		}
		has(t, "no trigger", w.show(w.handle(bot.Event{Kind: bot.EventAction, User: rio, Action: btnEdit, Value: now.Value})...), "no forms")
	})
}

// One click delivered twice at once, as chats do, is one post.
func TestDoubleDelivery(t *testing.T) {
	_, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new Slow")
		w.draft("Words")
		b, _ := w.button(btnPost)
		ev := bot.Event{ID: "same", Platform: "webchat", Kind: bot.EventAction, User: rio, Channel: incidents, Action: btnPost, Value: b.Value, At: time.Now()}
		for range 2 {
			w.update(func(tx store.Tx) error { return w.r.Handle(tx, ev) })
		}
		synctest.Wait()
		if n := w.sent(); n != 1 {
			t.Errorf("posted %d times, want once", n)
		}
		// A command handled twice makes one incident and one entry.
		for _, line := range []string{"new Twice", "new Twice"} {
			w.update(func(tx store.Tx) error {
				return w.r.Handle(tx, bot.Event{ID: "cmd", Platform: "webchat", Kind: bot.EventCommand, User: rio, Channel: incidents, Command: "/incident", Text: line})
			})
		}
		synctest.Wait()
		if n := strings.Count(w.channel(incidents), ": Twice"); n != 1 {
			t.Errorf("%d incidents, want 1", n)
		}
	})
}

func TestApproval(t *testing.T) {
	ada, rio, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{Approval: true}, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new Slow")
		w.draft("Careful words")
		w.press(rio, btnPost)
		has(t, "preview", w.last(incidents), "⏳ Waits for approval", "[Approve and post]", "other than the author")
		has(t, "self approval", w.press(rio, btnPost), ".")
		if w.sent() != 0 {
			t.Fatal("the author approved it")
		}
		w.press(ada, btnPost)
		has(t, "approved", w.last(incidents), "✅ Posted")
	})
}

func TestForms(t *testing.T) {
	_, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.say(rio, "/incident new --severity sev2", withTrigger)
		f := w.form()
		if f.ID != formNew || f.Inputs[1].Initial != "sev2" || len([]rune(f.Title)) > 24 {
			t.Errorf("form = %+v", f)
		}
		has(t, "no title", w.submit(rio, formNew, f.Value, map[string]string{"title": " "}), "needs a title")
		w.submit(rio, formNew, f.Value, map[string]string{"title": "Slow", "severity": "none", "summary": "Very"})
		has(t, "card", w.channel(incidents), "INC-1: Slow", "Severity: not known", "> Very")
		w.press(rio, btnUpdate)
		f = w.form()
		has(t, "empty", w.submit(rio, formEntry, f.Value, map[string]string{"text": ""}), "nothing was added")
		has(t, "wrong", w.submit(rio, formEntry, f.Value, map[string]string{"text": "x", "visibility": "moon"}), "no visibility")
		has(t, "added", w.submit(rio, formEntry, f.Value, map[string]string{"text": "We know why", "visibility": "status_page"}), "status page")
		has(t, "thread", w.channel(incidents), "We know why")
		for _, f := range w.out.forms {
			if len([]rune(f.Title)) > 24 || f.Channel == "" {
				t.Errorf("form %s: title %q, channel %q", f.ID, f.Title, f.Channel)
			}
		}
		w.press(rio, btnResolve)
		has(t, "card", w.channel(incidents), "✅ INC-1", "Status: resolved")
	})
}

// The setup message stands once and is edited; only what is news is posted.
func TestSetupMessage(t *testing.T) {
	ada, _, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		for range 3 { // each start
			w.update(w.r.EnsureSetup)
			synctest.Wait()
		}
		if n := strings.Count(w.channel(setup), "# Connect X"); n != 1 {
			t.Errorf("the setup message stands %d times, want once", n)
		}
		edits := func() (n int) {
			w.update(func(tx store.Tx) error {
				n = 0
				list, err := w.ob.ByState(tx, outbox.Done, 1000)
				for _, a := range list {
					if a.Kind == bot.KindEdit {
						n++
					}
				}
				return err
			})
			return n
		}
		before := edits()
		w.update(w.r.EnsureSetup)
		synctest.Wait()
		if got := edits() - before; got != 0 {
			t.Errorf("%d edits though nothing changed", got)
		}
		w.connect(acme, "acme")
		<-time.After(time.Minute)
		w.connect(acme, "acme") // once more: a new grant is news
		if n := strings.Count(w.channel(setup), "✅ Connected @acme"); n != 2 {
			t.Errorf("%d connections were told, want 2", n)
		}
		has(t, "setup", w.channel(setup), "[Connect another account]")
		w.say(ada, "/twitter unauthorize acme")
		if n := len(w.out.tried); n == 0 || w.out.tried[n-1] == accounts.KindRevoke {
			t.Error("it was disconnected without being asked")
		}
		w.press(ada, btnDisconnect)
		if w.out.tried[len(w.out.tried)-1] != accounts.KindRevoke {
			t.Errorf("at X: %q", w.out.tried)
		}
		has(t, "setup", w.channel(setup), "[Start Authentication]", "no X account is connected yet", "@acme was disconnected")
		hasNot(t, "setup", w.channel(setup), "Connect another account")
	})
}

// Each person gets a link of their own, told to them alone.
func TestAuthorizeIsForOnePerson(t *testing.T) {
	ada, _, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		link := func() string {
			w.handle(bot.Event{Kind: bot.EventAction, User: ada, Action: btnStart, Channel: setup, Respond: "respond"})
			m := w.out.chat[len(w.out.chat)-1].Message
			if m.Only != ada.Ref || m.Respond != "respond" || m.Channel != setup {
				t.Errorf("the link was shown to %q in %q", m.Only, m.Channel)
			}
			_, u, _ := strings.Cut(m.Text, "https://")
			return u
		}
		if a, b := link(), link(); a == "" || a == b {
			t.Errorf("links %q and %q", a, b)
		}
		hasNot(t, "what everybody sees", w.channel(setup), "/x/start/")
	})
}

func TestDeadLetters(t *testing.T) {
	ada, rio, _, _ := people()
	refused := func() error {
		return &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "webhook_limit", Message: "X has another address."}}
	}
	scene(t, func(t *testing.T, w *world) {
		w.out.next = []error{refused()}
		w.connect(acme, "acme")
		has(t, "letter", w.last(setup), "could not subscribe", "X has another address.", "[Retry]", "[Discard]")
		has(t, "not allowed", w.press(rio, btnLetterRetry), "Only an admin")
		w.out.next = []error{refused()}
		has(t, "retried", w.press(ada, btnLetterRetry), "tried again")
		if n := strings.Count(w.channel(setup), "could not subscribe"); n != 2 {
			t.Errorf("a person's retry that failed was told %d times, want 2 in all", n)
		}
		has(t, "discarded", w.press(ada, btnLetterDiscard), "discarded")
		has(t, "too late", w.press(ada, btnLetterRetry), ".")

		w.update(func(tx store.Tx) error {
			return w.r.ItemDead(tx, inbox.Item{ID: "item-1", Source: "x"})
		})
		synctest.Wait()
		has(t, "item", w.last(setup), "could not handle a message or mention from X", "Item item-1")
		has(t, "unknown item", w.press(ada, btnItemRetry), "Somebody did this already.")
	})
}

// An event that could not be handled is retried with its button.
func TestDeadItem(t *testing.T) {
	ada, _, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		in := inbox.New(w.db, inbox.Options{MaxAttempts: 1})
		w.r.Inbox = in
		ok := make(chan bool, 4)
		fail := true
		in.Handle("test", func(store.Tx, inbox.Item) error {
			if fail {
				return errors.New("broken")
			}
			ok <- true
			return nil
		})
		in.OnDead(w.r.ItemDead)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx) }()
		if _, err := in.Put(t.Context(), inbox.Item{Key: "k", Kind: "test", Source: "slack", Thread: "t", Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		has(t, "item", w.last(setup), "could not handle something that happened in chat")
		fail = false
		has(t, "retried", w.press(ada, btnItemRetry), "tried again")
		<-ok
		has(t, "again", w.press(ada, btnItemRetry), "Somebody did this already.")
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestHolds(t *testing.T) {
	ada, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		hold := func(code string) {
			w.update(func(tx store.Tx) error {
				return w.ob.Hold(tx, outbox.Hold{Lane: accounts.Lane(acme), Code: code, Message: "Wait for " + code + ".", Since: time.Now()})
			})
			synctest.Wait()
		}
		before := w.channel(setup)
		hold("rate_limited")
		if got := w.channel(setup); got != before {
			t.Errorf("ordinary pacing was told: %q", got)
		}
		hold("no_credits")
		has(t, "setup", w.last(setup), "Wait for no_credits.", "[Try again now]")
		has(t, "not allowed", w.press(rio, btnRelease), "Only an admin")

		// A chat's pace is over soon; that nobody serves customers is for people to see to.
		for _, code := range []string{"rate_limited", bot.CodeNoAgent, bot.CodeSetUp} {
			w.update(func(tx store.Tx) error {
				return w.ob.Hold(tx, outbox.Hold{Lane: "live:" + code, Code: code, Message: "The chat says " + code + ".", Since: time.Now(), Until: time.Now().Add(time.Minute)})
			})
		}
		synctest.Wait()
		support := w.say(ada, "/twitter support")
		has(t, "support", support, "Wait for no_credits.", "The chat says "+bot.CodeNoAgent+".", "The chat says "+bot.CodeSetUp+".")
		hasNot(t, "support", support, "The chat says rate_limited.")
	})
}

func TestWorkflows(t *testing.T) {
	ada, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		has(t, "add", w.say(ada, `/incident workflow add --on created --name "Say hello" We are looking into {{ incident.title }}.`), "✅ Saved")
		has(t, "list", w.say(rio, "/incident workflow list"), "1. Say hello", "when an incident is created", "· on")
		w.say(rio, "/incident new slow trains")
		<-time.After(time.Minute)
		synctest.Wait()
		has(t, "incident", w.channel(incidents), "We are looking into slow trains.")
		for _, bad := range []string{"{{ incident.title", "{% if %}", "{{ nothing.here }}"} {
			has(t, bad, w.say(ada, "/incident workflow add --on resolved "+bad), "⚠ The workflow was not saved")
		}
		has(t, "one is left", w.say(rio, "/incident workflow list"), "1. Say hello")
		has(t, "off", w.say(ada, "/incident workflow off 1"), `"Say hello" is off`)
		has(t, "delete", w.say(ada, "/incident workflow delete 1"), "is deleted")
		has(t, "no such number", w.say(ada, "/incident workflow on 1"), "Write its number")
	})
}
