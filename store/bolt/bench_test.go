package bolt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// rawCommitter is bbolt behind the plainest committer that shares flushes: one
// goroutine takes whatever waits while the last flush runs. It is what Update
// is measured against.
type rawCommitter struct {
	db *bbolt.DB
	ch chan rawWrite
}

type rawWrite struct {
	key, val []byte
	done     chan error
}

func newRawCommitter(b *testing.B) *rawCommitter {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "raw"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := &rawCommitter{db: db, ch: make(chan rawWrite, 1024)}
	var wg sync.WaitGroup
	wg.Go(c.run)
	b.Cleanup(func() {
		close(c.ch)
		wg.Wait()
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return c
}

func (c *rawCommitter) run() {
	var batch []rawWrite
	for w := range c.ch {
		batch = append(batch[:0], w)
		for more := true; more && len(batch) < 1024; {
			select {
			case w, ok := <-c.ch:
				if more = ok; ok {
					batch = append(batch, w)
				}
			default:
				more = false
			}
		}
		err := c.db.Update(func(tx *bbolt.Tx) error {
			bk, err := tx.CreateBucketIfNotExists([]byte("rec"))
			for i := 0; i < len(batch) && err == nil; i++ {
				err = bk.Put(batch[i].key, batch[i].val)
			}
			return err
		})
		for _, w := range batch {
			w.done <- err
		}
	}
}

func (c *rawCommitter) put(key, val []byte) error {
	w := rawWrite{key: key, val: val, done: make(chan error, 1)}
	c.ch <- w
	return <-w.done
}

// record is a small one, of about 200 bytes as JSON.
type record struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Kind    string    `json:"kind"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	N       int       `json:"n"`
}

func newRecord(n int) record {
	return record{
		ID: fmt.Sprintf("%020d", n), Account: "2244994945", Kind: "dm", At: time.Unix(1_700_000_000, 0).UTC(), N: n,
		Text: "My order has not come yet, and the page says that it was delivered. Can you look?",
	}
}

// side is one of the two that are compared.
type side struct {
	put   func(n int) error
	rates []float64
}

// rounds is odd, so that there is a median.
const rounds = 5

// compare runs both sides by turns, b.N writes a round, and reports the
// median of the ratios of their rates.
func compare(b *testing.B, clients int, ours, raw *side) {
	b.Helper()
	var n atomic.Int64
	drive := func(s *side) {
		start, left := time.Now(), int64(b.N)
		var todo atomic.Int64
		todo.Store(left)
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for todo.Add(-1) >= 0 {
					if err := s.put(int(n.Add(1))); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		s.rates = append(s.rates, float64(left)/time.Since(start).Seconds())
	}
	b.ResetTimer()
	ratios := make([]float64, 0, rounds)
	for i := range rounds {
		first, second := ours, raw
		if i%2 == 1 {
			first, second = raw, ours
		}
		drive(first)
		drive(second)
		ratios = append(ratios, ours.rates[i]/raw.rates[i])
	}
	b.StopTimer()
	slices.Sort(ratios)
	slices.Sort(ours.rates)
	slices.Sort(raw.rates)
	b.ReportMetric(0, "ns/op") // the loop holds both sides: it means nothing
	b.ReportMetric(ours.rates[rounds/2], "perch/s")
	b.ReportMetric(raw.rates[rounds/2], "raw/s")
	b.ReportMetric(ratios[rounds/2], "ratio")
}

// BenchmarkUpdate compares an Update of one small document with the raw
// committer. The bar at 64 clients is a ratio of 0.7.
func BenchmarkUpdate(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s, raw, table := bolttest.Open(b), newRawCommitter(b), store.Table[record]{Name: "rec"}
			val := encoded(b, table)
			compare(b, clients,
				&side{put: func(n int) error {
					return s.Update(b.Context(), func(tx store.Tx) error { return tx.Put("rec", store.Key(n), val) })
				}},
				&side{put: func(n int) error { return raw.put(store.Key(n), val) }})
		})
	}
}

// BenchmarkTablePut is BenchmarkUpdate through a typed table, so it pays for
// JSON, which the raw committer does not.
func BenchmarkTablePut(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s, raw := bolttest.Open(b), newRawCommitter(b)
			table := store.Table[record]{Name: "rec", Key: func(r record) []byte { return store.Key(r.N) }}
			val := encoded(b, table)
			compare(b, clients,
				&side{put: func(n int) error {
					return s.Update(b.Context(), func(tx store.Tx) error { return table.Put(tx, newRecord(n)) })
				}},
				&side{put: func(n int) error { return raw.put(store.Key(n), val) }})
		})
	}
}

// encoded is what a table writes for one record.
func encoded(b *testing.B, t store.Table[record]) []byte {
	b.Helper()
	s := bolttest.Open(b)
	t.Key = func(record) []byte { return []byte("k") }
	var val []byte
	err := s.Update(b.Context(), func(tx store.Tx) (err error) {
		if err = t.Put(tx, newRecord(1)); err == nil {
			val, err = tx.Get(t.Name, []byte("k"))
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return val
}

// BenchmarkFsync is this machine's floor: append one small document and flush.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	val := make([]byte, 256)
	for b.Loop() {
		if _, err := f.Write(val); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}
