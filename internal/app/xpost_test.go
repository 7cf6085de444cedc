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
		began := time.Now()
		p := w.posted(w.post(accounts.XPost{Text: "All trains run."}))
		if p.ID == "" || p.URL != "http://x.test/acme/status/"+p.ID || p.InReplyTo != "" || !p.At.Equal(began) {
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
		{
			name: "answer lost", fault: xfake.Fault{Drop: xfake.DropAfter}, wait: 3 * time.Second,
			soon: outbox.Unknown, soonCode: "network", end: outbox.Done, posts: 1, attempts: 1,
		},
		{
			name: "cut before", fault: xfake.Fault{Drop: xfake.DropBefore}, wait: 5 * time.Minute,
			soon: outbox.Unknown, soonCode: "network", end: outbox.Done, posts: 1, attempts: 2,
		},
		{
			name: "500 with effect", fault: xfake.Fault{Status: 500, Effect: true}, wait: 3 * time.Second,
			soon: outbox.Unknown, soonCode: "server", end: outbox.Done, posts: 1, attempts: 1,
		},
		{
			name: "503 without effect", fault: xfake.Fault{Status: 503}, wait: 5 * time.Minute,
			soon: outbox.Unknown, soonCode: "server", end: outbox.Done, posts: 1, attempts: 2,
		},
		{
			name: "answer cut short", fault: xfake.Fault{Effect: true, BadJSON: true}, wait: 3 * time.Second,
			soon: outbox.Unknown, soonCode: "bad_response", end: outbox.Done, posts: 1, attempts: 1,
		},
		{
			name: "duplicate", fault: xfake.Fault{Status: 403, Body: `{"detail":"You are not allowed to create a Tweet with duplicate content.","status":403}`},
			wait: time.Hour, soon: outbox.Failed, soonCode: "duplicate", end: outbox.Failed, endCode: "duplicate", attempts: 1,
		},
		{
			name: "too long", fault: xfake.Fault{Status: 400, Body: `{"detail":"Your post text is too long.","status":400}`},
			wait: time.Hour, soon: outbox.Failed, soonCode: "too_long", end: outbox.Failed, endCode: "too_long", attempts: 1,
		},
		{
			name: "rate limit", fault: xfake.Fault{Status: 429, Header: limited, Body: `{"title":"Too Many Requests","status":429}`},
			wait: 11 * time.Minute, soon: outbox.Queued, soonCode: "rate_limited", hold: ":post rate_limited", end: outbox.Done, posts: 1, attempts: 1,
		},
		{
			name: "no credits", fault: xfake.Fault{Status: 402, Body: `{"title":"CreditsDepleted","detail":"Your enrolled account does not have any credits","type":"https://api.twitter.com/2/problems/credits","status":402}`},
			wait: 2 * time.Minute, soon: outbox.Queued, soonCode: "no_credits", hold: " no_credits", end: outbox.Done, posts: 1, attempts: 1,
		},
		{
			name: "parent not there yet", fault: xfake.Fault{Status: 403, Body: `{"errors":[{"code":385,"message":"You attempted to reply to a Tweet that is deleted or not visible to you."}]}`},
			wait: 5 * time.Minute, soon: outbox.Queued, soonCode: "reply_not_visible", end: outbox.Done, posts: 1, attempts: 2,
		},
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

// X takes the post, its answer is lost, and X shows it only minutes later: the
// second try is refused as a duplicate, and the first one is found after all.
func TestPostDuplicateAfterUnknown(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.x.SetLag(xfake.Lag{Timeline: 3 * time.Minute})
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Drop: xfake.DropAfter})
		id := w.post(accounts.XPost{Text: "Back to normal."})
		w.want(id, outbox.Unknown, "network")
		w.wait(10 * time.Minute)
		if p := w.posted(id); p.ID != w.x.Posts(acme)[0].ID {
			t.Errorf("adopted %s, want %s", p.ID, w.x.Posts(acme)[0].ID)
		}
		equal(t, "posts", w.posts(), []string{"Back to normal."})
		if a := w.action(id); a.Attempts != 2 {
			t.Errorf("%d attempts, want 2", a.Attempts)
		}
	})
}

// A post of the same words that another action made is not taken for this one's.
func TestPostNotAdoptedTwice(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		first := w.posted(w.post(accounts.XPost{Text: "Fixed."}))
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Drop: xfake.DropBefore})
		id := w.post(accounts.XPost{Text: "Fixed."})
		w.want(id, outbox.Unknown, "network")
		w.wait(30 * time.Minute)
		a := w.action(id)
		if a.State == outbox.Done {
			t.Errorf("the post of another action was adopted: %s, %s", a.Result, first.ID)
		}
		equal(t, "posts", w.posts(), []string{"Fixed."})
	})
}

