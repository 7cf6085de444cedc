package commands

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const (
	btnArchive     = "incident.archive" // value: the incident
	btnKeepChannel = "incident.keep"
)

// archivable is an incident's channel that may be archived.
func (c *call) archivable(inc incident.Incident) (room, error) {
	m, ok, err := rooms.Find(c.tx, store.Key(inc.ID))
	switch {
	case err != nil:
		return m, err
	case !ok || m.Channel == "":
		return m, refuse("%s has no channel of its own.", inc.Name())
	case !inc.Status.Over():
		return m, refuse("%s is not over yet. Resolve it first: /incident resolve %s", inc.Name(), inc.Name())
	case m.Archived:
		return m, refuse("The channel of %s is archived already.", inc.Name())
	}
	return m, nil
}

// archive asks before it archives the channel of an incident that is over.
func archive(c *call) error {
	inc, _, err := c.which(c.rest)
	if err != nil {
		return err
	}
	m, err := c.archivable(inc)
	if err != nil {
		return err
	}
	return c.reply(bot.Message{
		Text: "Archive the channel of " + inc.Name() + "?",
		Blocks: []bot.Block{
			bot.Para(bot.Bold("Archive "), bot.Span{Channel: bot.ChannelRef(m.Channel)}, bot.Bold("?"), bot.Plain(" Nobody can write there any more. What was said stays, and so does the timeline.")),
			bot.Actions(
				bot.Button{ID: btnArchive, Label: "Archive it", Value: inc.ID, Style: bot.ButtonDanger},
				bot.Button{ID: btnKeepChannel, Label: "Keep it"},
			),
		},
	})
}

func archiveNow(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Value)
	if err != nil {
		return err
	}
	m, err := c.archivable(inc)
	if err != nil {
		return err
	}
	m.By = string(c.ev.User.Ref)
	if err := rooms.Put(c.tx, m); err != nil {
		return err
	}
	// The answer goes first: in an archived channel there is none.
	if err := c.reply(text("The channel of " + inc.Name() + " is being archived.")); err != nil {
		return err
	}
	return c.add(c.tx, outbox.Action{
		Kind: bot.KindArchive, Key: "commands:archive:" + id.New(), Slot: roomArchiveSubject + inc.ID, Subject: roomArchiveSubject + inc.ID,
		Order: chatOrder(bot.ChannelRef(m.Channel), ""),
	}, bot.Archive{Channel: bot.ChannelRef(m.Channel)})
}

// archiveChanged notes that a channel is archived, or tells who wanted it why
// it is not.
func (r *Router) archiveChanged(tx store.Tx, incidentID string, a outbox.Action) error {
	m, ok, err := rooms.Find(tx, store.Key(incidentID))
	if err != nil || !ok {
		return err
	}
	inc, err := r.Incidents.Get(tx, incidentID)
	if err != nil {
		return err
	}
	switch a.State {
	case outbox.Done:
		m.Archived = true
		if err := rooms.Put(tx, m); err != nil {
			return err
		}
		return r.announce(tx, inc, m)
	case outbox.Failed:
		why := "No reason is known."
		if a.Failure != nil {
			why = a.Failure.Message
		}
		msg := text("⚠ The channel of " + inc.Name() + " could not be archived: " + why)
		msg.Only = bot.UserRef(m.By)
		return r.post(tx, msg, postOptions{key: "commands:reply:archive:" + a.ID})
	default:
		return nil
	}
}

// back notes that people write in an archived channel again: somebody has
// taken it out of the archive.
func (r *Router) back(tx store.Tx, ch bot.ChannelRef) error {
	if !r.PerIncident {
		return nil // not one read more for each command
	}
	incidentID, ok, err := r.roomOf(tx, ch)
	if err != nil || !ok {
		return err
	}
	m, err := rooms.Get(tx, store.Key(incidentID))
	if err != nil || !m.Archived {
		return err
	}
	m.Archived = false
	if err := rooms.Put(tx, m); err != nil {
		return err
	}
	inc, err := r.Incidents.Get(tx, incidentID)
	if err != nil {
		return err
	}
	if err := r.topic(tx, inc, m); err != nil {
		return err
	}
	return r.announce(tx, inc, m)
}
