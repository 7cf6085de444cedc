package xfake

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// authKind says which credentials an endpoint takes.
type authKind int

const (
	authNone   authKind = iota // /2/oauth2/*: Basic, checked by the endpoint
	authUser                   // an OAuth 2.0 user token
	authApp                    // the app-only bearer
	authEither                 // both
)

// route is one endpoint as the specification has it.
type route struct {
	method string
	path   string // {name} matches one segment
	auth   authKind
	scopes []string
	query  []string
	free   bool // costs no credits
	read   bool // counts towards the monthly cap
	// unlocked handlers take the lock themselves, because they call out.
	unlocked bool
	handle   func(s *Server, c *call) reply
}

func (r route) name() string { return r.method + " " + r.path }

// match fills the path variables.
func (r route) match(path string) (map[string]string, bool) {
	want, got := strings.Split(r.path, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		if strings.HasPrefix(w, "{") {
			if got[i] == "" {
				return nil, false
			}
			vars[strings.Trim(w, "{}")] = got[i]
			continue
		}
		if w != got[i] {
			return nil, false
		}
	}
	return vars, true
}

// table lists every endpoint; the first match wins, so literal paths stand
// before those with variables.
func (s *Server) table() []route {
	post := []string{"tweet.fields", "expansions", "media.fields", "poll.fields", "user.fields", "place.fields"}
	user := []string{"user.fields", "expansions", "tweet.fields"}
	dm := []string{"dm_event.fields", "expansions", "media.fields", "user.fields", "tweet.fields"}
	with := func(base []string, more ...string) []string { return append(slices.Clone(more), base...) }
	timeline := with(post, "since_id", "until_id", "max_results", "pagination_token", "start_time", "end_time")
	dmPage := with(dm, "max_results", "pagination_token", "event_types")

	read := []string{"tweet.read", "users.read"}
	write := []string{"tweet.read", "tweet.write", "users.read"}
	dmRead := []string{"dm.read", "tweet.read", "users.read"}
	dmWrite := []string{"dm.write", "tweet.read", "users.read"}
	media := []string{"media.write"}

	return []route{
		{method: "POST", path: "/2/oauth2/token", handle: (*Server).postToken},
		{method: "POST", path: "/2/oauth2/revoke", handle: (*Server).postRevoke},

		{method: "POST", path: "/2/tweets", auth: authUser, scopes: write, handle: (*Server).postTweet},
		{method: "GET", path: "/2/tweets", auth: authEither, scopes: read, query: with(post, "ids"), read: true, handle: (*Server).getTweets},
		{method: "GET", path: "/2/tweets/{id}", auth: authEither, scopes: read, query: post, read: true, handle: (*Server).getTweet},
		{method: "DELETE", path: "/2/tweets/{id}", auth: authUser, scopes: write, handle: (*Server).deleteTweet},

		{method: "GET", path: "/2/users/me", auth: authUser, scopes: read, query: user, handle: (*Server).getMe},
		{method: "GET", path: "/2/users/by", auth: authEither, scopes: read, query: with(user, "usernames"), handle: (*Server).getUsersBy},
		{method: "GET", path: "/2/users/by/username/{username}", auth: authEither, scopes: read, query: user, handle: (*Server).getUserBy},
		{method: "GET", path: "/2/users", auth: authEither, scopes: read, query: with(user, "ids"), handle: (*Server).getUsers},
		{method: "GET", path: "/2/users/{id}", auth: authEither, scopes: read, query: user, handle: (*Server).getUser},
		{method: "GET", path: "/2/users/{id}/tweets", auth: authEither, scopes: read, query: with(timeline, "exclude"), read: true, handle: (*Server).getUserTweets},
		{method: "GET", path: "/2/users/{id}/mentions", auth: authEither, scopes: read, query: timeline, read: true, handle: (*Server).getMentions},

		{method: "POST", path: "/2/dm_conversations", auth: authUser, scopes: dmWrite, handle: (*Server).postGroup},
		{method: "POST", path: "/2/dm_conversations/with/{participant_id}/messages", auth: authUser, scopes: dmWrite, handle: (*Server).postDMWith},
		{method: "POST", path: "/2/dm_conversations/{dm_conversation_id}/messages", auth: authUser, scopes: dmWrite, handle: (*Server).postDMIn},
		{method: "GET", path: "/2/dm_events", auth: authUser, scopes: dmRead, query: dmPage, handle: (*Server).getDMEvents},
		{method: "GET", path: "/2/dm_events/{event_id}", auth: authUser, scopes: dmRead, query: dm, handle: (*Server).getDMEvent},
		{method: "DELETE", path: "/2/dm_events/{event_id}", auth: authUser, scopes: []string{"dm.read", "dm.write"}, handle: (*Server).deleteDMEvent},
		{method: "GET", path: "/2/dm_conversations/with/{participant_id}/dm_events", auth: authUser, scopes: dmRead, query: dmPage, handle: (*Server).getDMEventsWith},
		{method: "GET", path: "/2/dm_conversations/{id}/dm_events", auth: authUser, scopes: dmRead, query: dmPage, handle: (*Server).getDMEventsIn},
		{method: "GET", path: "/2/dm_conversations/media/{dm_id}/{media_id}/{resource_id}", auth: authUser, scopes: []string{"dm.read"}, handle: (*Server).getDMMedia},

		{method: "POST", path: "/2/media/upload", auth: authUser, scopes: media, handle: (*Server).postMedia},
		{method: "GET", path: "/2/media/upload", auth: authUser, scopes: media, query: []string{"media_id", "command"}, free: true, handle: (*Server).getMediaStatus},
		{method: "POST", path: "/2/media/upload/initialize", auth: authUser, scopes: media, handle: (*Server).postMediaInit},
		{method: "POST", path: "/2/media/upload/{id}/append", auth: authUser, scopes: media, handle: (*Server).postMediaAppend},
		{method: "POST", path: "/2/media/upload/{id}/finalize", auth: authUser, scopes: media, handle: (*Server).postMediaFinalize},
		{method: "POST", path: "/2/media/metadata", auth: authUser, scopes: media, handle: (*Server).postMediaMetadata},

		{method: "POST", path: "/2/webhooks", auth: authApp, free: true, unlocked: true, handle: (*Server).postWebhook},
		{method: "GET", path: "/2/webhooks", auth: authApp, free: true, query: []string{"webhook_config.fields"}, handle: (*Server).getWebhooks},
		{method: "PUT", path: "/2/webhooks/{webhook_id}", auth: authApp, free: true, unlocked: true, handle: (*Server).putWebhook},
		{method: "DELETE", path: "/2/webhooks/{webhook_id}", auth: authApp, free: true, handle: (*Server).deleteWebhook},

		{method: "POST", path: "/2/activity/subscriptions", auth: authEither, free: true, handle: (*Server).postSubscription},
		{method: "GET", path: "/2/activity/subscriptions", auth: authEither, free: true, query: []string{"max_results", "pagination_token"}, handle: (*Server).getSubscriptions},
		{method: "DELETE", path: "/2/activity/subscriptions", auth: authApp, free: true, query: []string{"ids"}, handle: (*Server).deleteSubscriptions},
		{method: "PUT", path: "/2/activity/subscriptions/{subscription_id}", auth: authApp, free: true, handle: (*Server).putSubscription},
		{method: "DELETE", path: "/2/activity/subscriptions/{subscription_id}", auth: authApp, free: true, handle: (*Server).deleteSubscription},

		{method: "POST", path: "/2/account_activity/webhooks/{webhook_id}/subscriptions/all", auth: authUser, scopes: []string{"dm.read", "dm.write", "tweet.read", "users.read"}, free: true, handle: (*Server).postAAA},
		{method: "GET", path: "/2/account_activity/webhooks/{webhook_id}/subscriptions/all", auth: authUser, scopes: []string{"dm.read", "dm.write", "tweet.read", "users.read"}, free: true, handle: (*Server).getAAA},
	}
}

