package commands

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// alone has a person press a button of the newest message that they alone see
// and that shows it. It returns that message, and what they were told besides.
func (w *world) alone(u bot.User, label string) (at *seen, told string) {
	w.t.Helper()
	for _, s := range slices.Backward(w.out.chat) {
		if s.Only != u.Ref {
			continue
		}
		for _, b := range s.Blocks {
			for _, x := range b.Buttons {
				if x.Label == label {
					ch := s.Channel
					if ch == "" {
						ch = "webchat:D_" + bot.ChannelRef(u.Handle)
					}
					return s, w.show(w.handle(bot.Event{
						Kind: bot.EventAction, User: u, Action: x.ID, Value: x.Value, Channel: ch, Thread: s.Thread, Message: s.ref, Alone: true,
						Trigger: "trigger", Respond: "https://hooks.example/1",
					})...)
				}
			}
		}
	}
	w.t.Fatalf("%s sees no button %q", u.Name, label)
	return nil, ""
}

// What came of a private question stands where it was asked.
func TestAnswersTakeThePlaceOfQuestions(t *testing.T) {
	ada, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.connect(acme, "acme")
		in := func(what string, at *seen, told, want string) {
			t.Helper()
			if told != "" {
				t.Errorf("%s: told %q besides", what, told)
			}
			got := w.show(at.Message)
			if has(t, what, got, want); strings.Contains(got, "[") {
				t.Errorf("%s: %q still has buttons", what, got)
			}
		}
		w.say(ada, "/twitter unauthorize @acme")
		at, told := w.alone(ada, "Keep it")
		in("kept", at, told, "Nothing was changed.")
		w.say(ada, "/twitter unauthorize @acme")
		at, told = w.alone(ada, "Disconnect @acme")
		in("disconnected", at, told, "@acme is disconnected.")

		w.say(rio, "/incident new One")
		w.say(rio, "/incident new Two")
		w.say(rio, "/timeline add It was the cache")
		at, told = w.alone(rio, "INC-1: One")
		in("picked", at, told, "Added to INC-1 (internal).")
		w.say(rio, "/timeline add", withTrigger)
		at, told = w.alone(rio, "INC-2: Two")
		in("picked for a form", at, told, "✅ INC-2: Two")
		if f := w.form(); f.ID != formEntry || at.Trigger != "" {
			t.Errorf("the form is %q, and the answer would fill it: %q", f.ID, at.Trigger)
		}
		w.say(rio, "/incident resolve Disk swapped")
		b, _ := w.button(btnPick)
		w.click(rio, btnPick, b.Value)
		at, told = w.alone(rio, "INC-2: Two")
		in("picked again", at, told, "This is over.")
	})
}

// A preview that one person sees becomes the receipt, whoever decides.
func TestPrivatePreviewsFollow(t *testing.T) {
	ada, rio, _, _ := people()
	preview := func(w *world) *seen {
		w.pressHome(rio, "Preview")
		return w.out.chat[len(w.out.chat)-1]
	}
	begin := func(w *world) {
		w.connect(acme, "acme")
		w.say(rio, "/incident new Slow")
		w.draft("We are slow")
		w.openHome(rio)
	}
	scene(t, func(t *testing.T, w *world) {
		begin(w)
		at := preview(w)
		if _, told := w.alone(rio, "Post to X"); told != "" || w.sent() != 1 {
			t.Errorf("told %q, posted %d times", told, w.sent())
		}
		has(t, "the preview", w.show(at.Message), "✅ Posted on X as @acme")
		hasNot(t, "the preview", w.show(at.Message), "[Post to X]", "[Discard]")
	})
	scene(t, func(t *testing.T, w *world) { // somebody else decides elsewhere
		begin(w)
		first, second := preview(w), preview(w)
		w.press(ada, btnDiscard)
		for _, at := range []*seen{first, second} {
			has(t, "the preview", w.show(at.Message), "Not posted: somebody decided against it.")
			hasNot(t, "the preview", w.show(at.Message), "[Post to X]")
		}
	})
	scene(t, func(t *testing.T, w *world) { // what is changed is shown as it is now
		begin(w)
		at := preview(w)
		w.press(rio, btnEdit)
		w.submit(rio, formText, w.form().Value, map[string]string{"text": "We were slow"})
		has(t, "the preview", w.show(at.Message), "| @acme: We were slow", "[Post to X]")
		w.alone(rio, "Post to X")
		has(t, "the preview", w.show(at.Message), "✅ Posted on X as @acme")
	})
	sceneOf(t, cast{}, incident.Policy{Approval: true}, func(t *testing.T, w *world) { // a refusal takes nothing away
		begin(w)
		w.press(rio, btnPost)
		at := preview(w)
		_, told := w.alone(rio, "Approve and post")
		has(t, "refused", told, "approve")
		has(t, "the preview", w.show(at.Message), "⏳ Waits for approval", "[Approve and post]")
	})
	scene(t, func(t *testing.T, w *world) { // each of two accounts has its own
		w.connect(acme, "acme")
		w.connect(beta, "beta")
		w.say(rio, "/incident new Slow")
		var e incident.Entry
		w.update(func(tx store.Tx) (err error) {
			e, err = w.inc.Add(tx, "INC-1", incident.NewEntry{Text: "From both", Visibility: incident.Twitter, Accounts: []string{acme, beta}, Source: incident.FromAPI})
			return err
		})
		w.openHome(rio)
		w.pressHome(rio, "Preview")
		w.update(func(tx store.Tx) error {
			_, err := w.inc.SetText(tx, e.ID, "As both", incident.Person{})
			return err
		})
		<-time.After(time.Second)
		w.out.mu.Lock()
		defer w.out.mu.Unlock()
		shown := map[string]int{}
		for _, m := range w.out.chat {
			for _, handle := range []string{"acme", "beta"} {
				if m.Only == rio.Ref && strings.Contains(w.show(m.Message), "| @"+handle+": As both") {
					shown[handle]++
				}
			}
		}
		if shown["acme"] != 1 || shown["beta"] != 1 {
			t.Errorf("the previews are as %v, want one as each account", shown)
		}
	})
	scene(t, func(t *testing.T, w *world) { // of the time before previews were followed
		begin(w)
		at := preview(w)
		w.update(func(tx store.Tx) error {
			list, err := store.Collect(copies.Scan(tx, store.Range{}))
			for _, k := range list {
				err = errors.Join(err, copies.Delete(tx, store.Key(k.ID)))
			}
			return err
		})
		w.alone(rio, "Post to X")
		has(t, "the preview", w.show(at.Message), "✅ Posted on X as @acme")
		<-time.After(time.Second)
	})
}
