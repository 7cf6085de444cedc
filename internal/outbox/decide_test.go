package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/store"
)

// inState puts an action into the store as if it had come to a state.
func (w *world) inState(name string) (id string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		a := Action{Kind: "x", Key: name, CreatedBy: "rio", Order: "o:" + name}
		switch name {
		case "draft":
			a.State = Draft
		case "awaiting":
			a.State = Awaiting
		case "scheduled":
			a.NotBefore = time.Now().Add(time.Hour)
		}
		got, _, err := w.ob.Add(tx, a)
		if err != nil {
			return err
		}
		id = got.ID
		old, err := find(tx, id)
		if err != nil {
			return err
		}
		var via []State
		rec := old
		switch name {
		case "backing off":
			rec.Attempts, rec.Try, rec.Laters = 1, 1, 1
			rec.NotBefore, rec.Failure = time.Now().Add(time.Hour), &Failure{Code: "busy"}
			via = []State{Queued}
		case "attempting":
			via = []State{Attempting}
		case "done":
			via = []State{Attempting, Done}
		case "failed":
			via = []State{Attempting, Failed}
		case "unknown":
			via = []State{Attempting, Unknown}
		case "stuck":
			rec.Stuck = true
			via = []State{Attempting, Unknown}
		case "cancelled":
			via = []State{Cancelled}
		}
		for _, s := range via {
			rec.State = s
			if s == Attempting {
				rec.Try, rec.Attempts, rec.Owner = 1, 1, "somebody"
			}
			if err := w.ob.change(tx, &old, &rec); err != nil {
				return err
			}
			if old, err = find(tx, id); err != nil {
				return err
			}
			rec = old
		}
		return nil
	})
	return id
}

// TestDecisions is the table of what people can do: every state, every step.
func TestDecisions(t *testing.T) {
	const same, late, wrong, self = "same", "ErrTooLate", "ErrState", "ErrSelfApproval"
	states := []string{"draft", "awaiting", "queued", "scheduled", "backing off", "attempting", "done", "failed", "unknown", "stuck", "cancelled"}
	steps := []struct {
		name string
		do   func(o *Outbox, tx store.Tx, id string) (Action, error)
		want []string // the new state, same, or an error
	}{
		{
			"Submit", func(o *Outbox, tx store.Tx, id string) (Action, error) { return o.Submit(tx, id, "ada") },
			[]string{"queued", wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong},
		},
		{
			"Approve", func(o *Outbox, tx store.Tx, id string) (Action, error) { return o.Approve(tx, id, "ada") },
			[]string{wrong, "queued", wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong},
		},
		{
			"Approve by its author", func(o *Outbox, tx store.Tx, id string) (Action, error) { return o.Approve(tx, id, "rio") },
			[]string{wrong, self, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong},
		},
		{
			"Cancel", func(o *Outbox, tx store.Tx, id string) (Action, error) { return o.Cancel(tx, id, "ada") },
			[]string{"cancelled", "cancelled", "cancelled", "cancelled", "cancelled", late, late, "cancelled", late, "cancelled", same},
		},
		{
			"Retry", func(o *Outbox, tx store.Tx, id string) (Action, error) { return o.Retry(tx, id, "ada") },
			[]string{wrong, wrong, same, wrong, "queued", same, wrong, "queued", late, "queued", wrong},
		},
		{
			"Settle", func(o *Outbox, tx store.Tx, id string) (Action, error) {
				return o.Settle(tx, id, "ada", json.RawMessage(`{}`))
			},
			[]string{wrong, wrong, wrong, wrong, wrong, wrong, same, wrong, wrong, "done", wrong},
		},
		{
			"SetPayload", func(o *Outbox, tx store.Tx, id string) (Action, error) {
				return o.SetPayload(tx, id, json.RawMessage(`"new"`))
			},
			[]string{"draft", "awaiting_approval", "queued", "queued", late, late, late, wrong, late, late, wrong},
		},
	}
	for _, step := range steps {
		for i, state := range states {
			t.Run(step.name+"/"+state, func(t *testing.T) {
				inBubble(t, Options{}, func(w *world) {
					id := w.inState(state)
					before := w.get(id)
					var got Action
					var stepErr error
					w.update(func(tx store.Tx) error {
						got, stepErr = step.do(w.ob, tx, id)
						return nil
					})
					after := w.get(id)
					want := step.want[i]
					wantErr := map[string]error{late: ErrTooLate, wrong: ErrState, self: ErrSelfApproval}[want]
					if !errors.Is(stepErr, wantErr) {
						t.Fatalf("error = %v, want %v", stepErr, wantErr)
					}
					if wantErr != nil || want == same {
						if diff := cmp.Diff(before, after); diff != "" {
							t.Errorf("it changed:\n%s", diff)
						}
						if wantErr != nil && !strings.Contains(stepErr.Error(), ": ") {
							t.Errorf("error %q doesn't say why", stepErr)
						}
						return
					}
					if string(after.State) != want || after.Stuck {
						t.Errorf("state = %s, stuck %v; want %s", after.State, after.Stuck, want)
					}
					if diff := cmp.Diff(got, after); diff != "" {
						t.Errorf("returned and stored differ:\n%s", diff)
					}
				})
			})
		}
	}
}

