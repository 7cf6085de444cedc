package commands

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// stands has Perch told which reactions stand on a message, written at a time.
func (w *world) stands(ch bot.ChannelRef, ref bot.MessageRef, at time.Time, all ...bot.Reaction) {
	w.t.Helper()
	w.n++
	ev := bot.Event{ID: fmt.Sprintf("ev%d", w.n), Platform: "webchat", Kind: bot.EventReactions, At: at, Channel: ch, Message: ref, Reactions: all}
	w.update(func(tx store.Tx) error { return w.r.Handle(tx, ev) })
	<-time.After(time.Second)
	synctest.Wait()
}

func pushpin(u bot.User) bot.Reaction { return bot.Reaction{User: u, Emoji: "pushpin"} }

// The emoji of a gap add to the timeline and take back, once, as those do that
// are heard at once.
func TestEmojiOfAGap(t *testing.T) {
	ada, rio, sam, max := people()
	const ref = bot.MessageRef("webchat:x1")
	begin := func(w *world) (declared time.Time) {
		w.say(rio, "/incident new Slow")
		w.message(ref, "", max, words1)
		return time.Now()
	}
	count := func(t *testing.T, w *world, what string, want int) {
		t.Helper()
		if n := len(w.made("INC-1")); n != want || w.signed(ref) != (want > 0) {
			t.Errorf("%s: %d entries, signed %t, want %d", what, n, w.signed(ref), want)
		}
	}
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		at := begin(w)
		w.stands(elsewhere, ref, at, pushpin(max), bot.Reaction{User: rio, Emoji: "eyes"})
		count(t, w, "not for them, and another emoji", 0)
		w.stands(elsewhere, ref, at, pushpin(rio), pushpin(sam))
		count(t, w, "set", 1)
		w.stands(elsewhere, ref, at, pushpin(rio))
		count(t, w, "told again", 1)
		w.stands(elsewhere, ref, at, pushpin(rio), pushpin(ada))
		w.stands(elsewhere, ref, at, pushpin(ada))
		count(t, w, "one of two taken back", 1)
		w.stands(elsewhere, ref, at)
		count(t, w, "all taken back", 0)
		w.stands(elsewhere, ref, at, pushpin(ada))
		count(t, w, "set anew", 1)
		// What people then take off the timeline stays off it.
		w.unmake("INC-1")
		w.stands(elsewhere, ref, at, pushpin(ada))
		count(t, w, "of a deleted entry", 0)
		w.react(ada, elsewhere, ref, "pushpin", false)
		w.stands(elsewhere, ref, at, pushpin(ada))
		count(t, w, "taken back when heard, and set in a gap", 1)
	}, withEmoji)
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		at := begin(w)
		w.react(rio, elsewhere, ref, "pushpin", true)
		w.unmake("INC-1")
		w.stands(elsewhere, ref, at, pushpin(rio))
		count(t, w, "heard at once, and deleted", 0)
		w.update(func(tx store.Tx) error { // as an older version kept it
			m, err := marks.Get(tx, store.Key(string(ref)))
			m.Heard, m.Hears = nil, false
			return firstOf(err, func() error { return marks.Put(tx, m) })
		})
		w.stands(elsewhere, ref, at, pushpin(rio))
		count(t, w, "of an older version", 0)
		w.stands(elsewhere, ref, at, pushpin(rio), pushpin(ada))
		count(t, w, "and what was set since", 1)
	}, withEmoji)
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) { // it meant nothing when it was set
		w.react(rio, elsewhere, ref, "pushpin", true)
		written := time.Now()
		<-time.After(time.Minute)
		begin(w)
		w.stands(elsewhere, ref, written, pushpin(rio))
		count(t, w, "older than the incident", 0)
		w.say(rio, "/incident new Another")
		n := len(w.out.chat)
		w.stands(elsewhere, ref, time.Now(), pushpin(rio))
		count(t, w, "one of two incidents", 0)
		if len(w.out.chat) != n {
			t.Errorf("told %q", w.show(w.out.chat[n].Message))
		}
	}, withEmoji)
}

// unmake deletes the entries that were made of messages.
func (w *world) unmake(inc string) {
	w.t.Helper()
	for _, e := range w.made(inc) {
		w.update(func(tx store.Tx) error { _, err := w.inc.Delete(tx, e.ID, incident.Person{}, false); return err })
	}
	synctest.Wait()
}

func firstOf(err error, do func() error) error {
	if err != nil {
		return err
	}
	return do()
}

// After a gap the places of open incidents are read again.
func TestPlacesReadAfterAGap(t *testing.T) {
	_, rio, _, max := people()
	const ref = bot.MessageRef("webchat:x1")
	gap := func(w *world, platform string, since time.Time) []bot.History {
		w.out.mu.Lock()
		w.out.histories = nil
		w.out.mu.Unlock()
		w.n++
		ev := bot.Event{ID: fmt.Sprintf("gap%d", w.n), Platform: platform, Kind: bot.EventGap, At: time.Now(), Since: since}
		w.update(func(tx store.Tx) error { return w.r.Handle(tx, ev) })
		<-time.After(time.Second)
		synctest.Wait()
		return w.out.histories
	}
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new Slow")
		w.message(ref, "", max, words1)
		w.react(rio, elsewhere, ref, "pushpin", true)
		since := time.Now().UTC()
		want := []bot.History{{Thread: w.root(1), After: since.Add(-gapOverlap), Changes: true, Known: []bot.MessageRef{ref}, Marked: []bot.MessageRef{ref}}}
		if d := cmp.Diff(want, gap(w, "webchat", since)); d != "" {
			t.Errorf("read (-want +got):\n%s", d)
		}
		if got := gap(w, "webchat", time.Time{}); len(got) != 1 || time.Since(got[0].After) < unknownGap || time.Since(got[0].After) > unknownGap+time.Minute {
			t.Errorf("read %+v when nobody knows since when", got)
		}
		if got := gap(w, "slack", since); len(got) != 0 {
			t.Errorf("read %+v of another chat", got)
		}
		w.say(rio, "/incident resolve INC-1")
		if got := gap(w, "webchat", since); len(got) != 0 {
			t.Errorf("read %+v of what is over", got)
		}
	}, withEmoji)
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.say(rio, "/incident new Slow")
		got := gap(w, "webchat", time.Now())
		if len(got) != 1 || got[0].Thread != "" || got[0].Channel != "webchat:R_inc-1-slow" || !got[0].Changes {
			t.Errorf("read %+v, want the channel", got)
		}
		if !slices.Equal(got[0].Known, nil) {
			t.Errorf("known are %v", got[0].Known)
		}
	}, withRooms)
}
