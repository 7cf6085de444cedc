package slack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

func testNames() names {
	return names{look: func(kind byte, id string) string {
		return map[string]string{"@U1": "Ada", "#C1": "general", "&S3": "oncall"}[string(kind)+id]
	}}
}

func TestPlainIsWhatThePersonWrote(t *testing.T) {
	tests := []struct{ in, want string }{
		{"hello *there* &lt;b&gt; &amp; co\nsecond", "hello *there* <b> & co\nsecond"},
		{"&amp;lt;!channel&amp;gt;", "&lt;!channel&gt;"},
		{"hi <@U1> and <@U2|rio> and <@U3>", "hi @Ada and @rio and @…"},
		{"known by a better name <@U1|ada>", "known by a better name @Ada"},
		{"see <#C1> <#C2|support> <#C3|>", "see #general #support #…"},
		{"<!here> <!channel|@channel> <!subteam^S1|@oncall> <!subteam^S2> <!subteam^S3>", "@here @channel @oncall @… @oncall"},
		{"<https://x.com/a?b=1&amp;c=2>", "https://x.com/a?b=1&c=2"},
		{"<http://example.com|example.com>", "example.com"},
		{"<https://example.com/|https://example.com/>", "https://example.com/"},
		{"<http://evil.example|bank.example>", "bank.example (http://evil.example)"},
		{"<mailto:a@b.example|a@b.example>", "a@b.example"},
		{"<!date^1700000000^{date}|Nov 14>", "Nov 14"},
		{"done :white_check_mark: :+1::skin-tone-3: :acme_logo: 12:30:45", "done ✅ 👍 :acme_logo: 12:30:45"},
		{"a < b", "a < b"},
		{"<>", ""},
		{"unclosed <@U1", "unclosed <@U1"},
	}
	for _, tt := range tests {
		if got := plain(tt.in, testNames()); got != tt.want {
			t.Errorf("plain(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestPlainBlocks(t *testing.T) {
	const raw = `[{"type":"rich_text","block_id":"x","elements":[
	 {"type":"rich_text_section","elements":[{"type":"text","text":"Hi "},{"type":"user","user_id":"U1"},{"type":"text","text":" it's ","style":{"bold":true}},
	  {"type":"emoji","name":"thumbsup","unicode":"1f44d-1f3fb"},{"type":"emoji","name":"acme"},{"type":"link","url":"https://x.com/acme","text":"us"},{"type":"broadcast","range":"here"}]},
	 {"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one <b>"}]},{"type":"rich_text_section","elements":[{"type":"text","text":"two"}]}]},
	 {"type":"rich_text_quote","elements":[{"type":"text","text":"a\nb"}]},
	 {"type":"rich_text_preformatted","elements":[{"type":"text","text":"x := 1"}]},
	 {"type":"from_the_future","text":"later"}]}]`
	const want = "Hi @Ada it's 👍🏻:acme:us (https://x.com/acme)@here\n1. one <b>\n2. two\n> a\n> b\nx := 1\nlater"
	if got, ok := plainBlocks(json.RawMessage(raw), testNames()); !ok || got != want {
		t.Errorf("plainBlocks = %q, %v, want %q", got, ok, want)
	}
	for _, raw := range []string{``, `null`, `[]`, `{}`, `[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`, `[{"type":"rich_text","elements":"NaN"}]`} {
		if got, ok := plainBlocks(json.RawMessage(raw), testNames()); ok {
			t.Errorf("plainBlocks(%s) = %q, want no answer", raw, got)
		}
	}
}

func TestCutAndChunk(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"🚀🚀🚀", 6, "🚀🚀🚀"},
		{"🚀🚀🚀🚀", 6, "🚀🚀…"},
	}
	for _, tt := range tests {
		if got := cut(tt.in, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
	if got := cutEscaped("a<b<c", 8); got != "a&lt;b…" {
		t.Errorf("cutEscaped = %q, want no half entity", got)
	}
	long := strings.Repeat("word and ", 1000)
	pieces := chunk(long, 3000)
	if strings.Join(pieces, "") != long {
		t.Error("chunk lost something")
	}
	for _, p := range pieces {
		if size(p) > 3000 {
			t.Errorf("a piece has %d units", size(p))
		}
	}
}

// Who turns letters around does it in their own words only.
func TestTurnsEndWithTheText(t *testing.T) {
	// A name that stands before other words in one line, and one for the sender.
	c, err := renderer{byline: true}.message(bot.Message{Text: "x", Author: &bot.Author{Name: "Jane\u202e\x00"}, Blocks: []bot.Block{bot.Para(bot.Bold("Jane\u202e"), bot.Plain(" waits"))}})
	if raw, _ := json.Marshal(c.blocks); err != nil || c.text != "Jane\u202e\u202c: x" || strings.Count(string(raw), "Jane\u202e\u202c") != 2 {
		t.Errorf("%+q %+q %v", c.text, raw, err)
	}
}

func TestSafeURL(t *testing.T) {
	for in, want := range map[string]bool{
		"https://x.com/a?b=1&c=2": true, "http://x.com": true, "javascript:alert(1)": false, "data:text/html,x": false, "//x.com": false,
		"https://x.com/a|b": false, "https://x.com/<b>": false, "https://a b.com": false, "https://x.com\n": false, "https://bank.example@evil.example/": false,
		"mailto:a@b.example": false, "https://": false, "slack://open": false, "": false,
	} {
		if _, got := safeURL(in); got != want {
			t.Errorf("safeURL(%q) = %v, want %v", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("hi <@U1> &lt;!channel&gt; <http://a|b> :tada:")
	f.Add("<<>><!subteam^|>")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		if got := plain(s, testNames()); !utf8.ValidString(got) {
			t.Errorf("plain(%q) = %q is broken", s, got)
		}
		// What is escaped comes back as it was; emoji names aside.
		if !strings.Contains(s, ":") {
			if got := plain(escape(s), testNames()); got != s {
				t.Errorf("plain(escape(%q)) = %q", s, got)
			}
		}
	})
}

// TestNamesAreTold: whoever a text names can be found again in it.
func TestNamesAreTold(t *testing.T) {
	var got []string
	n := testNames()
	n.found = func(kind byte, id, text string) { got = append(got, string(kind)+id+" "+text) }
	text := plain("<@U1> <@U2|rio> <#C2|ops> <!subteam^S3> <!subteam^S4|@web> <!here> <https://x.com|x>", n)
	blocks, ok := plainBlocks(json.RawMessage(`[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[
		{"type":"user","user_id":"U1"},{"type":"channel","channel_id":"C1"},{"type":"usergroup","usergroup_id":"S3"},{"type":"broadcast","range":"here"}]}]}]`), n)
	want := []string{"@U1 @Ada", "@U2 @rio", "#C2 #ops", "&S3 @oncall", "&S4 @web", "@U1 @Ada", "#C1 #general", "&S3 @oncall"}
	if !slices.Equal(got, want) || !ok || blocks != "@Ada#general@oncall@here" {
		t.Errorf("%q and %q name %q, want %q", text, blocks, got, want)
	}
	for _, g := range got {
		if _, as, _ := strings.Cut(g, " "); !strings.Contains(text+blocks, as) {
			t.Errorf("%s is not in the text", g)
		}
	}
}
