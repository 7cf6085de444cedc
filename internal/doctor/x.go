package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

// console is where the keys come from.
const console = "console.x.com"

// Clocks may differ by this much. X's authorization codes live for 30 seconds;
// Perch renews tokens five minutes before their end.
const (
	skewGood = 30 * time.Second
	skewBad  = 4 * time.Minute
)

// reach asks X without any key, which costs nothing, and compares the clocks.
func (e *exam) reach(ctx context.Context) {
	const check, clock = "X", "clock"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Config.X.APIBase+"/2/users/me", nil)
	if err != nil {
		e.away = true
		e.fail(check, "x.api_base is no address.", "Leave x.api_base out of the configuration.")
		return
	}
	asked := time.Now()
	resp, err := e.HTTP.Do(req)
	if err != nil {
		e.away = true
		e.fail(check, "X can't be reached: "+err.Error()+".", "See that this machine may open https connections to "+req.URL.Host+" (firewall, proxy, DNS).")
		return
	}
	answered := time.Now()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection is used again
	_ = resp.Body.Close()                                        // only read
	if resp.StatusCode >= 500 {
		e.away = true
		e.fail(check, fmt.Sprintf("X has trouble of its own (status %d).", resp.StatusCode), "Wait some minutes and run perch doctor again; docs.x.com/status tells more.")
		return
	}
	e.ok(check, req.URL.Host+" answers.")
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		e.skip(clock, "X did not say what time it is.")
		return
	}
	// X's time has whole seconds and lies between the two readings.
	skew := asked.Add(answered.Sub(asked) / 2).Sub(date.Add(500 * time.Millisecond)).Round(time.Second)
	const do = "Have this machine set its clock by NTP, such as: timedatectl set-ntp true"
	text := fmt.Sprintf("This machine's clock is %s %s X's.", skew.Abs(), map[bool]string{true: "ahead of", false: "behind"}[skew > 0])
	switch {
	case skew.Abs() >= skewBad:
		e.fail(clock, text, do)
	case skew.Abs() > skewGood:
		e.warn(clock, text, do)
	default:
		e.ok(clock, "It agrees with X's.")
	}
}

// appKeys tries the keys that speak for the app.
func (e *exam) appKeys(ctx context.Context) {
	const check = "app keys"
	c := e.Config.X
	pair := c.ConsumerKey != "" && c.ConsumerSecret != ""
	switch {
	case e.away:
		e.skip(check, "X can't be reached.")
		return
	case !pair && c.BearerToken == "":
		e.badKeys = true
		if !c.Webhook {
			e.skip(check, "None are set, and without a webhook none are needed.")
			return
		}
		e.skip(check, "None are set, so the webhook can't be looked at.")
		return
	}
	if pair {
		only := xapi.New(xapi.Config{APIBase: c.APIBase, ConsumerKey: c.ConsumerKey.Reveal(), ConsumerSecret: c.ConsumerSecret.Reveal(), HTTP: e.HTTP})
		if _, err := only.Bearer(ctx); err != nil {
			e.badKeys = c.BearerToken == ""
			if x, ok := errors.AsType[*xapi.Error](err); ok && x.Code == xapi.CodeForbidden {
				x.Code = xapi.CodeInvalidClient // 403 is how this old call refuses keys
			}
			e.refusal(check, err, "X does not accept x.consumer_key with x.consumer_secret.",
				"Copy API Key and API Key Secret again from "+console+" (your app, Keys and tokens), then restart Perch.")
			return
		}
	}
	if c.BearerToken != "" {
		if _, err := e.X.Webhooks(ctx); err != nil {
			e.badKeys = true
			e.refusal(check, err, "X does not accept x.bearer_token.",
				"Copy the Bearer Token again from "+console+" (your app, Keys and tokens), or leave it empty to use the API Key; then restart Perch.")
			return
		}
	}
	if !pair {
		e.ok(check, "X accepts the bearer token. Set x.consumer_key too and perch doctor can try x.consumer_secret.")
		return
	}
	e.ok(check, "X accepts them.")
}

// refusal notes a call that failed: keys for the code of wrong keys, else what
// xapi says of it.
func (e *exam) refusal(check string, err error, keys, do string) {
	x, ok := errors.AsType[*xapi.Error](err)
	switch {
	case !ok:
		e.fail(check, "X could not be asked: "+err.Error()+".", "Run perch doctor again.")
	case x.Code == xapi.CodeInvalidClient || x.Code == xapi.CodeUnauthorized:
		e.fail(check, keys, do)
	case x.Temporary():
		text, _ := split(x.Message)
		e.warn(check, text, "Run perch doctor again in some minutes.")
	default:
		e.fail(check, first(split(x.Message)), second(split(x.Message)))
	}
}

// split parts xapi's message into what happened and what to do.
func split(message string) (text, do string) {
	text, do, ok := strings.Cut(message, ". ")
	if !ok {
		return message, "Run perch doctor again."
	}
	return text + ".", do
}

func first(text, _ string) string { return text }
func second(_, do string) string  { return do }

