package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/store"
)

//nolint:gochecknoglobals // the suite's list of cases
var tableCases = []testCase{
	{"Table", testTable},
	{"TableUnique", testTableUnique},
	{"TableMultiKey", testTableMultiKey},
	{"TableUpgrade", testTableUpgrade},
	{"TableCheck", testTableCheck},
	{"TableReadThenChanged", testTableReadThenChanged},
	{"TableFrozen", testTableFrozen},
}

// ticket is the record of these tests.
type ticket struct {
	ID    string   `json:"id"`
	Owner string   `json:"owner,omitempty"`
	Mail  string   `json:"mail,omitempty"`
	Tags  []string `json:"tags,omitempty"`
	N     int      `json:"n"`
}

func tickets() store.Table[ticket] {
	one := func(s string) [][]byte {
		if s == "" {
			return nil
		}
		return [][]byte{store.Key(s)}
	}
	return store.Table[ticket]{
		Name: "ticket",
		Key:  func(r ticket) []byte { return store.Key(r.ID) },
		Indexes: []store.Index[ticket]{
			{Name: "owner", Keys: func(r ticket) [][]byte {
				if r.Owner == "" {
					return nil
				}
				return [][]byte{store.Key(r.Owner, r.N)}
			}},
			{Name: "mail", Unique: true, Keys: func(r ticket) [][]byte { return one(r.Mail) }},
			{Name: "tag", Keys: func(r ticket) [][]byte {
				var ks [][]byte
				for _, tag := range r.Tags {
					ks = append(ks, store.Key(tag))
				}
				return ks
			}},
		},
	}
}

func ids(rs []ticket) string {
	var s []string
	for _, r := range rs {
		s = append(s, r.ID)
	}
	return strings.Join(s, " ")
}

func testTable(t *testing.T, s store.Store) {
	tab := tickets()
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tab.Put(tx, ticket{ID: "c", Owner: "ada", N: -5}),
			tab.Put(tx, ticket{ID: "a", Owner: "ada", N: 10}),
			tab.Put(tx, ticket{ID: "b", Owner: "rio", N: 1}),
			tab.Put(tx, ticket{ID: "d", Owner: "ada", N: 2}),
			tab.Put(tx, ticket{ID: "e"}),
			tab.Put(tx, ticket{ID: "f", Owner: "adam", N: 3}),
		)
	})
	view(t, s, func(tx store.Tx) error {
		for _, tt := range []struct {
			what string
			prefix
			want string
		}{
			{"ada", prefix{store.Key("ada"), store.Range{}}, "c d a"},
			{"ada reversed", prefix{store.Key("ada"), store.Range{Reverse: true}}, "a d c"},
			{"ada, two", prefix{store.Key("ada"), store.Range{Limit: 2}}, "c d"},
			{"ada, last", prefix{store.Key("ada"), store.Range{Limit: 1, Reverse: true}}, "a"},
			{"all that have an owner", prefix{nil, store.Range{}}, "c d a f b"},
			{"nobody", prefix{store.Key("zoe"), store.Range{}}, ""},
		} {
			got, err := store.Collect(tab.By(tx, "owner", tt.key, tt.r))
			if err != nil {
				return err
			}
			if ids(got) != tt.want {
				t.Errorf("%s = %q, want %q", tt.what, ids(got), tt.want)
			}
		}
		got, err := store.Collect(tab.ByRange(tx, "owner", store.Range{From: store.Key("ada", 0), To: store.Key("ada", 10)}))
		if ids(got) != "d" || err != nil {
			t.Errorf("ada from 0 to 10 = %q, %v; want d", ids(got), err)
		}
		all, err := store.Collect(tab.Scan(tx, store.Range{Reverse: true, Limit: 3}))
		if ids(all) != "f e d" || err != nil {
			t.Errorf("the last three = %q, %v", ids(all), err)
		}
		first, ok, err := tab.First(tx, "owner", store.Key("rio"))
		if first.ID != "b" || !ok || err != nil {
			t.Errorf("First = %v, %v, %v; want b", first, ok, err)
		}
		if _, ok, err := tab.First(tx, "owner", store.Key("zoe")); ok || err != nil {
			t.Errorf("First of none = %v, %v", ok, err)
		}
		if _, ok, err := tab.Find(tx, store.Key("zz")); ok || err != nil {
			t.Errorf("Find of none = %v, %v", ok, err)
		}
		if _, err := tab.Get(tx, store.Key("zz")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of none = %v, want ErrNotFound", err)
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error { // moved, left, deleted
		return errors.Join(
			tab.Put(tx, ticket{ID: "c", Owner: "rio", N: 9}),
			tab.Put(tx, ticket{ID: "d"}),
			tab.Delete(tx, store.Key("a")),
			tab.Delete(tx, store.Key("never was")),
		)
	})
	view(t, s, func(tx store.Tx) error {
		got, err := store.Collect(tab.By(tx, "owner", nil, store.Range{}))
		if ids(got) != "f b c" {
			t.Errorf("after the changes the index has %q, want f b c", ids(got))
		}
		return errors.Join(err, tab.CheckIndexes(tx))
	})
}

type prefix struct {
	key []byte
	r   store.Range
}

func testTableUnique(t *testing.T, s store.Store) {
	tab := tickets()
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tab.Put(tx, ticket{ID: "a", Mail: "a@x", Owner: "ada"}),
			tab.Put(tx, ticket{ID: "b", Mail: "b@x", Owner: "rio"}),
		)
	})
	err := s.Update(t.Context(), func(tx store.Tx) error { return tab.Put(tx, ticket{ID: "c", Mail: "a@x"}) })
	if !errors.Is(err, store.ErrExists) {
		t.Errorf("a second record with the mail = %v, want ErrExists", err)
	}
	// A function that goes on after ErrExists must leave the indexes whole.
	update(t, s, func(tx store.Tx) error {
		if err := tab.Put(tx, ticket{ID: "b", Mail: "a@x", Owner: "zoe"}); !errors.Is(err, store.ErrExists) {
			t.Errorf("taking another's mail = %v, want ErrExists", err)
		}
		return tab.Put(tx, ticket{ID: "d", Mail: "d@x"})
	})
	view(t, s, func(tx store.Tx) error {
		rec, ok, err := tab.First(tx, "mail", store.Key("b@x"))
		if rec.ID != "b" || rec.Owner != "rio" || !ok {
			t.Errorf("b@x = %v, %v", rec, ok)
		}
		return errors.Join(err, tab.CheckIndexes(tx))
	})
	update(t, s, func(tx store.Tx) error { // itself again; given up, then taken by another
		return errors.Join(
			tab.Put(tx, ticket{ID: "a", Mail: "a@x", N: 2}),
			tab.Put(tx, ticket{ID: "a", Mail: "new@x"}),
			tab.Put(tx, ticket{ID: "b", Mail: "a@x"}),
			tab.CheckIndexes(tx),
		)
	})
}

