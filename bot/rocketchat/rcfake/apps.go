package rcfake

import "net/http"

// SetApps has h answer at the endpoints of the workspace's apps, below
// /api/apps/public/<app>/. Without it no app is there, and the server answers
// as it does then.
func (s *Server) SetApps(h http.Handler) {
	_ = s.do(func() error { s.apps = h; return nil })
}

func (s *Server) serveApps(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h, down := s.apps, s.down
	s.mu.Unlock()
	switch {
	case down:
		cut(w)
	case h == nil:
		http.Error(w, "Not Found", http.StatusNotFound)
	default:
		h.ServeHTTP(w, r)
	}
}

// AppEdits changes a message as an app of the workspace does, blocks too. What
// is nil stays.
func (s *Server) AppEdits(id string, text *string, blocks, attachments []any) error {
	return s.do(func() error {
		for _, r := range s.st.rooms {
			m := r.find(id)
			if m == nil {
				continue
			}
			if text != nil {
				m.msg = *text
			}
			if blocks != nil {
				m.blocks = blocks
			}
			if attachments != nil {
				m.attachments = attachments
			}
			m.edited, m.editor = s.now(), m.user
			s.touched(r, m)
			return nil
		}
		return errNobody
	})
}
