package xapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Webhook is a registered address. X sends nothing to one that is not valid.
type Webhook struct {
	ID        string
	URL       string
	Valid     bool
	CreatedAt time.Time
}

type wireWebhook struct {
	ID        id     `json:"id"`
	URL       string `json:"url"`
	Valid     bool   `json:"valid"`
	CreatedAt stamp  `json:"created_at"`
}

func (w wireWebhook) webhook() Webhook {
	return Webhook{ID: string(w.ID), URL: w.URL, Valid: w.Valid, CreatedAt: w.CreatedAt.Time}
}

// Bearer is the app-only token: the configured one, or one obtained with the
// API key and its secret.
func (c *Client) Bearer(ctx context.Context) (string, error) {
	if c.cfg.BearerToken != "" {
		return c.cfg.BearerToken, nil
	}
	c.mu.Lock()
	token := c.bearer
	c.mu.Unlock()
	if token != "" {
		return token, nil
	}
	const op = "get app token"
	if c.cfg.ConsumerKey == "" || c.cfg.ConsumerSecret == "" {
		return "", missing(op, "the bearer token, or the API key and its secret,")
	}
	var out struct {
		Token  string    `json:"access_token"`
		Errors []problem `json:"errors"`
	}
	k := &call{
		op: op, method: http.MethodPost, path: "/oauth2/token", harmless: true, fresh: true,
		payload: []byte("grant_type=client_credentials"), contentType: "application/x-www-form-urlencoded",
		basicAuth: true, basic: [2]string{url.QueryEscape(c.cfg.ConsumerKey), url.QueryEscape(c.cfg.ConsumerSecret)},
		out: &out,
	}
	limits, err := c.do(ctx, k)
	if err != nil {
		return "", err
	}
	if out.Token == "" {
		return "", c.empty(k, limits, out.Errors)
	}
	c.mu.Lock()
	c.bearer = out.Token
	c.mu.Unlock()
	return out.Token, nil
}

// app makes a call with the app-only token. One that was obtained, not
// configured, is obtained once more if X does not take it any longer.
func (c *Client) app(ctx context.Context, k *call) (Limits, error) {
	for try := 1; ; try++ {
		token, err := c.Bearer(ctx)
		if err != nil {
			return Limits{}, err
		}
		k.bearer = token
		limits, err := c.do(ctx, k)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnauthorized {
			return limits, err
		}
		if try > 1 || c.cfg.BearerToken != "" {
			e.Code = CodeInvalidClient // no account is to blame
			e.Message = sentence(e.Code, e.Limits)
			return limits, e
		}
		c.mu.Lock()
		if c.bearer == token {
			c.bearer = ""
		}
		c.mu.Unlock()
	}
}

// Webhooks lists the app's webhooks.
func (c *Client) Webhooks(ctx context.Context) ([]Webhook, error) {
	var out struct {
		Data []wireWebhook `json:"data"`
	}
	_, err := c.app(ctx, &call{
		op: "list webhooks", method: http.MethodGet, path: "/2/webhooks",
		query: url.Values{"webhook_config.fields": {"created_at,id,url,valid"}}, out: &out,
	})
	if err != nil {
		return nil, err
	}
	hooks := make([]Webhook, 0, len(out.Data))
	for _, w := range out.Data {
		hooks = append(hooks, w.webhook())
	}
	return hooks, nil
}

// CreateWebhook registers an address. X calls it with a challenge before this
// returns, so that its handler must be there already.
func (c *Client) CreateWebhook(ctx context.Context, address string) (*Webhook, error) {
	const op = "register webhook"
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || len(address) > 200 {
		return nil, &Error{
			Op: op, Code: CodeBadWebhookURL, Detail: "the address is no URL, or has over 200 characters",
			Message: sentence(CodeBadWebhookURL, Limits{}),
		}
	}
	// The guide shows the webhook below "data", the specification without it.
	var out struct {
		wireWebhook
		Data   wireWebhook `json:"data"`
		Errors []problem   `json:"errors"`
	}
	k := &call{op: op, method: http.MethodPost, path: "/2/webhooks", body: map[string]string{"url": address}, out: &out}
	limits, err := c.app(ctx, k)
	if err != nil {
		return nil, err
	}
	w := out.webhook()
	if out.Data.ID != "" {
		w = out.Data.webhook()
	}
	if w.ID == "" {
		return nil, c.empty(k, limits, out.Errors)
	}
	return &w, nil
}

// ValidateWebhook has X make its challenge again, which turns a webhook that
// became invalid on again. The list of webhooks tells if it worked.
func (c *Client) ValidateWebhook(ctx context.Context, webhookID string) error {
	const op = "validate webhook"
	if !validID(webhookID) {
		return invalid(op, "the id of the webhook is no id")
	}
	return c.flagged(ctx, &call{op: op, method: http.MethodPut, path: "/2/webhooks/" + webhookID, harmless: true})
}

// DeleteWebhook ends the deliveries to an address.
func (c *Client) DeleteWebhook(ctx context.Context, webhookID string) error {
	const op = "delete webhook"
	if !validID(webhookID) {
		return invalid(op, "the id of the webhook is no id")
	}
	return c.flagged(ctx, &call{op: op, method: http.MethodDelete, path: "/2/webhooks/" + webhookID, harmless: true})
}

// flagged makes a call whose answer only says that it was done. X's pages
// differ in the flag's name; what counts is that it lists no errors instead.
func (c *Client) flagged(ctx context.Context, k *call) error {
	var out struct {
		Data   map[string]any `json:"data"`
		Errors []problem      `json:"errors"`
	}
	k.out, k.optional = &out, true
	limits, err := c.app(ctx, k)
	if err == nil && len(out.Data) == 0 && len(out.Errors) > 0 {
		err = c.empty(k, limits, out.Errors)
	}
	if err == nil {
		for _, flag := range []string{"deleted", "attempted", "valid"} {
			if v, ok := out.Data[flag].(bool); ok && !v {
				return c.empty(k, limits, []problem{{Detail: "X says that it was not done"}})
			}
		}
	}
	return err
}
