package store_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// Keys must sort as their parts do.
func TestKeyOrder(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for name, sorted := range map[string][][]any{
		"strings":  {{""}, {"\x00"}, {"\x00\x00"}, {"\x00a"}, {"\x01"}, {"a"}, {"a\x00"}, {"a\x00b"}, {"a\x01"}, {"aa"}, {"b"}, {"\xff"}, {"\xff\xff"}},
		"pairs":    {{"a", ""}, {"a", "b"}, {"a", "z"}, {"a\x00", "a"}, {"aa", "a"}, {"b", ""}},
		"ints":     {{math.MinInt64}, {-300}, {-1}, {0}, {1}, {255}, {256}, {math.MaxInt64}},
		"uints":    {{uint64(0)}, {uint64(1)}, {uint64(math.MaxUint64)}},
		"bools":    {{false}, {true}},
		"times":    {{at.Add(-time.Hour)}, {at}, {at.Add(1)}, {at.AddDate(100, 0, 0)}},
		"mixed":    {{"a", -1, true}, {"a", 2, false}, {"a", 2, true}, {"b", -5, false}},
		"prefixes": {{"a"}, {"a", 1}, {"a", 1, "x"}, {"a", 2}},
	} {
		for i := range sorted {
			for j := range sorted {
				a, b := store.Key(sorted[i]...), store.Key(sorted[j]...)
				if got, want := bytes.Compare(a, b), compareInts(i, j); got != want {
					t.Errorf("%s: Key(%v) to Key(%v) = %d, want %d", name, sorted[i], sorted[j], got, want)
				}
			}
		}
	}
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestKeyPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Key of a float did not panic")
		}
	}()
	store.Key(1.5)
}

func FuzzKey(f *testing.F) {
	f.Add("a", "b", int64(1), int64(2))
	f.Add("a\x00", "a", int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, a, b string, m, n int64) {
		want := slices.Compare([]string{a}, []string{b})
		if want == 0 {
			want = slices.Compare([]int64{m}, []int64{n})
		}
		if got := bytes.Compare(store.Key(a, m), store.Key(b, n)); got != want {
			t.Errorf("Key(%q, %d) to Key(%q, %d) = %d, want %d", a, m, b, n, got, want)
		}
		if a != b && bytes.HasPrefix(store.Key(a), store.Key(b)) {
			t.Errorf("Key(%q) begins with Key(%q)", a, b)
		}
	})
}

func TestPrefix(t *testing.T) {
	for _, tt := range []struct{ prefix, to string }{
		{"a", "b"}, {"a\xff", "b"}, {"\xff\xfe", "\xff\xff"}, {"\xff", ""}, {"", ""},
	} {
		r := store.Prefix([]byte(tt.prefix))
		if string(r.From) != tt.prefix || string(r.To) != tt.to || (tt.to == "") != (r.To == nil) {
			t.Errorf("Prefix(%q) = %q to %q, want to %q", tt.prefix, r.From, r.To, tt.to)
		}
	}
}

