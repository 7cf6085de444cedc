package xfake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/xapi"
	"github.com/perch-chat/perch/xapi/xfake"
)

const scopes = "tweet.read tweet.write users.read dm.read dm.write media.write offline.access"

// side is Perch's client beside the fake it talks to.
type side struct {
	t  *testing.T
	x  *xfake.Server
	c  *xapi.Client
	in chan []xapi.Event // what the webhook decoded
	id string
}

func newSide(t *testing.T) *side {
	t.Helper()
	const callback = "https://perch.example/x/callback"
	x := xfake.New(xfake.Options{RedirectURLs: []string{callback}, AllowHTTPWebhooks: true})
	web := httptest.NewServer(x.Handler())
	t.Cleanup(func() {
		web.Close()
		_ = x.Close(t.Context()) // the test is over, whatever was under way
	})
	s := &side{t: t, x: x, in: make(chan []xapi.Event, 64)} // more than any test makes
	s.id = x.AddUser(xfake.User{Handle: "acme", Name: "Acme"}).ID
	x.AddUser(xfake.User{Handle: "kim", Name: "Kim"})
	s.c = xapi.New(xapi.Config{
		APIBase: web.URL, AuthorizeURL: web.URL + "/i/oauth2/authorize", ClientID: "client-id", ClientSecret: "client-secret",
		ConsumerKey: "consumer-key", ConsumerSecret: "consumer-secret", RedirectURL: callback,
		PollMin: time.Millisecond, PollMax: 50 * time.Millisecond,
	})
	return s
}

func (s *side) login() *xapi.Token {
	s.t.Helper()
	verifier := strings.Repeat("v", 50)
	to, err := s.x.Authorize(s.c.AuthCodeURL("state-1", verifier, strings.Split(scopes, " ")...), "acme", true)
	s.check(err)
	u, err := url.Parse(to)
	s.check(err)
	tok, err := s.c.Exchange(s.t.Context(), u.Query().Get("code"), verifier)
	s.check(err)
	return tok
}

func (s *side) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *side) kim() string {
	u, _ := s.x.User("kim")
	return u.ID
}

// wants checks that err is an X error of the code.
func (s *side) wants(err error, code xapi.Code) {
	s.t.Helper()
	if e := s.refusal(err, code); e.Message == "" {
		s.t.Errorf("%s has no sentence for people", code)
	}
}

func (s *side) refusal(err error, code xapi.Code) *xapi.Error {
	s.t.Helper()
	var xe *xapi.Error
	if !errors.As(err, &xe) || xe.Code != code {
		s.t.Fatalf("err = %v, want %s", err, code)
	}
	return xe
}

func TestClientAuthorizes(t *testing.T) {
	s := newSide(t)
	tok := s.login()
	me, err := s.c.Me(t.Context(), tok.AccessToken)
	s.check(err)
	if me.ID != s.id || me.Username != "acme" || me.Subscription != "None" {
		t.Errorf("Me = %+v", me)
	}
	next, err := s.c.Refresh(t.Context(), tok.RefreshToken)
	s.check(err)
	if _, err := s.c.Refresh(t.Context(), tok.RefreshToken); err == nil {
		t.Error("a spent refresh token = nil")
	} else {
		s.wants(err, xapi.CodeInvalidGrant)
	}
	_, err = s.c.Me(t.Context(), next.AccessToken)
	s.wants(err, xapi.CodeUnauthorized)
	tok = s.login()
	s.check(s.c.Revoke(t.Context(), tok.RefreshToken, "refresh_token"))
	s.check(s.c.Revoke(t.Context(), tok.AccessToken, "access_token"))
	if s.x.Connected("acme") {
		t.Error("connected after both tokens were revoked")
	}
}

