package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
)

//go:embed pages/page.html
var pageHTML string

//go:embed pages/page.css
var pageCSS string

// cookieName of the cookie that binds an authorization to the browser that
// began it.
const cookieName = "perch_x_auth"

// pages are made of one template and one style sheet, which the template has
// as {{style}} and which is all that their policy lets in.
type pages struct {
	page   *template.Template
	policy string
}

func newPages(html, css string) *pages {
	sum := sha256.Sum256([]byte(css))
	style := template.CSS(css) //nolint:gosec // it is ours
	return &pages{
		page: template.Must(template.New("page").Funcs(template.FuncMap{"style": func() template.CSS { return style }}).Parse(html)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// result is what the page shows.
type result struct {
	OK      bool
	Title   string
	Message string
	Account accounts.Account
	Scopes  []string
}

func (p *pages) write(w http.ResponseWriter, status int, res any) error {
	var b bytes.Buffer
	if err := p.page.Execute(&b, res); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	h := w.Header()
	p.secure(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the browser is gone: nobody to tell
	return nil
}

// secure sets what every answer of these pages needs. Unless a page said
// otherwise before, it carries a secret in its address and is to be kept
// nowhere.
func (p *pages) secure(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
}

// page makes errors a page for people.
func (s *server) page(p *pages, h func(http.ResponseWriter, *http.Request, *pages) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r, p)
		if err == nil {
			return
		}
		res := result{Title: "That did not work"}
		status := http.StatusBadRequest
		var e *accounts.Error
		switch {
		case errors.As(err, &e):
			res.Title, res.Message = titleOf(e.Code), e.Message
		case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
			return
		default:
			ref := id.New()
			s.Log.Error("page failed", "path", r.URL.Path, "ref", ref, "err", err)
			status, res.Message = http.StatusInternalServerError, "Something went wrong inside Perch. Start again with /twitter authorize; the log has more under "+ref+"."
		}
		if err := p.write(w, status, res); err != nil {
			s.Log.Error("page failed", "path", r.URL.Path, "err", err)
		}
	})
}

func titleOf(c accounts.Code) string {
	switch c {
	case accounts.CodeUnknownRequest:
		return "This link is not known"
	case accounts.CodeExpired:
		return "This link has expired"
	case accounts.CodeUsed:
		return "This link was used already"
	case accounts.CodeOtherBrowser:
		return "This is another browser"
	case accounts.CodeDenied:
		return "You did not authorize Perch"
	case accounts.CodeMissingScopes:
		return "A permission is missing"
	default:
		return "X did not connect the account"
	}
}

// startX sends the person's browser to X's authorize page.
func (s *server) startX(w http.ResponseWriter, r *http.Request, p *pages) error {
	to, cookie, err := s.Accounts.Start(r.Context(), r.PathValue("ticket"))
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(cookie, 600))
	p.secure(w.Header())
	w.Header().Set("Location", to) // http.Redirect would write a body with the address in it
	w.WriteHeader(http.StatusFound)
	return nil
}

func (s *server) cookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where there is TLS: a sandbox on loopback has none
		Name: cookieName, Value: value, Path: "/x/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.PublicURL, "https://"),
	}
}

// finishX takes what X sent the browser back with.
func (s *server) finishX(w http.ResponseWriter, r *http.Request, p *pages) error {
	q := r.URL.Query()
	cookie := ""
	if c, err := r.Cookie(cookieName); err == nil {
		cookie = c.Value
	}
	acc, err := s.Accounts.Finish(r.Context(), cookie, q.Get("state"), q.Get("code"), q.Get("error"))
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie("", -1))
	return p.write(w, http.StatusOK, result{OK: true, Title: "@" + acc.Handle + " is connected", Account: acc, Scopes: scopeWords(acc.Scopes)})
}

// scopeWords are X's permissions in words for people.
func scopeWords(scopes []string) []string {
	words := map[string]string{
		"tweet.read": "Read posts", "tweet.write": "Post and delete posts", "users.read": "Read profiles", "dm.read": "Read direct messages",
		"dm.write": "Send direct messages", "media.write": "Upload pictures and videos", "offline.access": "Stay connected",
	}
	out := make([]string, 0, len(scopes))
	for _, sc := range scopes {
		if w := words[sc]; w != "" {
			sc = w + " (" + sc + ")"
		}
		out = append(out, sc)
	}
	return out
}
