package web

import (
	"errors"
	"net/http"

	"github.com/perch-chat/perch/internal/accounts"
)

// xPage is what the page at the end of an authorization shows.
type xPage struct {
	OK      bool
	Title   string
	Message string
	Account accounts.Account
	Scopes  []string
}

// xConsent connects an X account.
type xConsent struct {
	consent
	accounts Accounts
}

func (s *server) xRoutes(mux *http.ServeMux) {
	x := &xConsent{accounts: s.Accounts, consent: consent{
		pages: newPages(pageHTML, pageCSS), log: s.Log, name: "x", cookie: "perch_x_auth", path: "/x/", tls: s.hasTLS(),
		view:    func(title, message string) any { return xPage{Title: title, Message: message} },
		explain: explainX,
		again:   "Start again in the chat",
	}}
	mux.Handle("GET /x/start/{ticket}", x.handle(x.start))
	mux.Handle("GET /x/callback", x.handle(x.callback))
}

func explainX(err error) (explanation, bool) {
	e, ok := errors.AsType[*accounts.Error](err)
	if !ok {
		return explanation{}, false
	}
	return explanation{status: http.StatusBadRequest, title: xTitle(e.Code), message: e.Message, cause: e.Err}, true
}

func xTitle(c accounts.Code) string {
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

// start sends the person's browser to X's authorize page.
func (x *xConsent) start(w http.ResponseWriter, r *http.Request) error {
	to, cookie, err := x.accounts.Start(r.Context(), r.PathValue("ticket"))
	if err != nil {
		return err
	}
	x.leave(w, to, cookie)
	return nil
}

// callback takes what X sent the browser back with.
func (x *xConsent) callback(w http.ResponseWriter, r *http.Request) error {
	b := x.returned(r)
	acc, err := x.accounts.Finish(r.Context(), b.cookie, b.state, b.code, b.refused)
	if err != nil {
		return err
	}
	return x.finish(w, xPage{OK: true, Title: "@" + acc.Handle + " is connected", Account: acc, Scopes: scopeWords(acc.Scopes)})
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
