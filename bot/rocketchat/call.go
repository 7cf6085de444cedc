package rocketchat

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/perch-chat/perch/bot"
)

const (
	maxAnswer  = 8 << 20 // bytes read of an answer
	maxRefusal = 64 << 10
	maxConns   = 32 // kept open for the next call: all go to one host
	userAgent  = "perch-rocketchat/1"
	unreached  = 5 // seconds that a server is left alone that can't be reached
)

// credentials are the bot's: its user ID and a personal access token.
type credentials struct{ user, token string }

// client calls the REST API. It is safe for concurrent use.
type client struct {
	http   *http.Client
	base   string // https://chat.example.com, without a slash at its end
	auth   credentials
	limits *limiter
	most   int64 // bytes read of an answer
}

func newClient(h *http.Client, base string, auth credentials) client {
	return client{http: bot.CallClient(h, maxConns), base: strings.TrimSuffix(base, "/"), auth: auth, limits: newLimiter(), most: maxAnswer}
}

// request is one call. Route is its name with no IDs in it: limits are counted
// by route.
type request struct {
	route   string // "POST livechat/message", "GET livechat/message/:id"
	path    string // with IDs escaped; the route's if empty
	query   url.Values
	body    any    // sent as JSON
	visitor string // a visitor's token, for calls that want it in a header

	content string    // of a body that is no JSON: its media type
	stream  io.Reader // that body
}

var (
	errLong    = errors.New("the answer is too long") // of which only a part could be read
	errForeign = errors.New("the answer is no JSON")
)

// troubledError is an answer of a server, or a proxy before it, that has trouble
// of its own.
type troubledError struct {
	route  string
	status int
}

func (e *troubledError) Error() string {
	return fmt.Sprintf("rocketchat: %s: status %d", e.route, e.status)
}

// redirected says where the server sends those who call it.
func redirected(resp *http.Response) error {
	e := &bot.Error{Code: "redirect", Message: "Rocket.Chat is at another address. Write the address people open it at into chat.rocketchat.url."}
	to, err := resp.Location()
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Host == "" {
		return e
	}
	path, _, ours := strings.Cut(to.EscapedPath(), "/api/")
	if !ours {
		path = ""
	}
	e.Message = "Rocket.Chat is at another address: it leads on to " + cut(to.Scheme+"://"+to.Host+path, 200) + ". Write the address people open it at into chat.rocketchat.url."
	return e
}

// call makes a call and decodes the answer into out, which may be nil. Its
// error is a *bot.Error if the call surely had no effect.
func (c client) call(ctx context.Context, r request, out any) error {
	method, path, ok := strings.Cut(r.route, " ")
	if r.path != "" {
		path = r.path
	}
	if !ok {
		return &bot.Error{Code: "bad_call", Message: "This call to Rocket.Chat is not known."}
	}
	if err := ctx.Err(); err != nil {
		return &bot.Error{Code: "cancelled", Message: "The call was called off before it began.", Temporary: true, Err: err}
	}
	if err := c.limits.take(ctx, r.route); err != nil {
		return err
	}
	req, err := c.request(ctx, method, path, r)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return transport(r.route, err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.limits.heard(r.route, resp.Header, resp.StatusCode)
	most := c.most + 1
	if resp.StatusCode >= 400 {
		most = maxRefusal // its beginning does
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return fmt.Errorf("rocketchat: %s: read answer: %w", r.route, err)
	}
	if int64(len(raw)) > c.most {
		return fmt.Errorf("rocketchat: %s: %w", r.route, errLong)
	}
	return c.answer(r, resp, raw, out)
}

func (c client) request(ctx context.Context, method, path string, r request) (*http.Request, error) {
	body, content := r.stream, r.content
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, &bot.Error{Code: "bad_call", Message: "The call to Rocket.Chat can't be written.", Err: err}
		}
		body, content = bytes.NewReader(b), "application/json"
	}
	address := c.base + "/api/v1/" + path
	if path == "info" {
		address = c.base + "/api/info"
	}
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, &bot.Error{Code: "bad_address", Message: "The address of Rocket.Chat can't be used. Check chat.rocketchat.url.", Err: errors.New("bad address")}
	}
	if content != "" {
		req.Header.Set("Content-Type", content)
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json")
	// Calls of visitors need no login. A server of line 8 takes as many of them
	// as the bot makes, though, if it says who it is.
	req.Header.Set("X-User-Id", c.auth.user)
	req.Header.Set("X-Auth-Token", c.auth.token)
	if r.visitor != "" {
		req.Header.Set("X-Visitor-Token", r.visitor)
	}
	return req, nil
}

// answer reads what the server said.
func (c client) answer(r request, resp *http.Response, raw []byte, out any) error {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return c.limits.tooMany(r.route)
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		return &bot.Error{Code: "too_large", Message: "This is larger than Rocket.Chat takes, or the proxy before it. Send less, or raise the limit (client_max_body_size of nginx).", Err: errors.New(r.route)}
	case resp.StatusCode >= 500, resp.StatusCode < 200:
		return &troubledError{route: r.route, status: resp.StatusCode}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return redirected(resp)
	}
	var a answer
	switch err := json.Unmarshal(raw, &a); {
	case resp.StatusCode >= 400 && (err != nil || !a.own()):
		return stranger(r.route, resp.StatusCode)
	case err != nil:
		return fmt.Errorf("rocketchat: %s: %w: %w", r.route, errForeign, err)
	}
	if resp.StatusCode >= 400 || a.Success != nil && !*a.Success {
		return refusal(r.route, resp.StatusCode, a)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("rocketchat: %s: unexpected answer: %w", r.route, err)
	}
	return nil
}

// stranger is the error of a call that something refused which is not
// Rocket.Chat: a proxy that does not find it while it is being updated, or wants
// a login of its own, and the call can be made again; or one that does not like
// what is in it.
func stranger(route string, status int) error {
	e := &bot.Error{
		Code: fmt.Sprintf("http_%d", status), Message: "The address in chat.rocketchat.url does not answer as Rocket.Chat does. Check it.",
		Err: errors.New(route),
	}
	switch status {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly:
		e.Temporary, e.RetryAfter = true, unreached
		e.Message = fmt.Sprintf("Something before Rocket.Chat answers in its place (status %d). Perch tries again by itself; if it lasts, check the address in chat.rocketchat.url and the proxy.", status)
	}
	return e
}

// transport is the error of a call that got no answer. One that never reached
// the server surely had no effect.
func transport(route string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // its address may hold a visitor's token
	}
	never := &bot.Error{Code: "unreachable", Temporary: true, RetryAfter: unreached, Err: fmt.Errorf("%s: %w", route, err)}
	_, unknown := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	plain = plain || errors.Is(err, http.ErrSchemeMismatch)
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case unknown:
		never.Message = "The host in chat.rocketchat.url is not known. Check the address; Perch goes on trying."
	case ok && op.Op == "dial":
		never.Message = "Rocket.Chat can't be reached. Perch goes on trying; if it lasts, see that it runs and that this machine reaches the address in chat.rocketchat.url."
	case untrusted, plain:
		never.Message = "Perch can't be sure that this is Rocket.Chat: its certificate does not hold. Check the address in chat.rocketchat.url, and that this machine trusts who issued the certificate."
	default:
		return fmt.Errorf("rocketchat: %s: %w", route, err)
	}
	return never
}
