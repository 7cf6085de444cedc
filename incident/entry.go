package incident

import (
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/outbox"
)

// Visibility is who gets to see an entry. Each level includes the ones before.
type Visibility string

// The visibilities of an entry.
const (
	Internal   Visibility = "internal"    // incident responders
	StatusPage Visibility = "status_page" // and the private status page
	Twitter    Visibility = "twitter"     // and everybody, on X
)

// ParseVisibility reads the ways in which people and programs write a
// visibility: "internal", "status page", "status page + twitter", Rootly's
// "external" and "incident responders + private status page + twitter".
func ParseVisibility(s string) (Visibility, bool) {
	var words []string
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '+' || r == '_' || r == '-' || r == ',' || r == '/' || r == '\t'
	}) {
		switch w {
		case "and", "private", "incident":
		case "x", "tweet":
			words = append(words, "twitter")
		case "statuspage":
			words = append(words, "status", "page")
		default:
			words = append(words, w)
		}
	}
	switch strings.TrimPrefix(strings.Join(words, " "), "responders ") {
	case "internal", "responders":
		return Internal, true
	case "status page", "status", "external":
		return StatusPage, true
	case "status page twitter", "twitter", "public":
		return Twitter, true
	}
	return "", false
}

// Label is how people see the visibility.
func (v Visibility) Label() string {
	switch v {
	case StatusPage:
		return "status page"
	case Twitter:
		return "status page + twitter"
	default:
		return "internal"
	}
}

// Entry is one line of an incident's timeline. It is stored as JSON: fields
// are added, never renamed.
type Entry struct {
	ID         string     `json:"id"`
	IncidentID string     `json:"incident_id"`
	Text       string     `json:"text"`
	Visibility Visibility `json:"visibility"`
	Source     Source     `json:"source"`
	Author     string     `json:"author,omitempty"` // a chat's user ref or a token's ID
	AuthorName string     `json:"author_name,omitempty"`

	// AddedBy brought somebody else's words in: the author is who said them.
	AddedBy     string `json:"added_by,omitempty"`
	AddedByName string `json:"added_by_name,omitempty"`

	// WordsBy answers for the words, if it isn't the author: who brought them
	// in, or last changed them. Another person has to approve them.
	WordsBy string `json:"words_by,omitempty"`

	Locked bool `json:"locked,omitempty"` // written by Perch itself: can't be changed

	OccurredAt time.Time `json:"occurred_at"` // the timeline's order
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	StarredAt  time.Time `json:"starred_at,omitzero"`

	Posts     []Publication `json:"posts,omitempty"`
	Revisions []Revision    `json:"revisions,omitempty"` // oldest first, without the current one

	Origin    string `json:"origin,omitempty"` // what made it, so that a repeat makes no second one
	Permalink string `json:"permalink,omitempty"`

	DeletedAt  time.Time `json:"deleted_at,omitzero"` // kept so that its posts can still be followed
	DeletedBy  string    `json:"deleted_by,omitempty"`
	DeletePost bool      `json:"delete_post,omitempty"` // its posts are to go as well
	Gen        int       `json:"gen,omitempty"`         // counts the attempts at making posts, for their keys
}

// wordsBy is who can't approve the entry's words.
func (e Entry) wordsBy() string {
	if e.WordsBy != "" {
		return e.WordsBy
	}
	return e.Author
}

// Starred reports whether somebody marked the entry.
func (e Entry) Starred() bool { return !e.StarredAt.IsZero() }

// Deleted reports whether the entry was deleted.
func (e Entry) Deleted() bool { return !e.DeletedAt.IsZero() }

// Revision is what an entry said before a change.
type Revision struct {
	Text       string     `json:"text"`
	Visibility Visibility `json:"visibility"`
	OccurredAt time.Time  `json:"occurred_at"`
	By         string     `json:"by,omitempty"`
	At         time.Time  `json:"at"` // when it was changed
}

// PubState is where the publication of an entry stands.
type PubState string

