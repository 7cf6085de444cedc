package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi/xfake"
)

const messages = "/2/dm_conversations/**"

// texts are what the account wrote to a customer.
func (w *world) texts(to string) (list []string) {
	for _, m := range w.x.DMs(acme, to) {
		if m.From == acme {
			list = append(list, m.Text)
		}
	}
	return list
}

func (w *world) eventOf(id string) string {
	w.t.Helper()
	a := w.want(id, outbox.Done, "")
	var r accounts.XDMSent
	if err := json.Unmarshal(a.Result, &r); err != nil {
		w.t.Fatalf("result %q: %v", a.Result, err)
	}
	return r.EventID
}

func TestDMFates(t *testing.T) {
	tests := []struct {
		name     string
		fault    xfake.Fault
		wait     time.Duration
		soon     outbox.State
		code     string
		end      outbox.State
		endCode  string
		attempts int
	}{
		{"answer lost", xfake.Fault{Drop: xfake.DropAfter}, 3 * time.Second, outbox.Unknown, "network", outbox.Done, "", 1},
		{"cut before", xfake.Fault{Drop: xfake.DropBefore}, 5 * time.Minute, outbox.Unknown, "network", outbox.Done, "", 2},
		{"503", xfake.Fault{Status: 503}, 5 * time.Minute, outbox.Unknown, "server", outbox.Done, "", 2},
		{
			"closed inbox",
			xfake.Fault{Status: 403, Body: `{"detail":"You do not have permission to DM one or more participants.","status":403}`},
			time.Hour, outbox.Failed, "dm_forbidden", outbox.Failed, "dm_forbidden", 1,
		},
		{
			"rate limit",
			xfake.Fault{Status: 429, Header: http.Header{"Retry-After": {"60"}}},
			2 * time.Minute,
			outbox.Queued, "rate_limited", outbox.Done, "", 1,
		},
		{
			"no credits",
			xfake.Fault{Status: 402, Body: `{"title":"CreditsDepleted","type":"https://api.twitter.com/2/problems/credits","status":402}`},
			2 * time.Minute, outbox.Queued, "no_credits", outbox.Done, "", 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				w.begin()
				tt.fault.Times = 1
				w.fail(http.MethodPost, messages, tt.fault)
				first, second := w.dm(casey, "On it & coming: acme.example"), w.dm(casey, "Second")
				w.want(first, tt.soon, tt.code)
				if tt.soon != outbox.Failed && len(w.texts(casey)) > 1 {
					t.Errorf("the second overtook the first: %q", w.texts(casey))
				}
				w.wait(tt.wait)
				if a := w.want(first, tt.end, tt.endCode); a.Attempts != tt.attempts {
					t.Errorf("%d attempts, want %d", a.Attempts, tt.attempts)
				}
				w.want(second, outbox.Done, "")
				want := []string{"On it & coming: acme.example", "Second"}
				if tt.end == outbox.Failed {
					want = want[1:]
				}
				equal(t, "messages", w.texts(casey), want)
			})
		})
	}
}

// Two equal answers in a row, both with lost answers, are two messages, each
// found as itself.
func TestDMTwiceTheSame(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 2, Drop: xfake.DropAfter})
		first, second := w.dm(casey, "Yes."), w.dm(casey, "Yes.")
		w.wait(10 * time.Minute)
		a, b := w.eventOf(first), w.eventOf(second)
		all := w.x.DMs(acme, casey)
		if len(all) != 2 || a != all[0].ID || b != all[1].ID {
			t.Errorf("found %s and %s in %+v", a, b, all)
		}
	})
}

// The customer goes on writing, so that the message isn't on the first page.
func TestDMAmongMany(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Drop: xfake.DropAfter})
		id := w.dm(casey, "On it")
		for i := range 120 {
			if _, err := w.x.SendDMAs(casey, acme, fmt.Sprintf("and %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		w.wait(10 * time.Minute)
		w.eventOf(id)
		n := 0
		for _, d := range w.x.DMs(acme, casey) {
			if d.Text == "On it" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the customer got the answer %d times", n)
		}
	})
}

// Where more was written than one look reads, what wasn't read isn't known to be
// absent: nothing is sent again.
func TestDMAmongTooMany(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Drop: xfake.DropAfter})
		w.fail(http.MethodGet, messages, xfake.Fault{Status: http.StatusOK, Body: `{"data":[{"id":"2999999999999999999","event_type":"MessageCreate","text":"and","sender_id":"` + casey +
			`","dm_conversation_id":"` + casey + "-" + acme + `","created_at":"2026-11-20T13:00:00.000Z"}],"meta":{"result_count":1,"next_token":"more"}}`})
		id := w.dm(casey, "On it")
		w.wait(24 * time.Hour)
		if a := w.action(id); a.State != outbox.Unknown {
			t.Errorf("it is %s, though nobody knows", a.State)
		}
		n := 0
		for _, d := range w.x.DMs(acme, casey) {
			if d.Text == "On it" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the customer got the answer %d times", n)
		}
	})
}

// X shows the message only after everybody gave up looking for it: the second
// attempt's look still finds the first.
func TestDMFoundLate(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Drop: xfake.DropAfter})
		w.fail(http.MethodGet, messages, xfake.Fault{Times: 4, Status: 200, Body: `{"meta":{"result_count":0}}`})
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Drop: xfake.DropBefore})
		id := w.dm(casey, "Hello")
		w.wait(30 * time.Minute)
		w.eventOf(id)
		equal(t, "messages", w.texts(casey), []string{"Hello"})
	})
}
