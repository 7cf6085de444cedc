package rcfake

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxBody is how much of a body is read, files aside.
const maxBody = 1 << 20

// Call is one call of the API, as the server saw it.
type Call struct {
	Route  string // "POST livechat/message"
	Path   string
	Query  url.Values
	Header http.Header
	Body   json.RawMessage // of a JSON body
	Status int
	Answer json.RawMessage
	At     time.Time
}

// Calls returns the calls so far, of the named routes or all.
func (s *Server) Calls(routes ...string) (out []Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if len(routes) == 0 || slices.Contains(routes, c.Route) {
			out = append(out, c)
		}
	}
	return out
}

// ForgetCalls empties the list of calls.
func (s *Server) ForgetCalls() { _ = s.do(func() error { s.calls = nil; return nil }) }

// route is one way to call the server.
type route struct {
	method, path string   // "livechat/message/:id"
	auth         bool     // needs a logged in user
	perms        []string // roles of which one is needed; none: any user
	limit        int      // calls a minute that no setting changes
	body         []string // the keys that a JSON body may have; a "!" in front: must have
	query        []string // likewise of a query; nil: any
	schema       string   // see SchemaOf
	free         bool     // takes any keys (what it takes is checked by its handler)
	second       bool     // asks for the second factor of accounts that have one
	run          func(*call) (obj, *failure)
}

func (r route) name() string { return r.method + " " + r.path }

// match returns the parts of a path that the route names.
func (r route) match(method, path string) (map[string]string, bool) {
	want, got := strings.Split(r.path, "/"), strings.Split(path, "/")
	if r.method != method || len(want) != len(got) {
		return nil, false
	}
	var vars map[string]string
	for i, w := range want {
		if name, ok := strings.CutPrefix(w, ":"); ok && got[i] != "" {
			if vars == nil {
				vars = map[string]string{}
			}
			vars[name] = got[i]
			continue
		}
		if w != got[i] {
			return nil, false
		}
	}
	return vars, true
}

// call is a call being answered. Its handler runs with the lock held.
type call struct {
	*Server
	rt   route
	vars map[string]string
	q    url.Values
	body obj
	user *user
	r    *http.Request
	raw  []byte
}

func (c *call) str(key string) string {
	if v, ok := c.body[key].(string); ok {
		return v
	}
	return c.q.Get(key)
}

func (c *call) obj(key string) obj {
	o, _ := c.body[key].(map[string]any)
	return o
}

// failure is a refusal.
type failure struct {
	status      int
	error, kind string
	details     obj
	reason      bool // "reason" in place of "error", as uploads have it
	extra       obj  // more of the answer
}

func bad(text string) *failure { return &failure{status: http.StatusBadRequest, error: text} }

// meteor is an error as the server's methods throw it, with a reason or without.
func meteor(kind, text string) *failure {
	return &failure{status: http.StatusBadRequest, error: strings.TrimSpace(text + " [" + kind + "]"), kind: kind}
}

// forbidden has its word in the text alone: answers with 403 have no errorType.
func forbidden() *failure {
	return &failure{status: http.StatusForbidden, error: "User does not have the permissions required for this action [error-unauthorized]"}
}

// modern reports whether the server's errors are of the form that was planned
// for line 8 and put off: its own code has them begin with line 9.
func (s *Server) modern() bool { return s.major >= 9 }