// The states of a publication.
const (
	PubDraft     PubState = "draft"             // shown to a person, who has to confirm
	PubAwaiting  PubState = "awaiting_approval" // another person has to approve it
	PubQueued    PubState = "queued"
	PubSending   PubState = "sending"
	PubPosted    PubState = "posted"
	PubFailed    PubState = "failed"
	PubUnknown   PubState = "unknown"    // may be out; being looked up, or a person decides
	PubCancelled PubState = "cancelled"  // a person decided against it
	PubTooLong   PubState = "too_long"   // Split, or a shorter text
	PubRefused   PubState = "refused"    // Failure says why
	PubNoAccount PubState = "no_account" // no X account is connected
	PubDeleted   PubState = "deleted"    // was out, was deleted
)

// Publication is the fate of an entry on one X account.
type Publication struct {
	Account string   `json:"account,omitempty"` // X user id
	Handle  string   `json:"handle,omitempty"`
	State   PubState `json:"state"`
	Parts   []Part   `json:"parts,omitempty"` // one post, or several once it is split

	Weighted int      `json:"weighted,omitempty"` // length as X counts it
	Limit    int      `json:"limit,omitempty"`
	Possible int      `json:"possible,omitempty"` // too_long: in how many parts it would go
	Warnings []string `json:"warnings,omitempty"` // for the preview

	Failure *outbox.Failure `json:"failure,omitempty"`

	// Stale: the entry was changed after it was published; the post was not.
	Stale bool `json:"stale,omitempty"`

	Approval  bool   `json:"approval,omitempty"`   // a second person has to approve
	Confirmed bool   `json:"confirmed,omitempty"`  // a person, or the policy, said yes
	Override  bool   `json:"override,omitempty"`   // publish although the incident is private
	SplitInto bool   `json:"split_into,omitempty"` // a thread is wanted if it is too long
	KeyBase   string `json:"key_base,omitempty"`
}

// Part is one post of a publication.
type Part struct {
	Action  string          `json:"action"`
	Text    string          `json:"text"`
	State   outbox.State    `json:"state"`
	Stuck   bool            `json:"stuck,omitempty"`
	PostID  string          `json:"post_id,omitempty"`
	URL     string          `json:"url,omitempty"`
	At      time.Time       `json:"at,omitzero"` // when X took it
	Failure *outbox.Failure `json:"failure,omitempty"`
	Gone    bool            `json:"gone,omitempty"` // deleted on X
}

// Public reports whether something of the publication is on X, or may be.
func (p Publication) Public() bool {
	for _, part := range p.Parts {
		switch part.State {
		case outbox.Attempting, outbox.Unknown:
			return true
		case outbox.Done:
			if !part.Gone {
				return true
			}
		case outbox.Draft, outbox.Awaiting, outbox.Queued, outbox.Failed, outbox.Cancelled:
		}
	}
	return false
}

// ActionIDs are the outbox actions of the publication.
func (p Publication) ActionIDs() []string {
	ids := make([]string, len(p.Parts))
	for i, part := range p.Parts {
		ids[i] = part.Action
	}
	return ids
}

// URLs are the addresses of what was posted.
func (p Publication) URLs() []string {
	var urls []string
	for _, part := range p.Parts {
		if part.URL != "" && !part.Gone {
			urls = append(urls, part.URL)
		}
	}
	return urls
}

// Texts are the posts as they are or would be sent.
func (p Publication) Texts() []string {
	var texts []string
	for _, part := range p.Parts {
		texts = append(texts, part.Text)
	}
	return texts
}

// NewEntry is what an entry is made from.
type NewEntry struct {
	Text       string
	Visibility Visibility // "" is Internal
	Source     Source
	By         Person
	Said       Person    // whose words they are, if By only brings them in
	OccurredAt time.Time // zero: now
	Starred    bool
	Permalink  string
	Locked     bool

	Accounts []string // X user ids to publish as; none is the default account
	Override bool     // publish although the incident is private

	// Origin makes a repeat harmless: of the entries of an incident with one
	// Origin there is only the first.
	Origin string

	approval bool   // a workflow asks for it
	keyBase  string // the keys of its actions begin with this
}

// Edit is a change of an entry. What is nil stays.
type Edit struct {
	Text       *string
	Visibility *Visibility
	OccurredAt *time.Time
	Starred    *bool
	Accounts   []string
	Source     Source // who asks; an API's policy differs from a chat's
}
