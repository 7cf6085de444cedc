package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perch-chat/perch/bot"
)

const testToken, testApp, testSecret = "xoxb-test-token", "xapp-test-token", "signing-secret"

// testAPI is an adapter whose Web API answers as the handler does.
func testAPI(t *testing.T, h http.HandlerFunc) *Adapter {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	a, err := New(Options{BotToken: testToken, AppToken: testApp, SigningSecret: testSecret, APIURL: srv.URL + "/api"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// people answers users.info and conversations.info.
func people(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	name := map[string]string{"U1": "Ada", "U2": "Rio"}[r.Form.Get("user")]
	switch {
	case strings.HasSuffix(r.URL.Path, "users.info") && r.Form.Get("user") == "U8":
		_, _ = w.Write([]byte(`{"ok":true,"user":{"name":"eve","team_id":"T2"}}`))
	case strings.HasSuffix(r.URL.Path, "users.info") && r.Form.Get("user") == "U9":
		_, _ = w.Write([]byte(`{"ok":true,"user":{"name":"robot","team_id":"T1","is_bot":true}}`))
	case strings.HasSuffix(r.URL.Path, "users.info") && name != "":
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "user": map[string]any{"name": strings.ToLower(name), "profile": map[string]string{"display_name": name}}})
	case strings.HasSuffix(r.URL.Path, "conversations.info"):
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "channel": map[string]string{"id": r.Form.Get("channel"), "name": "support"}})
	default:
		_, _ = w.Write([]byte(`{"ok":false,"error":"user_not_found"}`))
	}
}

func testIdentity() identity { return identity{Team: "T1", User: "UBOT", Bot: "BBOT", Name: "perch"} }

func event(inner string) string { return `{"event_id":"Ev1","team_id":"T1","event":` + inner + `}` }

