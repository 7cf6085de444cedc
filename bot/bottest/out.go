package bottest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

func testRefs(t *testing.T, c *chat) {
	name := c.Platform.Name()
	if name == "" || strings.ContainsAny(name, ": ") {
		t.Fatalf("Name() = %q", name)
	}
	ref := c.post(t, bot.Message{Text: "hello", Key: "refs:1"})
	for _, r := range []string{string(ref), string(c.Channel), string(c.People[0]), string(c.People[1])} {
		if !strings.HasPrefix(r, name+":") {
			t.Errorf("ref %q does not begin with %q", r, name+":")
		}
	}
}

func testPost(t *testing.T, c *chat) {
	ref := c.post(t, bot.Message{Text: "hello everybody", Key: "post:1"})
	for _, who := range c.People {
		s := c.see(t, who, ref, "the posted text", func(s Seen) bool { return strings.Contains(s.Text, "hello everybody") })
		if s.Thread != "" || s.Only {
			t.Errorf("%s sees %+v, want a message of the channel that all see", who, s)
		}
	}
	other := c.post(t, bot.Message{Text: "and another", Key: "post:2"})
	if other == ref {
		t.Errorf("two messages have the ref %s", ref)
	}
	blocks := c.post(t, bot.Message{Key: "post:3", Text: "summary", Author: &bot.Author{Name: "Casey Rivera", Handle: "casey_r"}, Blocks: []bot.Block{
		bot.Header("Head line"),
		bot.Para(bot.Plain("plain words")),
		bot.Quote("quoted words"),
		bot.Steps([]bot.Span{bot.Plain("step one")}, []bot.Span{bot.Plain("step two")}),
		bot.Fields(bot.Field{Label: "Label", Value: []bot.Span{bot.Plain("field value")}}),
		bot.Context(bot.Plain("small print")),
		{Kind: bot.BlockDivider},
		{Kind: bot.BlockPreview, Preview: &bot.Preview{Account: "acme", Name: "Acme", Parts: []string{"the post itself"}, Counts: []int{15}, Limit: 280}},
	}})
	s := c.see(t, c.People[1], blocks, "blocks", anything)
	for _, want := range []string{"Head line", "plain words", "quoted words", "step one", "step two", "Label", "field value", "small print", "the post itself", "15", "280"} {
		if !strings.Contains(s.Text, want) {
			t.Errorf("blocks show %q, want %q in it", s.Text, want)
		}
	}
	if !strings.Contains(s.Author+" "+s.Text, "Casey Rivera") {
		t.Errorf("the author is not shown in %+v", s)
	}
}

func testKey(t *testing.T, c *chat) {
	m := bot.Message{Channel: c.Channel, Text: "exactly once", Key: "key:1"}
	finder, finds := c.Platform.(bot.Finder)
	if !finds && !c.Idempotent {
		t.Fatal("Post is not idempotent and there is no Finder: an unknown outcome could never be settled")
	}
	if finds {
		if ref, err := finder.FindMessage(t.Context(), m); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("FindMessage before Post = %q, %v, want ErrNotFound", ref, err)
		}
	}
	ref := c.post(t, m)
	if finds {
		if got, err := finder.FindMessage(t.Context(), m); err != nil || got != ref {
			t.Errorf("FindMessage = %q, %v, want %q", got, err, ref)
		}
		other := m
		other.Key = "key:2"
		if got, err := finder.FindMessage(t.Context(), other); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("FindMessage of another key = %q, %v, want ErrNotFound", got, err)
		}
	}
	reply := bot.Message{Channel: c.Channel, Thread: ref, Text: "answer", Key: "key:3"}
	rref := c.post(t, reply)
	if finds {
		if got, err := finder.FindMessage(t.Context(), reply); err != nil || got != rref {
			t.Errorf("FindMessage in a thread = %q, %v, want %q", got, err, rref)
		}
	}
	if !c.Idempotent {
		t.Log("a second Post is not tried: this chat finds instead")
		return
	}
	if again := c.post(t, m); again != ref {
		t.Errorf("second Post = %q, want the first one's %q", again, ref)
	}
	if n := len(c.look(t, c.People[0])); n != 2 {
		t.Errorf("%d messages are seen, want 2", n)
	}
}

