package slackfake

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// method is one Web API method.
type method struct {
	do    func(c *call) obj
	scope string // a scope, or a suffix of it for methods whose scope depends on the channel, such as ":history"
	tier  int    // calls a minute: 1, 2, 3, 4; 0 is special
	json  bool   // takes JSON bodies; others read forms only
	app   bool   // wants the app-level token
	open  bool   // wants no token
}

// Call is one request of the app that was answered.
type Call struct {
	Method  string // "chat.postMessage", "response_url", "upload"
	Status  int    // 0 stands for a connection that was cut
	Error   string // Slack's word, empty if ok
	Args    map[string]any
	TokenIn string // "header", "body" or "query"
	At      time.Time
	Faulted bool
}

// call is one request under way. Handlers run with Server.mu held.
type call struct {
	s       *Server
	r       *http.Request
	m       method
	name    string
	args    obj
	team    *team
	tokenIn string
	after   []func() // runs once the lock is free
}

func (s *Server) table() map[string]method {
	m := map[string]method{
		"api.test":              {do: func(c *call) obj { return obj{"ok": true, "args": c.args} }, tier: 4, json: true, open: true},
		"auth.test":             {do: s.authTest, json: true},
		"apps.connections.open": {do: s.openSocket, tier: 3, json: true, app: true},
	}
	for _, t := range []map[string]method{s.chatMethods(), s.channelMethods(), s.viewMethods(), s.peopleMethods(), s.otherMethods()} {
		maps.Copy(m, t)
	}
	return m
}

func fail(code string, more ...any) obj {
	o := obj{"ok": false, "error": code}
	for i := 0; i+1 < len(more); i += 2 {
		o[more[i].(string)] = more[i+1]
	}
	return o
}

func invalid(code string, messages []string) obj {
	return fail(code, "errors", messages, "response_metadata", obj{"messages": messages})
}

const maxBody = 4 << 20

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	f := s.takeFault(name)
	if !f.before(r.Context()) {
		s.record(Call{Method: name, Faulted: true})
		cut(w)
		return
	}
	c := &call{s: s, r: r, name: name}
	warn, err := c.parse()
	if err != nil {
		writeJSON(w, http.StatusOK, fail("invalid_form_data"))
		return
	}
	if f != nil && !f.Effect {
		s.record(Call{Method: name, Status: f.status(), Error: f.Error, Args: c.args, TokenIn: c.tokenIn, Faulted: true})
		f.write(w, nil)
		return
	}
	s.mu.Lock()
	status, head, answer := c.run()
	if warn != "" && answer["warning"] == nil {
		answer["warning"] = warn
		md, _ := answer["response_metadata"].(obj)
		if md == nil {
			md = obj{}
			answer["response_metadata"] = md
		}
		md["warnings"] = []string{warn}
	}
	body := mustJSON(answer)
	s.mu.Unlock()
	for _, fn := range c.after {
		fn()
	}
	code, _ := answer["error"].(string)
	rec := Call{Method: name, Status: status, Error: code, Args: c.args, TokenIn: c.tokenIn}
	if f != nil {
		rec.Faulted, rec.Status, rec.Error = true, f.status(), f.Error
		s.record(rec)
		if f.Drop != NoDrop {
			cut(w)
			return
		}
		f.write(w, body)
		return
	}
	s.record(rec)
	maps.Copy(w.Header(), head)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Server) record(c Call) {
	c.At = s.now()
	s.mu.Lock()
	s.calls = append(s.calls, c)
	fns := s.onCall
	s.mu.Unlock()
	s.log.Debug("call answered", "method", c.Method, "status", c.Status, "error", c.Error)
	for _, fn := range fns {
		fn(c)
	}
	s.changed()
}

// Calls returns what the app asked, oldest first, of the given methods or of all.
func (s *Server) Calls(methods ...string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls {
		if len(methods) == 0 || slices.Contains(methods, c.Method) {
			out = append(out, c)
		}
	}
	return out
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(v))
}

// parse reads the arguments and finds the token.
func (c *call) parse() (warning string, err error) {
	c.args = obj{}
	form := func(v url.Values) {
		for k := range v {
			c.args[k] = v.Get(k)
		}
	}
	form(c.r.URL.Query())
	ctype, params, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch ctype {
	case "application/json":
		b, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody))
		if err != nil {
			return "", fmt.Errorf("read body: %w", err)
		}
		if params["charset"] == "" {
			warning = "missing_charset"
		}
		if m, known := c.s.methods[c.name]; known && !m.json || len(b) == 0 {
			break // Slack ignores the JSON bodies that a method doesn't take
		}
		if c.r.Header.Get("Authorization") == "" {
			break // JSON is read only behind a token in the header
		}
		var o obj
		if err := json.Unmarshal(b, &o); err != nil {
			c.args["\x00"] = "invalid_json"
			break
		}
		maps.Copy(c.args, o)
	case "multipart/form-data":
		if err := c.r.ParseMultipartForm(maxBody); err != nil {
			return "", fmt.Errorf("read form: %w", err)
		}
		form(c.r.PostForm)
	default:
		if err := c.r.ParseForm(); err != nil {
			return "", fmt.Errorf("read form: %w", err)
		}
		form(c.r.PostForm)
	}
	return warning, nil
}

