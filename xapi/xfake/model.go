package xfake

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// User is a person or an account on the fake X.
type User struct {
	// ID is the numeric user id; one is made when empty.
	ID string `json:"id"`
	// Handle is the name without @.
	Handle string `json:"handle"`
	// Name is the display name; the handle when empty.
	Name string `json:"name"`
	// Avatar is a data: or https: URL; a drawing is served when empty.
	Avatar string `json:"avatar,omitempty"`
	// Bio is the profile's description.
	Bio string `json:"bio,omitempty"`
	// Followers is what public_metrics reports.
	Followers int `json:"followers,omitempty"`
	// DMsClosed refuses direct messages from everybody.
	DMsClosed bool `json:"dms_closed,omitempty"`
	// Premium allows posts of up to 25,000 characters.
	Premium bool `json:"premium,omitempty"`
	// Suspended makes every call of the user fail as X does.
	Suspended bool `json:"suspended,omitempty"`
}

type userRec struct {
	User
	Created time.Time `json:"created"`
}

// Post is a public post.
type Post struct {
	ID           string    `json:"id"`
	AuthorID     string    `json:"author_id"`
	Handle       string    `json:"handle"`
	Name         string    `json:"name"`
	Text         string    `json:"text"`
	InReplyTo    string    `json:"in_reply_to,omitempty"`
	Conversation string    `json:"conversation"`
	MediaIDs     []string  `json:"media_ids,omitempty"`
	Mentions     []string  `json:"mentions,omitempty"`
	At           time.Time `json:"at"`
	// Deleted posts stay, because the duplicate rule still sees them.
	Deleted bool `json:"deleted,omitempty"`
	// API says that the post came through the API.
	API bool `json:"api,omitempty"`
	// ReplySettings is what the author chose; empty means everyone.
	ReplySettings string `json:"reply_settings,omitempty"`
	// Versions are the ids that it had before it was edited.
	Versions []string `json:"versions,omitempty"`

	began string // the conversation that it was in before it was edited
}

// DM is one direct message event.
type DM struct {
	ID           string    `json:"id"`
	Conversation string    `json:"conversation"`
	From         string    `json:"from"`
	To           []string  `json:"to"`
	Text         string    `json:"text"`
	MediaIDs     []string  `json:"media_ids,omitempty"`
	At           time.Time `json:"at"`
	// Encrypted messages live in X Chat and are in no dm_events answer.
	Encrypted bool `json:"encrypted,omitempty"`
	// API says that the message came through the API.
	API bool `json:"api,omitempty"`
	// DeletedBy are the users for whom it is gone.
	DeletedBy []string `json:"deleted_by,omitempty"`
}

type conversation struct {
	ID      string   `json:"id"`
	Members []string `json:"members"`
	Group   bool     `json:"group,omitempty"`
}

// state is what Snapshot keeps.
type state struct {
	LastID    uint64                   `json:"last_id"`
	Users     map[string]*userRec      `json:"users"`
	Posts     map[string]*Post         `json:"posts"`
	PostOrder []string                 `json:"post_order"`
	DMs       []*DM                    `json:"dms"`
	Convs     map[string]*conversation `json:"conversations"`
	Media     map[string]*mediaRec     `json:"media"`
	Grants    map[string]*grant        `json:"grants"`
	Codes     map[string]*authCode     `json:"codes"`
	Webhooks  map[string]*webhookRec   `json:"webhooks"`
	Subs      map[string]*subscription `json:"subscriptions"`
	AAASubs   map[string]bool          `json:"aaa_subscriptions"`
	Redirects []string                 `json:"redirects"`
}

func (st *state) init() {
	if st.Users == nil {
		st.Users = map[string]*userRec{}
	}
	if st.Posts == nil {
		st.Posts = map[string]*Post{}
	}
	if st.Convs == nil {
		st.Convs = map[string]*conversation{}
	}
	if st.Media == nil {
		st.Media = map[string]*mediaRec{}
	}
	if st.Grants == nil {
		st.Grants = map[string]*grant{}
	}
	if st.Codes == nil {
		st.Codes = map[string]*authCode{}
	}
	if st.Webhooks == nil {
		st.Webhooks = map[string]*webhookRec{}
	}
	if st.Subs == nil {
		st.Subs = map[string]*subscription{}
	}
	if st.AAASubs == nil {
		st.AAASubs = map[string]bool{}
	}
}

// nextID makes a snowflake: milliseconds since X's epoch, then a counter, so
// that ids grow with time as X's do.
func (st *state) nextID(now time.Time) string {
	const epoch = 1288834974657
	id := uint64(max(now.UnixMilli()-epoch, 1)) << 22
	if id <= st.LastID {
		id = st.LastID + 1
	}
	st.LastID = id
	return strconv.FormatUint(id, 10)
}

// less orders ids by number; X's ids are not all of one length.
func less(a, b string) bool {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	if errX != nil || errY != nil {
		return a < b
	}
	return x < y
}

func isID(s string) bool {
	if s == "" || len(s) > 19 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// convID is the id of a 1:1 conversation: the smaller user id first.
func convID(a, b string) string {
	if less(b, a) {
		a, b = b, a
	}
	return a + "-" + b
}

func (st *state) byHandle(h string) *userRec {
	for _, u := range st.Users {
		if strings.EqualFold(u.Handle, h) {
			return u
		}
	}
	return nil
}

// sortedUsers is in the order of their ids.
func (st *state) sortedUsers() []*userRec {
	out := make([]*userRec, 0, len(st.Users))
	for _, u := range st.Users {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b *userRec) int {
		if less(a.ID, b.ID) {
			return -1
		}
		return 1
	})
	return out
}
