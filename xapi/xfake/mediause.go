package xfake

import (
	"net/http"
	"strings"
)

// ready says whether user may attach the media now.
func (s *Server) ready(user, id string) (*mediaRec, bool) {
	m := s.st.Media[id]
	if m == nil || m.Owner != user && !contains(m.Owners, user) || m.Finalized.IsZero() || s.now().Sub(m.Made) > mediaLife {
		return nil, false
	}
	state, ok := s.processing(m)
	return m, !ok || state == "succeeded"
}

// usable checks the media of a post: 4 photos, or 1 GIF, or 1 video.
func (s *Server) usable(user string, ids []string) (reply, bool) {
	if len(ids) == 0 || len(ids) > 4 {
		return invalid("media.media_ids", strings.Join(ids, ","), "$.media.media_ids: must have between 1 and 4 items"), false
	}
	bad := blank(http.StatusBadRequest, "Invalid Request", "Your media IDs are invalid.")
	for _, id := range ids {
		m, ok := s.ready(user, id)
		if !ok || !strings.HasPrefix(m.Category, "tweet_") && m.Category != "amplify_video" {
			return bad, false
		}
		if m.processed() && len(ids) > 1 {
			return bad, false
		}
	}
	return reply{}, true
}

// usableDM checks the one attachment of a message.
func (s *Server) usableDM(user, id string) (reply, bool) {
	m, ok := s.ready(user, id)
	if !ok {
		return blank(http.StatusBadRequest, "Invalid Request", "Your media IDs are invalid."), false
	}
	if !strings.HasPrefix(m.Category, "dm_") {
		return forbidden("You are not permitted to attach this media to a DM event."), false
	}
	return reply{}, true
}

// keepFile stores what a person attached in the app.
func (s *Server) keepFile(owner string, f File) string {
	now := s.now()
	typ := f.Type
	if typ == "" {
		typ, _, _ = strings.Cut(http.DetectContentType(f.Data), ";")
	}
	m := &mediaRec{
		ID: s.st.nextID(now), Owner: owner, Type: typ, Name: f.Name, Category: "dm_image",
		Total: len(f.Data), Data: f.Data, Made: now, Finalized: now,
	}
	s.st.Media[m.ID] = m
	return m.ID
}

// mediaKey has a prefix by kind: 3 photo, 7 video, 16 GIF.
func (s *Server) mediaKey(id string) string {
	m := s.st.Media[id]
	switch {
	case m != nil && strings.HasPrefix(m.Type, "video/"):
		return "7_" + id
	case m != nil && m.Type == "image/gif":
		return "16_" + id
	default:
		return "3_" + id
	}
}

func (m *mediaRec) kind() string {
	switch {
	case strings.HasPrefix(m.Type, "video/"):
		return "video"
	case m.Type == "image/gif":
		return "animated_gif"
	default:
		return "photo"
	}
}

// tonURL is where a message's media was in the old API; its three last parts
// are those of the v2 download endpoint.
func tonURL(dmID string, m *mediaRec) string {
	return "https://ton.twitter.com/1.1/ton/data/dm/" + dmID + "/" + m.ID + "/" + m.resource()
}

func (s *Server) mediaObject(m *mediaRec, dmID string, fs fieldSet) map[string]any {
	out := map[string]any{"media_key": s.mediaKey(m.ID), "type": m.kind()}
	if fs["url"] && m.kind() == "photo" {
		out["url"] = s.opt.PublicURL + "/media/" + m.ID
		if dmID != "" {
			out["url"] = tonURL(dmID, m)
		}
	}
	if fs["preview_image_url"] && m.kind() != "photo" {
		out["preview_image_url"] = s.opt.PublicURL + "/media/" + m.ID
	}
	if fs["variants"] && m.kind() != "photo" {
		at := s.opt.PublicURL + "/media/" + m.ID
		if dmID != "" {
			at = tonURL(dmID, m)
		}
		typ := m.Type
		if m.kind() == "animated_gif" {
			typ = "video/mp4" // X turns them into films
		}
		out["variants"] = []map[string]any{{"content_type": typ, "url": at}}
	}
	if fs["alt_text"] && m.Alt != "" {
		out["alt_text"] = m.Alt
	}
	return out
}

// FailMedia makes the processing of an upload end as failed.
func (s *Server) FailMedia(id, why string) bool {
	ok := false
	s.set(func() {
		if m := s.st.Media[id]; m != nil {
			m.Fails, ok = why, true
		}
	})
	return ok
}
