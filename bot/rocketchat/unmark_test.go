package rocketchat

import "testing"

func TestUnmark(t *testing.T) {
	for in, want := range map[string]string{
		"plain words, 2*3*4 and some_user_name":        "plain words, 2*3*4 and some_user_name",
		"*bold* and **bold**, _it_ __it__ ~no~ ~~no~~": "bold and bold, it it no no",
		"*_both_* (*in*) \"*quoted*\"!":                "both (in) \"quoted\"!",
		"use `a*b*c` now":                              "use a*b*c now",
		"```go\nx := *p * *q\n```":                     "x := *p * *q",
		"[docs](https://x.com/a_b) https://x.com/_a_":  "docs (https://x.com/a_b) https://x.com/_a_",
		"![pic](https://x.com/p.png)":                  "pic (https://x.com/p.png)",
		"<https://x.com|here>":                         "here (https://x.com)",
		"# Head\n> said\nok":                           "Head\n> said\nok",
		"\\*not\\* it":                                 "*not* it",
		"[ ](https://chat/x?msg=1) yes":                "yes",
		":smile: 5 * 3 * 2":                            "😄 5 * 3 * 2",
		"Thanks :thumbsup_tone3::wave:, :unknown: one": "Thanks 👍🏽👋, :unknown: one",
		"at 10:30:00, `:smile:`, http://a:80:b/":       "at 10:30:00, :smile:, http://a:80:b/",
		":pizza: :flag_de::flag_black: :chart: :laughing: :melting_face: :unlock: :_: :=:": "🍕 🇩🇪🏴 💹 😆 🫠 🔓 :_: :=:",
		":raised_hand_tone1: :person_shrugging_tone5:":                                     "✋🏻 🤷🏿",
		"*:tada: all* done :heart:":                                                        "🎉 all done ❤️",
		"a@\u2060all":                                                                      "a@all",
		"```restart```":                                                                    "restart",
		"type ```reboot now``` first":                                                      "type reboot now first",
		"```c++\na*b*\n```":                                                                "a*b*",
		"```\n\n  two\n```":                                                                "two",
		"[ ](https://chat/x?msg=1)\n[ ](https://chat/x?msg=2)\nboth, yes": "both, yes",
		"[ ](https://chat/x?msg=1) [ ](https://chat/x?msg=2) both, yes":   "both, yes",
		"as said: [ ](https://chat/live/x?msg=1) [ ](https://chat/2) yes": "as said: yes",
		"[us](mailto:help@acme.com), [call](tel:+4930123)":                "us (help@acme.com), call (+4930123)",
		"[us](https://x.com/a_(b)) [https://x.com/c](https://x.com/c)":    "us (https://x.com/a_(b)) https://x.com/c",
		"https://x.com/:smile:/a :smile:":                                 "https://x.com/:smile:/a 😄",
		"||secret|| and a || b":                                           "secret and a || b",
	} {
		if got := unmark(in); got != want {
			t.Errorf("unmark(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzUnmark(f *testing.F) {
	f.Add("*a* `b` [c](https://d)")
	f.Fuzz(func(_ *testing.T, s string) { _ = unmark(s) })
}
