package rocketchat

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
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
		"::", ":a:b:", "<t:1718000000:R>", "some_user_name", "_a_b_", "$5 and $6", "$$a$$", "costs $5", "\\($5$\\)", "https://x.com/a|b", "go https://x.com.", "https://x.com/[a](b)",
		"https://x.com/a_b_c/status/1?x=y#z", "see https://x.com/_a_ now", "(https://x.com/a_b)", "https://x.com/@all", "x.com/a_b_c", "@all\u2060 hi",
	}
}

// TestEscape lets Rocket.Chat's own parser read what was escaped.
func TestEscape(t *testing.T) {
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	cases := 0
	tell := func(m map[string]any) {
		cases++
		if err := enc.Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	put := func(s string, exact bool) {
		tell(map[string]any{"raw": s, "out": escape(s), "exact": exact})
		if n := strings.Count(s, "$"); n > 0 { // where the workspace reads formulas
			raw := s
			if n > 1 {
				raw = strings.ReplaceAll(s, "$", "\uFF04")
			}
			tell(map[string]any{"raw": raw, "out": prices(escape(s)), "exact": exact, "formulas": true})
		}
	}
	// In styles, links and headings other things are markup, and a backslash shows.
	within := func(s string, exact bool) {
		for kind, sp := range map[string]bot.Span{
			"BOLD": {Text: s, Bold: true}, "ITALIC": {Text: s, Italic: true}, "STRIKE": {Text: s, Strike: true}, "LINK": {Text: s, URL: "https://x.com/acme"},
		} {
			raw, out := s, span(sp, nil, nil)
			switch {
			case strings.HasSuffix(out, " (https://x.com/acme)"):
				raw += " (https://x.com/acme)"
			case kind == "LINK":
				raw = strings.ReplaceAll(raw, "\n", " ")
			}
			tell(map[string]any{"raw": raw, "out": out, "allow": kind, "exact": exact})
		}
		tell(map[string]any{"raw": strings.ReplaceAll(s, "\n", " "), "out": "### " + heading(strings.TrimSpace(s)), "exact": true, "allow": "HEADING"})
	}
	for _, s := range hostile() {
		put(s, true)
		within(s, true)
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
		if strings.TrimSpace(string(r)) != "" {
			within(string(r), false)
		}
	}
	nodetest.Run(t, nodetest.Suite{Script: "rocketchat/parser.mjs", Packages: []string{"@rocket.chat/message-parser"}, Cases: cases, Stdin: &in})
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
		{ID: "desk.claim", Value: "0198c"},
		{ID: "a b", Value: "x y\n`*%+"},
		{ID: "twitter.start"},
		{ID: "desk.retry", Value: "m ? 1", Confirm: "Send it again? Really?"},
		{ID: "a", Confirm: "Sure?"},
	} {
		p, ok := press(pressed(b, "m1"))
		if !ok || p.button != b.ID || p.value != b.Value || p.message != "m1" || p.ask != b.Confirm {
			t.Errorf("%+v came back as %+v %v", b, p, ok)
		}
		for _, label := range append(hostile(), "Disconnect @noor_writes") {
			msg := linked("https://perch.example", strings.ReplaceAll(label, "\n", " "), pressed(b, "m1"))
			if q, ok := press(strings.ReplaceAll(msg, joiner, "")); !ok || q != p { // as decode gives it
				t.Errorf("%q came back as %+v %v", msg, q, ok)
			}
		}
	}
	if got := linked("", "Claim", "!perch a .m1"); got != "!perch a .m1" {
		t.Errorf("without an address it is %q", got)
	}
	for _, s := range []string{
		"[Claim](https://perch.example/rocketchat/pressed?!perch+a+.m1) now", "x [Claim](https://perch.example/rocketchat/pressed?!perch+a+.m1)",
		"[Claim](https://perch.example/rocketchat/pressed?hello)", "[Claim](https://perch.example/rocketchat/pressed?%zz)", "[Claim](https://perch.example/rocketchat/pressed)",
		"[Claim](javascript:/rocketchat/pressed?!perch+a+.m1)",
	} {
		if _, ok := press(s); ok {
			t.Errorf("%q was taken for a button", s)
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
	if want := "### Casey *R*\n@sam see [the @\u2060all docs](https://x.com/a) bad"; got.msg != want {
		t.Errorf("msg = %q, want %q", got.msg, want)
	}
	if len(got.attachments) != 3 || len(got.attachments[1].Actions) != 2 || got.attachments[1].Actions[0].Msg != "!perch desk.claim .m1 c1" || !got.attachments[1].Actions[0].InChat {
		t.Errorf("attachments = %+v", got.attachments)
	}
	if _, err := r.message(bot.Message{}); code(err) != "no_text" {
		t.Errorf("an empty message: %v", err)
	}
}

// TestNamedOnce: a card says whose it is once.
func TestNamedOnce(t *testing.T) {
	m := bot.Message{Author: &bot.Author{Name: "Casey *R*", Handle: "casey_r"}, Blocks: []bot.Block{
		bot.Header("Casey *R* (@casey_r)"), bot.Header("Another"), bot.Para(bot.Plain("Hello")),
	}}
	got, err := renderer{}.message(m)
	if err != nil || len(got.attachments) != 1 {
		t.Fatalf("attachments = %+v, %v", got.attachments, err)
	}
	if a := got.attachments[0]; a.Author != "Casey *R* (@casey_r)" || a.Text != "### Another  \nHello" {
		t.Errorf("attachment = %+v", a)
	}
}

// What stands in code is looked through for names by the server all the same.
func TestCodeNamesNobody(t *testing.T) {
	named := regexp.MustCompile(`(^|\s|>)[@#]([0-9a-zA-Z-_.]+)`) // the server's own
	for _, s := range []string{"@all", "x @all", "a\t@here\n@all >@all", " #general", "ask @ada  @rio"} {
		if got := named.FindAllString(code1(s), -1); got != nil {
			t.Errorf("%q names %q", code1(s), got)
		}
	}
	if got := code1("mail a@b.c"); got != "`mail a@b.c`" {
		t.Errorf("%q", got)
	}
}
