package xapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxBody bounds what is read of an answer.
const maxBody = 1 << 20

// call is one request and what is known of it.
type call struct {
	op     string // "create post": the first words of its errors
	method string
	path   string
	query  url.Values

	body        any    // sent as JSON
	payload     []byte // or these bytes,
	contentType string // of this type

	bearer     string // token of the Authorization header, or
	basic      [2]string
	basicAuth  bool
	harmless   bool // a repeat changes nothing anybody sees: never uncertain
	fresh      bool // the authorization step: a 400 or 401 has other meanings
	out        any  // filled from the JSON of a 2xx
	optional   bool // an empty 2xx is fine
	uploading  bool // 404 means that the service is away
	secretForm []string
}

// secrets are all words of the call that no error may hold.
func (c *Client) secrets(k *call) []string {
	s := []string{k.bearer, k.basic[1], c.cfg.ClientSecret, c.cfg.ConsumerSecret, c.cfg.BearerToken}
	if k.basicAuth {
		s = append(s, base64.StdEncoding.EncodeToString([]byte(k.basic[0]+":"+k.basic[1])))
	}
	return append(s, k.secretForm...)
}

// do sends the call and reads its answer. Its error is always an *Error.
func (c *Client) do(ctx context.Context, k *call) (Limits, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return Limits{}, err
	}
	t := &tracker{}
	resp, err := c.http.Do(req.WithContext(t.watch(ctx))) //nolint:bodyclose // drain closes it
	if err != nil {
		return Limits{}, c.lost(ctx, k, t, err)
	}
	defer drain(resp.Body)
	limits := readLimits(resp.Header, time.Now())

	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if resp.StatusCode >= 300 {
		return limits, c.refused(k, resp.StatusCode, body, limits)
	}
	if err != nil {
		e := c.lost(ctx, k, t, err)
		e.Limits = limits
		return limits, e
	}
	if err := c.decode(k, resp.StatusCode, body, limits); err != nil {
		return limits, err
	}
	return limits, nil
}

// drain leaves the connection fit for the next call, within reason.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10) // what is left does not matter
	_ = body.Close()
}

func (c *Client) request(ctx context.Context, k *call) (*http.Request, error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{Op: k.op, Code: CodeCanceled, Message: sentence(CodeCanceled, Limits{}), cause: err}
	}
	payload, contentType := k.payload, k.contentType
	if k.body != nil {
		b, err := json.Marshal(k.body)
		if err != nil {
			return nil, invalid(k.op, "the request cannot be encoded")
		}
		payload, contentType = b, "application/json"
	}
	u := c.cfg.APIBase + k.path
	if len(k.query) > 0 {
		u += "?" + k.query.Encode()
	}
	var r io.Reader
	if payload != nil {
		r = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, u, r)
	if err != nil {
		return nil, &Error{Op: k.op, Code: CodeConfig, Detail: "the address of the API cannot be used", Message: sentence(CodeConfig, Limits{})}
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	switch {
	case k.basicAuth:
		req.SetBasicAuth(k.basic[0], k.basic[1])
	case !sendable(k.bearer):
		return nil, &Error{Op: k.op, Code: CodeUnauthorized, Detail: "there is no usable access token", Message: sentence(CodeUnauthorized, Limits{})}
	default:
		req.Header.Set("Authorization", "Bearer "+k.bearer)
	}
	return req, nil
}

// sendable keeps broken tokens away from the header, whose errors could show them.
func sendable(token string) bool {
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return token != ""
}

// tracker knows if a request may have reached the wire.
type tracker struct {
	asked     atomic.Bool // the transport tells us of its steps at all
	connected atomic.Bool // it had a connection, and so may have written
}

func (t *tracker) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// net/http asks again only if nothing of the request was written, or
		// if the request has no effect, so that the question starts anew.
		GetConn: func(string) { t.asked.Store(true); t.connected.Store(false) },
		// Not WroteRequest: when the context ends, another goroutine may still
		// be about to write, and that hook would come after our look.
		GotConn: func(httptrace.GotConnInfo) { t.connected.Store(true) },
	})
}

// sent reports whether the request may have reached X.
func (t *tracker) sent() bool { return t.connected.Load() || !t.asked.Load() }

