package slackfake

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// slack-go's own client reads what the fake answers.
func TestWebClient(t *testing.T) {
	_, web := start(t, Options{})
	api, ctx := client(web), t.Context()
	if a, err := api.AuthTestContext(ctx); err != nil || a.UserID != "U0PERCHBOT" || a.BotID != "B0PERCH" {
		t.Errorf("auth.test = %+v, %v", a, err)
	}
	_, ts, err := api.PostMessageContext(ctx, "C0SUPPORT", slack.MsgOptionText("root", false),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "perch", EventPayload: map[string]any{"key": "k1"}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := api.PostMessageContext(ctx, "C0SUPPORT", slack.MsgOptionText("reply", false), slack.MsgOptionTS(ts)); err != nil {
		t.Fatal(err)
	}
	ms, more, _, err := api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: "C0SUPPORT", Timestamp: ts, IncludeAllMetadata: true})
	if err != nil || more || len(ms) != 2 || ms[0].ReplyCount != 1 || ms[0].Metadata.EventPayload["key"] != "k1" || ms[1].ThreadTimestamp != ts {
		t.Errorf("replies = %+v, %v", ms, err)
	}
	if err := api.AddReactionContext(ctx, "eyes", slack.NewRefToMessage("C0SUPPORT", ts)); err != nil {
		t.Error(err)
	}
	if u, err := api.GetUserByEmailContext(ctx, "ada@acme.test"); err != nil || u.ID != "U0ADA" || u.Profile.RealName != "Ada Lovelace" {
		t.Errorf("lookupByEmail = %+v, %v", u, err)
	}
	c, err := api.CreateConversationContext(ctx, slack.CreateConversationParams{ChannelName: "inc-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.InviteUsersToConversationContext(ctx, c.ID, "U0ADA"); err != nil {
		t.Error(err)
	}
	f, err := api.UploadFileContext(ctx, slack.UploadFileParameters{Filename: "a.png", FileSize: 3, Reader: strings.NewReader("abc"), Channel: "C0SUPPORT", ThreadTimestamp: ts})
	if err != nil || f.ID == "" {
		t.Errorf("upload = %+v, %v", f, err)
	}
	var se *slack.SlackErrorResponse
	_, _, err = api.PostMessageContext(ctx, "C0NONE", slack.MsgOptionText("x", false))
	if err == nil || err.Error() != "channel_not_found" && !errors.As(err, &se) {
		t.Errorf("post to nowhere: %v", err)
	}
}

func TestScopes(t *testing.T) {
	s, web := start(t, Options{Scopes: []string{"chat:write", "groups:history"}})
	o := bot(t, web, "reactions.add", `{}`)
	if o["error"] != "missing_scope" || o["needed"] != "reactions:write" || o["provided"] != "chat:write,groups:history" {
		t.Errorf("reactions.add = %v", o)
	}
	o = form(t, web.URL, "conversations.history", url.Values{"channel": {"C0SUPPORT"}}, "xoxb-perch-bot")
	if o["error"] != "missing_scope" || o["needed"] != "channels:history" {
		t.Errorf("history of a public channel = %v, want channels:history needed", o)
	}
	if _, err := s.PersonSays("ada", "support", "x"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Deliveries()); n != 0 {
		t.Errorf("%d events without the scope to hear them", n)
	}
}

func form(t *testing.T, base, method string, v url.Values, header string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/"+method, strings.NewReader(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if header != "" {
		req.Header.Set("Authorization", "Bearer "+header)
	}
	return do(t, req)
}

func TestTokenPlaces(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		s, web := start(t, Options{RefuseBodyTokens: refuse})
		o := form(t, web.URL, "auth.test", url.Values{"token": {"xoxb-perch-bot"}}, "")
		if (o["ok"] == true) == refuse {
			t.Errorf("refuse %v: a token in the body gives %v", refuse, o)
		}
		form(t, web.URL, "auth.test", nil, "xoxb-perch-bot")
		cs := s.Calls("auth.test")
		if len(cs) != 2 || cs[0].TokenIn != "body" || cs[1].TokenIn != "header" {
			t.Errorf("calls = %+v, want a token in the body, then one in the header", cs)
		}
		if cs[0].Args["token"] != nil {
			t.Error("a token is in the log")
		}
	}
}

