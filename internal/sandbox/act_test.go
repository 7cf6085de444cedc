package sandbox_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/perch-chat/perch/bot"

	"github.com/perch-chat/perch/internal/browsertest"
)

// happens waits for an event that a person's doing has raised.
func (s *stage) happens(t *testing.T, what string, ok func(bot.Event) bool) bot.Event {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for {
		if ev, found := s.sink.find(ok); found {
			return ev
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("no such event: %s; got %+v", what, s.sink.got)
		}
	}
}

func keys(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	do(ctx, t, chromedp.KeyEvent(text))
}

// TestKeyboard walks through the page as somebody does who uses no mouse.
func TestKeyboard(t *testing.T) {
	ctx := browser(t)
	s := newStage(t)
	s.furnish(t)
	do(ctx, t, browsertest.Size(1440, 900, false), open(s.url))
	focused := func() string {
		return eval[string](ctx, t, `(() => { const e = document.activeElement; return e.id || e.dataset.ref || e.dataset.channel || e.textContent.trim(); })()`)
	}
	keys(ctx, t, kb.Tab)
	if got := focused(); !strings.HasPrefix(got, "Skip") {
		t.Errorf("the first stop is %q, want the skip link", got)
	}
	keys(ctx, t, kb.Enter)
	if got := focused(); got != "composer-text" {
		t.Errorf("the skip link leads to %q", got)
	}

	// A command is suggested, taken and sent.
	keys(ctx, t, "/inc")
	becomes(ctx, t, "suggestions", `!document.querySelector("#composer-text-hints").hidden && document.querySelector("#composer-text").ariaExpanded === "true"`)
	shot(ctx, t, "hints")
	keys(ctx, t, kb.ArrowDown+kb.ArrowUp+kb.Tab)
	if got := eval[string](ctx, t, `document.querySelector("#composer-text").value`); got != "/incident new " {
		t.Errorf("the suggestion gives %q", got)
	}
	keys(ctx, t, "Checkout is <b>down</b>"+kb.Enter)
	ev := s.happens(t, "the command", func(e bot.Event) bool { return e.Kind == bot.EventCommand && e.Text == "new Checkout is <b>down</b>" })
	becomes(ctx, t, "an empty box", `document.querySelector("#composer-text").value === ""`)
	becomes(ctx, t, "the command as text", `[...document.querySelectorAll("#log .only .text")].some((p) => p.textContent === "/incident new Checkout is <b>down</b>")`)

	// A form opens, Esc closes it and tells so, another is filled in and sent.
	form := bot.Form{ID: "f1", Title: "New incident", Submit: "Open incident", Value: "v", Channel: "webchat:setup", Inputs: []bot.Input{
		{Name: "title", Label: "Title", Max: 80, Hint: "What is broken, in a few words"},
		{Name: "severity", Label: "Severity", Optional: true, Options: []bot.Option{{Value: "sev1", Label: "SEV1"}}},
		{Name: "text", Label: "Summary", Lines: 3, Optional: true},
	}}
	if err := s.chat.Open(t.Context(), ev.Trigger, form); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, "the form", `document.querySelector("dialog[open] input") && document.activeElement.name === "title"`)
	shot(ctx, t, "form")
	keys(ctx, t, kb.Enter)
	becomes(ctx, t, "a word about the empty field", `document.querySelector("dialog .field-error").textContent.includes("Fill this in")`)
	keys(ctx, t, kb.Escape)
	becomes(ctx, t, "no form", `!document.querySelector("dialog")`)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		v, err := s.chat.Look(ada)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Forms) == 0 {
			break
		}
		<-tick.C
	}
	if err := s.chat.Open(t.Context(), ev.Trigger, form); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, "the form again", `document.activeElement.name === "title"`)
	keys(ctx, t, "Checkout"+kb.Enter)
	sub := s.happens(t, "the form", func(e bot.Event) bool { return e.Kind == bot.EventSubmit })
	if sub.Fields["title"] != "Checkout" || sub.Value != "v" || sub.Action != "f1" {
		t.Errorf("submitted %+v", sub)
	}
	becomes(ctx, t, "no form again", `!document.querySelector("dialog")`)

	// Arrows move between channels and messages; Enter opens a thread, Esc leaves it.
	eval[chromedp.Void](ctx, t, `document.querySelector('[data-channel="webchat:setup"]').focus()`)
	keys(ctx, t, kb.ArrowDown+kb.Enter)
	becomes(ctx, t, "#support", `document.querySelector("#room-name").textContent === "#support"`)
	eval[chromedp.Void](ctx, t, `document.querySelector("#log > li.msg[tabindex='0']").focus()`)
	keys(ctx, t, kb.Home+kb.Enter)
	becomes(ctx, t, "the thread", `!document.querySelector("#thread").hidden && document.activeElement.id === "thread-text"`)
	keys(ctx, t, "from the keyboard"+kb.Enter)
	reply := s.happens(t, "the answer", func(e bot.Event) bool { return e.Kind == bot.EventMessage && e.Text == "from the keyboard" })
	if reply.Thread == "" || reply.User.Ref != ada {
		t.Errorf("the answer is %+v", reply)
	}
	becomes(ctx, t, "the answer on the page", `document.querySelector('#thread [data-ref="`+string(reply.Message)+`"]')`)
	keys(ctx, t, kb.Escape)
	becomes(ctx, t, "the thread closed and its message in focus", `document.querySelector("#thread").hidden && document.activeElement.dataset.ref === "`+string(reply.Thread)+`"`)

	// An address that names a message leads to it.
	link, err := s.chat.Permalink(t.Context(), reply.Message)
	if err != nil {
		t.Fatal(err)
	}
	click(ctx, t, `[data-channel="webchat:setup"]`)
	eval[chromedp.Void](ctx, t, `location.hash = `+quote(link[strings.Index(link, "#"):]))
	becomes(ctx, t, "the linked message", `document.activeElement.dataset.ref === "`+string(reply.Message)+`" && !document.querySelector("#thread").hidden`)
	keys(ctx, t, kb.Escape)

	// Radio groups: the team's people and the tabs of X.
	eval[chromedp.Void](ctx, t, `document.querySelector('#people [aria-checked=true]').focus()`)
	keys(ctx, t, kb.End)
	becomes(ctx, t, "Sam", `document.querySelector("#me-note").textContent.includes("Sam") && document.activeElement.dataset.ref === "webchat:U_sam"`)
	eval[chromedp.Void](ctx, t, `document.querySelector("#tab-posts").focus()`)
	keys(ctx, t, kb.ArrowRight)
	becomes(ctx, t, "the customers", `!document.querySelector("#panel-dms").hidden && document.activeElement.id === "tab-dms"`)
}

