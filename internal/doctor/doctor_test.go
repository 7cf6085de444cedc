package doctor_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/doctor"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
	"github.com/perch-chat/perch/xapi/xfake"
)

// want is the one thing that a fault must be found as.
type want struct {
	check string
	state doctor.State
	text  string // a part of what was found
	do    string // a part of what to do
}

// expect says that exactly the finding was made, and that it helps.
func expect(t *testing.T, bad []doctor.Finding, want ...want) {
	t.Helper()
	if len(bad) != len(want) {
		t.Fatalf("%d findings, want %d: %+v", len(bad), len(want), bad)
	}
	for i, w := range want {
		f := bad[i]
		if f.Check != w.check || f.State != w.state || !strings.Contains(f.Text, w.text) || !strings.Contains(f.Do, w.do) {
			t.Errorf("finding %+v, want %+v", f, w)
		}
		if !strings.HasSuffix(f.Text, ".") || f.Do == "" {
			t.Errorf("%+v is no sentence that says what to do", f)
		}
	}
}

func answer(body string, status int) *http.Handler {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	return &h
}

// TestServing breaks one thing at a time under a Perch that serves.
func TestServing(t *testing.T) {
	const account = "account @larkspur_hq"
	tests := []struct {
		name  string
		fault func(w *world)
		want  []want
	}{
		{"all is well", func(*world) {}, nil},
		{"no credits", func(w *world) { w.x.SetCredits(false) }, []want{{account, doctor.Fail, "no credits left", "Buy credits"}}},
		{"usage cap", func(w *world) { w.x.SetUsageCap(true) }, []want{{account, doctor.Fail, "cap", "Raise it"}}},
		{"revoked and nobody told", func(w *world) {
			w.x.SetDelivery(xfake.DeliveryMode{Lose: true})
			w.must(w.x.RevokeUser(accountID))
		}, []want{{account, doctor.Fail, "no longer ", "in the setup channel"}}}, // the doctor finds it, or the program did a moment before
		{"suspended", func(w *world) { w.must(w.x.SetSuspended(accountID, true)) }, []want{{account, doctor.Fail, "suspended", "x.com"}}},
		{
			"missing scope", func(w *world) { w.edit("x_accounts", `"dm.write",`, "") },
			[]want{{account, doctor.Fail, "did not grant dm.write.", "Read and write and Direct message"}},
		},
		{"webhook invalid", func(w *world) { w.x.InvalidateWebhooks() }, []want{{"webhook", doctor.Fail, "gave up", "has X try it again"}}},
		{"webhook missing", func(w *world) { w.deleteWebhook() }, []want{{"webhook", doctor.Fail, "X does not know " + w0, "perch serve registers it"}}},
		{"webhook elsewhere", func(w *world) {
			w.deleteWebhook()
			other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				token, err := xapi.CRCResponse("consumer-secret", r.URL.Query().Get("crc_token"))
				if err != nil {
					t.Error(err)
				}
				_, _ = rw.Write([]byte(`{"response_token":"` + token + `"}`))
			}))
			t.Cleanup(other.Close)
			_, err := w.app.X.CreateWebhook(t.Context(), other.URL+"/x/webhook")
			w.must(err)
		}, []want{{"webhook", doctor.Fail, "instead of", "correct public_url"}}},
		{
			"messages not subscribed", func(w *world) { w.unsubscribe(xapi.EventDMReceived) },
			[]want{{"subscriptions", doctor.Fail, "does not deliver dm.received of @larkspur_hq.", "Restart perch serve"}},
		},
		{
			"mentions not subscribed", func(w *world) { w.unsubscribe(xapi.EventMention) },
			[]want{{"subscriptions", doctor.Warn, "does not deliver post.mention.create of @larkspur_hq", "not offered"}},
		},
		{"clock far behind", func(w *world) { w.date.Store(600) }, []want{{"clock", doctor.Fail, "10m0s behind X's.", "NTP"}}},
		{"clock a little ahead", func(w *world) { w.date.Store(-90) }, []want{{"clock", doctor.Warn, "ahead of X's.", "NTP"}}},
		{"X down", func(w *world) { w.x.AddFault(xfake.Fault{}) }, []want{{"X", doctor.Fail, "status 503", "Wait"}}},
		{"X unreachable", func(w *world) { w.xsrv.Close() }, []want{{"X", doctor.Fail, "can't be reached", "firewall"}}},
		{"rate limit", func(w *world) {
			w.x.SetLimit("GET /2/users/me", xfake.Limit{User: 1, App: 1})
			access, err := w.app.Accounts.Token(t.Context(), accountID)
			w.must(err)
			_, err = w.app.X.Me(t.Context(), access)
			w.must(err)
		}, []want{{account, doctor.Warn, "takes no more calls", "again"}}},
		{
			"public address of another", func(w *world) { w.public.Store(answer("not here", http.StatusNotFound)) },
			[]want{{"public address", doctor.Fail, "status 404", "proxy"}},
		},
		{
			"public address of another Perch", func(w *world) { w.public.Store(answer(`{"response_token":"sha256=AAAA"}`, http.StatusOK)) },
			[]want{{"public address", doctor.Fail, "another x.consumer_secret", "public_url"}},
		},
		{"public address gone", func(w *world) { w.front.Close() }, []want{{"public address", doctor.Fail, "can't be reached", "DNS"}}},
		{"nobody on duty", func(w *world) {
			w.update(func(tx store.Tx) error {
				_, err := w.app.Desk.Off(tx, "support", "webchat:U_sam")
				return err
			})
		}, []want{{"duty", doctor.Warn, "Nobody is on duty in Support", "/duty on"}}},
		{"a chat that refuses", func(w *world) {
			w.update(func(tx store.Tx) error {
				return tx.Put("commands_troubles", store.Key("Pinning the setup message"), []byte(`{"r":{"what":"Pinning the setup message","why":"The Slack app lacks the scope pins:write."}}`))
			})
		}, []want{{"chat", doctor.Warn, "Pinning the setup message: The Slack app lacks the scope pins:write.", "restart Perch"}}},
		{"data for all to read", func(w *world) {
			w.must(os.Chmod(w.c.Data, 0o755))
		}, []want{{"data folder", doctor.Warn, "Other users", "chmod go-rwx"}}},
		{"index damaged", func(w *world) {
			w.update(func(tx store.Tx) error { return store.Clear(tx, "x_accounts.handle") })
		}, []want{{"stored data", doctor.Fail, "x_accounts", "perch store check"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.fault(w)
			expect(t, w.examine(), tt.want...)
		})
	}
}

