package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// installCommands are the words for several workspaces.
//
//	workspaces           before start: Perch is in no workspace yet; there is one more, Beta, with bea and #lounge
//	install NAME         an admin makes a link, and somebody of the workspace (Acme or Beta) adds Perch with it
//	uninstall NAME       the workspace removes Perch
func installCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"workspaces": inSlack(0, workspaces),
		"install":    inSlack(1, install),
		"uninstall":  inSlack(1, func(_ *play, s *slackStage, a []string) error { s.Uninstall(teamID(a[0])); return s.settled() }),
	}
}

func teamID(name string) string { return "T0" + strings.ToUpper(name) }

func workspaces(p *play, s *slackStage, _ []string) error {
	s.Uninstall("T0ACME")
	s.ForgetLog()
	s.AddTeam("T0BETA", "Beta")
	s.AddUser(slackfake.User{Name: "bea", RealName: "Bea Lund", Team: "T0BETA"})
	s.rooms["lounge"] = s.AddChannel(slackfake.Channel{Name: "lounge", Team: "T0BETA", Members: []string{"U0BEA", "U0BETABOT"}})
	raw, err := json.Marshal(p.conf)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(raw), `"slack:`, `"slack:T0ACME:`) // one workspace of several is named
	if err := json.Unmarshal([]byte(text), &p.conf); err != nil {
		return err
	}
	p.conf["chat"] = map[string]any{"slack": map[string]any{
		"client_id": "client-id", "client_secret": "client-secret", "app_token": "xapp-perch-app", "api_url": s.url + "/api/",
	}}
	return nil
}

func install(p *play, _ *slackStage, a []string) error {
	out, err := exec.Command(perch, "slack", "install-link", "--config", filepath.Join(p.dir, "serve.yaml")).Output()
	if err != nil {
		return fmt.Errorf("perch slack install-link: %w", err)
	}
	link := ""
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, p.url+"/slack/install/") {
			link = word
		}
	}
	if link == "" {
		return fmt.Errorf("there is no link in %q", out)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page := ""
	for _, at := range []string{link, link + "/start"} {
		for at != "" {
			resp, err := browser.Get(at)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
			_ = resp.Body.Close()
			if err != nil {
				return err
			}
			page, at = string(body), resp.Header.Get("Location")
			if strings.Contains(at, "/oauth/v2/authorize") {
				at += "&team=" + teamID(a[0]) // whose people look at Slack's page
			}
		}
	}
	if !strings.Contains(page, "Perch is in "+a[0]) {
		return fmt.Errorf("perch was not added: %s", markup.ReplaceAllString(page, ""))
	}
	return nil
}
