package app

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const room = bot.ChannelRef("webchat:room")

func (w *world) say(key, text, threadOf string) string {
	w.t.Helper()
	return w.add(outbox.Action{Kind: bot.KindPost, Key: key, Order: "chat:room:" + threadOf}, bot.Post{Message: bot.Message{Channel: room, Text: text}, ThreadOf: threadOf})
}

var (
	errLost   = errors.New("connection reset")
	errDenied = &bot.Error{Code: "not_in_channel", Message: "Perch is not in this channel. Invite it."}
	errBusy   = &bot.Error{Code: "ratelimited", Message: "The chat takes no more for now.", Temporary: true, RetryAfter: 30}
)

func TestChatPostFates(t *testing.T) {
	tests := []struct {
		name     string
		post     []outcome
		find     []outcome
		soon     outbox.State
		code     string
		wait     time.Duration
		end      outbox.State
		texts    []string
		attempts int
	}{
		{"works", nil, nil, outbox.Done, "", 0, outbox.Done, []string{"hello"}, 1},
		{"refused", []outcome{{err: errDenied}}, nil, outbox.Failed, "not_in_channel", time.Hour, outbox.Failed, nil, 1},
		{"put off", []outcome{{err: errBusy}}, nil, outbox.Queued, "ratelimited", 31 * time.Second, outbox.Done, []string{"hello"}, 2},
		{"answer lost", []outcome{{effect: true, err: errLost}}, nil, outbox.Unknown, "no_answer", 2 * time.Second, outbox.Done, []string{"hello"}, 1},
		{"never arrived", []outcome{{err: errLost}}, nil, outbox.Unknown, "no_answer", time.Minute, outbox.Done, []string{"hello"}, 2},
		{"lost thrice", []outcome{{err: errLost}, {err: errLost}, {err: errLost}}, nil, outbox.Unknown, "no_answer", time.Hour, outbox.Done, []string{"hello"}, 4},
		{
			"lookup fails at first",
			[]outcome{{effect: true, err: errLost}},
			[]outcome{{err: errLost}, {err: errLost}},
			outbox.Unknown, "no_answer", time.Minute, outbox.Done,
			[]string{"hello"},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				w.start()
				w.wait(0)
				w.chat.then("post", tt.post...)
				w.chat.then("find", tt.find...)
				id := w.say("k", "hello", "")
				w.want(id, tt.soon, tt.code)
				if tt.code == "ratelimited" {
					w.wait(29 * time.Second)
					w.want(id, tt.soon, tt.code)
				}
				w.wait(tt.wait)
				if a := w.action(id); a.State != tt.end || a.Attempts != tt.attempts {
					t.Errorf("in the end %s after %d attempts, want %s after %d: %+v", a.State, a.Attempts, tt.end, tt.attempts, a.Failure)
				}
				equal(t, "texts", w.chat.see(room), tt.texts)
			})
		})
	}
}

func TestChatThreadOf(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.start()
		w.wait(0)
		w.chat.then("post", outcome{err: errBusy})
		root := w.say("root", "root", "")
		reply := w.say("reply", "reply", "root")
		w.want(root, outbox.Queued, "ratelimited")
		w.want(reply, outbox.Queued, "message_pending")
		edit := w.add(outbox.Action{Kind: bot.KindEdit}, bot.Edit{RefOf: "reply", Message: bot.Message{Text: "reply, edited"}})
		w.want(edit, outbox.Queued, "message_pending")
		w.wait(5 * time.Minute)
		w.want(root, outbox.Done, "")
		w.want(reply, outbox.Done, "")
		w.want(edit, outbox.Done, "")
		equal(t, "texts", w.chat.see(room), []string{"root", "reply, edited"})
		w.chat.mu.Lock()
		r := w.chat.posts[len(w.chat.posts)-1]
		first := w.chat.posts[len(w.chat.posts)-2]
		w.chat.mu.Unlock()
		if r.Thread != first.ref || r.Key != "reply" {
			t.Errorf("reply = %+v, want it in %s", r, first.ref)
		}

		w.want(w.say("lost", "no root", "never added"), outbox.Failed, "message_missing")
		w.chat.then("post", outcome{err: errDenied})
		w.want(w.say("bad root", "bad", ""), outbox.Failed, "not_in_channel")
		late := w.say("late", "late reply", "bad root")
		a := w.want(late, outbox.Failed, "message_missing")
		if !strings.Contains(a.Failure.Message, "Retry") {
			t.Errorf("people are told %q", a.Failure.Message)
		}
		w.want(w.add(outbox.Action{Kind: bot.KindPost}, bot.Post{Message: bot.Message{Channel: "irc:room", Text: "x"}}), outbox.Failed, "no_chat")
		w.want(w.add(outbox.Action{Kind: bot.KindPost}, []int{1}), outbox.Failed, "bad_payload")
	})
}

