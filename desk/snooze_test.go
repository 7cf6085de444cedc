package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

func TestSnooze(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, rio := talk(w)
		id := w.conv().ID
		w.event(bot.Event{Kind: bot.EventAction, User: sam, Action: "desk.snooze", Value: id, Trigger: "t1"})
		form := w.chat.forms[len(w.chat.forms)-1]
		if form.ID != "desk.snooze" || form.Value != id || len(form.Inputs) != 2 || len(form.Inputs[0].Options) < 3 {
			t.Fatalf("form = %+v", form)
		}
		w.event(bot.Event{Kind: bot.EventSubmit, User: rio, Action: "desk.snooze", Value: id, Fields: map[string]string{"for": "1h"}})
		contains(t, "told", w.told(rio).msg.Text, "Only agents")
		w.event(bot.Event{Kind: bot.EventSubmit, User: sam, Action: "desk.snooze", Value: id, Fields: map[string]string{"for": "1h"}})
		c := w.conv()
		if c.State != Snoozed || c.Owner != sam.Ref || !c.SnoozedUntil.After(time.Now().Add(59*time.Minute)) {
			t.Fatalf("conversation = %+v, want it snoozed for an hour", c)
		}
		contains(t, "card", all(w.card().msg), "Snoozed until "+clock(c.SnoozedUntil))
		equal(t, "buttons", buttonIDs(w.card().msg), []string{"desk.close", "desk.open", "desk.snooze", "desk.transfer", "desk.wake"})
		w.pass(58 * time.Minute)
		if w.conv().State != Snoozed {
			t.Error("it came back too early")
		}
		w.pass(3 * time.Minute)
		if c := w.conv(); c.State != Claimed || !c.SnoozedUntil.IsZero() {
			t.Errorf("conversation = %+v, want it with Sam again", c)
		}
		contains(t, "note", all(w.last().msg), "the snooze is over", `"mention":"webchat:U_sam"`)
		contains(t, "card", all(w.card().msg), "Sam is on it")
		n := len(w.thread())
		w.pass(2 * time.Hour)
		if len(w.thread()) != n {
			t.Errorf("thread = %q, want the end of a snooze told once", w.thread())
		}
	})
}

func TestCustomerEndsSnooze(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := talk(w)
		id := w.conv().ID
		w.write(sam, "I'll look into it")
		w.event(bot.Event{Kind: bot.EventSubmit, User: lee, Action: "desk.snooze", Value: id, Fields: map[string]string{"for": "1h", "until": "tomorrow 14:00"}})
		if c := w.conv(); c.State != Snoozed || c.SnoozedUntil.Hour() != 14 || c.Owner != sam.Ref {
			t.Fatalf("conversation = %+v, want it snoozed until 14:00 and still Sam's", c)
		}
		w.write(sam, "One more thing") // an answer doesn't end it
		if c := w.conv(); c.State != Snoozed {
			t.Errorf("state = %q after an answer", c.State)
		}
		w.in("101", "thanks")
		if c := w.conv(); c.State != Claimed {
			t.Errorf("state = %q, want it back with Sam", c.State)
		}
		th := w.thread()
		contains(t, "thread", strings.Join(th, "\n"), "Sam: the customer wrote, so the snooze is over.")
		if th[len(th)-1] != "thanks" {
			t.Errorf("thread = %q, want the message last", th)
		}
		equal(t, "sent", w.x.texts(), []string{"I'll look into it", "One more thing"})
	})
}

func TestSnoozeUnclaimed(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := agents()
		w.in("100", "hi")
		id := w.conv().ID
		w.press(sam, "desk.snooze.for", id+" 4h")
		if c := w.conv(); c.State != Snoozed || c.Owner != sam.Ref {
			t.Errorf("conversation = %+v, want it Sam's: it comes back to somebody", c)
		}
		w.press(lee, "desk.wake", id)
		contains(t, "note", all(w.last().msg), "Lee ended the snooze", `"mention":"webchat:U_sam"`)
		w.press(sam, "desk.snooze.for", id+" 4h")
		w.press(sam, "desk.claim", id)
		if c := w.conv(); c.State != Claimed || !c.SnoozedUntil.IsZero() || !c.Alarm.IsZero() {
			t.Errorf("conversation = %+v, want the claim of its owner to end the snooze", c)
		}
		w.press(sam, "desk.snooze.for", id+" 4h")
		w.press(sam, "desk.close", id)
		n := len(w.thread())
		w.pass(5 * time.Hour)
		if c := w.conv(); c.State != Closed || len(w.thread()) != n {
			t.Errorf("conversation = %+v, thread = %q, want a closed one left alone", c, w.thread()[n:])
		}
		w.press(sam, "desk.snooze", id)
		contains(t, "told", w.told(sam).msg.Text, "closed")
		w.press(sam, "desk.snooze.for", id+" blah")
		contains(t, "told", w.told(sam).msg.Text, "no time that I know")
	})
}

func TestParseSnooze(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 30, 15, 0, time.UTC) // a Sunday
	for text, want := range map[string]string{
		"30m": "2026-11-22 11:00:15", "2h": "2026-11-22 12:30:15", "1h30m": "2026-11-22 12:00:15", "2 hours": "2026-11-22 12:30:15",
		"for 3 days": "2026-11-25 10:30:15", "1w": "2026-11-29 10:30:15", "until 17:30": "2026-11-22 17:30:00", "17:30 UTC": "2026-11-22 17:30:00",
		"9:00": "2026-11-23 09:00:00", "10:30": "2026-11-23 10:30:00", "Tomorrow": "2026-11-23 09:00:00", "tomorrow at 14:15": "2026-11-23 14:15:00",
		"monday": "2026-11-23 09:00:00", "sun": "2026-11-29 09:00:00", "Friday 08:00": "2026-11-27 08:00:00", "2026-12-24": "2026-12-24 09:00:00",
		"2026-12-24 18:00": "2026-12-24 18:00:00",
		"":                 "", "soon": "", "0m": "", "-1h": "", "1": "", "h": "", "25:00": "", "tomorrow noon": "", "2026-13-01": "", "1h tomorrow": "",
		"99999999999999999999d": "", "9999w9999w": "", "until": "", "1d 2d 3d 4d 5d": "",
	} {
		got, ok := parseSnooze(text, at)
		if ok != (want != "") || ok && got.Format(time.DateTime) != want {
			t.Errorf("parseSnooze(%q) = %s, %t, want %q", text, got.Format(time.DateTime), ok, want)
		}
	}
}

