package xfake

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	badCode  = "Value passed for the authorization code was invalid."
	badToken = "Value passed for the token was invalid."
)

func TestAuthorizeRequest(t *testing.T) {
	h := start(t, Options{})
	for _, tc := range []struct{ name, param, value, want string }{
		{"other client", "client_id", "x", "client_id"},
		{"slash added", "redirect_uri", callback + "/", "redirect_uri"},
		{"plain challenge", "code_challenge_method", "plain", "S256"},
		{"no challenge", "code_challenge", "", "code_challenge"},
		{"no state", "state", "", "state"},
		{"long state", "state", strings.Repeat("s", 501), "state"},
		{"unknown scope", "scope", "tweet.read dm.all", `"dm.all"`},
		{"scopes by comma", "scope", "tweet.read,users.read", "scope"},
		{"implicit", "response_type", "token", "response_type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, err := url.Parse(h.authURL(allScopes))
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			q.Set(tc.param, tc.value)
			u.RawQuery = q.Encode()
			if _, err := h.s.Authorize(u.String(), h.acme.ID, true); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Authorize = %v, want an error about %s", err, tc.want)
			}
			a := h.call(http.StatusBadRequest, "GET", u.RequestURI(), "", nil)
			if !strings.Contains(a.raw, "Something went wrong") || a.header.Get("Location") != "" {
				t.Errorf("the page = %s, want an error page and no redirect", a.raw)
			}
		})
	}
}

func TestCodeIsForOneExchangeWithinThirtySeconds(t *testing.T) {
	h := start(t, Options{})
	code := h.code(h.acme.ID, allScopes)
	h.clock.add(31 * time.Second)
	a := h.form(400, "/2/oauth2/token", exchangeForm(code))
	if got := a.str(t, "error_description"); got != badCode {
		t.Errorf("late: %q, want %q", got, badCode)
	}
	code = h.code(h.acme.ID, allScopes)
	h.clock.add(29 * time.Second)
	h.form(200, "/2/oauth2/token", exchangeForm(code))
	a = h.form(400, "/2/oauth2/token", exchangeForm(code))
	if got := a.str(t, "error_description"); got != badCode {
		t.Errorf("twice: %q, want %q", got, badCode)
	}
}

func TestExchangeChecks(t *testing.T) {
	h := start(t, Options{})
	for _, tc := range []struct{ param, value, want string }{
		{"code_verifier", strings.Repeat("a", 43), "code challenge"},
		{"code_verifier", "", "Missing required parameter [code_verifier]"},
		{"redirect_uri", callback + "?", "redirect uri"},
		{"grant_type", "", "Missing required parameter [grant_type]"},
		{"grant_type", "password", "grant type"},
		{"code", "nonsense", badCode},
	} {
		f := exchangeForm(h.code(h.acme.ID, allScopes))
		f.Set(tc.param, tc.value)
		if got := h.form(400, "/2/oauth2/token", f).str(t, "error_description"); !strings.Contains(got, tc.want) {
			t.Errorf("%s=%q: %q, want %q", tc.param, tc.value, got, tc.want)
		}
	}
}

func TestBasicIsRequired(t *testing.T) {
	h := start(t, Options{})
	for _, path := range []string{"/2/oauth2/token", "/2/oauth2/revoke"} {
		for _, auth := range []string{"", "Basic bm86bm8=", "Bearer app-bearer"} {
			a, err := h.send("POST", path, auth, "application/x-www-form-urlencoded", strings.NewReader("grant_type=refresh_token&refresh_token=x&client_id=client-id"))
			if err != nil {
				t.Fatal(err)
			}
			if a.status != 401 || a.str(t, "error") != "unauthorized_client" {
				t.Errorf("%s with %q = %d %s, want 401 unauthorized_client", path, auth, a.status, a.raw)
			}
		}
	}
}

