package rcfake

import (
	"encoding/json"
	"strings"
)

// typed takes in that a customer writes: whoever has the token of the room says
// so, under any name. The lock is held.
func (s *Server) typed(params []json.RawMessage) obj {
	var key, name string
	var what []string
	var extra struct{ Token string }
	for i, into := range []any{&key, &name, &what, &extra} {
		if i >= len(params) || json.Unmarshal(params[i], into) != nil {
			return refused("not-allowed", "Not allowed")
		}
	}
	rid, event, _ := strings.Cut(key, "/")
	r := s.st.rooms[rid]
	if event != "user-activity" || r == nil || r.visitor == nil || extra.Token != r.visitor.token {
		return refused("not-allowed", "Not allowed")
	}
	if len(what) > 0 {
		r.typing = append(r.typing, name)
	}
	s.notifyRoom(r, event, name, what)
	return nil
}

// Typed are the names of the customers who were shown to write in a room, once
// for each time.
func (s *Server) Typed(rid string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.st.rooms[rid]; r != nil {
		return append([]string{}, r.typing...)
	}
	return nil
}
