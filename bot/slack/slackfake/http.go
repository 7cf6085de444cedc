package slackfake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// requestURLs are where the app takes deliveries over HTTP.
type requestURLs struct{ events, commands, interactive string }

func (u requestURLs) set() bool { return u.events != "" }

// SetRequestURLs switches from Socket Mode to HTTP. Without commands and
// interactive all goes to the first URL; empty, Socket Mode is back.
func (s *Server) SetRequestURLs(events, commands, interactive string) {
	if commands == "" {
		commands = events
	}
	if interactive == "" {
		interactive = events
	}
	_ = s.do(func() error { s.del.urls = requestURLs{events, commands, interactive}; return nil })
}

// VerifyURL does what Slack does when a request URL is entered: it sends a
// challenge and wants it back.
func (s *Server) VerifyURL(ctx context.Context) error {
	s.mu.Lock()
	u := s.del.urls.events
	s.mu.Unlock()
	const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
	body := mustJSON(obj{"token": "verification-token", "challenge": challenge, "type": "url_verification"})
	res, err := s.send(ctx, u, "application/json", body, nil)
	if err != nil {
		return fmt.Errorf("verify request URL: %w", err)
	}
	answer := strings.TrimSpace(string(res.body))
	var o struct{ Challenge string }
	if json.Unmarshal(res.body, &o) == nil {
		answer = o.Challenge
	}
	answer = strings.TrimPrefix(answer, "challenge=")
	if res.status != http.StatusOK || answer != challenge {
		return fmt.Errorf("verify request URL: status %d, answer %q: %w", res.status, answer, errChallenge)
	}
	return nil
}

var errChallenge = errors.New("the challenge did not come back")

type httpAnswer struct {
	status int
	ctype  string
	header http.Header
	body   []byte
}

// Sign returns the two headers that sign a body sent at a time.
func (s *Server) Sign(body []byte, at time.Time) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	m := hmac.New(sha256.New, []byte(s.opt.SigningSecret))
	fmt.Fprintf(m, "v0:%s:%s", timestamp, body)
	return timestamp, "v0=" + hex.EncodeToString(m.Sum(nil))
}

func (s *Server) send(ctx context.Context, u, ctype string, body []byte, head http.Header) (httpAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, bytes.NewReader(body))
	if err != nil {
		return httpAnswer{}, fmt.Errorf("make request: %w", err)
	}
	maps.Copy(req.Header, head)
	ts, sig := s.Sign(body, s.now())
	req.Header.Set("Content-Type", ctype)
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("X-Slack-Request-Timestamp", ts)
	req.Header.Set("X-Slack-Signature", sig)
	res, err := s.opt.HTTP.Do(req)
	if err != nil {
		return httpAnswer{}, fmt.Errorf("deliver: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return httpAnswer{}, fmt.Errorf("deliver: %w", err)
	}
	return httpAnswer{res.StatusCode, res.Header.Get("Content-Type"), res.Header, b}, nil
}

// post delivers over HTTP. The lock is held.
func (s *Server) post(d *Delivery, e *Envelope) {
	if !s.started(1) {
		return
	}
	u, ctype, body := s.del.urls.events, "application/json", []byte(d.payload)
	if d.Kind != "events_api" {
		u, ctype, body = s.del.urls.interactive, "application/x-www-form-urlencoded", []byte(url.Values{"payload": {string(d.payload)}}.Encode())
	}
	if d.Kind == "slash_commands" {
		var o map[string]string
		_ = json.Unmarshal(d.payload, &o) // made by us of strings alone
		v := url.Values{}
		for k, x := range o {
			v.Set(k, x)
		}
		u, body = s.del.urls.commands, []byte(v.Encode())
	}
	head := http.Header{}
	if e.Attempt > 0 {
		head.Set("X-Slack-Retry-Num", strconv.Itoa(e.Attempt))
		head.Set("X-Slack-Retry-Reason", e.Reason)
	}
	go func() {
		defer s.bg.Done()
		ctx, cancel := context.WithTimeout(s.ctx, s.opt.AckWithin)
		defer cancel()
		res, err := s.send(ctx, u, ctype, body, head)
		s.mu.Lock()
		defer s.changed()
		defer s.mu.Unlock()
		var reason string
		switch {
		case err == nil && res.status/100 == 2:
			s.settle(d, e, Ack{EnvelopeID: e.ID, At: time.Now().UTC(), Payload: httpPayload(res)})
			return
		case err != nil && ctx.Err() != nil:
			reason = "http_timeout"
		case err != nil:
			reason = "connection_failed"
		default:
			reason = "http_error"
		}
		e.Over = true
		if res.header.Get("X-Slack-No-Retry") == "1" {
			d.finish.Do(func() { close(d.done) })
			return
		}
		s.failed(d, e, reason)
	}()
}

func httpPayload(res httpAnswer) json.RawMessage {
	if strings.HasPrefix(res.ctype, "application/json") && json.Valid(res.body) {
		return res.body
	}
	if len(bytes.TrimSpace(res.body)) == 0 {
		return nil
	}
	return mustJSON(string(res.body))
}
