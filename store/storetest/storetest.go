// Package storetest is the conformance suite for [store.Store] drivers: [Run]
// holds for every driver, [RunCrash] for those that can be opened by another
// process. A fault found in one driver becomes a case here, not in its own test.
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/perch-chat/perch/store"
)

// Open returns a new, empty store. It need not be closed: the suite does it.
type Open func(t *testing.T) store.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, group := range [][]testCase{basicCases, scanCases, concurrencyCases, tableCases, toolCases} {
		for _, tt := range group {
			t.Run(tt.name, func(t *testing.T) {
				s := open(t)
				defer func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}()
				tt.run(t, s)
			})
		}
	}
	t.Run("MoveToAnotherStore", func(t *testing.T) { testMove(t, open(t), open(t)) })
}

type testCase struct {
	name string
	run  func(*testing.T, store.Store)
}

// update runs fn in an Update that must succeed.
func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// view runs fn in a View that must succeed.
func view(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s store.Store, table, key, val string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error { return tx.Put(table, []byte(key), []byte(val)) })
}

// has reports whether there is a value at key.
func has(t *testing.T, s store.Store, table, key string) bool {
	t.Helper()
	found := false
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Get(table, []byte(key))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		found = err == nil
		return err
	})
	return found
}

// number reads a JSON number; a missing one is 0.
func number(tx store.Tx, table, key string) (n int, err error) {
	v, err := tx.Get(table, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return n, json.Unmarshal(v, &n)
}

func increment(tx store.Tx, table, key string) error {
	n, err := number(tx, table, key)
	if err != nil {
		return err
	}
	return tx.Put(table, []byte(key), fmt.Append(nil, n+1))
}

// stored reads a number outside of any transaction of the caller.
func stored(t *testing.T, s store.Store, table, key string) (n int) {
	t.Helper()
	view(t, s, func(tx store.Tx) (err error) {
		n, err = number(tx, table, key)
		return err
	})
	return n
}

// keys are the keys of a scan.
func keys(tx store.Tx, table string, r store.Range) ([]string, error) {
	var got []string
	for p, err := range tx.Scan(table, r) {
		if err != nil {
			return got, err
		}
		got = append(got, string(p.Key))
	}
	return got, nil
}
