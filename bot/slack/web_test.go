package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// script answers each method with its answers in turn, the last one for ever,
// and remembers what was asked.
type script struct {
	mu      sync.Mutex
	answers map[string][]string
	header  http.Header
	asked   []string
	args    []url.Values
	bodies  []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	v, _ := url.ParseQuery(string(body))
	s.asked, s.args, s.bodies = append(s.asked, method), append(s.args, v), append(s.bodies, string(body))
	maps.Copy(w.Header(), s.header)
	a := s.answers[method]
	if len(a) == 0 {
		if method == "auth.test" {
			a = []string{`{"ok":true,"team_id":"T1","user_id":"UBOT","bot_id":"BBOT","user":"perch"}`}
		} else {
			a = []string{`{"ok":false,"error":"unknown_method"}`}
		}
	}
	if len(a) > 1 {
		s.answers[method] = a[1:]
	}
	_, _ = io.WriteString(w, a[0])
}

// last is what a method was asked last.
func (s *script) last(t *testing.T, method string) url.Values {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range slices.Backward(s.asked) {
		if m == method {
			return s.args[i]
		}
	}
	t.Fatalf("%s was not called: %v", method, s.asked)
	return nil
}

func (s *script) count(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.asked {
		if m == method {
			n++
		}
	}
	return n
}

const okPost = `{"ok":true,"channel":"C1","ts":"17.5","message":{"thread_ts":"17.1"}}`

func TestPostSendsAMarkedMessage(t *testing.T) {
	s := &script{answers: map[string][]string{"chat.postMessage": {okPost}}, header: http.Header{"X-Oauth-Scopes": {"chat:write,chat:write.customize"}}}
	a := testAPI(t, s.ServeHTTP)
	ref, err := a.Post(t.Context(), bot.Message{Channel: "slack:C1", Thread: "slack:C1:17.1", Key: "desk:m:1", Text: "<!channel>", Author: &bot.Author{Name: "Casey <b>", Handle: "casey", AvatarURL: "https://pbs.example/a.png"}})
	if err != nil || ref != "slack:C1:17.5" {
		t.Fatalf("Post = %q, %v", ref, err)
	}
	got := s.last(t, "chat.postMessage")
	for k, want := range map[string]string{
		"channel": "C1", "thread_ts": "17.1", "text": "&lt;!channel&gt;", "unfurl_links": "false", "unfurl_media": "false", "link_names": "false", "parse": "none",
		"username": "Casey &lt;b&gt; (@casey)", "icon_url": "https://pbs.example/a.png", "metadata": `{"event_payload":{"key":"desk:m:1"},"event_type":"perch_action"}`, "token": "",
	} {
		if got.Get(k) != want {
			t.Errorf("%s = %q, want %q", k, got.Get(k), want)
		}
	}
}

func TestPostWithoutTheScopeNamesTheAuthorInALine(t *testing.T) {
	s := &script{answers: map[string][]string{"chat.postMessage": {okPost}}, header: http.Header{"X-Oauth-Scopes": {"chat:write"}}}
	a := testAPI(t, s.ServeHTTP)
	if _, err := a.Post(t.Context(), bot.Message{Channel: "slack:C1", Text: "hi", Author: &bot.Author{Name: "Casey"}}); err != nil {
		t.Fatal(err)
	}
	got := s.last(t, "chat.postMessage")
	if got.Has("username") || got.Has("icon_url") || !strings.Contains(got.Get("blocks"), "Casey") || got.Get("text") != "Casey: hi" {
		t.Errorf("sent %v", got)
	}
}

func TestAnAnswerOutsideOfItsThreadIsTakenBack(t *testing.T) {
	s := &script{answers: map[string][]string{"chat.postMessage": {`{"ok":true,"channel":"C1","ts":"17.5","message":{}}`}, "chat.delete": {`{"ok":true}`}}}
	a := testAPI(t, s.ServeHTTP)
	_, err := a.Post(t.Context(), bot.Message{Channel: "slack:C1", Thread: "slack:C1:17.1", Text: "x"})
	if code(err) != "thread_not_found" {
		t.Errorf("Post = %v, want thread_not_found", err)
	}
	if got := s.last(t, "chat.delete"); got.Get("ts") != "17.5" {
		t.Errorf("deleted %v", got)
	}
	s.answers["chat.delete"] = []string{`{"ok":false,"error":"cant_delete_message"}`}
	if _, err := a.Post(t.Context(), bot.Message{Channel: "slack:C1", Thread: "slack:C1:17.1", Text: "x"}); err == nil || code(err) != "" {
		t.Errorf("Post = %v, want an unknown outcome: the message is there", err)
	}
}