// What may be done twice is simply done again.
func TestChatRepeats(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.start()
		w.wait(0)
		w.want(w.say("m", "one", ""), outbox.Done, "")
		for _, call := range []string{"edit", "react", "channel"} {
			w.chat.then(call, outcome{effect: true, err: errLost}, outcome{err: errBusy})
		}
		ids := []string{
			w.add(outbox.Action{Kind: bot.KindEdit}, bot.Edit{RefOf: "m", Message: bot.Message{Text: "two"}}),
			w.add(outbox.Action{Kind: bot.KindReact}, bot.React{RefOf: "m", Emoji: "eyes", On: true}),
			w.add(outbox.Action{Kind: bot.KindChannel}, bot.EnsureChannel{Platform: "webchat", Name: "inc-1"}),
		}
		for _, id := range ids {
			w.want(id, outbox.Queued, "chat_unreachable")
		}
		w.wait(2 * time.Minute)
		for _, id := range ids {
			if a := w.want(id, outbox.Done, ""); a.Attempts != 3 {
				t.Errorf("%s: %d attempts, want 3", a.Kind, a.Attempts)
			}
		}
		equal(t, "texts", w.chat.see(room), []string{"two"})
		if got := string(w.action(ids[2]).Result); got != `{"ref":"webchat:inc-1"}` {
			t.Errorf("channel = %s", got)
		}
		w.want(w.add(outbox.Action{Kind: bot.KindDelete}, bot.Delete{RefOf: "m"}), outbox.Done, "")
		equal(t, "texts", w.chat.see(room), nil)
		w.want(w.add(outbox.Action{Kind: bot.KindEdit}, bot.Edit{Ref: "webchat:gone"}), outbox.Failed, "message_not_found")
	})
}

// A form is worth one try: its trigger ends in seconds.
func TestChatForm(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.start()
		w.wait(0)
		w.chat.then("open", outcome{err: errLost})
		open := func() string {
			return w.add(outbox.Action{Kind: bot.KindOpen}, bot.Open{
				Platform: "webchat", Trigger: "t", Form: bot.Form{ID: "f", Channel: "webchat:random"}, Only: "webchat:U_ada",
			})
		}
		id := open()
		w.want(id, outbox.Failed, "form_not_shown")
		w.wait(time.Hour)
		if n := w.chat.count("open"); n != 1 {
			t.Errorf("opened %d times, want once", n)
		}
		w.want(open(), outbox.Done, "")

		// A chat's own answer: what is for good is shown, what passes is tried again.
		w.chat.then("open", outcome{err: &bot.Error{Code: "view_closed", Message: "The form was closed."}})
		if a := w.want(open(), outbox.Failed, codeFormClosed); a.Failure.Message != "The form was closed." {
			t.Errorf("failure %q", a.Failure.Message)
		}
		w.wait(time.Minute)
		if told := w.chat.see("webchat:random"); len(told) != 1 || !strings.Contains(told[0], "could not be shown. Press the button again.") {
			t.Errorf("the person was told %q, want the first failure only: the second was their own doing", told)
		}
		w.chat.then("open", outcome{err: &bot.Error{Code: "ratelimited", Temporary: true, RetryAfter: 2}})
		id = open()
		w.wait(time.Minute)
		w.want(id, outbox.Done, "")
	})
}

// mute is a chat without any ability.
type mute struct{ bot.Platform }

func (mute) Name() string { return "mute" }

func TestChatWithoutAbilities(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.opt = func(o *Options) { o.Platforms = append(o.Platforms, mute{newScripted()}) }
		w.start()
		w.wait(0)
		for _, tt := range []struct {
			kind    string
			payload any
		}{
			{bot.KindEdit, bot.Edit{Ref: "mute:m"}},
			{bot.KindDelete, bot.Delete{Ref: "mute:m"}},
			{bot.KindReact, bot.React{Ref: "mute:m"}},
			{bot.KindChannel, bot.EnsureChannel{Platform: "mute"}},
		} {
			a := w.want(w.add(outbox.Action{Kind: tt.kind}, tt.payload), outbox.Failed, "not_able")
			if !strings.HasPrefix(a.Failure.Message, "mute can't ") {
				t.Errorf("%s: %q", tt.kind, a.Failure.Message)
			}
		}
	})
}

// What nobody can look up is for a person to decide, in the setup channel.
func TestChatUnknownOutcomeIsShown(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.start()
		w.wait(0)
		w.chat.then("post", outcome{err: errLost})
		w.chat.then("find", slices.Repeat([]outcome{{err: errLost}}, 40)...) // the chat can't be asked
		id := w.say("k", "hello", "")
		w.wait(24 * time.Hour)
		if a := w.action(id); !a.Stuck {
			t.Fatalf("action = %+v, want it stuck", a)
		}
		seen := w.chat.see("webchat:setup")
		if len(seen) == 0 || !strings.Contains(seen[len(seen)-1], "Perch could not post a message in chat.") {
			t.Errorf("setup channel = %q", seen)
		}
		w.update(func(tx store.Tx) error { _, err := w.app.Outbox.Retry(tx, id, "webchat:U_ada"); return err })
		w.wait(time.Second)
		w.want(id, outbox.Done, "")
	})
}
