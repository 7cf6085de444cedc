package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/perch-chat/perch/store"
)

// keptFor is how long an Idempotency-Key is remembered at least.
const keptFor = 48 * time.Hour

// answered is the answer to a request with an Idempotency-Key.
type answered struct {
	Key    string          `json:"key"`
	Hash   string          `json:"hash"` // of the request
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	At     time.Time       `json:"at"`
}

var answers = store.Table[answered]{
	Name:    "api_answers",
	Key:     func(a answered) []byte { return store.Key(a.Key) },
	Indexes: []store.Index[answered]{{Name: "at", Keys: func(a answered) [][]byte { return [][]byte{store.Key(a.At)} }}},
}

// change answers a request that changes something. All of it, with the memory
// of its Idempotency-Key, is one transaction: what fn does is stored, or the
// caller is told that it is not.
func (s *server) change(w http.ResponseWriter, r *http.Request, t Token, body []byte, status int, fn func(tx store.Tx) (any, error)) error {
	key, err := idempotencyKey(r, t)
	if err != nil {
		return err
	}
	sum := ""
	if key != "" {
		sum = digest(r, body)
	}
	var out []byte
	var doc any
	replayed, code := false, status
	err = s.DB.Update(r.Context(), func(tx store.Tx) (err error) {
		replayed, code = false, status // it may run twice
		if key != "" {
			old, ok, err := answers.Find(tx, store.Key(key))
			if err != nil {
				return err
			}
			if ok && time.Since(old.At) < keptFor {
				if old.Hash != sum {
					return &fail{code: codeIdempotency}
				}
				out, code, replayed = old.Body, old.Status, true
				return nil
			}
		}
		out = nil
		if doc, err = fn(tx); err != nil || key == "" {
			return err
		}
		if out, err = marshal(doc); err != nil {
			return err
		}
		if err := forget(tx); err != nil {
			return err
		}
		return answers.Put(tx, answered{Key: key, Hash: sum, Status: status, Body: out, At: time.Now().UTC()})
	})
	if err != nil {
		return err
	}
	if out == nil { // nobody has to remember it: encode it when others can write again
		if out, err = marshal(doc); err != nil {
			return err
		}
	}
	if replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	reply(w, code, out)
	return nil
}

func idempotencyKey(r *http.Request, t Token) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 255 {
		return "", &fail{code: codeInvalid, problems: []problem{{Title: "Idempotency-Key is over 255 characters"}}}
	}
	if key == "" {
		return "", nil
	}
	return t.ID + ":" + hash(key), nil
}

// digest tells requests apart that have the same key.
func digest(r *http.Request, body []byte) string {
	h := sha256.New()
	h.Write([]byte(r.Method + " " + r.URL.Path + "?" + r.URL.RawQuery + "\n"))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// forget deletes a few answers that are too old, so that the table doesn't
// grow for ever.
func forget(tx store.Tx) error {
	old := store.Range{To: store.Key(time.Now().Add(-keptFor)), Limit: 8}
	stale, err := store.Collect(answers.ByRange(tx, "at", old))
	if err != nil {
		return err
	}
	for _, a := range stale {
		if err := answers.Delete(tx, store.Key(a.Key)); err != nil {
			return err
		}
	}
	return nil
}
