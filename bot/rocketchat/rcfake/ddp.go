package rcfake

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// session is one realtime connection.
type session struct {
	id     string
	conn   *websocket.Conn
	out    chan obj
	cancel context.CancelFunc

	// With the server's lock held.
	user *user
	subs map[string]*sub
	deaf bool // see HalfOpen
}

// sub is one subscription.
type sub struct {
	id, stream, key string
	token, visitor  string // what those say of themselves who read as a visitor
}

func (s *Server) serveDDP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.takeFault("GET websocket")
	if s.down {
		f = &fault{Fault: Fault{Drop: DropBefore}}
	}
	s.mu.Unlock()
	if f != nil {
		if f.Drop != NoDrop {
			cut(w)
			return
		}
		http.Error(w, f.Body, max(f.Status, http.StatusServiceUnavailable))
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	conn.SetReadLimit(1 << 20)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	ses := &session{conn: conn, out: make(chan obj, 1024), cancel: cancel, subs: map[string]*sub{}}
	s.mu.Lock()
	ses.id = s.newID()
	s.sessions[ses] = true
	s.changed()
	s.mu.Unlock()
	s.bg.Go(func() { ses.write(ctx) })
	s.read(ctx, ses)
	_ = s.do(func() error { delete(s.sessions, ses); return nil })
	_ = conn.CloseNow()
}

// write sends what is queued. A client that does not read is cut off.
func (ses *session) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-ses.out:
			b, err := json.Marshal(o)
			if err != nil {
				return
			}
			wctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			err = ses.conn.Write(wctx, websocket.MessageText, b)
			cancel()
			if err != nil {
				ses.cancel()
				return
			}
		}
	}
}

// send queues a frame. The server's lock is held, or nobody else knows the session.
func (ses *session) send(o obj) {
	if ses.deaf {
		return
	}
	select {
	case ses.out <- o:
	default:
		ses.cancel() // too slow
	}
}

func (s *Server) read(ctx context.Context, ses *session) {
	connected := false
	for {
		_, raw, err := ses.conn.Read(ctx)
		if err != nil {
			return
		}
		var in struct {
			Msg, ID, Name, Method string
			Params                []json.RawMessage
		}
		if json.Unmarshal(raw, &in) != nil {
			s.mu.Lock()
			ses.send(obj{"msg": "error", "reason": "Parse error"})
			s.mu.Unlock()
			continue
		}
		s.mu.Lock()
		switch {
		case in.Msg == "connect":
			connected = true
			ses.send(obj{"msg": "connected", "session": ses.id})
		case !connected:
			ses.send(obj{"msg": "error", "reason": "Must connect first"})
		case in.Msg == "ping":
			o := obj{"msg": "pong"}
			if in.ID != "" {
				o["id"] = in.ID
			}
			ses.send(o)
		case in.Msg == "pong":
			s.pongs++
		case in.Msg == "method":
			s.method(ses, in.ID, in.Method, in.Params)
		case in.Msg == "sub":
			s.subscribe(ses, in.ID, in.Name, in.Params)
		case in.Msg == "unsub":
			delete(ses.subs, in.ID)
			ses.send(obj{"msg": "nosub", "id": in.ID})
		}
		s.changed()
		s.mu.Unlock()
	}
}

func refused(code any, reason string) obj {
	return obj{"isClientSafe": true, "error": code, "reason": reason, "message": fmt.Sprintf("%s [%v]", reason, code), "errorType": "Meteor.Error"}
}

// method answers a method call. The lock is held.
func (s *Server) method(ses *session, id, name string, params []json.RawMessage) {
	answer := func(result, err any) {
		o := obj{"msg": "result", "id": id}
		if err != nil {
			o["error"] = err
		} else {
			o["result"] = result
		}
		ses.send(o)
		ses.send(obj{"msg": "updated", "methods": []string{id}})
	}
	switch name {
	case "login":
		var p struct{ Resume string }
		if len(params) > 0 {
			_ = json.Unmarshal(params[0], &p)
		}
		for _, u := range s.st.users {
			if u.Token != "" && u.Token == p.Resume {
				ses.user = u
				answer(obj{"id": u.ID, "token": u.Token, "tokenExpires": obj{"$date": time.Now().Add(90 * 24 * time.Hour).UnixMilli()}, "type": "resume"}, nil)
				return
			}
		}
		answer(nil, refused(403, "You've been logged out by the server. Please log in again."))
	case "livechat:setUpConnection": // the widget says whose connection it is
		answer(nil, nil)
	case "stream-notify-room":
		if why := s.typed(params); why != nil {
			answer(nil, why)
			return
		}
		answer(nil, nil)
	case "updateMessage":
		if ses.user == nil || len(params) == 0 {
			answer(nil, refused("error-invalid-user", "Invalid user"))
			return
		}
		if f := s.updateWhole(ses.user, params); f != nil {
			answer(nil, refused(f.kind, f.error))
			return
		}
		answer(nil, nil)
	default:
		answer(nil, refused(404, "Method '"+name+"' not found"))
	}
}

