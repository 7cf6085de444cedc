package commands

import (
	"testing"

	"github.com/perch-chat/perch/bot"
)

// TestOpens: for what Opens names, the person sees a form of that title or is
// answered alone, so that no empty form stays; for all else there is no form.
func TestOpens(t *testing.T) {
	command := func(line string) bot.Event {
		name, rest := cutWord(line)
		return bot.Event{Kind: bot.EventCommand, Command: name, Text: rest}
	}
	button := func(id, value string) bot.Event {
		return bot.Event{Kind: bot.EventAction, Action: id, Value: value}
	}
	tests := []struct {
		name string
		ev   bot.Event
		want string
	}{
		{"new", command("/incident new"), titleNew},
		{"its alias, loud", command("/incident DECLARE"), titleNew},
		{"behind a mention", command("/perch incident new"), titleNew},
		{"new with a severity", command("/incident new --severity sev1"), titleNew},
		{"new with a title", command("/incident new Checkout is slow"), ""},
		{"new with a wrong option", command("/incident new --what=x"), ""},
		{"entry", command("/timeline add"), titleEntry},
		{"entry of an incident", command("/timeline add INC-1 --visibility internal"), titleEntry},
		{"entry of an incident behind the option", command("/timeline add --visibility internal INC-1"), titleEntry},
		{"entry of none", command("/timeline add INC-99"), titleEntry},
		{"entry with a text", command("/timeline add INC-1 We found it"), ""},
		{"entry with a text, an incident behind", command("/timeline add We found it INC-1"), ""},
		{"alone", command("/incident"), titleNew},
		{"help", command("/incident help"), ""},
		{"message", button(btnMessage, ""), titleMessage},
		{"unknown", command("/incident nwe"), ""},
		{"another command", command("/twitter help"), ""},
		{"no command", command("/"), ""},
		{"declare", button(btnDeclare, ""), titleNew},
		{"update", button(btnUpdate, "INC-1"), titleEntry},
		{"update of none", button(btnUpdate, "INC-99"), titleEntry},
		{"edit of none", button(btnEdit, "x"), titleText},
		{"resolve", button(btnResolve, "INC-99"), ""},
		{"a message", bot.Event{Kind: bot.EventMessage, Text: "/incident new"}, ""},
	}
	scene(t, func(t *testing.T, w *world) {
		_, rio, _, guest := people()
		w.say(rio, "/incident new One")
		for _, u := range []bot.User{rio, guest} {
			for _, tt := range tests {
				ev := tt.ev
				ev.User, ev.Trigger = u, "view:x"
				title, ok := w.r.Opens(ev)
				if title != tt.want || ok != (tt.want != "") {
					t.Errorf("%s: Opens = %q, %v, want %q", tt.name, title, ok, tt.want)
				}
				forms := len(w.out.forms)
				told := w.handle(ev)
				shown := len(w.out.forms) > forms
				switch {
				case !ok && shown:
					t.Errorf("%s by %s: a form that Opens does not name", tt.name, u.Name)
				case ok && shown && w.form().Title != title:
					t.Errorf("%s by %s: the form is titled %q, Opens says %q", tt.name, u.Name, w.form().Title, title)
				case ok && !shown && (len(told) == 0 || told[0].Trigger != "view:x"):
					t.Errorf("%s by %s: neither a form nor an answer: %+v", tt.name, u.Name, told)
				}
			}
		}
	})
}
