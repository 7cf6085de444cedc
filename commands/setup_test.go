package commands

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// byNames has the channels configured by their names.
func byNames(_ *world, d *Deps) {
	d.SetupChannel, d.IncidentsChannel = "webchat:#twitter-setup", "webchat:#incidents"
}

func (w *world) start() {
	w.t.Helper()
	w.update(w.r.EnsureSetup)
	synctest.Wait()
}

// The channels that the configuration names are made, once, and used.
func TestSetupByName(t *testing.T) {
	ada, rio, _, _ := people()
	var found []bot.ChannelRef
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		made := bot.ChannelRef("webchat:R_twitter-setup")
		want := []string{
			"made incidents private=false: Incidents, as they are declared in Perch",
			"made twitter-setup private=true: Connect X accounts to Perch, and see what needs attention",
			"invited [webchat:U_ada] to webchat:R_twitter-setup",
			"pinned commands:setup:webchat:R_twitter-setup",
		}
		check := func(when string) {
			t.Helper()
			got := slices.Sorted(slices.Values(w.out.did))
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: did %q, want %q", when, got, want)
			}
		}
		check("at first")
		has(t, "setup", w.channel(made), "# Connect X (Twitter)", "[Start Authentication]", "no X account is connected")
		w.start()
		check("at the second start")
		w.connect(acme, "acme")
		has(t, "setup", w.channel(made), "✅ connected", "✅ Connected @acme")
		w.say(rio, "/incident new Slow")
		has(t, "incidents", w.channel("webchat:R_incidents"), "INC-1: Slow")
		if len(found) != 2 || found[0] != made {
			t.Errorf("told of %v", found)
		}
		hasNot(t, "support", w.say(ada, "/twitter support"), "The channel")
	}, byNames, func(_ *world, d *Deps) {
		d.OnSetup = func(_ store.Tx, ch bot.ChannelRef) error { found = append(found, ch); return nil }
	})
}

// What the chat refuses is said where people look, and tried again once Perch
// was let in.
func TestSetupRefused(t *testing.T) {
	ada, _, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		has(t, "support", w.say(ada, "/twitter support"), "⚠ The channel #twitter-setup: The chat says missing_scope.")
		w.connect(acme, "acme") // nowhere to tell of it: no error
		w.allow("chat.channel twitter-setup")
		w.handle(bot.Event{Kind: bot.EventJoined, Channel: "webchat:R_other"})
		got := w.say(ada, "/twitter support")
		hasNot(t, "support", got, "The channel webchat")
		has(t, "support", got, "⚠ Pinning the setup message: The chat says missing_scope.")
		has(t, "setup", w.channel("webchat:R_twitter-setup"), "✅ connected")
		w.allow(bot.KindPin)
		w.start() // with another token
		hasNot(t, "support", w.say(ada, "/twitter support"), "Pinning")
		if !slices.Contains(w.out.did, "pinned commands:setup:webchat:R_twitter-setup") {
			t.Errorf("not pinned: %q", w.out.did)
		}
	}, byNames, func(w *world, _ *Deps) {
		w.out.refuse["chat.channel twitter-setup"], w.out.refuse[bot.KindPin] = "missing_scope", "missing_scope"
	})
}

// A setup message that somebody deleted comes again with the next change.
func TestSetupDeleted(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.out.mu.Lock()
		w.out.chat = nil
		w.out.refuse[bot.KindEdit] = "message_not_found"
		w.out.mu.Unlock()
		w.connect(acme, "acme")
		got := w.channel(setup)
		if n := strings.Count(got, "# Connect X (Twitter)"); n != 1 {
			t.Errorf("%d setup messages:\n%s", n, got)
		}
		has(t, "setup", got, "✅ connected")
		if got := w.didWhat("pinned"); !slices.Equal(got, []string{"pinned commands:setup:webchat:setup", "pinned commands:setup:webchat:setup:1"}) {
			t.Errorf("%q", got)
		}
		w.allow(bot.KindEdit)
		w.connect(beta, "beta")
		if n := strings.Count(w.channel(setup), "# Connect X (Twitter)"); n != 1 {
			t.Errorf("%d setup messages", n)
		}
	})
}

// Let into the channel that the configuration names by its ref, Perch says at
// last what it could not.
func TestSetupJoined(t *testing.T) {
	ada, _, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		has(t, "support", w.say(ada, "/twitter support"), "⚠ The setup message: The chat says not_in_channel.")
		w.allow(bot.KindPost + " " + string(setup))
		w.handle(bot.Event{Kind: bot.EventJoined, Channel: elsewhere})
		hasNot(t, "setup", w.channel(setup), "Connect X")
		w.handle(bot.Event{Kind: bot.EventJoined, Channel: setup})
		has(t, "setup", w.channel(setup), "# Connect X (Twitter)")
		hasNot(t, "support", w.say(ada, "/twitter support"), "The setup message")
	}, func(w *world, _ *Deps) { w.out.refuse[bot.KindPost+" "+string(setup)] = "not_in_channel" })
}
