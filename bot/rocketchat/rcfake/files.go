package rcfake

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

// part reads the file of a multipart body. Fields that the route does not know
// are refused, as the server's own check does.
func (c *call) part(fields ...string) (*file, map[string]string, *failure) {
	_, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, nil, bad("invalid-content-type")
	}
	var got *file
	values := map[string]string{}
	mr := multipart.NewReader(bytes.NewReader(c.raw), params["boundary"])
	for {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, bad("invalid-body")
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, nil, bad("invalid-body")
		}
		if p.FormName() == "file" && got == nil {
			got = &file{name: p.FileName(), mime: p.Header.Get("Content-Type"), data: data}
			continue
		}
		if !slices.Contains(fields, p.FormName()) {
			return nil, nil, bad("Match error: Unknown key in field " + p.FormName())
		}
		values[p.FormName()] = string(data)
	}
	if got == nil {
		return nil, nil, &failure{status: http.StatusBadRequest, error: "error-no-file-uploaded", reason: true}
	}
	return got, values, c.acceptable(got)
}

// acceptable checks a file against the workspace's settings.
func (c *call) acceptable(f *file) *failure {
	refuse := func(why string) *failure {
		return &failure{status: http.StatusBadRequest, error: why, reason: true}
	}
	if on, _ := c.st.settings["FileUpload_Enabled"].(bool); !on {
		return refuse("error-file-upload-disabled")
	}
	if most, ok := c.st.settings["FileUpload_MaxFileSize"].(int); ok && most >= 0 && len(f.data) > most {
		return refuse("error-size-not-allowed")
	}
	white, _ := c.st.settings["FileUpload_MediaTypeWhiteList"].(string)
	black, _ := c.st.settings["FileUpload_MediaTypeBlackList"].(string)
	if white != "" && !listed(white, f.mime) || listed(black, f.mime) {
		return refuse("error-type-not-allowed")
	}
	return nil
}

func listed(list, mime string) bool {
	for p := range strings.SplitSeq(list, ",") {
		p = strings.TrimSpace(p)
		if p == mime || strings.HasSuffix(p, "/*") && strings.HasPrefix(mime, strings.TrimSuffix(p, "*")) {
			return p != ""
		}
	}
	return false
}

// keep stores a file. The lock is held.
func (s *Server) keep(f *file, r *room, by string) *file {
	f.id, f.room, f.by, f.at = s.newID(), r.id, by, s.now()
	s.st.files[f.id] = f
	return f
}

func (f *file) link() string { return "/file-upload/" + f.id + "/" + f.name }

// attach is how a message shows a file.
func (f *file) attach(m *message) {
	m.files = append(m.files, obj{"_id": f.id, "name": f.name, "type": f.mime, "size": len(f.data)})
	a := obj{"title": f.name, "type": "file", "title_link": f.link(), "title_link_download": true, "fileId": f.id}
	if f.words != "" {
		a["description"] = f.words
	}
	switch {
	case strings.HasPrefix(f.mime, "image/"):
		// A smaller picture is made of it, which is in the message's list of files too.
		small := f.id + "s"
		m.files = append(m.files, obj{"_id": small, "name": "thumb-" + f.name, "type": "image/png", "size": 100})
		a["image_url"], a["image_type"], a["image_size"] = "/file-upload/"+small+"/"+f.name, "image/png", len(f.data)
	case strings.HasPrefix(f.mime, "video/"):
		a["video_url"], a["video_type"], a["video_size"] = f.link(), f.mime, len(f.data)
	}
	m.attachments = append(m.attachments, a)
}

func roomMedia(c *call) (obj, *failure) {
	r, f := c.room(c.vars["rid"])
	if f != nil {
		return nil, f
	}
	got, _, f := c.part("description", "msg", "tmid", "fileName", "content")
	if f != nil {
		return nil, f
	}
	c.keep(got, r, c.user.ID)
	return obj{"file": obj{"_id": got.id, "url": got.link()}}, nil
}

// confirmMedia shows a file, as often as it is asked to: the server does not
// look whether it has shown it already.
func confirmMedia(c *call) (obj, *failure) {
	r, f := c.room(c.vars["rid"])
	if f != nil {
		return nil, c.denied()
	}
	got := c.st.files[c.vars["file"]]
	if got == nil || got.room != r.id || got.by != c.user.ID || !got.confirmed && time.Since(got.at) > 24*time.Hour {
		return nil, meteor("invalid-file", "")
	}
	m := &message{msg: c.str("msg"), tmid: c.str("tmid")}
	got.attach(m)
	if d := c.str("description"); d != "" {
		m.attachments[0].(obj)["description"] = d //nolint:forcetypeassert // attach made it
	}
	if f := c.put(r, m); f != nil {
		return nil, f
	}
	got.confirmed = true
	return obj{"message": m.json(false)}, nil
}

func visitorUpload(c *call) (obj, *failure) {
	token := c.r.Header.Get("X-Visitor-Token")
	if token == "" {
		return nil, c.denied()
	}
	if on, _ := c.st.settings["Livechat_fileupload_enabled"].(bool); !on {
		return nil, &failure{status: http.StatusBadRequest, error: "error-file-upload-disabled", reason: true}
	}
	v := c.st.visitors[token]
	r := c.st.rooms[c.vars["rid"]]
	if v == nil || r == nil || r.visitor != v || !r.open {
		return nil, c.denied()
	}
	got, values, f := c.part("description", "avatar", "emoji", "alias", "groupable", "msg")
	if f != nil {
		return nil, f
	}
	c.keep(got, r, v.id)
	got.words = values["description"]
	m := &message{msg: values["msg"], token: v.token, alias: v.name, user: obj{"_id": v.id, "username": v.username, "name": v.name}}
	got.attach(m)
	c.insert(r, m)
	o := m.json(false)
	o["newRoom"], o["showConnecting"] = false, false
	return o, nil
}

// serveFile hands a file out to those who may read its room.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.st.files[r.PathValue("id")]
	ok := false
	if f != nil {
		rm := s.st.rooms[f.room]
		q := r.URL.Query()
		if rm.visitor != nil && q.Get("rc_room_type") == "l" && q.Get("rc_rid") == rm.id && q.Get("rc_token") == rm.visitor.token {
			ok = true
		}
		for _, u := range s.st.users {
			if u.Token != "" && u.Token == r.Header.Get("X-Auth-Token") && u.ID == r.Header.Get("X-User-Id") {
				c := &call{Server: s, user: u}
				ok = ok || c.reads(rm)
			}
		}
	}
	s.calls = append(s.calls, Call{Route: "GET file-upload", Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(), At: time.Now()})
	s.mu.Unlock()
	if !ok {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", f.mime)
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, _ = w.Write(f.data)
}
