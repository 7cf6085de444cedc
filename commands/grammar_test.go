package commands

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func TestParseOptions(t *testing.T) {
	vis := func(v string) map[string]string { return map[string]string{"visibility": v} }
	tests := []struct {
		in    string
		flags map[string]string
		text  string
		err   string // part of the refusal
	}{
		{"We found it", nil, "We found it", ""},
		{"--visibility internal We found it", vis("internal"), "We found it", ""},
		{"--visibility=internal We found it", vis("internal"), "We found it", ""},
		{"visibility:internal We found it", vis("internal"), "We found it", ""},
		{"--v internal x", vis("internal"), "x", ""},
		{"--VISIBILITY internal x", vis("internal"), "x", ""},
		{`--visibility "status page + twitter" x`, vis("status page + twitter"), "x", ""},
		{`--visibility 'status page' x`, vis("status page"), "x", ""},
		{"--visibility “status page” x", vis("status page"), "x", ""},
		{"--visibility ‘status page’ x", vis("status page"), "x", ""},
		{"--visibility „status page” x", vis("status page"), "x", ""},
		{"--visibility «status page» x", vis("status page"), "x", ""},
		{`--visibility “status page" x`, vis("status page"), "x", ""},
		{"—visibility internal x", vis("internal"), "x", ""}, // what a phone makes of --
		{"–visibility internal x", vis("internal"), "x", ""},
		{"  --visibility   internal   x  ", vis("internal"), "x", ""},
		{"--visibility internal\nTwo\nlines", vis("internal"), "Two\nlines", ""},
		{"--visibility internal --account @acme x", map[string]string{"visibility": "internal", "account": "@acme"}, "x", ""},
		{"We found it --visibility internal", vis("internal"), "We found it", ""},
		{`We found it --visibility "status page"`, vis("status page"), "We found it", ""},
		{"We found it —visibility twitter", vis("twitter"), "We found it", ""},
		{"--visibility internal x --visibility twitter", vis("internal"), "x", ""},
		{"a --visibility internal b", nil, "a --visibility internal b", ""}, // in the middle it is text
		{"https://status.acme.example is up", nil, "https://status.acme.example is up", ""},
		{"time: now", nil, "time: now", ""},
		{"Note: all is well", nil, "Note: all is well", ""},
		{"x --force", nil, "x --force", ""},
		{"it's fixed", nil, "it's fixed", ""},
		{"a -- b", nil, "a -- b", ""},
		{"— well, no", nil, "— well, no", ""},
		{"", nil, "", ""},
		{"--wat x", nil, "", "There is no --wat here."},
		{"--visibility", nil, "", "--visibility needs a value"},
		{"--visibility= x", vis("x"), "", ""},
		{`--visibility "internal x`, nil, "", "A quote is opened"},
		{strings.Repeat("x", maxText+1), nil, "", "too long"},
		{"\xff", nil, "", "no proper text"},
	}
	for _, tt := range tests {
		got, err := parseOptions(tt.in, visibilityFlags)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("parseOptions(%.60q) = %v, want %q", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || got.text != tt.text || !maps.Equal(got.flags, tt.flags) {
			t.Errorf("parseOptions(%q) = %q %q, %v, want %q %q", tt.in, got.flags, got.text, err, tt.flags, tt.text)
		}
	}
}

func TestIsIncidentRef(t *testing.T) {
	for s, want := range map[string]bool{
		"INC-4": true, "inc-4": true, "Inc-12": true, "#4": true, "4": false, "INC-": false, "#": false, "INC-4x": false, "#hash": false, "": false,
	} {
		if got := isIncidentRef(s); got != want {
			t.Errorf("isIncidentRef(%q) = %t, want %t", s, got, want)
		}
	}
}

// No text of a person makes Perch fail, answer anybody else, or send anything
// to X that nobody saw first.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"help", "new --severity sev1 Checkout is slow", `add INC-1 --visibility "status page + twitter" Fixed`, "add twitter", "add —visibility twitter x",
		"workflow add --on created {{ incident.title", "workflow delete 1", "severity INC-1 sev2", "resolve INC-1 done", "on support", "unauthorize @acme",
		"settings welcome {{x}}", "default @acme", "add #1 visibility:“twitter” x", "\x00\xff", "  \u202e  ", strings.Repeat("--v ", 50), "add INC-99999999999999999999 x",
		"new " + strings.Repeat("🧨", 300), "workflow on 99999999999999999999",
	} {
		for n := range uint8(4) {
			f.Add(n, uint8(0), s)
		}
		f.Add(uint8(4), uint8(n8(s)), s)
	}
	w := newWorld(f, cast{}, incident.Policy{})
	ada, rio, sam, max := people()
	users := []bot.User{ada, rio, sam, max}
	w.update(func(tx store.Tx) error {
		_, err := w.inc.Create(tx, incident.New{Title: "One", Channel: string(incidents), By: incident.Person{Ref: "webchat:U_rio"}})
		return err
	})
	var ids []string
	for id := range w.r.buttons {
		ids = append(ids, id)
	}
	for id := range w.r.forms {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	n := 0
	f.Fuzz(func(t *testing.T, command, who uint8, text string) {
		n++
		ev := bot.Event{
			ID: "f" + time.Now().Format(time.RFC3339Nano), Platform: "webchat", Kind: bot.EventCommand, At: time.Now(),
			User: users[int(who)%len(users)], Channel: elsewhere, Text: text, Trigger: "t",
		}
		switch c := int(command) % 7; c {
		case 0, 1, 2, 3:
			ev.Command = "/" + w.r.commands[c].name
		case 4: // a mention of the bot
		case 5:
			ev.Kind, ev.Action, ev.Value = bot.EventAction, ids[n%len(ids)], text
		default:
			ev.Kind, ev.Action, ev.Value = bot.EventSubmit, ids[n%len(ids)], text
			ev.Fields = map[string]string{"title": text, "text": text, "severity": text, "visibility": text, "summary": text}
		}
		errRolledBack := &refusal{"rolled back"}
		err := w.db.Update(t.Context(), func(tx store.Tx) error {
			if err := w.r.Handle(tx, ev); err != nil {
				t.Errorf("%s %.200q: %v", ev.Command+ev.Action, text, err)
			}
			queued, err := w.ob.ByState(tx, outbox.Queued, 1000)
			if err != nil {
				return err
			}
			for _, a := range queued {
				if a.Kind == accounts.KindPost || a.Kind == accounts.KindDM || a.Kind == accounts.KindDelete {
					t.Errorf("%s %.200q: queued a %s that nobody saw: %s", ev.Command, text, a.Kind, a.Payload)
				}
			}
			return errRolledBack
		})
		if err != errRolledBack { //nolint:errorlint // it is never wrapped
			t.Logf("update: %v", err)
		}
	})
}