// TestActs does with the mouse what a newcomer does, while the page streams.
func TestActs(t *testing.T) {
	ctx := browser(t)
	s := newStage(t)
	do(ctx, t, browsertest.Size(1440, 900, false), open(s.url))
	becomes(ctx, t, "the first step", `document.querySelector(".tour .now b")?.textContent === "Connect the X account"`)
	shot(ctx, t, "empty")

	// 1: the button is pointed at and pressed.
	s.say(t, bot.Message{Channel: "webchat:setup", Text: "x", Blocks: []bot.Block{
		bot.Para(bot.Plain("Press it: <img src=x onerror=alert(1)>")),
		bot.Actions(bot.Button{ID: "twitter.start", Label: "Start Authentication", Style: bot.ButtonPrimary, Value: "v1"}),
	}})
	becomes(ctx, t, "the message, as text", `document.querySelector("#log .text")?.textContent.includes("<img src=x onerror=alert(1)>")`)
	click(ctx, t, `[data-step="1"]`)
	becomes(ctx, t, "the button in focus", `document.activeElement.dataset.action === "twitter.start"`)
	keys(ctx, t, kb.Enter)
	s.happens(t, "the press", func(e bot.Event) bool { return e.Action == "twitter.start" && e.Value == "v1" && e.User.Ref == ada })
	s.x.mu.Lock()
	s.x.tour.Connected = true
	s.x.mu.Unlock()
	becomes(ctx, t, "step 1 ticked off", `document.querySelector(".tour .now b")?.textContent === "A customer writes"`)

	// 2: the customer writes.
	click(ctx, t, `[data-step="2"]`)
	becomes(ctx, t, "a draft as Casey", `document.activeElement.id === "dm-text" && document.activeElement.value.includes("order 4411")`)
	keys(ctx, t, kb.Enter)
	becomes(ctx, t, "the bubble", `document.querySelectorAll("#bubbles .mine").length === 1`)
	becomes(ctx, t, "step 2 ticked off", `document.querySelector(".tour .now b")?.textContent === "Answer as Sam"`)
	root := s.say(t, bot.Message{Channel: "webchat:support", Author: &bot.Author{Name: "Casey Rivera", Handle: "casey_r"}, Text: "x", Blocks: []bot.Block{
		bot.Quote("Hi"), bot.Actions(bot.Button{ID: "desk.claim", Label: "Claim", Style: bot.ButtonPrimary, Value: "c1"}),
	}})
	becomes(ctx, t, "an unread mark", `document.querySelector('[data-channel="webchat:support"] .badge')?.textContent.startsWith("1")`)

	// 3: Sam claims and answers; the claim's message changes in place and keeps the focus.
	click(ctx, t, `[data-step="3"]`)
	becomes(ctx, t, "Claim in focus as Sam", `document.activeElement.dataset.action === "desk.claim" && document.querySelector("#me-note").textContent.includes("Sam")`)
	keys(ctx, t, kb.Enter)
	s.happens(t, "the claim", func(e bot.Event) bool { return e.Action == "desk.claim" && e.User.Ref == sam && e.Message == root })
	if err := s.chat.Edit(t.Context(), root, bot.Message{Text: "x", Blocks: []bot.Block{bot.Quote("Hi"), bot.Context(bot.Plain("Sam has it"))}}); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, "the change in place", `document.querySelectorAll("#log li.msg").length === 1 && document.querySelector("#log .b-context")?.textContent === "Sam has it"`)
	becomes(ctx, t, "the focus kept near", `document.activeElement.dataset.ref === "`+string(root)+`"`)
	keys(ctx, t, kb.Enter)
	becomes(ctx, t, "the thread", `document.activeElement.id === "thread-text"`)
	keys(ctx, t, "On its way"+kb.Enter)
	ans := s.happens(t, "the answer", func(e bot.Event) bool { return e.Text == "On its way" && e.Thread == root })
	for _, sign := range []struct{ emoji, label string }{{"hourglass_flowing_sand", "Sending"}, {"white_check_mark", "Delivered"}, {"warning", "Needs attention"}} {
		s.react(t, ans.Message, sign.emoji)
		becomes(ctx, t, sign.label, fmt.Sprintf(`[...document.querySelectorAll("#thread-log .sign")].some((e) => e.textContent.includes(%q))`, sign.label))
	}

	// Only Ada sees what is hers, also in the page of Sam.
	s.say(t, bot.Message{Channel: "webchat:support", Only: ada, Text: "secret of Ada"})
	s.say(t, bot.Message{Channel: "webchat:support", Only: sam, Text: "for Sam alone"})
	becomes(ctx, t, "Sam's own", `document.querySelector("#log .only")?.textContent.includes("for Sam alone")`)
	if eval[bool](ctx, t, `document.body.textContent.includes("secret of Ada")`) {
		t.Error("Sam sees what only Ada should")
	}

	// 4: the command is prepared as Rio.
	click(ctx, t, `[data-step="4"]`)
	becomes(ctx, t, "a prepared command as Rio", `document.activeElement.value === "/incident new Checkout is slow" && document.querySelector("#me-note").textContent.includes("Rio")`)
	s.x.mu.Lock()
	s.x.tour.Answered, s.x.tour.Incident, s.x.tour.Posted = true, true, true
	s.x.post(acme, "We are on it.", "")
	s.x.mu.Unlock()
	becomes(ctx, t, "the end of the tour", `document.querySelector(".tour-end")?.textContent.includes("That is Perch")`)
	becomes(ctx, t, "the new post in sight", `!document.querySelector("#panel-posts").hidden && document.querySelector("#panel-posts .post-text")?.textContent === "We are on it."`)
	shot(ctx, t, "done")
	click(ctx, t, `.tour > .icon-button`)
	becomes(ctx, t, "no tour", `document.querySelector("#tour").hidden && !document.querySelector("#tour-show").hidden`)

	// X fails, and says how.
	click(ctx, t, `[data-fault=lost_answer]`)
	becomes(ctx, t, "the switch on", `document.querySelector("[data-fault=lost_answer]").ariaChecked === "true" && document.querySelector("#faults-note").textContent.includes("answer is lost")`)
	s.x.mu.Lock()
	on := slices.Clone(s.x.state.Faults)
	s.x.mu.Unlock()
	if !slices.Equal(on, []string{"lost_answer"}) {
		t.Errorf("faults %q are on", on)
	}

	// A new message does not move what is being read, and says that it is there.
	for i := range 40 {
		s.say(t, bot.Message{Channel: "webchat:incidents", Text: fmt.Sprintf("line %d", i)})
	}
	becomes(ctx, t, "all lines", `document.querySelectorAll("#log li.msg").length === 40`)
	becomes(ctx, t, "the end in sight", `(() => { const l = document.querySelector("#log"); return l.scrollHeight - l.scrollTop - l.clientHeight < 5; })()`)
	eval[chromedp.Void](ctx, t, `document.querySelector("#log").scrollTop = 100`)
	s.say(t, bot.Message{Channel: "webchat:incidents", Text: "one more"})
	becomes(ctx, t, "the way to new messages", `!document.querySelector("#to-end").hidden && document.querySelector("#log").scrollTop === 100`)
	becomes(ctx, t, "it is said aloud", `document.querySelector("#live").textContent.includes("one more")`)
}