func (c *call) token() string {
	if t, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer "); ok {
		c.tokenIn = "header"
		delete(c.args, "token")
		return t
	}
	t := c.str("token")
	delete(c.args, "token")
	if t == "" {
		return ""
	}
	c.tokenIn = "body"
	if c.r.URL.Query().Has("token") {
		c.tokenIn = "query"
	}
	if c.s.opt.RefuseBodyTokens {
		return ""
	}
	return t
}

// run authorizes, limits and answers. The lock is held.
func (c *call) run() (int, http.Header, obj) {
	s := c.s
	head := http.Header{}
	token := c.token()
	m, ok := s.methods[c.name]
	if !ok {
		return http.StatusOK, nil, fail("unknown_method", "req_method", c.name)
	}
	c.m = m
	if c.args["\x00"] != nil {
		delete(c.args, "\x00")
		return http.StatusOK, nil, fail("invalid_json")
	}
	if !m.open {
		if code := c.authorize(token, m); code != "" {
			return http.StatusOK, nil, fail(code)
		}
	}
	if c.team != nil {
		head["X-Oauth-Scopes"] = []string{strings.Join(c.team.scopes, ",")}
		if m.scope != "" && !strings.HasPrefix(m.scope, ":") {
			head["X-Accepted-Oauth-Scopes"] = []string{m.scope}
		}
	}
	if wait := s.limits.take(s.now(), c); wait > 0 {
		head["Retry-After"] = []string{strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
		if s.limits.noHeader {
			delete(head, "Retry-After")
		}
		return http.StatusTooManyRequests, head, fail("ratelimited")
	}
	if m.app && len(s.failOpens) > 0 {
		code := s.failOpens[0]
		s.failOpens = s.failOpens[1:]
		if n, err := strconv.Atoi(code); err == nil {
			return n, nil, fail("service_unavailable")
		}
		return http.StatusOK, nil, fail(code)
	}
	if m.scope != "" && !strings.HasPrefix(m.scope, ":") {
		if o := c.need(m.scope); o != nil {
			return http.StatusOK, head, o
		}
	}
	return http.StatusOK, head, m.do(c)
}

func (c *call) authorize(token string, m method) string {
	if token == "" {
		return "not_authed"
	}
	if token == c.s.opt.AppToken {
		if !m.app {
			return "not_allowed_token_type"
		}
		return ""
	}
	for _, t := range c.s.st.teams {
		if t.token != token {
			continue
		}
		if t.revoked != "" {
			return t.revoked
		}
		if m.app {
			return "not_allowed_token_type"
		}
		c.team = t
		return ""
	}
	return "invalid_auth"
}

// need returns the missing_scope answer unless the token has one of the scopes.
func (c *call) need(scopes ...string) obj {
	for _, sc := range scopes {
		if slices.Contains(c.team.scopes, sc) {
			return nil
		}
	}
	return fail("missing_scope", "needed", strings.Join(scopes, ","), "provided", strings.Join(c.team.scopes, ","))
}

// needFor checks a scope that depends on the channel's kind.
func (c *call) needFor(ch *channel, suffix string) obj {
	return c.need(ch.scope() + strings.TrimPrefix(suffix, ":"))
}

func (c *call) str(k string) string {
	switch v := c.args[k].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (c *call) yes(k string) bool {
	v := c.str(k)
	return v == "true" || v == "1"
}

func (c *call) num(k string, def int) int {
	n, err := strconv.Atoi(c.str(k))
	if err != nil {
		return def
	}
	return n
}

// list reads an array given as JSON, or as a list with commas.
func (c *call) list(k string) []string {
	var out []string
	switch v := c.args[k].(type) {
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
	case string:
		for x := range strings.SplitSeq(v, ",") {
			if x = strings.TrimSpace(x); x != "" {
				out = append(out, x)
			}
		}
	}
	return out
}

// object reads a value that is JSON, or JSON in a string as forms have it.
func (c *call) object(k string) (v any, ok bool) {
	v, has := c.args[k]
	if !has || v == nil {
		return nil, true
	}
	s, isText := v.(string)
	if !isText {
		return v, true
	}
	if s == "" {
		return nil, true
	}
	var out any
	if json.Unmarshal([]byte(s), &out) != nil {
		return nil, false
	}
	return out, true
}

// page cuts a list as Slack's cursors do.
func page[T any](c *call, all []T, def, most int) (some []T, next string, bad obj) {
	limit := c.num("limit", def)
	if limit <= 0 || limit > most {
		limit = def
	}
	from := 0
	if cur := c.str("cursor"); cur != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(cur, "cursor:"))
		if err != nil || n < 0 || n > len(all) {
			return nil, "", fail("invalid_cursor")
		}
		from = n
	}
	end := min(from+limit, len(all))
	if end < len(all) {
		next = "cursor:" + strconv.Itoa(end)
	}
	return all[from:end], next, nil
}

func (s *Server) authTest(c *call) obj {
	t := c.team
	out := obj{
		"ok": true, "url": "https://" + t.domain + ".slack.com/", "team": t.name, "user": s.st.users[t.botUser].Name,
		"team_id": t.id, "user_id": t.botUser, "bot_id": t.botID, "is_enterprise_install": false,
	}
	if t.enterprise != "" {
		out["enterprise_id"] = t.enterprise
	}
	return out
}