func testThreads(t *testing.T, c *chat) {
	root := c.post(t, bot.Message{Text: "root", Key: "thread:0"})
	other := c.post(t, bot.Message{Text: "other root", Key: "thread:1"})
	a := c.post(t, bot.Message{Thread: root, Text: "first answer", Key: "thread:2"})
	b := c.post(t, bot.Message{Thread: root, Text: "second answer", Key: "thread:3"})
	for _, want := range []struct{ ref, thread bot.MessageRef }{{root, ""}, {other, ""}, {a, root}, {b, root}} {
		s := c.see(t, c.People[0], want.ref, "threads", anything)
		if s.Thread != want.thread && (want.thread != "" || s.Thread != want.ref) {
			t.Errorf("%s is in thread %q, want %q", want.ref, s.Thread, want.thread)
		}
	}
	seen := c.look(t, c.People[0])
	ia := slices.IndexFunc(seen, func(s Seen) bool { return s.Ref == a })
	ib := slices.IndexFunc(seen, func(s Seen) bool { return s.Ref == b })
	if ia > ib {
		t.Errorf("answers are shown in the wrong order: %+v", seen)
	}
}

func testEdit(t *testing.T, c *chat) {
	ed := ability[bot.Editor](t, c)
	root := c.post(t, bot.Message{Text: "root", Key: "edit:0"})
	m := bot.Message{Channel: c.Channel, Thread: root, Text: "before", Key: "edit:1", Blocks: []bot.Block{
		bot.Para(bot.Plain("before")), bot.Actions(bot.Button{ID: "test.go", Label: "Go", Value: "1"}),
	}}
	ref := c.post(t, m)
	c.see(t, c.People[0], ref, "the button", func(s Seen) bool { return len(s.Buttons) == 1 })
	m.Text, m.Blocks = "after", []bot.Block{bot.Para(bot.Plain("after"))}
	for i := range 2 {
		if err := ed.Edit(t.Context(), ref, m); err != nil {
			t.Fatalf("Edit %d: %v", i+1, err)
		}
	}
	for _, who := range c.People {
		s := c.see(t, who, ref, "the edit", func(s Seen) bool { return strings.Contains(s.Text, "after") })
		if strings.Contains(s.Text, "before") || len(s.Buttons) > 0 || s.Thread != root {
			t.Errorf("after the edit %s sees %+v", who, s)
		}
		if n := len(c.look(t, who)); n != 2 {
			t.Errorf("%s sees %d messages after the edit, want 2", who, n)
		}
	}
}

func testDelete(t *testing.T, c *chat) {
	ed := ability[bot.Editor](t, c)
	ref := c.post(t, bot.Message{Text: "soon gone", Key: "delete:1"})
	stays := c.post(t, bot.Message{Text: "stays", Key: "delete:2"})
	c.see(t, c.People[0], ref, "before", anything)
	if err := ed.Delete(t.Context(), ref); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	c.gone(t, c.People[0], ref)
	if err := ed.Delete(t.Context(), ref); err != nil {
		t.Errorf("second Delete: %v, want nil: it is gone, and the first answer may have been lost", err)
	}
	c.see(t, c.People[0], stays, "the other", anything)
}

