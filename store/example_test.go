package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// A table with one index: what a new kind of record takes.
func ExampleTable() {
	type task struct {
		ID    string `json:"id"`
		Owner string `json:"owner"`
		Due   int    `json:"due"`
	}
	tasks := store.Table[task]{
		Name: "task",
		Key:  func(t task) []byte { return store.Key(t.ID) },
		Indexes: []store.Index[task]{
			{Name: "owner", Keys: func(t task) [][]byte { return [][]byte{store.Key(t.Owner, t.Due)} }},
		},
	}

	dir, err := os.MkdirTemp("", "perch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := bolt.Open(filepath.Join(dir, "perch.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	ctx := context.Background()
	err = s.Update(ctx, func(tx store.Tx) error {
		for _, t := range []task{{"a", "ada", 3}, {"b", "ada", 1}, {"c", "rio", 2}} {
			if err := tasks.Put(tx, t); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { fmt.Println("stored") })
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = s.View(ctx, func(tx store.Tx) error {
		for t, err := range tasks.By(tx, "owner", store.Key("ada"), store.Range{}) {
			if err != nil {
				return err
			}
			fmt.Println(t.ID, "is due on day", t.Due)
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// stored
	// b is due on day 1
	// a is due on day 3
}
