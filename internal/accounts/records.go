package accounts

import (
	"strings"
	"time"

	"github.com/perch-chat/perch/store"
)

// State is whether Perch may act for an account.
type State string

// The states of an account.
const (
	Connected       State = "connected"        // Perch may act for it
	ReconnectNeeded State = "reconnect_needed" // X no longer accepts the tokens: a person has to connect it again
	Unauthorized    State = "unauthorized"     // a person disconnected it
)

// Account is an X account. It is stored as JSON: fields are added, never
// renamed. It holds no token.
type Account struct {
	ID           string   `json:"id"` // X user id
	Handle       string   `json:"handle"`
	Name         string   `json:"name"`
	AvatarURL    string   `json:"avatar_url,omitempty"`
	Scopes       []string `json:"scopes,omitempty"` // what was granted
	Limit        int      `json:"limit"`            // weighted length of a post
	Subscription string   `json:"subscription,omitempty"`
	Default      bool     `json:"default,omitempty"`
	State        State    `json:"state"`
	Reason       string   `json:"reason,omitempty"` // a sentence for people; empty while connected

	ConnectedBy     string    `json:"connected_by,omitempty"` // ref of the person in their chat
	ConnectedByName string    `json:"connected_by_name,omitempty"`
	ConnectedIn     string    `json:"connected_in,omitempty"` // ref of the channel it was asked for in
	ConnectedAt     time.Time `json:"connected_at,omitzero"`
	Request         string    `json:"request,omitempty"` // the request it was last connected with
	ChangedBy       string    `json:"changed_by,omitempty"`
	Changed         time.Time `json:"changed,omitzero"`

	Grant string `json:"grant,omitempty"` // which of the stored token pairs is its own
}

// Lane is the outbox lane that everything sent for the account is in.
func Lane(account string) string { return "x:" + account }

// Lanes are the lanes of an action of the account; what is "post" or "dm".
func Lanes(account, what string) []string {
	return []string{Lane(account), Lane(account) + ":" + what}
}

// Request is one attempt to connect an account, of one person, for ten
// minutes. It is stored as JSON: fields are added, never renamed.
type Request struct {
	ID       string    `json:"id"` // hash of the ticket in the link
	User     string    `json:"user"`
	UserName string    `json:"user_name,omitempty"`
	Channel  string    `json:"channel,omitempty"`
	Respond  string    `json:"respond,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`

	// Set by Start, which binds the browser that opened the link.
	StateHash  string `json:"state_hash,omitempty"`
	CookieHash string `json:"cookie_hash,omitempty"`
	Verifier   string `json:"verifier,omitempty"` // sealed

	Used    bool   `json:"used,omitempty"`
	Outcome string `json:"outcome,omitempty"` // "connected" or the code of the error it ended with
	Account string `json:"account,omitempty"`
}

// grant is the token pair of one authorization.
type grant struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Access  string    `json:"access"`  // sealed
	Refresh string    `json:"refresh"` // sealed
	Expires time.Time `json:"expires"`
	Stored  time.Time `json:"stored"`

	// Gen counts the pairs. A refresh may only replace the pair it began with.
	Gen int `json:"gen"`

	// Who is refreshing, until when. A lease that ran out means that its
	// holder died on the way: what came of that refresh is unknown.
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`

	Unknowns int `json:"unknowns,omitempty"` // refreshes of this pair whose outcome nobody knows
}

const (
	accountTable = "x_accounts"
	requestTable = "x_account_requests"
	grantTable   = "x_account_grants"
)

func accounts() store.Table[Account] {
	return store.Table[Account]{
		Name: accountTable,
		Key:  func(a Account) []byte { return store.Key(a.ID) },
		Indexes: []store.Index[Account]{
			{Name: "handle", Keys: func(a Account) [][]byte { return [][]byte{store.Key(strings.ToLower(a.Handle))} }},
			{Name: "default", Unique: true, Keys: func(a Account) [][]byte {
				if !a.Default {
					return nil
				}
				return [][]byte{store.Key("default")}
			}},
		},
	}
}

func requests() store.Table[Request] {
	return store.Table[Request]{
		Name: requestTable,
		Key:  func(r Request) []byte { return store.Key(r.ID) },
		Indexes: []store.Index[Request]{
			{Name: "state", Unique: true, Keys: func(r Request) [][]byte {
				if r.StateHash == "" {
					return nil
				}
				return [][]byte{store.Key(r.StateHash)}
			}},
			{Name: "expires", Keys: func(r Request) [][]byte { return [][]byte{store.Key(r.Expires)} }},
		},
	}
}

func grants() store.Table[grant] {
	return store.Table[grant]{
		Name: grantTable,
		Key:  func(g grant) []byte { return store.Key(g.ID) },
	}
}
