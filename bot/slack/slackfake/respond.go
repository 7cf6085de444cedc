package slackfake

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	responseUses = 5
	responseTTL  = 30 * time.Minute
)

// newResponse makes a response URL. The lock is held.
func (s *Server) newResponse(r *response) string {
	id := s.newUUID()
	r.left, r.expires = responseUses, s.now().Add(responseTTL)
	s.st.responses[id] = r
	return s.base + "/commands/" + id
}

func (s *Server) serveRespond(w http.ResponseWriter, r *http.Request) {
	const name = "response_url"
	f := s.takeFault(name)
	if !f.before(r.Context()) {
		s.record(Call{Method: name, Faulted: true})
		cut(w)
		return
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	var in obj
	if err != nil || json.Unmarshal(b, &in) != nil {
		s.record(Call{Method: name, Status: http.StatusBadRequest, Error: "invalid_payload"})
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	rec := Call{Method: name, Status: http.StatusOK, Args: in}
	if r.Header.Get("Authorization") != "" {
		rec.TokenIn = "header"
	}
	if f != nil && !f.Effect {
		rec.Faulted, rec.Status, rec.Error = true, f.status(), f.Error
		s.record(rec)
		f.write(w, nil)
		return
	}
	s.mu.Lock()
	rec.Status, rec.Error = s.respond(s.st.responses[r.PathValue("id")], in)
	s.mu.Unlock()
	if f != nil {
		rec.Faulted = true
		s.record(rec)
		if f.Drop != NoDrop {
			cut(w)
			return
		}
		f.write(w, []byte("ok"))
		return
	}
	s.record(rec)
	if rec.Error != "" {
		writeJSON(w, rec.Status, fail(rec.Error))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok")
}

// respond takes what was sent to a response URL. The lock is held.
func (s *Server) respond(r *response, in obj) (int, string) {
	switch {
	case r == nil:
		return http.StatusNotFound, "no_such_url"
	case !s.now().Before(r.expires):
		return http.StatusNotFound, "expired_url"
	case r.left == 0:
		return http.StatusNotFound, "used_url"
	}
	r.left--
	return s.show(r, in)
}

// show puts an answer before people: of a response URL, or in an ack. The lock
// is held.
func (s *Server) show(r *response, in obj) (int, string) {
	t := s.st.teams[r.team]
	blocks, _ := in["blocks"].([]any)
	if errs := checkBlocks(blocks, "message"); len(errs) > 0 {
		return http.StatusBadRequest, "invalid_blocks"
	}
	text, _ := in["text"].(string)
	m := &message{text: text, blocks: s.fillBlocks(blocks), team: t.id, user: t.botUser, botID: t.botID, appID: s.opt.AppID}
	m.attachments, _ = in["attachments"].([]any)
	m.threadTS, _ = in["thread_ts"].(string)
	ch := s.st.channels[r.channel]
	old := r.ephemeral
	var shown *message
	if ch != nil && r.message != "" {
		shown = ch.find(r.message)
	}
	switch {
	case in["delete_original"] == true && old != nil:
		old.gone = true
		return http.StatusOK, ""
	case in["delete_original"] == true && shown != nil:
		s.remove(ch, shown)
		return http.StatusOK, ""
	case m.empty():
		return http.StatusBadRequest, "no_text"
	case in["replace_original"] == true && old != nil:
		old.text, old.blocks, old.attachments = m.text, m.blocks, m.attachments
		return http.StatusOK, ""
	case in["replace_original"] == true && shown != nil:
		before := s.render(shown, true)
		shown.text, shown.blocks, shown.attachments = m.text, m.blocks, m.attachments
		s.tellChanged(ch, shown, before)
		return http.StatusOK, ""
	}
	if in["response_type"] == "in_channel" && ch != nil {
		if m.threadTS != "" && ch.find(m.threadTS) == nil {
			m.threadTS = ""
		}
		s.add(ch, m)
		return http.StatusOK, ""
	}
	m.only, m.channel, m.ts = r.user, r.channel, s.nextTS()
	s.st.ephemeral = append(s.st.ephemeral, m)
	return http.StatusOK, ""
}

// whisper is Slack itself telling a person something. The lock is held.
func (s *Server) whisper(who, channel, text string) {
	m := &message{text: text, user: "USLACKBOT", only: who, channel: channel, ts: s.nextTS()}
	s.st.ephemeral = append(s.st.ephemeral, m)
}

// ExpireTriggers lets every trigger_id run out, as after three seconds.
func (s *Server) ExpireTriggers() {
	_ = s.do(func() error {
		for _, t := range s.st.triggers {
			t.expires = time.Time{}
		}
		return nil
	})
}

// ExpireResponses lets every response URL run out, as after half an hour.
func (s *Server) ExpireResponses() {
	_ = s.do(func() error {
		for _, r := range s.st.responses {
			r.expires = time.Time{}
		}
		return nil
	})
}

// HideEphemerals forgets what only single persons see, as their reload would.
func (s *Server) HideEphemerals(who string) {
	_ = s.do(func() error {
		s.st.ephemeral = slices.DeleteFunc(s.st.ephemeral, func(m *message) bool { return m.only == who })
		return nil
	})
}