func testReactions(t *testing.T, c *chat) {
	re := ability[bot.Reactor](t, c)
	ref := c.post(t, bot.Message{Text: "react to me", Key: "react:1"})
	set := func(emoji string, on bool) {
		t.Helper()
		if err := re.React(t.Context(), ref, emoji, on); err != nil {
			t.Fatalf("React(%s, %v): %v", emoji, on, err)
		}
	}
	set("warning", false) // was never set
	for range 2 {
		set("hourglass_flowing_sand", true)
	}
	c.see(t, c.People[0], ref, "⏳ once", func(s Seen) bool { return slices.Equal(s.Reactions, []string{"hourglass_flowing_sand"}) })
	set("white_check_mark", true)
	for range 2 {
		set("hourglass_flowing_sand", false)
	}
	c.see(t, c.People[1], ref, "✅ only", func(s Seen) bool { return slices.Equal(s.Reactions, []string{"white_check_mark"}) })
	if c.Say != nil {
		c.start(t)
		theirs, err := c.Say(t.Context(), c.People[0], "", "a person's message")
		if err != nil {
			t.Fatal(err)
		}
		if err := re.React(t.Context(), theirs, "white_check_mark", true); err != nil {
			t.Fatalf("React to a person's message: %v", err)
		}
		c.see(t, c.People[1], theirs, "✅ on a person's message", func(s Seen) bool { return slices.Contains(s.Reactions, "white_check_mark") })
		if got := c.sink.events(bot.EventReaction); len(got) > 0 {
			t.Errorf("the bot's own reaction came back as an event: %+v", got)
		}
	}
}

// Hostile are texts that a customer may write and that must be shown as they
// are: none may mention, link, format or be taken for the chat's own words.
func Hostile() []string {
	return []string{
		"<!channel> now", "<!here|here>", "@all @here @channel @everyone", "<@U123>", "<#C123|general>",
		"<http://evil.example|bank.example>", "[bank](http://evil.example)", "![x](http://evil.example/x.png)",
		"<script>alert(1)</script>", `<img src=x onerror="alert(1)">`, "&lt;!channel&gt; &amp; &#60;b&#62;",
		"*bold* _it_ ~no~ `code` **b** __i__ ~~s~~", "```\nblock\n```", "> quote\n# head\n- item", ":warning: :tada:",
		"safe \u202egnp.exe\u202c \u2066iso\u2069 \u200f", "a\\*b \\<c", "{{ incident.title }} ${x} %s %[1]d", "\U0001F469\u200d\U0001F680 日本語 עברית e\u0301",
	}
}

func testEscaping(t *testing.T, c *chat) {
	for i, text := range Hostile() {
		places := map[string]bot.Message{
			"text":   {Text: text},
			"span":   {Text: "x", Blocks: []bot.Block{bot.Para(bot.Plain("it says "), bot.Bold("Customer: "), bot.Plain(text))}},
			"quote":  {Text: "x", Blocks: []bot.Block{bot.Quote(text)}},
			"header": {Text: "x", Blocks: []bot.Block{bot.Header(text)}},
			"steps":  {Text: "x", Blocks: []bot.Block{bot.Steps([]bot.Span{bot.Plain(text)})}},
			"fields": {Text: "x", Blocks: []bot.Block{bot.Fields(bot.Field{Label: text, Value: []bot.Span{bot.Plain(text)}})}},
			"small":  {Text: "x", Blocks: []bot.Block{bot.Context(bot.Plain(text))}},
			"post":   {Text: "x", Blocks: []bot.Block{{Kind: bot.BlockPreview, Preview: &bot.Preview{Account: "acme", Name: "Acme", Parts: []string{text}, Counts: []int{9}, Limit: 280}}}},
		}
		for place, m := range places {
			m.Key = fmt.Sprintf("escape:%d:%s", i, place)
			ref := c.post(t, m)
			s := c.see(t, c.People[0], ref, place, anything)
			if !shows(s.Text, text) {
				t.Errorf("%s: %q is shown as %q", place, text, s.Text)
			}
			if len(s.Mentions) > 0 || len(s.Links) > 0 {
				t.Errorf("%s: %q mentions %q and links to %q", place, text, s.Mentions, s.Links)
			}
			for _, run := range s.Styled {
				if run != "Customer: " && run != "Customer:" && strings.Contains(text, run) {
					t.Errorf("%s: %q shows %q in a style", place, text, run)
				}
			}
		}
	}
}

// shows reports whether text is in what is seen. A heading may fold white space.
func shows(seen, text string) bool {
	return strings.Contains(seen, text) || strings.Contains(strings.Join(strings.Fields(seen), " "), strings.Join(strings.Fields(text), " "))
}

