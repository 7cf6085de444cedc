package xapi

import (
	"regexp"
	"strings"
	"time"
)

// Tweet is a post as X shows it.
type Tweet struct {
	ID             string
	Text           string // as people read it: long posts whole, links expanded, the links of attached media left out
	AuthorID       string
	Author         *User // if X included it
	ConversationID string
	InReplyToID    string
	InReplyToUser  string
	QuotedID       string
	RepostOf       string // id of the post that this one repeats
	CreatedAt      time.Time
	Mentioned      []Mentioned // explicitly, in the text
	Links          []Link
	Media          []Attachment
	ReplySettings  string
	EditHistory    []string // ids of all its versions
}

// Mentioned is somebody named in a post.
type Mentioned struct{ ID, Username string }

// Link is a shortened link in a text and where it goes.
type Link struct {
	URL      string // https://t.co/…
	Expanded string
}

// Attachment is a photo, a GIF or a video of a post or a direct message.
type Attachment struct {
	Key        string // media key, "3_1234"
	Type       string // "photo", "video", "animated_gif"
	URL        string // where it is; of a direct message not readable without [Client.DMMedia]
	PreviewURL string
	AltText    string
}

// Mentions reports whether the post names the user explicitly, which is what
// X wants before an app may reply.
func (t Tweet) Mentions(userID string) bool {
	for _, m := range t.Mentioned {
		if m.ID == userID && userID != "" {
			return true
		}
	}
	return false
}

// SameText reports whether the post says what sent says, however X wrote its
// links, its spaces and the names before a reply.
func (t Tweet) SameText(sent string) bool {
	a, b := bareWords(sent), bareWords(t.Text)
	if a == b {
		return true
	}
	// X may put the names of a reply's audience before its text.
	for t.InReplyToID != "" && strings.HasPrefix(b, "@") {
		_, rest, ok := strings.Cut(b, " ")
		if !ok {
			return false
		}
		if b = rest; a == b {
			return true
		}
	}
	return false
}

func bareWords(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		for _, scheme := range []string{"https://", "http://"} {
			w = strings.TrimPrefix(w, scheme)
		}
		words[i] = strings.TrimSuffix(w, "/")
	}
	return strings.Join(words, " ")
}

// The wire types hold both generations of names: X renamed tweet to post in
// its specification of August 2026, not everywhere and not at once.
type wireTweet struct {
	ID               id            `json:"id"`
	IDStr            id            `json:"id_str"`
	Text             string        `json:"text"`
	AuthorID         id            `json:"author_id"`
	AuthorIDStr      id            `json:"author_id_str"`
	ConversationID   id            `json:"conversation_id"`
	ConversationStr  id            `json:"conversation_id_str"`
	CreatedAt        stamp         `json:"created_at"`
	InReplyToUser    id            `json:"in_reply_to_user_id"`
	InReplyToUserStr id            `json:"in_reply_to_user_id_str"`
	InReplyToTweet   id            `json:"in_reply_to_tweet_id"`
	InReplyToTweetS  id            `json:"in_reply_to_tweet_id_str"`
	InReplyToPost    id            `json:"in_reply_to_post_id"`
	RefTweets        []wireRef     `json:"referenced_tweets"`
	RefPosts         []wireRef     `json:"referenced_posts"`
	EditTweets       []id          `json:"edit_history_tweet_ids"`
	EditPosts        []id          `json:"edit_history_post_ids"`
	NoteTweet        *wireNote     `json:"note_tweet"`
	NotePost         *wireNote     `json:"note_post"`
	Entities         wireEntities  `json:"entities"`
	Attachments      wireMediaKeys `json:"attachments"`
	ReplySettings    string        `json:"reply_settings"`
}

type wireRef struct {
	Type  string `json:"type"` // replied_to, quoted, retweeted
	ID    id     `json:"id"`
	IDStr id     `json:"id_str"`
}

type wireNote struct {
	Text     string       `json:"text"`
	Entities wireEntities `json:"entities"`
}

type wireMediaKeys struct {
	Keys []string `json:"media_keys"`
}

