package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestSlackHealth has Slack refuse Perch while it runs, and reads what an
// operator reads then: the page for monitors, the metrics, perch health and
// perch doctor.
func TestSlackHealth(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	shows := func(what, where string, words ...string) {
		t.Helper()
		if err := eventually(func() error {
			body, err := o.ask(where)
			for _, w := range words {
				if !strings.Contains(body, w) {
					return fmt.Errorf("%s: no %q in\n%s (%w)", what, w, body, err)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	shows("connected", "/readyz", `"status":"ready"`, `"sockets":2`, `"last_heard"`)
	shows("connected", "/metrics", `perch_chat_up{platform="slack"} 1`, `perch_chat_sockets{platform="slack"} 2`, `perch_chat_deliveries_total{outcome="acked",platform="slack"}`, "perch_chat_last_heard_seconds")
	shows("connected", "doctor", "✅ slack token", "@perch", "✅ slack scopes", "✅ slack clock", "✅ slack connection", "2 sockets are open", "✅ slack setup channel", "✅ slack incidents channel")

	o.slack.SetScopes("T0ACME", "chat:write", "commands", "channels:read", "groups:read")
	o.slack.DisableLink()
	shows("refused", "/readyz", `"status":"degraded"`, "Socket Mode is off", `"refused":true`)
	shows("refused", "/metrics", `perch_chat_up{platform="slack"} 0`, `perch_chat_sockets{platform="slack"} 0`)
	shows("refused", "health", "degraded", "slack: Socket Mode is off for the Slack app. Switch it on")
	shows("refused", "doctor", "❌ slack connection", "Switch it on in the app's settings", "❌ slack scopes", "reactions:write", "perch slack manifest")
	if err := o.p.stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	// Nobody serves: doctor asks Slack itself.
	shows("stopped", "doctor", "✅ slack token", "❌ slack connection", "app_not_enabled", "Socket Mode is off")
}

// ask reads a page of Perch, or what a command of it prints.
func (o *office) ask(where string) (string, error) {
	switch where {
	case "health", "doctor":
		c := exec.Command(perch, where)
		c.Env = append(c.Environ(), "PERCH_CONFIG="+o.conf, "PERCH_HEALTH_URL="+o.p.url)
		out, err := c.CombinedOutput()
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			err = nil // it says that something is wrong, which it is
		}
		return string(out), err
	}
	req, err := http.NewRequest(http.MethodGet, o.p.url+where, nil)
	if err != nil {
		return "", err
	}
	_, body, err := send(o.p.client, req)
	return string(body), err
}
