package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// interaction is what a person did with something of ours.
type interaction struct {
	Type string `json:"type"`
	User struct {
		ID       string `json:"id"`
		Username string `json:"username"`
		Name     string `json:"name"`
		Team     string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"channel"`
	Container struct {
		Channel   string `json:"channel_id"`
		MessageTS string `json:"message_ts"`
		ThreadTS  string `json:"thread_ts"`
		Ephemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	Message   *message `json:"message"`
	MessageTS string   `json:"message_ts"` // of message shortcuts
	Callback  string   `json:"callback_id"`
	ActionTS  string   `json:"action_ts"`
	Trigger   string   `json:"trigger_id"`
	Respond   string   `json:"response_url"`
	Actions   []struct {
		ID     string `json:"action_id"`
		TS     string `json:"action_ts"`
		choice        // what was pressed or chosen
	} `json:"actions"`
	View struct {
		ID       string `json:"id"`
		Callback string `json:"callback_id"`
		Private  string `json:"private_metadata"`
		State    struct {
			Values map[string]map[string]choice `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// choice is the value of an element, whichever kind it is of.
type choice struct {
	Value    *string `json:"value"`
	Selected *struct {
		Value string `json:"value"`
	} `json:"selected_option"`
	Many []struct {
		Value string `json:"value"`
	} `json:"selected_options"`
	User    string `json:"selected_user"`
	Channel string `json:"selected_channel"`
	Date    string `json:"selected_date"`
	Time    string `json:"selected_time"`
}

func (c choice) text() string {
	switch {
	case c.Value != nil:
		return *c.Value
	case c.Selected != nil:
		return c.Selected.Value
	case len(c.Many) > 0:
		all := make([]string, len(c.Many))
		for i, o := range c.Many {
			all[i] = o.Value
		}
		return strings.Join(all, ",")
	}
	return orWord(c.User, orWord(c.Channel, orWord(c.Date, c.Time)))
}

// fieldMessageAt is the field of a message shortcut's event that says when the
// message was written, in RFC 3339.
const fieldMessageAt = "message_at"

var repeatRE = regexp.MustCompile(repeatMark + `[0-9]+$`)

// interaction reads a button, a sent form or a shortcut.
func (d decoder) interaction(in delivery) ([]bot.Event, error) {
	var i interaction
	if err := json.Unmarshal(in.payload, &i); err != nil {
		return nil, fmt.Errorf("slack: interaction: %w", err)
	}
	if i.Type == "" || i.User.ID == "" {
		return nil, fmt.Errorf("slack: interaction %q of nobody", cut(clean(i.Type), 40))
	}
	if d.foreign(i.User.ID, i.User.Team) {
		return nil, nil
	}
	ev := bot.Event{
		ID: i.Type + ":" + orWord(i.Trigger, in.id), At: d.when(i.ActionTS), User: d.actor(i.User.ID, orWord(i.User.Username, i.User.Name)),
		Trigger: i.Trigger, Respond: i.Respond,
	}
	channel := orWord(i.Channel.ID, i.Container.Channel)
	ev.Channel, ev.ChannelName = d.refs.channel(channel), i.Channel.Name
	switch i.Type {
	case "block_actions":
		return d.pressed(ev, i, channel), nil
	case "view_submission":
		return d.submitted(ev, i), nil
	case "message_action", "shortcut":
		ev.Kind, ev.Action = bot.EventAction, i.Callback
		if i.Message != nil {
			ts := orWord(i.MessageTS, i.Message.TS)
			ev.Message, ev.Thread = d.refs.message(channel, ts), d.thread(channel, ts, i.Message.ThreadTS)
			ev.Text, ev.Files = d.text(&ev, *i.Message), i.Message.files()
			u := d.author(*i.Message)
			ev.Author = &u
			// What the bot is not allowed to read is told here or nowhere.
			ev.Fields = map[string]string{fieldMessageAt: d.when(ts).Format(time.RFC3339Nano)}
		}
		return []bot.Event{ev}, nil
	case "view_closed", "block_suggestion":
		return nil, nil
	}
	return nil, fmt.Errorf("slack: unknown interaction %q", cut(clean(i.Type), 40))
}

func (d decoder) pressed(ev bot.Event, i interaction, channel string) []bot.Event {
	ts, root := i.Container.MessageTS, i.Container.ThreadTS
	if i.Message != nil {
		ts, root = orWord(ts, i.Message.TS), orWord(root, i.Message.ThreadTS)
	}
	ev.Kind, ev.Message, ev.Thread = bot.EventAction, d.refs.message(channel, ts), d.thread(channel, ts, root)
	if i.Container.Ephemeral {
		ev.Message = d.refs.only(channel, ts)
	}
	ev.Alone = ev.Message != "" && (i.Container.Ephemeral || strings.HasPrefix(channel, "D"))
	if channel == "" {
		d.private(&ev, i.View.Private)
		ev.Value = ""
	}
	var out []bot.Event
	for n, act := range i.Actions {
		if act.ID == "" || strings.HasPrefix(act.ID, openMark) {
			continue // it has opened an address; Slack tells of that too
		}
		e := ev
		if n > 0 {
			e.ID = fmt.Sprintf("%s:%d", ev.ID, n)
		}
		e.Action, e.Value, e.At = repeatRE.ReplaceAllString(act.ID, ""), act.text(), d.when(orWord(act.TS, i.ActionTS))
		out = append(out, e)
	}
	return out
}

func (d decoder) submitted(ev bot.Event, i interaction) []bot.Event {
	ev.Kind, ev.Action = bot.EventSubmit, i.View.Callback
	ev.Fields = make(map[string]string, len(i.View.State.Values))
	for block, elements := range i.View.State.Values {
		for id, c := range elements {
			if id == block || len(elements) == 1 {
				ev.Fields[block] = c.text()
			}
		}
	}
	d.private(&ev, i.View.Private)
	return []bot.Event{ev}
}

// private takes back what a form carried. Slack hands it on as it was given;
// what is not ours is left alone.
func (d decoder) private(ev *bot.Event, raw string) {
	var p private
	if raw == "" || json.Unmarshal([]byte(raw), &p) != nil {
		return
	}
	ev.Value, ev.Thread = p.Value, p.Thread
	if p.Channel != "" {
		ev.Channel = p.Channel
	}
}
