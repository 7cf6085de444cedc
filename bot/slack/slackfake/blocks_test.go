package slackfake

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestCheckBlocks(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	button := func(id, text string) string {
		return fmt.Sprintf(`{"type":"button","action_id":%q,"text":{"type":"plain_text","text":%q}}`, id, text)
	}
	many := func(n int, of func(i int) string) string {
		var l []string
		for i := range n {
			l = append(l, of(i))
		}
		return strings.Join(l, ",")
	}
	section := func(kind, text string) string {
		return fmt.Sprintf(`{"type":"section","text":{"type":%q,"text":%q}}`, kind, text)
	}
	tests := []struct{ name, blocks, want string }{
		{"section", section("mrkdwn", x(3000)), ""},
		{"section too long", section("mrkdwn", x(3001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		{"3000 emoji are 3000 characters", section("plain_text", strings.Repeat("😀", 3000)), ""},
		{"empty text", section("mrkdwn", ""), "must be more than 0 characters"},
		{"section of nothing", `{"type":"section"}`, "missing required field: text"},
		{"unknown block", `{"type":"alert"}`, "unsupported type: alert"},
		{"unknown property", `{"type":"divider","colour":"red"}`, "invalid additional property: colour"},
		{"header in mrkdwn", `{"type":"header","text":{"type":"mrkdwn","text":"x"}}`, "unsupported text type"},
		{"header too long", `{"type":"header","text":{"type":"plain_text","text":"` + x(151) + `"}}`, "less than 151"},
		{"fields", `{"type":"section","fields":[` + many(11, func(int) string { return `{"type":"mrkdwn","text":"x"}` }) + `]}`, "no more than 10 items"},
		{"context", `{"type":"context","elements":[]}`, "at least 1"},
		{"actions", `{"type":"actions","elements":[` + many(25, func(i int) string { return button(fmt.Sprint(i), "x") }) + `]}`, ""},
		{"26 actions", `{"type":"actions","elements":[` + many(26, func(i int) string { return button(fmt.Sprint(i), "x") }) + `]}`, "no more than 25 items"},
		{"one action id twice", `{"type":"actions","elements":[` + button("a", "x") + "," + button("a", "y") + `]}`, "already exists"},
		{"button text", `{"type":"actions","elements":[` + button("a", x(76)) + `]}`, "less than 76"},
		{"action id", `{"type":"actions","elements":[` + button(x(256), "x") + `]}`, "less than 256"},
		{"input among actions", `{"type":"actions","elements":[{"type":"plain_text_input","action_id":"a"}]}`, "unsupported type: plain_text_input"},
		{"one block id twice", `{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}`, "already exists"},
		{"image without words", `{"type":"image","image_url":"https://a.test/a.png"}`, "missing required field: alt_text"},
		{"image at a path", `{"type":"image","image_url":"/a.png","alt_text":"a"}`, "valid URL"},
		{"markdown in all", many(2, func(int) string { return `{"type":"markdown","text":"` + x(6001) + `"}` }), "12000 characters in all"},
		{"two tables", many(2, func(int) string { return `{"type":"table","rows":[[{"type":"raw_text","text":"x"}]]}` }), "only_one_table_allowed"},
		{"rich text", `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x"},{"type":"emoji","name":"eyes"}]}]}`, ""},
		{"rich text without a text", `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":""}]}]}`, "more than 0 characters"},
		{"rich text of the unknown", `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"bold","text":"x"}]}]}`, "unsupported type: bold"},
		{"101 options", `{"type":"section","text":{"type":"mrkdwn","text":"x"},"accessory":{"type":"static_select","action_id":"a","options":[` +
			many(101, func(i int) string {
				return fmt.Sprintf(`{"text":{"type":"plain_text","text":"x"},"value":"%d"}`, i)
			}) + `]}}`, "no more than 100 items"},
		{"50 blocks", many(50, func(int) string { return `{"type":"divider"}` }), ""},
		{"51 blocks", many(51, func(int) string { return `{"type":"divider"}` }), "no more than 50 items"},
	}
	for _, tt := range tests {
		var blocks []any
		if err := json.Unmarshal([]byte("["+tt.blocks+"]"), &blocks); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got := strings.Join(checkBlocks(blocks, "message"), "; ")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCheckView(t *testing.T) {
	text := func(s string) string { return `{"type":"plain_text","text":"` + s + `"}` }
	input := `{"type":"input","label":` + text("L") + `,"element":{"type":"plain_text_input"}}`
	tests := []struct{ name, view, want string }{
		{"modal", `{"type":"modal","title":` + text("T") + `,"blocks":[]}`, ""},
		{"no title", `{"type":"modal","blocks":[]}`, "missing required field: title"},
		{"long title", `{"type":"modal","title":` + text(strings.Repeat("x", 25)) + `,"blocks":[]}`, "less than 25"},
		{"input without submit", `{"type":"modal","title":` + text("T") + `,"blocks":[` + input + `]}`, "missing required field: submit"},
		{"input with submit", `{"type":"modal","title":` + text("T") + `,"submit":` + text("S") + `,"blocks":[` + input + `]}`, ""},
		{"home where a modal belongs", `{"type":"home","blocks":[]}`, "must be modal"},
		{"metadata", `{"type":"modal","title":` + text("T") + `,"private_metadata":"` + strings.Repeat("x", 3001) + `","blocks":[]}`, "less than 3001"},
		{"no blocks", `{"type":"modal","title":` + text("T") + `}`, "blocks"},
	}
	for _, tt := range tests {
		var v obj
		if err := json.Unmarshal([]byte(tt.view), &v); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got := strings.Join(checkView(v, "modal"), "; ")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzBlocks: whatever is sent as blocks, the fake checks, keeps and shows it.
func FuzzBlocks(f *testing.F) {
	for _, s := range []string{`[]`, `[{"type":"section","text":{"type":"mrkdwn","text":"<@U1> <a|b> <!date^1^x|y>"}}]`, `[1,null]`, `[{"type":"actions","elements":[{"type":"button"}]}]`, `[{"type":"rich_text","elements":[{"type":"rich_text_list","elements":[]}]}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var blocks []any
		if json.Unmarshal([]byte(in), &blocks) != nil {
			return
		}
		if len(checkBlocks(blocks, "message")) > 0 {
			return
		}
		s := New(Options{})
		m := &message{blocks: s.fillBlocks(blocks)}
		s.show1(m)
	})
}
