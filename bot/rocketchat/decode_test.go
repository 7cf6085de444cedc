package rocketchat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
)

// TestDecodeOrders shows what is taken for an order to the bot, and whose.
func TestDecodeOrders(t *testing.T) {
	const (
		from  = `"_id":"m1","rid":"R1","u":{"_id":"Uada","username":"ada","name":"Ada"}`
		quote = "[ ](https://chat.example.com/group/x?msg=abc) "
	)
	for _, c := range []struct{ name, kind, more, text, want string }{
		{"by a slash", "p", "", "/twitter help", "command /twitter: help"},
		{"by a mark", "p", "", "!Twitter help", "command /twitter: help"},
		{"on two lines", "p", "", "!timeline\nadd all is well", "command /timeline: add all is well"},
		{"text on more lines", "p", "", "!timeline add one\ntwo", "command /timeline: add one\ntwo"},
		{"a wide space", "p", "", "!twitter\u00a0help", "command /twitter: help"},
		{"by name", "p", "", "@twitter.bot authorize", "command : authorize"},
		{"by name in capitals", "p", "", "@Twitter.Bot: authorize", "command : authorize"},
		{"the name alone", "p", "", "@twitter.bot", "command : "},
		{"name, then slash", "p", "", "@twitter.bot, /incident list", "command /incident: list"},
		{"name, then a line", "p", "", "@twitter.bot\nincident\nlist", "command : incident\nlist"},
		{"another's name", "p", "", "@twitter.bots help", "message : @twitter.bots help"},
		{"inside a sentence", "p", "", "ask @twitter.bot help", "message : ask @twitter.bot help"},
		{"another's command", "p", "", "!weather", "message : !weather"},
		{"under a quotation", "p", "", quote + "@twitter.bot authorize", "command : authorize"},
		{"copied from the bot", "p", "", "!\u2060twitter help", "command /twitter: help"},
		{"copied, by name", "p", "", "@\u2060twitter.bot authorize", "command : authorize"},
		{"to the bot alone", "d", "", "authorize", "command : authorize"},
		{"a button", "p", "", "!perch twitter.start .p1 a%2Fb", "action twitter.start: a/b on p1"},
		{"one that asks", "p", "", "!perch desk.retry .p1 m1 ? The *customer* gets it twice. Again?", "action desk.retry: m1 on p1, ask The customer gets it twice. Again?"},
		{"one that asks, without a value", "p", "", "!perch desk.retry .p1 ? Again?", "action desk.retry:  on p1, ask Again?"},
		{"one that asks nothing", "p", "", "!perch desk.retry .p1 ?", "action desk.retry: ? on p1"},
		{"half a button", "p", "", "!perch twitter.start", "message : !perch twitter.start"},
		{"a button under a quotation", "p", "", quote + "!perch twitter.start .p1", "action twitter.start:  on p1"},

		{"changed by its author", "p", `"editedAt":"2026-11-22T08:00:00Z","editedBy":{"_id":"Uada"}`, "!twitter help", "command /twitter: help"},
		{"changed by another", "p", `"editedAt":"2026-11-22T08:00:00Z","editedBy":{"_id":"Umod"}`, "!twitter help", ""},
		{"a button by another", "p", `"editedAt":"2026-11-22T08:00:00Z","editedBy":{"_id":"Umod"}`, "!perch twitter.start .p1", ""},
		{"alone, by another", "d", `"editedAt":"2026-11-22T08:00:00Z","editedBy":{"_id":"Umod"}`, "authorize", ""},
		{"words by another", "p", `"editedAt":"2026-11-22T08:00:00Z","editedBy":{"_id":"Umod","username":"mod"}`, "hello", "message : hello|message_edited : hello"},
		{"an integration", "p", `"bot":{"i":"int1"}`, "!twitter help", ""},
		{"an integration's button", "p", `"bot":{"i":"int1"}`, "!perch twitter.start .p1", ""},
		{"an integration's words", "p", `"bot":{"i":"int1"}`, "hello", ""},
		{"another bot, alone", "d", `"bot":{"i":"js.SDK"}`, "I did not understand you.", ""},
		{"no integration", "p", `"bot":null`, "!twitter help", "command /twitter: help"},
		{"a customer", "p", `"token":"perch1"`, "!twitter help", ""},
		{"the server's own", "p", `"t":"uj"`, "!twitter help", ""},

		{"an answer", "l", "", "hello", "message : hello"},
		{"a customer's button", "l", `"token":"perch1"`, "!perch desk.retry .p1 m1", ""},
		{"said beside the answer", "l", "", quote + "@twitter.bot note they called", "command : note they called"},
		{"an agent's button", "l", "", "!perch desk.retry .p1 m1", "action desk.retry: m1 on p1"},
		{"half a button in it", "l", "", "!perch desk", "command : help"},
		{"under a quotation in it", "l", "", quote + "!perch desk", "command : help"},
		{"an agent's, by another", "l", `"editedAt":"2026-11-22T08:00:00Z","editedBy":{"_id":"Umod"}`, "!perch desk.retry .p1 m1", ""},
	} {
		text, err := json.Marshal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		raw := `{` + from + `,"msg":` + string(text)
		if c.more != "" {
			raw += "," + c.more
		}
		var m message
		if err := json.Unmarshal([]byte(raw+"}"), &m); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, ev := range (decoder{person{ID: "Ubot", Username: "twitter.bot"}}).events(m, c.kind) {
			s := string(ev.Kind) + " " + ev.Command + ev.Action + ": " + ev.Text + ev.Value
			if ev.Kind == bot.EventAction {
				s += " on " + strings.TrimPrefix(string(ev.Message), "rocketchat:R1:")
				if ev.Ask != "" {
					s += ", ask " + ev.Ask
				}
			}
			got = append(got, s)
		}
		if all := strings.Join(got, "|"); all != c.want {
			t.Errorf("%s: %q = %q, want %q", c.name, c.text, all, c.want)
		}
	}
}