func FuzzParseSnooze(f *testing.F) {
	for _, s := range []string{"2h", "tomorrow 14:00", "1h30m", "2026-12-24", "for 3 days", "monday at 9:00 utc"} {
		f.Add(s, int64(1_795_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, sec int64) {
		at := time.Unix(sec%(1<<33), 0)
		got, ok := parseSnooze(text, at)
		if !ok {
			return
		}
		if got.Location() != time.UTC {
			t.Errorf("parseSnooze(%q) is in %s", text, got.Location())
		}
		if !strings.Contains(text, "-") && !got.After(at) {
			t.Errorf("parseSnooze(%q) at %s = %s, which is over", text, at, got)
		}
	})
}

func TestReminder(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Remind = 10 * time.Minute
		sam, lee, _ := agents()
		w.duty(sam, lee)
		w.in("100", "hi")
		n := len(w.thread())
		w.pass(5 * time.Minute)
		w.in("101", "hello?")
		n++
		if got := w.thread(); len(got) != n {
			t.Errorf("thread = %q, want nobody called by the second message", got)
		}
		w.pass(6 * time.Minute)
		contains(t, "reminder", all(w.last().msg), "has waited for 10 min", "Press Claim above", `"mention":"webchat:U_sam"`, `"mention":"webchat:U_lee"`)
		n++
		w.pass(3 * time.Hour)
		w.in("102", "anybody?")
		n++
		w.pass(time.Hour)
		if got := w.thread(); len(got) != n {
			t.Errorf("thread = %q, want them called again once", got)
		}

		// Somebody has it and does not answer.
		w.press(sam, "desk.claim", w.conv().ID)
		w.write(sam, "Sorry!")
		w.pass(time.Hour)
		w.in("103", "so?")
		w.pass(11 * time.Minute)
		contains(t, "reminder", all(w.last().msg), "Answer in this thread", `"mention":"webchat:U_sam"`)
		if strings.Contains(all(w.last().msg), "U_lee") {
			t.Error("Lee was called for what Sam has")
		}
		w.write(sam, "Yes.")
		w.in("104", "and?")
		w.update(func(tx store.Tx) error { _, err := w.d.Off(tx, "", sam.Ref); return err })
		w.pass(11 * time.Minute)
		contains(t, "reminder", all(w.last().msg), "Sam has the conversation and is not on duty", "U_sam", "U_lee")

		w.write(sam, "That.")
		n = len(w.thread())
		w.pass(time.Hour)
		if got := w.thread(); len(got) != n {
			t.Errorf("thread = %q, want nobody called for one that is answered", got[n:])
		}
	})
}

func TestReminderWaitsForSomebody(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Remind = 10 * time.Minute
		_, lee, _ := agents()
		w.in("100", "hi")
		n := len(w.thread())
		w.pass(2 * time.Hour)
		if got := w.thread(); len(got) != n {
			t.Errorf("thread = %q, want nobody called while nobody is there", got)
		}
		w.duty(lee)
		w.pass(11 * time.Minute)
		contains(t, "reminder", all(w.last().msg), "has waited for 2 h", `"mention":"webchat:U_lee"`)
	})
}

func TestCardTellsTheTime(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.in("100", "hi")
		contains(t, "card", all(w.card().msg), `"text":"since `)
		edits := func() int { return w.conv().CardEdits }
		w.pass(6 * time.Minute)
		contains(t, "card", all(w.card().msg), "for 5 min, since ")
		n := edits()
		w.pass(time.Hour)
		if got := edits() - n; got < 10 || got > 13 {
			t.Errorf("%d edits in an hour, want one every five minutes", got)
		}
		n = edits()
		w.pass(24 * time.Hour)
		if got := edits() - n; got < 20 || got > 50 {
			t.Errorf("%d edits in the next day, want ever fewer", got)
		}
		contains(t, "card", all(w.card().msg), "for a day, since ")
		w.press(sam, "desk.claim", w.conv().ID)
		w.write(sam, "hello")
		if strings.Contains(all(w.card().msg), `"label":"Waiting"`) {
			t.Error("the card of one who was answered says that they wait")
		}
		n = edits()
		w.pass(time.Hour)
		if got := edits() - n; got != 0 {
			t.Errorf("%d edits while nobody waits", got)
		}
	})
}

// However many wait, their cards don't take what the chat can bear.
func TestCardsTakeTurns(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		for i := range 9 {
			w.in("1"+string(rune('0'+i)), "hi", func(in *Inbound) { in.From.ID = "c" + string(rune('0'+i)) })
		}
		w.wait(7 * time.Minute)
		edits := func() (n int) {
			w.update(func(tx store.Tx) error {
				list, err := w.d.List(tx, Queued, 0)
				for _, c := range list {
					n += c.CardEdits
				}
				return err
			})
			return n
		}
		n := edits()
		for _, want := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 9} {
			w.tick()
			if got := edits() - n; got != want {
				t.Errorf("%d cards were edited, want %d", got, want)
			}
		}
	})
}
