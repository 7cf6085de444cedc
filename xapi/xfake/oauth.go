package xfake

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The lifetimes X states or was seen to keep.
const (
	codeLife    = 30 * time.Second
	accessLife  = 2 * time.Hour
	refreshLife = 180 * 24 * time.Hour
)

// grant is one authorization of the app by a user. All tokens that descend
// from it are its family and die with it.
type grant struct {
	ID      string               `json:"id"`
	UserID  string               `json:"user_id"`
	Scopes  []string             `json:"scopes"`
	Access  map[string]time.Time `json:"access"`
	Refresh string               `json:"refresh,omitempty"`
	Renewed time.Time            `json:"renewed"`
	Spent   []string             `json:"spent,omitempty"`
	Dead    bool                 `json:"dead,omitempty"`
	Why     string               `json:"why,omitempty"`
}

func (g *grant) kill(why string) {
	if !g.Dead {
		g.Dead, g.Why = true, why
	}
}

// authCode is a code on its way through the browser.
type authCode struct {
	UserID      string    `json:"user_id"`
	Scopes      []string  `json:"scopes"`
	RedirectURI string    `json:"redirect_uri"`
	Challenge   string    `json:"challenge"`
	Made        time.Time `json:"made"`
	Used        bool      `json:"used,omitempty"`
}

func (st *state) access(tok string, now time.Time) (*grant, bool) {
	for _, g := range st.Grants {
		if ends, ok := g.Access[tok]; ok {
			return g, !g.Dead && now.Before(ends)
		}
	}
	return nil, false
}

// secret makes an opaque token; prefixes only help a person who debugs.
func secret(prefix string) string { return prefix + rand.Text() + rand.Text() }

func scopeNames() []string {
	return []string{
		"tweet.read", "tweet.write", "tweet.moderate.write", "users.read", "users.email", "follows.read", "follows.write",
		"offline.access", "space.read", "mute.read", "mute.write", "like.read", "like.write", "list.read", "list.write",
		"block.read", "block.write", "bookmark.read", "bookmark.write", "dm.read", "dm.write", "media.write",
	}
}

