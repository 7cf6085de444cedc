package incident

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perch-chat/perch/store"
)

var incidents = store.Table[Incident]{
	Name: "incidents",
	Key:  func(i Incident) []byte { return store.Key(i.ID) },
	Indexes: []store.Index[Incident]{
		{Name: "seq", Unique: true, Keys: func(i Incident) [][]byte { return [][]byte{store.Key(i.Seq)} }},
		{Name: "channel", Keys: func(i Incident) [][]byte {
			if i.Channel == "" {
				return nil
			}
			return [][]byte{store.Key(i.Channel, i.Seq)}
		}},
		{Name: "origin", Unique: true, Keys: func(i Incident) [][]byte {
			if i.Origin == "" {
				return nil
			}
			return [][]byte{store.Key(i.Origin)}
		}},
	},
}

var entries = store.Table[Entry]{
	Name: "entries",
	Key:  func(e Entry) []byte { return store.Key(e.ID) },
	Indexes: []store.Index[Entry]{
		{Name: "timeline", Keys: func(e Entry) [][]byte {
			if e.Deleted() {
				return nil
			}
			return [][]byte{store.Key(e.IncidentID, e.OccurredAt)}
		}},
		{Name: "origin", Unique: true, Keys: func(e Entry) [][]byte {
			if e.Origin == "" {
				return nil
			}
			return [][]byte{store.Key(e.IncidentID, e.Origin)}
		}},
		{Name: "public", Keys: publicKeys},
	},
}

// root is the first post of an incident's thread on an account.
type root struct {
	Thread  string `json:"thread"`
	Account string `json:"account"`
	PostID  string `json:"post_id"`
	Entry   string `json:"entry"`
}

var roots = store.Table[root]{
	Name: "incident_roots",
	Key:  func(r root) []byte { return store.Key(r.Thread, r.Account) },
}

var workflows = store.Table[Workflow]{
	Name: "workflows",
	Key:  func(w Workflow) []byte { return store.Key(w.ID) },
	Indexes: []store.Index[Workflow]{
		{Name: "trigger", Keys: func(w Workflow) [][]byte {
			if !w.Runs() {
				return nil
			}
			return [][]byte{store.Key(string(w.Trigger), w.CreatedAt)}
		}},
	},
}

const counters = "incident_counters"

// nextSeq counts the incidents of the store.
func nextSeq(tx store.Tx) (int, error) {
	var n int
	key := store.Key("seq")
	val, err := tx.Get(counters, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("count incidents: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(val, &n); err != nil {
			return 0, fmt.Errorf("count incidents: %w", err)
		}
	}
	n++
	val, err = json.Marshal(n)
	if err != nil {
		return 0, fmt.Errorf("count incidents: %w", err)
	}
	if err := tx.Put(counters, key, val); err != nil {
		return 0, fmt.Errorf("count incidents: %w", err)
	}
	return n, nil
}