func TestPostRepeatsOnlyWhatHadNoEffect(t *testing.T) {
	s := &script{answers: map[string][]string{
		"chat.postMessage":   {`{"ok":false,"error":"not_in_channel"}`, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["downloading image failed"]}}`, okPost},
		"conversations.join": {`{"ok":true}`},
	}}
	a := testAPI(t, s.ServeHTTP)
	m := bot.Message{Channel: "slack:C1", Text: "x", Blocks: []bot.Block{{Kind: bot.BlockImage, Image: &bot.Image{URL: "https://pbs.example/a.png", Alt: "a cat"}}}}
	if _, err := a.Post(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := s.last(t, "chat.postMessage").Get("blocks"); strings.Contains(got, `"type":"image"`) || !strings.Contains(got, "a cat") {
		t.Errorf("the last try has %s, want a link in place of the picture", got)
	}
}

func TestWhisperPrefersTheEventsOwnAddress(t *testing.T) {
	s := &script{answers: map[string][]string{"respond": {"ok"}, "chat.postEphemeral": {`{"ok":true,"message_ts":"18.1"}`}}}
	a := testAPI(t, s.ServeHTTP)
	m := bot.Message{Channel: "slack:C1", Thread: "slack:C1:17.1", Only: "slack:U1", Text: "only <you>", Respond: strings.TrimSuffix(a.web.base, "api/") + "respond"}
	ref, err := a.Post(t.Context(), m)
	if at, ok := a.refs.messageID(ref); err != nil || !ok || !at.only {
		t.Fatalf("Post = %q, %v", ref, err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(s.bodies[len(s.bodies)-1]), &body); err != nil {
		t.Fatal(err)
	}
	if body["response_type"] != "ephemeral" || body["replace_original"] != false || body["thread_ts"] != "17.1" || body["text"] != "only &lt;you&gt;" ||
		body["unfurl_links"] != false || body["unfurl_media"] != false {
		t.Errorf("answered %v", body)
	}
	if err := a.Edit(t.Context(), ref, bot.Message{Text: "x"}); code(err) != "ephemeral" {
		t.Errorf("Edit without an address = %v", err)
	}
	if err := a.Edit(t.Context(), ref, m); err != nil || !strings.Contains(s.bodies[len(s.bodies)-1], `"replace_original":true`) {
		t.Errorf("Edit = %v", err)
	}

	// An address that has ended, and one that is not Slack's.
	for _, respond := range []string{"gone", "https://evil.example/x", "http://169.254.169.254/"} {
		s.answers["gone"] = []string{`{"ok":false,"error":"used_url"}`}
		m.Respond = respond
		if respond == "gone" {
			m.Respond = strings.TrimSuffix(a.web.base, "api/") + respond
		}
		n := s.count("chat.postEphemeral")
		if ref, err := a.Post(t.Context(), m); err != nil || ref != "slack:C1:only-18.1" || s.count("chat.postEphemeral") != n+1 {
			t.Errorf("Post with %s = %q, %v", respond, ref, err)
		}
	}
	if got := s.last(t, "chat.postEphemeral"); got.Get("user") != "U1" || got.Get("thread_ts") != "17.1" || got.Get("channel") != "C1" {
		t.Errorf("posted %v", got)
	}
}

// Events are stored, and what they hold must not make Perch call anybody else.
func TestOnlySlacksAddressesAreAnswered(t *testing.T) {
	a := &Adapter{web: newClient(nil, "")}
	for address, want := range map[string]bool{
		"https://hooks.slack.com/commands/T1/2/x":     true,
		"https://hooks.slack-gov.com/commands/T1/2/x": true,
		"https://slack.com/api/x":                     true,
		"http://hooks.slack.com/x":                    false,
		"https://hooks.slack.com.evil.example/x":      false,
		"https://me@hooks.slack.com/x":                false,
		"https://evil.example/x":                      false,
		"http://169.254.169.254/":                     false,
		"":                                            false,
	} {
		if got := a.mayRespond(address); got != want {
			t.Errorf("%s is answered: %t, want %t", address, got, want)
		}
	}
}

// A wait that Slack doesn't name, or names absurdly, is bounded both ways.
func TestLimited(t *testing.T) {
	for after, want := range map[string]int{"7": 7, "": 30, "soon": 30, "0": 30, "-5": 30, "999999": 3600} {
		e, ok := errors.AsType[*bot.Error](limited(http.Header{"Retry-After": {after}}))
		if !ok || !e.Temporary || e.RetryAfter != want {
			t.Errorf("Retry-After: %q: %+v, want %d s", after, e, want)
		}
	}
}

// A command works where Perch is not. If its answer comes late, it still comes.
func TestAWhisperThatNoChannelTakesIsADirectMessage(t *testing.T) {
	for _, why := range []string{"not_in_channel", "user_not_in_channel", "channel_not_found", "is_archived"} {
		s := &script{answers: map[string][]string{
			"gone":               {`{"ok":false,"error":"expired_url"}`},
			"chat.postEphemeral": {`{"ok":false,"error":"` + why + `"}`}, "chat.postMessage": {`{"ok":true,"channel":"D1","ts":"19.1"}`},
		}}
		a := testAPI(t, s.ServeHTTP)
		ref, err := a.Post(t.Context(), bot.Message{
			Channel: "slack:C1", Thread: "slack:C1:17.1", Only: "slack:U1", Text: "the answer", Key: "k", Respond: strings.TrimSuffix(a.web.base, "api/") + "gone",
		})
		if err != nil || ref != "slack:D1:19.1" {
			t.Fatalf("%s: Post = %q, %v", why, ref, err)
		}
		if got := s.last(t, "chat.postMessage"); got.Get("channel") != "U1" || got.Has("thread_ts") || got.Get("text") != "the answer" || !strings.Contains(got.Get("metadata"), `"k"`) {
			t.Errorf("%s: posted %v", why, got)
		}
	}
	s := &script{answers: map[string][]string{"chat.postEphemeral": {`{"ok":false,"error":"user_not_found"}`}}}
	if _, err := testAPI(t, s.ServeHTTP).Post(t.Context(), bot.Message{Channel: "slack:C1", Only: "slack:U1", Text: "x"}); code(err) != "user_not_found" || s.count("chat.postMessage") != 0 {
		t.Errorf("of nobody: %v", err)
	}
}

func TestWhatIsThereAlreadyIsNoError(t *testing.T) {
	s := &script{answers: map[string][]string{
		"reactions.add": {`{"ok":false,"error":"already_reacted"}`}, "reactions.remove": {`{"ok":false,"error":"no_reaction"}`}, "chat.delete": {`{"ok":false,"error":"message_not_found"}`},
	}}
	a := testAPI(t, s.ServeHTTP)
	err := errors.Join(a.React(t.Context(), "slack:C1:1.1", "eyes", true), a.React(t.Context(), "slack:C1:1.1", "eyes", false), a.Delete(t.Context(), "slack:C1:1.1"))
	if err != nil {
		t.Error(err)
	}
}

func TestFindMessage(t *testing.T) {
	page := func(key, cursor string) string {
		return fmt.Sprintf(`{"ok":true,"messages":[{"ts":"1.1","blocks":"NaN"},{"ts":"1.2","metadata":{"event_type":"perch_action","event_payload":{"key":%q}}}],"has_more":%v,"response_metadata":{"next_cursor":%q}}`, key, cursor != "", cursor)
	}
	s := &script{answers: map[string][]string{"conversations.history": {page("a", "next"), page("b", "")}, "conversations.replies": {`{"ok":false,"error":"thread_not_found"}`}}}
	a := testAPI(t, s.ServeHTTP)
	if ref, err := a.FindMessage(t.Context(), bot.Message{Channel: "slack:C1", Key: "b"}); err != nil || ref != "slack:C1:1.2" {
		t.Errorf("FindMessage = %q, %v", ref, err)
	}
	if got := s.last(t, "conversations.history"); got.Get("cursor") != "next" || got.Get("include_all_metadata") != "true" {
		t.Errorf("asked %v", got)
	}
	for _, m := range []bot.Message{{Channel: "slack:C1", Key: "none"}, {Channel: "slack:C1"}, {Channel: "slack:C1", Thread: "slack:C1:9.9", Key: "b"}, {Channel: "slack:C1", Only: "slack:U1", Key: "b"}} {
		if _, err := a.FindMessage(t.Context(), m); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("FindMessage(%+v) = %v, want ErrNotFound", m, err)
		}
	}
	s.answers["conversations.history"] = []string{page("a", "more")}
	if _, err := a.FindMessage(t.Context(), bot.Message{Channel: "slack:C1", Key: "b"}); err == nil || errors.Is(err, bot.ErrNotFound) {
		t.Errorf("FindMessage in a long history = %v, want neither an answer nor its absence", err)
	}
}

func TestEnsureChannelFindsWhatIsThere(t *testing.T) {
	s := &script{answers: map[string][]string{
		"conversations.create": {`{"ok":false,"error":"name_taken"}`},
		"conversations.list":   {`{"ok":true,"channels":[{"id":"C7","name":"other"}],"response_metadata":{"next_cursor":"n"}}`, `{"ok":true,"channels":[{"id":"C8","name":"inc-4-checkout"},{"id":"C9","name":"old","is_archived":true}]}`},
		"conversations.join":   {`{"ok":true}`},
	}}
	a := testAPI(t, s.ServeHTTP)
	if ref, err := a.EnsureChannel(t.Context(), "INC 4: checkout!", "x", false); err != nil || ref != "slack:C8" {
		t.Errorf("EnsureChannel = %q, %v", ref, err)
	}
	if got := s.last(t, "conversations.join"); got.Get("channel") != "C8" {
		t.Errorf("joined %v", got)
	}
	for name, want := range map[string]string{"old": "is_archived", "hidden": "name_taken", "!!!": "invalid_name"} {
		if _, err := a.EnsureChannel(t.Context(), name, "", false); code(err) != want {
			t.Errorf("EnsureChannel(%q) = %v, want %s", name, err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		answer    string
		code      string // "" is an unknown outcome
		temporary bool
		says      string
	}{
		{`{"ok":false,"error":"channel_not_found"}`, "channel_not_found", false, "invite"},
		{`{"ok":false,"error":"missing_scope","needed":"reactions:write","provided":"chat:write"}`, "missing_scope", false, "reactions:write"},
		{`{"ok":false,"error":"ratelimited"}`, "ratelimited", true, "slow down"},
		{`{"ok":false,"error":"invalid_auth"}`, "invalid_auth", false, "token"},
		{`{"ok":false,"error":"service_unavailable"}`, "service_unavailable", true, "tries again"},
		{`{"ok":false,"error":"from_the_future"}`, "from_the_future", false, "from_the_future"},
		{`{"ok":false,"error":"fatal_error"}`, "", false, ""},
		{`{"ok":false,"error":"internal_error"}`, "", false, ""},
		{`{"ok":false}`, "", false, ""},
		{`<html>`, "", false, ""},
		{`{"ok":true,"ts":17}`, "", false, ""},
		{``, "", false, ""},
	}
	for _, tt := range tests {
		s := &script{answers: map[string][]string{"chat.postMessage": {tt.answer}}}
		a := testAPI(t, s.ServeHTTP)
		_, err := a.Post(t.Context(), bot.Message{Channel: "slack:C1", Text: "x"})
		if err == nil || code(err) != tt.code {
			t.Errorf("%s: error %v, want code %q", tt.answer, err, tt.code)
			continue
		}
		if e, ok := errors.AsType[*bot.Error](err); ok && (e.Temporary != tt.temporary || !strings.Contains(e.Message, tt.says)) {
			t.Errorf("%s: %+v", tt.answer, e)
		}
	}
}

func TestStatusTable(t *testing.T) {
	for status := 200; status < 600; status++ {
		if http.StatusText(status) == "" {
			continue
		}
		var seen []string
		a := testAPI(t, func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.URL.Path+" "+r.Header.Get("Authorization"))
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"ok":true}`)
		})
		_, err := a.web.call(t.Context(), testToken, "chat.postMessage", values("text", "x"), nil)
		e, known := errors.AsType[*bot.Error](err)
		switch {
		case status == http.StatusTooManyRequests:
			if !known || !e.Temporary || e.RetryAfter != 7 {
				t.Errorf("%d: %+v", status, err)
			}
		case status >= 500, status == http.StatusNoContent:
			if err == nil || known {
				t.Errorf("%d: error %v, want an unknown outcome", status, err)
			}
		case status >= 300:
			if !known || e.Temporary {
				t.Errorf("%d: error %v, want a refusal", status, err)
			}
		case err != nil:
			t.Errorf("%d: %v", status, err)
		}
		if len(seen) != 1 || seen[0] != "/api/chat.postMessage Bearer "+testToken {
			t.Errorf("%d: asked %q", status, seen)
		}
		if err != nil && strings.Contains(fmt.Sprintf("%+v", err), "xoxb") {
			t.Errorf("%d: the error has the token: %v", status, err)
		}
	}
}

