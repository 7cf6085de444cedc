package accounts

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func sealer(t *testing.T, keys ...SealKey) *Sealer {
	t.Helper()
	s, err := NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	s := sealer(t, key(t, 'a'))
	one, two := s.Seal("t", "k", "plain"), s.Seal("t", "k", "plain")
	if one == two || strings.Contains(one, "plain") {
		t.Errorf("Seal = %q, then %q: it has to differ each time and hide the text", one, two)
	}
	if got, err := s.Open("t", "k", one); err != nil || got.Reveal() != "plain" {
		t.Errorf("Open = %q, %v", got.Reveal(), err)
	}
	flipped := []byte(one)
	flipped[len(flipped)-3] ^= 1
	for name, open := range map[string]func() (Secret, error){
		"other record": func() (Secret, error) { return s.Open("t", "other", one) },
		"other table":  func() (Secret, error) { return s.Open("u", "k", one) },
		"changed":      func() (Secret, error) { return s.Open("t", "k", string(flipped)) },
		"cut short":    func() (Secret, error) { return s.Open("t", "k", one[:20]) },
		"empty":        func() (Secret, error) { return s.Open("t", "k", "") },
		"plain":        func() (Secret, error) { return s.Open("t", "k", "plain") },
		"other key":    func() (Secret, error) { return sealer(t, key(t, 'b')).Open("t", "k", one) },
	} {
		if _, err := open(); !errors.Is(err, ErrUnsealable) {
			t.Errorf("%s: error = %v, want ErrUnsealable", name, err)
		}
	}
}

func TestParseSealKey(t *testing.T) {
	raw := []byte(strings.Repeat("\xfb\xff", 16))
	want, err := NewSealKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw) + "\n",
	} {
		if got, err := ParseSealKey(text); err != nil || got != want {
			t.Errorf("ParseSealKey(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("!", 44), base64.StdEncoding.EncodeToString(raw[:31])} {
		if _, err := ParseSealKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("ParseSealKey(%q) error = %v, want one that does not quote it", text, err)
		}
	}
	if _, err := NewSealer(want, want); err == nil {
		t.Error("NewSealer took one key twice")
	}
	if _, err := NewSealer(); err == nil {
		t.Error("NewSealer took no key")
	}
}

func TestKeyRotation(t *testing.T) {
	w := newWorld(t)
	acc := w.connect()
	old, next := key(t, 'k'), key(t, 'n')

	w.seal = sealer(t, next, old)
	rotated := w.instance()
	if n, err := rotated.Reseal(t.Context()); err != nil || n != 1 {
		t.Fatalf("Reseal = %d, %v, want 1", n, err)
	}
	if n, err := rotated.Reseal(t.Context()); err != nil || n != 0 {
		t.Errorf("Reseal = %d, %v, want nothing left", n, err)
	}
	w.seal = sealer(t, next)
	if token, err := w.instance().Token(t.Context(), acc.ID); err != nil || token != canary+"access-1" {
		t.Errorf("Token without the old key = %q, %v", token, err)
	}
}
