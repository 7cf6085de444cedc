package xapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRefusals has a row for every case of X's that is known, in the words it uses.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		code   Code
		temp   bool
	}{
		{"duplicate", 403, `{"detail":"You are not allowed to create a Tweet with duplicate content.","type":"about:blank","title":"Forbidden","status":403}`, CodeDuplicate, false},
		{"duplicate, first API", 403, `{"errors":[{"code":187,"message":"Status is a duplicate."}]}`, CodeDuplicate, false},
		{"not summoned", 403, `{"detail":"Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author of the post you are replying to.","type":"about:blank","title":"Forbidden","status":403}`, CodeReplyNotAllowed, false},
		{"reply or quote", 403, `{"detail":"You can only reply to or quote posts where you are mentioned or are the author.","status":403,"title":"Authorization Error","type":"https://api.x.com/2/problems/not-authorized-for-resource"}`, CodeReplyNotAllowed, false},
		{"author restricts", 403, `{"errors":[{"code":433,"message":"The original Tweet author restricted who can reply to this Tweet."}]}`, CodeReplyNotAllowed, false},
		{"reply not visible", 403, `{"detail":"You attempted to reply to a Tweet that is deleted or not visible to you.","title":"Forbidden","status":403,"type":"about:blank"}`, CodeReplyNotVisible, true},
		{"reply not visible, number", 403, `{"errors":[{"code":385,"message":"no such thing"}]}`, CodeReplyNotVisible, true},
		{"quote", 403, `{"detail":"Quoting this post is not allowed because you have not been mentioned or are not part of the conversation thread.","status":403}`, CodeQuoteNotAllowed, false},
		{"cashtags", 403, `{"detail":"Posts are limited to a maximum of one cashtag","title":"Forbidden","status":403}`, CodeCashtags, false},
		{"too long in the list", 400, `{"errors":[{"message":"Your Tweet text is too long. For more information on how Twitter determines text length see https://github.com/twitter/twitter-text.","parameters":{"text":["x"]}}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.twitter.com/2/problems/invalid-request"}`, CodeTooLong, false},
		{"too long in the detail", 403, `{"detail":"Your Tweet text is too long.","title":"Forbidden","status":403,"type":"about:blank"}`, CodeTooLong, false},
		{"media ids", 400, `{"errors":[{"message":"Your media IDs are invalid.","parameters":{"media.media_ids":["1"]}}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.x.com/2/problems/invalid-request"}`, CodeBadMedia, false},
		{"media category", 403, `{"detail":"You are not permitted to attach this media to a DM event.","status":403}`, CodeBadMedia, false},
		{"media category, other words", 400, `{"detail":"Invalid Media ID of category TweetImage","status":400}`, CodeBadMedia, false},
		{"bad URL", 400, `{"detail":"The Tweet contains an invalid URL.","status":400}`, CodeBadURL, false},
		{"video", 403, `{"detail":"This user is not allowed to post a video longer than 2 minutes","status":403}`, CodeVideoTooLong, false},
		{"not permitted", 403, `{"detail":"You are not permitted to perform this action.","type":"about:blank","title":"Forbidden","status":403}`, CodeForbidden, false},
		{"wrong token", 403, `{"title":"Unsupported Authentication","detail":"Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.","type":"https://api.twitter.com/2/problems/unsupported-authentication","status":403}`, CodeUnsupportedAuth, false},
		{"wrong token, new host", 403, `{"title":"Unsupported Authentication","type":"https://api.x.com/2/problems/unsupported-authentication","status":403}`, CodeUnsupportedAuth, false},
		{"client not enrolled", 403, `{"reason":"client-not-enrolled","title":"Client Forbidden","type":"https://api.twitter.com/2/problems/client-forbidden","detail":"When authenticating requests …"}`, CodeNotEnrolled, false},
		{"user not enrolled", 403, `{"reason":"user-not-enrolled","title":"Client Forbidden"}`, CodeNotEnrolled, false},
		{"official client", 403, `{"reason":"official-client-forbidden","title":"Client Forbidden"}`, CodeNotEnrolled, false},
		{"unauthorized", 401, `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`, CodeUnauthorized, false},
		{"no credits", 402, `{"title":"CreditsDepleted","detail":"Your enrolled account [1] does not have any credits to fulfill this request.","type":"https://api.twitter.com/2/problems/credits"}`, CodeNoCredits, false},
		{"usage cap", 429, `{"title":"UsageCapExceeded","period":"Monthly","scope":"Product","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}`, CodeUsageCap, false},
		{"spending limit", 403, `{"title":"Forbidden","detail":"Your account has reached its spending limit.","status":403}`, CodeUsageCap, false},
		{"rate limit", 429, `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`, CodeRateLimited, true},
		{"rate limit, first API", 429, `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`, CodeRateLimited, true},
		{"rate limit, type", 429, `{"type":"https://api.x.com/2/problems/rate-limit-exceeded"}`, CodeRateLimited, true},
		{"suspended, type", 403, `{"title":"Forbidden","type":"https://api.x.com/2/problems/user-suspended"}`, CodeSuspended, false},
		{"suspended, reason", 401, `{"title":"Forbidden","reason":"user-suspended"}`, CodeSuspended, false},
		{"DM settings", 403, `{"detail":"You do not have permission to DM one or more participants.","title":"Forbidden","status":403,"type":"about:blank"}`, CodeDMForbidden, false},
		{"DM policy", 403, `{"detail":"This operation is not permitted.","title":"Forbidden","status":403}`, CodeDMRestricted, false},
		{"webhook challenge", 400, `{"errors":[{"message":"CrcValidationFailed: Webhook URL does not meet the requirements."}],"title":"Invalid Request"}`, CodeCRCFailed, false},
		{"webhook URL", 400, `{"errors":[{"message":"UrlValidationFailed"}]}`, CodeBadWebhookURL, false},
		{"webhook double", 400, `{"title":"DuplicateUrlFailed"}`, CodeDuplicateWebhook, false},
		{"webhook limit", 400, `{"detail":"WebhookLimitExceeded"}`, CodeWebhookLimit, false},
		{"webhook id", 400, `{"reason":"WebhookIdInvalid"}`, CodeWebhookNotFound, false},
		{"not found", 404, `{"errors":[{"type":"https://api.twitter.com/2/problems/resource-not-found","title":"Not Found Error","detail":"Could not find tweet"}]}`, CodeNotFound, false},
		{"bare code and message", 400, `{"code":186,"message":"Tweet needs to be a bit shorter."}`, CodeTooLong, false},
		{"number in quotes", 403, `{"errors":[{"code":"187","message":"x"}]}`, CodeDuplicate, false},
		{"type of a wrong type", 403, `{"type":7,"detail":"You are not allowed to create a Tweet with duplicate content."}`, CodeDuplicate, false},
		{"HTML", 403, `<html><body>duplicate content</body></html>`, CodeForbidden, false},
		{"empty", 403, ``, CodeForbidden, false},
		{"plain words", 403, `You are not allowed to create a Tweet with duplicate content.`, CodeDuplicate, false},
		{"echoed text decides nothing", 400, `{"errors":[{"message":"bad","parameters":{"text":["duplicate content"]}}],"detail":"One or more parameters to your request was invalid."}`, CodeInvalidRequest, false},
		{"words of a 5xx decide nothing", 503, `{"detail":"You are not allowed to create a Tweet with duplicate content."}`, CodeServer, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, answering(tt.status, tt.body, "x-rate-limit-limit", "15", "x-rate-limit-remaining", "3", "x-rate-limit-reset", "1800000000"))
			_, limits, err := c.CreatePost(t.Context(), canary, Post{Text: "hi"})
			e := asError(t, err)
			if e.Code != tt.code || e.Status != tt.status || e.Temporary() != tt.temp {
				t.Errorf("got %q, status %d, temporary %v, want %q, %d, %v (%v)", e.Code, e.Status, e.Temporary(), tt.code, tt.status, tt.temp, e)
			}
			if want := tt.status >= 500; e.Uncertain != want {
				t.Errorf("Uncertain = %v, want %v", e.Uncertain, want)
			}
			want := Limits{Limit: 15, Remaining: 3, Reset: time.Unix(1800000000, 0).UTC()}
			if limits != want || e.Limits != want {
				t.Errorf("limits = %+v and %+v, want both %+v", limits, e.Limits, want)
			}
			if strings.Contains(e.Detail, "<html") {
				t.Errorf("the detail %q holds a page", e.Detail)
			}
		})
	}
}