// updateWhole is the method with which clients change a message, attachments
// too, but no blocks. Without a list of previews a message whose text stays is
// left alone, and nothing is said about it.
func (s *Server) updateWhole(u *user, params []json.RawMessage) *failure {
	var in struct {
		ID          string `json:"_id"`
		RID         string `json:"rid"`
		Msg         string
		Attachments []any
		Blocks      any
	}
	if err := json.Unmarshal(params[0], &in); err != nil {
		return bad("invalid message")
	}
	r := s.st.rooms[in.RID]
	if r == nil {
		return meteor("error-invalid-room", "Invalid room")
	}
	m := r.find(in.ID)
	if m == nil {
		if s.known(in.ID) { // it looks for the ID alone, and compares the rest
			return meteor("error-invalid-update-key", "Cannot update the message rid")
		}
		return nil // the server says nothing of it either
	}
	if (m.user["_id"] != u.ID || s.st.settings["Message_AllowEditing"] == false) && !u.is("admin") {
		return meteor("error-action-not-allowed", "Message editing not allowed")
	}
	if in.Blocks != nil {
		return meteor("error-invalid-update-key", "Cannot update the message blocks")
	}
	if in.Msg == m.msg && len(params) < 2 {
		return nil
	}
	if f := checkAttachments(in.Attachments); f != nil {
		return f
	}
	m.msg, m.edited, m.editor = in.Msg, s.now(), u.ref()
	if in.Attachments != nil {
		m.attachments = in.Attachments
	}
	s.touched(r, m)
	return nil
}

