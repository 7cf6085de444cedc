package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/perch-chat/perch/store"
)

//nolint:gochecknoglobals // the suite's list of cases
var basicCases = []testCase{
	{"CRUD", testCRUD},
	{"Limits", testLimits},
	{"NotJSON", testNotJSON},
	{"Text", testText},
	{"BigValues", testBigValues},
	{"SlicesAreCopies", testSlicesAreCopies},
	{"Rollback", testRollback},
	{"ReadOnly", testReadOnly},
	{"OnCommit", testOnCommit},
	{"AfterItsEnd", testAfterItsEnd},
	{"Panic", testPanic},
	{"Goexit", testGoexit},
	{"Cancelled", testCancelled},
	{"Closed", testClosed},
	{"Tables", testTables},
}

func testCRUD(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		if _, err := tx.Get("t", []byte("a")); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("get of a missing key = %w, want ErrNotFound", err)
		}
		if err := tx.Delete("t", []byte("a")); err != nil {
			return fmt.Errorf("delete of a missing key: %w", err)
		}
		return tx.Put("t", []byte("a"), []byte(`{"n": 1}`))
	})
	read := func() (n int) {
		view(t, s, func(tx store.Tx) error {
			v, err := tx.Get("t", []byte("a"))
			if err != nil {
				return err
			}
			var got struct{ N int }
			err = json.Unmarshal(v, &got)
			n = got.N
			return err
		})
		return n
	}
	if got := read(); got != 1 {
		t.Errorf("read %d, want 1", got)
	}
	update(t, s, func(tx store.Tx) error {
		if err := tx.Put("t", []byte("a"), []byte(`{"n":2}`)); err != nil {
			return err
		}
		v, err := tx.Get("t", []byte("a"))
		if err == nil && !bytes.Contains(v, []byte("2")) {
			t.Errorf("an update reads %s, want what it wrote itself", v)
		}
		return err
	})
	if got := read(); got != 2 {
		t.Errorf("read %d after the second Put, want 2", got)
	}
	update(t, s, func(tx store.Tx) error {
		if err := tx.Delete("t", []byte("a")); err != nil {
			return err
		}
		if _, err := tx.Get("t", []byte("a")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get after Delete in one update = %v, want ErrNotFound", err)
		}
		return nil
	})
	if has(t, s, "t", "a") {
		t.Error("the key is there after its Delete")
	}
	put(t, s, "other", "b", `1`)
	if has(t, s, "t", "b") {
		t.Error("a key of one table is in another")
	}
}

func testLimits(t *testing.T, s store.Store) {
	long := strings.Repeat("k", store.MaxKey)
	for _, tt := range []struct {
		name, table, key string
		ok               bool
	}{
		{"empty key", "t", "", false},
		{"longest key", "t", long, true},
		{"key too long", "t", long + "k", false},
		{"zero bytes", "t", "\x00\x00", true},
		{"no table", "", "k", false},
		{"table too long", strings.Repeat("t", store.MaxTable+1), "k", false},
		{"dotted table", "a.b-c_d", "k", true},
	} {
		for op, fn := range map[string]func(store.Tx) error{
			"Put":    func(tx store.Tx) error { return tx.Put(tt.table, []byte(tt.key), []byte(`{}`)) },
			"Delete": func(tx store.Tx) error { return tx.Delete(tt.table, []byte(tt.key)) },
		} {
			if err := s.Update(t.Context(), fn); (err == nil) != tt.ok {
				t.Errorf("%s: %s = %v, want success %v", tt.name, op, err, tt.ok)
			}
		}
	}
	view(t, s, func(tx store.Tx) error {
		if _, err := tx.Get("t", nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of the empty key = %v, want ErrNotFound", err)
		}
		return nil
	})
}

func testNotJSON(t *testing.T, s store.Store) {
	for _, val := range []string{"", "{", "nope", `{"a":1}}`, `{"a":1} {"a":2}`} {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", []byte("k"), []byte(val)) })
		if err == nil {
			t.Errorf("Put(%q) was accepted", val)
		}
	}
	if has(t, s, "t", "k") {
		t.Error("something was stored")
	}
	put(t, s, "t", "k", `{}`) // the store goes on
}

