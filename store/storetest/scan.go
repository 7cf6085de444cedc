package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/perch-chat/perch/store"
)

//nolint:gochecknoglobals // the suite's list of cases
var scanCases = []testCase{
	{"ScanOrder", testScanOrder},
	{"ScanStops", testScanStops},
	{"ScanLong", testScanLong},
	{"ScanNested", testScanNested},
	{"ScanAgainstModel", testScanAgainstModel},
}

// Keys must sort bytewise in every driver, and not by a collation.
func testScanOrder(t *testing.T, s store.Store) {
	all := []string{"A", "a", "a\x00", "a/", "a|b", "b", "Ä", "\xff", "\xff\xff"}
	slices.Sort(all)
	update(t, s, func(tx store.Tx) error {
		for _, i := range rand.Perm(len(all)) {
			if err := tx.Put("t", []byte(all[i]), []byte(`{}`)); err != nil {
				return err
			}
		}
		return tx.Put("u", []byte("zz"), []byte(`{}`)) // another table stays out of it
	})
	for _, tt := range []struct {
		r    store.Range
		want []string
	}{
		{store.Range{}, all},
		{store.Range{Limit: 2}, all[:2]},
		{store.Range{Limit: 99}, all},
		{store.Range{From: []byte("a"), To: []byte("b")}, []string{"a", "a\x00", "a/", "a|b"}},
		{store.Range{From: []byte("a"), To: []byte("b"), Limit: 3}, []string{"a", "a\x00", "a/"}},
		{store.Range{From: []byte("a\x00\x00")}, []string{"a/", "a|b", "b", "Ä", "\xff", "\xff\xff"}},
		{store.Range{To: []byte("a")}, []string{"A"}},
		{store.Range{From: []byte("b"), To: []byte("a")}, nil},
		{store.Range{From: []byte("a"), To: []byte("a")}, nil},
		{store.Range{From: []byte{}, To: []byte{}}, nil},
		{store.Range{From: []byte("\xff\xff\xff")}, nil},
		{store.Prefix([]byte("\xff")), []string{"\xff", "\xff\xff"}},
	} {
		for _, reverse := range []bool{false, true} {
			r, want := tt.r, slices.Clone(tt.want)
			if r.Reverse = reverse; reverse {
				if r.Limit > 0 && r.Limit < len(all) {
					continue // the last ones, not these
				}
				slices.Reverse(want)
			}
			view(t, s, func(tx store.Tx) error {
				got, err := keys(tx, "t", r)
				if !slices.Equal(got, want) {
					t.Errorf("Scan(%q to %q, reverse %v, limit %d) = %q, want %q", r.From, r.To, r.Reverse, r.Limit, got, want)
				}
				return err
			})
		}
	}
	view(t, s, func(tx store.Tx) error {
		got, err := keys(tx, "t", store.Range{Reverse: true, Limit: 2})
		if want := []string{"\xff\xff", "\xff"}; !slices.Equal(got, want) {
			t.Errorf("the last two = %q, want %q", got, want)
		}
		if got, err := keys(tx, "nothing", store.Range{}); len(got) > 0 || err != nil {
			t.Errorf("Scan of a missing table = %q, %v", got, err)
		}
		return err
	})
}

// A loop that is left early must leave the transaction usable.
func testScanStops(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		for i := range 10 {
			if err := tx.Put("t", store.Key(i), []byte(`1`)); err != nil {
				return err
			}
		}
		for _, err := range tx.Scan("t", store.Range{}) {
			if err != nil {
				return err
			}
			break
		}
		return tx.Put("t", store.Key(10), []byte(`1`))
	})
	seq := 0
	view(t, s, func(tx store.Tx) error {
		scan := tx.Scan("t", store.Range{})
		for range 2 { // a sequence may be used again
			for _, err := range scan {
				if err != nil {
					return err
				}
				seq++
			}
		}
		return nil
	})
	if seq != 22 {
		t.Errorf("two loops saw %d pairs, want 22", seq)
	}
}

