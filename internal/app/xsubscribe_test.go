package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
	"github.com/perch-chat/perch/xapi/xfake"
)

// subscription is the newest attempt to have X deliver.
func (w *world) subscription() (a outbox.Action, s subscribed) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		list, err := w.app.Outbox.BySubject(tx, "account:"+acme)
		for _, x := range list {
			if x.Kind == accounts.KindSubscribe && x.Created.Compare(a.Created) >= 0 {
				a = x
			}
		}
		return err
	})
	if a.State == outbox.Done {
		if err := json.Unmarshal(a.Result, &s); err != nil {
			w.t.Fatal(err)
		}
	}
	return a, s
}

func hookURLs(x *xfake.Server) (list []string) {
	for _, h := range x.Webhooks() {
		list = append(list, h.URL)
	}
	return list
}

func TestSubscribe(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		_, s := w.subscription()
		equal(t, "webhooks", hookURLs(w.x), []string{"http://perch.test/x/webhook"})
		equal(t, "events", s.Events, wanted(false))
		if n := len(w.x.Subscriptions()); n != len(wanted(false)) {
			t.Errorf("%d subscriptions, want %d", n, len(wanted(false)))
		}
		// X gave up on the webhook: upkeep notices within the hour, and adds nothing twice.
		w.x.InvalidateWebhooks()
		w.wait(lookAfter + time.Minute)
		if hooks := w.x.Webhooks(); len(hooks) != 1 || !hooks[0].Valid {
			t.Errorf("webhooks = %+v, want the one, valid again", hooks)
		}
		if n := len(w.x.Subscriptions()); n != len(wanted(false)) {
			t.Errorf("%d subscriptions an hour later, want %d", n, len(wanted(false)))
		}
	})
}

// An event type that X does not offer this app is done without; the rest is delivered.
func TestSubscribeWithoutRevoke(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.fail(http.MethodPost, "/2/activity/subscriptions", xfake.Fault{Status: 400, Times: 1, Body: `{"title":"Invalid Request","detail":"event_type: not allowed","status":400}`})
		w.start()
		// The first is direct messages, which nothing replaces.
		w.connect()
		a, _ := w.subscription()
		if a.State != outbox.Failed {
			t.Errorf("without direct messages: %s, want failed", a.State)
		}
		w.fail(http.MethodPost, "/2/activity/subscriptions", xfake.Fault{Status: 400, Probability: 0.5, Seed: 3, Times: 2, Body: `{"title":"Invalid Request","detail":"event_type: not allowed","status":400}`})
		w.update(func(tx store.Tx) error { _, err := w.app.Outbox.Retry(tx, a.ID, "webchat:U_ada"); return err })
		w.wait(time.Second)
		a, s := w.subscription()
		if a.State == outbox.Done && (len(s.Refused) == 0 || len(s.Events)+len(s.Refused) != len(wanted(false)) || slices.Contains(s.Refused, xapi.EventDMReceived)) {
			t.Errorf("result = %+v", s)
		}
	})
}

// X allows one webhook. Where another address has it, people are told which,
// once, and not every hour.
func TestSubscribeWhereAnotherAddressIs(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.stop()
		w.public = "new.test"
		w.start()
		a, _ := w.subscription()
		if a.State != outbox.Failed || a.Failure.Code != "webhook_limit" || !strings.Contains(a.Failure.Message, "http://perch.test/x/webhook") {
			t.Errorf("action = %s %+v", a.State, a.Failure)
		}
		w.wait(5*lookAfter + time.Minute)
		told := 0
		for _, s := range w.chat.see("webchat:setup") {
			if strings.Contains(s, "could not subscribe") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("people were told %d times: %q", told, w.chat.see("webchat:setup"))
		}
		equal(t, "webhooks", hookURLs(w.x), []string{"http://perch.test/x/webhook"})
	})
}

// A sandbox that comes back on another port takes the place of its own webhook.
func TestSubscribeTakesItsOwnPlace(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.opt = func(o *Options) { o.OwnX = true }
		w.begin()
		w.stop()
		w.public = "new.test"
		w.start()
		w.wait(time.Minute)
		equal(t, "webhooks", hookURLs(w.x), []string{"http://new.test/x/webhook"})
		if _, s := w.subscription(); len(s.Events) != len(wanted(false)) {
			t.Errorf("result = %+v", s)
		}
		if _, err := w.x.SendDMAs(casey, acme, "Still there?"); err != nil {
			t.Fatal(err)
		}
		w.wait(0)
		if got := w.chat.see("webchat:support"); len(got) == 0 {
			t.Error("the message did not arrive")
		}
	})
}

func TestRevoke(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, "/2/oauth2/revoke", xfake.Fault{Times: 1, Status: 503})
		w.update(func(tx store.Tx) error { _, err := w.app.Accounts.Unauthorize(tx, acme, "webchat:U_ada"); return err })
		w.wait(0)
		if !w.x.Connected(acme) {
			t.Error("the grant is gone though X was away")
		}
		w.wait(5 * time.Minute)
		if w.x.Connected(acme) {
			t.Error("the grant still lives at X")
		}
		if _, err := w.app.Accounts.Token(t.Context(), acme); err == nil {
			t.Error("the token can still be had")
		}
		id := w.post(accounts.XPost{Text: "Must not go out"})
		w.wait(time.Hour)
		if a := w.action(id); a.State != outbox.Queued {
			t.Errorf("post = %s, want it held", a.State)
		}
		equal(t, "posts", w.posts(), nil)
	})
}