func testTableMultiKey(t *testing.T, s store.Store) {
	tab := tickets()
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tab.Put(tx, ticket{ID: "a", Tags: []string{"red", "blue", "red"}}),
			tab.Put(tx, ticket{ID: "b", Tags: []string{"blue"}}),
		)
	})
	by := func(tag string) (got string) {
		view(t, s, func(tx store.Tx) error {
			rs, err := store.Collect(tab.By(tx, "tag", store.Key(tag), store.Range{}))
			got = ids(rs)
			return errors.Join(err, tab.CheckIndexes(tx))
		})
		return got
	}
	if got := by("blue") + "," + by("red"); got != "a b,a" {
		t.Errorf("blue,red = %q, want a b,a", got)
	}
	update(t, s, func(tx store.Tx) error { return tab.Put(tx, ticket{ID: "a", Tags: []string{"red", "green"}}) })
	if got := by("blue") + "," + by("red") + "," + by("green"); got != "b,a,a" {
		t.Errorf("blue,red,green = %q, want b,a,a", got)
	}
}

func testTableUpgrade(t *testing.T, s store.Store) {
	type v0 struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	type v2 struct {
		ID    string   `json:"id"`
		Names []string `json:"names"`
	}
	old := store.Table[v0]{Name: "person", Key: func(r v0) []byte { return store.Key(r.ID) }}
	now := store.Table[v2]{
		Name: "person", Key: func(r v2) []byte { return store.Key(r.ID) }, Version: 2,
		Indexes: []store.Index[v2]{{Name: "name", Keys: func(r v2) (ks [][]byte) {
			for _, n := range r.Names {
				ks = append(ks, store.Key(n))
			}
			return ks
		}}},
		Upgrade: func(version int, raw json.RawMessage) (json.RawMessage, error) {
			if version != 0 {
				return nil, fmt.Errorf("no such version")
			}
			var r v0
			if err := json.Unmarshal(raw, &r); err != nil {
				return nil, err
			}
			return json.Marshal(v2{ID: r.ID, Names: strings.Fields(r.Name)})
		},
	}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(old.Put(tx, v0{"a", "Ada Lovelace"}), old.Put(tx, v0{"b", "Rio"}))
	})
	view(t, s, func(tx store.Tx) error {
		r, err := now.Get(tx, store.Key("a"))
		if !slices.Equal(r.Names, []string{"Ada", "Lovelace"}) {
			t.Errorf("the upgraded record is %v", r)
		}
		if err := now.CheckIndexes(tx); err == nil {
			t.Error("CheckIndexes is content with an index that was never built")
		}
		return err
	})
	update(t, s, func(tx store.Tx) error { return now.Rebuild(tx) })
	update(t, s, func(tx store.Tx) error { // written once more, a record has the new version
		r, err := now.Get(tx, store.Key("a"))
		return errors.Join(err, now.Put(tx, r))
	})
	view(t, s, func(tx store.Tx) error {
		r, ok, err := now.First(tx, "name", store.Key("Lovelace"))
		if !ok || r.ID != "a" {
			t.Errorf("by the built index: %v, %v", r, ok)
		}
		if _, err := old.Get(tx, store.Key("a")); !errors.Is(err, store.ErrNewer) {
			t.Errorf("an older program reads a newer record: %v, want ErrNewer", err)
		}
		return errors.Join(err, now.CheckIndexes(tx))
	})
	// An older program must not write over what it cannot read either.
	indexed := old
	indexed.Indexes = []store.Index[v0]{{Name: "name", Keys: func(v0) [][]byte { return nil }}}
	err := s.Update(t.Context(), func(tx store.Tx) error { return indexed.Put(tx, v0{ID: "a"}) })
	if !errors.Is(err, store.ErrNewer) {
		t.Errorf("an older program writes over a newer record: %v, want ErrNewer", err)
	}
}

