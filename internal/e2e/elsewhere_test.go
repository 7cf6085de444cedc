package e2e

import (
	"path/filepath"
	"slices"
	"strings"
)

// elsewhere says why a script does not run on a chat, by the script and the
// chat. One that could run there has to.
func elsewhere() map[string]map[string]string {
	const (
		oneMind = "the built-in chat has no connection that can break, no limits and no previews of links"
		noForms = "the built-in chat has no shortcuts, and rooms of its own are the sandbox's"
		x       = "the switches are the sandbox's; what X does is the same under every chat, and the other scripts break it too"
		api     = "it is about the API, which knows no chat"
	)
	return map[string]map[string]string{
		"buttons":       {"webchat": "what it is about is markup, which the built-in chat's own tests show"},
		"conversations": {"webchat": noForms},
		"duty_others":   {"webchat": "it does not say whom words name"},
		"incident_ways": {"webchat": noForms},
		"sending":       {"webchat": oneMind},
		"transport":     {"webchat": oneMind},
		"faults":        {"slack": x, "rocketchat": x},
		"token":         {"slack": api, "rocketchat": api},

		"duty": {
			"webchat":    "it has no user groups; /duty itself is in agents",
			"rocketchat": "it has no user groups: Omnichannel's departments say who serves, and /duty itself is in agents",
		},
		"home": {
			"webchat":    "the page of the sandbox shows all of it",
			"rocketchat": "a bot has no page there: the same buttons are on the messages, see tour, agents and incident_ways",
		},
		"http": {
			"webchat":    "it is in the same process",
			"rocketchat": "nobody calls Perch there but the companion app, which internal/app plays; all else comes by the connection, see transport",
		},
		"install": {
			"webchat":    "there is one of it",
			"rocketchat": "Perch is a user of one workspace, with a token from there; see setup_rocketchat",
		},
		"setup": {
			"webchat":    "its rooms are the sandbox's",
			"rocketchat": "it is setup_rocketchat there, where people and rooms are named otherwise",
		},
		"setup_rocketchat": {
			"webchat": "its rooms are the sandbox's",
			"slack":   "it is setup there",
		},
		"omnichannel": {
			"webchat": "it has no customer service of its own",
			"slack":   "it has no customer service of its own; see conversations",
		},
	}
}

// unexplained are what is wrong with the chats that a script names.
func unexplained(file string, chats []string) (out []string) {
	script := strings.TrimSuffix(filepath.Base(file), ".txtar")
	why := elsewhere()[script]
	for _, chat := range []string{"webchat", "slack", "rocketchat"} {
		switch runs := slices.Contains(chats, chat); {
		case !runs && why[chat] == "":
			out = append(out, script+" does not run on "+chat+", and nobody says why")
		case runs && why[chat] != "":
			out = append(out, script+" runs on "+chat+", which is said to be impossible")
		}
	}
	return out
}