// TestSteps: no state can follow another but by the table.
func TestSteps(t *testing.T) {
	all := []State{Draft, Awaiting, Queued, Attempting, Done, Failed, Unknown, Cancelled}
	want := map[State]string{
		Draft:      "queued cancelled",
		Awaiting:   "queued cancelled",
		Queued:     "attempting done failed unknown cancelled",
		Attempting: "queued done failed unknown",
		Unknown:    "queued done failed cancelled",
		Failed:     "queued cancelled",
	}
	for _, from := range all {
		var ok []string
		for _, to := range all {
			if from != to && check(&record{Action: Action{State: from}}, &record{Action: Action{State: to}}) == nil {
				ok = append(ok, string(to))
			}
		}
		if got := strings.Join(ok, " "); got != want[from] {
			t.Errorf("%s can become %q, want %q", from, got, want[from])
		}
	}
}

func TestAdd(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		var heard []string
		w.ob.OnChange(func(_ store.Tx, was State, a Action) error {
			heard = append(heard, fmt.Sprintf("%s:%s>%s", a.Key, was, a.State))
			return nil
		})
		w.update(func(tx store.Tx) error {
			a, added, err := w.ob.Add(tx, Action{Kind: "x", Key: "a", Subject: "event:1", Payload: json.RawMessage(`1`)})
			if err != nil || !added {
				t.Errorf("Add = %v, %v, want it added", added, err)
			}
			b, added, err := w.ob.Add(tx, Action{Kind: "x", Key: "a", Payload: json.RawMessage(`2`)})
			if err != nil || added || b.ID != a.ID || string(b.Payload) != "1" {
				t.Errorf("Add with a known key = %+v, %v, %v; want the first", b, added, err)
			}
			if f, ok, err := w.ob.FindKey(tx, "a"); err != nil || !ok || f.ID != a.ID {
				t.Errorf("FindKey = %v, %v, %v", f.ID, ok, err)
			}
			if _, ok, err := w.ob.FindKey(tx, "none"); err != nil || ok {
				t.Errorf("FindKey of none = %v, %v", ok, err)
			}
			if _, _, err := w.ob.Add(tx, Action{Kind: "x", Subject: "event:1"}); err != nil {
				t.Errorf("Add without a key: %v", err)
			}
			if as, err := w.ob.BySubject(tx, "event:1"); err != nil || len(as) != 2 || as[0].ID != a.ID {
				t.Errorf("BySubject = %d actions, %v; want 2, the first first", len(as), err)
			}
			if as, err := w.ob.ByState(tx, Queued, 1); err != nil || len(as) != 1 || as[0].ID != a.ID {
				t.Errorf("ByState = %v, %v; want the first", as, err)
			}
			for name, bad := range map[string]Action{
				"no kind":      {Key: "b"},
				"done":         {Kind: "x", State: Done},
				"not JSON":     {Kind: "x", Payload: json.RawMessage(`{`)},
				"after nobody": {Kind: "x", After: "none"},
			} {
				if _, _, err := w.ob.Add(tx, bad); err == nil {
					t.Errorf("Add of one with %s: no error", name)
				}
			}
			if _, err := w.ob.Get(tx, "none"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get of none: %v, want ErrNotFound", err)
			}
			return nil
		})
		if len(heard) != 2 || heard[0] != "a:>queued" {
			t.Errorf("hooks heard %v, want two that were queued", heard)
		}
	})
}

