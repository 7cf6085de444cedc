package slack_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// card posts a message whose thread is a conversation's.
func (w *workspace) card(t *testing.T, a *slack.Adapter) bot.MessageRef {
	t.Helper()
	ref, err := a.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + w.channel), Text: "card"})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (w *workspace) reacts(t *testing.T, who, ts, emoji string) {
	t.Helper()
	if err := w.PersonReacts(who, w.channel, ts, emoji, true); err != nil {
		t.Fatal(err)
	}
}

// told is what is told of messages, in short.
func told(events []bot.Event) (out []string) {
	for _, ev := range events {
		s := fmt.Sprintf("%s %s", ev.Kind, id(ev.Message))
		for _, r := range ev.Reactions {
			s += fmt.Sprintf(" %s:%s", r.Emoji, r.User.Name)
		}
		out = append(out, s)
	}
	return out
}

func (w *workspace) reread(t *testing.T, a *slack.Adapter, h bot.History, want ...string) []bot.Event {
	t.Helper()
	got, err := a.Reread(t.Context(), h, 100)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, told(got)); d != "" {
		t.Errorf("Reread(%+v) (-want +got):\n%s", h, d)
	}
	return got
}

// What agents deleted while nobody listened is told as it would have been.
func TestDeletionsOfAGap(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &witness{}
	defer start(t, w, a, sink)()
	root := w.card(t, a)
	stays, gone, alone := w.says(t, slackfake.Says{Text: "stays", Thread: id(root)}), w.says(t, slackfake.Says{Text: "gone", Thread: id(root)}), w.says(t, slackfake.Says{Text: "elsewhere"})
	if err := w.PersonDeletes(w.ada, w.channel, gone); err != nil {
		t.Fatal(err)
	}
	var live bot.Event
	await(t, w, "deletion", func() bool { live = sink.last(bot.EventMessageDeleted); return live.ID != "" })
	h := bot.History{Thread: root, Known: []bot.MessageRef{w.ref(stays), w.ref(gone), w.ref(alone), w.ref("1.000001"), "slack:C0NONE:2.000001", "webchat:x"}}
	h.After = time.Now().Add(-time.Hour)
	got := w.reread(t, a, h, "message "+stays, "message_deleted "+gone)
	if ev := got[1]; ev.ID != live.ID || ev.Channel != live.Channel || ev.Thread != "" || ev.User.Ref != "" || ev.At.IsZero() {
		t.Errorf("told %+v, want what was delivered without its author: %+v", ev, live)
	}
	h.Changes = true
	w.reread(t, a, h, "message_deleted "+gone)

	// Who can't be sure says nothing.
	w.AddFault(slackfake.Fault{Method: "conversations.history", Status: http.StatusInternalServerError})
	if got, err := a.Reread(t.Context(), h, 100); err == nil {
		t.Errorf("Reread while Slack does not answer = %v", told(got))
	}
	if got, err := a.Reread(t.Context(), bot.History{Thread: root, Known: h.Known}, 1); err != nil || len(got) != 1 || got[0].Kind != bot.EventMessage {
		t.Errorf("Reread of a part = %v, %v; want no guess about the rest", told(got), err)
	}

	// The first message is deleted, and what stands below it is not.
	if err := w.AdminDeletes(w.channel, id(root)); err != nil {
		t.Fatal(err)
	}
	h.Known = append(h.Known, root)
	w.reread(t, a, h, "message_deleted "+gone, "message_deleted "+id(root))
	// All of it is gone.
	if err := w.PersonDeletes(w.ada, w.channel, stays); err != nil {
		t.Fatal(err)
	}
	w.reread(t, a, h, "message_deleted "+stays, "message_deleted "+gone, "message_deleted "+id(root))
	lone := w.says(t, slackfake.Says{Text: "nobody answers"})
	if err := w.PersonDeletes(w.ada, w.channel, lone); err != nil {
		t.Fatal(err)
	}
	w.reread(t, a, bot.History{Thread: w.ref(lone), After: h.After, Known: []bot.MessageRef{w.ref(lone), w.ref(alone)}}, "message_deleted "+lone)
	var e *bot.Error
	if _, err := a.Reread(t.Context(), bot.History{Thread: w.ref(lone)}, 100); !errors.As(err, &e) || e.Code != "message_not_found" {
		t.Errorf("Reread of a thread that is gone = %v", err)
	}
}