func TestClientPosts(t *testing.T) {
	s := newSide(t)
	ctx, tok := t.Context(), s.login().AccessToken
	text := "Looking into it: https://status.example.com/42 & more"
	root, limits, err := s.c.CreatePost(ctx, tok, xapi.Post{Text: text})
	s.check(err)
	if limits.Limit != 100 || limits.Remaining != 99 {
		t.Errorf("limits = %+v, want 99 of 100", limits)
	}
	leaf, _, err := s.c.CreatePost(ctx, tok, xapi.Post{Text: "Fixed", ReplyTo: root.ID})
	s.check(err)
	posts, _, err := s.c.UserPosts(ctx, tok, s.id, "", 5)
	s.check(err)
	if len(posts.Posts) != 2 || posts.Posts[1].Text != text || posts.Posts[0].InReplyToID != root.ID {
		t.Errorf("UserPosts = %+v, want the two as they were written", posts.Posts)
	}
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: "Fixed"})
	s.wants(err, xapi.CodeDuplicate)
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: strings.Repeat("a", 281)})
	s.wants(err, xapi.CodeTooLong)
	plain, err := s.x.PostAs("kim", "nothing about you")
	s.check(err)
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: "Hi", ReplyTo: plain.ID})
	s.wants(err, xapi.CodeReplyNotAllowed)
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: "Hi", ReplyTo: "1"})
	s.wants(err, xapi.CodeReplyNotVisible)
	mention, err := s.x.MentionAs("kim", "@acme hello")
	s.check(err)
	got, _, err := s.c.Mentions(ctx, tok, s.id, xapi.PostsOptions{Max: 5})
	s.check(err)
	if len(got.Posts) != 1 || got.Posts[0].ID != mention.ID || got.Posts[0].Author == nil || got.Posts[0].Author.Username != "kim" {
		t.Errorf("Mentions = %+v", got.Posts)
	}
	_, err = s.c.DeletePost(ctx, tok, leaf.ID)
	s.check(err)
	if n := len(s.x.Thread(root.ID)); n != 1 {
		t.Errorf("%d posts in the thread, want 1", n)
	}
}

func TestClientKnowsWhatItCannotKnow(t *testing.T) {
	s := newSide(t)
	ctx, tok := t.Context(), s.login().AccessToken
	s.x.AddFault(xfake.Fault{Method: http.MethodPost, Path: "/2/tweets", Drop: xfake.DropAfter, Times: 1})
	_, _, err := s.c.CreatePost(ctx, tok, xapi.Post{Text: "Once"})
	var xe *xapi.Error
	if !errors.As(err, &xe) || !xe.Uncertain {
		t.Errorf("a lost answer = %v, want it uncertain", err)
	}
	if n := len(s.x.Posts("acme")); n != 1 {
		t.Errorf("%d posts, want the one whose answer was lost and no repeat", n)
	}
	s.x.SetCredits(false)
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: "Two"})
	if e := s.refusal(err, xapi.CodeNoCredits); e.Uncertain {
		t.Error("402 is uncertain")
	}
	s.x.SetCredits(true)
	s.x.SetLimit("POST /2/tweets", xfake.Limit{User: 1})
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: "Two"})
	s.check(err)
	_, _, err = s.c.CreatePost(ctx, tok, xapi.Post{Text: "Three"})
	if e := s.refusal(err, xapi.CodeRateLimited); e.Limits.Reset.IsZero() {
		t.Errorf("limits = %+v, want the time of the reset", e.Limits)
	}
	s.check(s.x.SetSuspended("acme", true))
	_, err = s.c.Me(ctx, tok)
	s.wants(err, xapi.CodeSuspended)
}

func TestClientMessages(t *testing.T) {
	s := newSide(t)
	ctx, tok := t.Context(), s.login().AccessToken
	d, err := s.x.SendDMAs("kim", "acme", "Look & see https://example.com/a", xfake.File{Name: "a.png", Type: "image/png", Data: []byte("\x89PNG")})
	s.check(err)
	sent, _, err := s.c.SendDM(ctx, tok, s.kim(), xapi.DM{Text: "Thanks"})
	s.check(err)
	page, _, err := s.c.DMEventsWith(ctx, tok, s.kim(), xapi.DMOptions{Max: 1})
	s.check(err)
	if len(page.Events) != 1 || page.Events[0].ID != sent.EventID || page.Next == "" {
		t.Fatalf("first page = %+v", page)
	}
	page, _, err = s.c.DMEventsWith(ctx, tok, s.kim(), xapi.DMOptions{Max: 1, Token: page.Next})
	s.check(err)
	ev := page.Events[0]
	if ev.ID != d.ID || ev.Text != "Look & see https://example.com/a" || ev.SenderID != s.kim() || len(ev.Media) != 1 {
		t.Fatalf("second page = %+v", ev)
	}
	f, _, err := s.c.DMMedia(ctx, tok, d.ID, d.MediaIDs[0], "a.png", 1<<20)
	s.check(err)
	if string(f.Data) != "\x89PNG" || f.Type != "image/png" {
		t.Errorf("file = %+v", f)
	}
	s.check(s.x.SetDMsClosed("kim", true))
	_, _, err = s.c.SendDM(ctx, tok, s.kim(), xapi.DM{Text: "More"})
	s.wants(err, xapi.CodeDMForbidden)
}

