package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

// childEnv makes a test binary the writer that is killed; it holds the place.
const childEnv = "PERCH_STORETEST_WRITER"

const (
	crashKills   = 20
	crashWriters = 6
)

// Crash says how to reach one store from several processes, one at a time.
type Crash struct {
	// Place is what Open opens: a path, a URL. It is created by the first Open.
	Place func(t *testing.T) string

	// Open opens the store at place.
	Open func(place string) (store.Store, error)

	// Check looks at a store at rest. It may be nil.
	Check func(place string) error
}

// RunCrash kills a process that writes, at random instants, and opens what it
// left: each write that was acknowledged must be there, and no part of a
// transaction without the rest. Call it from a test of its own, without
// anything before it: the test runs again in the writer.
func RunCrash(t *testing.T, c Crash) {
	t.Helper()
	if place := os.Getenv(childEnv); place != "" {
		if err := writeUntilKilled(t.Context(), c, place); err != nil {
			fmt.Println("error", err) //nolint:forbidigo // the pipe to the parent
			t.Fatal(err)
		}
		return
	}
	place := c.Place(t)
	kills := crashKills
	if testing.Short() {
		kills = 5
	}
	total := 0
	for range kills {
		acked := killWriter(t, place)
		s, err := c.Open(place)
		if err != nil {
			t.Fatalf("open after a kill: %v", err)
		}
		for w, n := range acked {
			total += n
			checkWriter(t, s, w, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if c.Check != nil {
			if err := c.Check(place); err != nil {
				t.Fatalf("check after a kill: %v", err)
			}
		}
		if t.Failed() {
			return
		}
	}
	if total == 0 {
		t.Error("no write was acknowledged before a kill: the test shows nothing")
	}
}

// writeUntilKilled is the writer: each transaction writes its number to two
// tables and to a counter, and is reported on standard output once it is kept.
func writeUntilKilled(ctx context.Context, c Crash, place string) error {
	s, err := c.Open(place)
	if err != nil {
		return err
	}
	errs := make(chan error, crashWriters)
	var out sync.Mutex
	for w := range crashWriters {
		go func() {
			for {
				var n int
				err := s.Update(ctx, func(tx store.Tx) (err error) {
					if err := increment(tx, "counter", fmt.Sprint(w)); err != nil {
						return err
					}
					if n, err = number(tx, "counter", fmt.Sprint(w)); err != nil {
						return err
					}
					doc := fmt.Appendf(nil, "%q", strings.Repeat("x", n%700))
					return errors.Join(tx.Put("a", store.Key(w, n), doc), tx.Put("b", store.Key(w, n), doc))
				})
				if err != nil {
					errs <- err
					return
				}
				out.Lock()
				_, err = fmt.Printf("%d %d\n", w, n) //nolint:forbidigo // the pipe to the parent
				out.Unlock()
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

// killWriter starts a writer, kills it and returns the last number that each
// of its goroutines had acknowledged.
func killWriter(t *testing.T, place string) [crashWriters]int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+place)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked [crashWriters]int
	var timer *time.Timer
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) { // a line cut short was not acknowledged to anybody
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := strings.CutPrefix(line, "error "); ok {
			t.Fatalf("the writer failed: %s", text)
		}
		var w, n int
		if k, _ := fmt.Sscanf(line, "%d %d\n", &w, &n); k != 2 {
			continue // the testing package's own lines
		}
		acked[w] = n
		if timer == nil {
			delay := time.Duration(rand.Int64N(int64(40 * time.Millisecond)))
			timer = time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait() // it was killed
	if timer == nil {
		t.Fatal("the writer ended before it wrote anything")
	}
	timer.Stop()
	return acked
}

// checkWriter compares what one goroutine left with what it had acknowledged.
func checkWriter(t *testing.T, s store.Store, w, acked int) {
	t.Helper()
	view(t, s, func(tx store.Tx) error {
		n, err := number(tx, "counter", fmt.Sprint(w))
		if err != nil {
			return err
		}
		if n < acked {
			t.Errorf("writer %d: %d is lost, the store ends at %d", w, acked, n)
		}
		for _, table := range []string{"a", "b"} {
			got, err := keys(tx, table, store.Prefix(store.Key(w)))
			if err != nil {
				return err
			}
			if len(got) != n {
				t.Errorf("writer %d: table %s has %d records, the counter says %d", w, table, len(got), n)
			}
		}
		return nil
	})
}
