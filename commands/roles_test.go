package commands

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
)

// Who may do what: every word of every command, for everybody.
func TestPermissions(t *testing.T) {
	const all, admins, responders, agents = "ada rio sam max", "ada", "ada rio", "sam"
	want := map[string]string{
		"/twitter authorize": admins, "/twitter unauthorize": admins, "/twitter accounts": all, "/twitter default": admins,
		"/twitter settings": admins, "/twitter support": all, "/twitter help": all,
		"/incident new": responders, "/incident status": all, "/incident list": all, "/incident severity": responders,
		"/incident mitigate": responders, "/incident resolve": responders, "/incident reopen": responders, "/incident cancel": responders,
		"/incident workflow": responders, "/incident archive": responders, "/incident update": responders, "/incident help": all,
		"/incident workflow add": admins, "/incident workflow on": admins, "/incident workflow off": admins, "/incident workflow delete": admins,
		"/incident workflow list": responders,
		"/timeline add":           responders, "/timeline list": all, "/timeline help": all,
		"/duty on": agents, "/duty off": all, "/duty who": all, "/duty help": all,
	}
	ada, rio, sam, max := people()
	scene(t, func(t *testing.T, w *world) {
		for _, cmd := range w.r.commands {
			for _, word := range cmd.words {
				line := "/" + cmd.name + " " + word.name
				if _, ok := want[line]; !ok {
					t.Errorf("%s is not in this table", line)
				}
				for _, alias := range word.aliases {
					if got, ok := cmd.word(alias); !ok || got.name != word.name {
						t.Errorf("/%s %s means %q, want %q", cmd.name, alias, got.name, word.name)
					}
				}
			}
		}
		for line, who := range want {
			for name, u := range map[string]bot.User{"ada": ada, "rio": rio, "sam": sam, "max": max} {
				got := w.say(u, line)
				denied := strings.HasPrefix(got, "Only ")
				if may := strings.Contains(who, name); may == denied {
					t.Errorf("%s: %s = %q, allowed %t", name, line, got, may)
				}
				if denied && !strings.Contains(got, "@webchat:U_ada") && !strings.Contains(got, "team.agents") {
					t.Errorf("%s: %s = %q does not say whom to ask", name, line, got)
				}
			}
		}
	})
}

// Every button that does something refuses those without the role, whoever
// pressed what by hand.
func TestButtonPermissions(t *testing.T) {
	may := map[string]string{
		btnStart: "ada", btnDisconnect: "ada", btnKeep: "ada rio sam max",
		btnUpdate: "ada rio", btnResolve: "ada rio", btnDeclare: "ada rio",
		btnPost: "ada rio", btnSplit: "ada rio", btnEdit: "ada rio", btnDiscard: "ada rio", btnRetry: "ada rio",
		btnLetterRetry: "ada", btnLetterDiscard: "ada", btnRelease: "ada", btnItemRetry: "ada", btnItemDiscard: "ada",
		btnShow: "ada rio", btnDutyOn: "sam", btnDutyOff: "ada rio sam max",
		btnInsist: "ada rio", btnMessage: "ada rio", btnFollow: "ada rio", btnRemove: "ada rio", btnStay: "ada rio",
		btnPick: "ada rio sam max", btnRoom: "ada rio", btnArchive: "ada rio", btnKeepChannel: "ada rio sam max",
	}
	forms := map[string]string{formNew: "ada rio", formEntry: "ada rio", formText: "ada rio", formMessage: "ada rio"}
	ada, rio, sam, max := people()
	scene(t, func(t *testing.T, w *world) {
		check := func(kind, id, who string, do func(u bot.User) string) {
			for name, u := range map[string]bot.User{"ada": ada, "rio": rio, "sam": sam, "max": max} {
				got := do(u)
				if denied := strings.HasPrefix(got, "Only "); strings.Contains(who, name) == denied {
					t.Errorf("%s %s by %s = %q, allowed: %s", kind, id, name, got, who)
				}
				if got == "" && id != btnDeclare {
					t.Errorf("%s %s by %s: nothing was answered to a value that nobody knows", kind, id, name)
				}
			}
		}
		for id := range w.r.buttons {
			if _, ok := may[id]; !ok {
				t.Errorf("button %s is not in this table", id)
			}
			check("button", id, may[id], func(u bot.User) string { return w.click(u, id, "unknown") })
		}
		for id := range w.r.forms {
			if _, ok := forms[id]; !ok {
				t.Errorf("form %s is not in this table", id)
			}
			check("form", id, forms[id], func(u bot.User) string { return w.submit(u, id, "unknown", nil) })
		}
		has(t, "an old button", w.click(ada, "gone.button", ""), "older version")
	})
}

func TestNobodyIsAdmin(t *testing.T) {
	_, rio, _, _ := people()
	sceneOf(t, cast{nobody: true}, incident.Policy{}, func(t *testing.T, w *world) {
		has(t, "answer", w.say(rio, "/twitter authorize"), "Nobody is one yet", "team.admins")
	})
}

func TestWordsNotKnown(t *testing.T) {
	_, rio, _, _ := people()
	tests := []struct{ line, want string }{
		{"/twitter", "`/twitter authorize`"},
		{"/incident", "`/incident new"},
		{"/timeline", "`/timeline add"},
		{"/duty", "on duty"},
		{"/TWITTER HELP", "`/twitter authorize`"},
		{"/twitter authorise", "Did you mean /twitter authorize?"},
		{"/twitter unauthorise", "Did you mean /twitter unauthorize?"},
		{"/twitter acounts", "Did you mean /twitter accounts?"},
		{"/incident resolvee", "Did you mean /incident resolve?"},
		{"/incident sevrity", "Did you mean /incident severity?"},
		{"/timeline ad", "Did you mean /timeline add?"},
		{"/duty of", "Did you mean /duty"},
		{"/twitter zzzzzzzz", "There is: authorize"},
		{"/twiter help", "Did you mean /twitter?"},
		{"/weather today", "Tell me one of: /twitter"},
		{"@perch twitter help", "`/twitter authorize`"},
		{"@perch /incident list", "No incident is open"},
		{"@perch", "Tell me one of"},
		{"@perch authorise", "Did you mean /twitter authorize?"},
		{"@perch weather", "Tell me one of"},
		{"/twitter " + strings.Repeat("x", 500), "…"},
	}
	scene(t, func(t *testing.T, w *world) {
		for _, tt := range tests {
			got := w.say(rio, tt.line, func(ev *bot.Event) {
				if strings.HasPrefix(tt.line, "@perch") {
					ev.Command = "" // a mention of the bot
				}
			})
			has(t, tt.line, got, tt.want)
			if len(got) > 2000 {
				t.Errorf("%s: the answer has %d bytes", tt.line, len(got))
			}
		}
	})
}