// Text must come back, and what is not text must not fail in one driver only.
func testText(t *testing.T, s store.Store) {
	for _, tt := range []struct{ name, doc, want string }{
		{"plain", `"abc"`, "abc"},
		{"quotes and backslashes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{"escaped", `"\u003ca href\u003e \u00e4"`, "<a href> ä"},
		{"emoji", `"🐦\ud83d\udc26"`, "🐦🐦"},
		{"zero", `"a\u0000b"`, "a\x00b"},
		{"backslash before u0000", `"a\\u0000b"`, `a\u0000b`},
		{"lone high surrogate", `"a\ud83db"`, "a\ufffdb"},
		{"lone low surrogate", `"a\udc26b"`, "a\ufffdb"},
		{"high surrogate twice", `"\ud83d\ud83d\udc26"`, "\ufffd🐦"},
		{"high surrogate at the end", `"\ud83d"`, "\ufffd"},
		{"surrogate before another escape", `"\ud83d\n"`, "\ufffd\n"},
		{"broken UTF-8", "\"a\xffb\"", "a\ufffdb"},
		{"big number", `12345678901234567890`, "12345678901234567890"},
		{"null", `null`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			put(t, s, "t", "k", tt.doc)
			view(t, s, func(tx store.Tx) error {
				v, err := tx.Get("t", []byte("k"))
				if err != nil {
					return err
				}
				var got any
				d := json.NewDecoder(bytes.NewReader(v))
				d.UseNumber()
				if err := d.Decode(&got); err != nil {
					return fmt.Errorf("decode %q: %w", v, err)
				}
				text := ""
				if got != nil {
					text = fmt.Sprint(got)
				}
				if text != tt.want && text != strings.ReplaceAll(tt.want, "\x00", "\ufffd") {
					t.Errorf("Put(%s): got %q, want %q", tt.doc, text, tt.want)
				}
				return nil
			})
		})
	}
}

func testBigValues(t *testing.T, s store.Store) {
	want := map[string]int{"a": 1 << 20, "b": 5 << 20, "c": 3}
	update(t, s, func(tx store.Tx) error {
		for k, n := range want {
			if err := tx.Put("t", []byte(k), fmt.Appendf(nil, "%q", strings.Repeat("x", n))); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		for p, err := range tx.Scan("t", store.Range{}) {
			if err != nil {
				return err
			}
			if got := len(p.Val) - 2; got != want[string(p.Key)] {
				t.Errorf("the value of %s has %d bytes, want %d", p.Key, got, want[string(p.Key)])
			}
		}
		return nil
	})
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.Put("t", []byte("k"), make([]byte, store.MaxValue+1))
	})
	if err == nil {
		t.Error("a value over MaxValue was accepted")
	}
}

// Neither side may see what the other does to its slices afterwards.
func testSlicesAreCopies(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		k, v := []byte("key"), []byte(`"val"`)
		if err := tx.Put("t", k, v); err != nil {
			return err
		}
		k[0], v[1] = 'X', 'X'
		got, err := tx.Get("t", []byte("key"))
		if err != nil {
			return err
		}
		if len(got) > 1 {
			got[1] = 'Y'
		}
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		for p, err := range tx.Scan("t", store.Range{}) {
			if err != nil {
				return err
			}
			if string(p.Key) != "key" || string(p.Val) != `"val"` {
				t.Errorf("stored %s = %s, want key = \"val\"", p.Key, p.Val)
			}
			p.Key[0], p.Val[1] = 'Z', 'Z'
		}
		got, err := tx.Get("t", []byte("key"))
		if err == nil && string(got) != `"val"` {
			t.Errorf("stored %s, want \"val\"", got)
		}
		return err
	})
}

func testRollback(t *testing.T, s store.Store) {
	boom := errors.New("boom")
	put(t, s, "t", "old", `1`)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.Put("t", []byte("new"), []byte(`{}`)); err != nil {
			return err
		}
		if err := tx.Delete("t", []byte("old")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("Update = %v, want boom", err)
	}
	if has(t, s, "t", "new") || !has(t, s, "t", "old") {
		t.Error("a failed update left something behind")
	}
}

func testReadOnly(t *testing.T, s store.Store) {
	view(t, s, func(tx store.Tx) error {
		if err := tx.Put("t", []byte("a"), []byte(`{}`)); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("Put in View = %v, want ErrReadOnly", err)
		}
		if err := tx.Delete("t", []byte("a")); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("Delete in View = %v, want ErrReadOnly", err)
		}
		tx.OnCommit(func() { t.Error("OnCommit of a View ran") })
		_, err := tx.Get("t", []byte("a"))
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the View cannot go on: %w", err)
		}
		return nil
	})
	boom := errors.New("boom")
	if err := s.View(t.Context(), func(store.Tx) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("View = %v, want boom", err)
	}
}

func testOnCommit(t *testing.T, s store.Store) {
	var ran []int
	update(t, s, func(tx store.Tx) error {
		ran = nil // the function may run twice
		tx.OnCommit(func() {
			if !has(t, s, "t", "a") {
				t.Error("OnCommit ran before the commit")
			}
			ran = append(ran, 1)
		})
		tx.OnCommit(func() { ran = append(ran, 2) })
		return tx.Put("t", []byte("a"), []byte(`1`))
	})
	if fmt.Sprint(ran) != "[1 2]" {
		t.Errorf("OnCommit ran %v, want [1 2]", ran)
	}
	ran = nil
	err := s.Update(t.Context(), func(tx store.Tx) error {
		tx.OnCommit(func() { ran = append(ran, 3) })
		return errors.New("boom")
	})
	if err == nil || ran != nil {
		t.Errorf("OnCommit of a failed update ran (%v), error %v", ran, err)
	}
	update(t, s, func(tx store.Tx) error { // nothing written, yet it succeeded
		tx.OnCommit(func() { ran = append(ran, 4) })
		return nil
	})
	if fmt.Sprint(ran) != "[4]" {
		t.Errorf("OnCommit of an update without writes ran %v, want [4]", ran)
	}
	update(t, s, func(tx store.Tx) error { // from there the store may be used
		tx.OnCommit(func() { put(t, s, "t", "b", `2`) })
		return tx.Put("t", []byte("a"), []byte(`2`))
	})
	if !has(t, s, "t", "b") {
		t.Error("an update inside OnCommit is not there")
	}
}

