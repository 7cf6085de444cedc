package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// A dump is a text that any driver can load: one JSON document a line, first
// a header, then the pairs, last a footer that says how many there are and
// what all lines before it hash to.

// dumpFormat is the version of the form.
const dumpFormat = 1

type dumpHeader struct {
	Format int       `json:"perch_store"`
	At     time.Time `json:"at"`
}

type dumpPair struct {
	Table string          `json:"t"`
	Key   []byte          `json:"k"`
	Val   json.RawMessage `json:"v"`
}

type dumpFooter struct {
	End    bool   `json:"end"`
	Pairs  int    `json:"pairs"`
	SHA256 string `json:"sha256"`
}

// Progress is told now and then how many pairs are done. It may be nil.
type Progress func(pairs int)

const progressEvery = 1000

func (p Progress) at(n int) {
	if p != nil && n%progressEvery == 0 {
		p(n)
	}
}

// Dump writes all of the store, as of one moment, to w. The store goes on
// serving meanwhile. The store's transactions must offer [Lister].
func Dump(ctx context.Context, s Store, w io.Writer, progress Progress) error {
	buf := bufio.NewWriterSize(w, 256<<10)
	if err := s.View(ctx, func(tx Tx) error { return dump(ctx, tx, buf, progress) }); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	return nil
}

