package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed pages/page.html
var pageHTML string

//go:embed pages/page.css
var pageCSS string

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

func (p *pages) write(w http.ResponseWriter, status int, view any) error {
	var b bytes.Buffer
	if err := p.page.Execute(&b, view); err != nil {
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
