package commands

import (
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const (
	maxRereads    = 50             // places of incidents that are read after a gap
	unknownGap    = 24 * time.Hour // how long a gap is taken to be whose beginning nobody knows
	gapOverlap    = 2 * time.Minute
	maxRereadMark = 100 // entries of an incident whose messages are looked for
)

// onGap looks, where open incidents are worked on, for what people did to
// messages while the chat was not heard: emoji that add one to the timeline or
// take it back, changes of messages that are entries.
func (r *Router) onGap(tx store.Tx, ev bot.Event) error {
	open, err := r.openIncidents(tx)
	if err != nil {
		return err
	}
	after := ev.Since.Add(-gapOverlap)
	if ev.Since.IsZero() {
		after = time.Now().Add(-unknownGap).UTC()
	}
	n := 0
	for _, inc := range open {
		if !strings.HasPrefix(inc.Channel, ev.Platform+":") {
			continue
		}
		h := bot.History{After: after, Changes: true}
		m, ok, err := rooms.Find(tx, store.Key(inc.ID))
		switch {
		case err != nil:
			return err
		case ok && m.Channel == inc.Channel && m.Archived:
			continue
		case ok && m.Channel == inc.Channel:
			h.Channel = bot.ChannelRef(inc.Channel)
		default:
			if h.Thread, err = r.cardRef(tx, inc.ID); err != nil {
				return err
			}
			if h.Thread == "" {
				continue
			}
		}
		if n++; n > maxRereads {
			r.Log.Warn("more incidents are open than are read after a gap", "read", maxRereads)
			return nil
		}
		if err := r.markedOf(tx, inc, &h); err != nil {
			return err
		}
		slot := "commands:history:" + inc.ID
		err = r.add(tx, outbox.Action{
			Kind: bot.KindHistory, Key: slot + ":" + ev.Platform + ":" + ev.ID, Slot: slot, Order: "commands:history:" + ev.Platform, Brief: true,
		}, h)
		if err != nil {
			return err
		}
	}
	return nil
}

// markedOf names the messages that are entries of an incident.
func (r *Router) markedOf(tx store.Tx, inc incident.Incident, h *bot.History) error {
	list, _, err := r.Incidents.Entries(tx, inc.ID, incident.Page{Size: maxRereadMark, Newest: true})
	if err != nil {
		return err
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Origin, markOrigin) {
			continue
		}
		m, ok, err := marks.First(tx, "entry", store.Key(e.ID))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		h.Known = append(h.Known, bot.MessageRef(m.Ref))
		if len(m.By) > 0 {
			h.Marked = append(h.Marked, bot.MessageRef(m.Ref))
		}
	}
	return nil
}

// reactions does what was asked for by the reactions that stand on a message
// now, and were not heard when they were set or taken back.
func (r *Router) reactions(tx store.Tx, ev bot.Event) error {
	m, known, err := marks.Find(tx, store.Key(string(ev.Message)))
	if err != nil {
		return err
	}
	one := func(kind bot.EventKind, x reaction) error {
		return r.reacted(tx, bot.Event{
			ID: ev.ID + ":" + x.Emoji + " " + string(x.User), Platform: ev.Platform, Kind: kind, At: ev.At,
			User: bot.User{Ref: x.User, Name: x.Name}, Channel: ev.Channel, Message: ev.Message, Thread: ev.Thread, Emoji: x.Emoji,
		})
	}
	stands := func(x reaction) bool {
		return slices.ContainsFunc(ev.Reactions, func(y bot.Reaction) bool { return y.User.Ref == x.User && y.Emoji == x.Emoji })
	}
	for _, x := range slices.Concat(m.By, m.Heard) {
		if !stands(x) {
			if err := one(bot.EventReactionGone, x); err != nil {
				return err
			}
		}
	}
	if !known {
		if meant, err := r.afterDeclared(tx, ev); err != nil || !meant {
			return err
		}
	}
	if known && !m.Hears {
		return r.hear(tx, ev)
	}
	for _, y := range ev.Reactions {
		x := reaction{y.User.Ref, y.User.Name, y.Emoji}
		heard := slices.ContainsFunc(slices.Concat(m.By, m.Heard), func(z reaction) bool { return z.User == x.User && z.Emoji == x.Emoji })
		if heard {
			continue
		}
		if err := one(bot.EventReaction, x); err != nil {
			return err
		}
	}
	return nil
}

// hear takes note of the reactions on a message of which an older version, or
// the shortcut, remembered none: they may have had their effect long ago.
func (r *Router) hear(tx store.Tx, ev bot.Event) error {
	m, err := marks.Get(tx, store.Key(string(ev.Message)))
	if err != nil {
		return err
	}
	m.Heard, m.Hears = nil, true
	for _, y := range ev.Reactions[:min(len(ev.Reactions), maxMarkedBy)] {
		m.Heard = append(m.Heard, reaction{y.User.Ref, y.User.Name, y.Emoji})
	}
	return marks.Put(tx, m)
}

// afterDeclared reports whether a message was written after the incident was
// declared that a reaction on it means. A reaction on an older one may have
// been set when it meant nothing.
func (r *Router) afterDeclared(tx store.Tx, ev bot.Event) (bool, error) {
	inc, ok, err := r.incidentAt(tx, spot{channel: ev.Channel, thread: ev.Thread, message: ev.Message})
	if err != nil {
		return false, err
	}
	if !ok {
		open, err := r.openIncidents(tx)
		if err != nil || len(open) != 1 || open[0].Private {
			return false, err
		}
		inc = open[0]
	}
	return !ev.At.Before(inc.CreatedAt), nil
}
