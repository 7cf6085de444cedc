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
