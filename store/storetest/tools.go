package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

//nolint:gochecknoglobals // the suite's list of cases
var toolCases = []testCase{
	{"Migrate", testMigrate},
	{"MigrateAtOnce", testMigrateAtOnce},
	{"Lease", testLease},
	{"LeaseExpires", testLeaseExpires},
	{"LeaseFence", testLeaseFence},
	{"HoldLease", testHoldLease},
	{"DumpDamaged", testDumpDamaged},
	{"Clear", testClear},
}

func testMigrate(t *testing.T, s store.Store) {
	var ran []int
	step := func(n int) store.Migration {
		return store.Migration{Number: n, Name: fmt.Sprintf("step %d", n), Run: func(tx store.Tx) error {
			tx.OnCommit(func() { ran = append(ran, n) })
			return tx.Put("t", store.Key(n), []byte(`1`))
		}}
	}
	migrate := func(ms ...store.Migration) error { return store.Migrate(t.Context(), s, ms) }
	if err := migrate(step(1), step(2)); err != nil {
		t.Fatal(err)
	}
	if err := migrate(step(1), step(2)); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(ran) != "[1 2]" {
		t.Errorf("ran %v, want each once", ran)
	}
	boom := errors.New("boom")
	bad := step(4)
	run := bad.Run
	bad.Run = func(tx store.Tx) error { return errors.Join(run(tx), boom) }
	if err := migrate(step(1), step(2), step(3), bad); !errors.Is(err, boom) {
		t.Errorf("Migrate = %v, want boom", err)
	}
	if has(t, s, "t", string(store.Key(4))) {
		t.Error("a migration that failed left something behind")
	}
	if err := migrate(step(1), step(2), step(3), step(4)); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(ran) != "[1 2 3 4]" {
		t.Errorf("ran %v, want [1 2 3 4]", ran)
	}
	if err := migrate(step(1), step(2), step(3)); !errors.Is(err, store.ErrNewer) {
		t.Errorf("an older program = %v, want ErrNewer", err)
	}
	if err := migrate(step(2), step(1)); err == nil {
		t.Error("numbers out of order were accepted")
	}
	if err := migrate(step(1), step(2), step(3), step(4), step(9)); err != nil {
		t.Fatal(err)
	}
	if err := migrate(step(1), step(2), step(3), step(4), step(7), step(9)); err == nil {
		t.Error("a migration before the last one that was run was accepted")
	}
}

// Several replicas that start at once run each migration once.
func testMigrateAtOnce(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := store.Migrate(t.Context(), s, []store.Migration{
				{Number: 1, Name: "count", Run: func(tx store.Tx) error { return increment(tx, "t", "n") }},
				{Number: 2, Name: "count", Run: func(tx store.Tx) error { return increment(tx, "t", "n") }},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := stored(t, s, "t", "n"); got != 2 {
		t.Errorf("two migrations counted to %d", got)
	}
}

func acquire(t *testing.T, s store.Store, owner string, ttl time.Duration) (l store.Lease, err error) {
	t.Helper()
	err = s.Update(t.Context(), func(tx store.Tx) (err error) {
		l, err = store.AcquireLease(tx, "work", owner, ttl)
		return err
	})
	return l, err
}

func testLease(t *testing.T, s store.Store) {
	a, err := acquire(t, s, "a", time.Hour)
	if err != nil || a.Token == 0 {
		t.Fatalf("acquire = %+v, %v", a, err)
	}
	if l, err := acquire(t, s, "b", time.Hour); !errors.Is(err, store.ErrLeaseHeld) || l.Owner != "a" {
		t.Errorf("acquire of a held lease = %+v, %v; want ErrLeaseHeld and its owner", l, err)
	}
	update(t, s, func(tx store.Tx) error {
		next, err := store.RenewLease(tx, a, 2*time.Hour)
		if !next.Expires.After(a.Expires) || next.Token != a.Token {
			t.Errorf("renewed %+v to %+v", a, next)
		}
		return err
	})
	again, err := acquire(t, s, "a", time.Hour)
	if err != nil || again.Token <= a.Token {
		t.Errorf("acquire by the owner = %+v, %v; want a larger token than %d", again, err, a.Token)
	}
	update(t, s, func(tx store.Tx) error {
		if err := store.CheckLease(tx, a); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("CheckLease of the old token = %v, want ErrLeaseLost", err)
		}
		if _, err := store.RenewLease(tx, a, time.Hour); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("RenewLease of the old token = %v, want ErrLeaseLost", err)
		}
		return errors.Join(store.CheckLease(tx, again), store.ReleaseLease(tx, a), store.CheckLease(tx, again))
	})
	update(t, s, func(tx store.Tx) error { return store.ReleaseLease(tx, again) })
	b, err := acquire(t, s, "b", time.Hour)
	if err != nil || b.Token <= again.Token {
		t.Errorf("acquire after the release = %+v, %v; want a larger token than %d", b, err, again.Token)
	}
}