// w0 is how the address of a world's webhook begins.
const w0 = "http://127.0.0.1:"

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deleteWebhook() {
	w.t.Helper()
	for _, h := range w.x.Webhooks() {
		w.must(w.app.X.DeleteWebhook(w.t.Context(), h.ID))
	}
}

func (w *world) unsubscribe(event string) {
	w.t.Helper()
	for _, s := range w.x.Subscriptions() {
		if s.EventType == event {
			w.must(w.app.X.DeleteSubscription(w.t.Context(), s.ID))
		}
	}
}

// TestStopped breaks the configuration, one key at a time, while Perch is stopped.
func TestStopped(t *testing.T) {
	tests := []struct {
		name  string
		fault func(w *world)
		want  []want
	}{
		{"all is well", func(*world) {}, nil},
		{
			"wrong client secret", func(w *world) { w.c.X.ClientSecret = "client-secret-of-old" },
			[]want{{"OAuth client", doctor.Fail, "does not accept x.client_id with x.client_secret.", "console.x.com"}},
		},
		{
			"wrong client id", func(w *world) { w.c.X.ClientID = "somebody" },
			[]want{{"OAuth client", doctor.Fail, "does not accept", "OAuth 2.0"}},
		},
		{
			"quoted secret", func(w *world) { w.c.X.ClientSecret = `"client-secret"` },
			[]want{{"OAuth client", doctor.Fail, "a space or a quote", "Copy both again"}},
		},
		{
			"API key as client id", func(w *world) { w.c.X.ClientID = "consumer-key" },
			[]want{{"OAuth client", doctor.Fail, "is the API Key", "below OAuth 2.0"}},
		},
		{
			"wrong API key secret", func(w *world) { w.c.X.ConsumerSecret = "consumer-secret-of-old" },
			[]want{{"app keys", doctor.Fail, "does not accept x.consumer_key", "API Key Secret"}},
		},
		{
			"wrong bearer token", func(w *world) { w.c.X.BearerToken = "of-old" },
			[]want{{"app keys", doctor.Fail, "does not accept x.bearer_token.", "leave it empty"}},
		},
		{
			"wrong encryption key", func(w *world) { w.c.EncryptionKey = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=" },
			[]want{{"encryption key", doctor.Fail, "does not open the stored tokens of 1 account.", "old_encryption_keys"}},
		},
		{"nobody in charge", func(w *world) {
			w.c.Team.Admins, w.c.Departments, w.c.Channels.Setup = nil, nil, ""
		}, []want{
			{"team", doctor.Fail, "no admin", "team.admins"},
			{"team", doctor.Warn, "no setup channel", "channels.setup"},
			{"team", doctor.Fail, "customers' messages arrive nowhere", "departments"},
		}},
		{"only polling", func(w *world) { w.c.X.Webhook, w.c.X.BearerToken, w.c.X.ConsumerKey = false, "", "" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.stop()
			tt.fault(w)
			expect(t, w.examine(), tt.want...)
		})
	}
}

func TestStoreOfAnother(t *testing.T) {
	w := newWorld(t)
	w.must(os.Remove(app.ControlSocket(w.c)))
	bad := w.examine()
	expect(t, bad, want{"store", doctor.Fail, "Another process has the store", "try again"})
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	customer := w.x.AddUser(xfake.User{Handle: "casey_r"})
	_, err := w.x.SendDMAs(customer.ID, accountID, "Is the 08:14 late?")
	w.must(err)
	w.must(w.x.WaitDeliveries(t.Context()))
	s, err := app.NewControl(w.c).Status(t.Context())
	w.must(err)
	if s.Version != "test" || !s.Ready || s.LastDelivery.IsZero() || len(s.Accounts) != 1 || s.Accounts[0].Error != "" {
		t.Errorf("Status() = %+v; want it ready, delivered to, and one account read", s)
	}
	w.stop()
	if _, err := app.NewControl(w.c).Status(t.Context()); !errors.Is(err, app.ErrNotRunning) {
		t.Errorf("Status() of a stopped Perch: %v; want ErrNotRunning", err)
	}
}