// TestHookIsPartOfTheTransaction: a hook that refuses undoes what it was told of.
func TestHookIsPartOfTheTransaction(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		sorry := errors.New("sorry")
		w.ob.OnChange(func(tx store.Tx, _ State, a Action) error {
			if err := tx.Put("mine", store.Key(a.Key), []byte(`1`)); err != nil {
				return err
			}
			return sorry
		})
		err := w.db.Update(w.t.Context(), func(tx store.Tx) error {
			_, _, err := w.ob.Add(tx, Action{Kind: "x", Key: "a"})
			return err
		})
		if !errors.Is(err, sorry) {
			t.Errorf("error = %v, want the hook's", err)
		}
		w.update(func(tx store.Tx) error {
			if _, ok, _ := w.ob.FindKey(tx, "a"); ok {
				t.Error("the action is stored")
			}
			if _, err := tx.Get("mine", store.Key("a")); !errors.Is(err, store.ErrNotFound) {
				t.Error("what the hook wrote is stored")
			}
			return nil
		})
	})
}

// TestHookActs: hooks use the outbox themselves.
func TestHookActs(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.ob.OnChange(func(tx store.Tx, _ State, a Action) error {
			switch {
			case a.State == Done && a.Key == "a":
				_, _, err := w.ob.Add(tx, Action{Kind: "x", Key: "b", Order: a.Order})
				return err
			case a.State == Failed:
				_, err := w.ob.Cancel(tx, a.ID, "hook")
				return err
			}
			return nil
		})
		next := first(works, works, rejects)
		w.svc.setFates(next)
		w.run()
		w.add(Action{Key: "a", Order: "o"})
		pass(0)
		c := w.add(Action{Key: "c", Order: "o"})[0]
		pass(0)
		w.wantEffects("a", "b")
		w.wantState(c, Cancelled)
	})
}

func TestStats(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		for _, s := range []string{"draft", "queued", "backing off", "stuck", "done", "failed"} {
			w.inState(s)
		}
		w.update(func(tx store.Tx) error { return w.ob.Hold(tx, Hold{Lane: "l"}) })
		pass(time.Minute)
		w.run()
		pass(0)
		got, err := w.ob.Stats(w.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := Stats{
			Depth:    []Depth{{"x", Draft, 1}, {"x", Queued, 1}, {"x", Unknown, 1}, {"x", Failed, 1}},
			Stuck:    1,
			Oldest:   time.Minute,
			Holds:    1,
			Attempts: []Attempts{{"x", "done", 1}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestPrune(t *testing.T) {
	inBubble(t, Options{Retention: 24 * time.Hour}, func(w *world) {
		w.svc.setFates(func(a Action) fate {
			if a.Key == "fails" {
				return rejects
			}
			return works
		})
		w.run()
		ids := w.add(Action{Key: "a"}, Action{Key: "fails"}, Action{Key: "draft", State: Draft})
		late := w.add(Action{Key: "late", NotBefore: time.Now().Add(20 * time.Hour)})[0]
		waits := w.add(Action{Key: "waits", After: ids[0], State: Draft})[0]
		pass(23 * time.Hour)
		w.wantState(ids[0], Done)
		pass(4 * time.Hour)
		w.update(func(tx store.Tx) error {
			if _, err := w.ob.Get(tx, ids[0]); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what was done a day ago: %v, want it forgotten", err)
			}
			if _, added, err := w.ob.Add(tx, Action{Kind: "x", Key: "late"}); err != nil || added {
				t.Errorf("key of what was done 7 hours ago: added %v, %v; want it remembered", added, err)
			}
			_, err := w.ob.Submit(tx, waits, "ada")
			return err
		})
		w.wantState(late, Done)
		w.wantState(ids[1], Failed)
		w.wantState(ids[2], Draft)
		pass(0)
		w.wantState(waits, Done)
	})
}

func TestPruneBrief(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.setFates(func(a Action) fate {
			if a.Key == "fails" {
				return rejects
			}
			return works
		})
		w.run()
		ids := w.add(Action{Key: "look", Brief: true}, Action{Key: "fails", Brief: true}, Action{Key: "a"})
		pass(23 * time.Hour)
		w.wantState(ids[0], Done)
		pass(3 * time.Hour)
		w.update(func(tx store.Tx) error {
			if _, err := w.ob.Get(tx, ids[0]); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a look of yesterday: %v, want it forgotten", err)
			}
			return nil
		})
		w.wantState(ids[1], Failed) // a person may want to know
		w.wantState(ids[2], Done)
	})
}
