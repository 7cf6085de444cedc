package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/goccy/go-yaml"
)

// ManifestOptions say how the app will be reached and what it is called.
type ManifestOptions struct {
	Name       string     // shown to people, default Perch; up to 35 characters
	Handle     string     // the bot's handle, default perch
	RequestURL string     // where Handler is served, for HTTP mode; empty means Socket Mode
	Redirect   string     // where Slack sends browsers back to after an installation, for several workspaces
	Shortcuts  []Shortcut // default: those that Perch knows
}

// Shortcut is an entry of Slack's menus. It raises an EventAction with its ID.
type Shortcut struct {
	ID          string
	Name        string // up to 24 characters
	Description string // up to 150
	OnMessage   bool   // in a message's menu, else in the one for all
}

// The shortcuts that Perch knows, by the Action of their events.
const (
	ShortcutReply    = "desk.reply"       // on a message: send it to the customer
	ShortcutTimeline = "timeline.message" // on a message: add it to an incident's timeline
	ShortcutDeclare  = "incident.declare" // anywhere: declare an incident
)

func shortcuts() []Shortcut {
	return []Shortcut{
		{ID: ShortcutReply, Name: "Reply to customer", Description: "Send this message of a conversation's thread to the customer on X", OnMessage: true},
		{ID: ShortcutTimeline, Name: "Add to timeline", Description: "Add this message to an incident's timeline", OnMessage: true},
		{ID: ShortcutDeclare, Name: "Declare an incident", Description: "Open the form for a new incident"},
	}
}