// denied is a refusal that says no more than that.
func (s *Server) denied() *failure {
	word := "unauthorized"
	if s.modern() {
		word = "forbidden"
	}
	return &failure{status: http.StatusForbidden, error: word}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/v1/")
	if r.URL.Path == "/api/info" {
		path, ok = "info", true
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	var rt route
	var vars map[string]string
	found := false
	for _, x := range s.routes {
		if v, ok := x.match(r.Method, path); ok {
			// A fixed path counts before one with a name in it.
			if !found || len(v) < len(vars) {
				rt, vars, found = x, v, true
			}
		}
	}
	if !found {
		write(w, http.StatusNotFound, nil, obj{"success": false, "error": "API endpoint not found"})
		return
	}
	for k, v := range vars {
		if u, err := url.PathUnescape(v); err == nil {
			vars[k] = u
		}
	}
	limit := int64(maxBody)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		limit = 200 << 20
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		write(w, http.StatusRequestEntityTooLarge, nil, obj{"success": false, "error": "request entity too large"})
		return
	}
	s.mu.Lock()
	f := s.takeFault(rt.name())
	if s.down {
		f = &fault{Fault: Fault{Drop: DropBefore}}
	}
	s.mu.Unlock()
	if f != nil && f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
	}
	if f != nil && f.Until != nil {
		select {
		case <-f.Until:
			f = nil
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
	if f != nil && f.Drop == DropBefore {
		cut(w)
		return
	}
	status, header, answer := 0, http.Header(nil), obj(nil)
	if f == nil || f.Effect || f.Delay > 0 && f.Status == 0 && f.Drop == NoDrop {
		status, header, answer = s.answer(rt, vars, r, raw)
	}
	if f != nil && f.Drop == DropAfter {
		cut(w)
		return
	}
	if f != nil && (f.Status != 0 || status == 0) {
		st := f.Status
		if st == 0 {
			st = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "text/html")
		maps.Copy(w.Header(), f.Header)
		w.WriteHeader(st)
		_, _ = io.WriteString(w, f.Body)
		return
	}
	write(w, status, header, answer)
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	if hj, ok := w.(http.Hijacker); ok {
		if conn, _, err := hj.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
}

func write(w http.ResponseWriter, status int, header http.Header, answer obj) {
	maps.Copy(w.Header(), header)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// answer checks a call and carries it out.
func (s *Server) answer(rt route, vars map[string]string, r *http.Request, raw []byte) (int, http.Header, obj) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Server: s, rt: rt, vars: vars, q: r.URL.Query(), r: r, raw: raw}
	note := Call{Route: rt.name(), Path: r.URL.Path, Query: c.q, Header: r.Header.Clone(), At: time.Now()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		note.Body = raw
	}
	status, header, answer := s.checked(c)
	note.Status = status
	note.Answer, _ = json.Marshal(answer) // it is written in the same way
	s.calls = append(s.calls, note)
	s.changed()
	return status, header, answer
}

// checked looks at a call as the server does before it carries it out: the
// login first; then the caller's permissions, the limiter and what is in the
// call, in an order that changed with line 8.
func (s *Server) checked(c *call) (int, http.Header, obj) {
	for _, u := range s.st.users {
		if u.Token != "" && u.Token == c.r.Header.Get("X-Auth-Token") && u.ID == c.r.Header.Get("X-User-Id") {
			c.user = u
		}
	}
	if c.rt.auth && c.user == nil {
		o := obj{"success": false, "error": "You must be logged in to do this."}
		if !s.modern() {
			o["status"], o["message"] = "error", o["error"]
		}
		return http.StatusUnauthorized, nil, o
	}
	may := len(c.rt.perms) == 0 || slices.ContainsFunc(c.rt.perms, c.user.is) || c.user.is("admin")
	if !may && s.major >= 8 {
		return s.refusal(forbidden(), nil)
	}
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = c.r.RemoteAddr
	}
	// Line 7 does not look at who makes a public call; line 8 does.
	exempt := c.user != nil && (c.user.is("bot") || c.user.is("admin")) && (c.rt.auth || s.major >= 8)
	header, wait := s.limits.take(time.Now(), c.rt, host, exempt)
	if wait > 0 {
		return http.StatusTooManyRequests, header, obj{
			"success": false,
			"error":   fmt.Sprintf("Error, too many requests. Please slow down. You must wait %d seconds before trying this endpoint again. [error-too-many-requests]", int(wait.Seconds())+1),
		}
	}
	if f := c.decode(); f != nil {
		return s.refusal(f, header)
	}
	if !may {
		return s.refusal(forbidden(), header)
	}
	if c.rt.second && c.user.TOTP != "" && c.r.Header.Get("X-2fa-Code") != c.user.TOTP {
		return s.refusal(c.user.askCode(c.r.Header.Get("X-2fa-Code") != ""), header)
	}
	out, f := c.rt.run(c)
	if f != nil {
		return s.refusal(f, header)
	}
	if out == nil {
		out = obj{}
	}
	out["success"] = true
	return http.StatusOK, header, out
}

func (s *Server) refusal(f *failure, header http.Header) (int, http.Header, obj) {
	o := obj{"success": false}
	key := "error"
	if f.reason {
		key = "reason"
	}
	if f.error != "" {
		o[key] = f.error // some refusals say nothing at all
	}
	if f.kind != "" {
		o["errorType"] = f.kind
	}
	if f.details != nil {
		o["details"] = f.details
	}
	maps.Copy(o, f.extra)
	return f.status, header, o
}

// askCode wants the second factor of an account.
func (u *user) askCode(wrong bool) *failure {
	f := meteor("totp-required", "TOTP Required")
	if wrong {
		f = meteor("totp-invalid", "TOTP Invalid")
	}
	f.details = obj{"method": "totp", "emailOrUsername": u.Username, "codeGenerated": false, "availableMethods": []string{"totp"}}
	return f
}

// decode reads a JSON body, and refuses keys that the server does not know.
func (c *call) decode() *failure {
	if c.rt.query != nil {
		given := obj{}
		for k := range c.q {
			given[strings.TrimSuffix(k, "[]")] = true
		}
		if f := keys(given, c.rt.query); f != nil {
			return f
		}
	}
	if c.rt.method == http.MethodGet || strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/") {
		return nil
	}
	c.body = obj{}
	if len(c.raw) > 0 {
		if err := json.Unmarshal(c.raw, &c.body); err != nil {
			return bad("invalid json")
		}
	}
	if c.rt.free {
		return nil
	}
	return keys(c.body, c.rt.body)
}

// keys checks which keys there are against those that there may and must be.
func keys(given obj, want []string) *failure {
	var known []string
	for _, k := range want {
		name, must := strings.CutPrefix(k, "!")
		known = append(known, name)
		if _, ok := given[name]; must && !ok {
			return meteor("invalid-params", fmt.Sprintf("must have required property '%s'", name))
		}
	}
	for k := range given {
		if !slices.Contains(known, k) {
			return meteor("invalid-params", "must NOT have additional properties")
		}
	}
	return nil
}
