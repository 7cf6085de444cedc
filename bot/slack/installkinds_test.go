package slack_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/slack"
)

// TestInstallOfOtherKinds: what Perch does not work with is refused before a
// token is kept, and the person is told what to do next.
func TestInstallOfOtherKinds(t *testing.T) {
	const whole = `{"ok":true,"app_id":"A1","authed_user":{"id":"U1"},"scope":"chat:write","token_type":"bot","access_token":%q,"bot_user_id":"U2",` +
		`"team":%s,"enterprise":{"id":"E1","name":"All"},"is_enterprise_install":%t%s}`
	for name, c := range map[string]struct{ answer, next string }{
		"an organization": {fmt.Sprintf(whole, "xoxb-1", "null", true, ""), "Open the link again and pick one workspace"},
		"token rotation": {
			fmt.Sprintf(whole, "xoxe.xoxb-1-abc", `{"id":"T0BETA","name":"Beta"}`, false, `,"refresh_token":"xoxe-1-def","expires_in":43200`),
			"makes a new app from what perch slack manifest prints",
		},
		"a person's token": {`{"ok":true,"app_id":"A1","access_token":"xoxp-1","token_type":"user","team":{"id":"T0BETA"}}`, "Open the link again"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/oauth.v2.access") {
				t.Errorf("%s: the token is used for %s", name, r.URL.Path)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, c.answer)
		}))
		in, err := slack.NewInstaller(slack.InstallerOptions{ClientID: "client-id", ClientSecret: "x", RedirectURL: "https://perch.example/slack/oauth", APIURL: srv.URL + "/api/"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = in.Exchange(t.Context(), "code")
		if err == nil || !strings.Contains(slack.InstallProblem(err), c.next) {
			t.Errorf("%s: %v, want %q", name, err, c.next)
		}
		if err != nil && strings.Contains(err.Error()+slack.InstallProblem(err), "xox") {
			t.Errorf("%s: the token is shown: %v", name, err)
		}
		srv.Close()
	}
}
