package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// organization answers users.info as in an organization E1 with the workspaces
// T1, where Perch is, and T2. T7 and E7 are another company's.
func organization(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	users := map[string]string{
		"U1": `{"name":"ada","team_id":"T1","enterprise_user":{"id":"U1","enterprise_id":"E1","teams":["T1"]}}`,
		"U2": `{"name":"rio","team_id":"T2","enterprise_user":{"id":"U2","enterprise_id":"E1","teams":["T2"]}}`,
		"U3": `{"name":"org","team_id":"E1","enterprise_user":{"id":"U3","enterprise_id":"E1","teams":["T1","T2"]}}`,
		"U7": `{"name":"eve","team_id":"T7","is_stranger":false,"enterprise_user":{"id":"U7","enterprise_id":"E7","teams":["T7"]}}`,
		"U8": `{"name":"mal","team_id":"T8"}`,
	}
	u, ok := users[r.Form.Get("user")]
	if !ok || !strings.HasSuffix(r.URL.Path, "users.info") {
		_, _ = w.Write([]byte(`{"ok":false,"error":"user_not_found"}`))
		return
	}
	_, _ = fmt.Fprintf(w, `{"ok":true,"user":%s}`, u)
}

// Whatever somebody of another company does in a shared channel is nothing to
// us, in an organization as elsewhere; people of its other workspaces are ours.
func TestWhoseSomebodyIs(t *testing.T) {
	const ts = `"1700000000.000100"`
	deliveries := map[string]func(user, team string) (kind, payload string){
		"message": func(user, team string) (string, string) {
			return kindEvent, event(`{"type":"message","channel":"C1","user":"` + user + `","team":"T1","user_team":"` + team + `","text":"hi","ts":` + ts + `}`)
		},
		"edit": func(user, team string) (string, string) {
			return kindEvent, event(`{"type":"message","subtype":"message_changed","channel":"C1","message":{"user":"` + user + `","user_team":"` + team + `","text":"new","ts":` + ts + `,"edited":{"user":"` + user + `","ts":"1700000009.0"}},"previous_message":{"user":"` + user + `","text":"old","ts":` + ts + `}}`)
		},
		"deletion": func(user, team string) (string, string) {
			return kindEvent, event(`{"type":"message","subtype":"message_deleted","channel":"C1","deleted_ts":` + ts + `,"previous_message":{"user":"` + user + `","user_team":"` + team + `","text":"old","ts":` + ts + `}}`)
		},
		"mention": func(user, team string) (string, string) {
			return kindEvent, event(`{"type":"app_mention","channel":"C1","user":"` + user + `","user_team":"` + team + `","text":"<@UBOT> incident list","ts":` + ts + `}`)
		},
		"command": func(user, team string) (string, string) {
			return kindCommand, `{"command":"/incident","user_id":"` + user + `","team_id":"` + team + `","trigger_id":"1.2.3"}`
		},
		"button": func(user, team string) (string, string) {
			return kindInteraction, `{"type":"block_actions","user":{"id":"` + user + `","username":"x","team_id":"` + team + `"},"team":{"id":"T1","enterprise_id":"E1"},"channel":{"id":"C1"},"container":{"channel_id":"C1","message_ts":` + ts + `},"trigger_id":"1.2.3","actions":[{"action_id":"desk.claim","value":"c"}]}`
		},
		"form": func(user, team string) (string, string) {
			return kindInteraction, `{"type":"view_submission","user":{"id":"` + user + `","team_id":"` + team + `"},"trigger_id":"1.2.3","view":{"id":"V1","callback_id":"incident.new"}}`
		},
		"shortcut": func(user, team string) (string, string) {
			return kindInteraction, `{"type":"shortcut","callback_id":"incident.declare","user":{"id":"` + user + `","team_id":"` + team + `"},"trigger_id":"1.2.3"}`
		},
		"reaction": func(user, _ string) (string, string) {
			return kindEvent, event(`{"type":"reaction_added","user":"` + user + `","reaction":"hand","item":{"type":"message","channel":"C1","ts":` + ts + `}}`)
		},
	}
	for _, who := range []struct {
		name, user, team string
		ours             bool // in an organization
		alone            bool // where the workspace is on its own
	}{
		{"of the workspace", "U1", "T1", true, true},
		{"of another workspace of the organization", "U2", "T2", true, false},
		{"of the organization itself", "U3", "E1", true, false},
		{"of another organization", "U7", "T7", false, false},
		{"of another organization itself", "U7", "E7", false, false},
		{"of another company without one", "U8", "T8", false, false},
	} {
		for what, delivered := range deliveries {
			for enterprise, ours := range map[string]bool{"E1": who.ours, "": who.alone} {
				a := testAPI(t, organization)
				me := testIdentity()
				me.Enterprise = enterprise
				kind, payload := delivered(who.user, who.team)
				got, err := a.decode(t.Context(), me, delivery{kind: kind, payload: json.RawMessage(payload)})
				if err != nil {
					t.Fatalf("%s %s: %v", what, who.name, err)
				}
				if (len(got) > 0) != ours {
					t.Errorf("%s %s, in the organization %q: %d events, want it taken: %t", what, who.name, enterprise, len(got), ours)
				}
			}
		}
	}

	// Of whom Slack says nothing, nothing is taken; a reaction has no other word of it.
	a, me := testAPI(t, organization), testIdentity()
	me.Enterprise = "E1"
	kind, payload := deliveries["message"]("U9", "T9")
	if got, err := a.decode(t.Context(), me, delivery{kind: kind, payload: json.RawMessage(payload)}); err != nil || len(got) > 0 {
		t.Errorf("a message of nobody known: %+v, %v", got, err)
	}
}

// The author of what somebody adds to a timeline may be of another company:
// they are named, and not taken for one of us.
func TestAuthorsOfAnotherCompany(t *testing.T) {
	for user, ref := range map[string]bot.UserRef{"U1": "slack:U1", "U2": "slack:U2", "U3": "slack:U3", "U7": "", "U8": ""} {
		a, me := testAPI(t, organization), testIdentity()
		me.Enterprise = "E1"
		d := decoder{Adapter: a, ctx: t.Context(), me: me}
		if got := d.author(message{User: user}); got.Ref != ref || got.Name == "" {
			t.Errorf("author(%s) = %+v, want the ref %q", user, got, ref)
		}
	}
}
