package rocketchat

import (
	"strings"
	"testing"
)

func TestUnmark(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"*_both_* (*in*) \"*quoted*\"!", "both (in) \"quoted\"!"},
		{"use `a*b*c` now", "use a*b*c now"},
		{"```go\nx := *p * *q\n```", "x := *p * *q"},
		{"![pic](https://x.com/p.png)", "pic (https://x.com/p.png)"},
		{"<https://x.com|here>", "here (https://x.com)"},
		{"# Head\n> said\nok", "Head\n> said\nok"},
		{"\\*not\\* it", "*not* it"},
		{"[ ](https://chat/x?msg=1) yes", "yes"},
		{":smile: 5 * 3 * 2", "😄 5 * 3 * 2"},
		{":raised_hand_tone1: :person_shrugging_tone5:", "✋🏻 🤷🏿"},
		{"*:tada: all* done :heart:", "🎉 all done ❤️"},
		{"a@\u2060all", "a@all"},
		{"```restart```", "restart"},
		{"type ```reboot now``` first", "type reboot now first"},
		{"```c++\na*b*\n```", "a*b*"},
		{"```\n\n  two\n```", "two"},
		{"||secret|| and a || b", "secret and a || b"},
		{"plain words, 2*3*4 and some_user_name", "plain words, 2*3*4 and some_user_name"},
		{"*bold* and **bold**, _it_ __it__ ~no~ ~~no~~", "bold and bold, it it no no"},
		{"[docs](https://x.com/a_b) https://x.com/_a_", "docs (https://x.com/a_b) https://x.com/_a_"},
		{"Thanks :thumbsup_tone3::wave:, :unknown: one", "Thanks 👍🏽👋, :unknown: one"},
		{"at 10:30:00, `:smile:`, http://a:80:b/", "at 10:30:00, :smile:, http://a:80:b/"},
		{":pizza: :flag_de::flag_black: :chart: :laughing: :melting_face: :unlock: :_: :=:", "🍕 🇩🇪🏴 💹 😆 🫠 🔓 :_: :=:"},
		{"[ ](https://chat/x?msg=1)\n[ ](https://chat/x?msg=2)\nboth, yes", "both, yes"},
		{"[ ](https://chat/x?msg=1) [ ](https://chat/x?msg=2) both, yes", "both, yes"},
		{"as said: [ ](https://chat/live/x?msg=1) [ ](https://chat/2) yes", "as said: yes"},
		{"[us](mailto:help@acme.com), [call](tel:+4930123)", "us (help@acme.com), call (+4930123)"},
		{"[us](https://x.com/a_(b)) [https://x.com/c](https://x.com/c)", "us (https://x.com/a_(b)) https://x.com/c"},
		{"https://x.com/:smile:/a :smile:", "https://x.com/:smile:/a 😄"},
	} {
		if got := unmark(tt.in); got != tt.want {
			t.Errorf("unmark(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// FuzzUnmark shows that marks are taken away and nothing else: no letter goes with them.
func FuzzUnmark(f *testing.F) {
	f.Add("*a* `b` [c](https://d)")
	f.Add("type ```reboot now``` *first*")
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				return r
			}
			return -1
		}, s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := unmark(s)
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz *_~`|>#\\") != "" {
			return // an emoji's name, a language, a link
		}
		if letters(got) != letters(s) {
			t.Errorf("unmark(%q) = %q", s, got)
		}
	})
}
