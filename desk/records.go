package desk

import (
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// Kind is the way in which a customer wrote.
type Kind string

// The kinds of conversations.
const (
	DM      Kind = "dm"      // direct messages: answers are private
	Mention Kind = "mention" // a post that names the account: answers are public
)

// Contact is a person on X, as one account knows them. It is stored as JSON:
// fields are added, never renamed.
type Contact struct {
	Account   string    `json:"account"`
	ID        string    `json:"id"` // X user id
	Handle    string    `json:"handle"`
	Name      string    `json:"name"`
	AvatarURL string    `json:"avatar_url,omitempty"`
	Followers int       `json:"followers,omitempty"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
}

// State is where a conversation stands.
type State string

// The states of a conversation.
const (
	Queued  State = "queued"  // the customer waits, nobody has claimed it
	Claimed State = "claimed" // the customer waits for the owner's answer
	Waiting State = "waiting" // the owner answered: it is the customer's turn
	Snoozed State = "snoozed" // put off by its owner, until a time or until the customer writes
	Closed  State = "closed"
)

// Conversation is what one customer and one account write to each other. It is
// stored as JSON: fields are added, never renamed.
type Conversation struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Kind    Kind   `json:"kind"`
	Contact string `json:"contact"`        // X user id
	Root    string `json:"root,omitempty"` // the thread's first post, for a mention

	// XConversation is X's own id of it, if X gave one.
	XConversation string `json:"x_conversation,omitempty"`

	State      State       `json:"state"`
	Owner      bot.UserRef `json:"owner,omitempty"`
	OwnerName  string      `json:"owner_name,omitempty"`
	Department string      `json:"department"`

	Channel  bot.ChannelRef   `json:"channel"`
	Cards    int              `json:"cards"`               // how many cards were posted: one, and one for each move to another channel
	CardID   string           `json:"card_id,omitempty"`   // the action that posts the card
	CardAt   time.Time        `json:"card_at,omitzero"`    // when that was added
	CardRef  bot.MessageRef   `json:"card_ref,omitempty"`  // the card, once it is posted
	OldCards []bot.MessageRef `json:"old_cards,omitempty"` // in channels it was moved from

	// Shut are the rooms that were found closed before anybody said so: what their
	// agents said last, and that it is over, is still to be heard.
	Shut []bot.MessageRef `json:"shut,omitempty"`

	Opened       time.Time   `json:"opened"`
	Updated      time.Time   `json:"updated"`
	ClosedAt     time.Time   `json:"closed_at,omitzero"`
	ClosedBy     string      `json:"closed_by,omitempty"`      // a name
	WaitingSince time.Time   `json:"waiting_since,omitzero"`   // since when the customer waits for us
	Unread       int         `json:"unread,omitempty"`         // what the customer wrote since the last answer
	Last         string      `json:"last,omitempty"`           // the newest words of the customer
	LastIn       time.Time   `json:"last_in,omitzero"`         // when the customer last wrote
	LastInID     string      `json:"last_in_id,omitempty"`     // X's id of that
	Welcomed     bool        `json:"welcomed,omitempty"`       // had its first automatic answer
	Finished     bool        `json:"finished,omitempty"`       // was told that it is over, and no agent has written since
	Unavailable  time.Time   `json:"unavailable,omitzero"`     // when the customer was last told that nobody is there
	Encrypted    bool        `json:"encrypted,omitempty"`      // the newest message can only be read on X
	Told         int         `json:"told,omitempty"`           // how many notes the desk has put in the thread
	CardEdits    int         `json:"card_edits,omitempty"`     // how often the card was changed
	FirstAnswer  time.Time   `json:"first_answer,omitzero"`    // when an agent first answered
	Reopened     int         `json:"reopened,omitempty"`       // how often it went on after its end
	Previous     bot.UserRef `json:"previous_owner,omitempty"` // who owned it when it was closed
	PreviousName string      `json:"previous_owner_name,omitempty"`

	// Seen is when what came last from the thread was written.
	Seen time.Time `json:"seen,omitzero"`

	// Signs are the reactions on the card that were heard and still stand: who
	// set which. SignsKnown says that there are no others.
	Signs      []string `json:"signs,omitempty"`
	SignsKnown bool     `json:"signs_known,omitempty"`

	SnoozedUntil time.Time `json:"snoozed_until,omitzero"`
	Called       time.Time `json:"called,omitzero"`    // when those on duty were called, or would have been, for what waits
	Reminded     bool      `json:"reminded,omitempty"` // they were called again
	Alarm        time.Time `json:"alarm,omitzero"`     // when the desk looks at it by itself
	Fresh        time.Time `json:"fresh,omitzero"`     // when its card is to tell the waiting time anew
}

// Open reports whether the conversation goes on.
func (c Conversation) Open() bool { return c.State != Closed }

// Direction is which way a message goes.
type Direction string

// The directions.
const (
	In   Direction = "in"   // from the customer
	Out  Direction = "out"  // to the customer
	Note Direction = "note" // among agents
)

// Origin is who wrote a message.
type Origin string

// The origins.
const (
	Customer Origin = "customer"
	Agent    Origin = "agent"
	Bot      Origin = "bot"      // an automatic message
	NativeX  Origin = "native_x" // somebody answered on x.com
)

// Delivery is what became of a message to the customer.
type Delivery string

// The deliveries.
const (
	Unsent    Delivery = "unsent"    // its author has to claim the conversation, or look at the preview, first
	Refused   Delivery = "refused"   // it can't be sent as it is
	Sending   Delivery = "sending"   // queued or on its way
	Sent      Delivery = "sent"      // X has it
	Failed    Delivery = "failed"    // X surely does not have it
	Stuck     Delivery = "stuck"     // X did not say if it has it
	Withdrawn Delivery = "withdrawn" // it was not sent and won't be
)

// Message is one message of a conversation. It is stored as JSON: fields are
// added, never renamed.
type Message struct {
	ID           string    `json:"id"`
	Conversation string    `json:"conversation"`
	Account      string    `json:"account"`
	Kind         Kind      `json:"kind"`
	Direction    Direction `json:"direction"`
	Origin       Origin    `json:"origin"`
	XID          string    `json:"x_id,omitempty"` // the event's or the post's id at X
	Text         string    `json:"text,omitempty"`
	Files        []File    `json:"files,omitempty"`
	Encrypted    bool      `json:"encrypted,omitempty"`
	At           time.Time `json:"at"`
	Late         bool      `json:"late,omitempty"`        // X delivered it after what was written later
	Deleted      bool      `json:"deleted,omitempty"`     // on X, by its author: the words are gone
	EditedAt     time.Time `json:"edited_at,omitzero"`    // on X, by its author
	Versions     []string  `json:"x_versions,omitempty"`  // the ids of what it was before
	EditedText   string    `json:"edited_text,omitempty"` // what its author made of it in chat after it was sent

	Author       bot.UserRef `json:"author,omitempty"`
	AuthorName   string      `json:"author_name,omitempty"`
	AuthorHandle string      `json:"author_handle,omitempty"`

	Colleagues []string `json:"colleagues,omitempty"` // whom of the team the text names, as it shows them

	ChatRef bot.MessageRef `json:"chat_ref,omitempty"` // where an agent wrote it
	ChatKey string         `json:"chat_key,omitempty"` // the key of the action that shows it

	Room int `json:"room,omitempty"` // in which of the conversation's rooms it is shown, where the one that it was for was closed

	// A message with several files goes out as several: this one with its text
	// and its first file, and one message More for each other.
	Part string   `json:"part,omitempty"` // the message whose further file this is
	More []string `json:"more,omitempty"` // those messages

	Delivery Delivery `json:"delivery,omitempty"`
	Action   string   `json:"action,omitempty"` // the action that sends it
	Tries    int      `json:"tries,omitempty"`  // how many actions were made for it
	Mark     string   `json:"mark,omitempty"`   // the reaction that is on it
	Marks    int      `json:"marks,omitempty"`  // how often that was changed
	Notice   string   `json:"notice,omitempty"` // the key of the newest notice about it
	Notices  int      `json:"notices,omitempty"`
	Delayed  bool     `json:"delayed,omitempty"` // its author was told that it waits
	Reason   string   `json:"reason,omitempty"`  // why it failed or was refused
	Offer    string   `json:"offer,omitempty"`   // the action that asks its author what to do with it

	OfferOwner bot.UserRef `json:"offer_owner,omitempty"` // who had the conversation when that was asked

	Gone bool `json:"gone,omitempty"` // in chat, by its author

	Asked *Asked `json:"asked,omitempty"` // where its author was asked, once they have answered
}

// File is a file that came with a message.
type File struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"` // media type
	Size int64  `json:"size,omitempty"`
	URL  string `json:"url,omitempty"`
	Alt  string `json:"alt,omitempty"` // what it shows, as its sender says

	Platform string `json:"platform,omitempty"` // the chat it is in, of an agent's file
	ID       string `json:"id,omitempty"`       // what that chat calls it
}

func contacts() store.Table[Contact] {
	return store.Table[Contact]{
		Name: "desk_contacts",
		Key:  func(c Contact) []byte { return store.Key(c.Account, c.ID) },
	}
}

func party(account string, k Kind, contact, root string) []byte {
	return store.Key(account, string(k), contact, root)
}

func conversations() store.Table[Conversation] {
	return store.Table[Conversation]{
		Name: "desk_conversations",
		Key:  func(c Conversation) []byte { return store.Key(c.ID) },
		Indexes: []store.Index[Conversation]{
			// One open conversation of the same two: what comes in at once from
			// two sides meets in it.
			{Name: "open", Unique: true, Keys: func(c Conversation) [][]byte {
				if !c.Open() {
					return nil
				}
				return [][]byte{party(c.Account, c.Kind, c.Contact, c.Root)}
			}},
			{Name: "party", Keys: func(c Conversation) [][]byte {
				return [][]byte{append(party(c.Account, c.Kind, c.Contact, c.Root), store.Key(c.Opened)...)}
			}},
			{Name: "thread", Unique: true, Keys: func(c Conversation) [][]byte {
				var keys [][]byte
				for _, ref := range append([]bot.MessageRef{c.CardRef}, c.OldCards...) {
					if ref != "" {
						keys = append(keys, store.Key(string(ref)))
					}
				}
				return keys
			}},
			{Name: "unposted", Keys: func(c Conversation) [][]byte {
				if c.CardRef != "" {
					return nil
				}
				return [][]byte{store.Key(string(c.Channel))}
			}},
			{Name: "state", Keys: func(c Conversation) [][]byte {
				return [][]byte{store.Key(string(c.State), c.LastIn)}
			}},
			{Name: "alarm", Keys: func(c Conversation) [][]byte { return timeKey(c.Alarm) }},
			{Name: "fresh", Keys: func(c Conversation) [][]byte { return timeKey(c.Fresh) }},
			{Name: "owner", Keys: func(c Conversation) [][]byte {
				if c.Owner == "" || !c.Open() {
					return nil
				}
				return [][]byte{store.Key(string(c.Owner))}
			}},
		},
	}
}

// timeKey is the key of an index by a time that not every record has.
func timeKey(t time.Time) [][]byte {
	if t.IsZero() {
		return nil
	}
	return [][]byte{store.Key(t)}
}

func messages() store.Table[Message] {
	one := func(name string, unique bool, key func(Message) []byte) store.Index[Message] {
		return store.Index[Message]{Name: name, Unique: unique, Keys: func(m Message) [][]byte {
			if k := key(m); k != nil {
				return [][]byte{k}
			}
			return nil
		}}
	}
	return store.Table[Message]{
		Name: "desk_messages",
		Key:  func(m Message) []byte { return store.Key(m.ID) },
		Indexes: []store.Index[Message]{
			{Name: "x", Unique: true, Keys: func(m Message) (keys [][]byte) {
				if m.XID != "" {
					keys = append(keys, store.Key(m.Account, string(m.Kind), m.XID))
				}
				for _, x := range m.Versions {
					keys = append(keys, store.Key(m.Account, string(m.Kind), x))
				}
				return keys
			}},
			one("chat", true, func(m Message) []byte {
				if m.ChatRef == "" {
					return nil
				}
				return store.Key(string(m.ChatRef))
			}),
			one("conversation", false, func(m Message) []byte { return store.Key(m.Conversation, m.At) }),
			one("pending", false, func(m Message) []byte {
				if m.Delivery != Sending && m.Delivery != Stuck {
					return nil
				}
				return store.Key(m.Account, m.Conversation)
			}),
		},
	}
}

// Get returns a conversation. The error of one that isn't there is an *[Error].
func (d *Desk) Get(tx store.Tx, conversationID string) (Conversation, error) {
	c, ok, err := conversations().Find(tx, store.Key(conversationID))
	if err != nil {
		return Conversation{}, err
	}
	if !ok {
		return Conversation{}, problem(CodeNotFound, "This conversation is not known any more.")
	}
	return c, nil
}

// Contact returns the customer of a conversation.
func (d *Desk) Contact(tx store.Tx, c Conversation) (Contact, error) {
	return contacts().Get(tx, store.Key(c.Account, c.Contact))
}

// List returns conversations in a state, the one that was written to longest
// ago first; a limit of 0 means all.
func (d *Desk) List(tx store.Tx, s State, limit int) ([]Conversation, error) {
	return store.Collect(conversations().By(tx, "state", store.Key(string(s)), store.Range{Limit: limit}))
}

// OpenOf counts the open conversations of an X account.
func (d *Desk) OpenOf(tx store.Tx, account string) (n int, err error) {
	for _, err := range conversations().By(tx, "open", store.Key(account), store.Range{}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Owned returns the open conversations of a person.
func (d *Desk) Owned(tx store.Tx, user bot.UserRef) ([]Conversation, error) {
	return store.Collect(conversations().By(tx, "owner", store.Key(string(user)), store.Range{}))
}

// Messages returns the messages of a conversation, oldest first.
func (d *Desk) Messages(tx store.Tx, conversationID string) ([]Message, error) {
	return store.Collect(messages().By(tx, "conversation", store.Key(conversationID), store.Range{}))
}

func (d *Desk) message(tx store.Tx, messageID string) (Message, Conversation, error) {
	m, ok, err := messages().Find(tx, store.Key(messageID))
	if err != nil {
		return Message{}, Conversation{}, err
	}
	if !ok {
		return Message{}, Conversation{}, problem(CodeNotFound, "This message is not known any more.")
	}
	c, err := d.Get(tx, m.Conversation)
	return m, c, err
}
