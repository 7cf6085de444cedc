package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/bottest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, d)
	}
}

// payload is what is sent of a message.
type payload struct {
	Text   string `json:"text"`
	Blocks any    `json:"blocks"`
}

func TestMessageGolden(t *testing.T) {
	messages := map[string]bot.Message{
		"message_text.json": {Text: "Delivered & <done> *now*"},
		"message_full.json": {
			Text: "Casey: hello", Author: &bot.Author{Name: "Casey Rivera", Handle: "casey_r", AvatarURL: "https://pbs.example/a.png"},
			Blocks: []bot.Block{
				bot.Header("New conversation"),
				bot.Para(bot.Bold("Casey Rivera"), bot.Plain(" wrote to "), bot.Link("@acme", "https://x.com/acme"), bot.Plain(", "), bot.Mention("slack:U1"), bot.Plain(" and "), bot.Mention("slack:S1"), bot.Plain(" in "), bot.Span{Channel: "slack:C1"}),
				bot.Quote("my order <b>#17</b> is *late* <!channel>"),
				bot.Steps([]bot.Span{bot.Plain("Press the button")}, []bot.Span{bot.Plain("Type "), bot.Code("/twitter help")}),
				bot.Fields(bot.Field{Label: "Account", Value: []bot.Span{bot.Link("@acme", "https://x.com/acme")}}, bot.Field{Label: "Owner", Value: []bot.Span{bot.Mention("slack:U1")}}),
				bot.Fields(bot.Field{Label: "Last", Value: []bot.Span{bot.Plain("*loud*\nwords")}}),
				bot.Context(bot.Plain("1.2k followers :tada:")),
				bot.Context(bot.Plain("open on "), bot.Link("X", "https://x.com/acme/status/1")),
				bot.Context(bot.Plain("*x* "), bot.Link("X", "https://x.com/acme/status/1")),
				{Kind: bot.BlockDivider},
				{Kind: bot.BlockImage, Image: &bot.Image{URL: "https://pbs.example/p.jpg", Alt: "a cat"}},
				{Kind: bot.BlockPreview, Preview: &bot.Preview{Account: "acme", Name: "Acme", Avatar: "https://pbs.example/acme.png", Parts: []string{"We are down.", "Back *soon*."}, Counts: []int{12, 290}, Limit: 280}},
				bot.Actions(
					bot.Button{ID: "desk.claim", Label: "Claim", Value: "c-17", Style: bot.ButtonPrimary},
					bot.Button{ID: "desk.close", Label: "Close", Value: "c-17", Style: bot.ButtonDanger, Confirm: "Close it?"},
					bot.Button{ID: "desk.claim", Label: "Claim too", Value: "c-18"},
					bot.Button{ID: "open", Label: "Open on X", URL: "https://x.com/acme"},
					bot.Button{ID: "bad", Label: "Bad", URL: "javascript:alert(1)"},
				),
			},
		},
	}
	for name, m := range messages {
		c, err := renderer{byline: true, pictures: true}.message(m)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, payload{c.text, c.blocks})
	}
}

