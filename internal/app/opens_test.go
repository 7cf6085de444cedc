package app_test

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/slack/slackfake"
	"github.com/perch-chat/perch/internal/config"
)

// form waits for the one modal that a person has open to show something.
func (o *office) form(who, shows string) slackfake.Modal {
	o.t.Helper()
	return await(o, "form that shows "+shows, func() (slackfake.Modal, bool) {
		views := o.slack.Views(who)
		if len(views) != 1 || !strings.Contains(views[0].Title+"\n"+views[0].Shown, shows) {
			return slackfake.Modal{}, false
		}
		return views[0], true
	})
}

// TestFormsOverSlack: a form is open before anybody knows what is in it, and
// who may not use it reads why in its place.
func TestFormsOverSlack(t *testing.T) {
	o := newOffice(t, func(_ *office, c *config.Config) { c.Team.Responders = []string{"slack:U0RIO"} })
	await(o, "connection", func() (struct{}, bool) { return struct{}{}, len(o.slack.Connections()) > 0 })
	o.slack.Command("rio", o.incidents, "/incident", "new")
	v := o.form("rio", "What is wrong?")
	if _, err := o.slack.Submit("rio", v.ID, map[string]string{"title": "Signals fail"}); err != nil {
		t.Fatal(err)
	}
	o.reads(o.incidents, "", "INC-1: Signals fail")

	o.slack.Command("sam", o.incidents, "/incident", "new")
	o.form("sam", "Only incident responders can do this.")
	if n := len(o.slack.Ephemerals("sam")); n > 0 {
		t.Errorf("%d answers beside the form", n)
	}

	// The shortcut works where nobody is in a channel.
	if _, err := o.slack.Shortcut("rio", "incident.declare", "", ""); err != nil {
		t.Fatal(err)
	}
	o.form("rio", "What is wrong?")

	// Slack opens nothing: the person is told where they asked.
	o.slack.AddFault(slackfake.Fault{Method: "views.open", Error: "expired_trigger_id"})
	if err := o.slack.CloseView("rio", o.form("rio", "What is wrong?").ID, true); err != nil {
		t.Fatal(err)
	}
	o.slack.Command("rio", o.incidents, "/timeline", "add")
	o.reads("", "rio", "The form could not be opened in time. Press the button again.")

	var opens, late int
	for _, c := range o.slack.Calls("views.open") {
		view, _ := c.Args["view"].(string)
		if opens++; !strings.Contains(view, "Loading") {
			late++
		}
	}
	if opens != 4 || late > 0 {
		t.Errorf("%d forms were opened, %d of them with something in them; want 4 empty ones", opens, late)
	}
}