func n8(s string) int { return len(s) % 4 }

// Which incident a command is about.
func TestWhichIncident(t *testing.T) {
	_, rio, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		has(t, "with none", w.say(rio, "/timeline add x"), "No incident is open")
		w.say(rio, "/incident new First")
		has(t, "the only one", w.say(rio, "/timeline add found it"), "Added to INC-1")
		w.say(rio, "/incident new Second")
		has(t, "two of them", w.say(rio, "/timeline add x"), "Which incident?", "INC-1 (First)", "INC-2 (Second)")
		has(t, "two of them", w.say(rio, "/incident resolve"), "Which incident?")
		for _, ref := range []string{"INC-1", "#1", "inc-1"} {
			has(t, ref, w.say(rio, "/timeline add "+ref+" x"), "Added to INC-1")
		}
		has(t, "behind the options", w.say(rio, "/timeline add --visibility internal INC-2 x"), "Added to INC-2")
		if got := w.say(rio, "/timeline add in the thread", inThread(w.root(2))); got != "" {
			t.Errorf("in the thread the entry is the answer, got %q", got)
		}
		has(t, "thread", w.channel(incidents), "in the thread")
		has(t, "severity in the thread", w.say(rio, "/incident severity sev2", inThread(w.root(2))), "INC-2 is now sev2.")
		has(t, "another in its thread", w.say(rio, "/timeline add INC-1 x", inThread(w.root(2))), "Added to INC-1")
		has(t, "unknown", w.say(rio, "/timeline add INC-77 x"), `no incident`)
		has(t, "huge", w.say(rio, "/timeline add INC-99999999999999999999 x"), `no incident`)
		w.say(rio, "/incident resolve INC-1 all good")
		has(t, "one is left", w.say(rio, "/timeline add x"), "Added to INC-2")
		// An incident of another channel is not meant where that channel has its own.
		w.update(func(tx store.Tx) error {
			_, err := w.inc.Create(tx, incident.New{Title: "Third", Channel: string(elsewhere), Source: incident.FromAPI})
			return err
		})
		synctest.Wait()
		has(t, "channel", w.say(rio, "/timeline add here"), "Added to INC-3")
		has(t, "channel", w.say(rio, "/timeline add there", inChannel(incidents)), "Added to INC-2")
	})
}
