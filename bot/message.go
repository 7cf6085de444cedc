package bot

// Message is what the bot says. Nothing in it is markup: adapters escape every
// text, so that what a customer or a template wrote can neither mention,
// format nor link. It is stored as JSON: fields are added, never renamed.
type Message struct {
	Channel ChannelRef `json:"channel,omitempty"`
	Thread  MessageRef `json:"thread,omitempty"` // answer in this thread

	// Only shows the message to one person. Respond is the event's Respond, if
	// there was one: a better way to the same person.
	Only    UserRef `json:"only,omitempty"`
	Respond string  `json:"respond,omitempty"`

	// Secret is for Only alone, also where the chat would show such a message to
	// a few others: all who serve the customer in whose room it was asked for.
	Secret bool `json:"secret,omitempty"`

	// Trigger is the event's Trigger, for an answer to one person: where the
	// chat has a form under way for it, the answer is shown there.
	Trigger string `json:"trigger,omitempty"`

	// Key is the action's key. The adapter stores it with the message, or makes
	// the message's ID from it, so that a repeat is harmless or can be found.
	Key string `json:"key,omitempty"`

	// Author is shown as the sender where the chat can do that, else as a first line.
	Author *Author `json:"author,omitempty"`

	Text   string  `json:"text"`             // in plain words, for notifications and chats without blocks
	Blocks []Block `json:"blocks,omitempty"` // what is shown; empty means Text
}

// Author is a sender who is no user of the chat: a customer.
type Author struct {
	Name      string `json:"name"`
	Handle    string `json:"handle,omitempty"`
	AvatarURL string `json:"avatar_url,omitempty"`
}

// BlockKind says what a block is.
type BlockKind string

// The kinds of blocks.
const (
	BlockHeader  BlockKind = "header"  // Text
	BlockText    BlockKind = "text"    // Spans
	BlockQuote   BlockKind = "quote"   // Spans, set off: somebody else's words
	BlockSteps   BlockKind = "steps"   // Items, numbered
	BlockFields  BlockKind = "fields"  // Fields, in two columns where there is room
	BlockContext BlockKind = "context" // Spans, small print
	BlockActions BlockKind = "actions" // Buttons
	BlockImage   BlockKind = "image"   // Image
	BlockPreview BlockKind = "preview" // Preview: a post as it will be seen
	BlockDivider BlockKind = "divider"
)

// Block is one part of a message. Its kind says which of its fields count.
type Block struct {
	Kind    BlockKind `json:"kind"`
	Text    string    `json:"text,omitempty"`
	Spans   []Span    `json:"spans,omitempty"`
	Items   [][]Span  `json:"items,omitempty"`
	Fields  []Field   `json:"fields,omitempty"`
	Buttons []Button  `json:"buttons,omitempty"`
	Image   *Image    `json:"image,omitempty"`
	Preview *Preview  `json:"preview,omitempty"`
}

// Span is a run of text in one style. Mention names a person and is drawn as
// the chat draws mentions; Channel likewise. URL makes it a link.
type Span struct {
	Text    string     `json:"text,omitempty"`
	Bold    bool       `json:"bold,omitempty"`
	Italic  bool       `json:"italic,omitempty"`
	Code    bool       `json:"code,omitempty"`
	Strike  bool       `json:"strike,omitempty"`
	URL     string     `json:"url,omitempty"`
	Mention UserRef    `json:"mention,omitempty"`
	Channel ChannelRef `json:"channel,omitempty"`
}

// Field is a label and a value.
type Field struct {
	Label string `json:"label"`
	Value []Span `json:"value"`
}

// ButtonStyle is how much a button asks for attention.
type ButtonStyle string

// The styles of buttons.
const (
	ButtonPlain   ButtonStyle = ""
	ButtonPrimary ButtonStyle = "primary"
	ButtonDanger  ButtonStyle = "danger"
)

// Button raises an EventAction with its ID and Value, or opens its URL.
type Button struct {
	ID      string      `json:"id"`
	Label   string      `json:"label"` // up to 75 characters
	Value   string      `json:"value,omitempty"`
	Style   ButtonStyle `json:"style,omitempty"`
	URL     string      `json:"url,omitempty"`
	Confirm string      `json:"confirm,omitempty"` // a question to answer first; see Event.Ask
}

// Image is a picture.
type Image struct {
	URL string `json:"url"`
	Alt string `json:"alt"`
}

// Preview is a post on X as people will see it.
type Preview struct {
	Account string   `json:"account"` // the handle, without @
	Name    string   `json:"name"`
	Avatar  string   `json:"avatar,omitempty"`
	Parts   []string `json:"parts"`  // one text a post
	Counts  []int    `json:"counts"` // weighted length a part
	Limit   int      `json:"limit"`
}

// Form asks a person for a few values. The chat sends them as an EventSubmit
// with the form's ID and Value.
type Form struct {
	ID     string  `json:"id"`
	Title  string  `json:"title"` // up to 24 characters
	Submit string  `json:"submit"`
	Value  string  `json:"value,omitempty"`
	Inputs []Input `json:"inputs"`

	Channel ChannelRef `json:"channel,omitempty"` // where it was asked for; comes back with the event
	Thread  MessageRef `json:"thread,omitempty"`
}

// Input is one field of a form. With Options it is a choice, else a text.
type Input struct {
	Name     string   `json:"name"`
	Label    string   `json:"label"`
	Hint     string   `json:"hint,omitempty"`
	Initial  string   `json:"initial,omitempty"`
	Lines    int      `json:"lines,omitempty"` // over 1: a text area
	Max      int      `json:"max,omitempty"`   // characters; 0 means the chat's own limit
	Optional bool     `json:"optional,omitempty"`
	Options  []Option `json:"options,omitempty"`
}

// Option is one choice.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Plain is a span without style.
func Plain(s string) Span { return Span{Text: s} }

// Bold is a bold span.
func Bold(s string) Span { return Span{Text: s, Bold: true} }

// Code is a span in code style.
func Code(s string) Span { return Span{Text: s, Code: true} }

// Link is a link.
func Link(text, url string) Span { return Span{Text: text, URL: url} }

// Mention is a person.
func Mention(u UserRef) Span { return Span{Mention: u} }

// Header is a heading block.
func Header(s string) Block { return Block{Kind: BlockHeader, Text: s} }

// Para is a text block.
func Para(spans ...Span) Block { return Block{Kind: BlockText, Spans: spans} }

// Quote is a block of somebody else's words.
func Quote(s string) Block { return Block{Kind: BlockQuote, Spans: []Span{{Text: s}}} }

// Context is a block of small print.
func Context(spans ...Span) Block { return Block{Kind: BlockContext, Spans: spans} }

// Steps is a numbered list.
func Steps(items ...[]Span) Block { return Block{Kind: BlockSteps, Items: items} }

// Actions is a row of buttons.
func Actions(b ...Button) Block { return Block{Kind: BlockActions, Buttons: b} }

// Fields is a block of labels and values.
func Fields(f ...Field) Block { return Block{Kind: BlockFields, Fields: f} }
