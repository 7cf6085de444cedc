package xapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/xapi"
	"github.com/perch-chat/perch/xapi/xfake"
)

// world is the client on the fake of X, which reads X's documentation by
// itself: where the two disagree, one of them is wrong.
type world struct {
	fake   *xfake.Server
	client *xapi.Client
	base   string
	token  *xapi.Token

	mu     sync.Mutex
	events []xapi.Event
	faults []string // what was wrong with a delivery
}

const (
	account  = "1001"
	customer = "2002"
	callback = "http://127.0.0.1:1/callback"
	secret   = "consumer-secret"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{fake: xfake.New(xfake.Options{RedirectURLs: []string{callback}, AllowHTTPWebhooks: true, ConsumerSecret: secret})}
	srv := httptest.NewServer(w.fake.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		_ = w.fake.Close(ctx)
		srv.Close()
	})
	w.base = srv.URL
	w.fake.AddUser(xfake.User{ID: account, Handle: "acme", Name: "Acme", Followers: 12})
	w.fake.AddUser(xfake.User{ID: customer, Handle: "kim", Name: "Kim"})
	w.client = xapi.New(xapi.Config{
		APIBase: srv.URL, AuthorizeURL: srv.URL + "/i/oauth2/authorize", ClientID: "client-id", ClientSecret: "client-secret",
		ConsumerKey: "consumer-key", ConsumerSecret: secret, RedirectURL: callback, HTTP: srv.Client(),
		PollMin: time.Millisecond, PollMax: 50 * time.Millisecond,
	})
	w.token = w.login(t)
	return w
}