func TestFaults(t *testing.T) {
	s, web := start(t, Options{})
	post := func() (map[string]any, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/api/chat.postMessage", strings.NewReader(`{"channel":"C0SUPPORT","text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		req.Header.Set("Authorization", "Bearer xoxb-perch-bot")
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		return map[string]any{"status": res.StatusCode}, nil
	}
	for _, tt := range []struct {
		name   string
		f      Fault
		status any // nil: the connection is cut
		posts  int
	}{
		{"plain", Fault{Method: "chat.postMessage"}, 503, 0},
		{"effect, then 500", Fault{Effect: true, Status: 500}, 500, 1},
		{"internal_error in a 200", Fault{Error: "internal_error"}, 200, 0},
		{"cut before", Fault{Drop: DropBefore}, nil, 0},
		{"cut after", Fault{Drop: DropAfter}, nil, 1},
		{"slow", Fault{Delay: time.Millisecond}, 200, 1},
		{"another method", Fault{Method: "chat.update"}, 200, 1},
	} {
		s.ClearFaults()
		before := len(s.Messages("support"))
		s.AddFault(tt.f)
		o, err := post()
		if (err != nil) != (tt.status == nil) || err == nil && o["status"] != tt.status {
			t.Errorf("%s: %v, %v, want status %v", tt.name, o, err, tt.status)
		}
		within(t, s, tt.name, func() bool { return len(s.Messages("support"))-before == tt.posts })
		if tt.f.Method != "chat.update" {
			if o, err := post(); err != nil || o["status"] != 200 {
				t.Errorf("%s strikes twice: %v, %v", tt.name, o, err)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	clock := NewClock(time.Unix(1_800_000_000, 0))
	s, web := start(t, Options{Clock: clock})
	s.Limits(true)
	post := func() (int, string) {
		status, h, _ := ask(t, web, "xoxb-perch-bot", "chat.postMessage", `{"channel":"C0SUPPORT","text":"x"}`)
		return status, h.Get("Retry-After")
	}
	for range postBurst {
		if st, _ := post(); st != 200 {
			t.Fatalf("a short burst is limited: %d", st)
		}
	}
	if st, after := post(); st != 429 || after != "1" {
		t.Errorf("status %d, Retry-After %q, want 429 and 1", st, after)
	}
	clock.Advance(time.Second)
	if st, _ := post(); st != 200 {
		t.Errorf("after a second: %d", st)
	}
	s.SetLimit("auth.test", 1)
	s.OmitRetryAfter(true)
	for i, want := range []int{200, 429} {
		st, h, o := ask(t, web, "xoxb-perch-bot", "auth.test", "")
		if st != want || h.Get("Retry-After") != "" || want == 429 && o["error"] != "ratelimited" {
			t.Errorf("call %d: %d %v %v", i, st, h, o)
		}
	}
}

func TestResponseURLExpires(t *testing.T) {
	clock := NewClock(time.Unix(1_800_000_000, 0))
	s, _ := start(t, Options{Clock: clock})
	d := s.Command("ada", "support", "/twitter", "")
	clock.Advance(30 * time.Minute)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.ResponseURL, strings.NewReader(`{"text":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if o := do(t, req); o["error"] != "expired_url" {
		t.Errorf("after half an hour: %v, want expired_url", o)
	}
}

// What a person reads, whom it tells, and what they could follow.
func TestShown(t *testing.T) {
	s, web := start(t, Options{})
	group := s.AddUserGroup("support-oncall", "On call", "rio")
	tests := []struct {
		name, body, shown string
		notifies, links   []string
	}{
		{"raw mention", `{"text":"<!channel> <@U0ADA> <!subteam^` + group + `>"}`, "@channel @ada @support-oncall", []string{"@channel", "U0ADA", group}, nil},
		{"escaped mention", `{"text":"&lt;!channel&gt; &amp;lt;"}`, "<!channel> &lt;", nil, nil},
		{"link that lies", `{"text":"<https://evil.test|https://bank.test>"}`, "https://bank.test (https://evil.test)", nil, []string{"https://evil.test"}},
		{"rich text is never parsed", `{"text":"f","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"<!here> *x*"}]}]}]}`, "<!here> *x*", nil, nil},
		{"plain text is never parsed", `{"text":"f","blocks":[{"type":"header","text":{"type":"plain_text","text":"<!here>"}}]}`, "<!here>", nil, nil},
		{"mrkdwn is", `{"text":"f","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"<!here>"}}]}`, "@here", []string{"@here"}, nil},
	}
	for _, tt := range tests {
		o := bot(t, web, "chat.postMessage", `{"channel":"C0SUPPORT",`+tt.body[1:])
		if o["ok"] != true {
			t.Fatalf("%s: %v", tt.name, o)
		}
		ms := s.Messages("support")
		m := ms[len(ms)-1]
		if m.Shown != tt.shown || !slices.Equal(m.Notifies, tt.notifies) || !slices.Equal(m.Links, tt.links) {
			t.Errorf("%s: shown %q, notifies %q, links %q; want %q, %q, %q", tt.name, m.Shown, m.Notifies, m.Links, tt.shown, tt.notifies, tt.links)
		}
	}
}

func TestUpdateWithoutBlocks(t *testing.T) {
	s, web := start(t, Options{})
	ts := bot(t, web, "chat.postMessage", `{"channel":"C0SUPPORT","text":"a","blocks":[{"type":"divider"}]}`)["ts"].(string)
	for _, tt := range []struct {
		args   string
		blocks bool
	}{
		{`"metadata":{"event_type":"e","event_payload":{}}`, true},
		{`"text":"b"`, false},
	} {
		o := bot(t, web, "chat.update", `{"channel":"C0SUPPORT","ts":"`+ts+`",`+tt.args+`}`)
		if o["ok"] != true {
			t.Errorf("update with %s: %v", tt.args, o)
		}
		if m := s.Messages("support")[0]; (len(m.Blocks) > 0) != tt.blocks {
			t.Errorf("update with %s: blocks %s, want any: %v", tt.args, m.Blocks, tt.blocks)
		}
	}
}

func TestTombstone(t *testing.T) {
	s, web := start(t, Options{})
	ts := bot(t, web, "chat.postMessage", `{"channel":"C0SUPPORT","text":"root"}`)["ts"].(string)
	if _, err := s.PersonSays("ada", "support", "reply", ts); err != nil {
		t.Fatal(err)
	}
	if err := s.AdminDeletes("support", ts); err != nil {
		t.Fatal(err)
	}
	o := bot(t, web, "chat.postMessage", `{"channel":"C0SUPPORT","text":"late","thread_ts":"`+ts+`"}`)
	m, _ := o["message"].(map[string]any)
	if o["ok"] != true || m["thread_ts"] != nil {
		t.Errorf("a reply to a deleted parent = %v, want it in the channel", o)
	}
	if o := bot(t, web, "chat.update", `{"channel":"C0SUPPORT","ts":"`+ts+`","text":"x"}`); o["error"] != "message_not_found" {
		t.Errorf("update of a deleted parent: %v", o)
	}
}

func TestUninstall(t *testing.T) {
	s, web := start(t, Options{})
	s.Uninstall("T0ACME")
	if o := bot(t, web, "auth.test", ""); o["error"] != "account_inactive" {
		t.Errorf("after the uninstall: %v, want account_inactive", o)
	}
	var kinds []string
	for _, d := range s.Deliveries() {
		kinds = append(kinds, d.EventType())
	}
	if want := []string{"tokens_revoked", "app_uninstalled"}; !slices.Equal(kinds, want) {
		t.Errorf("events %q, want %q", kinds, want)
	}
}

// Two workspaces see nothing of each other.
func TestTeams(t *testing.T) {
	s, web := start(t, Options{})
	s.AddTeam("T0BETA", "Beta")
	s.AddUser(User{Team: "T0BETA", Name: "bea"})
	s.AddChannel(Channel{ID: "C0BETA", Team: "T0BETA", Name: "support", Members: []string{"U0BETABOT", "U0BEA"}})
	v := url.Values{"client_id": {"client-id"}, "client_secret": {"client-secret"}, "code": {s.InstallCode("T0BETA", "")}}
	o := form(t, web.URL, "oauth.v2.access", v, "")
	token, _ := o["access_token"].(string)
	if token == "" || token == "xoxb-perch-bot" {
		t.Fatalf("oauth.v2.access = %v", o)
	}
	if o := bot(t, web, "chat.postMessage", `{"channel":"C0BETA","text":"x"}`); o["error"] != "channel_not_found" {
		t.Errorf("Acme's token writes to Beta: %v", o)
	}
	if _, _, o := ask(t, web, token, "chat.postMessage", `{"channel":"C0BETA","text":"x"}`); o["ok"] != true {
		t.Errorf("Beta's own token: %v", o)
	}
}

func do(t *testing.T, req *http.Request) map[string]any {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var o map[string]any
	if err := json.NewDecoder(res.Body).Decode(&o); err != nil {
		t.Fatalf("%s: status %d: %v", req.URL.Path, res.StatusCode, err)
	}
	return o
}
