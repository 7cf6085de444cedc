package rocketchat

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/nodetest"
)

// hostile are texts in which something would be more than words.
func hostile() []string {
	return []string{
		"hello *bold* x", "**b**", "_i_ __i__", "~s~ ~~s~~", "`c`", "```\ncode\n```", "@all hi", "@here", "hi @ada.b", "#general", "# head", "## h",
		"> q", "a\n> q", ">q", "- item", "* item", "+ item", "1. one", "a\n2. two", "12) x", "- [ ] t", "[a](http://x.y)", "![i](http://a/b.png)",
		"<http://x|y>", "||spoiler||", ":smile:", "a :+1: b", "<3", "x:y", "10:30", "http://evil.example/x_y_z", "evil.com", "mail@x.com", "+15551234",
		"\\(x\\)", "\\[x\\]", "$x$", "a\\b", "\\*x\\*", "color:#ff0000", "<!channel>", "a__b__c", "*", "**", "***", "_", "`", "\t- x", "  - x", "--- ",
		"***\n***", "|a|b|\n|-|-|\n|1|2|", "a*b*c", "&lt;b&gt;", "<b>x</b>", "[x]", "]( )", "()[]", "@", "#", "!", "!(a)", "user@all", "1.", "1. a\n2. b",
		"::", ":a:b:", "<t:1718000000:R>", "some_user_name", "_a_b_", "$5 and $6", "https://x.com/a|b", "go https://x.com.", "https://x.com/[a](b)",
		"https://x.com/a_b_c/status/1?x=y#z", "see https://x.com/_a_ now", "(https://x.com/a_b)", "https://x.com/@all", "x.com/a_b_c", "@all\u2060 hi",
	}
}

// TestEscape lets Rocket.Chat's own parser read what was escaped.
func TestEscape(t *testing.T) {
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	put := func(s string, exact bool) {
		if err := enc.Encode(map[string]any{"raw": s, "out": escape(s), "exact": exact}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range hostile() {
		put(s, true)
	}
	letters := []rune("ab1 *_~`@#<>[]()!|:$\\-+.\n/&=x3D;'")
	rnd := rand.New(rand.NewPCG(1, 2))
	const more = 2000
	for range more {
		r := make([]rune, 1+rnd.IntN(14))
		for i := range r {
			r[i] = letters[rnd.IntN(len(letters))]
		}
		put(string(r), false)
	}
	nodetest.Run(t, nodetest.Suite{Script: "rocketchat/parser.mjs", Packages: []string{"@rocket.chat/message-parser"}, Cases: more + len(hostile()), Stdin: &in})
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := escape(clean(s))
		// The server looks for mentions by itself: an @ or # with a name right behind it.
		for i, r := range out {
			if r != '@' || i > 0 && out[i-1] != ' ' && out[i-1] != '\n' {
				continue
			}
			if rest := out[i+1:]; rest != "" && !strings.HasPrefix(rest, joiner) {
				t.Errorf("%q can mention: %q", s, out)
			}
		}
		if strings.NewReplacer(joiner, "", "\\", "").Replace(out) != strings.NewReplacer(joiner, "", "\\", "").Replace(clean(s)) {
			t.Errorf("%q is not what was said: %q", out, s)
		}
	})
}

func TestButtonsAreReadBack(t *testing.T) {
	for _, b := range []bot.Button{
		{ID: "desk.claim", Value: "0198c"}, {ID: "a b", Value: "x y\n`*%+"}, {ID: "twitter.start"},
		{ID: "desk.retry", Value: "m ? 1", Confirm: "Send it again? Really?"}, {ID: "a", Confirm: "Sure?"},
	} {
		p, ok := press(pressed(b, "m1"))
		if !ok || p.button != b.ID || p.value != b.Value || p.message != "m1" || p.ask != b.Confirm {
			t.Errorf("%+v came back as %+v %v", b, p, ok)
		}
	}
	for _, s := range []string{"", "!perch", "!perch a", "!perch a b", "!perch a .m b c", "!perch % .m", "!perch a .m/x", "perch a .m"} {
		if _, ok := press(s); ok {
			t.Errorf("%q was taken for a button", s)
		}
	}
}

func TestRender(t *testing.T) {
	r := renderer{
		who:  func(u bot.UserRef) string { return strings.TrimPrefix(string(u), "rocketchat:U") },
		room: func(bot.ChannelRef) string { return "support" }, id: "m1",
	}
	m := bot.Message{Text: "x", Blocks: []bot.Block{
		bot.Header("Casey *R*"),
		bot.Para(bot.Mention("rocketchat:Usam"), bot.Plain(" see "), bot.Link("the @all docs", "https://x.com/a"), bot.Plain(" "), bot.Link("bad", "javascript:alert(1)")),
		bot.Quote("<!channel> @all *hi*"),
		bot.Actions(bot.Button{ID: "desk.claim", Label: "Claim", Value: "c1"}, bot.Button{ID: "o", Label: "Open", URL: "https://x.com/a"}, bot.Button{ID: "o", Label: "Bad", URL: "javascript:x"}),
		bot.Context(bot.Plain("small")),
	}}
	got, err := r.message(m)
	if err != nil {
		t.Fatal(err)
	}
	if want := "## Casey \\*R\\*\n@sam see [the @\u2060all docs](https://x.com/a) bad"; got.msg != want {
		t.Errorf("msg = %q, want %q", got.msg, want)
	}
	if len(got.attachments) != 3 || len(got.attachments[1].Actions) != 2 || got.attachments[1].Actions[0].Msg != "!perch desk.claim .m1 c1" || !got.attachments[1].Actions[0].InChat {
		t.Errorf("attachments = %+v", got.attachments)
	}
	if _, err := r.message(bot.Message{}); code(err) != "no_text" {
		t.Errorf("an empty message: %v", err)
	}
}
