package installs

import (
	"time"

	"github.com/perch-chat/perch/store"
)

// Workspace is a Slack workspace that Perch is installed in. It is stored as
// JSON: fields are added, never renamed.
type Workspace struct {
	ID         string    `json:"id"` // of the installation
	Team       string    `json:"team"`
	Name       string    `json:"name"`
	Enterprise string    `json:"enterprise,omitempty"`
	App        string    `json:"app,omitempty"`
	BotUser    string    `json:"bot_user"`
	BotID      string    `json:"bot_id,omitempty"`
	BotName    string    `json:"bot_name,omitempty"`
	Scopes     []string  `json:"scopes,omitempty"`
	By         string    `json:"by,omitempty"` // the person's ID in Slack
	At         time.Time `json:"at"`           // by Slack's clock
	Token      string    `json:"token"`        // sealed
	Link       string    `json:"link,omitempty"`
}

// link is an operator's word that somebody may install Perch once.
type link struct {
	ID      string    `json:"id"` // hash of the ticket in the link
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Used    bool      `json:"used,omitempty"`
	Team    string    `json:"team,omitempty"` // what was installed with it
}

// attempt is one browser on its way through Slack.
type attempt struct {
	ID         string    `json:"id"` // hash of the state
	Link       string    `json:"link"`
	CookieHash string    `json:"cookie_hash"`
	Expires    time.Time `json:"expires"`
	Used       bool      `json:"used,omitempty"`
	Outcome    Code      `json:"outcome,omitempty"`
}

const workspaceTable = "slack_workspaces"

func workspaces() store.Table[Workspace] {
	return store.Table[Workspace]{
		Name: workspaceTable,
		Key:  func(w Workspace) []byte { return store.Key(w.Team) },
	}
}

func links() store.Table[link] {
	return store.Table[link]{
		Name:    "slack_install_links",
		Key:     func(l link) []byte { return store.Key(l.ID) },
		Indexes: []store.Index[link]{{Name: "expires", Keys: func(l link) [][]byte { return [][]byte{store.Key(l.Expires)} }}},
	}
}

func attempts() store.Table[attempt] {
	return store.Table[attempt]{
		Name:    "slack_install_attempts",
		Key:     func(a attempt) []byte { return store.Key(a.ID) },
		Indexes: []store.Index[attempt]{{Name: "expires", Keys: func(a attempt) [][]byte { return [][]byte{store.Key(a.Expires)} }}},
	}
}

// Tables are the tables that this package keeps, for a check of the store.
func Tables() []store.Checker {
	return []store.Checker{workspaces(), links(), attempts()}
}