func (s *Server) find(method, path string) (rt route, vars map[string]string, known bool) {
	for _, r := range s.routes {
		v, ok := r.match(path)
		if !ok {
			continue
		}
		known = true
		if r.method == method {
			return r, v, true
		}
	}
	return route{}, nil, known
}

// serveAPI answers one API call: faults first, then credentials, limits,
// credits, parameters, and at last the endpoint itself.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r}
	f := s.takeFault(r.Method, r.URL.Path)
	if f != nil && !f.before(c.ctx()) {
		s.record(c, 0, true)
		panic(http.ErrAbortHandler)
	}
	var rep reply
	if f != nil && !f.Effect {
		rep = f.answer(reply{})
	} else {
		rep = s.answer(c)
		if f != nil {
			rep = f.answer(rep)
		}
	}
	if f != nil && f.Drop != NoDrop {
		s.record(c, 0, true)
		panic(http.ErrAbortHandler)
	}
	s.record(c, rep.status, f != nil)
	if f != nil && f.Slow > 0 {
		drip(c.ctx(), w, rep, f.Slow)
		return
	}
	writeReply(w, rep)
}

func (s *Server) answer(c *call) reply {
	body, err := readBody(c.r)
	if errors.Is(err, errTooBig) {
		return blank(http.StatusRequestEntityTooLarge, "Request Entity Too Large", "Request Entity Too Large")
	}
	if err != nil {
		return blank(http.StatusBadRequest, "Bad Request", "The request body could not be read.")
	}
	c.body = body
	rt, vars, known := s.find(c.r.Method, c.r.URL.Path)
	switch {
	case !known:
		return notFoundPath()
	case rt.handle == nil:
		return blank(http.StatusMethodNotAllowed, "Method Not Allowed", "Method Not Allowed")
	}
	c.path = vars

	s.mu.Lock()
	rep, header, ok := s.admit(c, rt)
	switch {
	case !ok:
		s.mu.Unlock()
	case rt.unlocked:
		s.mu.Unlock()
		rep = rt.handle(s, c)
	default:
		rep = rt.handle(s, c)
		s.mu.Unlock()
	}
	if rep.header == nil {
		rep.header = http.Header{}
	}
	maps.Copy(rep.header, header)
	return rep
}

