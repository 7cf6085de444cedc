package rocketchat

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

//go:embed form.html
var formHTML string

//go:embed form.css
var formCSS string

// formCookie holds the seal of the form that a browser was shown. No other site
// can have a browser send it.
const formCookie = "perch_form"

// maxFormBody bounds what a browser may send.
const maxFormBody = 256 << 10

// formPage is what the page shows.
type formPage struct {
	Title, Submit, Seal, Error string
	Inputs                     []formInput
	Done                       bool // it was sent
	Gone                       bool // there is no such form
}

type formInput struct {
	bot.Input
	Value, Problem string
}

// FormHandler serves the forms, at FormPath.
func (a *Adapter) FormHandler() http.Handler {
	sum := sha256.Sum256([]byte(formCSS))
	policy := "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	page := template.Must(template.New("form").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(formCSS) }, //nolint:gosec // our own
	}).Parse(formHTML))
	write := func(w http.ResponseWriter, status int, p formPage) {
		var b bytes.Buffer
		if err := page.Execute(&b, p); err != nil {
			a.log.Error("a form can't be shown", "err", err)
			http.Error(w, "The form can't be shown.", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(status)
		_, _ = b.WriteTo(w) // the browser is gone: nobody to tell
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // "no-referrer" would have browsers hide the Origin of a POST
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Cache-Control", "no-store")
		token := strings.TrimPrefix(r.URL.Path, FormPath)
		o, ok := a.forms.get(token, time.Now())
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
			h.Set("Allow", "GET, HEAD, POST")
			http.Error(w, "This is a form.", http.StatusMethodNotAllowed)
		case !ok:
			write(w, http.StatusNotFound, formPage{Title: "This form is over", Gone: true})
		case o.sent:
			write(w, http.StatusOK, formPage{Title: o.form.Title, Done: true})
		case r.Method != http.MethodPost:
			http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever Perch's address is
				Name: formCookie, Value: o.seal, Path: FormPath + token, HttpOnly: true, SameSite: http.SameSiteStrictMode,
				Secure: strings.HasPrefix(a.o.PublicURL, "https:"), MaxAge: int(formLife.Seconds()),
			})
			write(w, http.StatusOK, shown(o, nil, nil, ""))
		default:
			a.take(w, r, token, o, write)
		}
	})
}

// take takes a form that was sent.
func (a *Adapter) take(w http.ResponseWriter, r *http.Request, token string, o opened, write func(http.ResponseWriter, int, formPage)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBody)
	if err := r.ParseForm(); err != nil {
		write(w, http.StatusBadRequest, shown(o, nil, nil, "This was too much to read. Shorten it and send it again."))
		return
	}
	fields, problems := filled(o.form, r.PostForm)
	if !a.ownPage(r, o) {
		write(w, http.StatusForbidden, shown(o, fields, nil, "The browser did not say that this came from Perch's own page. Allow cookies for it, open the form again from Rocket.Chat, and send it."))
		return
	}
	if len(problems) > 0 {
		write(w, http.StatusUnprocessableEntity, shown(o, fields, problems, "Not sent yet: see what is marked below."))
		return
	}
	if err := a.submit(r.Context(), token, o, fields); err != nil {
		a.log.WarnContext(r.Context(), "a form was not taken", "form", o.form.ID, "err", err)
		write(w, http.StatusServiceUnavailable, shown(o, fields, nil, "Perch could not take this just now. Nothing is lost: send it again in a moment."))
		return
	}
	a.forms.done(token)
	write(w, http.StatusOK, formPage{Title: o.form.Title, Done: true})
}

// ownPage reports whether a form was sent from the page that Perch made of it.
func (a *Adapter) ownPage(r *http.Request, o opened) bool {
	c, err := r.Cookie(formCookie)
	same := func(s string) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(o.seal)) == 1 }
	if err != nil || !same(c.Value) || !same(r.PostForm.Get("perch_seal")) {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	own, err := url.Parse(a.o.PublicURL)
	origin, oerr := url.Parse(r.Header.Get("Origin"))
	return err == nil && oerr == nil && origin.Host != "" && origin.Scheme == own.Scheme && origin.Host == own.Host
}

// shown is a form as the page shows it, with what was filled in already.
func shown(o opened, fields, problems map[string]string, failure string) formPage {
	p := formPage{Title: o.form.Title, Submit: o.form.Submit, Seal: o.seal, Error: failure}
	if p.Submit == "" {
		p.Submit = "Send"
	}
	for _, in := range o.form.Inputs {
		v, ok := fields[in.Name]
		if !ok {
			v = in.Initial
		}
		p.Inputs = append(p.Inputs, formInput{Input: in, Value: v, Problem: problems[in.Name]})
	}
	return p
}