func testSpans(t *testing.T, c *chat) {
	ref := c.post(t, bot.Message{Text: "x", Key: "spans:1", Blocks: []bot.Block{bot.Para(
		bot.Bold("bold words"), bot.Plain(" "), bot.Link("the post", "https://x.com/acme/status/1?a=b&c=d"), bot.Plain(" "), bot.Mention(c.People[1]),
	)}})
	s := c.see(t, c.People[0], ref, "spans", anything)
	if !slices.Contains(s.Styled, "bold words") {
		t.Errorf("styled runs are %q, want the bold one", s.Styled)
	}
	if !slices.Equal(s.Links, []string{"https://x.com/acme/status/1?a=b&c=d"}) || !strings.Contains(s.Text, "the post") {
		t.Errorf("links are %q, text %q", s.Links, s.Text)
	}
	if !slices.Equal(s.Mentions, []string{string(c.People[1])}) {
		t.Errorf("mentions are %q, want %q", s.Mentions, c.People[1])
	}
	bad := c.post(t, bot.Message{Text: "x", Key: "spans:2", Blocks: []bot.Block{
		bot.Para(bot.Link("click", "javascript:alert(1)"), bot.Link("here", "data:text/html,x")),
	}})
	if s := c.see(t, c.People[0], bad, "bad links", anything); len(s.Links) > 0 {
		t.Errorf("links to %q", s.Links)
	}
}

func testOnly(t *testing.T, c *chat) {
	root := c.post(t, bot.Message{Text: "root", Key: "only:0"})
	for i, thread := range []bot.MessageRef{"", root} {
		m := bot.Message{Channel: c.Channel, Thread: thread, Only: c.People[0], Text: "a secret link", Key: fmt.Sprintf("only:%d", i+1)}
		if _, err := c.Platform.Post(t.Context(), m); err != nil {
			t.Fatalf("Post to one person: %v", err)
		}
		var mine Seen
		if !wait(t, func() bool {
			for _, s := range c.look(t, c.People[0]) {
				if strings.Contains(s.Text, "a secret link") && (thread == "" || c.Alone || s.Thread == root) {
					mine = s
					return true
				}
			}
			return false
		}) {
			t.Fatalf("the person does not see it: %+v", c.look(t, c.People[0]))
		}
		if !mine.Only {
			t.Errorf("it is not marked as seen by one person only: %+v", mine)
		}
		for _, s := range c.look(t, c.People[1]) {
			if strings.Contains(s.Text, "secret") {
				t.Errorf("another person sees %+v", s)
			}
		}
	}
}

func testButtons(t *testing.T, c *chat) {
	ref := c.post(t, bot.Message{Text: "x", Key: "buttons:1", Blocks: []bot.Block{bot.Actions(
		bot.Button{ID: "test.yes", Label: "Yes <b> & *go*", Value: "v|1", Style: bot.ButtonPrimary},
		bot.Button{ID: "test.no", Label: "No", Style: bot.ButtonDanger, Confirm: "Really?"},
		bot.Button{ID: "test.open", Label: "Open", URL: "https://x.com/acme"},
	)}})
	s := c.see(t, c.People[0], ref, "buttons", func(s Seen) bool { return len(s.Buttons) == 3 })
	if b := s.Buttons[0]; b.ID != "test.yes" || b.Label != "Yes <b> & *go*" || b.Value != "v|1" {
		t.Errorf("first button is %+v", b)
	}
	if b := s.Buttons[2]; b.URL != "https://x.com/acme" {
		t.Errorf("third button is %+v", b)
	}
}

func testErrors(t *testing.T, c *chat) {
	_, err := c.Platform.Post(t.Context(), bot.Message{Channel: c.NoChannel, Text: "x", Key: "errors:1"})
	definite(t, "Post to no channel", err)
	if e, ok := errors.AsType[*bot.Error](err); ok && e.Temporary {
		t.Errorf("no channel is called temporary: %+v", e)
	}
	if ed, ok := c.Platform.(bot.Editor); ok {
		definite(t, "Edit of nothing", ed.Edit(t.Context(), c.NoMessage, bot.Message{Channel: c.Channel, Text: "x"}))
	}
	if re, ok := c.Platform.(bot.Reactor); ok {
		definite(t, "React to nothing", re.React(t.Context(), c.NoMessage, "warning", true))
	}
	if op, ok := c.Platform.(bot.Opener); ok {
		definite(t, "Open without a trigger", op.Open(t.Context(), "no-such-trigger", testForm(c)))
	}
}

