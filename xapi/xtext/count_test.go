package xtext_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/perch-chat/perch/xapi/xtext"
)

func TestCountResult(t *testing.T) {
	got := xtext.CountLimit("see \uFEFFperch.chat and https://example.com/a\uFFFF", 20)
	want := xtext.Result{
		Weighted: 46, Limit: 20, URLs: 1, // no URL begins right after U+FEFF
		Invalid: []xtext.InvalidChar{{Offset: 4, Rune: 0xFEFF}, {Offset: 43, Rune: 0xFFFF}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got.Over() != 26 {
		t.Errorf("Over() = %d, want 26", got.Over())
	}
	if over := xtext.Count("fits").Over(); over != 0 {
		t.Errorf("Over() = %d, want 0", over)
	}
}

// Every emoji that Unicode recommends weighs 2, whatever it is made of.
func TestEveryEmojiWeighsTwo(t *testing.T) {
	for _, emoji := range dataLines(t, "emoji.txt") {
		if got := xtext.Count(emoji).Weighted; got != 2 {
			t.Errorf("Count(%q %+q) = %d, want 2", emoji, emoji, got)
		}
		if got := xtext.Count("a" + emoji + emoji + "b").Weighted; got != 6 {
			t.Errorf("Count of a, %q twice, and b = %d, want 6", emoji, got)
		}
	}
	for _, base := range dataLines(t, "variation.txt") {
		if got := xtext.Count(base + "\uFE0F").Weighted; got != 2 {
			t.Errorf("Count(%+q with U+FE0F) = %d, want 2", base, got)
		}
	}
}

// What only looks like a sequence is counted character by character, as X does.
func TestBrokenEmoji(t *testing.T) {
	tests := []struct {
		name, text string
		want       int
	}{
		{"two people joined to no family", "👨🏽\u200d👨🏽\u200d👨🏽", 8},
		{"cat and joiner", "🐱\u200d🐱", 5},
		{"joiner at the end", "👩\u200d", 3},
		{"skin tone on a cat", "🐱🏽", 4},
		{"half a flag", "🇩", 2},
		{"three halves of a flag", "🇩🇪🇩", 4},
		{"tags that name no flag", "🏴\U000E0075\U000E0073\U000E007F", 8},
		{"keycap on a letter", "a\u20E3", 3},
		{"keycap on nothing", "\u20E3", 2},
		{"keycap after a URL", "http://a.com/1\u20E3", 25},
		{"digit asked to be an emoji", "1\uFE0F", 3},
		{"unqualified joined emoji", "❤\u200d🔥", 5},
		{"qualified joined emoji", "❤\uFE0F\u200d🔥", 2},
		{"many joiners", strings.Repeat("👩\u200d", 40), 120},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := xtext.Count(tt.text).Weighted; got != tt.want {
				t.Errorf("Count(%+q) = %d, want %d", tt.text, got, tt.want)
			}
		})
	}
}

// Every known top-level domain makes a URL, with a scheme and without one
// where it is in Latin letters; an unknown one doesn't.
func TestEveryTopLevelDomain(t *testing.T) {
	for _, tld := range dataLines(t, "tlds.txt") {
		if !norm.NFC.IsNormalString(tld) {
			t.Errorf("%q is not in NFC: it would never be found", tld)
		}
		for _, url := range []string{"https://example." + tld, "http://a-b.example." + tld + "/x?y=z"} {
			text := "see " + url + " now"
			if got := texts(text, xtext.URLs(text)); len(got) != 1 || got[0] != url {
				t.Errorf("URLs(%q) = %q", text, got)
			}
			if got := xtext.Count(text).Weighted; got != 4+23+4 {
				t.Errorf("Count(%q) = %d, want 31", text, got)
			}
		}
		text := "example." + tld + "!"
		if got := texts(text, xtext.URLs(text)); len(got) != 1 || got[0] != "example."+tld {
			t.Errorf("URLs(%q) = %q", text, got)
		}
	}
	for _, tld := range []string{"comm", "somecom", "x", "local", "internal", "test", "bz2", "com-", "中"} {
		text := "https://example." + tld + "z"
		if got := texts(text, xtext.URLs(text)); len(got) != 0 {
			t.Errorf("URLs(%q) = %q, want none", text, got)
		}
	}
}

// A count over a text in another normalization form is the same.
func TestCountNormalizes(t *testing.T) {
	for _, tt := range readSuite(t).Count {
		if got, want := xtext.Count(norm.NFD.String(tt.Text)), xtext.Count(norm.NFC.String(tt.Text)); got.Weighted != want.Weighted {
			t.Errorf("Count of %q in NFD = %d, in NFC %d", tt.Text, got.Weighted, want.Weighted)
		}
	}
}

func dataLines(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile("data/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

func FuzzCount(f *testing.F) {
	for _, tt := range readSuite(f).URLs {
		f.Add(tt.Text)
	}
	f.Add("👨‍👩‍👧‍👦1⃣🏴\U000E0067\xff\xfe。example.com")
	f.Fuzz(func(t *testing.T, s string) {
		got := xtext.Count(s)
		end := 0
		for _, u := range xtext.URLs(s) {
			if u.Start < end || u.End <= u.Start || u.End > len(s) {
				t.Fatalf("URLs(%q): %v is out of order or of the text", s, u)
			}
			end = u.End
		}
		if got.Weighted < 0 || got.Valid != (got.Weighted > 0 && got.Weighted <= got.Limit && len(got.Invalid) == 0) {
			t.Fatalf("Count(%q) = %+v", s, got)
		}
		if more := xtext.Count(s + " a"); more.Weighted != got.Weighted+2 {
			t.Fatalf("Count(%q) = %d, with two characters more %d", s, got.Weighted, more.Weighted)
		}
		for _, find := range []func(string) []xtext.Span{xtext.Mentions, xtext.Hashtags, xtext.Cashtags} {
			for _, p := range find(s) {
				if p.Start >= p.End || p.End > len(s) {
					t.Fatalf("%q: span %v", s, p)
				}
			}
		}
	})
}

func BenchmarkCount(b *testing.B) {
	prose := "We are investigating elevated error rates on the API. Some requests may fail; retries usually succeed. "
	for _, bm := range []struct{ name, text string }{
		{"ascii", strings.Repeat(prose, 3)},
		{"urls", strings.Repeat("Status: https://status.example.com/incidents/42?page=1 and docs.example.org/runbook. ", 3)},
		{"mixed", strings.Repeat("Störung 🔥 behoben — danke für die Geduld 👩‍💻 日本語のお知らせ https://example.com/ä ", 3)},
		{"cjk", strings.Repeat("現在、一部のお客様に障害が発生しています。復旧作業中です。", 5)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(int64(len(bm.text)))
			b.ReportAllocs()
			for b.Loop() {
				xtext.Count(bm.text)
			}
		})
	}
}
