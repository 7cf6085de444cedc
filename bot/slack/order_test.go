package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOrderOf(t *testing.T) {
	const lane, ada = `"C1"`, `"C1""U1"`
	tests := []struct{ name, kind, payload, lane, turn string }{
		{"message", kindEvent, `{"event":{"type":"message","channel":"C1","user":"U1"}}`, lane, ada},
		{"edit", kindEvent, `{"event":{"type":"message","channel":"C1","message":{"user":"U1"},"previous_message":{"user":"U1"}}}`, lane, ada},
		{"deletion", kindEvent, `{"event":{"type":"message","channel":"C1","previous_message":{"user":"U1"}}}`, lane, ada},
		{"reaction", kindEvent, `{"event":{"type":"reaction_added","user":"U1","item":{"channel":"C1"}}}`, lane, ada},
		{"our own message", kindEvent, `{"event":{"type":"message","channel":"C1","user":"UBOT","bot_id":"B1"}}`, lane, ""},
		{"a user as an object", kindEvent, `{"event":{"type":"user_change","user":{"id":"U1"}}}`, "", ""},
		{"button", kindInteraction, `{"user":{"id":"U1"},"channel":{"id":"C1"}}`, "", ada},
		{"button that only one person sees", kindInteraction, `{"user":{"id":"U1"},"container":{"channel_id":"C1"}}`, "", ada},
		{"form", kindInteraction, `{"user":{"id":"U1"},"view":{}}`, "", ""},
		{"command", kindCommand, `{"user_id":"U1","channel_id":"C1"}`, "", ""},
		{"nonsense", kindEvent, `[`, "", ""},
		{"more nonsense", kindInteraction, `17`, "", ""},
	}
	for _, tt := range tests {
		if l, turn := orderOf(&delivery{kind: tt.kind, payload: json.RawMessage(tt.payload)}); l != tt.lane || turn != tt.turn {
			t.Errorf("%s: orderOf = %q, %q, want %q, %q", tt.name, l, turn, tt.lane, tt.turn)
		}
	}
}

func FuzzOrderOf(f *testing.F) {
	f.Add(kindEvent, `{"event":{"type":"message","channel":"C1","user":"U1"}}`)
	f.Add(kindInteraction, `{"user":{"id":"U1"},"channel":{"id":"C1"}}`)
	f.Fuzz(func(t *testing.T, kind, payload string) {
		lane, turn := orderOf(&delivery{kind: kind, payload: json.RawMessage(payload)})
		if kind != kindEvent && lane != "" || turn != "" && !json.Valid([]byte(payload)) {
			t.Errorf("orderOf(%s, %s) = %q, %q", kind, payload, lane, turn)
		}
	})
}

// log keeps what was done, in order.
type log struct {
	mu  sync.Mutex
	did []string
}

func (l *log) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.did = append(l.did, s)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.did, " ")
}

// A click that is slow to be stored, and the message that followed on another
// socket; and the other way round.
func TestAClickAndTheWordsBehindItStayInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLanes(8), &log{}
		put := func(lane, turn, name string, takes time.Duration) {
			t.Helper()
			err := l.inTurn(t.Context(), lane, turn, func() {
				<-time.After(takes)
				did.add(name)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		put("", "C1 ada", "click", 300*time.Millisecond)
		put("C1", "C1 ada", "message", 0)
		put("", "C1 ada", "click2", 0)
		put("", "C1 rio", "other", 0)
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if got := did.String(); got != "other" {
			t.Errorf("after 100 ms: %s, want only what another person did", got)
		}
		l.close()
		if got, want := did.String(), "other click message click2"; got != want {
			t.Errorf("done: %s, want %s", got, want)
		}
		if len(l.turns.last) > 0 {
			t.Errorf("%d turns are left", len(l.turns.last))
		}
	})
}

func TestATurnIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := newLanes(8), time.Now()
		stuck := make(chan struct{})
		var waited time.Duration
		if err := l.inTurn(t.Context(), "C1", "C1 ada", func() { <-stuck }); err != nil {
			t.Fatal(err)
		}
		if err := l.inTurn(t.Context(), "", "C1 ada", func() { waited = time.Since(began) }); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if waited != turnPatience {
			t.Errorf("the click waited %v, want %v", waited, turnPatience)
		}
		close(stuck)
		l.close()
	})
}

// Many people, many channels, two readers: nobody waits for each other, and
// each order is kept.
func TestTurnsDoNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(16)
		var mu sync.Mutex
		got := map[string][]int{}
		var readers sync.WaitGroup
		began := time.Now()
		var next sync.Mutex
		n := map[string]int{}
		for range 2 {
			readers.Go(func() {
				for i := range 200 {
					lane, turn := fmt.Sprint("C", i%3), fmt.Sprint("C", i%3, "U", i%2)
					if i%4 == 0 {
						lane = ""
					}
					next.Lock()
					n[turn]++
					k := n[turn]
					err := l.inTurn(t.Context(), lane, turn, func() {
						mu.Lock()
						defer mu.Unlock()
						got[turn] = append(got[turn], k)
					})
					next.Unlock()
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		readers.Wait()
		l.close()
		if took := time.Since(began); took > 0 {
			t.Errorf("somebody waited until patience ended: %v", took)
		}
		for turn, ks := range got {
			if !slices.IsSorted(ks) {
				t.Errorf("%s was done as %v", turn, ks)
			}
		}
	})
}

func TestTurnsOfSeveralNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts turns
		did := &log{}
		var wg sync.WaitGroup
		run := func(name string, takes time.Duration, names ...string) {
			work := ts.take(t.Context(), func() { <-time.After(takes); did.add(name) }, names...)
			wg.Go(work)
		}
		run("message", 200*time.Millisecond, "C1", "C1 ada")
		run("click", 100*time.Millisecond, "", "C1 ada")
		run("edit", 0, "C1", "C1 rio")
		run("elsewhere", 0, "C2", "C2 ada")
		run("command", 0, "", "")
		wg.Wait()
		if got := did.String(); !slices.Contains([]string{"elsewhere command message edit click", "command elsewhere message edit click"}, got) {
			t.Errorf("done: %s", got)
		}
		if len(ts.last) > 0 {
			t.Errorf("%d turns are left", len(ts.last))
		}
	})
}
