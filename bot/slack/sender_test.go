package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// What the sender's name says already is not said again by the header.
func TestTheHeaderDoesNotRepeatTheSender(t *testing.T) {
	casey := &bot.Author{Name: "Casey Rivera", Handle: "casey_r"}
	for name, x := range map[string]struct {
		author  *bot.Author
		byline  bool
		header  string
		also    []bot.Block
		headers int
	}{
		"the sender's name":            {casey, false, "Casey Rivera (@casey_r)", []bot.Block{bot.Quote("hi")}, 0},
		"as it is cleaned":             {&bot.Author{Name: "Casey\x00 Rivera ", Handle: "casey_r"}, false, "Casey Rivera (@casey_r)", []bot.Block{bot.Quote("hi")}, 0},
		"a handle alone":               {&bot.Author{Name: "@casey_r", Handle: "casey_r"}, false, "@casey_r", []bot.Block{bot.Quote("hi")}, 0},
		"no sender but in a line":      {casey, true, "Casey Rivera (@casey_r)", []bot.Block{bot.Quote("hi")}, 1},
		"something else":               {casey, false, "Checkout is down", []bot.Block{bot.Quote("hi")}, 1},
		"nobody":                       {nil, false, "Casey Rivera (@casey_r)", []bot.Block{bot.Quote("hi")}, 1},
		"nothing else":                 {casey, false, "Casey Rivera (@casey_r)", nil, 1},
		"only the first":               {casey, false, "Casey Rivera (@casey_r)", []bot.Block{bot.Quote("hi"), bot.Header("Casey Rivera (@casey_r)")}, 1},
		"longer than a sender may be":  {&bot.Author{Name: strings.Repeat("x", 90)}, false, strings.Repeat("x", 90), []bot.Block{bot.Quote("hi")}, 1},
		"an author who has no name":    {&bot.Author{}, false, "Someone", []bot.Block{bot.Quote("hi")}, 1},
		"an author of no name, headed": {&bot.Author{}, false, "", []bot.Block{bot.Quote("hi")}, 0},
	} {
		c, err := renderer{byline: x.byline}.message(bot.Message{Text: "x", Author: x.author, Blocks: append([]bot.Block{bot.Header(x.header)}, x.also...)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		raw, err := json.Marshal(c.blocks)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), `"header"`); n != x.headers {
			t.Errorf("%s: %d headers, want %d: %s", name, n, x.headers, raw)
		}
	}
}

func TestSenderName(t *testing.T) {
	for want, a := range map[string]bot.Author{
		"Casey (@casey)": {Name: "Casey", Handle: "casey"}, "@casey": {Name: "@casey", Handle: "casey"},
		"(@casey)": {Handle: "casey"}, "Casey": {Name: " Casey "}, "": {},
	} {
		if got := senderName(a); got != want {
			t.Errorf("senderName(%+v) = %q, want %q", a, got, want)
		}
	}
}
