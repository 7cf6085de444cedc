package commands

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// room is the channel that is made for one incident.
type room struct {
	Incident string `json:"incident"`
	Platform string `json:"platform"`
	Name     string `json:"name"` // the channel's, without what tells it from another of the name
	Private  bool   `json:"private,omitempty"`
	Tries    int    `json:"tries,omitempty"`
	Channel  string `json:"channel,omitempty"` // once it is made
	Archived bool   `json:"archived,omitempty"`
	By       string `json:"by,omitempty"` // who asked for it, or to archive it
	Topic    string `json:"topic,omitempty"`
}

var rooms = store.Table[room]{
	Name: "commands_rooms",
	Key:  func(r room) []byte { return store.Key(r.Incident) },
	Indexes: []store.Index[room]{{Name: "channel", Keys: func(r room) [][]byte {
		if r.Channel == "" {
			return nil
		}
		return [][]byte{store.Key(r.Channel)}
	}}},
}

const (
	roomSubject        = "room:"
	roomLookSubject    = "room-look:"
	roomArchiveSubject = "room-archive:"
	roomInviteSubject  = "room-invite:"

	maxRoomTries = 5
	maxRoomName  = 76 // Slack takes 80; a number may follow
	maxInvited   = 50
)

// roomOf returns the incident that a channel was made for.
func (r *Router) roomOf(tx store.Tx, ch bot.ChannelRef) (incidentID string, ok bool, err error) {
	if ch == "" {
		return "", false, nil
	}
	m, ok, err := rooms.First(tx, "channel", store.Key(string(ch)))
	return m.Incident, ok, err
}

// roomName is what an incident's channel is called: inc-12-checkout-is-slow.
func roomName(inc incident.Incident) string {
	var b strings.Builder
	fmt.Fprintf(&b, "inc-%d-", inc.Seq)
	for _, c := range strings.ToLower(inc.Title) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteRune(c)
		} else if !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
		if b.Len() >= maxRoomName {
			break
		}
	}
	return strings.TrimRight(b.String(), "-")
}

// wantsRoom reports whether a new incident gets a channel of its own.
func (r *Router) wantsRoom() bool { return r.PerIncident && r.IncidentsChannel != "" }

// makeRoom has a channel made for an incident.
func (r *Router) makeRoom(tx store.Tx, inc incident.Incident) error {
	m := room{Incident: inc.ID, Platform: bot.PlatformOf(r.IncidentsChannel), Name: roomName(inc), Private: inc.Private, By: inc.CreatedBy.Ref}
	return r.tryRoom(tx, m, inc)
}

// tryRoom asks the chat for the channel, by the next name.
func (r *Router) tryRoom(tx store.Tx, m room, inc incident.Incident) error {
	m.Tries++
	if err := rooms.Put(tx, m); err != nil {
		return err
	}
	name := m.Name
	if m.Tries > 1 {
		name = fmt.Sprintf("%s-%d", name, m.Tries)
	}
	return r.add(tx, outbox.Action{
		Kind: bot.KindChannel, Key: fmt.Sprintf("commands:room:%s:%d", m.Incident, m.Tries), Subject: roomSubject + m.Incident,
	}, bot.EnsureChannel{Platform: m.Platform, Name: name, Purpose: clipLine(inc.Name()+": "+inc.Title+" · "+r.Incidents.URL(inc), 240), Private: m.Private})
}

// roomChanged takes over the channel that the chat found or made. One that
// something else is about already, or that more people read than should, is
// left alone.
func (r *Router) roomChanged(tx store.Tx, incidentID string, a outbox.Action) error {
	if a.State != outbox.Done && a.State != outbox.Failed {
		return nil
	}
	m, ok, err := rooms.Find(tx, store.Key(incidentID))
	if err != nil || !ok || m.Channel != "" {
		return err
	}
	inc, err := r.Incidents.Get(tx, incidentID)
	if err != nil {
		return err
	}
	if a.State == outbox.Failed {
		if a.Failure != nil && (a.Failure.Code == "name_taken" || a.Failure.Code == "is_archived") && m.Tries < maxRoomTries {
			return r.tryRoom(tx, m, inc)
		}
		return r.roomFailed(tx, m, inc, a)
	}
	ch, look, err := roomResult(a)
	if err != nil {
		return err
	}
	if taken, err := r.taken(tx, ch, inc.ID); err != nil {
		return err
	} else if taken || look != nil && !look.Private {
		if m.Tries < maxRoomTries {
			return r.tryRoom(tx, m, inc)
		}
		a.Failure = &outbox.Failure{Code: "name_taken", Message: "Each name that Perch tried is taken by another channel."}
		return r.roomFailed(tx, m, inc, a)
	}
	if m.Private && look == nil {
		return r.add(tx, outbox.Action{
			Kind: bot.KindInspect, Key: fmt.Sprintf("commands:room-look:%s:%d", m.Incident, m.Tries), Subject: roomLookSubject + m.Incident, Brief: true,
		}, bot.Inspect{Channel: ch})
	}
	m.Channel = string(ch)
	return r.roomReady(tx, m)
}

// roomResult reads the channel that an action found, and what it is if it was looked at.
func roomResult(a outbox.Action) (bot.ChannelRef, *bot.Channel, error) {
	if a.Kind == bot.KindInspect {
		var c bot.Channel
		if err := json.Unmarshal(a.Result, &c); err != nil {
			return "", nil, fmt.Errorf("result of %s: %w", a.Key, err)
		}
		return c.Ref, &c, nil
	}
	var res bot.ChannelResult
	if err := json.Unmarshal(a.Result, &res); err != nil {
		return "", nil, fmt.Errorf("result of %s: %w", a.Key, err)
	}
	return res.Ref, nil, nil
}