// Reactions of people are told as they stand, those of bots and guests never.
func TestReactionsOfAGap(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	guest := w.AddUser(slackfake.User{Name: "guest", Team: "T0OTHER"})
	w.channel = w.AddChannel(slackfake.Channel{Name: "shared", Shared: true, Members: []string{w.ada, w.rio, guest, "perch"}})
	a := w.adapter(t)
	root := w.card(t, a)
	said, plain := w.says(t, slackfake.Says{Text: "said", Thread: id(root)}), w.says(t, slackfake.Says{Text: "plain", Thread: id(root)})
	if err := a.React(t.Context(), w.ref(said), "white_check_mark", true); err != nil {
		t.Fatal(err)
	}
	w.reacts(t, w.ada, id(root), "hand::skin-tone-3")
	w.reacts(t, w.ada, id(root), "hand")
	w.reacts(t, w.rio, id(root), "eyes")
	w.reacts(t, guest, said, "pushpin")
	w.reacts(t, w.rio, said, "pushpin")

	h := bot.History{Thread: root, After: time.Now(), Marked: []bot.MessageRef{w.ref(plain)}}
	got := w.reread(t, a, h, "reactions "+id(root)+" hand:Ada eyes:Rio", "reactions "+said+" pushpin:Rio", "reactions "+plain)
	if ev := got[1]; ev.Thread != root || ev.Channel == "" || ev.Platform != "slack" || ev.Reactions[0].User.Ref != bot.UserRef("slack:"+w.rio) || !ev.At.Before(h.After) {
		t.Errorf("told %+v, want its place and when it was written", ev)
	}
	again, err := a.Reread(t.Context(), h, 100)
	if err != nil || again[0].ID == got[0].ID {
		t.Errorf("told twice under one ID: %+v, %v", again, err)
	}

	// A channel is read in the same way, without what was written.
	top := w.says(t, slackfake.Says{Text: "top"})
	w.reacts(t, w.ada, top, "pushpin")
	if err := w.PersonEdits(w.ada, w.channel, top, "top, changed"); err != nil {
		t.Fatal(err)
	}
	h = bot.History{Channel: bot.ChannelRef("slack:" + w.channel), After: time.Now().Add(-time.Minute), Changes: true, Known: []bot.MessageRef{w.ref(top), w.ref(said)}}
	w.reread(t, a, h, "message_edited "+top, "reactions "+id(root)+" hand:Ada eyes:Rio", "reactions "+top+" pushpin:Ada")
	for _, bad := range []bot.History{{}, {Thread: "slack:C0X:only-1.1"}, {Channel: "webchat:x"}, {Thread: w.ref("1.000001")}} {
		var e *bot.Error
		if _, err := a.Reread(t.Context(), bad, 100); !errors.As(err, &e) {
			t.Errorf("Reread(%+v) = %v, want a *bot.Error", bad, err)
		}
	}
}

// Of many reactions Slack names only some of who set them: what can't be known
// is not told.
func TestReactionsOfTooMany(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{MaxReactors: 2})
	a := w.adapter(t)
	root := w.card(t, a)
	for i := range 3 {
		u := w.AddUser(slackfake.User{Name: fmt.Sprint("u", i)})
		if err := w.Join(u, w.channel, w.ada); err != nil {
			t.Fatal(err)
		}
		w.reacts(t, u, id(root), "hand")
	}
	events, err := a.Reread(t.Context(), bot.History{Thread: root, Marked: []bot.MessageRef{root}}, 100)
	if err != nil || slices.ContainsFunc(events, func(ev bot.Event) bool { return ev.Kind == bot.EventReactions }) {
		t.Errorf("Reread = %v, %v", told(events), err)
	}
}
