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
		"# Head\n> said\nok":                           "Head\nsaid\nok",
		"\\*not\\* it":                                 "*not* it",
		"[ ](https://chat/x?msg=1) yes":                "yes",
		":smile: 5 * 3 * 2":                            "😄 5 * 3 * 2",
		"Thanks :thumbsup_tone3::wave:, :unknown: one": "Thanks 👍🏽👋, :unknown: one",
		"at 10:30:00, `:smile:`, http://a:80:b/":       "at 10:30:00, :smile:, http://a:80:b/",
		"*:tada: all* done :heart:":                    "🎉 all done ❤️",
		"a@\u2060all":                                  "a@all",
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
