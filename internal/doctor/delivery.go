package doctor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

func (e *exam) hookURL() string { return e.Config.PublicURL + "/x/webhook" }

// publicURL calls Perch as X does, from outside as far as this machine can.
func (e *exam) publicURL(ctx context.Context) {
	const check = "public address"
	if e.Config.PublicURL == "" {
		return // the configuration says it
	}
	if !e.Serving && e.embedded() {
		e.skip(check, "Perch is not running, so nothing answers there. Run perch doctor again while it does.")
		return
	}
	problem := e.fail
	if !e.Serving {
		problem = e.warn // another machine may serve, or none does now
	}
	const proxy = "Check DNS and certificate of public_url, and that your proxy passes everything on to listen."
	if !e.Config.X.Webhook || e.Config.X.ConsumerSecret == "" {
		if status, body, err := e.get(ctx, e.Config.PublicURL+"/healthz"); err != nil {
			problem(check, "It can't be reached from here: "+err.Error()+".", proxy)
		} else if status != http.StatusOK || strings.TrimSpace(body) != "ok" {
			problem(check, fmt.Sprintf("Something else than Perch answers there (status %d).", status), proxy)
		} else {
			e.ok(check, "Perch answers there.")
		}
		return
	}
	token := rand.Text() + rand.Text()
	want, err := xapi.CRCResponse(e.Config.X.ConsumerSecret.Reveal(), token)
	if err != nil {
		problem(check, "The challenge could not be made: "+err.Error()+".", "Check x.consumer_secret.")
		return
	}
	status, body, err := e.get(ctx, e.hookURL()+"?crc_token="+url.QueryEscape(token))
	var answer struct {
		Token string `json:"response_token"`
	}
	switch {
	case err != nil:
		problem(check, "It can't be reached from here: "+err.Error()+".", proxy)
	case status != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil || answer.Token == "":
		problem(check, fmt.Sprintf("Something else than Perch answers at %s (status %d).", e.hookURL(), status), proxy)
	case answer.Token != want:
		problem(check, "The Perch that answers there has another x.consumer_secret.", "Let public_url lead to this Perch, or restart the other one with the same keys.")
	default:
		e.ok(check, "Perch answers X's challenge there.")
	}
}

// get reads the start of a page.
func (e *exam) get(ctx context.Context, address string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := e.HTTP.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return resp.StatusCode, string(b), err
}

// webhook looks for ours at X.
func (e *exam) webhook(ctx context.Context) {
	const check = "webhook"
	switch {
	case !e.Config.X.Webhook:
		e.ok(check, fmt.Sprintf("It is switched off: Perch reads messages every %s.", e.Config.X.PollInterval))
		return
	case e.away || e.badKeys:
		e.skip(check, "X can't be asked without its app keys.")
		return
	}
	hooks, err := e.X.Webhooks(ctx)
	if err != nil {
		e.refusal(check, err, "X does not accept the app's keys.", "Copy them again from "+console+" and restart Perch.")
		return
	}
	do := "perch serve registers it within the hour, or at once when it starts: restart it, and see its log if that does not help."
	if !e.Serving {
		do = "Start perch serve: it registers it."
	}
	var others []string
	for _, h := range hooks {
		if h.URL != e.hookURL() {
			others = append(others, h.URL)
			continue
		}
		e.hook = &h
	}
	switch {
	case e.hook == nil && !e.some:
		e.skip(check, "Perch registers it once an account is connected.")
	case e.hook == nil && len(others) > 0:
		e.fail(check, "X calls "+strings.Join(others, " and ")+" instead of "+e.hookURL()+".", "If that was this Perch's old address, correct public_url or delete the old webhook at "+console+". "+do)
	case e.hook == nil:
		e.fail(check, "X does not know "+e.hookURL()+".", do)
	case !e.hook.Valid:
		e.fail(check, "X gave up on "+e.hookURL()+" and delivers nothing: it answered wrongly for too long.", "See that X reaches it from the internet. "+strings.Replace(do, "registers it", "has X try it again", 1))
	default:
		e.ok(check, "X delivers to "+e.hookURL()+".")
	}
}

// subscriptions looks for each event that Perch wants of each account.
func (e *exam) subscriptions(ctx context.Context) {
	const check = "subscriptions"
	if !e.Config.X.Webhook || len(e.list) == 0 || e.hook == nil || e.away || e.badKeys {
		return // said by others
	}
	have, err := e.X.Subscriptions(ctx)
	if err != nil {
		e.refusal(check, err, "X does not accept the app's keys.", "Copy them again from "+console+" and restart Perch.")
		return
	}
	good := true
	for _, a := range e.list {
		var missing []string
		for _, event := range e.Events {
			if !slices.ContainsFunc(have, func(s xapi.Subscription) bool {
				return s.EventType == event && s.UserID == a.ID && s.WebhookID == e.hook.ID
			}) {
				missing = append(missing, event)
			}
		}
		do := "Restart perch serve: it asks for them again."
		switch {
		case slices.Contains(missing, xapi.EventDMReceived):
			good = false
			e.fail(check, "X does not deliver "+strings.Join(missing, ", ")+" of @"+a.Handle+".", do)
		case len(missing) > 0:
			good = false
			e.warn(check, "X does not deliver "+strings.Join(missing, ", ")+" of @"+a.Handle+"; Perch reads what it can from time to time.",
				do+" If they stay away, the app is not offered them.")
		}
	}
	if good {
		e.ok(check, "X delivers every event that Perch wants.")
	}
}