func testLeaseExpires(t *testing.T, s store.Store) {
	a, err := acquire(t, s, "a", 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		b, err := acquire(t, s, "b", time.Hour)
		if errors.Is(err, store.ErrLeaseHeld) {
			continue
		}
		if err != nil || b.Token <= a.Token {
			t.Errorf("acquire = %+v, %v; want a larger token than %d", b, err, a.Token)
		}
		break
	}
	view(t, s, func(tx store.Tx) error {
		if err := store.CheckLease(tx, a); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("CheckLease of the first = %v, want ErrLeaseLost", err)
		}
		return nil
	})
}

// Owners that take the lease from each other all the time count under it: no
// count is made under a lease that is another's by then.
func testLeaseFence(t *testing.T, s store.Store) {
	const owners, each = 4, 8
	var lost, kept atomic.Int64
	var wg sync.WaitGroup
	for i := range owners {
		wg.Go(func() {
			for range each {
				l, err := acquire(t, s, fmt.Sprint(i), 0) // runs out at once
				if err != nil {
					t.Error(err)
					return
				}
				err = s.Update(t.Context(), func(tx store.Tx) error {
					if err := store.CheckLease(tx, l); err != nil {
						return err
					}
					last, err := number(tx, "t", "token")
					if err != nil {
						return err
					}
					if uint64(last) >= l.Token {
						t.Errorf("token %d writes after token %d", l.Token, last)
					}
					return tx.Put("t", []byte("token"), fmt.Append(nil, l.Token))
				})
				switch {
				case err == nil:
					kept.Add(1)
				case errors.Is(err, store.ErrLeaseLost):
					lost.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if kept.Load() == 0 || kept.Load()+lost.Load() != owners*each {
		t.Errorf("%d kept and %d lost of %d", kept.Load(), lost.Load(), owners*each)
	}
}

// One at a time, whoever waits gets it, and a lost lease ends the work.
func testHoldLease(t *testing.T, s store.Store) {
	var inside, turns atomic.Int64
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			err := store.HoldLease(t.Context(), s, "work", fmt.Sprint(i), 60*time.Millisecond, func(context.Context, store.Lease) error {
				if inside.Add(1) != 1 {
					t.Error("two hold the lease")
				}
				turns.Add(1)
				<-time.After(80 * time.Millisecond) // longer than the lease: it must be renewed
				inside.Add(-1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if turns.Load() != 3 {
		t.Errorf("%d of 3 had their turn", turns.Load())
	}
	err := store.HoldLease(t.Context(), s, "work", "old", time.Minute/1000, func(ctx context.Context, _ store.Lease) error {
		if _, err := acquire(t, s, "old", time.Hour); err != nil { // the same owner, started again elsewhere
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("HoldLease of a lost lease = %v, want ErrLeaseLost", err)
	}
}

func fillForDump(t *testing.T, s store.Store) {
	t.Helper()
	tab := tickets()
	update(t, s, func(tx store.Tx) error {
		for i := range 1500 {
			if err := tab.Put(tx, ticket{ID: fmt.Sprint(i), Owner: "ada & <rio>", Mail: fmt.Sprintf("%d@x", i), N: i}); err != nil {
				return err
			}
		}
		return tx.Put("odd", []byte("\x00\xff"), []byte(`"🐦\u00e4"`))
	})
}

// testMove dumps one store and loads it into another.
func testMove(t *testing.T, from, to store.Store) {
	defer func() {
		if err := errors.Join(from.Close(), to.Close()); err != nil {
			t.Error(err)
		}
	}()
	Move(t, from, to)
}

// Move fills from, dumps it, loads the dump into to, twice, and compares. Both
// stores must be empty. It is for tests across drivers.
func Move(t *testing.T, from, to store.Store) {
	t.Helper()
	fillForDump(t, from)
	if err := store.Migrate(t.Context(), from, []store.Migration{{Number: 1, Name: "one"}}); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	told := 0
	if err := store.Dump(t.Context(), from, &buf, func(n int) { told = n }); err != nil {
		t.Fatal(err)
	}
	if told < 4000 {
		t.Errorf("progress was told up to %d", told)
	}
	if err := store.VerifyDump(t.Context(), bytes.NewReader(buf.Bytes())); err != nil {
		t.Fatal(err)
	}
	load := func(force bool) error {
		return store.Load(t.Context(), to, bytes.NewReader(buf.Bytes()), store.LoadOptions{Force: force})
	}
	if err := load(false); err != nil {
		t.Fatal(err)
	}
	if err := load(false); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("Load into a store that holds something = %v, want ErrNotEmpty", err)
	}
	put(t, to, "other", "goes", `1`)
	if err := load(true); err != nil {
		t.Fatal(err)
	}
	tab := tickets()
	view(t, to, func(tx store.Tx) error {
		all, err := store.Collect(tab.By(tx, "owner", store.Key("ada & <rio>"), store.Range{}))
		if len(all) != 1500 || all[7].N != 7 {
			t.Errorf("%d records came over, want 1500", len(all))
		}
		v, err2 := tx.Get("odd", []byte("\x00\xff"))
		if string(v) != `"🐦ä"` && string(v) != `"🐦\u00e4"` {
			t.Errorf("the odd value is %s", v)
		}
		tables, err3 := tx.(store.Lister).Tables()
		if want := "[odd store.migration ticket ticket.mail ticket.owner]"; fmt.Sprint(tables) != want {
			t.Errorf("tables %v, want %s", tables, want)
		}
		return errors.Join(err, err2, err3, tab.CheckIndexes(tx))
	})
	if err := store.Migrate(t.Context(), to, nil); !errors.Is(err, store.ErrNewer) {
		t.Errorf("the migrations did not come over: %v", err)
	}
}

func testDumpDamaged(t *testing.T, s store.Store) {
	fillForDump(t, s)
	var buf bytes.Buffer
	if err := store.Dump(t.Context(), s, &buf, nil); err != nil {
		t.Fatal(err)
	}
	good := buf.Bytes()
	lines := bytes.SplitAfter(good, []byte("\n"))
	for name, bad := range map[string][]byte{
		"empty":          nil,
		"cut in half":    good[:len(good)/2],
		"no footer":      bytes.Join(lines[:len(lines)-2], nil),
		"a line lost":    append(bytes.Clone(lines[0]), bytes.Join(lines[2:], nil)...),
		"a value turned": bytes.Replace(good, []byte(`77@x`), []byte(`77@y`), 1),
		"newer":          bytes.Replace(good, []byte(`"perch_store":1`), []byte(`"perch_store":2`), 1),
		"something else": []byte("hello\n"),
	} {
		err := store.Load(t.Context(), s, bytes.NewReader(bad), store.LoadOptions{Force: true})
		if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNewer) {
			t.Errorf("%s: Load = %v, want ErrDamaged", name, err)
		}
	}
	if !has(t, s, "odd", "\x00\xff") {
		t.Error("a bad dump changed the store")
	}
	// A load that breaks off leaves a store that is refused until the next one.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := store.Load(ctx, s, bytes.NewReader(good), store.LoadOptions{Force: true, Progress: func(int) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Load = %v, want context.Canceled", err)
	}
	if err := store.Migrate(t.Context(), s, nil); err == nil {
		t.Error("a half loaded store was accepted")
	}
	if err := store.Load(t.Context(), s, bytes.NewReader(good), store.LoadOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), s, nil); err != nil {
		t.Error(err)
	}
}

func testClear(t *testing.T, s store.Store) {
	fillForDump(t, s)
	update(t, s, func(tx store.Tx) error {
		if err := store.Clear(tx, "ticket"); err != nil {
			return err
		}
		got, err := keys(tx, "ticket", store.Range{})
		if len(got) > 0 {
			t.Errorf("%d keys are left", len(got))
		}
		return err
	})
	if !has(t, s, "odd", "\x00\xff") {
		t.Error("another table was cleared too")
	}
}
