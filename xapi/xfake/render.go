package xfake

import (
	"html"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/xapi/xtext"
)

const stamp = "2006-01-02T15:04:05.000Z"

// fieldSet is what a request asks to see beyond the defaults.
type fieldSet map[string]bool

func (c *call) fields(params ...string) fieldSet {
	fs := fieldSet{}
	q := c.r.URL.Query()
	for _, p := range params {
		for f := range strings.SplitSeq(q.Get(p), ",") {
			if f != "" {
				fs[f] = true
			}
		}
	}
	return fs
}

// tweetFields holds also the fields that the expansions need to be of use, as
// X adds them unasked.
func (c *call) tweetFields() fieldSet {
	fs := c.fields("tweet.fields", "post.fields")
	for ex := range c.fields("expansions") {
		switch name, _, _ := strings.Cut(ex, "."); name {
		case "author_id", "in_reply_to_user_id", "referenced_tweets", "attachments", "entities":
			fs[name] = true
		}
	}
	return fs
}

// dmFields is the same for messages.
func (c *call) dmFields() fieldSet {
	fs := c.fields("dm_event.fields")
	for ex := range c.fields("expansions") {
		name, _, _ := strings.Cut(ex, ".")
		fs[name] = true
	}
	return fs
}

// link is a URL in a text with its t.co form.
type link struct {
	start, end int
	url, short string
}

// links finds what X would shorten and names the t.co form after the post's id
// and place, so that it is the same at every read.
func links(id, text string) []link {
	var out []link
	for _, sp := range xtext.URLs(text) {
		out = append(out, link{
			start: sp.Start, end: sp.End, url: text[sp.Start:sp.End], short: "https://t.co/" + base36(id, len(out)),
		})
	}
	return out
}

// base36 makes ten characters that look like t.co's.
func base36(id string, n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h += uint64(n) * 2654435761
	var b [10]byte
	for i := range b {
		b[i] = digits[h%36]
		h /= 36
	}
	return string(b[:])
}

// readText is the text as X returns it: t.co links, and & < > escaped.
func (s *Server) readText(p *Post) string {
	return s.rewrite(p.ID, p.Text)
}

func (s *Server) rewrite(id, text string) string {
	if s.opt.PlainText {
		return text
	}
	var b strings.Builder
	at := 0
	esc := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, l := range links(id, text) {
		b.WriteString(esc.Replace(text[at:l.start]))
		b.WriteString(l.short)
		at = l.end
	}
	b.WriteString(esc.Replace(text[at:]))
	return b.String()
}

// urlEntities tells where the t.co links of a rewritten text lead; v1 has
// indices where v2 has start and end. Places count code points, as X's do.
func (s *Server) urlEntities(id, text string, v1 bool) []map[string]any {
	out := []map[string]any{}
	if s.opt.PlainText {
		return out
	}
	shown := html.UnescapeString(s.rewrite(id, text))
	for _, l := range links(id, text) {
		full := l.url
		if !strings.Contains(full, "://") {
			full = "http://" + full
		}
		_, display, _ := strings.Cut(full, "://")
		m := map[string]any{"url": l.short, "expanded_url": full, "display_url": display}
		from := len([]rune(shown[:strings.Index(shown, l.short)]))
		to := from + len([]rune(l.short))
		if v1 {
			m["indices"] = []int{from, to}
		} else {
			m["start"], m["end"] = from, to
		}
		out = append(out, m)
	}
	return out
}

func (s *Server) tweet(p *Post, fs fieldSet) map[string]any {
	m := map[string]any{"id": p.ID, "text": s.readText(p)}
	s.put(m, "edit_history_tweet_ids", "edit_history_post_ids", p.history())
	set := func(name string, v func() any) {
		if fs[name] {
			m[name] = v()
		}
	}
	set("author_id", func() any { return p.AuthorID })
	set("conversation_id", func() any { return p.Conversation })
	set("created_at", func() any { return p.At.Format(stamp) })
	set("lang", func() any { return "en" })
	set("possibly_sensitive", func() any { return false })
	set("public_metrics", func() any {
		return map[string]int{"retweet_count": 0, "reply_count": s.replies(p.ID), "like_count": 0, "quote_count": 0, "bookmark_count": 0, "impression_count": 0}
	})
	set("reply_settings", func() any {
		if p.ReplySettings == "" {
			return "everyone"
		}
		return p.ReplySettings
	})
	if fs["entities"] {
		if e := s.entities(p); len(e) > 0 {
			m["entities"] = e
		}
	}
	if fs["in_reply_to_user_id"] && s.st.Posts[p.InReplyTo] != nil {
		m["in_reply_to_user_id"] = s.st.Posts[p.InReplyTo].AuthorID
	}
	if (fs["referenced_tweets"] || fs["referenced_posts"]) && p.InReplyTo != "" {
		s.put(m, "referenced_tweets", "referenced_posts", []map[string]string{{"type": "replied_to", "id": p.InReplyTo}})
	}
	if fs["attachments"] && len(p.MediaIDs) > 0 {
		keys := make([]string, len(p.MediaIDs))
		for i, id := range p.MediaIDs {
			keys[i] = s.mediaKey(id)
		}
		m["attachments"] = map[string]any{"media_keys": keys}
	}
	return m
}