func TestClientUploads(t *testing.T) {
	s := newSide(t)
	ctx, tok := t.Context(), s.login().AccessToken
	for _, m := range []xapi.Media{
		{Type: "image/png", Category: xapi.TweetImage, Size: 8, AltText: "A dot"},
		{Type: "image/gif", Category: xapi.TweetGIF, Size: 6 << 20},
	} {
		data := bytes.Repeat([]byte{1}, int(m.Size))
		id, err := s.c.UploadMedia(ctx, tok, bytes.NewReader(data), m)
		if err != nil {
			t.Fatalf("upload %s: %v", m.Type, err)
		}
		if _, _, err := s.c.CreatePost(ctx, tok, xapi.Post{Text: m.Type, MediaIDs: []string{id}}); err != nil {
			t.Fatalf("post with %s: %v", m.Type, err)
		}
	}
	_, _, err := s.c.CreatePost(ctx, tok, xapi.Post{Text: "x", MediaIDs: []string{"1"}})
	s.wants(err, xapi.CodeBadMedia)
}

func TestClientReceivesEvents(t *testing.T) {
	s := newSide(t)
	ctx, tok := t.Context(), s.login().AccessToken
	var mu sync.Mutex
	var problems []string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			answer, err := xapi.CRCResponse("consumer-secret", r.URL.Query().Get("crc_token"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"response_token": answer})
			return
		}
		b, err := io.ReadAll(r.Body)
		if err == nil && !xapi.VerifySignature("consumer-secret", r.Header.Get("X-Twitter-Webhooks-Signature"), b) {
			err = errors.New("the signature is wrong")
		}
		var evs []xapi.Event
		if err == nil {
			evs, err = xapi.DecodeWebhook(b)
		}
		if err != nil {
			mu.Lock()
			problems = append(problems, err.Error()+": "+string(b))
			mu.Unlock()
		}
		s.in <- evs
	}))
	t.Cleanup(hook.Close)
	w, err := s.c.CreateWebhook(ctx, hook.URL)
	s.check(err)
	for shape, kind := range []string{
		xapi.EventDMReceived, xapi.EventDMSent, xapi.EventMention, xapi.EventPostDelete, xapi.EventChatReceived, xapi.EventRevoke,
	} {
		s.x.SetSubscriptionShape(xfake.SubscriptionShape(shape % 3))
		sub, err := s.c.Subscribe(ctx, tok, xapi.Subscription{EventType: kind, UserID: s.id, WebhookID: w.ID})
		if err != nil || sub.ID == "" || sub.EventType != kind {
			t.Fatalf("Subscribe %s = %+v, %v", kind, sub, err)
		}
	}
	subs, err := s.c.Subscriptions(ctx)
	s.check(err)
	if len(subs) != 6 {
		t.Errorf("%d subscriptions, want 6", len(subs))
	}
	for _, payload := range []xfake.Payload{xfake.PayloadXAA, xfake.PayloadAAA} {
		s.x.SetPayload(payload)
		if payload == xfake.PayloadAAA {
			tok = s.login().AccessToken
		}
		d, err := s.x.SendDMAs("kim", "acme", "Hi & <bye> https://example.com/b")
		s.check(err)
		_, err = s.x.NativeDM("acme", "kim", "Typed on x.com")
		s.check(err)
		_, err = s.x.MentionAs("kim", "@acme see https://example.com")
		s.check(err)
		made, _, err := s.c.CreatePost(ctx, tok, xapi.Post{Text: "gone soon " + string(rune('a'+int(payload)))})
		s.check(err)
		_, err = s.c.DeletePost(ctx, tok, made.ID)
		s.check(err)
		want := []xapi.Kind{xapi.DMReceived, xapi.DMSent, xapi.Mention, xapi.Deleted}
		if payload == xfake.PayloadXAA {
			_, err = s.x.SendEncryptedDMAs("kim", "acme", "secret")
			s.check(err)
			want = append(want, xapi.EncryptedChat)
		}
		s.check(s.x.RevokeUser("acme"))
		want = append(want, xapi.Revoked)

		wait, stop := context.WithTimeout(ctx, 20*time.Second)
		s.check(s.x.WaitDeliveries(wait))
		stop()
		var got []xapi.Kind
		for len(s.in) > 0 {
			for _, ev := range <-s.in {
				got = append(got, ev.Kind)
				if ev.Kind == xapi.DMReceived && (ev.ID != d.ID || ev.UserID != s.kim() || ev.Account != s.id || ev.DM.Text != "Hi & <bye> https://example.com/b") {
					t.Errorf("message = %+v %+v", ev, ev.DM)
				}
				if ev.Kind == xapi.Mention && ev.Post.Text != "@acme see https://example.com" {
					t.Errorf("mention = %+v", ev.Post)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("payload %d: events (-want +got):\n%s", payload, diff)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, p := range problems {
		t.Error(p)
	}
}
