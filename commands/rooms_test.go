package commands

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

func withRooms(_ *world, d *Deps) { d.PerIncident, d.Emoji = true, []string{"pushpin"} }

func (w *world) didWhat(prefix string) (out []string) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	for _, s := range w.out.did {
		if strings.HasPrefix(s, prefix) {
			out = append(out, s)
		}
	}
	return out
}

func TestRoom(t *testing.T) {
	ada, rio, _, max := people()
	const made = bot.ChannelRef("webchat:R_inc-1-checkout-is-slow-in-m-nchen")
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		has(t, "answer", w.say(ada, "/incident new --severity sev2 Checkout is SLOW, in München!"), "INC-1 is declared. Perch makes a channel for it")
		has(t, "room", w.channel(made), "🔴 INC-1: Checkout is SLOW, in München!", "[Add update]")
		if got := w.didWhat("invited"); !slices.Equal(got, []string{"invited [webchat:U_ada webchat:U_rio] to " + string(made)}) {
			t.Errorf("%q", got)
		}
		if got := w.didWhat("made"); len(got) != 1 || !strings.Contains(got[0], "private=false: INC-1: Checkout") || !strings.Contains(got[0], "/incidents/INC-1") {
			t.Errorf("%q", got)
		}
		if got := w.didWhat("pinned commands:incident:"); len(got) != 1 {
			t.Errorf("%q", got)
		}
		has(t, "announcement", w.channel(incidents), "🔴 INC-1: Checkout is SLOW, in München! · sev2 · started · declared by @webchat:U_ada · in #"+string(made))
		hasNot(t, "announcement", w.channel(incidents), "[Add update]")

		// There the incident need not be named, and what is said stands in the channel.
		w.say(rio, "/incident new Another")
		if got := w.say(rio, "/timeline add We look into it", inChannel(made)); got != "" {
			t.Errorf("told %q, want the entry itself to be the answer", got)
		}
		has(t, "room", w.last(made), "We look into it", "Rio")
		if m := w.out.chat[len(w.out.chat)-1]; m.Thread != "" {
			t.Errorf("the entry stands in the thread %s", m.Thread)
		}
		w.say(rio, `/timeline add --visibility "status page + twitter" We are on it`, inChannel(made))
		has(t, "room", w.last(made), "Preview – not public yet")
		w.message("webchat:x1", "", max, "It is the cache")
		w.react(rio, made, "webchat:x1", "pushpin", true)
		if n := len(w.made("INC-1")); n != 1 {
			t.Errorf("%d entries", n)
		}
		w.say(rio, "/incident severity sev1", inChannel(made))
		has(t, "announcement", w.channel(incidents), "INC-1: Checkout is SLOW, in München! · sev1")

		has(t, "archive", w.say(rio, "/incident archive", inChannel(made)), "not over yet")
		w.say(rio, "/incident resolve", inChannel(made))
		has(t, "announcement", w.channel(incidents), "✅ INC-1", "resolved")
		has(t, "not allowed", w.say(max, "/incident archive", inChannel(made)), "Only incident responders")
		has(t, "archive", w.say(rio, "/incident archive", inChannel(made)), "Nobody can write there", "[Archive it]", "[Keep it]")
		has(t, "keep", w.press(rio, btnKeepChannel), "Nothing was changed")
		if got := w.didWhat("archived"); len(got) != 0 {
			t.Errorf("%q", got)
		}
		has(t, "archive", w.press(rio, btnArchive), "is being archived")
		if got := w.didWhat("archived"); !slices.Equal(got, []string{"archived " + string(made)}) {
			t.Errorf("%q", got)
		}
		has(t, "announcement", w.channel(incidents), "(archived)")
		has(t, "again", w.press(rio, btnArchive), "archived already")
		n := len(w.out.chat)
		w.update(func(tx store.Tx) error {
			_, err := w.inc.Add(tx, "INC-1", incident.NewEntry{Text: "Later", Source: incident.FromAPI})
			return err
		})
		synctest.Wait()
		if len(w.out.chat) != n {
			t.Errorf("something was said in an archived channel: %s", w.show(w.out.chat[n].Message))
		}
		w.say(rio, "/timeline add And again", inChannel(made)) // somebody took it out of the archive
		has(t, "room", w.last(made), "And again")
		hasNot(t, "announcement", w.channel(incidents), "(archived)")
	}, withRooms)
}