type wireEntities struct {
	URLs     []wireURL     `json:"urls"`
	Mentions []wireMention `json:"mentions"`      // v2
	UserM    []wireMention `json:"user_mentions"` // v1
	Media    []wireV1Media `json:"media"`         // v1
}

type wireURL struct {
	URL      string `json:"url"`
	Expanded string `json:"expanded_url"`
	MediaKey string `json:"media_key"`
}

type wireMention struct {
	ID         id     `json:"id"`
	IDStr      id     `json:"id_str"`
	Username   string `json:"username"`
	ScreenName string `json:"screen_name"`
}

type wireMedia struct {
	Key        string        `json:"media_key"`
	Type       string        `json:"type"`
	URL        string        `json:"url"`
	PreviewURL string        `json:"preview_image_url"`
	AltText    string        `json:"alt_text"`
	Variants   []wireVariant `json:"variants"`
}

type wireVariant struct {
	URL         string `json:"url"`
	BitRate     int    `json:"bit_rate"`
	BitRateV1   int    `json:"bitrate"`
	ContentType string `json:"content_type"`
}

type wireIncludes struct {
	Users []wireUser  `json:"users"`
	Media []wireMedia `json:"media"`
}

type wireMeta struct {
	NewestID  id     `json:"newest_id"`
	NextToken string `json:"next_token"`
}

type wirePage struct {
	Data     []wireTweet  `json:"data"` // absent if there is none
	Includes wireIncludes `json:"includes"`
	Meta     wireMeta     `json:"meta"`
	Errors   []problem    `json:"errors"`
}

func (w wirePage) posts() *Posts {
	p := &Posts{NewestID: string(w.Meta.NewestID), Next: w.Meta.NextToken, Errors: problems(w.Errors)}
	users, media := w.Includes.users(), w.Includes.media()
	for _, d := range w.Data {
		t := d.tweet(users, media)
		if t.ID == "" {
			continue
		}
		if CompareIDs(t.ID, p.NewestID) > 0 {
			p.NewestID = t.ID
		}
		p.Posts = append(p.Posts, t)
	}
	return p
}

func problems(ps []problem) []Problem {
	var out []Problem
	for _, p := range ps {
		title, detail, typ := p.words()
		out = append(out, Problem{Title: clip(title, 200), Detail: clip(detail, maxDetail), Type: clip(typ, 200)})
	}
	return out
}

func (w wireIncludes) users() map[string]User {
	m := make(map[string]User, len(w.Users))
	for _, u := range w.Users {
		if v := u.user(); v.ID != "" {
			m[v.ID] = v
		}
	}
	return m
}

func (w wireIncludes) media() map[string]Attachment {
	m := make(map[string]Attachment, len(w.Media))
	for _, a := range w.Media {
		m[a.Key] = a.attachment()
	}
	return m
}

func (w wireMedia) attachment() Attachment {
	a := Attachment{Key: w.Key, Type: w.Type, URL: w.URL, PreviewURL: w.PreviewURL, AltText: w.AltText}
	if video := bestVideo(w.Variants); video != "" && a.URL == "" {
		a.URL = video
	}
	return a
}

// bestVideo is the address of the variant with the most bits; playlists are
// no files.
func bestVideo(variants []wireVariant) string {
	best, found := -1, ""
	for _, v := range variants {
		if rate := max(v.BitRate, v.BitRateV1); rate > best && strings.HasPrefix(v.ContentType, "video/") {
			best, found = rate, v.URL
		}
	}
	return found
}

