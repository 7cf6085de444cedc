package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// The kinds of deliveries, as Socket Mode calls them.
const (
	kindEvent       = "events_api"
	kindCommand     = "slash_commands"
	kindInteraction = "interactive"
)

// delivery is something that Slack wants acknowledged, over either transport.
type delivery struct {
	kind    string
	id      string // the envelope's; empty in HTTP mode
	payload json.RawMessage
	glance  *glance // of an event, if somebody had one already
}

// errUnknown is a delivery of a kind that was never asked for.
var errUnknown = errors.New("slack: unknown kind of delivery")

// patience bounds all that is asked of Slack to make one delivery readable:
// Slack waits 3 s for the acknowledgement.
const patience = 1500 * time.Millisecond

// decoder reads one delivery.
type decoder struct {
	*Adapter
	ctx context.Context //nolint:containedctx // lives as long as one call of decode
	me  identity
	now time.Time
}

// decode turns a delivery into events: none if it is nothing to us. Its error
// means that the delivery can't be read, now or ever.
func (a *Adapter) decode(ctx context.Context, me identity, d delivery) ([]bot.Event, error) {
	ctx, cancel := within(ctx, patience)
	defer cancel()
	dec := decoder{Adapter: a, ctx: ctx, me: me, now: time.Now().UTC()}
	var events []bot.Event
	var err error
	switch d.kind {
	case kindEvent:
		events, err = dec.event(d)
	case kindCommand:
		events, err = dec.command(d) //nolint:contextcheck // the decoder has it
	case kindInteraction:
		events, err = dec.interaction(d) //nolint:contextcheck // the decoder has it
	default:
		return nil, fmt.Errorf("%w %q", errUnknown, cut(clean(d.kind), 40))
	}
	for i := range events {
		events[i].Platform = Platform
	}
	return events, err
}

// person is a user by ID, asking Slack for the name if need be.
func (d decoder) person(id string) bot.User {
	e := d.people.get(d.ctx, id)
	return bot.User{Ref: d.refs.user(id), Name: orWord(e.name, id), Handle: e.handle}
}

// nameTimeout is how long the name of somebody who acts is waited for. They
// wait for the acknowledgement meanwhile.
const nameTimeout = 250 * time.Millisecond

// actor is a user whom the delivery itself names, by handle only. The name that
// people see, and customers may, is asked for once an hour.
func (d decoder) actor(id, handle string) bot.User {
	e, ok := d.people.known(id)
	if !ok {
		ctx, cancel := context.WithTimeout(d.ctx, nameTimeout)
		defer cancel()
		e = d.people.get(ctx, id)
	}
	if e.name != "" {
		return bot.User{Ref: d.refs.user(id), Name: e.name, Handle: e.handle}
	}
	return bot.User{Ref: d.refs.user(id), Name: orWord(handle, id), Handle: handle}
}

// namesPatience bounds the wait for the names in a command.
const namesPatience = 300 * time.Millisecond

// maxNames bounds how many of those whom a text names are told.
const maxNames = 50

// names finds the names in the text of an event, and tells the event whose they are.
func (d decoder) names(ev *bot.Event) names {
	return names{
		look: d.name,
		found: func(kind byte, id, text string) {
			n := bot.Named{Text: text}
			switch kind {
			case namesUser:
				n.User = d.refs.user(id)
			case namesChannel:
				n.Channel = d.refs.channel(id)
			case namesGroup:
				n.Group = d.refs.group(id)
			}
			if len(ev.Names) < maxNames && n != (bot.Named{Text: text}) {
				ev.Names = append(ev.Names, n)
			}
		},
	}
}

// name asks Slack for a name, if need be.
func (d decoder) name(kind byte, id string) string {
	switch kind {
	case namesUser:
		return d.people.get(d.ctx, id).name
	case namesChannel:
		return d.channels.get(d.ctx, id).name
	case namesGroup:
		return d.groups.get(d.ctx, id).handle
	}
	return ""
}

// lastSecond is that of the year 9999: JSON has no form for later times, so an
// event with one could never be stored.
const lastSecond = 253402300799

// when is the time in a timestamp of Slack, which is a message's ID too.
func (d decoder) when(ts string) time.Time {
	whole, part, _ := strings.Cut(ts, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || s <= 0 || s > lastSecond {
		return d.now
	}
	us, _ := strconv.ParseInt((part + "000000")[:6], 10, 64) // a ts that is odd has whole seconds
	return time.Unix(s, us*1000).UTC()
}

// thread is the thread that a message is in, none for its first message.
func (d decoder) thread(channel, ts, root string) bot.MessageRef {
	if root == ts {
		return ""
	}
	return d.refs.message(channel, root)
}

var leadRE = regexp.MustCompile(`^\s*<@([UW][A-Z0-9]+)(?:\|[^>]*)?>:?`)

// addressed returns what follows a mention of the bot at the beginning.
func (d decoder) addressed(text string) (string, bool) {
	m := leadRE.FindStringSubmatch(text)
	if m == nil || m[1] != d.me.User {
		return "", false
	}
	return text[len(m[0]):], true
}

var wordRE = regexp.MustCompile(`^/?([A-Za-z][\w-]*)(?:\s+|$)`)

// order makes a command of the words behind a mention.
func order(ev *bot.Event, words string) {
	ev.Kind, ev.Text = bot.EventCommand, strings.TrimSpace(words)
	if m := wordRE.FindStringSubmatch(ev.Text); m != nil {
		ev.Command, ev.Text = "/"+strings.ToLower(m[1]), strings.TrimSpace(ev.Text[len(m[0]):])
	}
}

// command reads a slash command: an object in Socket Mode, a form over HTTP
// that was made one.
func (d decoder) command(in delivery) ([]bot.Event, error) {
	var c struct {
		Command     string `json:"command"`
		Text        string `json:"text"`
		User        string `json:"user_id"`
		UserName    string `json:"user_name"`
		Team        string `json:"team_id"`
		Channel     string `json:"channel_id"`
		ChannelName string `json:"channel_name"`
		Trigger     string `json:"trigger_id"`
		Respond     string `json:"response_url"`
	}
	if err := json.Unmarshal(in.payload, &c); err != nil {
		return nil, fmt.Errorf("slack: command: %w", err)
	}
	if c.Command == "" || c.User == "" {
		return nil, errors.New("slack: command: no command or nobody who gave it")
	}
	if d.foreign(c.User, c.Team) {
		return nil, nil
	}
	ev := bot.Event{
		ID: "command:" + orWord(c.Trigger, in.id), Kind: bot.EventCommand, At: d.now,
		User: d.actor(c.User, c.UserName), Channel: d.refs.channel(c.Channel), ChannelName: c.ChannelName,
		Command: c.Command, Trigger: c.Trigger, Respond: c.Respond,
	}
	// Slack wrote names beside the IDs: nobody waits long for better ones.
	var cancel context.CancelFunc
	d.ctx, cancel = within(d.ctx, namesPatience)
	defer cancel()
	ev.Text = strings.TrimSpace(plain(c.Text, d.names(&ev)))
	return []bot.Event{ev}, nil
}

// formObject makes an object of a form, the shape that Socket Mode gives commands.
func formObject(v url.Values) (json.RawMessage, error) {
	flat := make(map[string]string, len(v))
	for k := range v {
		flat[k] = v.Get(k)
	}
	return json.Marshal(flat)
}
