package commands

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// site is a channel that the configuration names by its name, once it was
// found or made.
type site struct {
	Name    string `json:"name"` // as it is configured: slack:#twitter-setup
	Channel string `json:"channel"`
}

var sites = store.Table[site]{
	Name: "commands_places",
	Key:  func(p site) []byte { return store.Key(p.Name) },
}

// byName splits a channel that is configured by its name: slack:#twitter-setup.
func byName(ch bot.ChannelRef) (platform, name string, ok bool) {
	platform, name, ok = strings.Cut(string(ch), ":#")
	return platform, name, ok && platform != "" && name != ""
}

// Resolve returns a configured channel as the chat has it. It is empty as long
// as one that is configured by its name was not found.
func (r *Router) Resolve(tx store.Tx, ch bot.ChannelRef) (bot.ChannelRef, error) {
	return r.resolve(tx, ch)
}

// resolve returns a configured channel as the chat has it. It is empty as long
// as one that is configured by its name was not found.
func (r *Router) resolve(tx store.Tx, ch bot.ChannelRef) (bot.ChannelRef, error) {
	if _, _, ok := byName(ch); !ok {
		return ch, nil
	}
	p, _, err := sites.Find(tx, store.Key(string(ch)))
	return bot.ChannelRef(p.Channel), err
}

// Setup is the setup channel as the chat has it; empty if there is none, yet.
func (r *Router) Setup(tx store.Tx) (bot.ChannelRef, error) { return r.resolve(tx, r.SetupChannel) }

// announcements is the channel where incidents are announced, if there is one.
func (r *Router) announcements(tx store.Tx) (bot.ChannelRef, error) {
	return r.resolve(tx, r.IncidentsChannel)
}

const placeSubject = "place:"

// ensurePlaces has the channels that are configured by their names made, or joined.
func (r *Router) ensurePlaces(tx store.Tx) error {
	type place struct {
		ch      bot.ChannelRef
		private bool
		purpose string
	}
	wants := []place{
		{r.SetupChannel, true, "Connect X accounts to Perch, and see what needs attention"},
		{r.IncidentsChannel, false, "Incidents, as they are declared in Perch"},
	}
	for _, room := range r.otherRooms() {
		if !slices.ContainsFunc(wants, func(p place) bool { return p.ch == room.Channel }) {
			wants = append(wants, place{room.Channel, true, room.Purpose})
		}
	}
	for _, want := range wants {
		platform, name, ok := byName(want.ch)
		if !ok {
			continue
		}
		slot := placeSubject + string(want.ch)
		err := r.add(tx, outbox.Action{
			Kind: bot.KindChannel, Key: "commands:place:" + id.New(), Order: slot, Slot: slot, Subject: slot,
		}, bot.EnsureChannel{Platform: platform, Name: name, Purpose: want.purpose, Private: want.private})
		if err != nil {
			return err
		}
	}
	return nil
}

// placeChanged takes over where a channel is, and begins to use it.
func (r *Router) placeChanged(tx store.Tx, name string, a outbox.Action) error {
	what := channelTrouble + name
	switch a.State {
	case outbox.Failed:
		return r.trouble(tx, what, a)
	case outbox.Done:
	default:
		return nil
	}
	if err := r.cured(tx, what); err != nil {
		return err
	}
	var res bot.ChannelResult
	if err := json.Unmarshal(a.Result, &res); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	if err := sites.Put(tx, site{Name: name, Channel: string(res.Ref)}); err != nil {
		return err
	}
	if name == string(r.IncidentsChannel) {
		if err := r.announceAll(tx, res.Ref); err != nil {
			return err
		}
	}
	if err := r.roomFound(tx, bot.ChannelRef(name), res.Ref); err != nil {
		return err
	}
	if name != string(r.SetupChannel) {
		return nil
	}
	if r.OnSetup != nil {
		if err := r.OnSetup(tx, res.Ref); err != nil {
			return err
		}
	}
	return r.setUp(tx)
}

// announceAll announces the incidents that were declared before their channel
// was known.
func (r *Router) announceAll(tx store.Tx, at bot.ChannelRef) error {
	open, err := r.openIncidents(tx)
	if err != nil {
		return err
	}
	for _, inc := range open {
		m, ok, err := rooms.Find(tx, store.Key(inc.ID))
		if err != nil {
			return err
		}
		switch {
		case ok:
			var posted bool
			if _, posted, err = r.Outbox.FindKey(tx, announceKey(inc.ID)); err == nil && !posted {
				err = r.announce(tx, inc, m)
			}
		case inc.Channel == "":
			if inc, err = r.Incidents.SetChannel(tx, inc.ID, string(at), ""); err == nil {
				err = r.echo(tx, inc)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inviteAdmins brings the admins into a setup channel that Perch made: once for
// each list of them, so that who leaves is left alone.
func (r *Router) inviteAdmins(tx store.Tx, ch bot.ChannelRef) error {
	platform, _, ok := byName(r.SetupChannel)
	if !ok {
		return nil
	}
	users := of(platform, r.Roles.Admins())
	if len(users) == 0 {
		return nil
	}
	sum := sha256.Sum256(fmt.Append(nil, users))
	return r.add(tx, outbox.Action{
		Kind: bot.KindInvite, Key: fmt.Sprintf("commands:invite:%s:%x", ch, sum[:8]), Subject: inviteSubject,
	}, bot.Invite{Channel: ch, Users: users})
}

func (r *Router) otherRooms() []Room {
	if r.Rooms == nil {
		return nil
	}
	return r.Rooms()
}

// roomFound brings those into a room that was found or made who belong there:
// once for each list of them.
func (r *Router) roomFound(tx store.Tx, name, ch bot.ChannelRef) error {
	found := false
	for _, room := range r.otherRooms() {
		if room.Channel != name {
			continue
		}
		found = true
		platform, _, _ := byName(name)
		users := of(platform, room.People)
		if len(users) == 0 {
			continue
		}
		sum := sha256.Sum256(fmt.Append(nil, users))
		err := r.add(tx, outbox.Action{
			Kind: bot.KindInvite, Key: fmt.Sprintf("commands:invite:%s:%x", ch, sum[:8]), Subject: "invite:" + string(name),
		}, bot.Invite{Channel: ch, Users: users})
		if err != nil {
			return err
		}
	}
	if !found || r.OnRoom == nil {
		return nil
	}
	return r.OnRoom(tx)
}

// of are the people of one chat, each once.
func of(platform string, users []bot.UserRef) []bot.UserRef {
	var out []bot.UserRef
	for _, u := range users {
		if strings.HasPrefix(string(u), platform+":") && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}
