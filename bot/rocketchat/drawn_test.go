package rocketchat

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

func draw(t *testing.T, m bot.Message) content {
	t.Helper()
	c, err := renderer{
		who: func(u bot.UserRef) string { return strings.TrimPrefix(string(u), "rocketchat:") }, room: func(bot.ChannelRef) string { return "" }, id: "m1",
	}.message(m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A message of any length is shown, all of it: a workspace counts what is in
// the message itself, and not what is below it.
func TestLongMessagesAreShown(t *testing.T) {
	for _, text := range []string{strings.Repeat("word ", 2000), strings.Repeat("🚀", 2300), strings.Repeat("line\n", 1500), strings.Repeat("*", 4000)} {
		for name, m := range map[string]bot.Message{
			"text": {Text: text}, "paragraph": {Blocks: []bot.Block{bot.Header("H"), bot.Para(bot.Plain(text)), bot.Para(bot.Plain("the end"))}},
			"many paragraphs": {Blocks: many(text)}, "customer": {Author: &bot.Author{Name: "Casey"}, Blocks: []bot.Block{bot.Para(bot.Plain(text))}},
		} {
			c := draw(t, m)
			all := c.msg
			for _, a := range c.attachments {
				all += "\n" + a.Text
			}
			got := strings.Join(strings.Fields(strings.NewReplacer("\\", "", joiner, "", "### H", "", "the end", "").Replace(all)), "")
			if got != strings.Join(strings.Fields(text), "") {
				t.Errorf("%s of %.5q…: %d of %d bytes are shown", name, text, len(got), len(text))
			}
			if n := length(c.msg); n > 5000 {
				t.Errorf("%s of %.5q…: %d characters in the message", name, text, n)
			}
			if name == "paragraph" && !strings.HasSuffix(all, "the end") {
				t.Errorf("the order is lost: %.100q", all)
			}
		}
	}
}

func many(text string) (out []bot.Block) {
	for chunk := range strings.SplitAfterSeq(text, "\n") {
		out = append(out, bot.Para(bot.Plain(chunk)))
	}
	return out
}

// What is below a message is read as Markdown, the titles of fields too.
func TestBelowAMessage(t *testing.T) {
	c := draw(t, bot.Message{Author: &bot.Author{Name: "*Casey*", Handle: "c_r"}, Blocks: []bot.Block{
		bot.Para(bot.Plain("Title\n===\n    code\n\tcode\n---\ntwo\nlines")),
		bot.Fields(bot.Field{Label: "*State* [x](http://evil.example)", Value: []bot.Span{bot.Plain("*open*")}}, bot.Field{Label: "_empty_"}),
	}})
	if len(c.attachments) != 2 {
		t.Fatalf("%+v", c.attachments)
	}
	const want = "Title  \n" + joiner + "===  \n" + joiner + "    code  \n" + joiner + "\tcode  \n" + joiner + "---  \ntwo  \nlines"
	if at := c.attachments[0]; at.Text != want || at.Author != "*Casey* (@c_r)" {
		t.Errorf("text = %q, want %q; author %q", at.Text, want, at.Author)
	}
	f := c.attachments[1].Fields
	if f[0].Title != `\*State\* [`+joiner+`x`+joiner+`]`+joiner+`(http:`+`//evil.example)` || f[0].Value != `\*open\*` || f[1].Title != `\_empty\_` || f[1].Value != joiner {
		t.Errorf("fields = %+v", f)
	}
}

// A name comes from the server; nothing but one may stand behind an @.
func TestMentionsAreNames(t *testing.T) {
	for name, want := range map[string]string{"sam": "@sam", "a.b-c_d": "@a.b-c_d", "ada lovelace": "somebody", "x*y": "somebody", "": "somebody", "Jürgen": "@Jürgen"} {
		if got := draw(t, bot.Message{Blocks: []bot.Block{bot.Para(bot.Mention(bot.UserRef("rocketchat:" + name)))}}).msg; got != want {
			t.Errorf("%q is mentioned as %q, want %q", name, got, want)
		}
	}
}
