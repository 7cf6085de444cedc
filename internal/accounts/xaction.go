// Package accounts keeps the X accounts that Perch may act for: who connected
// them, their sealed tokens, and the requests to connect another. It speaks to
// X only through the Authorizer it is given, and never shows or logs a token.
package accounts

import "time"

// The kinds of the outbox's actions on X.
const (
	KindPost      = "x.post"      // payload [XPost], result [XPosted]
	KindDelete    = "x.delete"    // payload [XDelete]
	KindDM        = "x.dm"        // payload [XDM], result [XDMSent]
	KindRevoke    = "x.revoke"    // payload [XRevoke]
	KindSubscribe = "x.subscribe" // payload [XSubscribe]
)

// XPost publishes a post.
type XPost struct {
	Account string `json:"account"` // X user id
	Text    string `json:"text"`

	// The parent, if it is a reply, is the first of these that is set.
	ReplyTo       string `json:"reply_to,omitempty"`        // a post's id
	ReplyToAction string `json:"reply_to_action,omitempty"` // the action, already done, that made the parent
	Thread        string `json:"thread,omitempty"`          // "incident:<id>": reply to the thread's first post, or become it

	MediaIDs []string `json:"media_ids,omitempty"`

	// Files are brought to X just before it is posted: up to four pictures, or
	// one GIF, or one video.
	Files []XFile `json:"files,omitempty"`
}

// XFile is a file of a chat that goes to X. What X or the settings don't take
// is refused before anything is sent.
type XFile struct {
	Platform string   `json:"platform"` // the chat that it is in, and what that calls it
	ID       string   `json:"id"`
	Name     string   `json:"name,omitempty"`
	Type     string   `json:"type,omitempty"` // media type, as the chat says
	Size     int64    `json:"size,omitempty"` // bytes, as the chat says
	URL      string   `json:"url,omitempty"`
	Alt      string   `json:"alt,omitempty"`   // what it shows, for those who can't see it
	Most     int64    `json:"most,omitempty"`  // bytes; 0: what X takes
	Types    []string `json:"types,omitempty"` // media types that are taken, "image/*"; none means all that X takes
}

// XPosted is a published post.
type XPosted struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	InReplyTo string    `json:"in_reply_to,omitempty"`
	At        time.Time `json:"at"`
}

// XDelete deletes a post of the account.
type XDelete struct {
	Account string `json:"account"`
	PostID  string `json:"post_id"`
}

// XDM sends a direct message.
type XDM struct {
	Account   string `json:"account"`
	Recipient string `json:"recipient"` // X user id
	Text      string `json:"text"`

	File *XFile `json:"file,omitempty"` // X takes one a message
}

// XDMSent is a sent direct message.
type XDMSent struct {
	EventID        string `json:"event_id"`
	ConversationID string `json:"conversation_id"`
}

// XRevoke takes back, at X, what the account granted, and forgets its tokens.
type XRevoke struct {
	Account string `json:"account"`
	Grant   string `json:"grant"` // which of its token pairs
}

// XSubscribe has X deliver the account's events.
type XSubscribe struct {
	Account string `json:"account"`
}
