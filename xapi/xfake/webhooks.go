package xfake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// maxWebhooks is what pay-per-use allows.
const maxWebhooks = 1

type webhookRec struct {
	ID      string    `json:"id"`
	URL     string    `json:"url"`
	Valid   bool      `json:"valid"`
	Created time.Time `json:"created_at"`
}

func (w *webhookRec) body() map[string]any {
	return map[string]any{"id": w.ID, "url": w.URL, "valid": w.Valid, "created_at": w.Created.Format(stamp)}
}

// sign is X's construction for CRC answers and signatures alike.
func (s *Server) sign(msg []byte) string {
	m := hmac.New(sha256.New, []byte(s.opt.ConsumerSecret))
	m.Write(msg)
	return "sha256=" + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func webhookError(status int, code, detail string) reply {
	return reply{status: status, body: problem{
		Errors: []problemItem{{Message: code + ": " + detail}}, Title: "Invalid Request", Detail: code + ": " + detail,
		Type: problems + "invalid-request", Status: status,
	}}
}

func (s *Server) checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is no URL", raw)
	case len(raw) > 200:
		return fmt.Errorf("the URL has %d characters; 200 are allowed", len(raw))
	case s.opt.AllowHTTPWebhooks:
		return nil
	case u.Scheme != "https":
		return fmt.Errorf("the URL must be https")
	case u.Port() != "":
		return fmt.Errorf("the URL must have no port")
	case u.Hostname() == "localhost", net.ParseIP(u.Hostname()) != nil && net.ParseIP(u.Hostname()).IsLoopback():
		return fmt.Errorf("the URL must be public")
	}
	return nil
}

// crc asks the URL for proof that it knows the consumer secret.
func (s *Server) crc(ctx context.Context, raw string) error {
	token := base64.StdEncoding.EncodeToString([]byte(secret("")))[:48]
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("crc: %w", err)
	}
	q := u.Query()
	q.Set("crc_token", token)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return fmt.Errorf("crc: %w", err)
	}
	res, err := s.opt.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("crc: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("crc: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("crc: the URL answered %d", res.StatusCode)
	}
	var got struct {
		Token string `json:"response_token"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		return fmt.Errorf("crc: the answer is no JSON: %w", err)
	}
	if !same(got.Token, s.sign([]byte(token))) {
		return fmt.Errorf("crc: the response_token is wrong")
	}
	return nil
}

func (s *Server) postWebhook(c *call) reply {
	var q struct {
		URL string `json:"url"`
	}
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	if err := s.checkURL(q.URL); err != nil {
		return webhookError(http.StatusBadRequest, "UrlValidationFailed", err.Error())
	}
	s.mu.Lock()
	count := len(s.st.Webhooks)
	twice := false
	for _, w := range s.st.Webhooks {
		twice = twice || w.URL == q.URL
	}
	s.mu.Unlock()
	if twice {
		return webhookError(http.StatusBadRequest, "DuplicateUrlFailed", "the URL is registered already")
	}
	if count >= maxWebhooks {
		return webhookError(http.StatusBadRequest, "WebhookLimitExceeded", "the app may have 1 webhook")
	}
	if err := s.crc(c.ctx(), q.URL); err != nil {
		return webhookError(http.StatusBadRequest, "CrcValidationFailed", err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	w := &webhookRec{ID: s.st.nextID(now), URL: q.URL, Valid: true, Created: now}
	s.st.Webhooks[w.ID] = w
	return reply{status: http.StatusOK, body: map[string]any{"data": w.body()}}
}

func (s *Server) getWebhooks(*call) reply {
	body := map[string]any{"meta": map[string]int{"result_count": len(s.st.Webhooks)}}
	var data []any
	for _, id := range sortedKeys(s.st.Webhooks) {
		data = append(data, s.st.Webhooks[id].body())
	}
	if data != nil {
		body["data"] = data
	}
	return reply{status: http.StatusOK, body: body}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b string) int {
		if less(a, b) {
			return -1
		}
		return 1
	})
	return out
}

func (s *Server) putWebhook(c *call) reply {
	id := c.path["webhook_id"]
	s.mu.Lock()
	w := s.st.Webhooks[id]
	var u string
	if w != nil {
		u = w.URL
	}
	s.mu.Unlock()
	if u == "" {
		return webhookError(http.StatusNotFound, "WebhookIdInvalid", "there is no webhook "+id)
	}
	if err := s.validate(c.ctx(), id, u); err != nil {
		return webhookError(http.StatusBadRequest, "CrcValidationFailed", err.Error())
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"attempted": true, "valid": true}}}
}

func (s *Server) validate(ctx context.Context, id, u string) error {
	err := s.crc(ctx, u)
	s.mu.Lock()
	if w := s.st.Webhooks[id]; w != nil {
		w.Valid = err == nil
	}
	s.mu.Unlock()
	s.changed()
	return err
}

// RevalidateWebhooks does X's hourly CRC now. A webhook that fails it gets
// nothing more until a PUT succeeds.
func (s *Server) RevalidateWebhooks(ctx context.Context) error {
	s.mu.Lock()
	all := map[string]string{}
	for id, w := range s.st.Webhooks {
		all[id] = w.URL
	}
	s.mu.Unlock()
	for _, id := range sortedKeys(all) {
		if err := s.validate(ctx, id, all[id]); err != nil {
			return err
		}
	}
	return nil
}

// InvalidateWebhooks marks all webhooks invalid, as after 28 hours of failures.
func (s *Server) InvalidateWebhooks() {
	s.set(func() {
		for _, w := range s.st.Webhooks {
			w.Valid = false
		}
	})
}

// Webhook is a registered webhook.
type Webhook struct {
	ID    string
	URL   string
	Valid bool
}

// Webhooks lists what the app has registered.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Webhook
	for _, id := range sortedKeys(s.st.Webhooks) {
		w := s.st.Webhooks[id]
		out = append(out, Webhook{w.ID, w.URL, w.Valid})
	}
	return out
}

func (s *Server) deleteWebhook(c *call) reply {
	id := c.path["webhook_id"]
	if s.st.Webhooks[id] == nil {
		return webhookError(http.StatusNotFound, "WebhookIdInvalid", "there is no webhook "+id)
	}
	delete(s.st.Webhooks, id)
	for _, sub := range s.st.Subs {
		if sub.WebhookID == id {
			sub.WebhookID = ""
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"deleted": true}}}
}
