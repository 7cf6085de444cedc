package xapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAuthCodeURL(t *testing.T) {
	c := New(Config{ClientID: "client id", RedirectURL: "https://perch.example/x/callback?a=b"})
	verifier := NewVerifier()
	address := c.AuthCodeURL("st+te", verifier)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(verifier))
	want := url.Values{
		"response_type": {"code"}, "client_id": {"client id"}, "redirect_uri": {"https://perch.example/x/callback?a=b"},
		"scope": {"tweet.read tweet.write users.read dm.read dm.write media.write offline.access"}, "state": {"st+te"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(address, "https://x.com/i/oauth2/authorize?") || strings.Contains(address, "+") {
		t.Errorf("address %s: want the page on x.com, with %%20 between the scopes", address)
	}
	if u, _ := url.Parse(c.AuthCodeURL("s", verifier, "users.read")); u.Query().Get("scope") != "users.read" {
		t.Errorf("the scopes asked for are not those in %s", u)
	}
}

func TestTokens(t *testing.T) {
	var form url.Values
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		if !ok || id != "client" || secret != clientSecret || r.URL.Path != "/2/oauth2/token" || r.Method != http.MethodPost {
			t.Errorf("%s %s with client %q, %v", r.Method, r.URL.Path, id, ok)
		}
		_ = r.ParseForm()
		form = r.PostForm
		answering(200, tokenAnswer)(w, r)
	})
	got, err := c.Exchange(t.Context(), "code", "verifier")
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.Expiry); left < 7100*time.Second || left > 7200*time.Second {
		t.Errorf("expires in %v, want two hours", left)
	}
	got.Expiry = time.Time{}
	want := Token{AccessToken: "new-access", RefreshToken: "new-refresh", Scopes: []string{"tweet.read", "dm.read"}}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	if m := got.Missing("tweet.read", "dm.write"); len(m) != 1 || m[0] != "dm.write" {
		t.Errorf("Missing = %v", m)
	}
	if diff := cmp.Diff(url.Values{"grant_type": {"authorization_code"}, "code": {"code"}, "code_verifier": {"verifier"}, "redirect_uri": {"http://127.0.0.1/cb"}}, form); diff != "" {
		t.Errorf("exchange (-want +got):\n%s", diff)
	}
	if _, err := c.Refresh(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"old"}}, form); diff != "" {
		t.Errorf("refresh (-want +got):\n%s", diff)
	}
}

func TestDeadGrants(t *testing.T) {
	exchange := func(ctx context.Context, c *Client) error { _, err := c.Exchange(ctx, "code", "verifier"); return err }
	refresh := func(ctx context.Context, c *Client) error { _, err := c.Refresh(ctx, "old-refresh"); return err }
	revoke := func(ctx context.Context, c *Client) error { return c.Revoke(ctx, "some-token", HintAccess) }
	tests := []struct {
		name      string
		run       func(context.Context, *Client) error
		status    int
		body      string
		code      Code // empty: no error
		uncertain bool
	}{
		{"spent or revoked", refresh, 400, `{"error":"invalid_request","error_description":"Value passed for the token was invalid."}`, CodeInvalidGrant, false},
		{"as the standard says", refresh, 400, `{"error":"invalid_grant"}`, CodeInvalidGrant, false},
		{"bad code", exchange, 400, `{"error":"invalid_request","error_description":"Value passed for the authorization code was invalid."}`, CodeInvalidCode, false},
		{"bad code, as the standard says", exchange, 400, `{"error":"invalid_grant"}`, CodeInvalidCode, false},
		{"no client", refresh, 401, `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`, CodeInvalidClient, false},
		{"wrong secret", exchange, 401, `{"error":"invalid_client"}`, CodeInvalidClient, false},
		{"wrong secret, revoking", revoke, 401, `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`, CodeInvalidClient, false},
		{"another mistake is no dead grant", refresh, 400, `{"error":"invalid_request","error_description":"Missing required parameter [client_id]."}`, CodeInvalidRequest, false},
		{"limits are no dead grant", refresh, 429, `{"title":"Too Many Requests"}`, CodeRateLimited, false},
		{"trouble at X is no dead grant", refresh, 503, `{"error":"invalid_grant"}`, CodeServer, true},
		{"error with a 200", refresh, 200, `{"error":"invalid_grant"}`, CodeInvalidGrant, false},
		{"no token in it", refresh, 200, `{"token_type":"bearer"}`, CodeBadResponse, true},
		{"not JSON", refresh, 200, `<html>`, CodeBadResponse, true},
		{"revoked already", revoke, 400, `{"error":"invalid_request","error_description":"Value passed for the token was invalid."}`, "", false},
		{"hint missing", revoke, 400, `{"error":"invalid_request","error_description":"Missing required parameter [token_type_hint]."}`, CodeInvalidRequest, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.run(t.Context(), newClient(t, answering(tt.status, tt.body)))
			if tt.code == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			if e := asError(t, err); e.Code != tt.code || e.Uncertain != tt.uncertain {
				t.Errorf("got %q, uncertain %v, want %q, %v (%v)", e.Code, e.Uncertain, tt.code, tt.uncertain, e)
			}
		})
	}
}

