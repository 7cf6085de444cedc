package slack_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// witness keeps the events themselves.
type witness struct {
	kept
	all []bot.Event
}

func (s *witness) Deliver(ctx context.Context, ev bot.Event) error {
	err := s.kept.Deliver(ctx, ev)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, ev)
	return err
}

func (s *witness) last(kind bot.EventKind) (last bot.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range s.all {
		if ev.Kind == kind {
			last = ev
		}
	}
	return last
}

// asked asks Ada something that she alone sees, and has her press the button.
func (w *workspace) asked(t *testing.T, a *slack.Adapter, sink *witness) bot.Event {
	t.Helper()
	_, err := a.Post(t.Context(), bot.Message{
		Channel: bot.ChannelRef("slack:" + w.channel), Only: bot.UserRef("slack:" + w.ada), Text: "Is it to go out?", Key: "k",
		Blocks: []bot.Block{bot.Para(bot.Plain("Is it to go out?")), bot.Actions(bot.Button{ID: "test.send", Label: "Send"})},
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := w.Ephemerals(w.ada)
	if _, err := w.Click(w.ada, seen[len(seen)-1].TS, "test.send"); err != nil {
		t.Fatal(err)
	}
	var ev bot.Event
	await(t, w, "click", func() bool { ev = sink.last(bot.EventAction); return ev.ID != "" })
	return ev
}

// private is what Ada alone sees, and the buttons of it.
func (w *workspace) private() (texts string, buttons int) {
	var all []string
	for _, m := range w.Ephemerals(w.ada) {
		all = append(all, m.Shown)
		buttons += len(m.Buttons)
	}
	return strings.Join(all, " | "), buttons
}

func answer(ev bot.Event, text string) bot.Message {
	return bot.Message{Channel: ev.Channel, Thread: ev.Thread, Only: ev.User.Ref, Respond: ev.Respond, Trigger: ev.Trigger, Text: text}
}

// Slack lets what one person sees be changed five times in half an hour. Later
// than that the person is told beside it.
func TestAPrivateQuestionThatCanBeChangedNoMore(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, w *workspace, a *slack.Adapter, ev bot.Event) string{
		"expired": func(_ *testing.T, w *workspace, _ *slack.Adapter, _ bot.Event) string {
			w.ExpireResponses()
			return "Is it to go out?"
		},
		"used up": func(t *testing.T, _ *workspace, a *slack.Adapter, ev bot.Event) string {
			for range 5 {
				if err := a.Edit(t.Context(), ev.Message, answer(ev, "On its way")); err != nil {
					t.Fatal(err)
				}
			}
			return "On its way"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t, slackfake.Options{})
			a, sink := w.adapter(t), &witness{}
			defer start(t, w, a, sink)()
			ev := w.asked(t, a, sink)
			was := use(t, w, a, ev)
			if err := a.Edit(t.Context(), ev.Message, answer(ev, "✅ Sent")); err != nil {
				t.Fatal(err)
			}
			if got, _ := w.private(); !strings.Contains(got, "✅ Sent") || !strings.Contains(got, was) || strings.Count(got, "|") != 1 {
				t.Errorf("the person sees %q", got)
			}
		})
	}
}

// Nobody's words go to a person when nobody says whose they are.
func TestAPrivateMessageIsEditedByItsOwnButtonOnly(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &witness{}
	defer start(t, w, a, sink)()
	ev := w.asked(t, a, sink)
	before, _ := w.private()
	for name, m := range map[string]bot.Message{
		"no response_url":          {Channel: ev.Channel, Only: ev.User.Ref, Text: "x"},
		"somebody else's":          {Channel: ev.Channel, Only: ev.User.Ref, Text: "x", Respond: "https://hooks.example.com/x"},
		"a limit, which will pass": {Channel: ev.Channel, Only: ev.User.Ref, Text: "x", Respond: ev.Respond},
	} {
		if strings.HasPrefix(name, "a limit") {
			w.AddFault(slackfake.Fault{Method: "response_url", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}})
		}
		var e *bot.Error
		if err := a.Edit(t.Context(), ev.Message, m); !errors.As(err, &e) {
			t.Errorf("%s: %v, want a *bot.Error", name, err)
		}
	}
	if now, _ := w.private(); now != before {
		t.Errorf("the person sees %q, want what was there: %q", now, before)
	}
}

// A form that is under way for the click shows the answer too: it would stay
// empty otherwise.
func TestAnAnswerInPlaceFillsTheFormThatWaits(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t, func(o *slack.Options) {
		o.Opens = func(ev bot.Event) (string, bool) { return "Change the text", ev.Action == "test.send" }
	}), &witness{}
	defer start(t, w, a, sink)()
	ev := w.asked(t, a, sink)
	if err := a.Edit(t.Context(), ev.Message, answer(ev, "Somebody did this already.")); err != nil {
		t.Fatal(err)
	}
	if v := w.view(t, "answer", "Somebody did this already."); v.Title != "Change the text" {
		t.Errorf("the form is %+v", v)
	}
	if got, buttons := w.private(); got != "Somebody did this already." || buttons != 0 {
		t.Errorf("the person sees %q with %d buttons", got, buttons)
	}
}
