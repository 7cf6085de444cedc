package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perch-chat/perch/store"
)

var (
	_ store.Lister = (*readTx)(nil)
	_ store.Clock  = (*writeTx)(nil)
)

const (
	getSQL = `select val from kv where tbl = $1 and key = $2`
	putSQL = `insert into kv (tbl, key, val) values ($1, $2, $3)
		on conflict (tbl, key) do update set val = excluded.val`
	deleteSQL = `delete from kv where tbl = $1 and key = $2`

	// tablesSQL jumps from one name to the next instead of reading all rows.
	tablesSQL = `with recursive names as (
			(select tbl from kv order by tbl limit 1)
			union all
			select (select tbl from kv where tbl > names.tbl order by tbl limit 1) from names where names.tbl is not null
		) select tbl from names where tbl is not null`
)

const (
	firstPage = 32  // rows; a loop that stops early fetches few
	largePage = 512 // rows
	pageBytes = 8 << 20

	validUpTo    = 64 << 10 // larger values are checked by the server alone
	pendingStops = 500      // writes
	pendingBytes = 1 << 20
)

// tx queues what needs no answer, and sends it with the next that does.
type tx struct {
	ctx   context.Context //nolint:containedctx // a transaction lives inside one call
	conn  *pgx.Conn
	queue *pgx.Batch
	bytes int
	begun bool  // something was sent
	done  bool  // its function has returned
	ended bool  // committed or rolled back
	err   error // the first error of the server; the transaction is lost with it
}

func newTx(ctx context.Context, conn *pgx.Conn, begin string) *tx {
	t := &tx{ctx: ctx, conn: conn, queue: &pgx.Batch{}}
	t.queue.Queue(begin)
	return t
}

// send sends the queue. The answers go to the functions queued with it.
func (t *tx) send(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	b := t.queue
	t.queue, t.bytes, t.begun = &pgx.Batch{}, 0, true
	if err := t.conn.SendBatch(ctx, b).Close(); err != nil {
		t.err = explain(err)
	}
	return t.err
}

// explain says what an operator can do about an error.
func explain(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "53100" || pg.Code == "53200") { // disk full, out of memory
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}

