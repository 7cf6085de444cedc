package xfake

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authRequest is what an app asks of the authorize page.
type authRequest struct {
	ClientID, RedirectURI, Scope, State, Challenge string
}

// parseAuth checks a request as X does: any mistake is shown to the person and
// nothing is sent to the redirect address.
func (s *Server) parseAuth(q url.Values) (authRequest, error) {
	a := authRequest{
		ClientID: q.Get("client_id"), RedirectURI: q.Get("redirect_uri"), Scope: q.Get("scope"),
		State: q.Get("state"), Challenge: q.Get("code_challenge"),
	}
	s.mu.Lock()
	known := slices.Contains(s.st.Redirects, a.RedirectURI)
	s.mu.Unlock()
	switch {
	case q.Get("response_type") != "code":
		return a, fmt.Errorf("response_type must be code, not %q", q.Get("response_type"))
	case a.ClientID != s.opt.ClientID:
		return a, fmt.Errorf("client_id %q is not known", a.ClientID)
	case !known:
		return a, fmt.Errorf("redirect_uri %q is not one of the app's callback URLs; it must match exactly", a.RedirectURI)
	case a.State == "" || len(a.State) > 500:
		return a, fmt.Errorf("state must have 1 to 500 characters, not %d", len(a.State))
	case !strings.EqualFold(q.Get("code_challenge_method"), "S256"): // twitter-api-v2 writes s256, and X takes it
		return a, fmt.Errorf("code_challenge_method must be S256, not %q", q.Get("code_challenge_method"))
	case len(a.Challenge) != 43:
		return a, fmt.Errorf("code_challenge must be the 43 characters of a SHA-256 in base64url, not %d", len(a.Challenge))
	case a.Scope == "":
		return a, fmt.Errorf("scope is missing")
	}
	for sc := range strings.SplitSeq(a.Scope, " ") {
		if !slices.Contains(scopeNames(), sc) {
			return a, fmt.Errorf("scope %q is not known", sc)
		}
	}
	return a, nil
}

// decide is what pressing one of the two buttons does.
func (s *Server) decide(a authRequest, userID string, allow bool) (string, error) {
	u, err := url.Parse(a.RedirectURI)
	if err != nil {
		return "", fmt.Errorf("redirect_uri: %w", err)
	}
	q := u.Query()
	q.Set("state", a.State)
	if !allow {
		q.Set("error", "access_denied")
		u.RawQuery = q.Encode()
		return u.String(), nil
	}
	code := secret("xac-")
	err = s.do(func() error {
		usr := s.who(userID)
		if usr == nil {
			return fmt.Errorf("no user %q", userID)
		}
		if usr.Suspended {
			return fmt.Errorf("@%s is suspended", usr.Handle)
		}
		s.st.Codes[code] = &authCode{
			UserID: usr.ID, Scopes: strings.Split(a.Scope, " "), RedirectURI: a.RedirectURI,
			Challenge: a.Challenge, Made: s.now(),
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	q.Set("code", code)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Authorize does what a person does on the authorize page at authURL: chooses
// the user (id or handle) and presses "Authorize app" or "Cancel". It returns where the
// browser is sent.
func (s *Server) Authorize(authURL, userID string, allow bool) (string, error) {
	u, err := url.Parse(authURL)
	if err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	a, err := s.parseAuth(u.Query())
	if err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	to, err := s.decide(a, userID, allow)
	if err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	return to, nil
}

// AddRedirectURL registers a callback URL with the app.
func (s *Server) AddRedirectURL(u string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.st.Redirects, u) {
		s.st.Redirects = append(s.st.Redirects, u)
	}
}

func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	a, err := s.parseAuth(r.URL.Query())
	if err != nil {
		s.page(w, http.StatusBadRequest, "authorize-error", map[string]any{"Title": "Something went wrong", "Problem": err.Error()})
		return
	}
	s.mu.Lock()
	users := s.viewUsers()
	s.mu.Unlock()
	s.page(w, http.StatusOK, "authorize", map[string]any{
		"Title": "Authorize app", "Users": users, "Query": r.URL.RawQuery, "Can": grantsText(a.Scope), "Back": hostOf(a.RedirectURI),
	})
}

func (s *Server) serveDecision(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		s.page(w, http.StatusBadRequest, "authorize-error", map[string]any{"Title": "Something went wrong", "Problem": "the form could not be read"})
		return
	}
	q, err := url.ParseQuery(r.PostForm.Get("request"))
	if err == nil {
		var a authRequest
		if a, err = s.parseAuth(q); err == nil {
			var to string
			if to, err = s.decide(a, r.PostForm.Get("user"), r.PostForm.Get("decision") == "allow"); err == nil {
				http.Redirect(w, r, to, http.StatusFound)
				return
			}
		}
	}
	s.page(w, http.StatusBadRequest, "authorize-error", map[string]any{"Title": "Something went wrong", "Problem": err.Error()})
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Host
}

// grantsText says in words what the scopes allow.
func grantsText(scope string) []string {
	words := map[string]string{
		"tweet.read": "See posts you can see", "tweet.write": "Post and delete posts for you",
		"users.read": "See your profile and accounts you can see", "dm.read": "Read your direct messages",
		"dm.write": "Send direct messages for you", "media.write": "Upload photos and videos for you",
		"offline.access": "Stay connected until you remove it", "tweet.moderate.write": "Hide replies to your posts",
	}
	var out []string
	for sc := range strings.SplitSeq(scope, " ") {
		if w, ok := words[sc]; ok {
			out = append(out, w)
		} else {
			out = append(out, sc)
		}
	}
	return out
}
