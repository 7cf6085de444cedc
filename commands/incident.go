package commands

import (
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
)

// The buttons and forms of /incident.
const (
	btnUpdate  = "incident.update"  // value: the incident; opens the entry form
	btnResolve = "incident.resolve" // value: the incident
	btnDeclare = "incident.declare"
	formNew    = "incident.new"
)

func (r *Router) incident() command {
	return command{
		name: "incident", about: "Declare incidents and work on them", bare: "help", form: "new",
		words: []word{
			{name: "new", aliases: []string{"create", "declare"}, usage: "[--severity sev1] [--private yes] title", about: "Declare an incident", role: responder, run: newIncident, opens: opensNew},
			{name: "update", aliases: []string{"add"}, usage: `[INC-1] [--visibility "status page + twitter"] text`, about: "Add to its timeline, as /timeline add does", role: responder, run: addEntry, opens: opensEntry},
			{name: "status", aliases: []string{"show", "overview"}, usage: "[INC-1]", about: "Show an incident", run: showIncident},
			{name: "list", about: "List the open incidents", run: listIncidents},
			{name: "severity", aliases: []string{"sev"}, usage: "[INC-1] sev1|sev2|sev3|sev4", about: "Change the severity", role: responder, run: setSeverity},
			{name: "mitigate", aliases: []string{"mitigated"}, usage: "[INC-1] [message]", about: "Mark it mitigated", role: responder, run: moveTo(incident.Mitigated)},
			{name: "resolve", aliases: []string{"resolved", "close"}, usage: "[INC-1] [message]", about: "Mark it resolved", role: responder, run: moveTo(incident.Resolved)},
			{name: "reopen", aliases: []string{"restart"}, usage: "[INC-1] [message]", about: "Work on it again", role: responder, run: moveTo(incident.Started)},
			{name: "cancel", usage: "[INC-1] [message]", about: "Mark it as a false alarm", role: responder, run: moveTo(incident.Cancelled)},
			{name: "archive", usage: "[INC-1]", about: "Archive the channel of an incident that is over", role: responder, run: archive},
			{name: "workflow", aliases: []string{"workflows"}, usage: "list | add … | on N | off N | delete N", about: "Set up posts that go out by themselves", role: responder, run: workflow},
			{name: "help", about: "Show this", run: help},
		},
	}
}

func (r *Router) incidentButtons() {
	r.buttons[btnUpdate] = openEntryForm
	r.buttons[btnResolve] = resolveButton
	r.buttons[btnPick] = pickIncident
	r.buttons[btnRoom] = retryRoom
	r.buttons[btnArchive] = archiveNow
	r.buttons[btnKeepChannel] = func(c *call) error { return c.reply(text("Nothing was changed.")) }
	r.buttons[btnDeclare] = func(c *call) error { return c.openNew("") }
	r.forms[formNew] = submitNew
}

func severityOptions() []bot.Option {
	return []bot.Option{
		{Value: "none", Label: "not known yet"},
		{Value: "sev1", Label: "sev1 – critical"},
		{Value: "sev2", Label: "sev2 – major"},
		{Value: "sev3", Label: "sev3 – minor"},
		{Value: "sev4", Label: "sev4 – low"},
	}
}

var incidentFlags = map[string]string{"severity": "severity", "sev": "severity", "private": "private"} //nolint:gochecknoglobals // a constant table

func newIncident(c *call) error {
	o, err := parseOptions(c.rest, incidentFlags)
	if err != nil {
		return err
	}
	if o.text == "" {
		return c.openNew(o.flags["severity"])
	}
	return c.declare(o.text, o.flags["severity"], o.flags["private"] == "yes" || o.flags["private"] == "true", "")
}

