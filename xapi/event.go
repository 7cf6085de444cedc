package xapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Kind says what a delivery tells.
type Kind string

// The kinds of events.
const (
	DMReceived    Kind = "dm.received"   // DM
	DMSent        Kind = "dm.sent"       // DM: our own, also one typed on x.com
	DMRead        Kind = "dm.read"       // UserID read up to ID
	Typing        Kind = "typing"        // UserID writes
	EncryptedChat Kind = "chat.received" // Chat: what it says only x.com can show
	Mention       Kind = "mention"       // Post names the account explicitly
	Reply         Kind = "reply"         // Post answers one of the account's, without naming it
	Posted        Kind = "posted"        // Post is the account's own
	Deleted       Kind = "deleted"       // post ID is gone
	Revoked       Kind = "oauth.revoked" // UserID took the permission back
	Unknown       Kind = "unknown"       // Raw
)

// Event is one thing that a delivery tells.
type Event struct {
	Kind    Kind
	Type    string // X's own name for it, "dm.received" or "direct_message_events"
	Account string // id of the user whose subscription it is; may be empty
	ID      string // of the message, post or chat event: what makes a repeat one
	UUID    string // of the delivery; may differ between repeats, may be negative
	UserID  string // who did it
	At      time.Time

	DM    *DMEvent
	Post  *Tweet
	Chat  *Chat
	Users map[string]User // who X told about

	Raw json.RawMessage // of Unknown
}

// Chat is an encrypted message, of which only the outside can be seen.
type Chat struct {
	ID             string
	ConversationID string // "111:222" for two; in paths X writes it with a hyphen
	SenderID       string
	At             time.Time
}

// User returns what X told about a user, or one with only the id.
func (e Event) User(userID string) User {
	if u, ok := e.Users[userID]; ok {
		return u
	}
	return User{ID: userID}
}

// Key is the same for every delivery of the same thing to the same account.
func (e Event) Key() string {
	thing := e.ID
	if thing == "" {
		thing = e.UUID
	}
	if thing == "" || e.Kind == DMRead || e.Kind == Typing {
		sum := sha256.Sum256(append([]byte(e.Type+"\x00"+e.UserID+"\x00"+thing+"\x00"+e.At.String()+"\x00"), e.Raw...))
		thing = hex.EncodeToString(sum[:12])
	}
	family := string(e.Kind)
	switch e.Kind {
	case DMReceived, DMSent:
		family = "dm"
	case EncryptedChat:
		family = "chat"
	case Mention, Reply, Posted: // one post can arrive as several of these
		family = "post"
	default:
	}
	return family + ":" + e.Account + ":" + thing
}