func testCancelled(t *testing.T, c *chat) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Platform.Post(ctx, bot.Message{Channel: c.Channel, Text: "too late", Key: "cancel:1"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Post with an ended context = %v, want context.Canceled in it", err)
	}
	for _, s := range c.look(t, c.People[0]) {
		if strings.Contains(s.Text, "too late") {
			t.Errorf("it was posted nevertheless")
		}
	}
}

func testStalled(t *testing.T, c *chat) {
	need(t, "way to stall", c.Stall != nil)
	c.Stall(true)
	defer c.Stall(false)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := c.Platform.Post(ctx, bot.Message{Channel: c.Channel, Text: "x", Key: "stall:1"})
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("Post took %v to notice that its context ended", took)
	}
	if err == nil {
		t.Fatal("Post to a chat that does not answer succeeded")
	}
	if _, ok := errors.AsType[*bot.Error](err); ok {
		t.Errorf("Post = %v: claims to know that nothing was sent", err)
	}
}

func testChannels(t *testing.T, c *chat) {
	ch := ability[bot.Channeler](t, c)
	first, err := ch.EnsureChannel(t.Context(), "inc-4-checkout-down", "Incident 4", false)
	if err != nil {
		t.Fatalf("EnsureChannel: %v", err)
	}
	again, err := ch.EnsureChannel(t.Context(), "inc-4-checkout-down", "Incident 4", false)
	if err != nil || again != first {
		t.Errorf("EnsureChannel again = %q, %v, want %q", again, err, first)
	}
	private, err := ch.EnsureChannel(t.Context(), "inc-5-private", "", true)
	if err != nil || private == first {
		t.Errorf("EnsureChannel of a private one = %q, %v", private, err)
	}
	ref := c.post(t, bot.Message{Channel: first, Text: "in the new channel", Key: "channel:1"})
	seen, err := c.Look(t.Context(), c.People[0], first)
	if err != nil || count(seen, ref) != 1 {
		t.Errorf("in the new channel %+v is seen, %v, want the posted message", seen, err)
	}
	if n := count(c.look(t, c.People[0]), ref); n != 0 {
		t.Errorf("it is in the old channel too")
	}
}

func testPermalink(t *testing.T, c *chat) {
	li := ability[bot.Linker](t, c)
	a, b := c.post(t, bot.Message{Text: "a", Key: "link:1"}), c.post(t, bot.Message{Text: "b", Key: "link:2"})
	la, err := li.Permalink(t.Context(), a)
	if err != nil {
		t.Fatalf("Permalink: %v", err)
	}
	lb, err := li.Permalink(t.Context(), b)
	if err != nil || la == "" || la == lb {
		t.Errorf("Permalinks are %q and %q, %v", la, lb, err)
	}
}

func testConcurrent(t *testing.T, c *chat) {
	const n = 16
	var wg sync.WaitGroup
	refs := make([]bot.MessageRef, n)
	for i := range n {
		wg.Go(func() {
			ref, err := c.Platform.Post(t.Context(), bot.Message{Channel: c.Channel, Text: fmt.Sprintf("number %d.", i), Key: fmt.Sprintf("many:%d", i)})
			if err != nil {
				t.Errorf("Post %d: %v", i, err)
			}
			refs[i] = ref
		})
	}
	wg.Wait()
	for i, ref := range refs {
		c.see(t, c.People[0], ref, "one of many", func(s Seen) bool { return strings.Contains(s.Text, fmt.Sprintf("number %d.", i)) })
	}
	if seen := c.look(t, c.People[0]); len(seen) != n {
		t.Errorf("%d messages are seen, want %d", len(seen), n)
	}
}
