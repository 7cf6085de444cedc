package rocketchat

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

func TestSpoken(t *testing.T) {
	for _, c := range []struct{ in, kept, passed string }{
		{"/twitter authorize", "!twitter authorize", "/twitter authorize"},
		{"See: /twitter help", "See: !twitter help", "See: /twitter help"},
		{"Tell me one of: /twitter, /incident, /timeline, /duty.", "Tell me one of: !twitter, !incident, !timeline, !duty.", "Tell me one of: /twitter, /incident, /timeline, /duty."},
		{"/duty /duty", "!duty !duty", "/duty /duty"},
		{"“/duty on”", "“!duty on”", "“/duty on”"},
		{"https://x.com/twitter and a/twitter b", "https://x.com/twitter and a/twitter b", "https://x.com/twitter and a/twitter b"},
		{"/twitter/x, /twitters, /weather", "/twitter/x, /twitters, /weather", "/twitter/x, /twitters, /weather"},
		{"@perch note Hi", "@twitter.bot note Hi", "@twitter.bot note Hi"},
		{"without @perch.", "without @twitter.bot.", "without @twitter.bot."},
		{"Did you mean @perch claim? All: @perch help.", "Did you mean @twitter.bot claim? All: @twitter.bot help.", "Did you mean @twitter.bot claim? All: @twitter.bot help."},
		{"a@perch.example, @perch.io, @perching", "a@perch.example, @perch.io, @perching", "a@perch.example, @perch.io, @perching"},
	} {
		if got := spoken(c.in, false, "twitter.bot"); got != c.kept {
			t.Errorf("kept: %q = %q, want %q", c.in, got, c.kept)
		}
		if got := spoken(c.in, true, "twitter.bot"); got != c.passed {
			t.Errorf("passed: %q = %q, want %q", c.in, got, c.passed)
		}
	}
}

// TestSpokenIsHeard shows that what people are told to write is understood, as
// it stands and as they copy it.
func TestSpokenIsHeard(t *testing.T) {
	d := decoder{person{ID: "Ubot", Username: "twitter.bot"}}
	for _, in := range []string{"/twitter authorize", "/incident new Trains stand", "@perch help"} {
		for _, span := range []bot.Span{bot.Plain(spoken(in, false, "twitter.bot")), bot.Code(spoken(in, false, "twitter.bot"))} {
			shown := strings.Trim(spans([]bot.Span{span}, nil, nil), "`")
			if _, ok := d.order(bot.Event{}, message{Text: shown}, "p"); !ok {
				t.Errorf("%q is shown as %q, which is no order", in, shown)
			}
		}
	}
}

// inside carries requests to a stand-in without a network.
type inside struct{ *rcfake.Server }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	i.Handler().ServeHTTP(w, r)
	return w.Result(), nil
}

// TestSpokenInRooms shows what people read, as the workspace is set at the time.
func TestSpokenInRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rcfake.New(rcfake.Options{})
		defer s.Close()
		s.AddUser(rcfake.User{Username: "ada"})
		room := s.AddRoom("support", true, "ada", "twitter.bot")
		id, token := s.Bot()
		a, err := New(Options{URL: "http://chat.example.com", UserID: id, Token: token, HTTP: &http.Client{Transport: inside{s}}})
		if err != nil {
			t.Fatal(err)
		}
		read := func(key string) string {
			t.Helper()
			_, err := a.Post(t.Context(), bot.Message{
				Channel: roomRef(room), Key: key, Text: "x", Blocks: []bot.Block{
					bot.Para(bot.Plain("See: "), bot.Code("/twitter help")), bot.Context(bot.Plain("Or @perch help.")), bot.Quote("I typed /twitter help @perch"),
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			all := s.Messages(room)
			return strings.ReplaceAll(all[len(all)-1].Text, joiner, "")
		}
		const quoted = "I typed /twitter help @perch"
		if got := read("1"); !strings.Contains(got, "`!twitter help`") || !strings.Contains(got, "Or @twitter.bot help.") || !strings.Contains(got, quoted) {
			t.Errorf("kept: %q", got)
		}
		s.Set("Message_AllowUnrecognizedSlashCommand", true)
		if got := read("2"); !strings.Contains(got, "`!twitter help`") {
			t.Errorf("it asks each time: %q", got)
		}
		time.Sleep(spokenEvery + time.Second)
		if got := read("3"); !strings.Contains(got, "`/twitter help`") || !strings.Contains(got, "Or @twitter.bot help.") {
			t.Errorf("passed: %q", got)
		}
		s.AddFault(rcfake.Fault{Route: "GET settings.public", Times: -1, Status: http.StatusForbidden})
		time.Sleep(spokenEvery + time.Second)
		if got := read("4"); !strings.Contains(got, "`/twitter help`") {
			t.Errorf("what was known is forgotten: %q", got)
		}
	})
}

// Where the workspace reads formulas, prices are prices nevertheless: in rooms,
// and in what customers write.
func TestPricesAreNoFormulas(t *testing.T) {
	for _, on := range []bool{false, true} {
		w := newTeam(t)
		w.Set("Katex_Enabled", true)
		w.Set("Katex_Dollar_Syntax", on)
		a := w.adapter(t)
		want := "from $5 to $10"
		if on {
			want = "from \uFF045 to \uFF0410"
		}
		m := bot.Message{Channel: roomRef(w.room), Key: "k", Blocks: []bot.Block{bot.Para(bot.Plain("from $5 to $10"), bot.Link(" see", "https://x.com/?a=$1&b=$2"))}}
		_, err := a.Post(t.Context(), m)
		must(t, err)
		all := w.Messages(w.room)
		if got := strings.ReplaceAll(all[len(all)-1].Text, joiner, ""); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "(https://x.com/?a=%241&b=%242)") {
			t.Errorf("formulas %v: %q", on, got)
		}
		if got := a.parts(t.Context(), "from $5 to $10", 0); got[0] != want {
			t.Errorf("formulas %v, a customer: %q", on, got)
		}
	}
}