func TestDetailOfTheList(t *testing.T) {
	c := newClient(t, answering(400, `{"errors":[{"message":"Your media IDs are invalid."}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.x.com/2/problems/invalid-request"}`))
	_, _, err := c.CreatePost(t.Context(), canary, Post{Text: "hi"})
	if e := asError(t, err); e.Detail != "Your media IDs are invalid." || e.Title != "Invalid Request" {
		t.Errorf("got detail %q, title %q", e.Detail, e.Title)
	}
}

// TestStatuses is the retry table: every status, for a call with an effect and one without.
func TestStatuses(t *testing.T) {
	status := 0
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) { answering(status, `{}`)(w, r) })
	for status = 300; status < 600; status++ {
		wantTemp := status >= 500 || status == 408 || status == 420 || status == 425 || status == 429 || status < 400
		wantUncertain := status >= 500

		_, _, err := c.SendDM(t.Context(), canary, "1", DM{Text: "hi"})
		if e := asError(t, err); e.Temporary() != wantTemp || e.Uncertain != wantUncertain || e.Status != status {
			t.Errorf("SendDM, %d: temporary %v, uncertain %v, want %v, %v (%v)", status, e.Temporary(), e.Uncertain, wantTemp, wantUncertain, e)
		}
		_, _, err = c.DMEvents(t.Context(), canary, DMOptions{})
		if e := asError(t, err); e.Temporary() != wantTemp || e.Uncertain {
			t.Errorf("DMEvents, %d: temporary %v, uncertain %v, want %v, false", status, e.Temporary(), e.Uncertain, wantTemp)
		}
		err = c.SetAltText(t.Context(), canary, "1", "x")
		if e := asError(t, err); e.Uncertain {
			t.Errorf("SetAltText, %d: uncertain, though a repeat harms nobody", status)
		}
	}
}