// What stands at the head of an incident's channel is how the incident is.
func TestRoomTopic(t *testing.T) {
	_, rio, _, _ := people()
	const made = "topic of webchat:R_inc-1-slow: "
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		topics := func(want ...string) {
			t.Helper()
			<-time.After(5 * time.Second)
			synctest.Wait()
			got := w.didWhat("topic of ")
			if len(got) != len(want) {
				t.Fatalf("the topics were %q, want %q", got, want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], made+want[i]) || !strings.HasSuffix(got[i], "/incidents/INC-1") {
					t.Errorf("topic %q, want %q and the address", got[i], want[i])
				}
			}
		}
		w.say(rio, "/incident new Slow")
		topics("🔴 started · severity not known · INC-1: Slow")
		w.update(func(tx store.Tx) error {
			summary := "It is the cache"
			_, err := w.inc.Update(tx, "INC-1", incident.Person{}, incident.Change{Summary: &summary})
			return err
		})
		topics("🔴 started · severity not known · INC-1: Slow") // nothing of it has changed
		w.update(func(tx store.Tx) error {                     // both at once are one change
			if _, err := w.inc.SetSeverity(tx, "INC-1", incident.Sev2, incident.Person{}); err != nil {
				return err
			}
			_, err := w.inc.SetStatus(tx, "INC-1", incident.Mitigated, incident.Person{}, "")
			return err
		})
		topics("🔴 started", "🟡 mitigated · sev2 · INC-1: Slow")
		w.say(rio, "/incident resolve", inChannel("webchat:R_inc-1-slow"))
		topics("🔴 started", "🟡 mitigated", "✅ resolved · sev2 · INC-1: Slow")
		w.say(rio, "/incident archive", inChannel("webchat:R_inc-1-slow"))
		w.press(rio, btnArchive)
		w.update(func(tx store.Tx) error {
			_, err := w.inc.SetSeverity(tx, "INC-1", incident.Sev1, incident.Person{})
			return err
		})
		topics("🔴 started", "🟡 mitigated", "✅ resolved") // nobody can change it there
		w.say(rio, "/timeline list", inChannel("webchat:R_inc-1-slow"))
		topics("🔴 started", "🟡 mitigated", "✅ resolved", "✅ resolved · sev1")
	}, withRooms)
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) { // where others work, nothing is changed
		w.say(rio, "/incident new Slow")
		w.say(rio, "/incident resolve INC-1")
		<-time.After(5 * time.Second)
		if got := w.didWhat("topic of "); len(got) != 0 {
			t.Errorf("%q", got)
		}
	})
}

// Nobody but those inside learns of a private incident.
func TestRoomPrivate(t *testing.T) {
	_, rio, _, max := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.out.mu.Lock() // a channel of the name that everybody reads
		w.out.rooms["inc-1-secret"] = bot.Channel{Ref: "webchat:R_inc-1-secret", Name: "inc-1-secret"}
		w.out.mu.Unlock()
		w.say(rio, "/incident new --private yes Secret")
		if got := w.didWhat("made"); len(got) != 1 || !strings.HasPrefix(got[0], "made inc-1-secret-2 private=true") {
			t.Errorf("%q", got)
		}
		has(t, "room", w.channel("webchat:R_inc-1-secret-2"), "INC-1: Secret", "🔒 Private")
		for _, ch := range []bot.ChannelRef{"webchat:R_inc-1-secret", incidents} {
			hasNot(t, string(ch), w.channel(ch), "Secret")
		}
		hasNot(t, "status", w.say(max, "/incident status"), "Secret")
		hasNot(t, "page", w.openHome(max), "Secret")
	}, withRooms)
}