func testAfterItsEnd(t *testing.T, s store.Store) {
	put(t, s, "t", "a", `1`)
	var txs []store.Tx
	keep := func(tx store.Tx) error {
		txs = append(txs, tx)
		return nil
	}
	update(t, s, keep)
	view(t, s, keep)
	for i, tx := range txs {
		if _, err := tx.Get("t", []byte("a")); !errors.Is(err, store.ErrTxDone) {
			t.Errorf("%d: Get after the end = %v, want ErrTxDone", i, err)
		}
		if err := tx.Put("t", []byte("a"), []byte(`2`)); err == nil {
			t.Errorf("%d: Put after the end was accepted", i)
		}
		if err := tx.Delete("t", []byte("a")); err == nil {
			t.Errorf("%d: Delete after the end was accepted", i)
		}
		if _, err := keys(tx, "t", store.Range{}); !errors.Is(err, store.ErrTxDone) {
			t.Errorf("%d: Scan after the end = %v, want ErrTxDone", i, err)
		}
	}
}

func testPanic(t *testing.T, s store.Store) {
	type mine struct{ n int }
	for name, run := range map[string]func(fn func(store.Tx) error) error{
		"Update": func(fn func(store.Tx) error) error { return s.Update(t.Context(), fn) },
		"View":   func(fn func(store.Tx) error) error { return s.View(t.Context(), fn) },
	} {
		got := func() (p any) {
			defer func() { p = recover() }()
			err := run(func(tx store.Tx) error {
				if name == "Update" {
					if err := tx.Put("t", []byte("a"), []byte(`1`)); err != nil {
						return err
					}
				}
				tx.OnCommit(func() { t.Errorf("%s: OnCommit ran after a panic", name) })
				panic(mine{7})
			})
			t.Errorf("%s returned %v, want a panic", name, err)
			return nil
		}()
		if got != (mine{7}) {
			t.Errorf("%s panicked with %v, want the function's value", name, got)
		}
	}
	if has(t, s, "t", "a") {
		t.Error("a function that panicked left something behind")
	}
	put(t, s, "t", "b", `1`) // the store goes on
}

// A test that fails inside a transaction ends its goroutine there.
func testGoexit(t *testing.T, s store.Store) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.Put("t", []byte("a"), []byte(`1`)); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	if has(t, s, "t", "a") {
		t.Error("a goroutine that ended left something behind")
	}
	put(t, s, "t", "b", `1`)
}

func testCancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(store.Tx) error {
		t.Error("the function ran though ctx was cancelled before")
		return nil
	}
	if err := s.Update(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if err := s.View(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want context.Canceled", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	err := s.Update(ctx, func(tx store.Tx) error {
		if err := tx.Put("t", []byte("a"), []byte(`1`)); err != nil {
			return err
		}
		tx.OnCommit(func() { t.Error("OnCommit ran though ctx was cancelled inside") })
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if has(t, s, "t", "a") {
		t.Error("an update that was cancelled inside was kept")
	}
	put(t, s, "t", "b", `1`)
}

func testClosed(t *testing.T, s store.Store) {
	inside, release := make(chan struct{}), make(chan struct{})
	updated := make(chan error, 1)
	go func() {
		updated <- s.Update(t.Context(), func(tx store.Tx) error {
			close(inside)
			<-release
			return tx.Put("t", []byte("a"), []byte(`1`))
		})
	}()
	<-inside
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	// Once the store refuses others, Close is waiting for the update.
	for s.View(t.Context(), func(store.Tx) error { return nil }) == nil {
		runtime.Gosched()
	}
	select {
	case err := <-closed:
		t.Errorf("Close returned %v while an update ran", err)
	default:
	}
	close(release)
	if err := <-updated; err != nil {
		t.Errorf("the update that was running = %v, want it kept", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close = %v", err)
	}
	never := func(store.Tx) error {
		t.Error("the function ran after Close")
		return nil
	}
	if err := s.Update(t.Context(), never); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update after Close = %v, want ErrClosed", err)
	}
	if err := s.View(t.Context(), never); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View after Close = %v, want ErrClosed", err)
	}
}

func testTables(t *testing.T, s store.Store) {
	put(t, s, "b", "k", `1`)
	put(t, s, "a", "k", `1`)
	put(t, s, "Z", "k", `1`)
	put(t, s, "emptied", "k", `1`)
	update(t, s, func(tx store.Tx) error { return tx.Delete("emptied", []byte("k")) })
	view(t, s, func(tx store.Tx) error {
		l, ok := tx.(store.Lister)
		if !ok {
			t.Skip("the driver lists no tables")
		}
		got, err := l.Tables()
		if fmt.Sprint(got) != "[Z a b]" {
			t.Errorf("Tables = %v, want [Z a b]", got)
		}
		return err
	})
}
