package slack_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// gate is a sink that stores nothing until it is opened.
type gate struct {
	mu   sync.Mutex
	got  []bot.Event
	open chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) Deliver(ctx context.Context, ev bot.Event) error {
	if ev.Kind == bot.EventGap {
		return nil
	}
	select {
	case <-g.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got = append(g.got, ev)
	return nil
}

func (g *gate) event(i int) (bot.Event, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i >= len(g.got) {
		return bot.Event{}, false
	}
	return g.got[i], true
}

func early(o *slack.Options) {
	o.Opens = func(ev bot.Event) (string, bool) {
		return "New incident", ev.Command == "/incident" || ev.Action == "ask"
	}
}

func incidentForm() bot.Form {
	return bot.Form{ID: "incident.new", Title: "Declare an incident", Submit: "Declare", Value: "v", Inputs: []bot.Input{{Name: "title", Label: "Title"}}}
}

// ask gives a command for which a view is opened early, and returns its event.
func (w *workspace) ask(t *testing.T, g *gate, n int) bot.Event {
	t.Helper()
	w.Command(w.ada, w.channel, "/incident", "new")
	var ev bot.Event
	await(t, w, "event", func() (ok bool) { ev, ok = g.event(n); return ok })
	if !strings.HasPrefix(ev.Trigger, "view:") {
		t.Fatalf("the event's trigger is %q", ev.Trigger)
	}
	return ev
}

func (w *workspace) view(t *testing.T, what string, want ...string) slackfake.Modal {
	t.Helper()
	var v slackfake.Modal
	await(t, w, what, func() bool {
		all := w.Views(w.ada)
		if len(all) != 1 {
			return false
		}
		v = all[0]
		for _, s := range want {
			if !strings.Contains(v.Title+" "+v.Shown, s) {
				return false
			}
		}
		return true
	})
	return v
}

func TestFormsAreOpenedFirstAndFilledAfter(t *testing.T) {
	clock := slackfake.NewClock(time.Now())
	w := newWorkspace(t, slackfake.Options{Clock: clock})
	a, g := w.adapter(t, early), newGate()
	stop := start(t, w, a, g)
	defer stop()

	w.Command(w.ada, w.channel, "/incident", "new")
	w.view(t, "empty view before anything is stored", "New incident", "Loading")
	if a.Stats().Acked > 0 {
		t.Error("acknowledged before it was stored")
	}
	close(g.open)
	var ev bot.Event
	await(t, w, "event", func() (ok bool) { ev, ok = g.event(0); return ok })
	clock.Advance(time.Minute) // Slack's own trigger would have ended long ago
	if err := a.Open(t.Context(), ev.Trigger, incidentForm()); err != nil {
		t.Fatalf("Open = %v", err)
	}
	v := w.view(t, "form", "Declare an incident", "Title")
	if _, err := w.Submit(w.ada, v.ID, map[string]string{"title": "Checkout down"}); err != nil {
		t.Fatal(err)
	}
	await(t, w, "submission", func() (ok bool) { ev, ok = g.event(1); return ok })
	if ev.Kind != bot.EventSubmit || ev.Action != "incident.new" || ev.Value != "v" || ev.Fields["title"] != "Checkout down" {
		t.Errorf("submitted %+v", ev)
	}

	// Another process, or this one after a restart, knows the view by its name only.
	ev = w.ask(t, g, 2)
	if err := w.adapter(t).Open(t.Context(), ev.Trigger, incidentForm()); err != nil {
		t.Fatalf("Open by another = %v", err)
	}
	w.view(t, "form by another", "Declare an incident")

	// What needs no form keeps its trigger.
	w.Command(w.ada, w.channel, "/twitter", "help")
	await(t, w, "event", func() (ok bool) { ev, ok = g.event(3); return ok })
	if ev.Trigger == "" || strings.HasPrefix(ev.Trigger, "view:") {
		t.Errorf("trigger %q of a command that opens nothing", ev.Trigger)
	}
}

func TestAnswersTakeThePlaceOfTheForm(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, g := w.adapter(t, early), newGate()
	close(g.open)
	stop := start(t, w, a, g)
	defer stop()
	ev := w.ask(t, g, 0)
	answer := bot.Message{
		Channel: ev.Channel, Only: ev.User.Ref, Respond: ev.Respond, Trigger: ev.Trigger, Text: "Only responders can do this.",
		Blocks: []bot.Block{bot.Para(bot.Plain("Only responders can <!here> do this.")), bot.Actions(bot.Button{ID: "desk.take", Label: "Take over", Value: "c-1"})},
	}
	if _, err := a.Post(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	v := w.view(t, "answer in the view", "New incident", "Only responders can", "Take over")
	if n := len(w.Ephemerals(w.ada)); n != 0 {
		t.Errorf("%d messages beside the view", n)
	}
	if _, err := w.ClickView(w.ada, v.ID, "desk.take", ""); err != nil {
		t.Fatal(err)
	}
	var press bot.Event
	await(t, w, "press", func() (ok bool) { press, ok = g.event(1); return ok })
	if press.Action != "desk.take" || press.Value != "c-1" || press.Channel != ev.Channel {
		t.Errorf("the button in the view gave %+v", press)
	}

	// There is room for one answer; the next is shown where they asked.
	answer.Text, answer.Blocks = "And another thing.", nil
	if _, err := a.Post(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	if got := w.Ephemerals(w.ada); len(got) != 1 || !strings.Contains(got[0].Shown, "another thing") {
		t.Errorf("the second answer: %+v", got)
	}
	w.view(t, "the first answer", "Only responders can")

	// Everybody's messages are everybody's.
	answer.Only, answer.Respond = "", ""
	if ref, err := a.Post(t.Context(), answer); err != nil || ref == "" || strings.Contains(string(ref), "only") {
		t.Errorf("Post to all = %s, %v", ref, err)
	}
}

func TestFormsThatCanNotBeOpened(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, g := w.adapter(t, early), newGate()
	close(g.open)
	stop := start(t, w, a, g)
	defer stop()
	refused := func(ev bot.Event, want string) {
		t.Helper()
		err := a.Open(t.Context(), ev.Trigger, incidentForm())
		if e, ok := errors.AsType[*bot.Error](err); !ok || e.Code != want || e.Message == "" {
			t.Errorf("Open = %v, want %s", err, want)
		}
		n := len(w.Ephemerals(w.ada))
		if _, err := a.Post(t.Context(), bot.Message{Channel: ev.Channel, Only: ev.User.Ref, Respond: ev.Respond, Trigger: ev.Trigger, Text: "No."}); err != nil {
			t.Errorf("Post = %v", err)
		}
		if got := w.Ephemerals(w.ada); len(got) != n+1 {
			t.Errorf("%s: the answer was shown %d times beside the view", want, len(got)-n)
		}
	}
	w.AddFault(slackfake.Fault{Method: "views.open", Error: "expired_trigger_id"})
	refused(w.ask(t, g, 0), "expired_trigger_id")

	ev := w.ask(t, g, 1)
	v := w.view(t, "empty view", "Loading")
	if err := w.CloseView(w.ada, v.ID, false); err != nil {
		t.Fatal(err)
	}
	refused(ev, "view_closed")

	// Filling waits for an opening that takes its time.
	w.AddFault(slackfake.Fault{Method: "views.open", Delay: 300 * time.Millisecond})
	ev = w.ask(t, g, 2)
	if err := a.Open(t.Context(), ev.Trigger, incidentForm()); err != nil {
		t.Errorf("Open while the view is being opened = %v", err)
	}
	w.view(t, "form", "Declare an incident")
}

// One of several workspaces: the name goes with the team, and comes back.
func TestFormsAreOpenedFirstInAWorkspace(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	p := w.workspaces(t, keep(w.installation()), func(o *slack.WorkspacesOptions) {
		var one slack.Options
		early(&one)
		o.Opens = one.Opens
	})
	g := newGate()
	close(g.open)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, g) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	await(t, w, "connection", func() bool { return len(w.Connections()) == 2 })
	for i, fill := range []func(ev bot.Event) error{
		func(ev bot.Event) error { return p.Open(t.Context(), ev.Trigger, incidentForm()) },
		func(ev bot.Event) error {
			_, err := p.Post(t.Context(), bot.Message{Channel: ev.Channel, Only: ev.User.Ref, Trigger: ev.Trigger, Text: "Declare an incident? No."})
			return err
		},
	} {
		w.Command(w.ada, w.channel, "/incident", "new")
		var ev bot.Event
		await(t, w, "event", func() (ok bool) { ev, ok = g.event(i); return ok })
		if err := fill(ev); err != nil {
			t.Errorf("fill %s: %v", ev.Trigger, err)
		}
		w.view(t, "filled view", "Declare an incident")
	}
	if n := len(w.Ephemerals(w.ada)); n > 0 {
		t.Errorf("%d answers beside the view", n)
	}
}
