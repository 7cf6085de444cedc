package xapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// DefaultScopes is what Perch needs: posts, direct messages, media, and a
// refresh token.
func DefaultScopes() []string {
	return []string{"tweet.read", "tweet.write", "users.read", "dm.read", "dm.write", "media.write", "offline.access"}
}

// Token is a user's grant. Its words appear in no log and no %v.
type Token struct {
	AccessToken  string
	RefreshToken string    // single use: each refresh gives another
	Expiry       time.Time // of the access token, two hours on
	Scopes       []string  // granted, which may be fewer than asked for
}

// String hides the token.
func (t Token) String() string { return "xapi.Token[redacted]" }

// GoString hides the token.
func (t Token) GoString() string { return t.String() }

// LogValue hides the token.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Missing returns those of the wanted scopes that were not granted.
func (t Token) Missing(want ...string) []string {
	var lacking []string
	for _, s := range want {
		if !slices.Contains(t.Scopes, s) {
			lacking = append(lacking, s)
		}
	}
	return lacking
}

// NewVerifier returns a fresh PKCE code verifier.
func NewVerifier() string { return oauth2.GenerateVerifier() }

// AuthCodeURL is the page where the user allows the app, with the S256
// challenge of the verifier. Without scopes it asks for [DefaultScopes].
func (c *Client) AuthCodeURL(state, verifier string, scopes ...string) string {
	cfg := c.oauth
	cfg.Scopes = scopes
	if len(scopes) == 0 {
		cfg.Scopes = DefaultScopes()
	}
	base, query, _ := strings.Cut(cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), "?")
	return base + "?" + strings.ReplaceAll(query, "+", "%20") // X documents %20 between scopes
}

// Exchange trades an authorization code, which lives for 30 seconds.
func (c *Client) Exchange(ctx context.Context, code, verifier string) (*Token, error) {
	k := &call{op: "exchange code", method: http.MethodPost, fresh: true, secretForm: []string{code, verifier}}
	return c.token(ctx, k, func(ctx context.Context) (*oauth2.Token, error) {
		return c.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	})
}

// Refresh trades a refresh token for a new pair; the old one is spent with
// the call. An error with Uncertain set leaves open if it is. CodeInvalidGrant
// means that the grant is dead, unless another process has the new pair.
func (c *Client) Refresh(ctx context.Context, refresh string) (*Token, error) {
	k := &call{op: "refresh token", method: http.MethodPost, fresh: true, secretForm: []string{refresh}}
	if refresh == "" {
		return nil, &Error{Op: k.op, Code: CodeInvalidGrant, Detail: "there is no refresh token", Message: sentence(CodeInvalidGrant, Limits{})}
	}
	return c.token(ctx, k, func(ctx context.Context) (*oauth2.Token, error) {
		return c.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	})
}

// token runs one call of the OAuth library, whose own errors are dropped: they
// hold the whole answer, and don't say if the request was sent.
func (c *Client) token(ctx context.Context, k *call, get func(context.Context) (*oauth2.Token, error)) (*Token, error) {
	if c.cfg.ClientID == "" || c.cfg.ClientSecret == "" {
		return nil, missing(k.op, "the client ID or secret")
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Op: k.op, Code: CodeCanceled, Message: sentence(CodeCanceled, Limits{}), cause: err}
	}
	rec := &recorder{c: c}
	hc := *c.http
	hc.Transport = rec
	tok, err := get(context.WithValue(ctx, oauth2.HTTPClient, &hc))
	limits := readLimits(rec.header, time.Now())
	switch {
	case err == nil:
		return grant(tok), nil
	case rec.status == 0 || (rec.readErr != nil && rec.status < 300):
		cause := err
		if rec.readErr != nil {
			cause = rec.readErr
		}
		return nil, c.lost(ctx, k, &rec.track, cause)
	case rec.status >= 300:
		return nil, c.refused(k, rec.status, rec.body, limits)
	}
	if p := parseProblem(rec.body); p.OAuthError != "" { // some servers say so with a 200
		return nil, c.refused(k, http.StatusBadRequest, rec.body, limits)
	}
	return nil, &Error{
		Op: k.op, Status: rec.status, Code: CodeBadResponse, Detail: "the answer holds no token",
		Message: sentence(CodeBadResponse, limits), Limits: limits, Uncertain: true,
	}
}

func grant(tok *oauth2.Token) *Token {
	scope, _ := tok.Extra("scope").(string)
	return &Token{
		AccessToken:  tok.AccessToken,
		RefreshToken: tok.RefreshToken,
		Expiry:       tok.Expiry.UTC(),
		Scopes:       strings.Fields(scope),
	}
}

// recorder is the transport below the OAuth library. It keeps what X said.
type recorder struct {
	c       *Client
	track   tracker
	status  int
	header  http.Header
	body    []byte
	readErr error
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	next := r.c.http.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	req = req.Clone(r.track.watch(req.Context()))
	req.Header.Set("User-Agent", r.c.cfg.UserAgent)
	req.Header.Set("Accept", "application/json")
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer drain(resp.Body)
	r.status, r.header = resp.StatusCode, resp.Header
	r.body, r.readErr = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if r.readErr != nil {
		return nil, fmt.Errorf("read answer: %w", r.readErr)
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	return resp, nil
}

// grantCode tells the dead grant from the bad code and the bad client.
func grantCode(k *call, status int, p problem, fallback Code) Code {
	if status >= 500 || fallback == CodeRateLimited {
		return fallback
	}
	words := strings.ToLower(p.OAuthError + "\n" + p.OAuthDescription + "\n" + p.Detail)
	switch {
	case strings.Contains(words, "unauthorized_client"), strings.Contains(words, "invalid_client"),
		strings.Contains(words, "missing valid authorization header"):
		return CodeInvalidClient
	case strings.Contains(words, "authorization code was invalid"):
		return CodeInvalidCode
	case strings.Contains(words, "value passed for the token was invalid"):
		return CodeInvalidGrant
	case p.OAuthError == "invalid_grant":
		if k.op == "exchange code" {
			return CodeInvalidCode
		}
		return CodeInvalidGrant
	case status == http.StatusUnauthorized:
		return CodeInvalidClient
	}
	return fallback
}

// The hints of [Client.Revoke].
const (
	HintAccess  = "access_token"
	HintRefresh = "refresh_token"
)

// Revoke ends a token. A token that X does not know any more counts as
// revoked. Revoke the refresh token first, then the access token.
func (c *Client) Revoke(ctx context.Context, token, hint string) error {
	k := &call{
		op: "revoke token", method: http.MethodPost, path: "/2/oauth2/revoke", fresh: true, harmless: true,
		// X answers "Missing required parameter" without the hint, which its documentation leaves out.
		payload:     []byte(url.Values{"token": {token}, "token_type_hint": {hint}, "client_id": {c.cfg.ClientID}}.Encode()),
		contentType: "application/x-www-form-urlencoded",
		basicAuth:   true, basic: [2]string{url.QueryEscape(c.cfg.ClientID), url.QueryEscape(c.cfg.ClientSecret)},
		secretForm: []string{token},
	}
	if c.cfg.ClientID == "" || c.cfg.ClientSecret == "" {
		return missing(k.op, "the client ID or secret")
	}
	_, err := c.do(ctx, k)
	var e *Error
	if errors.As(err, &e) && e.Code == CodeInvalidGrant {
		return nil
	}
	return err
}
