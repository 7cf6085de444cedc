package app

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/metrics"
	"github.com/perch-chat/perch/web"
	"github.com/perch-chat/perch/xapi"
)

// routes makes the handler of everything that Perch answers over HTTP.
func (a *App) routes() error {
	d := web.Deps{
		DB: a.DB, Incidents: a.Incidents, Accounts: a.Accounts, Inbox: a.Inbox, Log: a.log.With("part", "web"), PublicURL: a.o.Config.PublicURL,
	}
	if a.o.Config.X.Webhook {
		d.XWebhook = xWebhook{secret: a.o.Config.X.ConsumerSecret.Reveal(), delivered: &a.delivered, typist: a.typist}
	}
	a.slackPages(&d)
	api := web.New(d)
	mux := http.NewServeMux()
	mux.Handle("/v1/", api)
	mux.Handle("/api/v1/", api)
	mux.Handle("/x/", api)
	mux.Handle("/incidents/", api)
	if d.Slack != nil {
		mux.Handle("/slack/install", api)
		mux.Handle("/slack/install/", api)
		mux.Handle("/slack/oauth", api)
	}
	mux.HandleFunc("GET /healthz", a.health.alive)
	mux.HandleFunc("GET /readyz", a.serveReady)
	mux.Handle("GET /metrics", metrics.Handler(metrics.Sources{Outbox: a.Outbox.Stats, Inbox: a.Inbox.Stats, Chats: a.chatMetrics, Version: a.o.Version}))
	if a.o.Routes != nil {
		if err := a.o.Routes(mux, a); err != nil {
			return err
		}
	}
	a.handler = mux
	return nil
}

// xWebhook knows what X delivers.
type xWebhook struct {
	secret    string
	delivered *atomic.Int64 // when the last good delivery came
	typist    *typist
}

var _ web.XWebhook = xWebhook{}

// CRC implements web.XWebhook.
func (x xWebhook) CRC(token string) (string, error) { return xapi.CRCResponse(x.secret, token) }

// Verify implements web.XWebhook.
func (x xWebhook) Verify(signature string, body []byte) bool {
	return xapi.VerifySignature(x.secret, signature, body)
}

// Decode implements web.XWebhook.
func (x xWebhook) Decode(body []byte) ([]inbox.Item, error) {
	events, err := xapi.DecodeWebhook(body)
	if err != nil {
		return nil, fmt.Errorf("decode delivery: %w", err)
	}
	x.delivered.Store(time.Now().Unix())
	x.typist.saw(events)
	return items(events, "")
}