func (c *call) openNew(severity string) error {
	if err := c.need(responder); err != nil {
		return err
	}
	if c.ev.Trigger == "" {
		return refuse("Tell what happened: /incident new --severity sev2 Checkout is slow")
	}
	return c.open(bot.Form{
		ID: formNew, Title: titleNew, Submit: "Declare",
		Inputs: []bot.Input{
			{Name: "title", Label: "What is wrong?", Hint: "Such as: Checkout is slow in Europe", Max: incident.MaxTitle},
			{Name: "severity", Label: "Severity", Options: severityOptions(), Initial: orDefault(severity, "none")},
			{Name: "summary", Label: "Summary", Lines: 3, Optional: true, Max: incident.MaxText},
		},
	})
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func submitNew(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	f := c.ev.Fields
	if strings.TrimSpace(f["title"]) == "" {
		return refuse("An incident needs a title. Try again: /incident new")
	}
	return c.declare(f["title"], f["severity"], false, f["summary"])
}

func (c *call) declare(title, severity string, private bool, summary string) error {
	if severity == "none" {
		severity = ""
	}
	channel, err := c.announcements(c.tx)
	if err != nil {
		return err
	}
	switch {
	case c.wantsRoom():
		channel = ""
	case channel == "":
		channel = c.ev.Channel
	}
	inc, err := c.Incidents.Create(c.tx, incident.New{
		Title: title, Summary: summary, Severity: incident.Severity(strings.ToLower(severity)), Private: private,
		Channel: string(channel), Source: incident.FromChat, By: c.by(), Origin: c.ev.Platform + ":" + c.ev.ID,
	})
	if err != nil {
		return err
	}
	if c.wantsRoom() {
		return c.reply(text(inc.Name() + " is declared. Perch makes a channel for it and brings you there."))
	}
	if channel == "" {
		return c.reply(text(inc.Name() + " is declared, but it has no channel: whoever runs Perch names one under channels.incidents in its configuration. Until then: /incident status " + inc.Name()))
	}
	if c.ev.Channel == channel {
		return nil // the card stands right there
	}
	return c.reply(bot.Message{
		Text:   inc.Name() + " is declared.",
		Blocks: []bot.Block{bot.Para(bot.Bold(inc.Name()), bot.Plain(" is declared in "), bot.Span{Channel: channel}, bot.Plain("."))},
	})
}

// which finds the incident a command is about: the one named at the start of
// the text, the thread's, or the only open one of the channel.
func (c *call) which(s string) (inc incident.Incident, rest string, err error) {
	first, after := cutWord(s)
	if isIncidentRef(first) {
		inc, err = c.Incidents.Get(c.tx, first)
		return inc, after, err
	}
	inc, ok, err := c.incidentAt(c.tx, spot{channel: c.ev.Channel, thread: c.ev.Thread})
	if err != nil || ok {
		return inc, s, err
	}
	open, _, err := c.Incidents.List(c.tx, incident.Filter{Open: true, Private: c.hidden(c.ev.User.Ref)}, incident.Page{Size: 20})
	if err != nil {
		return inc, s, err
	}
	here := in(open, c.ev.Channel)
	if len(here) == 0 {
		here = open
	}
	switch len(here) {
	case 0:
		return inc, s, refuse("No incident is open. Declare one: /incident new What is wrong")
	case 1:
		return here[0], s, nil
	}
	names := make([]string, 0, len(here))
	for _, i := range here {
		names = append(names, fmt.Sprintf("%s (%s)", i.Name(), clip(i.Title)))
	}
	text := fmt.Sprintf("Which incident? Write its number first, such as %s. Open are: %s", here[0].Name(), strings.Join(names, ", "))
	return inc, s, &ambiguous{refusal{text}, here}
}

// hidden is what a filter of incidents says of private ones: those who aren't
// responders don't see them.
func (r *Router) hidden(u bot.UserRef) *bool {
	if r.Roles.IsResponder(u) || r.Roles.IsAdmin(u) {
		return nil
	}
	return new(bool)
}

// isIncidentRef reports whether s names an incident: INC-4 or #4.
func isIncidentRef(s string) bool {
	for _, prefix := range []string{"INC-", "inc-", "Inc-", "#"} {
		if n, ok := strings.CutPrefix(s, prefix); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return true
		}
	}
	return false
}

func showIncident(c *call) error {
	inc, _, err := c.which(c.rest)
	if err != nil {
		return err
	}
	if inc.Private && inc.Channel != string(c.ev.Channel) && c.hidden(c.ev.User.Ref) != nil {
		return refuse("%s is private.", inc.Name())
	}
	m := c.card(inc)
	entries, total, err := c.Incidents.Entries(c.tx, inc.ID, incident.Page{Size: 10, Newest: true})
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		m.Blocks = append(m.Blocks, bot.Block{Kind: bot.BlockDivider})
	}
	for _, e := range entries {
		m.Blocks = append(m.Blocks, bot.Para(entryLine(e)...))
	}
	if total > len(entries) {
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain(fmt.Sprintf("The newest %d of %d entries.", len(entries), total))))
	}
	return c.reply(m)
}

func listIncidents(c *call) error {
	open, total, err := c.Incidents.List(c.tx, incident.Filter{Open: true, Private: c.hidden(c.ev.User.Ref)}, incident.Page{Size: 10})
	if err != nil {
		return err
	}
	if total == 0 {
		return c.reply(text("No incident is open. Declare one: /incident new What is wrong"))
	}
	m := bot.Message{Text: fmt.Sprintf("%d open", total), Blocks: []bot.Block{bot.Header("Open incidents")}}
	for _, i := range open {
		m.Text += "\n" + i.Name() + " " + i.Title
		m.Blocks = append(m.Blocks, bot.Para(bot.Bold(i.Name()), bot.Plain(" "+i.Title+" · "+severityWord(i.Severity)+" · "+statusWord(i.Status))))
	}
	if total > len(open) {
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain(fmt.Sprintf("The first %d of %d.", len(open), total))))
	}
	return c.reply(m)
}

func setSeverity(c *call) error {
	inc, rest, err := c.which(c.rest)
	if err != nil {
		return err
	}
	sev, _ := cutWord(rest)
	if sev == "" {
		return refuse("Which severity? Write sev1, sev2, sev3 or sev4: /incident severity %s sev2", inc.Name())
	}
	if now, err := c.Incidents.SetSeverity(c.tx, inc.ID, incident.Severity(strings.ToLower(sev)), c.by()); err != nil {
		return err
	} else if now.Severity == inc.Severity {
		return refuse("%s is %s already.", inc.Name(), inc.Severity)
	}
	return c.reply(text(inc.Name() + " is now " + strings.ToLower(sev) + "."))
}

func moveTo(st incident.Status) func(*call) error {
	return func(c *call) error {
		inc, rest, err := c.which(c.rest)
		if err != nil {
			return err
		}
		return c.move(inc, st, rest)
	}
}

func (c *call) move(inc incident.Incident, st incident.Status, message string) error {
	if inc.Status == st {
		return refuse("%s is %s already.", inc.Name(), statusWord(st))
	}
	if _, err := c.Incidents.SetStatus(c.tx, inc.ID, st, c.by(), message); err != nil {
		return err
	}
	return c.done(inc.Name() + " is now " + statusWord(st) + ".")
}

func resolveButton(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Value)
	if err != nil {
		return err
	}
	return c.move(inc, incident.Resolved, "")
}

func severityWord(s incident.Severity) string {
	if s == "" {
		return "severity not known"
	}
	return string(s)
}

func statusWord(s incident.Status) string { return strings.ReplaceAll(string(s), "_", " ") }
