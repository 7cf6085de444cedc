package bot

// The kinds of the outbox's actions in a chat. The platform is the one whose
// name begins the ref.
const (
	KindPost    = "chat.post"    // payload [Post], result [PostResult]
	KindEdit    = "chat.edit"    // payload [Edit]
	KindDelete  = "chat.delete"  // payload [Delete]
	KindReact   = "chat.react"   // payload [React]
	KindOpen    = "chat.open"    // payload [Open]
	KindChannel = "chat.channel" // payload [EnsureChannel], result [ChannelResult]
)

// Post sends a message.
type Post struct {
	Message Message `json:"message"`

	// ThreadOf is the key of the chat.post action whose message is the thread's
	// first; it is looked up when the action is carried out.
	ThreadOf string `json:"thread_of,omitempty"`
}

// PostResult is where the message now is.
type PostResult struct {
	Ref MessageRef `json:"ref"`
}

// Edit replaces a message. RefOf is the key of the chat.post action that sent
// it, for a message whose ref was not known yet.
type Edit struct {
	Ref     MessageRef `json:"ref,omitempty"`
	RefOf   string     `json:"ref_of,omitempty"`
	Message Message    `json:"message"`
}

// Delete deletes a message of the bot.
type Delete struct {
	Ref   MessageRef `json:"ref,omitempty"`
	RefOf string     `json:"ref_of,omitempty"`
}

// React sets or removes a reaction of the bot.
type React struct {
	Ref   MessageRef `json:"ref,omitempty"`
	RefOf string     `json:"ref_of,omitempty"`
	Emoji string     `json:"emoji"`
	On    bool       `json:"on"`
}

// Open shows a form to the person whose trigger it is.
type Open struct {
	Platform string `json:"platform"`
	Trigger  string `json:"trigger"`
	Form     Form   `json:"form"`
}

// EnsureChannel finds or makes a channel.
type EnsureChannel struct {
	Platform string `json:"platform"`
	Name     string `json:"name"`
	Purpose  string `json:"purpose,omitempty"`
	Private  bool   `json:"private,omitempty"`
}

// ChannelResult is the channel.
type ChannelResult struct {
	Ref ChannelRef `json:"ref"`
}
