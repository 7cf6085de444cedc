package rocketchat_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

func TestExamineCompanion(t *testing.T) {
	for name, c := range map[string]struct {
		secret, app string // the app's; empty: none is there
		deaf        bool
		says, do    string
		serious     bool
	}{
		"nobody wants it": {app: appSecret},
		"all is well":     {secret: appSecret, app: appSecret, says: "The companion app answers"},
		"not there":       {secret: appSecret, says: "not in this workspace", do: "enable it"},
		"another secret":  {secret: appSecret, app: "another", says: "another one", do: "Copy chat.rocketchat.app_secret", serious: true},
		"silent":          {secret: appSecret, app: appSecret, deaf: true, says: "does not answer", do: "the app's logs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rcfake.New(rcfake.Options{})
			srv := httptest.NewServer(s.Handler())
			t.Cleanup(func() { s.Close(); srv.Close() })
			if c.app != "" {
				app, err := s.InstallCompanion(t.Context(), c.app, "http://127.0.0.1:1") // no Perch is there: the doctor looks by itself
				if err == nil {
					t.Fatal("nobody heard the app, and it thinks that somebody did")
				}
				app.Deaf(c.deaf)
			}
			id, token := s.Bot()
			a, err := rocketchat.New(rocketchat.Options{URL: srv.URL, UserID: id, Token: token, AppSecret: c.secret})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range a.Examine(t.Context()) {
				if f.About == "companion app" {
					found = true
					if !strings.Contains(f.Text, c.says) || !strings.Contains(f.Do, c.do) || (f.Do == "") != (c.do == "") || f.Serious != c.serious {
						t.Errorf("%+v", f)
					}
				}
				if f.About == "commands" && (f.Do == "") != (c.says == "The companion app answers") {
					t.Errorf("%+v", f)
				}
			}
			if found != (c.says != "") {
				t.Errorf("found is %v", found)
			}
		})
	}
}
