package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/perch-chat/perch/internal/id"
)

// consentWait is how long, in seconds, a browser keeps the cookie of a consent
// that it began.
const consentWait = 600

// consent leads a person's browser to the page where another service asks for
// their consent, and takes what it is sent back with. A cookie binds both ends
// to one browser.
type consent struct {
	*pages
	log    *slog.Logger
	name   string // in the log
	cookie string // its name
	path   string // of its pages
	tls    bool   // not so for a stand-in on loopback

	view    func(title, message string) any // of the page about an error
	explain func(error) (explanation, bool) // of an error that is for people
	again   string                          // what to do after one that is not
}

// explanation is what a person reads of an error.
type explanation struct {
	status         int
	title, message string
	cause          error // for the log
}

// handle makes errors a page for people. No address is logged: it may have a
// ticket in it.
func (c *consent) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return
		}
		f, ok := c.explain(err)
		switch {
		case !ok:
			ref := id.New()
			c.log.Error("page failed", "page", c.name, "ref", ref, "err", err)
			f = explanation{
				status: http.StatusInternalServerError, title: "That did not work",
				message: "Something went wrong inside Perch. " + c.again + "; the log has more under " + ref + ".",
			}
		case f.cause != nil:
			c.log.Warn("consent refused", "page", c.name, "title", f.title, "err", f.cause)
		}
		if err := c.write(w, f.status, c.view(f.title, f.message)); err != nil {
			c.log.Error("page failed", "page", c.name, "err", err)
		}
	})
}

// leave sends the browser on, with the cookie.
func (c *consent) leave(w http.ResponseWriter, to, cookie string) {
	http.SetCookie(w, c.newCookie(cookie, consentWait))
	c.secure(w.Header())
	w.Header().Set("Location", to) // http.Redirect would write a body with the address in it
	w.WriteHeader(http.StatusFound)
}

// returned is what a browser comes back with.
type returned struct{ cookie, state, code, refused string }

func (c *consent) returned(r *http.Request) returned {
	q := r.URL.Query()
	back := returned{state: q.Get("state"), code: q.Get("code"), refused: q.Get("error")}
	if set, err := r.Cookie(c.cookie); err == nil {
		back.cookie = set.Value
	}
	return back
}

// finish shows the page at the end; the cookie has done its work.
func (c *consent) finish(w http.ResponseWriter, view any) error {
	http.SetCookie(w, c.newCookie("", -1))
	return c.write(w, http.StatusOK, view)
}

func (c *consent) newCookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where there is TLS: a stand-in on loopback has none
		Name: c.cookie, Value: value, Path: c.path, MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.tls,
	}
}

// hasTLS says whether people reach Perch over TLS.
func (s *server) hasTLS() bool { return strings.HasPrefix(s.PublicURL, "https://") }
