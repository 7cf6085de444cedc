package web

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// Scope is something that a token may do.
type Scope string

// The scopes.
const (
	EventsRead     Scope = "events:read"
	EventsWrite    Scope = "events:write"
	IncidentsRead  Scope = "incidents:read"
	IncidentsWrite Scope = "incidents:write"
	WorkflowsWrite Scope = "workflows:write"
)

// Scopes are all scopes.
func Scopes() []Scope {
	return []Scope{EventsRead, EventsWrite, IncidentsRead, IncidentsWrite, WorkflowsWrite}
}

// Token is the API's key to Perch. What its holder sends is not in it: only a
// hash is stored.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Hash    string    `json:"hash"`
	Hint    string    `json:"hint"` // how it begins, to tell it from others
	Scopes  []Scope   `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked time.Time `json:"revoked,omitzero"`
	Used    time.Time `json:"used,omitzero"` // about when it was used last
}

// Valid reports whether the token opens anything at t.
func (t Token) Valid(at time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || at.Before(t.Expires))
}

// May reports whether the token has a scope.
func (t Token) May(s Scope) bool { return slices.Contains(t.Scopes, s) }

// tokens are kept by their hashes, because each request looks one up.
var tokens = store.Table[Token]{
	Name: "api_tokens",
	Key:  func(t Token) []byte { return store.Key(t.Hash) },
}

// NewToken is what a token is made from.
type NewToken struct {
	Name    string
	Scopes  []Scope
	Expires time.Time // zero: never
	Secret  string    // "": a random one, which is what everybody but a sandbox wants
}

// ErrToken is wrapped by what is wrong with a NewToken.
var ErrToken = errors.New("token")

const tokenPrefix = "perch_"

// CreateToken stores a token and returns what its holder sends, which can't be
// found out again.
func CreateToken(tx store.Tx, n NewToken) (secret string, t Token, err error) {
	now := time.Now().UTC()
	n.Name = strings.TrimSpace(n.Name)
	switch {
	case n.Name == "" || len(n.Name) > 200:
		return "", Token{}, fmt.Errorf("%w: it needs a name of up to 200 characters", ErrToken)
	case len(n.Scopes) == 0:
		return "", Token{}, fmt.Errorf("%w: it needs at least one scope", ErrToken)
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return "", Token{}, fmt.Errorf("%w: its expiry is over already", ErrToken)
	}
	for _, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) {
			return "", Token{}, fmt.Errorf("%w: there is no scope %q", ErrToken, s)
		}
	}
	secret, hint := n.Secret, "given"
	if secret == "" {
		secret = tokenPrefix + rand.Text() + rand.Text()
		hint = secret[:len(tokenPrefix)+4] + "…"
	}
	t = Token{ID: id.New(), Name: n.Name, Hash: hash(secret), Hint: hint, Scopes: n.Scopes, Created: now, Expires: n.Expires.UTC()}
	if n.Expires.IsZero() {
		t.Expires = time.Time{}
	}
	if n.Secret != "" { // a sandbox is started again with the same one
		if old, ok, err := tokens.Find(tx, store.Key(t.Hash)); err != nil {
			return "", Token{}, err
		} else if ok {
			t.ID, t.Created = old.ID, old.Created
		}
	}
	if err := tokens.Put(tx, t); err != nil {
		return "", Token{}, fmt.Errorf("create token: %w", err)
	}
	return secret, t, nil
}

// ListTokens returns all tokens, oldest first.
func ListTokens(tx store.Tx) ([]Token, error) {
	ts, err := store.Collect(tokens.Scan(tx, store.Range{}))
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	slices.SortFunc(ts, func(a, b Token) int { return strings.Compare(a.ID, b.ID) }) // the IDs sort by time
	return ts, nil
}

// RevokeToken ends a token, named by its ID or, if there is only one such, its
// name.
func RevokeToken(tx store.Tx, ref string) (Token, error) {
	ts, err := ListTokens(tx)
	if err != nil {
		return Token{}, err
	}
	var found []Token
	for _, t := range ts {
		if t.ID == ref || t.Name == ref && t.Revoked.IsZero() {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return Token{}, fmt.Errorf("%w: %d tokens are called %q: name one by its ID", ErrToken, len(found), ref)
	}
	t := found[0]
	if t.Revoked.IsZero() {
		t.Revoked = time.Now().UTC()
	}
	return t, tokens.Put(tx, t)
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// keyring remembers how the stored tokens read, so that not each request has
// to decode one. What is stored is looked at each time: a revoked token is
// refused at once.
type keyring struct {
	mu   sync.RWMutex
	read map[string]keyOf // by hash
}

type keyOf struct {
	stored []byte
	token  Token
}

const maxKeys = 1024

// find is the token that secret opens, if it does. It is looked up by its
// hash, so the time that takes says nothing of the secret.
func (k *keyring) find(tx store.Tx, secret string) (Token, bool, error) {
	h := hash(secret)
	at := store.Key(h)
	stored, err := tx.Get(tokens.Name, at)
	if errors.Is(err, store.ErrNotFound) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("find token: %w", err)
	}
	k.mu.RLock()
	known, ok := k.read[h]
	k.mu.RUnlock()
	t := known.token
	if !ok || !bytes.Equal(known.stored, stored) {
		if t, ok, err = tokens.Find(tx, at); err != nil || !ok {
			return Token{}, false, err
		}
		k.mu.Lock()
		if k.read == nil || len(k.read) >= maxKeys {
			k.read = map[string]keyOf{}
		}
		k.read[h] = keyOf{stored: stored, token: t}
		k.mu.Unlock()
	}
	same := subtle.ConstantTimeCompare([]byte(t.Hash), []byte(h)) == 1
	return t, same && t.Valid(time.Now()), nil
}