// What an older program wrote is migrated when a newer one starts: the dump in
// testdata is of the first form, before people had more than one name.
func TestMigrateOldFile(t *testing.T) {
	s := bolttest.Open(t)
	f, err := os.Open(filepath.Join("testdata", "v1.dump"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := store.Load(t.Context(), s, f, store.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	type person struct {
		ID    string   `json:"id"`
		Names []string `json:"names"`
		Team  string   `json:"team"`
	}
	people := store.Table[person]{
		Name: "person", Key: func(p person) []byte { return store.Key(p.ID) },
		Indexes: []store.Index[person]{{Name: "team", Keys: func(p person) [][]byte { return [][]byte{store.Key(p.Team)} }}},
	}
	type first struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	old := store.Table[first]{Name: "person", Key: func(p first) []byte { return store.Key(p.ID) }}
	migrations := []store.Migration{
		{Number: 1, Name: "start"}, // which the old program ran
		{Number: 2, Name: "several names", Run: func(tx store.Tx) error {
			all, err := store.Collect(old.Scan(tx, store.Range{}))
			for _, p := range all {
				err = errors.Join(err, people.Put(tx, person{ID: p.ID, Names: []string{p.Name}, Team: "support"}))
			}
			return err
		}},
		{Number: 3, Name: "teams are indexed", Run: people.Rebuild},
	}
	for range 2 { // the second start finds nothing to do
		if err := store.Migrate(t.Context(), s, migrations); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(t.Context(), func(tx store.Tx) error {
		got, err := store.Collect(people.By(tx, "team", store.Key("support"), store.Range{}))
		want := []person{{"a", []string{"Ada"}, "support"}, {"r", []string{"Rio"}, "support"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the people differ (-want +got):\n%s", diff)
		}
		return errors.Join(err, people.CheckIndexes(tx))
	}); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), s, migrations[:1]); !errors.Is(err, store.ErrNewer) {
		t.Errorf("the old program opens the new store: %v, want ErrNewer", err)
	}
}

// inBubble runs fn with a store and a clock that jumps.
func inBubble(t *testing.T, fn func(t *testing.T, s store.Store)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	synctest.Test(t, func(t *testing.T) {
		s, err := bolt.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		fn(t, s)
	})
}

func TestLeaseClock(t *testing.T) {
	inBubble(t, func(t *testing.T, s store.Store) {
		take := func(owner string) (l store.Lease, err error) {
			err = s.Update(t.Context(), func(tx store.Tx) (err error) {
				l, err = store.AcquireLease(tx, "x", owner, time.Minute)
				return err
			})
			return l, err
		}
		a, err := take("a")
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute - 1)
		if _, err := take("b"); !errors.Is(err, store.ErrLeaseHeld) {
			t.Errorf("a nanosecond before its end: %v, want ErrLeaseHeld", err)
		}
		<-time.After(1)
		if err := s.View(t.Context(), func(tx store.Tx) error { return store.CheckLease(tx, a) }); err != nil {
			t.Errorf("a lease that ran out and was not taken: %v", err)
		}
		b, err := take("b")
		if err != nil || b.Token != a.Token+1 {
			t.Errorf("at its end: %+v, %v; want token %d", b, err, a.Token+1)
		}
	})
}

// A replica that holds a lease for long renews it; when it stops, another has
// the lease after at most one ttl and a third.
func TestHoldLeaseTakeover(t *testing.T) {
	inBubble(t, func(t *testing.T, s store.Store) {
		const ttl = 30 * time.Second
		ctx, crash := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			first <- store.HoldLease(ctx, s, "x", "a", ttl, func(ctx context.Context, _ store.Lease) error {
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		synctest.Wait()
		got := make(chan time.Time, 1)
		second := make(chan error, 1)
		go func() {
			second <- store.HoldLease(t.Context(), s, "x", "b", ttl, func(context.Context, store.Lease) error {
				got <- time.Now()
				return nil
			})
		}()
		<-time.After(20 * time.Minute)
		select {
		case at := <-got:
			t.Errorf("the lease changed hands at %v though it was renewed", at)
		default:
		}
		ended := time.Now()
		crash()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first = %v, want context.Canceled", err)
		}
		if took := (<-got).Sub(ended); took > ttl/3 {
			t.Errorf("the takeover after a release took %v, want at most %v", took, ttl/3)
		}
		if err := <-second; err != nil {
			t.Error(err)
		}
	})
}

// failing is a store whose updates fail on order.
type failing struct {
	store.Store
	fail atomic.Bool
}

var errDown = errors.New("down")

func (f *failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.fail.Load() {
		return errDown
	}
	return f.Store.Update(ctx, fn)
}

// A replica that cannot renew stops its work before another may start.
func TestHoldLeaseStoreDown(t *testing.T) {
	inBubble(t, func(t *testing.T, s store.Store) {
		const ttl = 30 * time.Second
		f := &failing{Store: s}
		var stopped time.Time
		start := time.Now()
		err := store.HoldLease(t.Context(), f, "x", "a", ttl, func(ctx context.Context, _ store.Lease) error {
			f.fail.Store(true)
			<-ctx.Done()
			stopped = time.Now()
			return ctx.Err()
		})
		if !errors.Is(err, store.ErrLeaseLost) || !errors.Is(err, errDown) {
			t.Errorf("HoldLease = %v, want ErrLeaseLost and the store's error", err)
		}
		if d := stopped.Sub(start); d >= ttl {
			t.Errorf("the work stopped after %v, the lease ended at %v", d, ttl)
		}
	})
}

func BenchmarkTableDecode(b *testing.B) {
	type rec struct {
		ID, Text string
		N        int
	}
	tab := store.Table[rec]{Name: "t", Key: func(r rec) []byte { return store.Key(r.ID) }}
	s, err := bolt.Open(filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(b.Context(), func(tx store.Tx) error { return tab.Put(tx, rec{"a", "some text", 7}) }); err != nil {
		b.Fatal(err)
	}
	key := store.Key("a")
	if err := s.View(b.Context(), func(tx store.Tx) error {
		for b.Loop() {
			if _, err := tab.Get(tx, key); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}