// polling looks at when messages last came in, by the net and by X's call.
func (e *exam) polling(context.Context) {
	const check = "last news"
	if !e.Serving {
		return
	}
	handles := map[string]string{}
	for _, a := range e.list {
		handles[a.ID] = a.Handle
	}
	good, last := true, time.Time{}
	for _, p := range e.Polls() {
		handle, ok := handles[p.Account]
		switch {
		case !ok:
			continue // what is wrong with the account was said
		case p.Err != nil:
			good = false
			e.warn(check, "Perch could not read @"+handle+" at "+at(p.At)+": "+firstLine(p.Err.Error())+".", "It tries again by itself. If it goes on for an hour, see Perch's log.")
		case time.Since(p.At) > 3*time.Duration(e.Config.X.PollInterval)+time.Minute:
			good = false
			e.warn(check, "Perch last read @"+handle+" at "+at(p.At)+".", "See Perch's log, and restart it if nothing helps.")
		}
		if p.At.After(last) {
			last = p.At
		}
	}
	if !good || len(e.list) == 0 {
		return
	}
	text := "Not read yet since Perch started"
	if !last.IsZero() {
		text = "Last read at " + at(last)
	}
	if d := e.LastDelivery(); !d.IsZero() {
		text += "; X last delivered at " + at(d)
	} else if e.Config.X.Webhook {
		text += "; X has delivered nothing since Perch started"
	}
	e.ok(check, text+".")
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// chats says what did not work in the chats and has to be seen to.
func (e *exam) chats(ctx context.Context) {
	const check = "chat"
	if e.DB == nil || e.Troubles == nil {
		return
	}
	var wrong []string
	err := e.DB.View(ctx, func(tx store.Tx) (err error) {
		wrong, err = e.Troubles(tx)
		return err
	})
	if err != nil {
		e.fail(check, "What went wrong in the chats can't be read: "+err.Error()+".", "Check the store: perch store check")
		return
	}
	for _, w := range wrong {
		e.warn(check, w, "Then restart Perch: it tries again.")
	}
	if len(wrong) == 0 {
		e.ok(check, "Nothing is known to be wrong with what Perch does in the chats.")
	}
}

// duty looks who would answer a customer now.
func (e *exam) duty(ctx context.Context) {
	const check = "duty"
	if e.DB == nil || e.OnDuty == nil {
		return
	}
	var deps []Department
	err := e.DB.View(ctx, func(tx store.Tx) (err error) {
		deps, err = e.OnDuty(tx)
		return err
	})
	if err != nil {
		e.fail(check, "Who is on duty can't be read: "+err.Error()+".", "Check the store: perch store check")
		return
	}
	var empty []string
	for _, d := range deps {
		if d.OnDuty == 0 {
			empty = append(empty, d.Name)
		}
	}
	switch {
	case len(deps) == 0: // the team's check says it
	case len(empty) > 0:
		e.warn(check, "Nobody is on duty in "+strings.Join(empty, ", ")+": customers get the message that nobody is there.", "An agent types /duty on in the chat, or name one in the department's on_duty before Perch's first start.")
	default:
		e.ok(check, "Somebody is on duty in every department.")
	}
}

// work counts what waits for a person.
func (e *exam) work(ctx context.Context) {
	const check = "work"
	if e.DB == nil || e.Inbox == nil || e.Outbox == nil {
		return
	}
	in, err := e.Inbox.Stats(ctx)
	if err != nil {
		e.fail(check, "The inbox can't be counted: "+err.Error()+".", "Check the store: perch store check")
		return
	}
	out, err := e.Outbox.Stats(ctx)
	if err != nil {
		e.fail(check, "The outbox can't be counted: "+err.Error()+".", "Check the store: perch store check")
		return
	}
	shut := 0
	if e.Shut != nil {
		err := e.DB.View(ctx, func(tx store.Tx) (err error) {
			shut, err = e.Shut(tx)
			return err
		})
		if err != nil {
			e.fail(check, "The customers who wait can't be counted: "+err.Error()+".", "Check the store: perch store check")
			return
		}
	}
	good := true
	if shut > 0 {
		good = false
		e.fail(check, count(shut, "customer")+" can't be shown to agents: Rocket.Chat gives them no room.", "Perch's messages in the setup channel say why. Mend that, then press Retry there.")
	}
	if in.Dead > 0 {
		good = false
		e.warn(check, count(in.Dead, "incoming event")+" could not be handled and went aside.", "Choose Retry or Discard at Perch's messages in the setup channel.")
	}
	if out.Stuck > 0 {
		good = false
		e.warn(check, "A person has to decide on "+count(out.Stuck, "action")+".", "Choose what becomes of each at Perch's messages in the chat.")
	}
	if out.Oldest > time.Hour {
		good = false
		e.warn(check, "Something has waited to be sent since "+at(time.Now().Add(-out.Oldest))+".", "The findings above, or Perch's log, say why.")
	}
	if good {
		e.ok(check, "Nothing waits for a person.")
	}
}