// TestDecodeNames shows that an event says whom its text names.
func TestDecodeNames(t *testing.T) {
	const raw = `{"_id":"m1","rid":"R1","u":{"_id":"Uada","username":"ada"},"msg":"@twitter.bot @rio @all @crew #ops",
		"mentions":[{"_id":"Ubot","username":"twitter.bot","type":"user"},{"_id":"Urio","username":"rio","name":"Rio","type":"user"},
			{"_id":"all","username":"all"},{"_id":"T1","type":"team","username":"crew"},{"_id":"bad id","username":"x"}],
		"channels":[{"_id":"R2","name":"ops"}]}`
	want := []bot.Named{
		{Text: "@rio", Name: "Rio", User: "rocketchat:Urio"},
		{Text: "@all", Group: "rocketchat:all"},
		{Text: "@crew", Group: "rocketchat:T1"},
		{Text: "#ops", Channel: "rocketchat:R2"},
	}
	for _, kind := range []string{"p", "l"} {
		var m message
		if err := json.Unmarshal([]byte(raw), &m); err != nil {
			t.Fatal(err)
		}
		evs := (decoder{person{ID: "Ubot", Username: "twitter.bot"}}).events(m, kind)
		if len(evs) != 1 {
			t.Fatalf("%s: %d events", kind, len(evs))
		}
		if diff := cmp.Diff(want, evs[0].Names); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", kind, diff)
		}
	}
}

// FuzzPress shows that what a button writes is read as it was meant, and that
// nothing else makes an event that belongs to another room.
// A time that JSON has no form for would keep its event, and all behind it, from
// being stored.
func TestDecodeTimes(t *testing.T) {
	for raw, want := range map[string]string{
		`{"$date":1795359608033}`:     "2026-11-22T15:00:08.033Z",
		`"2026-11-22T16:00:08+01:00"`: "2026-11-22T15:00:08Z",
		`""`:                          "0001-01-01T00:00:00Z",
		`{"$date":253402300800000}`:   "", // the year 10000
		`{"$date":-99999999999999}`:   "", // before the year 0
		`{"$date":1e99}`:              "",
		`{"$date":"soon"}`:            "",
		`"9999-12-31T23:59:59-14:00"`: "",
		`"yesterday"`:                 "",
		`7`:                           "",
	} {
		var m moment
		got, err := "", json.Unmarshal([]byte(raw), &m)
		if err == nil {
			b, merr := json.Marshal(m.Time)
			if got = strings.Trim(string(b), `"`); merr != nil {
				got = merr.Error()
			}
		}
		if got != want {
			t.Errorf("%s is %q, %v; want %q", raw, got, err, want)
		}
	}
}

func FuzzPress(f *testing.F) {
	f.Add("desk.retry", "01J a/b", "pABC", "!perch twitter.start .p1 a%2Fb", "Send it *again*?")
	f.Add("x", "", "p", "!perch  x .p", "")
	f.Fuzz(func(t *testing.T, id, value, on, text, ask string) {
		if idRE.MatchString(on) && strings.TrimSpace(id) != "" {
			written := pressed(bot.Button{ID: id, Value: value, Confirm: ask}, on)
			// What the person writes is what the event is read from.
			p, ok := press(strings.ReplaceAll(written, joiner, ""))
			if !ok || p.button != id || p.message != on || p.value != value {
				t.Errorf("press(%q) = %+v, %v", written, p, ok)
			}
			if plain := strings.TrimSpace(clean(ask)); p.ask == "" && strings.ContainsFunc(plain, isWord) {
				t.Errorf("press(%q) asks nothing, want %q", written, ask)
			}
		}
		if p, ok := press(text); ok && (p.button == "" || messageRef("R", p.message) == "") {
			t.Errorf("press(%q) = %+v", text, p)
		}
	})
}