func (w wireTweet) tweet(users map[string]User, media map[string]Attachment) Tweet {
	t := Tweet{
		ID:             firstID(w.IDStr, w.ID),
		AuthorID:       firstID(w.AuthorIDStr, w.AuthorID),
		ConversationID: firstID(w.ConversationStr, w.ConversationID),
		InReplyToID:    firstID(w.InReplyToTweetS, w.InReplyToPost, w.InReplyToTweet),
		InReplyToUser:  firstID(w.InReplyToUserStr, w.InReplyToUser),
		CreatedAt:      w.CreatedAt.Time,
		ReplySettings:  w.ReplySettings,
	}
	for _, r := range append(w.RefPosts, w.RefTweets...) {
		ref := firstID(r.IDStr, r.ID)
		switch r.Type {
		case "replied_to":
			t.InReplyToID = orElse(t.InReplyToID, ref)
		case "quoted":
			t.QuotedID = orElse(t.QuotedID, ref)
		case "retweeted", "reposted":
			t.RepostOf = orElse(t.RepostOf, ref)
		}
	}
	for _, e := range append(w.EditPosts, w.EditTweets...) {
		if e != "" {
			t.EditHistory = append(t.EditHistory, string(e))
		}
	}
	if u, ok := users[t.AuthorID]; ok {
		t.Author = &u
	}
	text, entities := w.Text, w.Entities
	for _, n := range []*wireNote{w.NotePost, w.NoteTweet} {
		if n != nil && n.Text != "" {
			text = n.Text
			// The note's own entities name what is beyond the short text; those of
			// the post still hold what only they have.
			entities.URLs = append(entities.URLs, n.Entities.URLs...)
			entities.Mentions = append(entities.Mentions, n.Entities.Mentions...)
			break
		}
	}
	for _, k := range w.Attachments.Keys {
		a, ok := media[k]
		if !ok {
			a = Attachment{Key: k}
		}
		t.Media = append(t.Media, a)
	}
	t.Mentioned, t.Links = entities.mentioned(), entities.links()
	t.Text = readable(text, entities, len(t.Media) > 0)
	return t
}

func (e wireEntities) mentioned() []Mentioned {
	var out []Mentioned
	for _, m := range append(e.Mentions, e.UserM...) {
		one := Mentioned{ID: firstID(m.IDStr, m.ID), Username: orElse(m.Username, m.ScreenName)}
		known := false
		for _, o := range out {
			known = known || o == one
		}
		if !known && one != (Mentioned{}) {
			out = append(out, one)
		}
	}
	return out
}

func (e wireEntities) links() []Link {
	var out []Link
	for _, u := range e.URLs {
		if u.URL == "" || u.MediaKey != "" {
			continue
		}
		known := false
		for _, o := range out {
			known = known || o.URL == u.URL
		}
		if !known {
			out = append(out, Link{URL: u.URL, Expanded: u.Expanded})
		}
	}
	return out
}

// shortened finds the link that X puts behind a text for what is attached.
var shortened = regexp.MustCompile(`\s*https?://t\.co/[A-Za-z0-9]+\s*$`)

// readable makes of X's text what its author wrote: entities of HTML undone,
// short links expanded, the links that stand for media left out.
func readable(text string, e wireEntities, hasMedia bool) string {
	strip := hasMedia
	for _, m := range e.Media {
		if m.URL != "" {
			text = strings.ReplaceAll(text, m.URL, "")
		}
		strip = strip && m.URL == ""
	}
	for _, u := range e.URLs {
		if u.URL != "" && (u.MediaKey != "" || isMediaLink(u.Expanded)) {
			text = strings.ReplaceAll(text, u.URL, "")
			strip = false
		}
	}
	for _, u := range e.URLs {
		if u.URL != "" && u.Expanded != "" {
			if hasMedia && strip && strings.HasSuffix(strings.TrimSpace(text), u.URL) && !isMediaLink(u.Expanded) {
				strip = false // the last link is one that the author wrote
			}
			text = strings.ReplaceAll(text, u.URL, u.Expanded)
		}
	}
	if strip {
		text = shortened.ReplaceAllString(text, "")
	}
	return unescape(strings.TrimSpace(text))
}

// isMediaLink knows the addresses of X's own that media links expand to.
func isMediaLink(expanded string) bool {
	for _, host := range []string{"https://x.com/", "https://twitter.com/", "https://ton.twitter.com/", "https://pic.x.com/", "https://pic.twitter.com/"} {
		if rest, ok := strings.CutPrefix(expanded, host); ok {
			return strings.Contains(rest, "/photo/") || strings.Contains(rest, "/video/") ||
				strings.Contains(host, "ton.") || strings.Contains(host, "pic.") || strings.HasPrefix(rest, "messages/media/")
		}
	}
	return false
}

// unescape undoes the three entities that X writes into texts.
func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}