// admit does what X's front does before an endpoint sees the call.
func (s *Server) admit(c *call, rt route) (rep reply, header http.Header, ok bool) {
	if rt.auth == authNone {
		return reply{}, nil, true
	}
	if rep, ok := s.authenticate(c, rt); !ok {
		return rep, nil, false
	}
	header, ok = s.spend(c, rt)
	if !ok {
		return tooMany(), header, false
	}
	if c.user != nil && c.user.Suspended {
		return suspended(), header, false
	}
	if !s.credits && !rt.free {
		return noCredits(), header, false
	}
	if s.usageCap && rt.read {
		return usageCapped(), header, false
	}
	if rep, ok := checkQuery(c, s.allowedQuery(rt.query), s.enum); !ok {
		return rep, header, false
	}
	return reply{}, header, true
}

func (s *Server) authenticate(c *call, rt route) (reply, bool) {
	tok, found := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !found || tok == "" {
		return unauthorized(), false
	}
	if tok == s.opt.Bearer {
		if rt.auth == authUser {
			return unsupportedAuth("OAuth 2.0 Application-Only", "OAuth 1.0a User Context", "OAuth 2.0 User Context"), false
		}
		c.app = true
		return reply{}, true
	}
	g, ok := s.st.access(tok, s.now())
	if !ok {
		return unauthorized(), false
	}
	if rt.auth == authApp {
		return unsupportedAuth("OAuth 2.0 User Context", "OAuth 2.0 Application-Only"), false
	}
	for _, want := range rt.scopes {
		if !slices.Contains(g.Scopes, want) {
			return forbidden("Forbidden"), false
		}
	}
	c.grant, c.user = g, s.st.Users[g.UserID]
	if c.user == nil {
		return unauthorized(), false
	}
	return reply{}, true
}

const window15 = 15 * time.Minute
