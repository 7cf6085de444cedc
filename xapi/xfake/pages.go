package xfake

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/xapi/xtext"
)

//go:embed pages/pages.html
var pagesHTML string

func parsePages() *template.Template {
	return template.Must(template.New("pages").Parse(pagesHTML))
}

// page writes one HTML page. The policy allows no script at all.
func (s *Server) page(w http.ResponseWriter, status int, name string, data map[string]any) {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
		s.log.Error("page not written", "page", name, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; base-uri 'none'; frame-ancestors *")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

type viewUser struct {
	ID, Handle, Name, Bio string
	Avatar                template.URL
	Followers             int
	Premium, Suspended    bool
	First                 bool
}

func (s *Server) viewUser(u *userRec) viewUser {
	return viewUser{
		ID: u.ID, Handle: u.Handle, Name: u.Name, Bio: u.Bio, Followers: u.Followers, Premium: u.Premium, Suspended: u.Suspended,
		// The fake's own path, or what the test or sandbox put there.
		Avatar: template.URL(s.avatarSrc(u)),
	}
}

func (s *Server) viewUsers() []viewUser {
	var out []viewUser
	for _, u := range s.st.sortedUsers() {
		v := s.viewUser(u)
		// Somebody suspended could only fail, so is not the one chosen first.
		v.First = !u.Suspended && !slices.ContainsFunc(out, func(o viewUser) bool { return o.First })
		out = append(out, v)
	}
	return out
}

type viewPost struct {
	ID, URL string
	User    viewUser
	Parts   []viewPart
	Media   []viewMedia
	At, ISO string
	ReplyTo string
	Here    bool
	Replies int
}

type viewPart struct{ Text, Href string }

type viewMedia struct {
	Src, Alt string
	Video    bool
}

func (s *Server) viewPost(p *Post) viewPost {
	v := viewPost{
		ID: p.ID, URL: postURL(p.Handle, p.ID), At: p.At.Format("15:04 · 2 Jan 2006 UTC"), ISO: p.At.Format(time.RFC3339),
		Parts: s.parts(p), Replies: s.replies(p.ID),
	}
	if u := s.st.Users[p.AuthorID]; u != nil {
		v.User = s.viewUser(u)
	}
	if parent := s.st.Posts[p.InReplyTo]; parent != nil {
		v.ReplyTo = parent.Handle
	}
	for _, id := range p.MediaIDs {
		if m := s.st.Media[id]; m != nil {
			v.Media = append(v.Media, viewMedia{Src: "/media/" + id, Alt: m.Alt, Video: m.kind() == "video"})
		}
	}
	return v
}

// parts cuts the text at its links and mentions.
func (s *Server) parts(p *Post) []viewPart {
	type mark struct {
		xtext.Span
		href string
	}
	var marks []mark
	for _, sp := range xtext.URLs(p.Text) {
		href := p.Text[sp.Start:sp.End]
		if !strings.Contains(href, "://") {
			href = "http://" + href
		}
		marks = append(marks, mark{sp, href})
	}
	for _, sp := range xtext.Mentions(p.Text) {
		if u := s.st.byHandle(strings.TrimLeft(p.Text[sp.Start:sp.End], "@＠")); u != nil {
			marks = append(marks, mark{sp, "/" + u.Handle})
		}
	}
	slices.SortFunc(marks, func(a, b mark) int { return a.Start - b.Start })
	var out []viewPart
	at := 0
	for _, m := range marks {
		if m.Start < at {
			continue
		}
		out = append(out, viewPart{Text: p.Text[at:m.Start]}, viewPart{Text: p.Text[m.Start:m.End], Href: m.href})
		at = m.End
	}
	return append(out, viewPart{Text: p.Text[at:]})
}

func (s *Server) missingPage(w http.ResponseWriter, what string) {
	s.page(w, http.StatusNotFound, "missing", map[string]any{"Title": "Not here", "What": what})
}

// serveStatus shows a post between what it answers and what answers it.
func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p := s.st.Posts[r.PathValue("id")]
	if p == nil || p.Deleted || !strings.EqualFold(p.Handle, r.PathValue("handle")) {
		s.mu.Unlock()
		s.missingPage(w, "This post does not exist, or it was deleted.")
		return
	}
	var posts []viewPost
	for _, id := range s.st.PostOrder {
		o := s.st.Posts[id]
		if o.Conversation != p.Conversation || o.Deleted {
			continue
		}
		v := s.viewPost(o)
		v.Here = o.ID == p.ID
		posts = append(posts, v)
	}
	s.mu.Unlock()
	s.page(w, http.StatusOK, "status", map[string]any{"Title": p.Name + " on X (stand-in)", "Posts": posts})
}

func (s *Server) serveProfile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	u := s.st.byHandle(r.PathValue("handle"))
	if u == nil {
		s.mu.Unlock()
		s.missingPage(w, "This account does not exist.")
		return
	}
	var posts []viewPost
	for _, id := range slices.Backward(s.st.PostOrder) {
		if p := s.st.Posts[id]; p.AuthorID == u.ID && !p.Deleted {
			posts = append(posts, s.viewPost(p))
		}
	}
	v := s.viewUser(u)
	s.mu.Unlock()
	s.page(w, http.StatusOK, "profile", map[string]any{"Title": v.Name + " (@" + v.Handle + ")", "User": v, "Posts": posts})
}

func (s *Server) serveHome(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	users := s.viewUsers()
	s.mu.Unlock()
	s.page(w, http.StatusOK, "home", map[string]any{"Title": "A stand-in for X", "Users": users})
}

func (s *Server) serveMedia(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	m := s.st.Media[r.PathValue("id")]
	public := false
	if m != nil {
		for _, p := range s.st.Posts {
			public = public || !p.Deleted && contains(p.MediaIDs, m.ID)
		}
	}
	s.mu.Unlock()
	if !public {
		s.missingPage(w, "There is no such picture.")
		return
	}
	w.Header().Set("Content-Type", m.Type)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox")
	_, _ = w.Write(m.Data)
}

// avatarURL is what the API reports: absolute when PublicURL is known.
func (s *Server) avatarURL(u *userRec) string {
	if u.Avatar != "" {
		return u.Avatar
	}
	return s.opt.PublicURL + "/avatar/" + u.ID + ".svg"
}

// avatarSrc is what the fake's own pages show.
func (s *Server) avatarSrc(u *userRec) string {
	if u.Avatar != "" {
		return u.Avatar
	}
	return "/avatar/" + u.ID + ".svg"
}

// serveAvatar draws the first letter on a colour that the id decides.
func (s *Server) serveAvatar(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutSuffix(r.PathValue("file"), ".svg")
	s.mu.Lock()
	u := s.st.Users[id]
	s.mu.Unlock()
	if !ok || u == nil {
		http.NotFound(w, r)
		return
	}
	hue := 0
	for _, c := range u.ID + u.Handle {
		hue = (hue*31 + int(c)) % 360
	}
	letter := strings.ToUpper(string([]rune(u.Name)[:1]))
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="hsl(%d 55%% 45%%)"/>`+
		`<text x="32" y="33" dominant-baseline="central" text-anchor="middle" font-family="system-ui,sans-serif" font-size="30" font-weight="600" fill="#fff">%s</text></svg>`,
		hue, template.HTMLEscapeString(letter))
}
