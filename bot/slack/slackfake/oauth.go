package slackfake

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// AddTeam makes another workspace that has not installed the app yet; see
// InstallCode. Its bot user is "U0" and the name in capitals with "BOT".
func (s *Server) AddTeam(id, name string) {
	_ = s.do(func() error {
		up := strings.ToUpper(name)
		s.addTeam(&team{id: id, name: name, domain: strings.ToLower(name), botUser: "U0" + up + "BOT", botID: "B0" + up, token: "xoxb-" + strings.ToLower(name) + "-bot", scopes: s.opt.Scopes, revoked: "account_inactive"})
		return nil
	})
}

// InstallCode returns the code that a workspace's consent page would give to
// the redirect URL.
func (s *Server) InstallCode(teamID, redirect string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.nextID("code-")
	s.st.codes[id] = code{team: teamID, redirect: redirect}
	return id
}

// serveAuthorize is the consent page of somebody who agrees at once, or, with
// the parameter deny, declines. The team parameter picks the workspace.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	u, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != s.opt.ClientID || q.Get("scope") == "" {
		http.Error(w, "invalid_client_id or bad redirect_uri", http.StatusBadRequest)
		return
	}
	if len(s.opt.RedirectURLs) > 0 && !slices.Contains(s.opt.RedirectURLs, q.Get("redirect_uri")) {
		http.Error(w, "bad_redirect_uri", http.StatusBadRequest)
		return
	}
	id := q.Get("team")
	if id == "" {
		id = s.opt.TeamID
	}
	back := u.Query()
	if q.Has("deny") {
		back.Set("error", "access_denied")
	} else {
		back.Set("code", s.InstallCode(id, q.Get("redirect_uri")))
	}
	back.Set("state", q.Get("state"))
	u.RawQuery = back.Encode()
	http.Redirect(w, r, u.String(), http.StatusFound)
}

func (s *Server) oauthAccess(c *call) obj {
	id, secret, ok := c.r.BasicAuth()
	if !ok {
		id, secret = c.str("client_id"), c.str("client_secret")
	}
	delete(c.args, "client_secret")
	switch {
	case id != s.opt.ClientID:
		return fail("invalid_client_id")
	case secret != s.opt.ClientSecret:
		return fail("bad_client_secret")
	}
	k, known := s.st.codes[c.str("code")]
	if !known {
		return fail("invalid_code")
	}
	if k.redirect != "" && c.str("redirect_uri") != k.redirect {
		return fail("bad_redirect_uri")
	}
	delete(s.st.codes, c.str("code"))
	t := s.st.teams[k.team]
	if t.ended {
		// A token that ended never works again.
		t.installs++
		t.token = fmt.Sprintf("%s-%d", t.token, t.installs+1)
	}
	t.revoked, t.ended = "", false
	var by string
	for _, u := range s.st.users {
		if u.Team == t.id && !u.Bot && (by == "" || u.ID < by) {
			by = u.ID
		}
	}
	return obj{
		"ok": true, "app_id": s.opt.AppID, "authed_user": obj{"id": by}, "scope": strings.Join(t.scopes, ","), "token_type": "bot", "access_token": t.token,
		"bot_user_id": t.botUser, "team": obj{"id": t.id, "name": t.name}, "enterprise": nil, "is_enterprise_install": false,
	}
}

func (s *Server) revokeToken(c *call) obj {
	if !c.yes("test") {
		c.team.revoked, c.team.ended = "token_revoked", true
	}
	return obj{"ok": true, "revoked": !c.yes("test")}
}

func (s *Server) uninstall(c *call) obj {
	if c.str("client_id") != s.opt.ClientID || c.str("client_secret") != s.opt.ClientSecret {
		return fail("invalid_client_id")
	}
	s.gone(c.team)
	return obj{"ok": true}
}

// gone takes the app out of a workspace and tells. The lock is held.
func (s *Server) gone(t *team) {
	s.event(t.id, obj{"type": "tokens_revoked", "tokens": obj{"oauth": []string{}, "bot": []string{t.botUser}}, "event_ts": s.nextTS()}, false)
	s.event(t.id, obj{"type": "app_uninstalled", "event_ts": s.nextTS()}, false)
	t.revoked, t.ended = "account_inactive", true
}

// Uninstall removes the app from a workspace, as its admin would.
func (s *Server) Uninstall(teamID string) {
	_ = s.do(func() error { s.gone(s.st.teams[teamID]); return nil })
}

// RevokeToken ends the bot token of a workspace and says so with
// tokens_revoked, the app staying installed.
func (s *Server) RevokeToken(teamID string) {
	_ = s.do(func() error {
		t := s.st.teams[teamID]
		s.event(t.id, obj{"type": "tokens_revoked", "tokens": obj{"oauth": []string{}, "bot": []string{t.botUser}}, "event_ts": s.nextTS()}, false)
		t.revoked, t.ended = "token_revoked", true
		return nil
	})
}

// EndToken ends the bot token of a workspace without a word: its calls get the
// error, "token_revoked" by default.
func (s *Server) EndToken(teamID, word string) {
	_ = s.do(func() error {
		if word == "" {
			word = "token_revoked"
		}
		t := s.st.teams[teamID]
		t.revoked, t.ended = word, true
		return nil
	})
}

// SetScopes changes what the bot token of a workspace may do.
func (s *Server) SetScopes(teamID string, scopes ...string) {
	_ = s.do(func() error { s.st.teams[teamID].scopes = slices.Clone(scopes); return nil })
}

// AllScopes are the bot scopes that the fake knows.
func AllScopes() []string {
	return []string{
		"app_mentions:read", "bookmarks:write", "channels:history", "channels:join", "channels:manage", "channels:read", "chat:write",
		"chat:write.customize", "commands", "files:read", "files:write", "groups:history", "groups:read", "groups:write", "im:history", "im:read", "im:write",
		"pins:read", "pins:write", "reactions:read", "reactions:write", "usergroups:read", "users:read", "users:read.email",
	}
}
