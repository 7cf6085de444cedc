package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// What is sent besides messages and forms. Slack's own types judge it too, see
// conformance/slack/types.mjs.
func TestHomeGolden(t *testing.T) {
	view, _, err := (&Adapter{}).homeView(bot.Message{Text: "Perch", Blocks: []bot.Block{
		bot.Header("Perch for Ada <admin>"),
		bot.Fields(bot.Field{Label: "On duty", Value: []bot.Span{bot.Mention("slack:U1"), bot.Plain(", "), bot.Mention("slack:U2")}}, bot.Field{Label: "Account", Value: []bot.Span{bot.Link("@acme", "https://x.com/acme")}}),
		bot.Para(bot.Bold("My conversations")),
		bot.Quote("Casey *Rivera*: where is <b>my order</b>? <!channel>"),
		bot.Actions(bot.Button{ID: "desk.claim", Label: "Claim", Value: "c-17", Style: bot.ButtonPrimary}, bot.Button{ID: "open", Label: "Open on X", URL: "https://x.com/acme"}),
		{Kind: bot.BlockDivider},
		bot.Steps([]bot.Span{bot.Plain("Press "), bot.Code("Start Authentication")}),
		{Kind: bot.BlockPreview, Preview: &bot.Preview{Account: "acme", Name: "Acme", Parts: []string{"We are *down*."}, Counts: []int{14}, Limit: 280}},
		bot.Context(bot.Plain("Only you see this page.")),
	}}, true)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "home.json", json.RawMessage(view))
}

func TestUploadGolden(t *testing.T) {
	args, err := (&Adapter{}).shareArgs(bot.Upload{Name: `C:\x\graph<1>.png`, Text: "see *this* <!here> https://evil.example"}, "C1", "17.5", "F1")
	if err != nil {
		t.Fatal(err)
	}
	if got := args.Get("files"); got != `[{"id":"F1","title":"graph\u003c1\u003e.png"}]` || args.Has("initial_comment") || args.Get("channel_id") != "C1" || args.Get("thread_ts") != "17.5" {
		t.Errorf("sent %v", args)
	}
	golden(t, "upload.json", json.RawMessage(args.Get("blocks")))
}

func TestFileName(t *testing.T) {
	for _, tt := range []struct{ name, kind, want string }{
		{"a.png", "image/png", "a.png"},
		{"../../etc/passwd", "", "passwd"},
		{`C:\temp\x.pdf`, "", "x.pdf"},
		{"", "image/png", "file.png"},
		{"..", "", "file"},
		{"/", "video/mp4", "file.mp4"},
		{" \n", "application/vnd.openxmlformats-officedocument", "file"},
		{"a\u202egpj.exe", "", "agpj.exe"},
	} {
		if got := fileName(bot.Upload{Name: tt.name, Type: tt.kind}); got != tt.want {
			t.Errorf("fileName(%q, %q) = %q, want %q", tt.name, tt.kind, got, tt.want)
		}
	}
	long := fileName(bot.Upload{Name: strings.Repeat("日", 400) + ".jpeg"})
	if size(long) > maxFileName || long[len(long)-5:] != ".jpeg" {
		t.Errorf("a long name became %d units, ends in %q", size(long), long[len(long)-5:])
	}
}
