package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// What customers write in direct messages is for the agents alone: it is shown
// in channels only that are known to be private. Until then it waits in the
// outbox, behind a hold of the channel's lane, in order.

// place is a channel that customers' messages are shown in, as the chat last
// described it. It is stored as JSON: fields are added, never renamed.
type place struct {
	Ref  bot.ChannelRef `json:"ref"`
	Name string         `json:"name,omitempty"`

	Private bool      `json:"private,omitempty"`
	Shared  bool      `json:"shared,omitempty"`
	Known   time.Time `json:"known,omitzero"`  // when that was seen; zero: never
	Next    time.Time `json:"next,omitzero"`   // when to look again
	Looks   int       `json:"looks,omitempty"` // how often that was done
	Told    string    `json:"told,omitempty"`  // what the admins were told last
}

func places() store.Table[place] {
	return store.Table[place]{
		Name:    "desk_channels",
		Key:     func(p place) []byte { return store.Key(string(p.Ref)) },
		Indexes: []store.Index[place]{{Name: "next", Keys: func(p place) [][]byte { return timeKey(p.Next) }}},
	}
}

// lookAgain is how often a channel is looked at: what is private can be made
// public. What was seen longer ago than twice that may be so no more.
const lookAgain = time.Hour

func (p place) stale() bool { return now().Sub(p.Known) > 2*lookAgain }

// channelLane is what is held until a channel is known to be private.
func channelLane(ch bot.ChannelRef) string { return "desk:" + string(ch) }

// lanes of what is shown of a conversation. A mention is public anyway.
func lanes(c Conversation) []string {
	if c.Kind != DM {
		return nil
	}
	return []string{channelLane(c.Channel)}
}

// can reports whether the chat of a ref carries out a kind of action.
func (d *Desk) can(ref, kind string) bool { return d.opt.Can != nil && d.opt.Can(ref, kind) }

// watch keeps direct messages out of a channel until it is known who reads it.
func (d *Desk) watch(tx store.Tx, ch bot.ChannelRef) error {
	_, _, live := bot.LiveDepartment(ch)
	if live || d.opt.PublicChannels || !d.can(string(ch), bot.KindInspect) {
		if err := places().Delete(tx, store.Key(string(ch))); err != nil {
			return err
		}
		return d.unhold(tx, ch)
	}
	p, _, err := places().Find(tx, store.Key(string(ch)))
	if err != nil {
		return err
	}
	p.Ref, p.Next = ch, now()
	if p.stale() {
		err = d.hold(tx, p, "channel_unknown", "Direct messages wait until Perch knows who reads the department's channel.")
	} else if why, code := unfit(p); why != "" {
		err = d.hold(tx, p, code, why)
	}
	if err != nil {
		return err
	}
	return places().Put(tx, p)
}

// unfit says why direct messages can't be shown in a channel, or nothing.
func unfit(p place) (why, code string) {
	name := "the department's channel"
	if p.Name != "" {
		name = "#" + p.Name
	}
	switch {
	case p.Shared:
		return "Direct messages of customers wait: people of another company are in " + name + ".", "channel_shared"
	case !p.Private:
		return "Direct messages of customers wait: everybody in the chat can read " + name + ".", "channel_public"
	}
	return "", ""
}

func (d *Desk) hold(tx store.Tx, p place, code, why string) error {
	if err := d.ob.Hold(tx, outbox.Hold{Lane: channelLane(p.Ref), Code: code, Message: why}); err != nil {
		return fmt.Errorf("hold channel: %w", err)
	}
	return nil
}

func (d *Desk) unhold(tx store.Tx, ch bot.ChannelRef) error {
	if err := d.ob.Release(tx, channelLane(ch)); err != nil {
		return fmt.Errorf("release channel: %w", err)
	}
	return nil
}

// lookAtPlaces asks what channels are that weren't looked at for a while.
func (d *Desk) lookAtPlaces(tx store.Tx) error {
	list, err := store.Collect(places().ByRange(tx, "next", due(alarmsAtOnce)))
	if err != nil {
		return err
	}
	for _, p := range list {
		p.Looks++
		p.Next = now().Add(lookAgain)
		_, _, err := d.ob.Add(tx, outbox.Action{
			Kind: bot.KindInspect, Key: fmt.Sprintf("desk:inspect:%s:%d:%d", p.Ref, p.Looks, now().Unix()), Slot: "desk:inspect:" + string(p.Ref),
			Subject: "channel:" + string(p.Ref), Brief: true, Payload: encode(bot.Inspect{Channel: p.Ref}),
		})
		if err != nil {
			return fmt.Errorf("add look at channel: %w", err)
		}
		if err := places().Put(tx, p); err != nil {
			return err
		}
	}
	return nil
}