func TestTransportErrors(t *testing.T) {
	a := testAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	if _, err := a.web.call(t.Context(), testToken, "chat.postMessage", nil, nil); err == nil || code(err) != "" {
		t.Errorf("a cut connection is %v, want an unknown outcome", err)
	}
	a.web.base = "http://127.0.0.1:1/"
	_, err := a.web.call(t.Context(), testToken, "chat.postMessage", nil, nil)
	if e, ok := errors.AsType[*bot.Error](err); !ok || !e.Temporary {
		t.Errorf("a refused connection is %v, want a temporary refusal", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = a.web.call(ctx, testToken, "chat.postMessage", nil, nil)
	if code(err) != "cancelled" || !errors.Is(err, context.Canceled) {
		t.Errorf("a call that never began is %v", err)
	}
}

func TestNewRefusesWhatCanNotWork(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing": {}, "swapped": {BotToken: testApp, AppToken: testToken}, "no app token": {BotToken: testToken}, "no secret": {BotToken: testToken, HTTPMode: true},
		"address": {BotToken: testToken, AppToken: testApp, APIURL: "slack.com"},
	} {
		_, err := New(o)
		if err == nil {
			t.Errorf("%s: New succeeded", name)
		} else if strings.Contains(err.Error(), "test-token") {
			t.Errorf("%s: the error has a token: %v", name, err)
		}
	}
}