func TestRevokeSendsTheHint(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		want := url.Values{"token": {"a b"}, "token_type_hint": {"refresh_token"}, "client_id": {"client"}}
		if diff := cmp.Diff(want, r.PostForm); diff != "" || r.URL.Path != "/2/oauth2/revoke" {
			t.Errorf("%s (-want +got):\n%s", r.URL.Path, diff)
		}
		if id, secret, _ := r.BasicAuth(); id != "client" || secret != clientSecret {
			t.Errorf("client %q", id)
		}
		answering(200, `{"revoked":true}`)(w, r)
	})
	if err := c.Revoke(t.Context(), "a b", HintRefresh); err != nil {
		t.Error(err)
	}
}

func TestBearerIsObtainedOnce(t *testing.T) {
	var got []string
	valid := "app-1"
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.Path)
		if r.URL.Path == "/oauth2/token" {
			id, secret, _ := r.BasicAuth()
			if id != "key" || secret != consumerKey || r.FormValue("grant_type") != "client_credentials" {
				t.Errorf("asked for the app token as %q with %q", id, r.Form)
			}
			answering(200, `{"token_type":"bearer","access_token":"`+valid+`"}`)(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+valid {
			answering(401, `{"title":"Unauthorized"}`)(w, r)
			return
		}
		answering(200, `{"data":[{"id":"1","url":"https://a.example/","valid":true,"created_at":"2026-01-02T03:04:05.000Z"}]}`)(w, r)
	})
	c.cfg.BearerToken = ""
	for range 2 {
		hooks, err := c.Webhooks(t.Context())
		want := []Webhook{{ID: "1", URL: "https://a.example/", Valid: true, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
		if err != nil || !cmp.Equal(want, hooks) {
			t.Fatalf("got %+v, %v", hooks, err)
		}
	}
	valid = "app-2" // somebody made a new one in the console
	if _, err := c.Webhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"/oauth2/token", "/2/webhooks", "/2/webhooks", "/2/webhooks", "/oauth2/token", "/2/webhooks"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	c = newClient(t, answering(401, `{"title":"Unauthorized"}`))
	_, err := c.Webhooks(t.Context())
	if e := asError(t, err); e.Code != CodeInvalidClient || !strings.Contains(e.Message, "keys") {
		t.Errorf("a configured token that X does not take: got %v", e)
	}
	c = New(Config{})
	_, err = c.Webhooks(t.Context())
	if e := asError(t, err); e.Code != CodeConfig {
		t.Errorf("without keys: got %v", e)
	}
	_, err = c.Exchange(t.Context(), "code", "verifier")
	if e := asError(t, err); e.Code != CodeConfig {
		t.Errorf("without a client: got %v", e)
	}
}