// lost tells if the connection ended with the first error.
func (t *tx) lost() bool {
	var pg *pgconn.PgError
	return t.conn.IsClosed() || errors.As(t.err, &pg) && (pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC")
}

// usable is asked before each call.
func (t *tx) usable() error {
	if t.done {
		return store.ErrTxDone
	}
	return t.err
}

// commit sends what is queued together with the commit. It does not stop when
// the caller's context ends: then nobody would know what became of it.
func (t *tx) commit() error {
	if !t.begun && t.queue.Len() == 1 {
		t.ended = true // nothing was read or written
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitWait)
	defer cancel()
	t.queue.Queue("commit")
	if err := t.send(ctx); err != nil {
		if t.lost() && !pgconn.SafeToRetry(err) {
			return fmt.Errorf("commit: %w: %w", store.ErrUncertain, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	t.ended = true
	return nil
}

// rollback ends a transaction that was not committed. A connection on which
// that fails is not used again: the pool sees that it is not idle.
func (t *tx) rollback() {
	t.done = true
	if t.ended || !t.begun || t.conn.IsClosed() {
		return
	}
	t.ended = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitWait)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "rollback")
}

func (t *tx) get(table string, key []byte) ([]byte, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	var val []byte
	found := false
	t.queue.Queue(getSQL, table, key).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			found = true
			if err := rows.Scan(&val); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err := t.send(t.ctx); err != nil {
		return nil, err
	}
	if !found {
		return nil, store.ErrNotFound
	}
	return val, nil
}

// Get implements [store.Tx].
func (t *tx) Get(table string, key []byte) ([]byte, error) {
	if key == nil {
		key = []byte{} // nil would be NULL
	}
	return t.get(table, key)
}

// Tables implements [store.Lister].
func (t *tx) Tables() (names []string, err error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	t.queue.Queue(tablesSQL).Query(func(rows pgx.Rows) (err error) {
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, t.send(t.ctx)
}

// Now implements [store.Clock]: the server's time, which all replicas share.
func (t *tx) Now() (now time.Time, err error) {
	if err := t.usable(); err != nil {
		return now, err
	}
	t.queue.Queue(`select clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
	return now, t.send(t.ctx)
}

// Scan implements [store.Tx]. It fetches page after page, so that a loop may
// read from the same transaction.
func (t *tx) Scan(table string, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		seen, size := 0, firstPage
		for r := r; ; size = min(4*size, largePage) {
			if r.Limit > 0 {
				size = min(size, r.Limit-seen)
			}
			pairs, all, err := t.page(table, r, size)
			if err != nil {
				yield(store.Pair{}, err)
				return
			}
			var last []byte
			for _, p := range pairs {
				last = bytes.Clone(p.Key) // the loop may change its own
				if !yield(p, nil) {
					return
				}
			}
			seen += len(pairs)
			if all || r.Limit > 0 && seen >= r.Limit {
				return
			}
			if r.Reverse {
				r.To = last
			} else {
				r.From = append(last, 0)
			}
		}
	}
}

// page fetches at most size pairs from the start of the range, and tells if
// these are all of it.
func (t *tx) page(table string, r store.Range, size int) (pairs []store.Pair, all bool, err error) {
	if err := t.usable(); err != nil {
		return nil, false, err
	}
	// The text of the statement, not a NULL in it, leaves a bound out: the
	// planner can use both bounds of the index only when it sees them.
	sql, args := `select key, val from kv where tbl = $1`, []any{table}
	if r.From != nil {
		args = append(args, r.From)
		sql += fmt.Sprintf(` and key >= $%d`, len(args))
	}
	if r.To != nil {
		args = append(args, r.To)
		sql += fmt.Sprintf(` and key < $%d`, len(args))
	}
	sql += ` order by key`
	if r.Reverse {
		sql += ` desc`
	}
	args = append(args, size)
	sql += fmt.Sprintf(` limit $%d`, len(args))
	all = true
	t.queue.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		taken := 0
		for rows.Next() {
			if taken >= pageBytes {
				all = false
				break
			}
			var p store.Pair
			if err := rows.Scan(&p.Key, &p.Val); err != nil {
				return err
			}
			taken += len(p.Val)
			pairs = append(pairs, p)
		}
		rows.Close()
		return rows.Err()
	})
	if err := t.send(t.ctx); err != nil {
		return nil, false, err
	}
	return pairs, all && len(pairs) < size, nil
}

// readTx is the transaction of a View.
type readTx struct{ *tx }

func (*readTx) Put(string, []byte, []byte) error { return store.ErrReadOnly }

func (*readTx) Delete(string, []byte) error { return store.ErrReadOnly }

func (*readTx) OnCommit(func()) {}

// writeTx is the transaction of an Update.
type writeTx struct {
	*tx
	onCommit []func()
}

func (t *writeTx) Put(table string, key, val []byte) error {
	if err := t.usable(); err != nil {
		return err
	}
	if err := store.Check(table, key, val); err != nil {
		return err
	}
	if len(val) <= validUpTo && !json.Valid(val) {
		return fmt.Errorf("store: value of %s is not JSON", table)
	}
	t.queue.Queue(putSQL, table, bytes.Clone(key), json.RawMessage(clean(val)))
	return t.queued(len(key) + len(val))
}

func (t *writeTx) Delete(table string, key []byte) error {
	if err := t.usable(); err != nil {
		return err
	}
	if err := store.Check(table, key, nil); err != nil {
		return err
	}
	t.queue.Queue(deleteSQL, table, bytes.Clone(key))
	return t.queued(len(key))
}

// queued sends a queue that has become long.
func (t *writeTx) queued(size int) error {
	if t.bytes += size; t.bytes < pendingBytes && t.queue.Len() < pendingStops {
		return nil
	}
	return t.send(t.ctx)
}

func (t *writeTx) OnCommit(fn func()) { t.onCommit = append(t.onCommit, fn) }