func TestFormGolden(t *testing.T) {
	v, err := modal(bot.Form{
		ID: "incident.new", Title: "A title that is much too long", Submit: "Open", Value: "v-9", Channel: "slack:C1", Thread: "slack:C1:17.5",
		Inputs: []bot.Input{
			{Name: "title", Label: "Title", Hint: "Short & plain", Max: 80, Initial: "Checkout <down>"},
			{Name: "summary", Label: "Summary", Lines: 4, Optional: true},
			{Name: "severity", Label: "Severity", Initial: "sev2", Options: []bot.Option{{Value: "sev1", Label: "SEV1"}, {Value: "sev2", Label: "SEV2"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "form.json", v)
}

// walk calls see for every object in a JSON value.
func walk(v any, see func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		see(v)
		for _, x := range v {
			walk(x, see)
		}
	case []any:
		for _, x := range v {
			walk(x, see)
		}
	}
}

func decode(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func hostile() []string {
	return append(bottest.Hostile(), "<!channel>", "<!subteam^S1>", "a `code` b", "x\u200b*y*", "*\u200b", "_edge_", " > quote", ":tada:", "a\x00b\x1b[31m", strings.Repeat("🚀", 4000),
		strings.Repeat("<", 9000), "https://evil.example", "|", "><!here>", "\u2028*", "\xff\xfe")
}

func TestNothingIsMarkup(t *testing.T) {
	for _, s := range hostile() {
		places := map[string]bot.Message{
			"text":    {Text: s},
			"author":  {Text: "x", Author: &bot.Author{Name: s, Handle: s, AvatarURL: s}},
			"header":  {Text: s, Blocks: []bot.Block{bot.Header(s)}},
			"para":    {Text: s, Blocks: []bot.Block{bot.Para(bot.Plain("it says "), bot.Plain(s))}},
			"quote":   {Text: s, Blocks: []bot.Block{bot.Quote(s)}},
			"steps":   {Text: s, Blocks: []bot.Block{bot.Steps([]bot.Span{bot.Plain(s)})}},
			"label":   {Text: s, Blocks: []bot.Block{bot.Fields(bot.Field{Label: s, Value: []bot.Span{bot.Plain("v")}})}},
			"value":   {Text: s, Blocks: []bot.Block{bot.Fields(bot.Field{Label: "Label", Value: []bot.Span{bot.Plain(s)}})}},
			"small":   {Text: s, Blocks: []bot.Block{bot.Context(bot.Plain(s))}},
			"mixed":   {Text: s, Blocks: []bot.Block{bot.Context(bot.Bold("b"), bot.Plain(s), bot.Mention("slack:U1"))}},
			"bold":    {Text: s, Blocks: []bot.Block{bot.Context(bot.Bold(s))}},
			"link":    {Text: s, Blocks: []bot.Block{bot.Context(bot.Link(s, "https://x.com/acme"))}},
			"address": {Text: s, Blocks: []bot.Block{bot.Context(bot.Link("here", s)), bot.Para(bot.Link("here", s))}},
			"button":  {Text: s, Blocks: []bot.Block{bot.Actions(bot.Button{ID: "b", Label: s, Confirm: s})}},
			"alt":     {Text: s, Blocks: []bot.Block{{Kind: bot.BlockImage, Image: &bot.Image{URL: "https://x.com/a.png", Alt: s}}}},
			"post":    {Text: s, Blocks: []bot.Block{{Kind: bot.BlockPreview, Preview: &bot.Preview{Account: s, Name: s, Avatar: s, Parts: []string{s}, Counts: []int{1}, Limit: 280}}}},
			"mention": {Text: s, Blocks: []bot.Block{bot.Para(bot.Plain("x"), bot.Mention(bot.UserRef("slack:"+s)), bot.Span{Channel: bot.ChannelRef(s)})}},
		}
		for place, m := range places {
			c, err := renderer{byline: true, pictures: true}.message(m)
			if err != nil {
				t.Errorf("%s: %.40q: %v", place, s, err)
				continue
			}
			if strings.ContainsAny(c.text, "<>") || c.text == "" || size(c.text) > maxFallback {
				t.Errorf("%s: %.40q has the fallback %.80q", place, s, c.text)
			}
			limits(t, place, c)
			walk(decode(t, c.blocks), func(o map[string]any) {
				text, _ := o["text"].(string)
				switch o["type"] {
				case "broadcast", "color", "date", "emoji":
					t.Errorf("%s: %.40q became a %s", place, s, o["type"])
				case "plain_text":
					if o["emoji"] != false {
						t.Errorf("%s: %.40q: emoji names are drawn in %.60q", place, s, text)
					}
				case "link":
					if u := o["url"]; u != "https://x.com/acme" && (place != "address" || !strings.HasPrefix(fmt.Sprint(u), "http")) {
						t.Errorf("%s: %.40q links to %v", place, s, u)
					}
				case "mrkdwn":
					// Only what was asked for may stand in angle brackets.
					bare := strings.NewReplacer("<@U1>", "", "<https://x.com/acme|", "", "<"+escape(s)+"|", "").Replace(text)
					if o["verbatim"] != true || strings.Contains(bare, "<") || !inert(clean(s)) && strings.Contains(text, escape(clean(s))) {
						t.Errorf("%s: %.40q is mrkdwn: %.80q", place, s, text)
					}
				}
			})
		}
	}
}

// limits checks what Slack would refuse.
func limits(t *testing.T, what string, c content) {
	t.Helper()
	if n := len(c.blocks); n == 0 || n > maxBlocks {
		t.Errorf("%s: %d blocks", what, n)
	}
	walk(decode(t, c.blocks), func(o map[string]any) {
		text, isText := o["text"].(string)
		if isText && (text == "" && o["type"] != "link" || size(text) > 3000) {
			t.Errorf("%s: a %v has a text of %d", what, o["type"], size(text))
		}
		if e, ok := o["elements"].([]any); ok && (len(e) == 0 || o["type"] == "context" && len(e) > 10 || o["type"] == "actions" && len(e) > 25) {
			t.Errorf("%s: a %v has %d elements", what, o["type"], len(e))
		}
		if f, ok := o["fields"].([]any); ok && len(f) > 10 {
			t.Errorf("%s: %d fields", what, len(f))
		}
		if h, ok := o["text"].(map[string]any); ok {
			bound := map[any]int{"header": 150, "button": 75}[o["type"]]
			if n := size(h["text"].(string)); bound > 0 && n > bound {
				t.Errorf("%s: a %v has a text of %d", what, o["type"], n)
			}
		}
	})
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("many words & <more> ", 3000)
	var many []bot.Block
	var buttons []bot.Button
	var fields []bot.Field
	for i := range 120 {
		many = append(many, bot.Para(bot.Plain(fmt.Sprint("block ", i))))
		buttons = append(buttons, bot.Button{ID: "b", Label: long, Value: fmt.Sprint(i)})
		fields = append(fields, bot.Field{Label: fmt.Sprint("Label ", i), Value: []bot.Span{bot.Plain("x")}})
	}
	steps := make([][]bot.Span, 40)
	for i := range steps {
		steps[i] = []bot.Span{bot.Plain(long)}
	}
	for name, b := range map[string][]bot.Block{
		"blocks": many, "buttons": {bot.Actions(buttons...)}, "fields": {bot.Fields(fields...)}, "text": {bot.Para(bot.Plain(long))}, "quote": {bot.Quote(long)},
		"small": {bot.Context(bot.Plain(long))}, "mixed": {bot.Context(bot.Plain(long), bot.Mention("slack:U1"))}, "header": {bot.Header(long)}, "steps": {bot.Steps(steps...)},
		"value": {bot.Fields(bot.Field{Label: long, Value: []bot.Span{bot.Plain(long)}})},
	} {
		c, err := renderer{pictures: true}.message(bot.Message{Text: long, Blocks: b})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		limits(t, name, c)
		raw, _ := json.Marshal(c.blocks)
		if len(raw) > 60_000 {
			t.Errorf("%s: %d bytes", name, len(raw))
		}
	}
	ids := map[string]bool{}
	c, _ := renderer{}.message(bot.Message{Text: "x", Blocks: []bot.Block{bot.Actions(buttons[:25]...)}})
	walk(decode(t, c.blocks), func(o map[string]any) {
		if id, ok := o["action_id"].(string); ok {
			if ids[id] {
				t.Errorf("two buttons of a row have the action ID %q", id)
			}
			ids[id] = true
		}
	})
	if len(ids) != 25 {
		t.Errorf("%d buttons, want 25", len(ids))
	}
}

func TestNotSendable(t *testing.T) {
	for name, m := range map[string]bot.Message{
		"empty": {}, "blank block": {Text: "x", Blocks: []bot.Block{bot.Para()}}, "only an author": {Author: &bot.Author{Name: "Casey"}},
		"value": {Text: "x", Blocks: []bot.Block{bot.Actions(bot.Button{ID: "a", Label: "A", Value: strings.Repeat("v", 2001)})}},
	} {
		if c, err := (renderer{byline: true}).message(m); err == nil {
			t.Errorf("%s is sent as %+v", name, c)
		}
	}
	for name, f := range map[string]bot.Form{
		"no fields": {ID: "f"}, "no ID": {Inputs: []bot.Input{{Name: "a"}}}, "twice": {ID: "f", Inputs: []bot.Input{{Name: "a"}, {Name: "a"}}},
		"private": {ID: "f", Value: strings.Repeat("v", 3000), Inputs: []bot.Input{{Name: "a"}}},
		"initial": {ID: "f", Inputs: []bot.Input{{Name: "a", Initial: strings.Repeat("v", 3001)}}},
		"choice":  {ID: "f", Inputs: []bot.Input{{Name: "a", Options: []bot.Option{{Value: strings.Repeat("v", 76)}}}}},
	} {
		if _, err := modal(f); err == nil {
			t.Errorf("a form with %s is shown", name)
		}
	}
}