// methodCall is a method over REST: its message is a DDP frame in a string.
func methodCall(c *call) (obj, *failure) {
	raw, _ := c.body["message"].(string)
	var in struct {
		ID, Method string
		Params     []json.RawMessage
	}
	if err := json.Unmarshal([]byte(raw), &in); err != nil || in.Method != c.vars["method"] {
		return nil, bad("Invalid method call")
	}
	out := obj{"msg": "result", "id": in.ID}
	switch {
	case in.Method != "updateMessage" || len(in.Params) == 0:
		out["error"] = refused(404, "Method '"+in.Method+"' not found")
	default:
		if o := c.ddp.take(time.Now(), c.user.Token, in.Method, false); o != nil {
			out["error"] = o
		} else if f := c.updateWhole(c.user, in.Params); f != nil {
			out["error"] = refused(f.kind, f.error)
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, bad("result can't be written")
	}
	if out["error"] != nil && c.major >= 8 { // line 7 calls that a success
		return nil, &failure{status: http.StatusBadRequest, extra: obj{"message": string(b)}}
	}
	return obj{"message": string(b)}, nil
}

// subscribe opens a subscription. The lock is held.
func (s *Server) subscribe(ses *session, id, name string, params []json.RawMessage) {
	var key string
	var opts struct {
		UseCollection bool
		Args          []struct{ Token, VisitorToken string }
	}
	if len(params) > 0 {
		_ = json.Unmarshal(params[0], &key)
	}
	if len(params) > 1 {
		if json.Unmarshal(params[1], &opts.UseCollection) != nil {
			_ = json.Unmarshal(params[1], &opts)
		}
	}
	x := &sub{id: id, stream: name, key: key}
	if len(opts.Args) > 0 {
		x.token, x.visitor = opts.Args[0].Token, opts.Args[0].VisitorToken
	}
	if !slices.Contains([]string{"stream-notify-user", "stream-room-messages", "stream-notify-room", "stream-notify-logged", "stream-livechat-room"}, name) {
		ses.send(obj{"msg": "nosub", "id": id, "error": refused(404, "Subscription '"+name+"' not found")})
		return
	}
	if o := s.ddp.take(time.Now(), ses.id, name, true); o != nil {
		ses.send(obj{"msg": "nosub", "id": id, "error": o})
		return
	}
	if !s.listens(ses, x) || s.deafTo == name {
		ses.send(obj{"msg": "nosub", "id": id, "error": refused("not-allowed", "Not allowed")})
		return
	}
	ses.subs[id] = x
	if opts.UseCollection { // older clients keep streams as collections, which begin with something added
		ses.send(obj{"msg": "added", "collection": name, "id": "id", "fields": obj{"eventName": key}})
	}
	ses.send(obj{"msg": "ready", "subs": []string{id}})
}

// listens reports whether a session may have a subscription. The lock is held.
func (s *Server) listens(ses *session, x *sub) bool {
	rid, _, _ := strings.Cut(x.key, "/")
	r := s.st.rooms[rid]
	mine := ses.user != nil
	switch x.stream {
	case "stream-notify-user":
		return mine && rid == ses.user.ID
	case "stream-notify-logged":
		return mine
	case "stream-room-messages":
		if x.key == "__my_messages__" {
			return mine
		}
	}
	if r == nil {
		return false
	}
	// Each kind of stream wants the visitor's token under another name, and
	// what happens in a room is told to those alone who are in it.
	customer := func(token string) bool { return r.visitor != nil && token != "" && token == r.visitor.token }
	switch {
	case x.stream == "stream-livechat-room":
		return customer(x.visitor)
	case x.stream == "stream-notify-room" && x.token != "":
		return customer(x.token)
	case x.stream == "stream-notify-room":
		return mine && r.member(ses.user.ID)
	case customer(x.visitor):
		return true
	}
	c := &call{Server: s, user: ses.user}
	return mine && c.reads(r)
}

// emit sends an event to those who subscribed to it. The lock is held.
func (s *Server) emit(stream, key string, may func(*session) bool, args ...any) {
	for ses := range s.sessions {
		for _, x := range ses.subs {
			if x.stream == stream && x.key == key && (may == nil || may(ses)) {
				ses.send(obj{"msg": "changed", "collection": stream, "id": "id", "fields": obj{"eventName": key, "args": args}})
			}
		}
	}
}

// publish tells of a message. The lock is held.
func (s *Server) publish(r *room, m *message) {
	if m.hidden {
		return
	}
	if s.lose > 0 {
		s.lose--
		return
	}
	s.emit("stream-room-messages", r.id, nil, m.json(true))
	// Who may read a room is told of what is said there, whether they are in it or not.
	for ses := range s.sessions {
		if c := (&call{Server: s, user: ses.user}); ses.user != nil && c.reads(r) {
			s.emit("stream-room-messages", "__my_messages__", func(x *session) bool { return x == ses },
				m.json(true), obj{"roomParticipant": r.member(ses.user.ID), "roomType": r.kind, "roomName": r.name})
		}
	}
}

func (s *Server) notifyRoom(r *room, event string, args ...any) {
	s.emit("stream-notify-room", r.id+"/"+event, nil, args...)
}

func (s *Server) notifyUser(id, event string, args ...any) {
	s.emit("stream-notify-user", id+"/"+event, nil, args...)
}

func (s *Server) notifyLivechat(r *room, args ...any) {
	s.emit("stream-livechat-room", r.id, nil, args...)
}

// Sessions is how many realtime connections are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Subscribed reports whether anybody has a subscription.
func (s *Server) Subscribed(stream, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ses := range s.sessions {
		for _, x := range ses.subs {
			if x.stream == stream && x.key == key {
				return true
			}
		}
	}
	return false
}

// DropAll cuts every realtime connection.
func (s *Server) DropAll() {
	_ = s.do(func() error {
		for ses := range s.sessions {
			ses.cancel()
			_ = ses.conn.CloseNow()
		}
		return nil
	})
}

// Pongs is how many pings of the server were answered.
func (s *Server) Pongs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pongs
}

// Stop ends the server as a restart does: connections are cut, calls get no
// answer, and what was counted of limits is forgotten. Start is its end.
func (s *Server) Stop() {
	_ = s.do(func() error {
		s.down = true
		s.limits.windows = nil
		return nil
	})
	s.DropAll()
}

// Start has a stopped server answer again. What it stored is there still.
func (s *Server) Start() { _ = s.do(func() error { s.down = false; return nil }) }

// Emit sends an event to those who subscribed to a stream's key, whatever is in
// it: also one that this server would never send.
func (s *Server) Emit(stream, key string, args ...any) {
	_ = s.do(func() error { s.emit(stream, key, nil, args...); return nil })
}

// HalfOpen makes the connections that are open now say nothing more, pongs
// included, without an end.
func (s *Server) HalfOpen() {
	_ = s.do(func() error {
		for ses := range s.sessions {
			ses.deaf = true
		}
		return nil
	})
}

// PingAll pings every connection, as the server does after silence.
func (s *Server) PingAll() {
	_ = s.do(func() error {
		for ses := range s.sessions {
			ses.send(obj{"msg": "ping"})
		}
		return nil
	})
}

// Lose makes the streams keep the next n messages to themselves, as they do
// where the server's own notifications fail.
func (s *Server) Lose(n int) { _ = s.do(func() error { s.lose = n; return nil }) }