func (w *world) login(t *testing.T) *xapi.Token {
	t.Helper()
	verifier := xapi.NewVerifier()
	to, err := w.fake.Authorize(w.client.AuthCodeURL("state-1", verifier), account, true)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("state") != "state-1" {
		t.Fatalf("sent back to %q, %v", to, err)
	}
	token, err := w.client.Exchange(t.Context(), u.Query().Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// webhook is the receiving side: challenge, signature, decoding.
func (w *world) webhook(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.Method == http.MethodGet {
			answer, err := xapi.CRCResponse(secret, r.URL.Query().Get("crc_token"))
			if err != nil {
				w.faults = append(w.faults, err.Error())
			}
			_, _ = io.WriteString(rw, `{"response_token":"`+answer+`"}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if !xapi.VerifySignature(secret, r.Header.Get(xapi.SignatureHeader), body) {
			w.faults = append(w.faults, "a wrong signature")
		}
		events, err := xapi.DecodeWebhook(body)
		if err != nil {
			w.faults = append(w.faults, err.Error())
		}
		w.events = append(w.events, events...)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/x/webhook"
}

// took waits for the deliveries and returns what came.
func (w *world) took(t *testing.T) []xapi.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.fake.WaitDeliveries(ctx); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		t.Error(f)
	}
	events := w.events
	w.events = nil
	return events
}

func code(err error) xapi.Code {
	if e, ok := errors.AsType[*xapi.Error](err); ok {
		return e.Code
	}
	return ""
}

func wantCode(t *testing.T, what string, err error, want xapi.Code) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

func TestFakeGrants(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if missing := w.token.Missing(xapi.DefaultScopes()...); len(missing) > 0 {
		t.Errorf("not granted: %v", missing)
	}
	me, err := w.client.Me(ctx, w.token.AccessToken)
	if err != nil || me.ID != account || me.Username != "acme" || me.Followers != 12 {
		t.Fatalf("Me = %+v, %v", me, err)
	}
	_, err = w.client.Exchange(ctx, "no-such-code", xapi.NewVerifier())
	wantCode(t, "a wrong code", err, xapi.CodeInvalidCode)

	fresh, err := w.client.Refresh(ctx, w.token.RefreshToken)
	if err != nil || fresh.AccessToken == w.token.AccessToken || fresh.RefreshToken == w.token.RefreshToken {
		t.Fatalf("Refresh: %v", err)
	}
	_, err = w.client.Refresh(ctx, w.token.RefreshToken)
	wantCode(t, "a spent refresh token", err, xapi.CodeInvalidGrant)
	_, err = w.client.Me(ctx, fresh.AccessToken)
	wantCode(t, "after reuse killed the family", err, xapi.CodeUnauthorized)

	again := w.login(t)
	for hint, token := range map[string]string{xapi.HintRefresh: again.RefreshToken, xapi.HintAccess: again.AccessToken} {
		for range 2 { // the second finds it revoked already
			if err := w.client.Revoke(ctx, token, hint); err != nil {
				t.Errorf("Revoke %s: %v", hint, err)
			}
		}
	}
	_, err = w.client.Refresh(ctx, again.RefreshToken)
	wantCode(t, "a revoked refresh token", err, xapi.CodeInvalidGrant)
}

func TestFakePosts(t *testing.T) {
	for _, names := range []xfake.Emit{xfake.EmitOld, xfake.EmitNew, xfake.EmitBoth} {
		w := newWorld(t)
		w.fake.SetFieldNames(xfake.FieldNames{Emit: names})
		ctx, access := t.Context(), w.token.AccessToken
		const text = "We are looking into it: https://status.example/1 & more"
		first, limits, err := w.client.CreatePost(ctx, access, xapi.Post{Text: text})
		if err != nil || !limits.Known() {
			t.Fatalf("CreatePost: %v with limits %+v", err, limits)
		}
		second, _, err := w.client.CreatePost(ctx, access, xapi.Post{Text: "It is fixed.", ReplyTo: first.ID})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.client.CreatePost(ctx, access, xapi.Post{Text: "It is fixed."})
		wantCode(t, "the same words", err, xapi.CodeDuplicate)
		_, _, err = w.client.CreatePost(ctx, access, xapi.Post{Text: strings.Repeat("x", 281)})
		wantCode(t, "281 characters", err, xapi.CodeTooLong)

		page, _, err := w.client.UserPosts(ctx, access, account, "", 5)
		if err != nil || len(page.Posts) != 2 || page.Posts[0].ID != second.ID || page.Posts[0].InReplyToID != first.ID || page.Posts[0].ConversationID != first.ID {
			t.Fatalf("%d: UserPosts = %+v, %v", names, page, err)
		}
		if !page.Posts[1].SameText(text) {
			t.Errorf("%d: %q is not found again as %q", names, text, page.Posts[1].Text)
		}
		if page, _, err = w.client.UserPosts(ctx, access, account, first.ID, 5); err != nil || len(page.Posts) != 1 {
			t.Errorf("since the first: %+v, %v", page, err)
		}

		stranger, err := w.fake.PostAs(customer, "nothing to do with you")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.client.CreatePost(ctx, access, xapi.Post{Text: "hello!", ReplyTo: stranger.ID})
		wantCode(t, "a reply to somebody who did not ask", err, xapi.CodeReplyNotAllowed)
		asked, err := w.fake.MentionAs(customer, "@acme are you down?")
		if err != nil {
			t.Fatal(err)
		}
		mentions, _, err := w.client.Mentions(ctx, access, account, xapi.PostsOptions{SinceID: first.ID, Max: 5})
		if err != nil || len(mentions.Posts) != 1 || !mentions.Posts[0].Mentions(account) || mentions.Posts[0].Author == nil || mentions.Posts[0].Author.Username != "kim" {
			t.Fatalf("%d: Mentions = %+v, %v", names, mentions, err)
		}
		if _, _, err := w.client.CreatePost(ctx, access, xapi.Post{Text: "We are, a little.", ReplyTo: asked.ID}); err != nil {
			t.Errorf("a reply to somebody who asked: %v", err)
		}

		if _, err := w.client.DeletePost(ctx, access, first.ID); err != nil {
			t.Error(err)
		}
		_, _, err = w.client.LookupPost(ctx, access, first.ID)
		wantCode(t, "a deleted post", err, xapi.CodeNotFound)
		if u, err := w.client.LookupUsername(ctx, access, "kim"); err != nil || u.ID != customer {
			t.Errorf("LookupUsername = %+v, %v", u, err)
		}
	}
}

func TestFakeFaults(t *testing.T) {
	w := newWorld(t)
	ctx, access := t.Context(), w.token.AccessToken
	post := func(text string) error {
		_, _, err := w.client.CreatePost(ctx, access, xapi.Post{Text: text})
		return err
	}
	uncertain := func(err error) bool {
		var e *xapi.Error
		return errors.As(err, &e) && e.Uncertain
	}
	w.fake.AddFault(xfake.Fault{Method: "POST", Path: "/2/tweets", Times: 1, Drop: xfake.DropAfter})
	if err := post("lost answer"); !uncertain(err) {
		t.Errorf("an answer that was lost: %v", err)
	}
	wantCode(t, "the second try", post("lost answer"), xapi.CodeDuplicate)
	w.fake.AddFault(xfake.Fault{Method: "POST", Path: "/2/tweets", Times: 1, BadJSON: true, Effect: true})
	if err := post("cut answer"); !uncertain(err) {
		t.Errorf("an answer that was cut: %v", err)
	}
	w.fake.AddFault(xfake.Fault{Method: "POST", Path: "/2/tweets", Times: 1, Status: 503})
	if err := post("busy"); !uncertain(err) || code(err) != xapi.CodeServer {
		t.Errorf("503: %v", err)
	}
	w.fake.SetCredits(false)
	err := post("no money")
	wantCode(t, "no credits", err, xapi.CodeNoCredits)
	w.fake.SetCredits(true)
	w.fake.SetUsageCap(true)
	_, _, err = w.client.UserPosts(ctx, access, account, "", 5)
	wantCode(t, "the cap", err, xapi.CodeUsageCap)
	w.fake.SetUsageCap(false)
	if err := w.fake.SetSuspended(account, true); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "suspended", post("bad"), xapi.CodeSuspended)
	if err := w.fake.SetSuspended(account, false); err != nil {
		t.Fatal(err)
	}
	if err := w.fake.SetDMsClosed(customer, true); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.client.SendDM(ctx, access, customer, xapi.DM{Text: "hi"})
	wantCode(t, "closed messages", err, xapi.CodeDMForbidden)
	if err := w.fake.RevokeUser(account); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "revoked", post("gone"), xapi.CodeUnauthorized)
}

func TestFakeLimits(t *testing.T) {
	w := newWorld(t)
	var err error
	var limits xapi.Limits
	calls := 0
	for ; err == nil && calls < 50; calls++ {
		_, limits, err = w.client.DMEvents(t.Context(), w.token.AccessToken, xapi.DMOptions{Max: 1})
	}
	wantCode(t, "too many reads", err, xapi.CodeRateLimited)
	next := limits.Next(time.Now())
	if calls != 16 || limits.Limit != 15 || next.IsZero() || time.Until(next) > 15*time.Minute+time.Second {
		t.Errorf("stopped after %d calls with %+v, next at %v; want 15 in 15 minutes", calls, limits, next)
	}
}

func TestFakeMessages(t *testing.T) {
	w := newWorld(t)
	ctx, access := t.Context(), w.token.AccessToken
	hook, err := w.client.CreateWebhook(ctx, w.webhook(t))
	if err != nil || !hook.Valid {
		t.Fatalf("CreateWebhook = %+v, %v", hook, err)
	}
	_, err = w.client.CreateWebhook(ctx, hook.URL+"/2")
	wantCode(t, "a second webhook", err, xapi.CodeWebhookLimit)
	for i, typ := range []string{xapi.EventDMReceived, xapi.EventDMSent, xapi.EventChatReceived, xapi.EventMention, xapi.EventPostDelete, xapi.EventPost, xapi.EventRevoke} {
		w.fake.SetSubscriptionShape(xfake.SubscriptionShape(i % 3))
		s, err := w.client.Subscribe(ctx, access, xapi.Subscription{EventType: typ, UserID: account, Tag: "perch", WebhookID: hook.ID})
		if err != nil || s.EventType != typ || s.UserID != account {
			t.Fatalf("Subscribe %s = %+v, %v", typ, s, err)
		}
	}
	list, err := w.client.Subscriptions(ctx)
	if err != nil || len(list) != 7 {
		t.Fatalf("Subscriptions = %+v, %v", list, err)
	}

	in, err := w.fake.SendDMAs(customer, account, "is it me & you? https://a.example/x", xfake.File{Type: "image/png", Data: png()})
	if err != nil {
		t.Fatal(err)
	}
	events := w.took(t)
	if len(events) != 1 || events[0].Kind != xapi.DMReceived || events[0].ID != in.ID || events[0].Account != account || events[0].UserID != customer {
		t.Fatalf("a customer's message came as %+v", events)
	}
	dm := events[0].DM
	if dm.Text != "is it me & you? https://a.example/x" || len(dm.Media) != 1 || events[0].User(customer).Username != "kim" || dm.ConversationID != in.Conversation {
		t.Errorf("the message reads %+v", dm)
	}
	event, media, resource, ok := xapi.DMMediaRef(dm.Media[0].URL)
	if !ok {
		t.Fatalf("no download in %q", dm.Media[0].URL)
	}
	file, _, err := w.client.DMMedia(ctx, access, event, media, resource, 1<<20)
	if err != nil || string(file.Data) != string(png()) {
		t.Errorf("DMMedia: %v", err)
	}

	sent, _, err := w.client.SendDM(ctx, access, customer, xapi.DM{Text: "We look into it."})
	if err != nil {
		t.Fatal(err)
	}
	events = w.took(t)
	if len(events) != 1 || events[0].Kind != xapi.DMSent || events[0].ID != sent.EventID || events[0].DM.RecipientID != customer {
		t.Errorf("our own message came back as %+v", events)
	}
	page, _, err := w.client.DMEventsWith(ctx, access, customer, xapi.DMOptions{Max: 10})
	if err != nil || len(page.Events) != 2 || page.Events[0].ID != sent.EventID || page.Events[1].SenderID != customer {
		t.Errorf("DMEventsWith = %+v, %v", page, err)
	}
	newer, more, _, err := w.client.DMEventsSince(ctx, access, in.ID, 3, xapi.DMOptions{Max: 1})
	if err != nil || more || len(newer.Events) != 1 || newer.Events[0].ID != sent.EventID {
		t.Errorf("DMEventsSince = %+v, more %v, %v", newer, more, err)
	}

	if _, err := w.fake.SendEncryptedDMAs(customer, account, "psst"); err != nil {
		t.Fatal(err)
	}
	if events = w.took(t); len(events) != 1 || events[0].Kind != xapi.EncryptedChat || events[0].Chat.SenderID != customer || events[0].ID == "" {
		t.Errorf("an encrypted message came as %+v", events)
	}
	said, err := w.fake.MentionAs(customer, "@acme hello")
	if err != nil {
		t.Fatal(err)
	}
	if events = w.took(t); len(events) != 1 || events[0].Kind != xapi.Mention || events[0].ID != said.ID || events[0].Post.Author == nil {
		t.Errorf("a mention came as %+v", events)
	}
	own, _, err := w.client.CreatePost(ctx, access, xapi.Post{Text: "for a moment"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.DeletePost(ctx, access, own.ID); err != nil {
		t.Fatal(err)
	}
	events = w.took(t)
	if len(events) != 2 || events[0].Kind != xapi.Posted || events[1].Kind != xapi.Deleted || events[1].ID != own.ID {
		t.Errorf("a post and its end came as %+v", events)
	}
	if err := w.fake.RevokeUser(account); err != nil {
		t.Fatal(err)
	}
	if events = w.took(t); len(events) != 1 || events[0].Kind != xapi.Revoked || events[0].UserID != account {
		t.Errorf("the end of the permission came as %+v", events)
	}

	w.fake.InvalidateWebhooks()
	if hooks, err := w.client.Webhooks(ctx); err != nil || len(hooks) != 1 || hooks[0].Valid {
		t.Errorf("Webhooks = %+v, %v", hooks, err)
	}
	if err := w.client.ValidateWebhook(ctx, hook.ID); err != nil {
		t.Error(err)
	}
	if hooks, err := w.client.Webhooks(ctx); err != nil || len(hooks) != 1 || !hooks[0].Valid {
		t.Errorf("Webhooks = %+v, %v", hooks, err)
	}
	if err := w.client.DeleteSubscription(ctx, list[0].ID); err != nil {
		t.Error(err)
	}
	if err := w.client.DeleteWebhook(ctx, hook.ID); err != nil {
		t.Error(err)
	}
}

// png is the smallest picture there is.
func png() []byte {
	return []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82")
}

func TestFakeMedia(t *testing.T) {
	w := newWorld(t)
	ctx, access := t.Context(), w.token.AccessToken
	upload := func(m xapi.Media, data string) string {
		t.Helper()
		m.Size = int64(len(data))
		id, err := w.client.UploadMedia(ctx, access, strings.NewReader(data), m)
		if err != nil {
			t.Fatalf("UploadMedia %+v: %v", m, err)
		}
		return id
	}
	picture := upload(xapi.Media{Type: "image/png", AltText: "a dot"}, string(png()))
	if _, _, err := w.client.CreatePost(ctx, access, xapi.Post{MediaIDs: []string{picture}}); err != nil {
		t.Errorf("a post of a picture: %v", err)
	}
	video := upload(xapi.Media{Type: "video/mp4", Category: xapi.DMVideo}, strings.Repeat("v", 3<<19))
	if _, _, err := w.client.SendDM(ctx, access, customer, xapi.DM{Text: "see", MediaID: video}); err != nil {
		t.Errorf("a message with a video: %v", err)
	}
	_, _, err := w.client.SendDM(ctx, access, customer, xapi.DM{MediaID: picture})
	wantCode(t, "a post's picture in a message", err, xapi.CodeBadMedia)
	_, _, err = w.client.CreatePost(ctx, access, xapi.Post{Text: "x", MediaIDs: []string{"12345"}})
	wantCode(t, "no such media", err, xapi.CodeBadMedia)
}
