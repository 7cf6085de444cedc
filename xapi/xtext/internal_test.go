package xtext

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What isPlain lets pass unlooked at must be what NFC lets pass.
func TestPlainIsNormal(t *testing.T) {
	n := 0
	for r := rune(0x80); r <= utf8.MaxRune; r++ {
		if !isPlain(r) || !utf8.ValidRune(r) {
			continue
		}
		n++
		s := string(r)
		if norm.NFC.String(s) != s || !norm.NFC.PropertiesString(s).BoundaryBefore() {
			t.Errorf("%U: NFC changes it or joins it to the character before", r)
		}
	}
	if n < 30_000 {
		t.Errorf("only %d characters are plain", n)
	}
}

// Every character that begins an emoji of several is looked at.
func TestMayBeginEmoji(t *testing.T) {
	for r := rune(0x80); r <= utf8.MaxRune; r++ {
		if (takesVS16(r) || isInvalid(r)) && !mayBeginEmoji(r) {
			t.Errorf("%U begins an emoji", r)
		}
	}
}

func TestPunycodeLen(t *testing.T) {
	tests := []struct {
		label string
		want  int
	}{
		{"", 0},
		{"example", 7},
		{"bücher", len("xn--bcher-kva")},
		{"münchen", len("xn--mnchen-3ya")},
		{"みんな", len("xn--q9jyb4c")},
		{"😀", len("xn--e28h")},
		{"他们为什么不说中文", len("xn--ihqwcrb4cv8a8dqg056pqjye")},
		{"Pročprostěnemluvíčesky", len("xn--Proprostnemluvesky-uyb24dma41a")},
		{"MajiでKoiする5秒前", len("xn--MajiKoi5-783gue6qz075azm5e")},
		{"あ。い", len("xn--l8j") + 1 + len("xn--n8j")},
	}
	for _, tt := range tests {
		if got := punycodeLen(tt.label); got != tt.want {
			t.Errorf("punycodeLen(%q) = %d, want %d", tt.label, got, tt.want)
		}
	}
}
