package accounts

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// sealVersion begins every sealed value, so that another form can follow.
const sealVersion = "s1"

// ErrUnsealable is returned for a value that none of the keys opens.
var ErrUnsealable = errors.New("accounts: no key opens the sealed value")

// SealKey is one key of a [Sealer]. Its ID says which key sealed a value and
// tells nothing about the key.
type SealKey struct {
	ID     string
	Secret Secret // the 32 raw bytes
}

// NewSealKey makes a key of 32 bytes; its ID is derived from them.
func NewSealKey(raw []byte) (SealKey, error) {
	if len(raw) != chacha20poly1305.KeySize {
		return SealKey{}, fmt.Errorf("encryption key: %d bytes, it has to be %d", len(raw), chacha20poly1305.KeySize)
	}
	sum := sha256.Sum256(append([]byte("perch seal key id\x00"), raw...))
	return SealKey{ID: hex.EncodeToString(sum[:4]), Secret: Secret(raw)}, nil
}

// ParseSealKey reads a key as it is written in a config: 32 bytes in base64
// (either alphabet, with or without padding) or in hexadecimal.
func ParseSealKey(text string) (SealKey, error) {
	text = strings.TrimSpace(text)
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == chacha20poly1305.KeySize {
		return NewSealKey(raw)
	}
	plain := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	raw, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil {
		// The error of the decoder would quote a part of the key.
		return SealKey{}, errors.New("encryption key: it is neither base64 nor hexadecimal (make one with: openssl rand -base64 32)")
	}
	return NewSealKey(raw)
}

// Sealer encrypts what must not be readable in the store: XChaCha20-Poly1305
// with a random nonce, bound to the table and the key of the record, so that a
// value copied to another record does not open there. It is safe for
// concurrent use.
type Sealer struct {
	first string
	keys  map[string]cipher.AEAD
}

// NewSealer returns a Sealer that seals with the first key and opens with any.
func NewSealer(keys ...SealKey) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("encryption key: none given")
	}
	s := &Sealer{first: keys[0].ID, keys: make(map[string]cipher.AEAD, len(keys))}
	for _, k := range keys {
		if k.ID == "" || strings.Contains(k.ID, ".") {
			return nil, fmt.Errorf("encryption key: the id %q is empty or has a dot", k.ID)
		}
		if _, ok := s.keys[k.ID]; ok {
			return nil, fmt.Errorf("encryption key %s: given twice", k.ID)
		}
		aead, err := chacha20poly1305.NewX([]byte(k.Secret.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("encryption key %s: %w", k.ID, err)
		}
		s.keys[k.ID] = aead
	}
	return s, nil
}

func sealContext(table, key string) []byte { return []byte(table + "|" + key) }

// Seal encrypts plain for the record at key in table.
func (s *Sealer) Seal(table, key, plain string) string {
	aead := s.keys[s.first]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce) // it never fails: it ends the process instead
	box := aead.Seal(nonce, nonce, []byte(plain), sealContext(table, key))
	return sealVersion + "." + s.first + "." + base64.RawURLEncoding.EncodeToString(box)
}

// Open decrypts what Seal made for the same table and key.
func (s *Sealer) Open(table, key, sealed string) (Secret, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	keyID, text, ok := strings.Cut(rest, ".")
	if !ok || version != sealVersion {
		return "", fmt.Errorf("open sealed value of %s: unknown form: %w", table, ErrUnsealable)
	}
	aead, ok := s.keys[keyID]
	if !ok {
		return "", fmt.Errorf("open sealed value of %s: it needs the key %s, which is not configured: %w", table, keyID, ErrUnsealable)
	}
	box, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(box) < aead.NonceSize() {
		return "", fmt.Errorf("open sealed value of %s: cut short: %w", table, ErrUnsealable)
	}
	plain, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], sealContext(table, key))
	if err != nil {
		return "", fmt.Errorf("open sealed value of %s with key %s: changed, or of another record: %w", table, keyID, ErrUnsealable)
	}
	return Secret(plain), nil
}

// Current reports whether sealed was made with the key that Seal uses now.
func (s *Sealer) Current(sealed string) bool {
	return strings.HasPrefix(sealed, sealVersion+"."+s.first+".")
}
