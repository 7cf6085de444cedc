package commands

import (
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

const formEntry = "timeline.add" // value: the incident

func (r *Router) timeline() command {
	return command{
		name: "timeline", about: "Keep an incident's timeline and share it", bare: "help",
		words: []word{
			{name: "add", usage: `[INC-1] [--visibility "status page + twitter"] text`, about: "Add an entry; visible to: internal, status page, status page + twitter", role: responder, run: addEntry, opens: opensEntry},
			{name: "list", aliases: []string{"show"}, usage: "[INC-1]", about: "Show the newest entries", run: showIncident},
			{name: "help", about: "Show this", run: help},
		},
	}
}

var visibilityFlags = map[string]string{"visibility": "visibility", "v": "visibility", "to": "visibility", "account": "account"} //nolint:gochecknoglobals // a constant table

func addEntry(c *call) error {
	// The incident may stand before the options or behind them.
	first, rest := cutWord(c.rest)
	ref := ""
	if isIncidentRef(first) {
		ref, c.rest = first+" ", rest
	}
	o, err := parseOptions(c.rest, visibilityFlags)
	if err != nil {
		return err
	}
	inc, body, err := c.which(ref + o.text)
	if err != nil {
		return err
	}
	vis := incident.Internal
	if s, ok := o.flags["visibility"]; ok {
		if vis, err = parseVisibility(s); err != nil {
			return err
		}
	}
	if body == "" {
		return c.openEntry(inc, vis)
	}
	return c.addEntry(inc, body, vis, o.flags["account"])
}

func parseVisibility(s string) (incident.Visibility, error) {
	v, ok := incident.ParseVisibility(s)
	if !ok {
		return "", refuse(`%q is no visibility. Write internal, "status page" or "status page + twitter".`, clip(s))
	}
	return v, nil
}

func (c *call) addEntry(inc incident.Incident, body string, vis incident.Visibility, handle string) error {
	n := incident.NewEntry{
		Text: body, Visibility: vis, Source: incident.FromChat, By: c.by(), OccurredAt: c.ev.At,
		Origin: c.ev.Platform + ":" + c.ev.ID,
	}
	if handle != "" {
		acc, err := c.pick(handle)
		if err != nil {
			return err
		}
		n.Accounts = []string{acc.ID}
	}
	e, err := c.Incidents.Add(c.tx, inc.ID, n)
	if err != nil {
		return err
	}
	return c.added(inc, e)
}

// added says that an entry was added, unless it is seen right there.
func (c *call) added(inc incident.Incident, e incident.Entry) error {
	card, ok, err := threads.Find(c.tx, store.Key(string(c.ev.Thread)))
	if err != nil || ok && card.Incident == inc.ID {
		return err
	}
	if of, ok, err := c.roomOf(c.tx, c.ev.Channel); err != nil || ok && of == inc.ID && c.ev.Thread == "" {
		return err
	}
	if e.Visibility == incident.Twitter && inc.Channel != "" {
		const then = ": nothing is public before somebody presses Post to X."
		head := "Added to " + inc.Name() + ". The preview stands in "
		return c.reply(bot.Message{
			Text:   head + "its channel" + then,
			Blocks: []bot.Block{bot.Para(bot.Plain(head), bot.Span{Channel: bot.ChannelRef(inc.Channel)}, bot.Plain(then))},
		})
	}
	return c.reply(text("Added to " + inc.Name() + " (" + e.Visibility.Label() + ")."))
}

func openEntryForm(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Value)
	if err != nil {
		return err
	}
	return c.openEntry(inc, incident.Internal)
}

func (c *call) openEntry(inc incident.Incident, vis incident.Visibility) error {
	if c.ev.Trigger == "" {
		return refuse("Write the entry behind the command: /timeline add %s We found the cause", inc.Name())
	}
	return c.open(bot.Form{
		ID: formEntry, Title: titleEntry, Submit: "Add", Value: inc.ID,
		Inputs: []bot.Input{
			{Name: "text", Label: inc.Name() + ": " + clip(inc.Title), Hint: "What happened, in one or two sentences", Lines: 4, Max: incident.MaxText},
			visibilityInput(vis),
		},
	})
}

func visibilityInput(initial incident.Visibility) bot.Input {
	return bot.Input{Name: "visibility", Label: "Who sees it", Initial: string(initial), Options: []bot.Option{
		{Value: string(incident.Internal), Label: "internal – incident responders"},
		{Value: string(incident.StatusPage), Label: "status page – and the private status page"},
		{Value: string(incident.Twitter), Label: "status page + twitter – and everybody, on X (with a preview first)"},
	}}
}

func submitEntry(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Value)
	if err != nil {
		return err
	}
	vis, err := parseVisibility(orDefault(c.ev.Fields["visibility"], string(incident.Internal)))
	if err != nil {
		return err
	}
	body := strings.TrimSpace(c.ev.Fields["text"])
	if body == "" {
		return refuse("The entry was empty, so nothing was added. Try again: /timeline add")
	}
	return c.addEntry(inc, body, vis, "")
}
