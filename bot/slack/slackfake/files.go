package slackfake

import (
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
)

const maxUpload = 64 << 20

func (s *Server) otherMethods() map[string]method {
	return map[string]method{
		"files.getUploadURLExternal":   {do: s.uploadURL, scope: "files:write", tier: 4},
		"files.completeUploadExternal": {do: s.completeUpload, scope: "files:write", tier: 4, json: true},
		"files.info":                   {do: s.fileInfo, scope: "files:read", tier: 4},
		"files.delete":                 {do: s.deleteFile, scope: "files:write", tier: 3, json: true},
		"oauth.v2.access":              {do: s.oauthAccess, open: true},
		"auth.revoke":                  {do: s.revokeToken, tier: 3},
		"apps.uninstall":               {do: s.uninstall, tier: 1},
	}
}

func (s *Server) uploadURL(c *call) obj {
	n := c.num("length", 0)
	switch {
	case c.str("filename") == "":
		return invalid("invalid_arguments", []string{"[ERROR] missing required field: filename"})
	case n <= 0:
		return invalid("invalid_arguments", []string{"[ERROR] missing required field: length"})
	}
	f := &file{id: s.nextID("F"), team: c.team.id, user: c.team.botUser, name: c.str("filename"), size: int64(n), alt: c.str("alt_txt"), created: s.now().Unix()}
	f.mime = mime.TypeByExtension(path.Ext(f.name))
	if f.mime == "" {
		f.mime = "application/octet-stream"
	}
	f.mime, _, _ = strings.Cut(f.mime, ";")
	s.st.files[f.id] = f
	return obj{"ok": true, "upload_url": s.base + "/upload/" + f.id, "file_id": f.id}
}

func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	flt, over := s.beginFault(w, r, "upload")
	if over {
		return
	}
	var b []byte
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		var src io.ReadCloser
		if mr, rerr := r.MultipartReader(); rerr == nil {
			for p, perr := mr.NextPart(); perr == nil; p, perr = mr.NextPart() {
				if p.FileName() != "" {
					src = p
					break
				}
			}
		}
		if src == nil {
			http.Error(w, "no file", http.StatusBadRequest)
			return
		}
		b, err = io.ReadAll(io.LimitReader(src, maxUpload))
	} else {
		b, err = io.ReadAll(io.LimitReader(r.Body, maxUpload))
	}
	s.mu.Lock()
	f := s.st.files[r.PathValue("id")]
	ok := err == nil && f != nil && !f.complete && int64(len(b)) == f.size
	if ok {
		f.data = b
	}
	s.mu.Unlock()
	if !ok {
		s.record(Call{Method: "upload", Status: http.StatusInternalServerError, Error: "length"})
		http.Error(w, "upload refused: the length is not the one announced", http.StatusInternalServerError)
		return
	}
	s.record(Call{Method: "upload", Status: http.StatusOK})
	if flt != nil {
		if flt.Drop != NoDrop {
			cut(w)
			return
		}
		flt.write(w, []byte("OK"))
		return
	}
	_, _ = io.WriteString(w, "OK - "+f.name)
}

func (s *Server) completeUpload(c *call) obj {
	v, ok := c.object("files")
	list, _ := v.([]any)
	if !ok || len(list) == 0 {
		return invalid("invalid_arguments", []string{"[ERROR] missing required field: files"})
	}
	var files []*file
	for _, x := range list {
		o, _ := x.(obj)
		id, _ := o["id"].(string)
		f := s.st.files[id]
		switch {
		case f == nil || f.team != c.team.id || f.complete:
			return fail("file_not_found")
		case f.data == nil:
			return fail("file_not_found") // nothing was uploaded
		}
		f.title, _ = o["title"].(string)
		if f.title == "" {
			f.title = f.name
		}
		files = append(files, f)
	}
	channels := c.list("channels")
	if id := c.str("channel_id"); id != "" {
		channels = []string{id}
	}
	thread := c.str("thread_ts")
	if thread != "" && len(channels) != 1 {
		return invalid("invalid_arguments", []string{"[ERROR] thread_ts needs exactly one channel"})
	}
	var to []*channel
	for _, id := range channels {
		c.args["channel"] = id
		ch, bad := c.target(true)
		if bad != nil {
			if bad["error"] == "not_in_channel" {
				return fail("channel_not_found")
			}
			return bad
		}
		to = append(to, ch)
	}
	blocks, _ := c.object("blocks")
	bl, _ := blocks.([]any)
	if errs := checkBlocks(bl, "message"); len(errs) > 0 {
		return invalid("invalid_blocks", errs)
	}
	out := []any{}
	for _, f := range files {
		f.complete = true
		for _, ch := range to {
			f.channels = append(f.channels, ch.id)
		}
		o := s.renderFile(f)
		out = append(out, obj{"id": f.id, "title": f.title, "name": o["name"], "mimetype": o["mimetype"], "url_private": o["url_private"], "permalink": o["permalink"]})
	}
	for _, ch := range to {
		m := &message{user: c.team.botUser, botID: c.team.botID, appID: s.opt.AppID, team: c.team.id, text: c.str("initial_comment"), files: files, subtype: "file_share", blocks: s.fillBlocks(bl)}
		if p := ch.find(thread); p != nil && !p.tombstone {
			m.threadTS = p.ts
			if p.threadTS != "" {
				m.threadTS = p.threadTS
			}
		}
		// The share is posted after the answer, which doesn't have its ts.
		c.after = append(c.after, func() { _ = s.do(func() error { s.add(ch, m); return nil }) })
	}
	return obj{"ok": true, "files": out}
}