// effective reports whether the call could have an effect that matters.
func (k *call) effective() bool { return k.method != http.MethodGet && !k.harmless }

// lost makes the error of a call without an answer.
func (c *Client) lost(ctx context.Context, k *call, t *tracker, err error) *Error {
	e := &Error{Op: k.op, Code: CodeNetwork, Uncertain: k.effective() && t.sent()}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		e.Code = CodeCanceled
	}
	e.Message = sentence(e.Code, e.Limits)
	e.cause = c.clean(k, err)
	return e
}

// clean drops an error that holds a secret, and the address around the others.
func (c *Client) clean(k *call, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		timeout := ue.Timeout()
		err = ue.Err
		if timeout && !errors.Is(err, context.DeadlineExceeded) {
			err = context.DeadlineExceeded // of the client's own timeout
		}
	}
	if s := err.Error(); redact(s, c.secrets(k)) != s {
		return errors.New(redact(s, c.secrets(k)))
	}
	return err
}

// refused makes the error of an answer that is not a 2xx.
func (c *Client) refused(k *call, status int, body []byte, limits Limits) *Error {
	p := parseProblem(body)
	e := &Error{Op: k.op, Status: status, Code: classify(status, p), Limits: limits}
	if k.fresh {
		e.Code = grantCode(k, status, p, e.Code)
	}
	if k.uploading && (status == http.StatusNotFound || status == http.StatusGone) {
		// The endpoint had outages that looked like this: May 2025, January 2026.
		e.Code = CodeUploadUnavailable
	}
	e.Uncertain = k.effective() && status >= 500
	c.describe(e, k, p)
	return e
}

// describe puts X's words, cut and without secrets, into the error.
func (c *Client) describe(e *Error, k *call, p problem) {
	secrets := c.secrets(k)
	title, detail, typ := p.words()
	// Cutting comes after: half a secret would not be found.
	e.Title = clip(redact(title, secrets), 200)
	e.Detail = clip(redact(detail, secrets), maxDetail)
	e.Type = clip(redact(typ, secrets), 200)
	e.Message = sentence(e.Code, e.Limits)
}

// decode reads a 2xx.
func (c *Client) decode(k *call, status int, body []byte, limits Limits) error {
	if k.out == nil || (k.optional && len(bytes.TrimSpace(body)) == 0) {
		return nil
	}
	unreadable := func(why string) error {
		return &Error{
			Op: k.op, Status: status, Code: CodeBadResponse, Detail: why, Message: sentence(CodeBadResponse, limits),
			Limits: limits, Uncertain: k.effective(),
		}
	}
	if len(body) > maxBody {
		return unreadable("the answer is too big")
	}
	if err := json.Unmarshal(body, k.out); err != nil && !typeError(err) {
		return unreadable("the answer is not JSON")
	}
	return nil
}

// typeError reports a field of a wrong type, for which nothing else is thrown away.
func typeError(err error) bool {
	var te *json.UnmarshalTypeError
	return errors.As(err, &te)
}

// empty makes the error of a 2xx that lacks what was asked for. If X lists
// errors instead, they say what happened; if not, nobody knows.
func (c *Client) empty(k *call, limits Limits, errs []problem) *Error {
	if len(errs) == 0 {
		return &Error{
			Op: k.op, Status: http.StatusOK, Code: CodeBadResponse, Detail: "the answer holds no result",
			Message: sentence(CodeBadResponse, limits), Limits: limits, Uncertain: k.effective(),
		}
	}
	p := problem{Errors: errs}
	e := &Error{Op: k.op, Status: http.StatusOK, Code: classify(http.StatusOK, p), Limits: limits}
	if e.Code == CodeBadResponse {
		e.Code = CodeInvalidRequest
	}
	c.describe(e, k, p)
	return e
}

// redact replaces every secret, as it is and as a form writes it.
func redact(s string, secrets []string) string {
	for _, w := range secrets {
		if len(w) < 4 {
			continue
		}
		s = strings.ReplaceAll(s, w, "[redacted]")
		if q := url.QueryEscape(w); q != w {
			s = strings.ReplaceAll(s, q, "[redacted]")
		}
	}
	return s
}