func TestRefreshRotatesAndReuseKillsTheFamily(t *testing.T) {
	h := start(t, Options{})
	access, first := h.login(h.acme.ID, allScopes)
	refresh := func(want int, tok string) answer {
		t.Helper()
		return h.form(want, "/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok}})
	}
	pair := refresh(200, first)
	second, newAccess := pair.str(t, "refresh_token"), pair.str(t, "access_token")
	if second == first || newAccess == access {
		t.Fatal("the pair did not change")
	}
	h.call(200, "GET", "/2/users/me", newAccess, nil)
	if got := refresh(400, first).str(t, "error_description"); got != badToken {
		t.Errorf("reuse: %q, want %q", got, badToken)
	}
	refresh(400, second)
	h.call(401, "GET", "/2/users/me", newAccess, nil)
	if h.s.Connected("acme") {
		t.Error("Connected = true after the family died")
	}
}

func TestTokensExpire(t *testing.T) {
	h := start(t, Options{})
	access, ref := h.login(h.acme.ID, allScopes)
	h.clock.add(2*time.Hour - time.Second)
	h.call(200, "GET", "/2/users/me", access, nil)
	h.clock.add(time.Second)
	a := h.call(401, "GET", "/2/users/me", access, nil)
	if a.str(t, "title") != "Unauthorized" {
		t.Errorf("body = %s", a.raw)
	}
	h.clock.add(181 * 24 * time.Hour)
	h.form(400, "/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {ref}})
}

func TestAuthorizingAgainKillsTheFirstGrant(t *testing.T) {
	h := start(t, Options{})
	old, oldRefresh := h.login(h.acme.ID, allScopes)
	other, _ := h.login(h.cust.ID, allScopes)
	fresh, _ := h.login(h.acme.ID, allScopes)
	h.call(401, "GET", "/2/users/me", old, nil)
	h.form(400, "/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {oldRefresh}})
	h.call(200, "GET", "/2/users/me", fresh, nil)
	h.call(200, "GET", "/2/users/me", other, nil)
}

func TestNoRefreshTokenWithoutOfflineAccess(t *testing.T) {
	h := start(t, Options{})
	if _, ref := h.login(h.acme.ID, "tweet.read users.read"); ref != "" {
		t.Errorf("refresh token = %q, want none", ref)
	}
}

func TestRevokeNeedsAHint(t *testing.T) {
	h := start(t, Options{})
	access, ref := h.login(h.acme.ID, allScopes)
	a := h.form(400, "/2/oauth2/revoke", url.Values{"token": {ref}})
	if got := a.str(t, "error_description"); !strings.Contains(got, "[token_type_hint]") {
		t.Errorf("without a hint: %q", got)
	}
	h.form(400, "/2/oauth2/revoke", url.Values{"token": {ref}, "token_type_hint": {"access_token"}})
	h.form(200, "/2/oauth2/revoke", url.Values{"token": {ref}, "token_type_hint": {"refresh_token"}})
	h.call(200, "GET", "/2/users/me", access, nil)
	h.form(200, "/2/oauth2/revoke", url.Values{"token": {access}, "token_type_hint": {"access_token"}})
	h.call(401, "GET", "/2/users/me", access, nil)
	h.form(400, "/2/oauth2/revoke", url.Values{"token": {access}, "token_type_hint": {"access_token"}})
}

func TestScopesAndTokenKinds(t *testing.T) {
	h := start(t, Options{AllowHTTPWebhooks: true})
	access, _ := h.login(h.acme.ID, "tweet.read users.read offline.access")
	h.call(403, "POST", "/2/tweets", access, map[string]any{"text": "x"})
	h.call(403, "GET", "/2/dm_events", access, nil)
	h.call(403, "POST", "/2/media/upload/initialize", access, map[string]any{})
	h.call(200, "GET", "/2/users/1001/mentions", access, nil)
	for _, tc := range []struct{ method, path, tok string }{
		{"POST", "/2/tweets", "app-bearer"},
		{"GET", "/2/users/me", "app-bearer"},
		{"GET", "/2/dm_events", "app-bearer"},
		{"GET", "/2/webhooks", access},
		{"DELETE", "/2/activity/subscriptions/1", access},
	} {
		a := h.call(403, tc.method, tc.path, tc.tok, nil)
		if !strings.HasSuffix(a.str(t, "type"), "/unsupported-authentication") {
			t.Errorf("%s %s: type = %s, want unsupported-authentication", tc.method, tc.path, a.str(t, "type"))
		}
	}
	h.call(401, "GET", "/2/users/me", "", nil)
	h.call(401, "GET", "/2/users/me", "nonsense", nil)
}

func TestUserRevokes(t *testing.T) {
	h := start(t, Options{})
	access, ref := h.login(h.acme.ID, allScopes)
	if err := h.s.RevokeUser("acme"); err != nil {
		t.Fatal(err)
	}
	h.call(401, "GET", "/2/users/me", access, nil)
	h.form(400, "/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {ref}})
}

func TestAppBearer(t *testing.T) {
	h := start(t, Options{})
	a, err := h.send("POST", "/oauth2/token", "Basic Y29uc3VtZXIta2V5OmNvbnN1bWVyLXNlY3JldA==", "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials"))
	if err != nil || a.status != 200 || a.str(t, "access_token") != "app-bearer" {
		t.Errorf("POST /oauth2/token = %d %s, %v", a.status, a.raw, err)
	}
	a, err = h.send("POST", "/oauth2/token", "Basic bm86bm8=", "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials"))
	if err != nil || a.status != 403 {
		t.Errorf("with the wrong key: %d %s, %v, want 403", a.status, a.raw, err)
	}
}

func TestCallsHoldNoSecret(t *testing.T) {
	h := start(t, Options{})
	access, ref := h.login(h.acme.ID, allScopes)
	h.form(200, "/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {ref}})
	h.call(200, "GET", "/2/users/me", access, nil)
	calls := h.s.Calls()
	if len(calls) != 3 || calls[2].Path != "/2/users/me" || calls[2].Status != 200 || calls[2].User != h.acme.ID {
		t.Fatalf("Calls = %+v, want two token calls and users/me", calls)
	}
	for _, c := range calls {
		for _, bad := range []string{access, ref, "client-secret"} {
			if strings.Contains(c.Path+c.Query+c.User, bad) {
				t.Errorf("call %+v holds a secret", c)
			}
		}
	}
}