// More than any page a driver may fetch at once.
func testScanLong(t *testing.T, s store.Store) {
	const n = 3000
	update(t, s, func(tx store.Tx) error {
		for i := range n {
			if err := tx.Put("t", store.Key(i), fmt.Append(nil, i)); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		for _, reverse := range []bool{false, true} {
			for _, limit := range []int{0, 1999} {
				i := 0
				for p, err := range tx.Scan("t", store.Range{Reverse: reverse, Limit: limit}) {
					if err != nil {
						return err
					}
					want := i
					if reverse {
						want = n - 1 - i
					}
					if string(p.Val) != fmt.Sprint(want) {
						t.Fatalf("pair %d is %s, want %d (reverse %v)", i, p.Val, want, reverse)
					}
					i++
				}
				if want := max(limit, n*(1-min(limit, 1))); i != want {
					t.Errorf("saw %d pairs, want %d (reverse %v)", i, want, reverse)
				}
			}
		}
		return nil
	})
}

// Reading inside a loop is what indexes do.
func testScanNested(t *testing.T, s store.Store) {
	const n = 40
	fill := func(tx store.Tx) error {
		for i := range n {
			if err := errors.Join(tx.Put("a", store.Key(i), []byte(`1`)), tx.Put("b", store.Key(i), fmt.Append(nil, i))); err != nil {
				return err
			}
		}
		return nil
	}
	read := func(tx store.Tx) error {
		sum := 0
		for p, err := range tx.Scan("a", store.Range{}) {
			if err != nil {
				return err
			}
			v, err := tx.Get("b", p.Key)
			if err != nil {
				return err
			}
			var k int
			if _, err := fmt.Sscan(string(v), &k); err != nil {
				return err
			}
			sum += k
			for _, err := range tx.Scan("b", store.Range{From: p.Key, Limit: 2}) {
				if err != nil {
					return err
				}
			}
		}
		if want := n * (n - 1) / 2; sum != want {
			return fmt.Errorf("the sum is %d, want %d", sum, want)
		}
		return nil
	}
	update(t, s, func(tx store.Tx) error { return errors.Join(fill(tx), read(tx)) })
	view(t, s, read)
}

// Random writes, each transaction read back from inside and from outside,
// against a plain map.
func testScanAgainstModel(t *testing.T, s store.Store) {
	r := rand.New(rand.NewPCG(1, 2))
	committed := map[string]string{}
	for round := range 60 {
		seed := r.Uint64()
		fail := r.IntN(4) == 0
		boom := errors.New("boom")
		var model map[string]string
		err := s.Update(t.Context(), func(tx store.Tx) error {
			r := rand.New(rand.NewPCG(seed, 3))
			model = make(map[string]string, len(committed))
			maps.Copy(model, committed)
			for step := range 1 + r.IntN(12) {
				k := randomKey(r)
				if r.IntN(3) == 0 {
					delete(model, string(k))
					if err := tx.Delete("m", k); err != nil {
						return err
					}
				} else {
					v := fmt.Sprint(round*100 + step)
					model[string(k)] = v
					if err := tx.Put("m", k, []byte(v)); err != nil {
						return err
					}
				}
				if err := compareModel(tx, model, randomRange(r)); err != nil {
					return err
				}
			}
			if fail {
				return boom
			}
			return nil
		})
		if fail != errors.Is(err, boom) {
			t.Fatalf("round %d: Update = %v", round, err)
		}
		if err == nil {
			committed = model
		}
		rg := randomRange(r)
		view(t, s, func(tx store.Tx) error {
			return errors.Join(compareModel(tx, committed, rg), compareModel(tx, committed, store.Range{}))
		})
	}
}

func randomKey(r *rand.Rand) []byte {
	k := make([]byte, 1+r.IntN(2))
	for i := range k {
		k[i] = "\x00ab\xff"[r.IntN(4)]
	}
	return k
}

func randomRange(r *rand.Rand) store.Range {
	rg := store.Range{Reverse: r.IntN(2) == 0, Limit: r.IntN(5)}
	if r.IntN(2) == 0 {
		rg.From = randomKey(r)
	}
	if r.IntN(2) == 0 {
		rg.To = randomKey(r)
	}
	return rg
}

// compareModel reads a range and every key of the model.
func compareModel(tx store.Tx, model map[string]string, r store.Range) error {
	var want []string
	for k := range model {
		if (r.From == nil || bytes.Compare([]byte(k), r.From) >= 0) && (r.To == nil || bytes.Compare([]byte(k), r.To) < 0) {
			want = append(want, k)
		}
	}
	slices.Sort(want)
	if r.Reverse {
		slices.Reverse(want)
	}
	if r.Limit > 0 && len(want) > r.Limit {
		want = want[:r.Limit]
	}
	var got []string
	for p, err := range tx.Scan("m", r) {
		if err != nil {
			return err
		}
		if model[string(p.Key)] != string(p.Val) {
			return fmt.Errorf("scan: %q = %s, want %s", p.Key, p.Val, model[string(p.Key)])
		}
		got = append(got, string(p.Key))
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("scan of %q to %q (reverse %v, limit %d) = %q, want %q", r.From, r.To, r.Reverse, r.Limit, got, want)
	}
	for k, v := range model {
		if got, err := tx.Get("m", []byte(k)); err != nil || string(got) != v {
			return fmt.Errorf("get %q = %s, %w; want %s", k, got, err, v)
		}
	}
	return nil
}