// TestEveryCallIsTyped checks each method's part of the rules: its errors are
// typed, and uncertain just where an effect may be there.
func TestEveryCallIsTyped(t *testing.T) {
	for _, call := range everyCall() {
		t.Run(call.name, func(t *testing.T) {
			c := newClient(t, answering(200, call.answer))
			if err := call.run(t.Context(), c); err != nil {
				t.Fatalf("with a good answer: %v", err)
			}
			for _, status := range []int{400, 401, 402, 403, 404, 429, 500, 503} {
				c := newClient(t, answering(status, `{}`))
				e := asError(t, call.run(t.Context(), c))
				if want := call.effective && status >= 500; e.Uncertain != want {
					t.Errorf("%d: Uncertain = %v, want %v", status, e.Uncertain, want)
				}
			}
		})
	}
}

func TestSentencesAreComplete(t *testing.T) {
	all := sentences()
	for _, r := range rules() {
		if all[r.code] == "" && r.code != CodeRateLimited {
			t.Errorf("code %q has no sentence", r.code)
		}
	}
	for _, m := range []map[string]Code{segments()} {
		for _, c := range m {
			if sentence(c, Limits{}) == sentence("no such code", Limits{}) {
				t.Errorf("code %q has no sentence", c)
			}
		}
	}
	for status := 200; status < 600; status++ {
		if c := statusCode(status); sentence(c, Limits{}) == sentence("no such code", Limits{}) {
			t.Errorf("code %q has no sentence", c)
		}
	}
	for c, s := range all {
		if !strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\n{}") || len(s) > 200 {
			t.Errorf("the sentence of %q is none: %q", c, s)
		}
	}
}

