package desk

import (
	"errors"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

func TestTransferToPerson(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, rio := talk(w)
		w.duty(lee)
		w.press(sam, "desk.transfer", w.conv().ID)
		if len(w.chat.forms) != 1 {
			t.Fatalf("%d forms, want 1", len(w.chat.forms))
		}
		form := w.chat.forms[0]
		var opts []string
		for _, o := range form.Inputs[0].Options {
			opts = append(opts, o.Value+"="+o.Label)
		}
		equal(t, "options", opts, []string{"department:zbilling=Billing (queue)", "user:webchat:U_lee=Lee"})
		submit := func(u bot.User, to string) {
			w.event(bot.Event{Kind: bot.EventSubmit, User: u, Action: form.ID, Value: form.Value, Fields: map[string]string{"to": to}})
		}
		submit(sam, "user:"+string(lee.Ref))
		if c := w.conv(); c.Owner != lee.Ref || c.OwnerName != "Lee" || c.State != Claimed {
			t.Errorf("conversation = %+v, want it Lee's", c)
		}
		contains(t, "thread", w.last().msg.Text, "Lee: Sam transferred this conversation to you.")
		submit(sam, "user:"+string(rio.Ref))
		contains(t, "told", w.told(sam).msg.Text, "Only agents can answer customers")
		submit(sam, "department:nope")
		contains(t, "told", w.told(sam).msg.Text, "There is no department \"nope\"", "support, zbilling")
		submit(sam, "")
		contains(t, "told", w.told(sam).msg.Text, "Choose whom")
	})
}

func TestTransferToAnotherChannel(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := talk(w)
		w.update(func(tx store.Tx) error { _, err := w.d.On(tx, "Billing", lee, "test"); return err })
		w.write(sam, "I ask billing")
		old := w.conv()
		oldCard := w.card()
		w.update(func(tx store.Tx) error {
			_, err := w.d.Transfer(tx, old.ID, Target{Department: "billing"}, sam)
			return err
		})
		w.settle()
		c := w.conv()
		if c.Channel != billing || c.State != Queued || c.CardRef == old.CardRef || c.CardRef == "" {
			t.Fatalf("conversation = %+v, want a card in the other channel", c)
		}
		contains(t, "old card", all(oldCard.msg), "Moved to Billing")
		if n := len(buttons(oldCard.msg)); n != 0 {
			t.Errorf("the old card has %d buttons", n)
		}
		var texts []string
		for _, p := range w.chat.posts {
			if p.msg.Thread == c.CardRef {
				texts = append(texts, p.msg.Text)
			}
		}
		contains(t, "new thread", strings.Join(texts, "\n"), "Ana (@ana): hi", "Sam: I ask billing", "Lee: Sam transferred the conversation to Billing.")

		// What is written in the old thread reaches nobody, and says so.
		w.event(bot.Event{Kind: bot.EventMessage, User: sam, Message: "webchat:old1", Thread: old.CardRef, Text: "Ana?"})
		contains(t, "told", w.told(sam).msg.Text, "goes on in another channel")
		w.press(lee, "desk.claim", c.ID)
		w.write(lee, "Lee here")
		equal(t, "sent", w.x.texts(), []string{"I ask billing", "Lee here"})
		w.in("101", "thanks")
		if p := w.last(); p.msg.Text != "thanks" || p.msg.Thread != c.CardRef {
			t.Errorf("the next message is %+v, want it in the new thread", p.msg)
		}
	})
}

func TestMoveBeforeTheCardIsPosted(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.chat.down = true
		w.in("100", "hi")
		w.update(func(tx store.Tx) error {
			_, err := w.d.Transfer(tx, w.last1(tx), Target{Department: "billing"}, sam)
			return err
		})
		w.chat.mu.Lock()
		w.chat.down = false
		w.chat.mu.Unlock()
		w.settle()
		w.settle()
		c := w.conv()
		if c.CardRef == "" || len(c.OldCards) != 1 || c.Channel != billing {
			t.Errorf("conversation = %+v, want both cards known", c)
		}
	})
}

// last1 is the newest conversation's id, inside a transaction.
func (w *world) last1(tx store.Tx) string {
	for c, err := range conversations().Scan(tx, store.Range{Reverse: true, Limit: 1}) {
		if err == nil {
			return c.ID
		}
	}
	return ""
}

func TestPublicAnswer(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.in("500", "@acme your app is down", func(in *Inbound) { in.Kind, in.XConversation = Mention, "500" })

		ref := w.write(sam, "We are on it: https://status.example.com")
		contains(t, "told", w.told(sam).msg.Text, "Not sent. Claim this conversation to answer.")
		send := buttons(w.told(sam).msg)["desk.send"]
		if send.Label != "Claim and preview" {
			t.Errorf("button = %q", send.Label)
		}
		w.press(sam, "desk.send", send.Value)
		if len(w.x.posts) != 0 {
			t.Fatal("it was posted without a look at it")
		}
		var pv *bot.Preview
		for _, b := range w.last().msg.Blocks {
			if b.Preview != nil {
				pv = b.Preview
			}
		}
		if pv == nil || pv.Account != "acme" || pv.Limit != 280 || len(pv.Counts) != 1 || pv.Counts[0] != 37 {
			t.Fatalf("preview = %+v, want 14 characters and 23 for the address", pv)
		}
		preview := w.last()
		equal(t, "buttons", buttonIDs(preview.msg), []string{"desk.discard", "desk.post"})
		w.press(sam, "desk.post", w.message(ref).ID)
		if len(w.x.posts) != 1 || w.x.posts[0].ReplyTo != "500" || w.x.posts[0].Account != acme {
			t.Errorf("posted = %+v", w.x.posts)
		}
		contains(t, "what was the preview", preview.msg.Text, "✅ Posted: https://x.com/acme/status/9001")
		equal(t, "reactions", w.reactions(ref), []string{markSent})
		w.press(sam, "desk.post", w.message(ref).ID)
		if len(w.x.posts) != 1 {
			t.Errorf("%d posts after a second press, want 1", len(w.x.posts))
		}

		// The owner's words are never public by themselves either.
		ref = w.write(sam, strings.Repeat("x", 281))
		contains(t, "told", w.told(sam).msg.Text, "public: look at it first")
		w.press(sam, "desk.send", w.message(ref).ID)
		contains(t, "told", w.told(sam).msg.Text, "X counts 281 characters and takes 280. Shorten it by 1")
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Text: "short"})
		w.press(sam, "desk.send", w.message(ref).ID)
		w.press(sam, "desk.discard", w.message(ref).ID)
		contains(t, "thread", w.last().msg.Text, "Nothing was posted")
		if len(w.x.posts) != 1 {
			t.Errorf("posted = %+v", w.x.posts)
		}
	})
}