// What X makes of a text in its answers does not hide the post.
func TestPostIsFoundAgain(t *testing.T) {
	tests := map[string]string{
		"entities":   `a < b && c > d "quoted" 'single' &amp; literal`,
		"links":      "Status: https://status.acme.example/incidents/4?x=1&y=2 and acme.example too",
		"lines":      "First line\n\n  second line\twith tab",
		"accents":    "Cafe\u0301 reopened, naïve 日本語 👩‍👩‍👧",
		"long":       strings.Repeat("word ", 55) + "end",
		"mention":    "@casey we are on it",
		"whitespace": "ends with blanks   ",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				w.begin()
				w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Drop: xfake.DropAfter})
				id := w.post(accounts.XPost{Text: text})
				w.want(id, outbox.Unknown, "network")
				w.wait(3 * time.Second)
				if p := w.posted(id); p.ID != w.x.Posts(acme)[0].ID {
					t.Errorf("found %s", p.ID)
				}
			})
		})
	}
}

// A reply is told apart from a post of the same words.
func TestPostIsFoundByItsParent(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		root := w.posted(w.post(accounts.XPost{Text: "Root"}))
		if _, err := w.x.PostAs(acme, "Same words"); err != nil { // typed on x.com
			t.Fatal(err)
		}
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Status: 500})
		id := w.post(accounts.XPost{Text: "Same words", ReplyTo: root.ID})
		w.wait(time.Minute)
		if a := w.action(id); a.State == outbox.Done {
			t.Errorf("a post that is no reply was taken for the reply: %s", a.Result)
		}
	})
}

func TestPostWithDeadGrant(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		if err := w.x.RevokeUser(acme); err != nil {
			t.Fatal(err)
		}
		w.wait(0)
		id := w.post(accounts.XPost{Text: "Waits"})
		if a := w.action(id); a.State != outbox.Queued {
			t.Errorf("action = %s, want it to wait", a.State)
		}
		holds := w.holds()
		if len(holds) != 1 || !strings.Contains(holds[0], "reconnect") {
			t.Errorf("holds = %q, want one for the reconnection", holds)
		}
		w.wait(24 * time.Hour)
		equal(t, "posts before", w.posts(), nil)
		w.connect()
		w.wait(time.Minute)
		w.posted(id)
		equal(t, "posts", w.posts(), []string{"Waits"})
		equal(t, "holds", w.holds(), nil)
	})
}

// A token that X no longer takes is renewed, once, and the call made again.
func TestPostWithStaleToken(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Status: 401, Body: `{"title":"Unauthorized","status":401,"detail":"Unauthorized"}`})
		id := w.post(accounts.XPost{Text: "Renewed"})
		w.posted(id)
		if a := w.action(id); a.Attempts != 1 {
			t.Errorf("%d attempts, want 1", a.Attempts)
		}
		// One that X refuses fresh as well waits, and is no reason to reconnect.
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 2, Status: 401, Body: `{"title":"Unauthorized","status":401}`})
		id = w.post(accounts.XPost{Text: "X stumbles"})
		w.want(id, outbox.Queued, "unauthorized")
		w.wait(2 * time.Minute)
		w.posted(id)
	})
}

func TestPostWhileXIsAway(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.http.CloseIdleConnections()
		w.net.mu.Lock()
		away := w.net.hosts["x.test:80"]
		delete(w.net.hosts, "x.test:80")
		w.net.mu.Unlock()
		id := w.post(accounts.XPost{Text: "Later"})
		if a := w.want(id, outbox.Queued, "network"); a.Lookups != 0 {
			t.Errorf("what was never sent was looked for %d times", a.Lookups)
		}
		w.net.mu.Lock()
		w.net.hosts["x.test:80"] = away
		w.net.mu.Unlock()
		w.wait(5 * time.Minute)
		w.posted(id)
		equal(t, "posts", w.posts(), []string{"Later"})
	})
}

func TestDelete(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		p := w.posted(w.post(accounts.XPost{Text: "Oops"}))
		remove := func() string {
			return w.add(outbox.Action{Kind: accounts.KindDelete, Lanes: accounts.Lanes(acme, "delete")}, accounts.XDelete{Account: acme, PostID: p.ID})
		}
		w.fail(http.MethodDelete, tweets+"/*", xfake.Fault{Times: 1, Drop: xfake.DropAfter})
		id := remove()
		w.want(id, outbox.Unknown, "network")
		w.wait(10 * time.Second)
		w.want(id, outbox.Done, "") // deleted twice: the second is no error
		equal(t, "posts", w.posts(), nil)
		w.want(remove(), outbox.Done, "")
	})
}