// A channel that can't be made doesn't keep an incident from being worked on.
func TestRoomRefused(t *testing.T) {
	ada, rio, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.out.mu.Lock()
		w.out.refuse["chat.channel inc-1-slow"] = "name_taken"
		w.out.mu.Unlock()
		w.say(rio, "/incident new Slow")
		if got := w.didWhat("made"); len(got) != 1 || !strings.HasPrefix(got[0], "made inc-1-slow-2 ") {
			t.Errorf("%q", got)
		}
		w.out.mu.Lock()
		w.out.refuse[bot.KindChannel] = "missing_scope"
		w.out.mu.Unlock()
		w.say(rio, "/incident new Fire")
		has(t, "incidents", w.channel(incidents), "INC-2: Fire", "[Add update]")
		has(t, "support", w.say(ada, "/twitter support"), "⚠ The channel of INC-2: The chat says missing_scope.")
		told := w.handle(bot.Event{Kind: bot.EventCommand, User: rio, Command: "/incident", Text: "new --private yes Secret"})
		hasNot(t, "incidents", w.channel(incidents), "Secret")
		has(t, "Rio alone", w.show(told...), "The private channel of INC-3 could not be made.", "missing_scope", "[Try again]")
		w.allow(bot.KindChannel)
		has(t, "again", w.press(rio, btnRoom), "Perch tries again")
		has(t, "room", w.channel("webchat:R_inc-3-secret-2"), "INC-3: Secret")
		has(t, "once more", w.press(rio, btnRoom), "did this already")
	}, withRooms)
}

// One who is quicker than the chat finds the words in the channel all the same.
func TestRoomCatchesUp(t *testing.T) {
	_, rio, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		w.update(func(tx store.Tx) error {
			inc, err := w.inc.Create(tx, incident.New{Title: "Slow", Source: incident.FromAPI, By: incident.Person{Name: "Monitor"}})
			if err != nil {
				return err
			}
			_, err = w.inc.Add(tx, inc.ID, incident.NewEntry{Text: "We are on it", Visibility: incident.Twitter, Source: incident.FromChat, By: incident.Person{Ref: string(rio.Ref), Name: "Rio"}})
			return err
		})
		synctest.Wait()
		got := w.channel("webchat:R_inc-1-slow")
		has(t, "room", got, "INC-1: Slow", "We are on it", "Preview – not public yet")
		if n := strings.Count(got, "🔴 INC-1"); n != 1 {
			t.Errorf("%d cards", n)
		}
		if got := w.didWhat("invited"); !slices.Equal(got, []string{"invited [webchat:U_rio] to webchat:R_inc-1-slow"}) {
			t.Errorf("%q", got)
		}
	}, withRooms)
}

func TestRoomName(t *testing.T) {
	for title, want := range map[string]string{
		"Checkout is slow":            "inc-7-checkout-is-slow",
		"  --Ümläut!! & <!channel> ":  "inc-7-ml-ut-channel",
		"":                            "inc-7",
		"日本":                          "inc-7",
		strings.Repeat("words ", 100): "inc-7-" + strings.Repeat("words-", 11) + "word",
	} {
		got := roomName(incident.Incident{Seq: 7, Title: title})
		if got != want || len(got) > maxRoomName {
			t.Errorf("roomName(%q) = %q, %d long, want %q", title, got, len(got), want)
		}
	}
}

// What was declared before the channel of all incidents was known is announced then.
func TestAnnouncedLater(t *testing.T) {
	_, rio, _, _ := people()
	for name, change := range map[string]func(*world, *Deps){"alone": byNames, "with a channel each": func(w *world, d *Deps) { byNames(w, d); withRooms(w, d) }} {
		t.Run(name, func(t *testing.T) {
			sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
				w.update(func(tx store.Tx) error {
					inc, err := w.inc.Create(tx, incident.New{Title: "Slow", Source: incident.FromAPI})
					if err != nil {
						return err
					}
					_, err = w.inc.Add(tx, inc.ID, incident.NewEntry{Text: "Early words", Source: incident.FromAPI})
					return err
				})
				synctest.Wait()
				w.allow("chat.channel incidents")
				for range 2 {
					w.start()
				}
				got := w.channel("webchat:R_incidents")
				if n := strings.Count(got, "🔴 INC-1: Slow"); n != 1 {
					t.Errorf("announced %d times:\n%s", n, got)
				}
				has(t, "channels", got+w.channel("webchat:R_inc-1-slow"), "Early words")
				w.say(rio, "/incident resolve")
				has(t, "incidents", w.channel("webchat:R_incidents"), "✅ INC-1: Slow")
			}, change, func(w *world, _ *Deps) { w.out.refuse["chat.channel incidents"] = "missing_scope" })
		})
	}
}

func FuzzRoomName(f *testing.F) {
	for _, s := range []string{"Checkout is slow", "--", "日本", "<!channel>", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, title string) {
		got := roomName(incident.Incident{Seq: 7, Title: title})
		if !strings.HasPrefix(got, "inc-7") || len(got) > maxRoomName || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasSuffix(got, "-") {
			t.Errorf("roomName(%q) = %q", title, got)
		}
	})
}