// client tries the OAuth 2.0 client: a refresh token that nobody has is
// refused in one way to a client that X knows, and in another to one it doesn't.
func (e *exam) client(ctx context.Context) {
	const check = "OAuth client"
	c := e.Config.X
	id, secret := c.ClientID, c.ClientSecret.Reveal()
	switch {
	case id == "" || secret == "":
		e.skip(check, "x.client_id or x.client_secret is empty.")
		return
	case strings.ContainsAny(id+secret, " \t\r\n\"'"):
		e.fail(check, "x.client_id or x.client_secret has a space or a quote in it.", "Copy both again from "+console+" (your app, Keys and tokens, OAuth 2.0), then restart Perch.")
		return
	case id == c.ConsumerKey.Reveal() || secret == c.ConsumerSecret.Reveal():
		e.fail(check, "x.client_id or x.client_secret is the API Key or its secret.", "Copy the Client ID and Client Secret below OAuth 2.0 from "+console+", then restart Perch.")
		return
	case e.away:
		e.skip(check, "X can't be reached.")
		return
	}
	_, err := e.X.Refresh(ctx, "perch-doctor-asks-if-the-client-is-known")
	x, _ := errors.AsType[*xapi.Error](err)
	if err == nil || x != nil && (x.Code == xapi.CodeInvalidGrant || x.Code == xapi.CodeInvalidRequest) {
		e.ok(check, "X accepts x.client_id and x.client_secret.")
		return
	}
	e.refusal(check, err, "X does not accept x.client_id with x.client_secret.",
		"Copy both again from "+console+" (your app, Keys and tokens, OAuth 2.0), then restart Perch.")
}

// connected looks at each account.
func (e *exam) connected(ctx context.Context) {
	const key = "encryption key"
	if e.KeyErr != nil {
		if e.ConfigErr == nil {
			e.fail(key, "It is none: "+e.KeyErr.Error()+".", "Make one with openssl rand -base64 32 and set PERCH_ENCRYPTION_KEY.")
		}
		return // the configuration says it
	}
	if e.DB == nil || e.Accounts == nil {
		return
	}
	var list []accounts.Account
	err := e.DB.View(ctx, func(tx store.Tx) (err error) {
		list, err = e.Accounts.List(tx)
		return err
	})
	if err != nil {
		e.fail("accounts", "They can't be read: "+err.Error()+".", "Check the store: perch store check")
		return
	}
	list = slices.DeleteFunc(list, func(a accounts.Account) bool { return a.State == accounts.Unauthorized })
	if len(list) == 0 {
		e.warn("accounts", "No X account is connected.", "An admin presses Start Authentication in the setup channel.")
		return
	}
	e.some = slices.ContainsFunc(list, func(a accounts.Account) bool { return a.State == accounts.Connected })
	opened, sealed := 0, 0
	for _, a := range list {
		if a.State != accounts.Connected {
			e.account(ctx, a, "", nil)
			continue
		}
		if e.away {
			e.skip("account @"+a.Handle, "X can't be reached.")
			continue
		}
		access, err := e.Accounts.Token(ctx, a.ID)
		if errors.Is(err, accounts.ErrUnsealable) {
			sealed++
			continue
		}
		opened++
		e.account(ctx, a, access, err)
	}
	switch {
	case sealed > 0:
		e.fail(key, fmt.Sprintf("It does not open the stored tokens of %s.", count(sealed, "account")),
			"Set encryption_key back to the one they were stored with, or add that one to old_encryption_keys; else connect the accounts again.")
	case opened > 0:
		e.ok(key, "It opens the stored tokens.")
	}
}

// account looks at one account: what it granted, and if X still takes it.
func (e *exam) account(ctx context.Context, a accounts.Account, access string, err error) {
	check := "account @" + a.Handle
	again := "An admin connects @" + a.Handle + " again: Reconnect, in the setup channel."
	if a.State == accounts.ReconnectNeeded {
		e.fail(check, orElse(a.Reason, "X no longer lets Perch act for it."), again)
		return
	}
	var user *xapi.User
	if err == nil {
		user, err = e.X.Me(ctx, access)
		if x, ok := errors.AsType[*xapi.Error](err); ok && x.Code == xapi.CodeUnauthorized {
			if access, err = e.Accounts.Invalidate(ctx, a.ID, access); err == nil {
				user, err = e.X.Me(ctx, access)
			}
		}
	}
	if p, ok := errors.AsType[*accounts.Error](err); ok {
		if p.Code == accounts.CodeLater {
			e.warn(check, p.Message, "Run perch doctor again in some minutes.")
			return
		}
		e.fail(check, first(split(p.Message)), again)
		return
	}
	if err != nil {
		e.refusal(check, err, "X no longer accepts Perch for this account.", again)
		return
	}
	if user.ID != a.ID {
		e.fail(check, "Its token belongs to @"+user.Username+".", again)
		return
	}
	if slices.Contains(a.Scopes, "tweet.read") {
		// The cap counts posts that were read. To ask for those of the last
		// minute reads none, but is refused all the same.
		if _, _, err := e.X.Mentions(ctx, access, a.ID, xapi.PostsOptions{SinceID: idAt(time.Now().Add(-time.Minute)), Max: 5}); err != nil {
			e.refusal(check, err, "X no longer accepts Perch for this account.", again)
			return
		}
	}
	e.list = append(e.list, a)
	var missing []string
	for _, s := range accounts.RequiredScopes() {
		if !slices.Contains(a.Scopes, s) {
			missing = append(missing, s)
		}
	}
	if len(missing) > 0 {
		e.fail(check, "It did not grant "+strings.Join(missing, ", ")+".", "See that the app may \"Read and write and Direct message\" at "+console+". Then: "+again)
		return
	}
	e.ok(check, "X accepts it, with every permission Perch needs.")
}

// idAt is the smallest id that X gave to something of that moment: ids begin
// with the milliseconds since X's epoch.
func idAt(t time.Time) string {
	const epoch = 1288834974657
	return strconv.FormatInt((t.UnixMilli()-epoch)<<22, 10)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