// CheckIndexes must find each kind of damage, and Rebuild must mend it.
func testTableCheck(t *testing.T, s store.Store) {
	tab := tickets()
	fill := func(tx store.Tx) error {
		return errors.Join(
			tab.Put(tx, ticket{ID: "a", Mail: "a@x", Owner: "ada"}),
			tab.Put(tx, ticket{ID: "b", Mail: "b@x", Owner: "ada"}),
		)
	}
	owner := append(append(store.Key("ada", 0), 0, 0), store.Key("a")...)
	for name, damage := range map[string]func(tx store.Tx) error{
		"entry lost":          func(tx store.Tx) error { return tx.Delete("ticket.owner", owner) },
		"record lost":         func(tx store.Tx) error { return tx.Delete("ticket", store.Key("a")) },
		"entry of another":    func(tx store.Tx) error { return tx.Put("ticket.mail", store.Key("a@x"), []byte(`{"k":"YgAB"}`)) },
		"entry too many":      func(tx store.Tx) error { return tx.Put("ticket.mail", store.Key("zz"), []byte(`{"k":"YQAB"}`)) },
		"entry not an entry":  func(tx store.Tx) error { return tx.Put("ticket.mail", store.Key("zz"), []byte(`[]`)) },
		"record not a record": func(tx store.Tx) error { return tx.Put("ticket", store.Key("a"), []byte(`{"r":[]}`)) },
		"record misplaced":    func(tx store.Tx) error { return tx.Put("ticket", store.Key("q"), []byte(`{"r":{"id":"b"}}`)) },
	} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := errors.Join(fill(tx), tab.CheckIndexes(tx)); err != nil {
				t.Errorf("%s: before the damage: %v", name, err)
			}
			if err := damage(tx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := tab.CheckIndexes(tx); err == nil {
				t.Errorf("%s: CheckIndexes found nothing", name)
			}
			if strings.HasPrefix(name, "entry") {
				if err := errors.Join(tab.Rebuild(tx), tab.CheckIndexes(tx)); err != nil {
					t.Errorf("%s: after Rebuild: %v", name, err)
				}
			}
			return errFirstRun // the next one starts afresh
		})
		if !errors.Is(err, errFirstRun) {
			t.Error(err)
		}
	}
}

