package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// See https://docs.slack.dev/authentication/verifying-requests-from-slack
const (
	signedWithin = 5 * time.Minute
	maxRequest   = 4 << 20
)

// signed reports whether Slack signed the body, not long ago.
func signed(secret, stamp, signature string, body []byte, now time.Time) bool {
	s, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || secret == "" {
		return false
	}
	if age := now.Sub(time.Unix(s, 0)); age > signedWithin || age < -signedWithin {
		return false
	}
	given, ok := strings.CutPrefix(signature, "v0=")
	if !ok {
		return false
	}
	got, err := hex.DecodeString(given)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, "v0:"+stamp+":") // a hash takes everything
	_, _ = mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}

// Handler takes Slack's requests in HTTP mode: events, commands and
// interactions, all at whatever address it is served. It answers once what
// they say is stored, and with an error while Run does not run.
func (a *Adapter) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *Adapter) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Slack posts here.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "The request is too long or broke off.", http.StatusRequestEntityTooLarge)
		return
	}
	if !signed(a.o.SigningSecret, r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature"), body, time.Now()) {
		http.Error(w, "The request is not signed by Slack.", http.StatusUnauthorized)
		return
	}
	d, answer, ok := request(r.Header.Get("Content-Type"), body)
	if ok && d.kind == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, answer) // who does not read it asks again
		return
	}
	sink := a.sink.Load()
	if sink == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Perch is not running.", http.StatusServiceUnavailable)
		return
	}
	// Slack going away does not undo what the person did.
	ctx := context.WithoutCancel(r.Context())
	if ok && d.kind == kindLimited {
		err = a.store(ctx, *sink, limitedGap(d.payload))
	} else if ok {
		lane, turn := orderOf(&d)
		a.turns.take(ctx, func() { err = a.take(ctx, *sink, d) }, lane, turn)()
	} else {
		err = a.unread(ctx, *sink, body, errUnknown)
	}
	if err != nil {
		a.log.Error("slack delivery not stored and not acknowledged", "kind", d.kind, "err", err)
		http.Error(w, "Not stored.", http.StatusServiceUnavailable)
		return
	}
	a.stats.acked.Add(1)
	a.stats.seen.Store(time.Now().UnixNano())
	w.WriteHeader(http.StatusOK)
}

// request reads a request's body. Without a kind, the answer is all that Slack wants.
func request(contentType string, body []byte) (d delivery, answer string, ok bool) {
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && kind == "application/x-www-form-urlencoded" {
		v, err := url.ParseQuery(string(body))
		switch {
		case err != nil:
			return d, "", false
		case v.Get("ssl_check") == "1":
			return d, "", true
		case v.Has("payload"):
			return delivery{kind: kindInteraction, payload: json.RawMessage(v.Get("payload"))}, "", true
		case v.Has("command"):
			raw, err := formObject(v)
			return delivery{kind: kindCommand, payload: raw}, "", err == nil
		}
		return d, "", false
	}
	var e struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return d, "", false
	}
	switch e.Type {
	case "url_verification":
		return d, e.Challenge, true
	case kindLimited:
		return delivery{kind: kindLimited, payload: body}, "", true
	}
	return delivery{kind: kindEvent, payload: body}, "", true
}

// kindLimited tells that Slack held events back for a minute, as there were too many.
const kindLimited = "app_rate_limited"

// limitedGap is what was not heard in that minute. A repeat is the same event.
func limitedGap(body []byte) bot.Event {
	var l struct {
		Minute int64 `json:"minute_rate_limited"`
	}
	if err := json.Unmarshal(body, &l); err != nil || l.Minute <= 0 {
		return gapEvent(time.Now().Add(-time.Minute).UTC())
	}
	ev := gapEvent(time.Unix(l.Minute, 0).UTC())
	ev.ID = "gap:limited:" + strconv.FormatInt(l.Minute, 10)
	return ev
}

// runHTTP learns who the bot is and waits; requests come by themselves.
func (a *Adapter) runHTTP(ctx context.Context) error {
	if err := a.identify(ctx); err != nil {
		return err
	}
	a.health.worked()
	a.tellGap(ctx, *a.sink.Load(), time.Time{})
	<-ctx.Done()
	return nil
}