func TestLimitsNext(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	in := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	tests := []struct {
		name   string
		header []string
		want   time.Duration // 0: now
	}{
		{"nothing said", nil, 0},
		{"some left", []string{"x-rate-limit-limit", "15", "x-rate-limit-remaining", "1", "x-rate-limit-reset", in(time.Minute)}, 0},
		{"used up", []string{"x-rate-limit-limit", "15", "x-rate-limit-remaining", "0", "x-rate-limit-reset", in(time.Minute)}, time.Minute},
		{"the day is used up", []string{"x-rate-limit-limit", "15", "x-rate-limit-remaining", "9", "x-rate-limit-reset", in(time.Minute), "x-user-limit-24hour-limit", "1440", "x-user-limit-24hour-remaining", "0", "x-user-limit-24hour-reset", in(time.Hour)}, time.Hour},
		{"the app's day is used up", []string{"x-app-limit-24hour-limit", "1440", "x-app-limit-24hour-remaining", "0", "x-app-limit-24hour-reset", in(2 * time.Hour)}, 2 * time.Hour},
		{"the longest counts", []string{"x-rate-limit-limit", "15", "x-rate-limit-remaining", "0", "x-rate-limit-reset", in(time.Minute), "retry-after", "120"}, 2 * time.Minute},
		{"retry after a date", []string{"Retry-After", now.Add(time.Minute).Format(http.TimeFormat)}, time.Minute},
		{"half a window is none", []string{"x-rate-limit-limit", "15", "x-rate-limit-reset", in(time.Minute)}, 0},
		{"nonsense", []string{"x-rate-limit-limit", "many", "x-rate-limit-remaining", "0", "retry-after", "soon"}, 0},
		{"a year at most a day", []string{"retry-after", "31536000"}, 24 * time.Hour},
		{"past reset", []string{"x-rate-limit-limit", "15", "x-rate-limit-remaining", "0", "x-rate-limit-reset", in(-time.Minute)}, 0},
	}
	for _, tt := range tests {
		h := http.Header{}
		for i := 0; i < len(tt.header); i += 2 {
			h.Set(tt.header[i], tt.header[i+1])
		}
		l := readLimits(h, now)
		var got time.Duration
		if next := l.Next(now); !next.IsZero() {
			got = next.Sub(now)
		}
		if got != tt.want {
			t.Errorf("%s: Next = in %v, want in %v (%+v)", tt.name, got, tt.want, l)
		}
	}
}

func TestRateLimitSentenceNamesTheTime(t *testing.T) {
	reset := time.Now().Add(10 * time.Minute)
	c := newClient(t, answering(429, `{}`, "x-rate-limit-limit", "15", "x-rate-limit-remaining", "0", "x-rate-limit-reset", strconv.FormatInt(reset.Unix(), 10)))
	_, _, err := c.SendDM(t.Context(), canary, "1", DM{Text: "x"})
	if e, want := asError(t, err), reset.UTC().Format("15:04"); !strings.Contains(e.Message, want) {
		t.Errorf("the sentence %q does not name %s", e.Message, want)
	}
}

// TestPartialAnswers: a 2xx may hold errors beside data, or instead of them.
func TestPartialAnswers(t *testing.T) {
	c := newClient(t, answering(200, `{"data":[{"id":"10","text":"a"}],"errors":[{"title":"Not Found Error","detail":"Could not find user","type":"https://api.twitter.com/2/problems/resource-not-found"}],"meta":{"result_count":1}}`))
	page, _, err := c.Mentions(t.Context(), canary, "1", PostsOptions{})
	if err != nil || len(page.Posts) != 1 || len(page.Errors) != 1 || page.Errors[0].Detail != "Could not find user" {
		t.Errorf("got %+v, %v", page, err)
	}
	c = newClient(t, answering(200, `{"errors":[{"title":"Not Found Error","detail":"Could not find user","type":"https://api.twitter.com/2/problems/resource-not-found"}]}`))
	_, err = c.Me(t.Context(), canary)
	if e := asError(t, err); e.Code != CodeNotFound || e.Status != 200 {
		t.Errorf("errors instead of data: got %v", e)
	}
	_, _, err = c.CreatePost(t.Context(), canary, Post{Text: "x"})
	if e := asError(t, err); e.Uncertain {
		t.Errorf("X says that it made no post, and yet: %v", e)
	}
	c = newClient(t, answering(201, `{"data":{}}`))
	_, _, err = c.CreatePost(t.Context(), canary, Post{Text: "x"})
	if e := asError(t, err); !e.Uncertain || e.Code != CodeBadResponse {
		t.Errorf("a 201 without an id: got %v, want it uncertain", e)
	}
}