// A table may remember of a record what it read of it in the same transaction.
// Nothing that happens in between may lead it astray: that its caller changes
// in place what it got, that the record is written or deleted by others, that
// it is read and changed again.
func testTableReadThenChanged(t *testing.T, s store.Store) {
	tab, key := tickets(), store.Key("a")
	read := func(tx store.Tx) ticket {
		rec, err := tab.Get(tx, key)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	tagged := func(tag, want string) {
		t.Helper()
		view(t, s, func(tx store.Tx) error {
			got, err := store.Collect(tab.By(tx, "tag", store.Key(tag), store.Range{}))
			if ids(got) != want {
				t.Errorf("tagged %s: %q, want %q", tag, ids(got), want)
			}
			return errors.Join(err, tab.CheckIndexes(tx))
		})
	}
	update(t, s, func(tx store.Tx) error {
		return tab.Put(tx, ticket{ID: "a", Owner: "ada", Mail: "m1", Tags: []string{"old"}})
	})
	update(t, s, func(tx store.Tx) error {
		rec := read(tx)
		rec.Tags[0], rec.Mail = "new", "m2" // in place
		return tab.Put(tx, rec)
	})
	tagged("old", "")
	tagged("new", "a")
	update(t, s, func(tx store.Tx) error {
		rec := read(tx)
		rec.Tags[0] = "never stored"
		return tab.Delete(tx, key)
	})
	tagged("new", "")
	update(t, s, func(tx store.Tx) error { return tab.Put(tx, ticket{ID: "a", Tags: []string{"one"}}) })
	update(t, s, func(tx store.Tx) error {
		rec := read(tx)
		// Somebody else changes it, twice, without the reader's knowing.
		if err := errors.Join(tab.Put(tx, ticket{ID: "a", Tags: []string{"two"}}), tab.Put(tx, ticket{ID: "a", Tags: []string{"three"}})); err != nil {
			return err
		}
		rec.Tags = []string{"four"}
		return tab.Put(tx, rec)
	})
	for _, tag := range []string{"one", "two", "three"} {
		tagged(tag, "")
	}
	tagged("four", "a")
	update(t, s, func(tx store.Tx) error {
		read(tx)
		if err := errors.Join(tab.Delete(tx, key), tab.Delete(tx, key)); err != nil {
			return err
		}
		return tab.Put(tx, ticket{ID: "a", Tags: []string{"five"}, Mail: "m3"})
	})
	tagged("four", "")
	tagged("five", "a")
}

// A store may hand out again what it decoded or encoded before, but never
// instead of what is stored.
func testTableFrozen(t *testing.T, s store.Store) {
	tab, key := tickets(), store.Key("a")
	tab.Frozen = true
	reads := func(want string) {
		t.Helper()
		for range 2 { // the second may be remembered
			view(t, s, func(tx store.Tx) error {
				rec, ok, err := tab.Find(tx, key)
				if got := rec.Owner; got != want || ok != (want != "") {
					t.Errorf("owner %q (found %v), want %q", got, ok, want)
				}
				return err
			})
		}
	}
	put := func(owner string) {
		t.Helper()
		update(t, s, func(tx store.Tx) error { return tab.Put(tx, ticket{ID: "a", Owner: owner, Mail: "m"}) })
	}
	put("ada")
	reads("ada")
	undo := errors.New("undo")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tab.Put(tx, ticket{ID: "a", Owner: "nobody", Mail: "m"}); err != nil {
			return err
		}
		if rec, err := tab.Get(tx, key); err != nil || rec.Owner != "nobody" {
			t.Errorf("inside: %q %v", rec.Owner, err)
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	reads("ada")
	put("rio")
	reads("rio")
	plain := tickets() // another table value of the same table
	update(t, s, func(tx store.Tx) error { return plain.Put(tx, ticket{ID: "a", Owner: "sam", Mail: "m"}) })
	reads("sam")
	update(t, s, func(tx store.Tx) error { return tab.Delete(tx, key) })
	reads("")
	for i := range 700 { // more than is remembered
		update(t, s, func(tx store.Tx) error {
			return tab.Put(tx, ticket{ID: fmt.Sprint("t", i), Owner: fmt.Sprint(i), Mail: fmt.Sprint("x", i)})
		})
	}
	view(t, s, func(tx store.Tx) error {
		for _, i := range []int{0, 1, 350, 699} {
			rec, err := tab.Get(tx, store.Key(fmt.Sprint("t", i)))
			if err != nil || rec.Owner != fmt.Sprint(i) {
				t.Errorf("record %d: %q %v", i, rec.Owner, err)
			}
		}
		return nil
	})
}
