package incident

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/perch-chat/perch/store"
)

// memo remembers how the stored incidents read, so that not each of the events
// that pour in during one has to decode it, inside a transaction that others
// wait for. What is stored is looked at each time.
type memo struct {
	mu   sync.RWMutex
	read map[string]memoOf // by key
}

type memoOf struct {
	stored []byte
	inc    Incident
}

const maxMemo = 256

// find is incidents.Find.
func (m *memo) find(tx store.Tx, key []byte) (Incident, bool, error) {
	stored, err := tx.Get(incidents.Name, key)
	if errors.Is(err, store.ErrNotFound) {
		return Incident{}, false, nil
	}
	if err != nil {
		return Incident{}, false, fmt.Errorf("get %s: %w", incidents.Name, err)
	}
	m.mu.RLock()
	known, ok := m.read[string(key)]
	m.mu.RUnlock()
	inc := known.inc
	if !ok || !bytes.Equal(known.stored, stored) {
		if inc, ok, err = incidents.Find(tx, key); err != nil || !ok {
			return Incident{}, false, err
		}
		m.mu.Lock()
		if m.read == nil || len(m.read) >= maxMemo {
			m.read = map[string]memoOf{}
		}
		m.read[string(key)] = memoOf{stored: bytes.Clone(stored), inc: inc}
		m.mu.Unlock()
	}
	inc.Fired = maps.Clone(inc.Fired) // the caller's own
	return inc, true, nil
}