// form reads the parameters of an OAuth call. X takes JSON there as well as
// the form the standard asks for; twitter-api-v2 sends JSON.
func form(c *call) (url.Values, bool) {
	ctype, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	switch strings.TrimSpace(ctype) {
	case "application/x-www-form-urlencoded":
		v, err := url.ParseQuery(string(c.body))
		return v, err == nil
	case "application/json":
		var m map[string]string
		if json.Unmarshal(c.body, &m) != nil {
			return nil, false
		}
		v := url.Values{}
		for k, s := range m {
			v.Set(k, s)
		}
		return v, true
	default:
		return nil, false
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// client checks HTTP Basic, which a confidential client must send.
func (s *Server) client(r *http.Request) bool {
	id, pw, ok := r.BasicAuth()
	if !ok {
		return false
	}
	// RFC 6749 has both form-encoded before they are joined.
	uid, errID := url.QueryUnescape(id)
	upw, errPW := url.QueryUnescape(pw)
	if errID != nil || errPW != nil {
		return false
	}
	return same(uid, s.opt.ClientID) && same(upw, s.opt.ClientSecret)
}

type tokenAnswer struct {
	TokenType string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Access    string `json:"access_token"`
	Scope     string `json:"scope"`
	Refresh   string `json:"refresh_token,omitempty"`
}

func (s *Server) postToken(c *call) reply {
	if !s.client(c.r) {
		return oauthNoClient()
	}
	f, ok := form(c)
	if !ok {
		return oauthBad("Missing required parameter [grant_type].")
	}
	need := func(names ...string) (reply, bool) {
		for _, n := range names {
			if f.Get(n) == "" {
				return oauthBad("Missing required parameter [%s].", n), false
			}
		}
		return reply{}, true
	}
	if rep, ok := need("grant_type"); !ok {
		return rep
	}
	switch f.Get("grant_type") {
	case "authorization_code":
		if rep, ok := need("code", "redirect_uri", "code_verifier"); !ok {
			return rep
		}
		return s.exchange(f)
	case "refresh_token":
		if rep, ok := need("refresh_token"); !ok {
			return rep
		}
		return s.refresh(f.Get("refresh_token"))
	default:
		return reply{status: http.StatusBadRequest, body: oauthError{"unsupported_grant_type", "Value passed for the grant type was invalid."}}
	}
}

func (s *Server) exchange(f url.Values) reply {
	bad := oauthBad("Value passed for the authorization code was invalid.")
	ac, ok := s.st.Codes[f.Get("code")]
	now := s.now()
	if !ok || ac.Used || now.Sub(ac.Made) > codeLife {
		return bad
	}
	ac.Used = true
	if ac.RedirectURI != f.Get("redirect_uri") {
		return oauthBad("Value passed for the redirect uri did not match the uri of the authorization code.")
	}
	if len(f.Get("code_verifier")) < 43 || challenge(f.Get("code_verifier")) != ac.Challenge {
		return oauthBad("Value passed for the code verifier did not match the code challenge.")
	}
	for _, g := range s.st.Grants {
		if g.UserID == ac.UserID {
			g.kill("authorized again")
		}
	}
	g := &grant{ID: s.st.nextID(now), UserID: ac.UserID, Scopes: ac.Scopes, Access: map[string]time.Time{}}
	s.st.Grants[g.ID] = g
	return reply{status: http.StatusOK, body: s.mint(g, now)}
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// mint makes a new pair and spends the old refresh token.
func (s *Server) mint(g *grant, now time.Time) tokenAnswer {
	for tok, ends := range g.Access {
		if !now.Before(ends) {
			delete(g.Access, tok)
		}
	}
	a := tokenAnswer{TokenType: "bearer", ExpiresIn: int(accessLife.Seconds()), Access: secret("xat-"), Scope: strings.Join(g.Scopes, " ")}
	g.Access[a.Access] = now.Add(accessLife)
	if g.Refresh != "" {
		g.Spent = append(g.Spent, g.Refresh)
	}
	g.Refresh = ""
	if slices.Contains(g.Scopes, "offline.access") {
		g.Refresh = secret("xrt-")
		g.Renewed = now
		a.Refresh = g.Refresh
	}
	return a
}

func (s *Server) refresh(tok string) reply {
	bad := oauthBad("Value passed for the token was invalid.")
	now := s.now()
	for _, g := range s.st.Grants {
		if slices.Contains(g.Spent, tok) {
			g.kill("a spent refresh token was used again")
			return bad
		}
		if g.Refresh != tok {
			continue
		}
		if g.Dead || now.Sub(g.Renewed) > refreshLife {
			return bad
		}
		return reply{status: http.StatusOK, body: s.mint(g, now)}
	}
	return bad
}

func (s *Server) postRevoke(c *call) reply {
	if !s.client(c.r) {
		return oauthNoClient()
	}
	f, ok := form(c)
	if !ok || f.Get("token") == "" {
		return oauthBad("Missing required parameter [token].")
	}
	hint, tok := f.Get("token_type_hint"), f.Get("token")
	switch hint {
	case "":
		return oauthBad("Missing required parameter [token_type_hint].")
	case "access_token", "refresh_token":
	default:
		return oauthBad("Value passed for the token_type_hint was invalid.")
	}
	for _, g := range s.st.Grants {
		if g.Dead {
			continue
		}
		if _, ok := g.Access[tok]; ok && hint == "access_token" {
			delete(g.Access, tok)
			return reply{status: http.StatusOK, body: map[string]bool{"revoked": true}}
		}
		if hint == "refresh_token" && g.Refresh == tok {
			g.Spent, g.Refresh = append(g.Spent, tok), ""
			return reply{status: http.StatusOK, body: map[string]bool{"revoked": true}}
		}
	}
	return oauthBad("Value passed for the token was invalid.")
}

// serveAppToken gives the app-only bearer for the consumer key pair.
func (s *Server) serveAppToken(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r}
	rep := func() reply {
		key, sec, ok := r.BasicAuth()
		if !ok || !same(key, s.opt.ConsumerKey) || !same(sec, s.opt.ConsumerSecret) {
			return reply{status: http.StatusForbidden, body: map[string]any{
				"errors": []problemItem{{Code: 99, Message: "Unable to verify your credentials"}},
			}}
		}
		b, err := readBody(r)
		if err != nil {
			return blank(http.StatusBadRequest, "Bad Request", "The request body could not be read.")
		}
		c.body = b
		if f, ok := form(c); !ok || f.Get("grant_type") != "client_credentials" {
			return reply{status: http.StatusForbidden, body: map[string]any{
				"errors": []problemItem{{Code: 170, Message: "Missing required parameter: grant_type"}},
			}}
		}
		return reply{status: http.StatusOK, body: map[string]string{"token_type": "bearer", "access_token": s.opt.Bearer}}
	}()
	s.record(c, rep.status, false)
	writeReply(w, rep)
}