func TestArgumentsAreCheckedFirst(t *testing.T) {
	c := newClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	long := strings.Repeat("x", maxDMText+1)
	ctx := t.Context()
	calls := map[string]func() error{
		"empty post": func() error { _, _, err := c.CreatePost(ctx, canary, Post{}); return err },
		"five media": func() error {
			_, _, err := c.CreatePost(ctx, canary, Post{MediaIDs: []string{"1", "2", "3", "4", "5"}})
			return err
		},
		"media path":         func() error { _, _, err := c.CreatePost(ctx, canary, Post{MediaIDs: []string{"a"}}); return err },
		"reply path":         func() error { _, _, err := c.CreatePost(ctx, canary, Post{Text: "x", ReplyTo: "../1"}); return err },
		"delete path":        func() error { _, err := c.DeletePost(ctx, canary, "../users/1"); return err },
		"no token":           func() error { _, _, err := c.CreatePost(ctx, "", Post{Text: "x"}); return err },
		"broken token":       func() error { _, _, err := c.CreatePost(ctx, canary+"\n", Post{Text: "x"}); return err },
		"DM to a path":       func() error { _, _, err := c.SendDM(ctx, canary, "1/../2", DM{Text: "x"}); return err },
		"empty DM":           func() error { _, _, err := c.SendDM(ctx, canary, "1", DM{}); return err },
		"long DM":            func() error { _, _, err := c.SendDM(ctx, canary, "1", DM{Text: long}); return err },
		"conversation":       func() error { _, _, err := c.DMEventsIn(ctx, canary, "1-2-3", DMOptions{}); return err },
		"mentions of a path": func() error { _, _, err := c.Mentions(ctx, canary, "me", PostsOptions{}); return err },
		"username":           func() error { _, err := c.LookupUsername(ctx, canary, "a/b"); return err },
		"resource":           func() error { _, _, err := c.DMMedia(ctx, canary, "1", "2", "..", 10); return err },
		"webhook":            func() error { return c.DeleteWebhook(ctx, "") },
		"subscription":       func() error { _, err := c.Subscribe(ctx, canary, Subscription{EventType: "x"}); return err },
		"file type": func() error {
			_, err := c.UploadMedia(ctx, canary, strings.NewReader("x"), Media{Type: "text/html", Size: 1})
			return err
		},
		"big image": func() error {
			_, err := c.UploadMedia(ctx, canary, strings.NewReader("x"), Media{Type: "image/png", Size: MaxImage + 1})
			return err
		},
		"short image": func() error {
			_, err := c.UploadMedia(ctx, canary, strings.NewReader("x"), Media{Type: "image/png", Size: 2})
			return err
		},
		"no refresh token": func() error { _, err := c.Refresh(ctx, ""); return err },
		"ended context": func() error {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, _, err := c.CreatePost(ended, canary, Post{Text: "x"})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			if e := asError(t, call()); e.Uncertain || e.Temporary() || e.Status != 0 {
				t.Errorf("got %+v, want an error that is certain and final", e)
			}
		})
	}
}

func ExampleError() {
	err := &Error{Op: "create post", Status: 403, Code: CodeDuplicate, Detail: "You are not allowed to create a Tweet with duplicate content."}
	fmt.Println(err)
	// Output: create post: 403 duplicate: You are not allowed to create a Tweet with duplicate content.
}