// taken reports whether a channel is used for something else.
func (r *Router) taken(tx store.Tx, ch bot.ChannelRef, incidentID string) (bool, error) {
	other, ok, err := r.Incidents.ByChannel(tx, string(ch))
	if err != nil || ok && other.ID != incidentID {
		return ok, err
	}
	for _, used := range []func(store.Tx) (bot.ChannelRef, error){r.Setup, r.announcements} {
		if at, err := used(tx); err != nil || at == ch {
			return true, err
		}
	}
	deps, err := r.Desk.Departments(tx)
	for _, d := range deps {
		if d.Channel == ch {
			return true, err
		}
	}
	return false, err
}

// roomReady moves an incident into its channel: its card, what was said until
// now, and the people.
func (r *Router) roomReady(tx store.Tx, m room) error {
	if err := rooms.Put(tx, m); err != nil {
		return err
	}
	inc, err := r.Incidents.SetChannel(tx, m.Incident, m.Channel, "")
	if err != nil {
		return err
	}
	if err := r.add(tx, outbox.Action{
		Kind: bot.KindPin, Key: "commands:pin:" + cardKey(inc.ID), Brief: true,
	}, bot.Pin{RefOf: cardKey(inc.ID), On: true}); err != nil {
		return err
	}
	users := of(m.Platform, append([]bot.UserRef{bot.UserRef(inc.CreatedBy.Ref)}, r.Roles.Responders()...))
	if users = users[:min(len(users), maxInvited)]; len(users) > 0 {
		err := r.add(tx, outbox.Action{
			Kind: bot.KindInvite, Key: "commands:room-invite:" + inc.ID, Subject: roomInviteSubject + inc.Name(),
		}, bot.Invite{Channel: bot.ChannelRef(m.Channel), Users: users})
		if err != nil {
			return err
		}
	}
	return r.echo(tx, inc)
}

// echo shows in an incident's channel what its timeline had before.
func (r *Router) echo(tx store.Tx, inc incident.Incident) error {
	list, _, err := r.Incidents.Entries(tx, inc.ID, incident.Page{Size: 100})
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := r.entryChanged(tx, inc, nil, &e); err != nil {
			return err
		}
		for _, p := range e.Posts {
			if err := r.publicationChanged(tx, inc, e, p); err != nil {
				return err
			}
		}
	}
	return nil
}

const btnRoom = "incident.room" // value: the incident; makes its channel once more

// roomFailed works on an incident without a channel of its own: where the
// others are announced or, if nobody may know of it, nowhere.
func (r *Router) roomFailed(tx store.Tx, m room, inc incident.Incident, a outbox.Action) error {
	if err := r.trouble(tx, channelTrouble+"of "+inc.Name(), a); err != nil {
		return err
	}
	if !m.Private {
		if err := rooms.Delete(tx, store.Key(m.Incident)); err != nil {
			return err
		}
		at, err := r.announcements(tx)
		if err != nil || at == "" {
			return err
		}
		if inc, err = r.Incidents.SetChannel(tx, inc.ID, string(at), ""); err != nil {
			return err
		}
		return r.echo(tx, inc)
	}
	if !chatRef(m.By) {
		return nil
	}
	why := "No reason is known."
	if a.Failure != nil {
		why = a.Failure.Message
	}
	head := "⚠ The private channel of " + inc.Name() + " could not be made."
	return r.post(tx, bot.Message{
		Only: bot.UserRef(m.By), Text: head + " " + why,
		Blocks: []bot.Block{
			bot.Para(bot.Bold(head), bot.Plain(" "+why)),
			bot.Actions(bot.Button{ID: btnRoom, Label: "Try again", Value: inc.ID, Style: bot.ButtonPrimary}),
		},
	}, postOptions{key: "commands:reply:room:" + id.New()})
}

func retryRoom(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Value)
	if err != nil {
		return err
	}
	m, ok, err := rooms.Find(c.tx, store.Key(inc.ID))
	if err != nil {
		return err
	}
	if !ok || m.Channel != "" {
		return refuse("Somebody did this already.")
	}
	m.By = string(c.ev.User.Ref)
	if err := c.tryRoom(c.tx, m, inc); err != nil {
		return err
	}
	return c.reply(text("Perch tries again."))
}

func announceKey(incidentID string) string { return "commands:announce:" + incidentID }

// announce keeps a line current that leads from the channel of all incidents
// to the channel of one. Private ones have none.
func (r *Router) announce(tx store.Tx, inc incident.Incident, m room) error {
	at, err := r.announcements(tx)
	if err != nil || at == "" || m.Private || m.Channel == "" {
		return err
	}
	line := fmt.Sprintf("%s %s: %s", sign(inc), inc.Name(), inc.Title)
	spans := []bot.Span{bot.Bold(line), bot.Plain(" · " + severityWord(inc.Severity) + " · " + statusWord(inc.Status) + " · declared by ")}
	spans = append(append(spans, personSpan(inc.CreatedBy)...), bot.Plain(" · in "), bot.Span{Channel: bot.ChannelRef(m.Channel)})
	if m.Archived {
		spans = append(spans, bot.Plain(" (archived)"))
	}
	msg := bot.Message{Channel: at, Text: line, Blocks: []bot.Block{bot.Para(spans...)}}
	return r.keep(tx, msg, postOptions{key: announceKey(inc.ID)})
}