func code(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

func TestDuty(t *testing.T) {
	w := newWorld(t, Settings{})
	sam, lee, rio := agents()
	w.duty(sam, lee)
	w.duty(sam)
	w.update(func(tx store.Tx) error {
		who, err := w.d.Who(tx, "support")
		if err != nil || len(who) != 2 || who[0].Name != "Sam" || who[1].Name != "Lee" {
			t.Errorf("Who = %+v, %v", who, err)
		}
		if _, err := w.d.On(tx, "support", rio, "test"); code(err) != CodeNotAgent {
			t.Errorf("On(Rio): %v, want only agents on duty", err)
		}
		if _, err := w.d.On(tx, "nope", sam, "test"); code(err) != CodeNotFound {
			t.Errorf("On(nope): %v", err)
		}
		if was, err := w.d.Off(tx, "", sam.Ref); !was || err != nil {
			t.Errorf("Off = %t, %v", was, err)
		}
		if was, err := w.d.Off(tx, "support", sam.Ref); was || err != nil {
			t.Errorf("Off again = %t, %v", was, err)
		}
		if on, err := w.d.OnDuty(tx, "support", lee.Ref); !on || err != nil {
			t.Errorf("OnDuty(Lee) = %t, %v", on, err)
		}
		return nil
	})
}

func TestSettings(t *testing.T) {
	w := newWorld(t, Settings{Welcome: "from the config"})
	tests := []struct {
		key, value string
		want       string // as it is kept; an error's words if bad
		bad        bool
	}{
		{"default_department", "Billing", "zbilling", false},
		{"default_department", "sales", `no department "sales"`, true},
		{"default_department", " ", "", false},
		{"welcome", " Hi! ", "Hi!", false},
		{"welcome", "", "", false},
		{"finished", strings.Repeat("x", MaxText+5), "Shorten it by 5", true},
		{"service_unavailable", strings.Repeat("é", MaxText), strings.Repeat("é", MaxText), false},
		{"agents_display_name", "Name", "name", false},
		{"agents_display_name", "nick", "none, name or username", true},
		{"file_upload", "on", "true", false},
		{"file_upload", "maybe", "on or off", true},
		{"max_upload", "5MB", "5242880", false},
		{"max_upload", "700 kb", "716800", false},
		{"max_upload", "15m", "15728640", false},
		{"max_upload", "0", "512MB", true},
		{"max_upload", "10", "No picture has as little as 10 bytes", true},
		{"max_upload", "513MB", "512MB", true},
		{"max_upload", "9223372036854775807GB", "512MB", true},
		{"media_types", "image/*, Video/MP4,", "image/*, video/mp4", false},
		{"media_types", "image/png image/gif", "image/png, image/gif", false},
		{"media_types", "*/*", "", false},
		{"media_types", "image/*, application/pdf", "application/pdf can't go to X", true},
		{"media_types", "image", `"image" is no media type`, true},
		{"media_types", "image/png; q=1", "no media type", true},
		{"reply_mode", "claimed", "claimed", false},
		{"reply_mode", "everybody", "Choose claimed", true},
		{"colour", "red", "There is no such setting", true},
	}
	for _, tt := range tests {
		w.update(func(tx store.Tx) error {
			s, err := w.d.Set(tx, tt.key, tt.value, "webchat:U_ada")
			if !tt.bad {
				if err != nil || s.Value(tt.key) != tt.want {
					t.Errorf("Set(%s, %q) = %q, %v, want %q", tt.key, tt.value, s.Value(tt.key), err, tt.want)
				}
				if now, err := w.d.Settings(tx); err != nil || now.Value(tt.key) != tt.want {
					t.Errorf("%s is %q, %v, want %q", tt.key, now.Value(tt.key), err, tt.want)
				}
				return nil
			}
			var e *Error
			if !asError(err, &e) {
				t.Errorf("Set(%s, %q): %v, want an error for people", tt.key, tt.value, err)
				return nil
			}
			contains(t, tt.key, e.Message, tt.want)
			return nil
		})
	}
	w.update(func(tx store.Tx) error {
		log, err := w.d.SettingChanges(tx, 100)
		if err != nil || len(log) == 0 {
			t.Fatalf("SettingChanges = %v, %v", log, err)
		}
		first := log[len(log)-1]
		if first.Key != "default_department" || first.Now != "zbilling" || first.By != "webchat:U_ada" || first.At.IsZero() {
			t.Errorf("first change = %+v", first)
		}
		for _, c := range log {
			if c.Was == c.Now {
				t.Errorf("%+v changed nothing", c)
			}
			if c.Key == "welcome" && c.Now == "Hi!" && c.Was != "from the config" {
				t.Errorf("welcome was %q, want what the configuration had", c.Was)
			}
		}
		return nil
	})
}