func dump(ctx context.Context, tx Tx, w io.Writer, progress Progress) error {
	l, ok := tx.(Lister)
	if !ok {
		return errors.New("the store cannot list its tables")
	}
	tables, err := l.Tables()
	if err != nil {
		return err
	}
	sum := sha256.New()
	line := func(v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		b = append(b, '\n')
		_, _ = sum.Write(b) // a hash never fails
		_, err = w.Write(b)
		return err
	}
	if err := line(dumpHeader{Format: dumpFormat, At: time.Now().UTC()}); err != nil {
		return err
	}
	n := 0
	for _, table := range tables {
		for p, err := range tx.Scan(table, Range{}) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = line(dumpPair{Table: table, Key: p.Key, Val: p.Val})
			}
			if err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
			n++
			progress.at(n)
		}
	}
	return line(dumpFooter{End: true, Pairs: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
}

// LoadOptions say how to load.
type LoadOptions struct {
	Force    bool     // replace what the store has
	Progress Progress // told while the pairs are written
}

// ErrNotEmpty is returned by [Load] for a store that holds something.
var ErrNotEmpty = errors.New("store: not empty")

// loadingKey is there from the start of a Load to its end.
func loadingKey() []byte { return []byte("loading") }

// Batches of Load, small enough for any driver's transaction.
const (
	loadPairs = 1000
	loadBytes = 4 << 20
)

// Load reads a dump from r into s. The whole dump is checked before anything
// is changed. A store that holds something is refused with [ErrNotEmpty]
// unless forced; then all it holds is replaced. Load works in several steps: if
// it is interrupted, [Migrate] refuses the store until it is loaded again.
func Load(ctx context.Context, s Store, r io.ReadSeeker, o LoadOptions) error {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := VerifyDump(ctx, r); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if _, err := r.Seek(start, io.SeekStart); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := emptyStore(ctx, s, o.Force); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := load(ctx, s, r, o.Progress); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	err = s.Update(ctx, func(tx Tx) error { return tx.Delete(metaTable, loadingKey()) })
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// emptyStore notes that a load has begun and deletes what is there.
func emptyStore(ctx context.Context, s Store, force bool) error {
	var tables []string
	err := s.Update(ctx, func(tx Tx) (err error) {
		l, ok := tx.(Lister)
		if !ok {
			return errors.New("the store cannot list its tables")
		}
		if tables, err = l.Tables(); err != nil {
			return err
		}
		if len(tables) > 0 && !force {
			return fmt.Errorf("%w: it has %d tables; force replaces them", ErrNotEmpty, len(tables))
		}
		return tx.Put(metaTable, loadingKey(), []byte(`true`))
	})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := clearInSteps(ctx, s, table); err != nil {
			return err
		}
	}
	return nil
}

// clearInSteps deletes a table of any size but for the note of the load.
func clearInSteps(ctx context.Context, s Store, table string) error {
	var from, last []byte
	for {
		n := 0
		err := s.Update(ctx, func(tx Tx) error {
			pairs, err := Collect(tx.Scan(table, Range{From: from, Limit: loadPairs}))
			if err != nil {
				return err
			}
			for _, p := range pairs {
				if table == metaTable && bytes.Equal(p.Key, loadingKey()) {
					continue
				}
				if err := tx.Delete(table, p.Key); err != nil {
					return err
				}
			}
			if n = len(pairs); n > 0 {
				last = pairs[n-1].Key
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("clear %s: %w", table, err)
		}
		from = last // only now: the function may run twice
		if n < loadPairs {
			return nil
		}
	}
}

func load(ctx context.Context, s Store, r io.Reader, progress Progress) error {
	var batch []dumpPair
	size, done := 0, 0
	flush := func() error {
		err := s.Update(ctx, func(tx Tx) error {
			for _, p := range batch {
				if p.Table == metaTable && bytes.Equal(p.Key, loadingKey()) {
					continue
				}
				if err := tx.Put(p.Table, p.Key, p.Val); err != nil {
					return err
				}
			}
			return nil
		})
		for range batch {
			done++
			progress.at(done)
		}
		batch, size = batch[:0], 0
		return err
	}
	err := readDump(ctx, r, func(p dumpPair) error {
		batch = append(batch, p)
		if size += len(p.Key) + len(p.Val); len(batch) < loadPairs && size < loadBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// VerifyDump reads a dump to its end and returns an error if anything of it is
// missing or changed.
func VerifyDump(ctx context.Context, r io.Reader) error {
	return readDump(ctx, r, func(p dumpPair) error { return Check(p.Table, p.Key, p.Val) })
}

// readDump calls fn with each pair, and checks the frame around them.
func readDump(ctx context.Context, r io.Reader, fn func(dumpPair) error) error {
	lines := &dumpReader{r: bufio.NewReaderSize(r, 256<<10), sum: sha256.New()}
	line, err := lines.next()
	if err != nil {
		return err
	}
	var h dumpHeader
	switch err := json.Unmarshal(line, &h); {
	case err != nil || h.Format == 0:
		return fmt.Errorf("%w: not a dump of a Perch store", ErrDamaged)
	case h.Format > dumpFormat:
		return fmt.Errorf("the dump has form %d, this program knows %d: %w", h.Format, dumpFormat, ErrNewer)
	}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		sum := hex.EncodeToString(lines.sum.Sum(nil)) // of all lines before
		line, err := lines.next()
		if err != nil {
			return err
		}
		var p struct {
			dumpPair
			dumpFooter
		}
		if err := json.Unmarshal(line, &p); err != nil {
			return fmt.Errorf("%w: pair %d of the dump: %w", ErrDamaged, n+1, err)
		}
		if !p.End {
			if err := fn(p.dumpPair); err != nil {
				return err
			}
			continue
		}
		if p.Pairs != n || p.SHA256 != sum {
			return fmt.Errorf("%w: the dump was changed: %d pairs, its end says %d", ErrDamaged, n, p.Pairs)
		}
		return nil
	}
}

// dumpReader reads lines of bounded length and hashes them.
type dumpReader struct {
	r   *bufio.Reader
	sum hash.Hash
	buf []byte
}

// maxDumpLine has room for the largest value and its key in any spelling.
const maxDumpLine = MaxValue*2 + 8<<10

func (d *dumpReader) next() ([]byte, error) {
	d.buf = d.buf[:0]
	for {
		part, err := d.r.ReadSlice('\n')
		d.buf = append(d.buf, part...)
		switch {
		case err == nil:
			_, _ = d.sum.Write(d.buf) // a hash never fails
			return d.buf, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%w: the dump ends early", ErrDamaged)
			}
			return nil, err
		case len(d.buf) > maxDumpLine:
			return nil, fmt.Errorf("%w: a line of the dump is too long", ErrDamaged)
		}
	}
}