func TestDecode(t *testing.T) {
	ada, rio := bot.User{Ref: "slack:U1", Name: "Ada", Handle: "ada"}, bot.User{Ref: "slack:U2", Name: "Rio", Handle: "rio"}
	at := time.Unix(1700000000, 100000).UTC()
	const ts = `"1700000000.000100"`
	const ref = bot.MessageRef("slack:C1:1700000000.000100")
	tests := []struct {
		name, kind, payload string
		want                []bot.Event
	}{
		{
			"message", kindEvent, event(`{"type":"message","channel":"C1","channel_type":"channel","user":"U1","text":"hi &lt;b&gt; <@U2> in <#C9>","ts":` + ts + `}`),
			[]bot.Event{{ID: "msg:C1:1700000000.000100", Kind: bot.EventMessage, At: at, User: ada, Channel: "slack:C1", Message: ref, Text: "hi <b> @Rio in #support", Names: []bot.Named{{Text: "@Rio", User: "slack:U2"}, {Text: "#support", Channel: "slack:C9"}}}},
		},
		{
			"answer with a file", kindEvent, event(`{"type":"message","subtype":"file_share","channel":"C1","user":"U1","text":"","ts":` + ts + `,"thread_ts":"1600000000.000001","files":[{"id":"F1","name":"a.png","mimetype":"image/png","size":7,"url_private_download":"https://files.slack.com/a"}]}`),
			[]bot.Event{{ID: "msg:C1:1700000000.000100", Kind: bot.EventMessage, At: at, User: ada, Channel: "slack:C1", Message: ref, Thread: "slack:C1:1600000000.000001", Files: []bot.File{{ID: "F1", Name: "a.png", Type: "image/png", Size: 7, URL: "https://files.slack.com/a"}}}},
		},
		{
			"root with answers", kindEvent, event(`{"type":"message","channel":"C1","user":"U1","text":"x","ts":` + ts + `,"thread_ts":` + ts + `}`),
			[]bot.Event{{ID: "msg:C1:1700000000.000100", Kind: bot.EventMessage, At: at, User: ada, Channel: "slack:C1", Message: ref, Text: "x"}},
		},
		{
			"mention as message", kindEvent, event(`{"type":"message","channel":"C1","user":"U1","text":"<@UBOT> incident new <@U2>","ts":` + ts + `}`),
			[]bot.Event{{ID: "msg:C1:1700000000.000100", Kind: bot.EventCommand, At: at, User: ada, Channel: "slack:C1", Message: ref, Command: "/incident", Text: "new @Rio", Names: []bot.Named{{Text: "@Rio", User: "slack:U2"}}}},
		},
		{
			"the same as app_mention", kindEvent, event(`{"type":"app_mention","channel":"C1","user":"U1","text":"<@UBOT|perch>: incident new <@U2>","ts":` + ts + `}`),
			[]bot.Event{{ID: "msg:C1:1700000000.000100", Kind: bot.EventCommand, At: at, User: ada, Channel: "slack:C1", Message: ref, Command: "/incident", Text: "new @Rio", Names: []bot.Named{{Text: "@Rio", User: "slack:U2"}}}},
		},
		{"app_mention in the middle", kindEvent, event(`{"type":"app_mention","channel":"C1","user":"U1","text":"ask <@UBOT>","ts":` + ts + `}`), nil},
		{
			"direct message", kindEvent, event(`{"type":"message","channel":"D1","channel_type":"im","user":"U1","text":"help","ts":` + ts + `}`),
			[]bot.Event{{ID: "msg:D1:1700000000.000100", Kind: bot.EventCommand, At: at, User: ada, Channel: "slack:D1", Message: "slack:D1:1700000000.000100", Command: "/help"}},
		},
		{"our own message", kindEvent, event(`{"type":"message","channel":"C1","user":"UBOT","bot_id":"BBOT","text":"hi","ts":` + ts + `}`), nil},
		{"another bot", kindEvent, event(`{"type":"message","subtype":"bot_message","channel":"C1","bot_id":"B9","text":"hi","ts":` + ts + `}`), nil},
		{"a bot with a user", kindEvent, event(`{"type":"message","channel":"C1","user":"U9","bot_id":"B9","text":"hi","ts":` + ts + `}`), nil},
		{"channel_join", kindEvent, event(`{"type":"message","subtype":"channel_join","channel":"C1","user":"U1","text":"joined","ts":` + ts + `}`), nil},
		{"another company", kindEvent, event(`{"type":"message","channel":"C1","user":"U1","user_team":"T2","text":"hi","ts":` + ts + `}`), nil},
		{
			"edit", kindEvent, event(`{"type":"message","subtype":"message_changed","channel":"C1","event_ts":"1700000009.000000","message":{"user":"U1","text":"new","ts":` + ts + `,"edited":{"user":"U1","ts":"1700000008.000000"}},"previous_message":{"user":"U1","text":"old","ts":` + ts + `}}`),
			[]bot.Event{{ID: "edit:C1:1700000000.000100:1700000008.000000", Kind: bot.EventMessageEdited, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref, Text: "new", Edit: "1700000008.000000"}},
		},
		{
			"edit without its time", kindEvent, event(`{"type":"message","subtype":"message_changed","channel":"C1","event_ts":"1700000009.000000","message":{"user":"U1","text":"new","ts":` + ts + `},"previous_message":{"user":"U1","text":"old","ts":` + ts + `}}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventMessageEdited, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref, Text: "new"}},
		},
		{"unfurl is no edit", kindEvent, event(`{"type":"message","subtype":"message_changed","channel":"C1","message":{"user":"U1","text":"same","ts":` + ts + `,"attachments":[{}]},"previous_message":{"user":"U1","text":"same","ts":` + ts + `}}`), nil},
		{"our own edit", kindEvent, event(`{"type":"message","subtype":"message_changed","channel":"C1","message":{"user":"UBOT","bot_id":"BBOT","text":"new","ts":` + ts + `},"previous_message":{"user":"UBOT","text":"old","ts":` + ts + `}}`), nil},
		{
			"deletion", kindEvent, event(`{"type":"message","subtype":"message_deleted","channel":"C1","event_ts":"1700000009.000000","deleted_ts":` + ts + `,"previous_message":{"user":"U1","text":"old","ts":` + ts + `,"thread_ts":"1600000000.000001"}}`),
			[]bot.Event{{ID: "del:C1:1700000000.000100", Kind: bot.EventMessageDeleted, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref, Thread: "slack:C1:1600000000.000001"}},
		},
		{
			"deletion of a root with answers", kindEvent, event(`{"type":"message","subtype":"message_changed","channel":"C1","event_ts":"1700000009.000000","message":{"subtype":"tombstone","user":"USLACKBOT","text":"gone","ts":` + ts + `},"previous_message":{"user":"U1","text":"old","ts":` + ts + `}}`),
			[]bot.Event{{ID: "del:C1:1700000000.000100", Kind: bot.EventMessageDeleted, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref}},
		},
		{"our own deletion", kindEvent, event(`{"type":"message","subtype":"message_deleted","channel":"C1","deleted_ts":` + ts + `,"previous_message":{"user":"UBOT","bot_id":"BBOT","text":"old","ts":` + ts + `}}`), nil},
		{
			"reaction", kindEvent, event(`{"type":"reaction_added","user":"U1","reaction":"thumbsup::skin-tone-3","item_user":"U2","item":{"type":"message","channel":"C1","ts":` + ts + `},"event_ts":"1700000009.000000"}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventReaction, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref, Emoji: "thumbsup", Author: &rio}},
		},
		{
			"reaction to what the bot wrote", kindEvent, event(`{"type":"reaction_added","user":"U1","reaction":"eyes","item_user":"UBOT","item":{"type":"message","channel":"C1","ts":` + ts + `},"event_ts":"1700000009.000000"}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventReaction, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref, Emoji: "eyes", Author: &bot.User{Name: "perch", Handle: "perch"}}},
		},
		{
			"reaction gone", kindEvent, event(`{"type":"reaction_removed","user":"U1","reaction":"eyes","item":{"type":"message","channel":"C1","ts":` + ts + `},"event_ts":"1700000009.000000"}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventReactionGone, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", Message: ref, Emoji: "eyes"}},
		},
		{"reaction of another company", kindEvent, event(`{"type":"reaction_added","user":"U8","reaction":"eyes","item":{"type":"message","channel":"C1","ts":` + ts + `}}`), nil},
		{"reaction of another bot", kindEvent, event(`{"type":"reaction_added","user":"U9","reaction":"eyes","item":{"type":"message","channel":"C1","ts":` + ts + `}}`), nil},
		{"our own reaction", kindEvent, event(`{"type":"reaction_added","user":"UBOT","reaction":"eyes","item":{"type":"message","channel":"C1","ts":` + ts + `}}`), nil},
		{
			"we joined", kindEvent, event(`{"type":"member_joined_channel","user":"UBOT","channel":"C1","event_ts":` + ts + `}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventJoined, At: at, User: bot.User{Ref: "slack:UBOT", Name: "perch", Handle: "perch"}, Channel: "slack:C1"}},
		},
		{"somebody joined", kindEvent, event(`{"type":"member_joined_channel","user":"U1","channel":"C1"}`), nil},
		{
			"home opened", kindEvent, event(`{"type":"app_home_opened","user":"U1","channel":"D1","tab":"home","event_ts":` + ts + `}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventHome, At: at, User: ada}},
		},
		{"the home's other tab", kindEvent, event(`{"type":"app_home_opened","user":"U1","channel":"D1","tab":"messages"}`), nil},
		{
			"group's members", kindEvent, event(`{"type":"subteam_members_changed","subteam_id":"S7","team_id":"T1","added_users":["U1"],"added_users_count":"1","event_ts":` + ts + `}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventGroup, At: at, Group: "slack:S7"}},
		},
		{
			"group", kindEvent, event(`{"type":"subteam_updated","subteam":{"id":"S7","users":["U1"]},"event_ts":` + ts + `}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventGroup, At: at, Group: "slack:S7"}},
		},
		{"group without ID", kindEvent, event(`{"type":"subteam_updated","subteam":{}}`), nil},
		{
			"removed", kindEvent, event(`{"type":"app_uninstalled","event_ts":` + ts + `}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventRemoved, At: at, Team: "T1"}},
		},
		{
			"bot token revoked", kindEvent, event(`{"type":"tokens_revoked","tokens":{"oauth":[],"bot":["UBOT"]},"event_ts":` + ts + `}`),
			[]bot.Event{{ID: "Ev1", Kind: bot.EventRemoved, At: at, Team: "T1"}},
		},
		{"a person's token revoked", kindEvent, event(`{"type":"tokens_revoked","tokens":{"oauth":["U1"],"bot":[]}}`), nil},
		{"an event nobody asked for", kindEvent, event(`{"type":"channel_rename","channel":{"id":"C1","name":"x"}}`), nil},
		{
			"command", kindCommand, `{"command":"/incident","text":" new  &lt;b&gt; for <@U2|rio> in <#C9|ops> ","user_id":"U5","user_name":"kim","team_id":"T1","channel_id":"C1","channel_name":"ops","trigger_id":"1.2.3","response_url":"https://hooks.slack.com/x"}`,
			[]bot.Event{{ID: "command:1.2.3", Kind: bot.EventCommand, User: bot.User{Ref: "slack:U5", Name: "kim", Handle: "kim"}, Channel: "slack:C1", ChannelName: "ops", Command: "/incident", Text: "new  <b> for @Rio in #support", Names: []bot.Named{{Text: "@Rio", User: "slack:U2"}, {Text: "#support", Channel: "slack:C9"}}, Trigger: "1.2.3", Respond: "https://hooks.slack.com/x"}},
		},
		{"command of another company", kindCommand, `{"command":"/incident","user_id":"U1","team_id":"T2","trigger_id":"1.2.3"}`, nil},
		{
			"button", kindInteraction, `{"type":"block_actions","user":{"id":"U5","username":"kim","team_id":"T1"},"channel":{"id":"C1","name":"ops"},"container":{"type":"message","channel_id":"C1","message_ts":` + ts + `,"thread_ts":"1600000000.000001"},"trigger_id":"1.2.3","response_url":"https://hooks.slack.com/x","actions":[{"action_id":"desk.claim#2","value":"c-17","action_ts":"1700000009.000000"}]}`,
			[]bot.Event{{ID: "block_actions:1.2.3", Kind: bot.EventAction, At: time.Unix(1700000009, 0).UTC(), User: bot.User{Ref: "slack:U5", Name: "kim", Handle: "kim"}, Channel: "slack:C1", ChannelName: "ops", Message: ref, Thread: "slack:C1:1600000000.000001", Action: "desk.claim", Value: "c-17", Trigger: "1.2.3", Respond: "https://hooks.slack.com/x"}},
		},
		{
			"button that only one person sees", kindInteraction, `{"type":"block_actions","user":{"id":"U5","username":"kim"},"container":{"channel_id":"C1","message_ts":` + ts + `,"is_ephemeral":true},"trigger_id":"1.2.3","actions":[{"action_id":"a","value":"","action_ts":"1700000009.0"}]}`,
			[]bot.Event{{ID: "block_actions:1.2.3", Kind: bot.EventAction, At: time.Unix(1700000009, 0).UTC(), User: bot.User{Ref: "slack:U5", Name: "kim", Handle: "kim"}, Channel: "slack:C1", Message: "slack:C1:only-1700000000.000100", Alone: true, Action: "a", Trigger: "1.2.3"}},
		},
		{"button that opened an address", kindInteraction, `{"type":"block_actions","user":{"id":"U5"},"trigger_id":"1.2.3","actions":[{"action_id":"open#x"}]}`, nil},
		{
			"form", kindInteraction, `{"type":"view_submission","user":{"id":"U1","username":"ada"},"trigger_id":"1.2.3","view":{"id":"V1","callback_id":"incident.new","private_metadata":"{\"v\":\"v-9\",\"c\":\"slack:C1\",\"t\":\"slack:C1:1.1\"}","state":{"values":{"title":{"title":{"type":"plain_text_input","value":"Checkout <down>"}},"none":{"none":{"value":null}},"sev":{"sev":{"type":"static_select","selected_option":{"value":"sev2"}}}}}}}`,
			[]bot.Event{{ID: "view_submission:1.2.3", Kind: bot.EventSubmit, User: ada, Channel: "slack:C1", Thread: "slack:C1:1.1", Action: "incident.new", Value: "v-9", Fields: map[string]string{"title": "Checkout <down>", "none": "", "sev": "sev2"}, Trigger: "1.2.3"}},
		},
		{
			"message shortcut", kindInteraction, `{"type":"message_action","callback_id":"add_to_timeline","user":{"id":"U1","name":"ada"},"channel":{"id":"C1","name":"ops"},"message_ts":` + ts + `,"message":{"user":"U2","text":"it &amp; broke","ts":` + ts + `,"thread_ts":"1600000000.000001"},"trigger_id":"1.2.3","action_ts":"1700000009.0"}`,
			[]bot.Event{{ID: "message_action:1.2.3", Kind: bot.EventAction, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", ChannelName: "ops", Message: ref, Thread: "slack:C1:1600000000.000001", Action: "add_to_timeline", Text: "it & broke", Trigger: "1.2.3", Author: &rio, Fields: map[string]string{"message_at": "2023-11-14T22:13:20.0001Z"}}},
		},
		{
			"shortcut on what a bot wrote", kindInteraction, `{"type":"message_action","callback_id":"x","user":{"id":"U1","name":"ada"},"channel":{"id":"C1","name":"ops"},"message_ts":` + ts + `,"message":{"user":"U2","bot_id":"B9","username":"Jane (@jane)","text":"hi","ts":` + ts + `},"trigger_id":"1.2.3","action_ts":"1700000009.0"}`,
			[]bot.Event{{ID: "message_action:1.2.3", Kind: bot.EventAction, At: time.Unix(1700000009, 0).UTC(), User: ada, Channel: "slack:C1", ChannelName: "ops", Message: ref, Action: "x", Text: "hi", Trigger: "1.2.3", Author: &bot.User{Name: "Jane (@jane)", Handle: "rio"}, Fields: map[string]string{"message_at": "2023-11-14T22:13:20.0001Z"}}},
		},
		{
			"global shortcut", kindInteraction, `{"type":"shortcut","callback_id":"declare_incident","user":{"id":"U1"},"trigger_id":"1.2.3","action_ts":"1700000009.0"}`,
			[]bot.Event{{ID: "shortcut:1.2.3", Kind: bot.EventAction, At: time.Unix(1700000009, 0).UTC(), User: ada, Action: "declare_incident", Trigger: "1.2.3"}},
		},
		{"form closed", kindInteraction, `{"type":"view_closed","user":{"id":"U1"},"view":{"id":"V1"}}`, nil},
	}
	a := testAPI(t, people)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := a.decode(t.Context(), testIdentity(), delivery{kind: tt.kind, id: "env", payload: json.RawMessage(tt.payload)})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].Platform != Platform || got[i].At.IsZero() {
					t.Errorf("event %+v lacks its platform or its time", got[i])
				}
				if i < len(tt.want) && tt.want[i].At.IsZero() {
					got[i].At = time.Time{}
				}
			}
			if d := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(bot.Event{}, "Platform")); d != "" {
				t.Errorf("decode (-want +got):\n%s", d)
			}
		})
	}
}

func TestDecodeSaysWhatItCanNotRead(t *testing.T) {
	a := testAPI(t, people)
	for _, tt := range []struct{ kind, payload string }{
		{"from_the_future", `{}`},
		{kindEvent, `{`},
		{kindEvent, `{"event_id":"Ev1"}`},
		{kindEvent, event(`{"type":"message","ts":17}`)},
		{kindEvent, `{"event":{"type":"message"}}`},
		{kindCommand, `[]`},
		{kindCommand, `{"command":"/x"}`},
		{kindInteraction, `{"type":"block_actions"}`},
		{kindInteraction, `{"type":"from_the_future","user":{"id":"U1"}}`},
		{kindInteraction, ``},
	} {
		if got, err := a.decode(t.Context(), testIdentity(), delivery{kind: tt.kind, payload: json.RawMessage(tt.payload)}); err == nil {
			t.Errorf("decode(%s, %s) = %+v, want an error", tt.kind, tt.payload, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(kindEvent, event(`{"type":"message","channel":"C1","user":"U1","text":"x","ts":"1.1"}`))
	f.Add(kindInteraction, `{"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"a","value":"b"}]}`)
	f.Add(kindCommand, `{"command":"/x","user_id":"U1","text":"<@U1|a>"}`)
	srv := httptest.NewServer(http.HandlerFunc(people))
	defer srv.Close()
	a, err := New(Options{BotToken: testToken, AppToken: testApp, APIURL: srv.URL})
	if err != nil {
		f.Fatal(err)
	}
	// Asking for names would only cost time here.
	nobody := func(context.Context, string) (entry, error) { return entry{}, errUnknown }
	f.Fuzz(func(t *testing.T, kind, payload string) {
		a.people, a.channels = newDirectory(nobody), newDirectory(nobody)
		events, err := a.decode(t.Context(), testIdentity(), delivery{kind: kind, id: "env", payload: json.RawMessage(payload)})
		for _, ev := range events {
			if err != nil || ev.ID == "" || ev.Platform != Platform || ev.Kind == "" {
				t.Errorf("decode(%s, %s) = %+v, %v", kind, payload, ev, err)
			}
		}
	})
}