// Manifest is the description of the app that an admin gives to Slack. See
// https://docs.slack.dev/reference/app-manifest
type Manifest struct {
	Metadata struct {
		Major int `json:"major_version"`
		Minor int `json:"minor_version"`
	} `json:"_metadata"`
	Display struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Background  string `json:"background_color"`
	} `json:"display_information"`
	Features struct {
		Home struct {
			Tab              bool `json:"home_tab_enabled"`
			Messages         bool `json:"messages_tab_enabled"`
			MessagesReadOnly bool `json:"messages_tab_read_only_enabled"`
		} `json:"app_home"`
		Bot struct {
			Name   string `json:"display_name"`
			Online bool   `json:"always_online"`
		} `json:"bot_user"`
		Commands  []manifestCommand  `json:"slash_commands"`
		Shortcuts []manifestShortcut `json:"shortcuts,omitempty"`
	} `json:"features"`
	OAuth struct {
		Redirect []string `json:"redirect_urls,omitempty"`
		Scopes   struct {
			Bot []string `json:"bot"`
		} `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Events struct {
			URL string   `json:"request_url,omitempty"`
			Bot []string `json:"bot_events"`
		} `json:"event_subscriptions"`
		Interactivity struct {
			Enabled bool   `json:"is_enabled"`
			URL     string `json:"request_url,omitempty"`
		} `json:"interactivity"`
		Org      bool `json:"org_deploy_enabled"`
		Socket   bool `json:"socket_mode_enabled"`
		Rotation bool `json:"token_rotation_enabled"`
	} `json:"settings"`
}

type manifestCommand struct {
	Command     string `json:"command"`
	URL         string `json:"url,omitempty"`
	Description string `json:"description"`
	Hint        string `json:"usage_hint"`
	Escape      bool   `json:"should_escape"`
}

type manifestShortcut struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Callback    string `json:"callback_id"`
	Description string `json:"description"`
}

// Scope is a right that the app asks for, and the reason.
type Scope struct {
	Name string
	Why  string
}

// Scopes are the rights that the adapter uses.
func Scopes() []Scope {
	return []Scope{
		{"app_mentions:read", "be called by name"},
		{"channels:history", "read answers in the threads of public channels, and find its own messages"},
		{"channels:join", "join the channels it is told to use"},
		{"channels:manage", "make channels for incidents"},
		{"channels:read", "find channels by name"},
		{"chat:write", "write messages"},
		{"chat:write.customize", "show a customer's name and picture beside their words"},
		{"commands", "answer slash commands"},
		{"files:read", "see the files that agents send"},
		{"files:write", "show the files that customers send"},
		{"groups:history", "read answers in the threads of private channels it is in"},
		{"groups:read", "find the private channels it is in"},
		{"groups:write", "make private channels"},
		{"im:history", "read what people write to it alone"},
		{"im:write", "write to one person"},
		{"pins:write", "pin its setup message"},
		{"reactions:read", "see reactions"},
		{"reactions:write", "mark messages as sent or failed"},
		{"usergroups:read", "see who is on duty in a user group"},
		{"users:read", "show people's names"},
	}
}

// NewManifest returns the app's manifest.
func NewManifest(o ManifestOptions) (Manifest, error) {
	var m Manifest
	m.Metadata.Major, m.Metadata.Minor = 2, 1
	m.Display.Name, m.Display.Description, m.Display.Background = orWord(o.Name, "Perch"), "Your X accounts in Slack: customers' messages, incidents and their timelines", "#0f1419"
	m.Features.Home.Tab, m.Features.Home.Messages = true, true
	m.Features.Bot.Name, m.Features.Bot.Online = orWord(o.Handle, "perch"), true
	m.Features.Commands = []manifestCommand{
		{Command: "/twitter", Description: "Connect X accounts and manage them", Hint: "authorize | accounts | settings | help"},
		{Command: "/incident", Description: "Declare incidents and work on them", Hint: "new [title] | list | resolve | help"},
		{Command: "/timeline", Description: "Keep an incident's timeline and share it", Hint: "add <text> | list | help"},
		{Command: "/duty", Description: "Say who answers customers", Hint: "on | off | who"},
	}
	for i := range m.Features.Commands {
		c := &m.Features.Commands[i]
		c.Escape, c.URL = true, o.RequestURL
	}
	if o.Shortcuts == nil {
		o.Shortcuts = shortcuts()
	}
	for _, s := range o.Shortcuts {
		kind := "global"
		if s.OnMessage {
			kind = "message"
		}
		m.Features.Shortcuts = append(m.Features.Shortcuts, manifestShortcut{Name: s.Name, Type: kind, Callback: s.ID, Description: s.Description})
	}
	for _, s := range Scopes() {
		m.OAuth.Scopes.Bot = append(m.OAuth.Scopes.Bot, s.Name)
	}
	m.Settings.Events.Bot = []string{
		"app_home_opened", "app_mention", "app_uninstalled", "member_joined_channel", "message.channels", "message.groups", "message.im",
		"reaction_added", "reaction_removed", "subteam_members_changed", "subteam_updated", "tokens_revoked",
	}
	if o.Redirect != "" {
		m.OAuth.Redirect = []string{o.Redirect}
	}
	m.Settings.Events.URL = o.RequestURL
	m.Settings.Interactivity.Enabled, m.Settings.Interactivity.URL = true, o.RequestURL
	m.Settings.Socket = o.RequestURL == ""
	return m, m.check(o.RequestURL, o.Redirect)
}

// check says what Slack would refuse.
func (m Manifest) check(urls ...string) error {
	var errs []error
	bound := func(what, s string, n int) {
		if s == "" || size(s) > n {
			errs = append(errs, fmt.Errorf("slack: manifest: %s %q needs 1 to %d characters", what, cut(s, 40), n))
		}
	}
	bound("name", m.Display.Name, 35)
	bound("description", m.Display.Description, 140)
	bound("handle", m.Features.Bot.Name, 80)
	for _, s := range m.Features.Shortcuts {
		bound("shortcut", s.Name, 24)
		bound("shortcut's ID", s.Callback, maxID)
		bound("shortcut's description", s.Description, 150)
	}
	for _, s := range urls {
		if u, err := url.Parse(s); s != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			errs = append(errs, errors.New("slack: manifest: Slack calls https addresses only"))
		}
	}
	return errors.Join(errs...)
}

// JSON is the manifest as JSON, indented.
func (m Manifest) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("slack: manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// YAML is the manifest as YAML.
func (m Manifest) YAML() ([]byte, error) {
	b, err := yaml.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("slack: manifest: %w", err)
	}
	return b, nil
}
