package xfake

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) getTweet(c *call) reply {
	id := c.path["id"]
	if !isID(id) {
		return badID("id", id)
	}
	p := s.st.Posts[id]
	if !s.visible(p, s.now()) {
		return reply{status: http.StatusOK, body: map[string]any{"errors": []missing{notFound("tweet", "id", id)}}}
	}
	return reply{status: http.StatusOK, body: withIncludes(map[string]any{"data": s.tweet(p, c.tweetFields())}, s.includes(c, []*Post{p}))}
}

func (s *Server) getTweets(c *call) reply {
	ids, rep, ok := list(c, "ids")
	if !ok {
		return rep
	}
	var data []any
	var errs []missing
	var posts []*Post
	for _, id := range ids {
		if !isID(id) {
			return badID("ids", id)
		}
		p := s.st.Posts[id]
		if !s.visible(p, s.now()) {
			errs = append(errs, notFound("tweet", "ids", id))
			continue
		}
		posts = append(posts, p)
		data = append(data, s.tweet(p, c.tweetFields()))
	}
	body := map[string]any{}
	if data != nil {
		body["data"] = data
	}
	if errs != nil {
		body["errors"] = errs
	}
	return reply{status: http.StatusOK, body: withIncludes(body, s.includes(c, posts))}
}

// list reads a comma-separated parameter of 1 to 100 values.
func list(c *call, param string) ([]string, reply, bool) {
	v := c.r.URL.Query().Get(param)
	if v == "" {
		return nil, invalid(param, "", "The `%s` query parameter can not be empty", param), false
	}
	vs := strings.Split(v, ",")
	if len(vs) > 100 {
		return nil, invalid(param, v, "size must be between 1 and 100"), false
	}
	return vs, reply{}, true
}

func (s *Server) getUserTweets(c *call) reply {
	id := c.path["id"]
	noReplies := contains(strings.Split(c.r.URL.Query().Get("exclude"), ","), "replies")
	return s.timeline(c, func(p *Post) bool { return p.AuthorID == id && (!noReplies || p.InReplyTo == "") })
}

func (s *Server) getMentions(c *call) reply {
	id := c.path["id"]
	return s.timeline(c, func(p *Post) bool { return contains(p.Mentions, id) })
}

// timeline pages through the posts that match, newest first.
func (s *Server) timeline(c *call, match func(*Post) bool) reply {
	id := c.path["id"]
	if !isID(id) {
		return badID("id", id)
	}
	if s.st.Users[id] == nil {
		return reply{status: http.StatusOK, body: map[string]any{"errors": []missing{notFound("user", "id", id)}}}
	}
	pg, rep, ok := s.paging(c, 5, 100, 10)
	if !ok {
		return rep
	}
	q := c.r.URL.Query()
	from, to, rep, ok := timeRange(c)
	if !ok {
		return rep
	}
	for _, n := range []string{"since_id", "until_id"} {
		if q.Has(n) && !isID(q.Get(n)) {
			return badID(n, q.Get(n))
		}
	}
	var all []*Post
	for _, pid := range slices.Backward(s.st.PostOrder) {
		p := s.st.Posts[pid]
		switch {
		case !s.visible(p, s.now()) || !match(p):
		case q.Has("since_id") && !less(q.Get("since_id"), p.ID):
		case q.Has("until_id") && !less(p.ID, q.Get("until_id")):
		case !from.IsZero() && p.At.Before(from), !to.IsZero() && !p.At.Before(to):
		case pg.before != "" && !less(p.ID, pg.before):
		default:
			all = append(all, p)
		}
	}
	all, meta := cutPage(pg, all, func(p *Post) string { return p.ID })
	body := map[string]any{"meta": meta}
	if len(all) > 0 {
		meta["newest_id"], meta["oldest_id"] = all[0].ID, all[len(all)-1].ID
		data := make([]any, len(all))
		for i, p := range all {
			data[i] = s.tweet(p, c.tweetFields())
		}
		body["data"] = data
	}
	return reply{status: http.StatusOK, body: withIncludes(body, s.includes(c, all))}
}

func timeRange(c *call) (from, to time.Time, rep reply, ok bool) {
	for name, t := range map[string]*time.Time{"start_time": &from, "end_time": &to} {
		v := c.r.URL.Query().Get(name)
		if v == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return from, to, invalid(name, v, "The `%s` query parameter value [%s] is not a valid RFC3339 date-time", name, v), false
		}
		*t = at
	}
	return from, to, reply{}, true
}

// page is where a listing goes on: below the id before.
type page struct {
	size   int
	scope  string
	before string
}

// cutPage is the page of a listing, newest first, with what X says of it.
func cutPage[T any](pg page, all []T, id func(T) string) ([]T, map[string]any) {
	meta := map[string]any{}
	if len(all) > pg.size {
		all = all[:pg.size]
		meta["next_token"] = pg.token(id(all[len(all)-1]))
	}
	if pg.before != "" {
		meta["previous_token"] = pg.token("")
	}
	meta["result_count"] = len(all)
	return all, meta
}

// paging reads max_results and pagination_token. A token is bound to the path
// it was made for.
func (s *Server) paging(c *call, low, high, def int) (page, reply, bool) {
	q := c.r.URL.Query()
	pg := page{size: def, scope: c.r.URL.Path}
	if v := q.Get("max_results"); q.Has("max_results") {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return pg, invalid("max_results", v, "The `max_results` query parameter value [%s] is not between %d and %d", v, low, high), false
		}
		pg.size = n
	}
	if v := q.Get("pagination_token"); q.Has("pagination_token") {
		b, err := base64.RawURLEncoding.DecodeString(v)
		scope, before, found := strings.Cut(string(b), "\x00")
		if err != nil || !found || scope != pg.scope {
			return pg, invalid("pagination_token", v, "The `pagination_token` query parameter value [%s] is not valid", v), false
		}
		pg.before = before
	}
	return pg, reply{}, true
}

func (p page) token(before string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.scope + "\x00" + before))
}
