package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/perch-chat/perch/bot"
)

const (
	maxAnswer  = 8 << 20 // bytes read of an answer: a page of a channel's history
	maxConns   = 128     // kept open for the next call
	defaultAPI = "https://slack.com/api/"
	userAgent  = "perch-slack/1"
)

// client calls the Web API. Tokens go into the header and nowhere else.
type client struct {
	http *http.Client
	base string // with a slash at its end
	pace *pacer
}

func newClient(h *http.Client, base string) client {
	if base == "" {
		base = defaultAPI
	}
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	// What is published holds for Slack itself, not for what stands in for it.
	return client{http: bot.CallClient(h, maxConns), base: base, pace: &pacer{known: base == defaultAPI}}
}

// answer is what every method answers.
type answer struct {
	OK       bool   `json:"ok"`
	Error    string `json:"error"`
	Needed   string `json:"needed"`
	Provided string `json:"provided"`
	Errors   []any  `json:"errors"`
	Metadata struct {
		Messages []string `json:"messages"`
		Cursor   string   `json:"next_cursor"`
	} `json:"response_metadata"`

	header http.Header
}

// detail is what Slack says about a refusal for developers.
func (a answer) detail() string {
	return cut(strings.Join(a.Metadata.Messages, "; "), 500)
}

// call calls a method, unless that would exceed a limit, and decodes its answer
// into out, which may be nil. Its error is a *bot.Error if the call surely had
// no effect.
func (c client) call(ctx context.Context, token, method string, args url.Values, out any) (answer, error) {
	if err := c.pace.take(method, args); err != nil {
		return answer{}, err
	}
	a, err := c.ask(ctx, token, method, args, out)
	c.pace.heard(method, args, err)
	return a, err
}

func (c client) ask(ctx context.Context, token, method string, args url.Values, out any) (answer, error) {
	var a answer
	raw, header, err := c.send(ctx, method, c.base+method, "application/x-www-form-urlencoded", args.Encode(), token)
	if err != nil {
		return a, err
	}
	if out == nil || !unmixed(raw) {
		if err := json.Unmarshal(raw, &a); err != nil {
			return a, fmt.Errorf("slack: %s: the answer is no JSON: %w", method, err)
		}
	} else {
		a.OK = true
	}
	a.header = header
	if !a.OK {
		return a, refusal(method, a)
	}
	if out == nil {
		return a, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return a, fmt.Errorf("slack: %s: unexpected answer: %w", method, err)
	}
	return a, nil
}

// unmixed reports whether an answer says no more of the call than that it
// succeeded, so that what it carries is all there is to decode.
func unmixed(raw []byte) bool {
	return gjson.GetBytes(raw, "ok").Type == gjson.True && !gjson.GetBytes(raw, "response_metadata").Exists()
}

// send posts a body and returns the answer's.
func (c client) send(ctx context.Context, what, address, contentType, body, token string) ([]byte, http.Header, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, &bot.Error{Code: "cancelled", Message: "The call was called off before it began.", Temporary: true, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return nil, nil, &bot.Error{Code: "bad_address", Message: "The address of Slack can't be used. Check the configuration.", Err: errors.New("bad address")}
	}
	req.Header.Set("Content-Type", contentType+"; charset=utf-8")
	req.Header.Set("User-Agent", userAgent)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, transport(what, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusTooManyRequests {
		return nil, nil, limited(resp.Header)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("slack: %s: read answer: %w", what, err)
	}
	switch {
	case len(raw) > maxAnswer:
		return nil, nil, fmt.Errorf("slack: %s: the answer is too long", what)
	case resp.StatusCode >= 500, resp.StatusCode < 200:
		return nil, nil, fmt.Errorf("slack: %s: status %d", what, resp.StatusCode)
	case resp.StatusCode >= 300:
		// Web API methods refuse with status 200; this is a gateway, a wrong
		// address or a response_url that has ended.
		return nil, nil, &bot.Error{
			Code: "http_" + strconv.Itoa(resp.StatusCode), Message: "Slack refused the request. Check the address of its API, or try again.",
			Err: errors.New(cut(clean(string(raw)), 200)),
		}
	}
	return raw, resp.Header, nil
}

// transport is the error of a request that got no answer. Addresses stay out
// of it: those of response_url let anybody post.
func transport(what string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && !errors.Is(err, context.Canceled) {
		return &bot.Error{Code: "unreachable", Message: "Slack can't be reached. Perch tries again by itself.", Temporary: true, Err: fmt.Errorf("%s: %w", what, err)}
	}
	return fmt.Errorf("slack: %s: %w", what, err)
}

func limited(h http.Header) error {
	after, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || after < 1 {
		after = 30
	}
	return slower(min(after, 3600))
}

// slower is the refusal of a call that comes too soon.
func slower(seconds int) error {
	return &bot.Error{Code: "ratelimited", Message: "Slack asks Perch to slow down. It goes on by itself.", Temporary: true, RetryAfter: seconds}
}

// asked is how long Slack asked to wait, if that is what an error says.
func asked(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*bot.Error](err)
	if !ok || e.Code != "ratelimited" {
		return 0, false
	}
	return time.Duration(e.RetryAfter) * time.Second, true
}
