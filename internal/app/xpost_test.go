package app

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi/xfake"
)

const tweets = "/2/tweets"

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s = %q, want %q", what, got, want)
	}
}

func TestPost(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		p := w.posted(w.post(accounts.XPost{Text: "All trains run."}))
		if p.ID == "" || p.URL != "http://x.test/acme/status/"+p.ID || p.InReplyTo != "" || !p.At.Equal(time.Now()) {
			t.Errorf("result = %+v", p)
		}
		r := w.posted(w.post(accounts.XPost{Text: "They still do.", ReplyTo: p.ID}))
		if r.InReplyTo != p.ID {
			t.Errorf("reply = %+v, want one to %s", r, p.ID)
		}
		first := w.post(accounts.XPost{Text: "Part one"})
		second := w.posted(w.post(accounts.XPost{Text: "Part two", ReplyToAction: first}))
		if want := w.posted(first).ID; second.InReplyTo != want {
			t.Errorf("second part replies to %q, want %q", second.InReplyTo, want)
		}
		equal(t, "posts", w.posts(), []string{"All trains run.", "They still do.", "Part one", "Part two"})
	})
}

func TestPostWithoutParent(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Status: 403, Body: `{"detail":"You are not allowed to create a Tweet with duplicate content.","status":403}`})
		first := w.post(accounts.XPost{Text: "Part one"})
		w.want(first, outbox.Failed, "duplicate")
		w.want(w.post(accounts.XPost{Text: "Part two", ReplyToAction: first}), outbox.Failed, "no_parent")
		equal(t, "posts", w.posts(), nil)
	})
}

// What X does with a post, what becomes of the action at once, and what in the end.
func TestPostFates(t *testing.T) {
	limited := http.Header{}
	tests := []struct {
		name  string
		fault xfake.Fault
		wait  time.Duration

		soon     outbox.State
		soonCode string
		hold     string
		end      outbox.State
		endCode  string
		posts    int
		attempts int
	}{
		{name: "answer lost", fault: xfake.Fault{Drop: xfake.DropAfter}, wait: 3 * time.Second,
			soon: outbox.Unknown, soonCode: "network", end: outbox.Done, posts: 1, attempts: 1},
		{name: "cut before", fault: xfake.Fault{Drop: xfake.DropBefore}, wait: 5 * time.Minute,
			soon: outbox.Unknown, soonCode: "network", end: outbox.Done, posts: 1, attempts: 2},
		{name: "500 with effect", fault: xfake.Fault{Status: 500, Effect: true}, wait: 3 * time.Second,
			soon: outbox.Unknown, soonCode: "server", end: outbox.Done, posts: 1, attempts: 1},
		{name: "503 without effect", fault: xfake.Fault{Status: 503}, wait: 5 * time.Minute,
			soon: outbox.Unknown, soonCode: "server", end: outbox.Done, posts: 1, attempts: 2},
		{name: "answer cut short", fault: xfake.Fault{Effect: true, BadJSON: true}, wait: 3 * time.Second,
			soon: outbox.Unknown, soonCode: "bad_response", end: outbox.Done, posts: 1, attempts: 1},
		{name: "duplicate", fault: xfake.Fault{Status: 403, Body: `{"detail":"You are not allowed to create a Tweet with duplicate content.","status":403}`},
			wait: time.Hour, soon: outbox.Failed, soonCode: "duplicate", end: outbox.Failed, endCode: "duplicate", attempts: 1},
		{name: "too long", fault: xfake.Fault{Status: 400, Body: `{"detail":"Your post text is too long.","status":400}`},
			wait: time.Hour, soon: outbox.Failed, soonCode: "too_long", end: outbox.Failed, endCode: "too_long", attempts: 1},
		{name: "rate limit", fault: xfake.Fault{Status: 429, Header: limited, Body: `{"title":"Too Many Requests","status":429}`},
			wait: 11 * time.Minute, soon: outbox.Queued, soonCode: "rate_limited", hold: ":post rate_limited", end: outbox.Done, posts: 1, attempts: 1},
		{name: "no credits", fault: xfake.Fault{Status: 402, Body: `{"title":"CreditsDepleted","detail":"Your enrolled account does not have any credits","type":"https://api.twitter.com/2/problems/credits","status":402}`},
			wait: 2 * time.Minute, soon: outbox.Queued, soonCode: "no_credits", hold: " no_credits", end: outbox.Done, posts: 1, attempts: 1},
		{name: "parent not there yet", fault: xfake.Fault{Status: 403, Body: `{"errors":[{"code":385,"message":"You attempted to reply to a Tweet that is deleted or not visible to you."}]}`},
			wait: 5 * time.Minute, soon: outbox.Queued, soonCode: "reply_not_visible", end: outbox.Done, posts: 1, attempts: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				w.begin()
				if tt.fault.Status == 429 {
					reset := time.Now().Add(10 * time.Minute)
					tt.fault.Header = http.Header{"X-Rate-Limit-Limit": {"100"}, "X-Rate-Limit-Remaining": {"0"}, "X-Rate-Limit-Reset": {unix(reset)}}
				}
				tt.fault.Times = 1
				w.fail(http.MethodPost, tweets, tt.fault)
				id := w.post(accounts.XPost{Text: "Line 4 is back & well: https://acme.example/status?a=1&b=2"})
				a := w.want(id, tt.soon, tt.soonCode)
				if a.Failure == nil || !strings.HasSuffix(a.Failure.Message, ".") {
					t.Errorf("people are told %+v", a.Failure)
				}
				var holds []string
				if tt.hold != "" {
					holds = []string{tt.hold}
				}
				equal(t, "holds", w.holds(), holds)
				if tt.hold == ":post rate_limited" {
					w.wait(9*time.Minute + 50*time.Second)
					w.want(id, tt.soon, tt.soonCode)
				}
				w.wait(tt.wait)
				if a := w.want(id, tt.end, tt.endCode); a.Attempts != tt.attempts {
					t.Errorf("%d attempts, want %d", a.Attempts, tt.attempts)
				}
				if got := len(w.posts()); got != tt.posts {
					t.Errorf("%d posts, want %d: %q", got, tt.posts, w.posts())
				}
				equal(t, "holds in the end", w.holds(), nil)
			})
		})
	}
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