func (s *Server) renderFile(f *file) obj {
	if f.check {
		return obj{"id": f.id, "created": f.created, "timestamp": f.created, "name": f.name, "file_access": "check_file_info", "mode": "file_access"}
	}
	ext := strings.TrimPrefix(path.Ext(f.name), ".")
	u := s.base + "/files/" + f.team + "-" + f.id + "/" + f.name
	o := obj{
		"id": f.id, "created": f.created, "timestamp": f.created, "name": f.name, "title": f.title, "mimetype": f.mime, "filetype": ext, "pretty_type": strings.ToUpper(ext),
		"user": f.user, "user_team": f.team, "size": f.size, "mode": "hosted", "is_external": f.external, "is_public": true, "editable": false,
		"url_private": u, "url_private_download": u, "permalink": "https://" + s.st.teams[f.team].domain + ".slack.com/files/" + f.user + "/" + f.id + "/" + f.name,
		"channels": slices.Clone(f.channels), "groups": []string{}, "ims": []string{}, "file_access": "visible", "alt_txt": f.alt,
	}
	if f.external {
		o["mode"], o["external_type"] = "external", "gdrive"
		o["url_private"], o["url_private_download"] = "https://drive.example.com/"+f.name, nil
	}
	return o
}

func (s *Server) fileInfo(c *call) obj {
	f := s.st.files[c.str("file")]
	if f == nil || f.team != c.team.id || !f.complete {
		return fail("file_not_found")
	}
	full := *f
	full.check = false
	o := s.renderFile(&full)
	o["shares"] = s.shares(f)
	return obj{"ok": true, "file": o, "comments": []any{}, "response_metadata": obj{"next_cursor": ""}}
}

// shares are the messages that show a file. The lock is held.
func (s *Server) shares(f *file) obj {
	public, private := obj{}, obj{}
	for _, id := range f.channels {
		ch := s.st.channels[id]
		var in []any
		for _, m := range ch.msgs {
			if !slices.Contains(m.files, f) {
				continue
			}
			o := obj{"ts": m.ts, "channel_name": ch.name, "team_id": ch.team}
			if m.threadTS != "" {
				o["thread_ts"] = m.threadTS
			}
			in = append(in, o)
		}
		switch {
		case len(in) == 0:
		case ch.private || ch.im:
			private[id] = in
		default:
			public[id] = in
		}
	}
	o := obj{}
	if len(public) > 0 {
		o["public"] = public
	}
	if len(private) > 0 {
		o["private"] = private
	}
	return o
}

func (s *Server) deleteFile(c *call) obj {
	f := s.st.files[c.str("file")]
	switch {
	case f == nil || f.team != c.team.id || !f.complete:
		return fail("file_not_found")
	case f.user != c.team.botUser:
		return fail("cant_delete_file")
	}
	for _, id := range f.channels {
		ch := s.st.channels[id]
		for _, m := range slices.Clone(ch.msgs) {
			if slices.Contains(m.files, f) {
				s.remove(ch, m)
			}
		}
	}
	delete(s.st.files, f.id)
	return obj{"ok": true}
}

// serveFile gives a file to the bot's token, and a sign-in page to anybody else.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	if _, over := s.beginFault(w, r, "file"); over {
		return
	}
	teamID, id, _ := strings.Cut(r.PathValue("id"), "-")
	s.mu.Lock()
	f, t := s.st.files[id], s.st.teams[teamID]
	may := t != nil && f != nil && f.team == t.id && t.revoked == "" && r.Header.Get("Authorization") == "Bearer "+t.token && slices.Contains(t.scopes, "files:read")
	s.mu.Unlock()
	s.record(Call{Method: "file", Status: http.StatusOK})
	if !may {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to your workspace</body></html>")
		return
	}
	w.Header().Set("Content-Type", f.mime)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	_, _ = w.Write(f.data)
}