// lookSoon has a channel looked at again now.
func (d *Desk) lookSoon(tx store.Tx, ch bot.ChannelRef) error {
	p, ok, err := places().Find(tx, store.Key(string(ch)))
	if err != nil || !ok {
		return err
	}
	p.Next = now()
	return places().Put(tx, p)
}

// looked takes in what a channel is.
func (d *Desk) looked(tx store.Tx, ch bot.ChannelRef, a outbox.Action) error {
	p, ok, err := places().Find(tx, store.Key(string(ch)))
	if err != nil || !ok || a.State != outbox.Done && a.State != outbox.Failed {
		return err
	}
	if a.State == outbox.Failed {
		return d.notSeen(tx, p, a)
	}
	var seen bot.Channel
	if err := json.Unmarshal(a.Result, &seen); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	p.Name, p.Shared, p.Known = seen.Name, seen.Shared, now()
	p.Private = seen.Private || seen.Direct
	why, code := unfit(p)
	if why == "" {
		if err := d.unhold(tx, p.Ref); err != nil {
			return err
		}
		if p.Told != "" {
			if err := d.warn(tx, &p, "", "✅ Direct messages of customers are shown in #"+p.Name+" again. What waited is there, in order."); err != nil {
				return err
			}
		}
		return places().Put(tx, p)
	}
	if err := d.hold(tx, p, code, why); err != nil {
		return err
	}
	what := "Make the channel private, or name a private one under departments in the configuration. To show them there all the same: desk.public_channels: true."
	if p.Shared {
		what = "Name a private channel of your own under departments in the configuration. To show them there all the same: desk.public_channels: true."
	}
	if err := d.warn(tx, &p, code, "⚠ "+why+" Nothing is lost. "+what); err != nil {
		return err
	}
	return places().Put(tx, p)
}

// notSeen is a channel that the chat would not describe. What was seen not long
// ago holds.
func (d *Desk) notSeen(tx store.Tx, p place, a outbox.Action) error {
	if a.Failure != nil && a.Failure.Code == "not_able" {
		if err := places().Delete(tx, store.Key(string(p.Ref))); err != nil {
			return err
		}
		return d.unhold(tx, p.Ref)
	}
	p.Next = now().Add(lookAgain / 12)
	if p.stale() {
		why := "Direct messages of customers wait: Perch can't see who reads the department's channel. " + reason(a)
		if err := d.hold(tx, p, "channel_unseen", why); err != nil {
			return err
		}
		if err := d.warn(tx, &p, "channel_unseen", "⚠ "+why+" Nothing is lost."); err != nil {
			return err
		}
	}
	return places().Put(tx, p)
}

// warn tells whoever runs Perch, once a code. The caller stores p.
func (d *Desk) warn(tx store.Tx, p *place, code, text string) error {
	if p.Told == code {
		return nil
	}
	key := fmt.Sprintf("desk:warn:%s:%d", p.Ref, p.Looks)
	m := noticeMessage(text)
	if code != "" {
		m = noticeMessage(text, bot.Button{ID: "desk.look", Label: "Look again", Value: string(p.Ref)})
	}
	told, err := d.attention(tx, key, m)
	if told {
		p.Told = code
	}
	return err
}

// attention tells whoever runs Perch, if there is a place for it.
func (d *Desk) attention(tx store.Tx, key string, m bot.Message) (told bool, err error) {
	d.log.Warn("needs attention", "what", m.Text)
	if d.opt.Attention == nil {
		return false, nil
	}
	return d.opt.Attention(tx, key, m)
}

// look is the button under such a warning.
func (d *Desk) look(tx store.Tx, ev bot.Event) error {
	if err := d.lookSoon(tx, bot.ChannelRef(ev.Value)); err != nil {
		return err
	}
	return d.tell(tx, ev, "Perch looks at the channel now. If it is private, what waited is shown in a moment.")
}

// lookAnew looks at all channels and groups of a chat that lets the bot in: what
// could not be seen before can be seen now.
func (d *Desk) lookAnew(tx store.Tx, ev bot.Event) error {
	all, err := store.Collect(places().Scan(tx, store.Range{}))
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Next = now(); strings.HasPrefix(string(p.Ref), ev.Platform+":") {
			if err := places().Put(tx, p); err != nil {
				return err
			}
		}
	}
	teams, err := store.Collect(groups().Scan(tx, store.Range{}))
	if err != nil {
		return err
	}
	for _, g := range teams {
		if g.Next = now(); strings.HasPrefix(string(g.Ref), ev.Platform+":") {
			if err := groups().Put(tx, g); err != nil {
				return err
			}
		}
	}
	return nil
}