func (s *Server) replies(id string) int {
	n := 0
	for _, p := range s.st.Posts {
		if p.InReplyTo == id && !p.Deleted {
			n++
		}
	}
	return n
}

// entities counts in code points of the returned text, as X does.
func (s *Server) entities(p *Post) map[string]any {
	out := map[string]any{}
	text := html.UnescapeString(s.readText(p))
	at := func(sub string) (int, int) {
		before, _, ok := strings.Cut(text, sub)
		if !ok {
			return 0, 0
		}
		start := len([]rune(before))
		return start, start + len([]rune(sub))
	}
	if urls := s.urlEntities(p.ID, p.Text, false); len(urls) > 0 {
		out["urls"] = urls
	}
	var mentions []map[string]any
	for _, h := range handlesIn(p.Text) {
		u := s.st.byHandle(h)
		if u == nil {
			continue
		}
		a, b := at("@" + h)
		mentions = append(mentions, map[string]any{"start": a, "end": b, "username": u.Handle, "id": u.ID})
	}
	if mentions != nil {
		out["mentions"] = mentions
	}
	return out
}

func (s *Server) user(u *userRec, fs fieldSet) map[string]any {
	m := map[string]any{"id": u.ID, "name": u.Name, "username": u.Handle}
	sub := "None"
	if u.Premium {
		sub = "Premium"
	}
	verified := "none"
	if u.Premium {
		verified = "blue"
	}
	for name, v := range map[string]any{
		"created_at": u.Created.Format(stamp), "description": u.Bio, "protected": false, "verified": u.Premium,
		"verified_type": verified, "subscription_type": sub, "receives_your_dm": !u.DMsClosed,
		"profile_image_url": s.avatarURL(u),
		"public_metrics":    map[string]int{"followers_count": u.Followers, "following_count": 0, "tweet_count": s.count(u.ID), "listed_count": 0, "like_count": 0},
	} {
		if fs[name] {
			m[name] = v
		}
	}
	return m
}

func (s *Server) count(userID string) int {
	n := 0
	for _, p := range s.st.Posts {
		if p.AuthorID == userID && !p.Deleted {
			n++
		}
	}
	return n
}

// includes collects what the asked expansions name.
func (s *Server) includes(c *call, posts []*Post) map[string]any {
	ex, tf, uf, mf := c.fields("expansions"), c.tweetFields(), c.fields("user.fields"), c.fields("media.fields")
	var users, tweets, media []any
	seen := map[string]bool{}
	addUser := func(id string) {
		if u := s.st.Users[id]; u != nil && !seen["u"+id] {
			seen["u"+id] = true
			users = append(users, s.user(u, uf))
		}
	}
	for _, p := range posts {
		parent := s.st.Posts[p.InReplyTo]
		if ex["author_id"] {
			addUser(p.AuthorID)
		}
		if ex["entities.mentions.username"] {
			for _, id := range p.Mentions {
				addUser(id)
			}
		}
		if parent != nil && !parent.Deleted {
			if ex["in_reply_to_user_id"] || ex["referenced_tweets.id.author_id"] {
				addUser(parent.AuthorID)
			}
			if ex["referenced_tweets.id"] && !seen["t"+parent.ID] {
				seen["t"+parent.ID] = true
				tweets = append(tweets, s.tweet(parent, tf))
			}
		}
		if ex["attachments.media_keys"] {
			for _, id := range p.MediaIDs {
				if m := s.st.Media[id]; m != nil {
					media = append(media, s.mediaObject(m, "", mf))
				}
			}
		}
	}
	out := map[string]any{}
	if users != nil {
		out["users"] = users
	}
	if tweets != nil {
		s.put(out, "tweets", "posts", tweets)
	}
	if media != nil {
		out["media"] = media
	}
	return out
}

// visible says whether reads show the post yet.
func (s *Server) visible(p *Post, now time.Time) bool {
	return p != nil && !p.Deleted && now.Sub(p.At) >= s.lag.Timeline
}

func withIncludes(body, inc map[string]any) map[string]any {
	if len(inc) > 0 {
		body["includes"] = inc
	}
	return body
}

func contains(list []string, v string) bool { return slices.Contains(list, v) }
