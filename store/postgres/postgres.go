// Package postgres is the [store.Store] for several replicas over one
// PostgreSQL database. All tables are in one, kv, whose values are jsonb, so
// that an operator can query them.
//
// Transactions are serializable; one that loses against another runs again.
// Writes travel with the next read or with the commit, so that an update costs
// few round trips. The package never takes part in what the database's
// operator decides: it creates its one table, and drops nothing.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"github.com/perch-chat/perch/store"
)

var (
	_ store.Store    = (*Store)(nil)
	_ store.Reporter = (*Store)(nil)
)

// schema creates the table. Keys are bytea and names have the collation "C",
// so that both sort bytewise whatever the database's own collation is.
const schema = `create table if not exists kv (
	tbl text collate "C" not null,
	key bytea not null,
	val jsonb not null,
	primary key (tbl, key))`

// schemaLock is the advisory lock under which the table is created: two
// replicas that start at once would trip over each other.
const schemaLock = 0x7065726368 // "perch"

// minVersion is the oldest PostgreSQL that is tried: what is older gets no more
// fixes, see https://www.postgresql.org/support/versioning/.
const minVersion = 130000

// session is set up on each connection. A commit must be on disk when it is
// answered; a replica that hangs must not hold up the others for ever.
const session = `select set_config('synchronous_commit', 'on', false)
	where current_setting('synchronous_commit') in ('off', 'local');
	set idle_in_transaction_session_timeout = '60s'; set lock_timeout = '30s'`

const (
	maxWriters  = 8  // updates that run side by side
	moreReaders = 8  // connections that only views take
	maxAttempts = 40 // of one update
	aloneFrom   = 3  // the attempt from which on an update runs without its siblings
	maxConnects = 15 // attempts that may fail to connect, such as while the server restarts
	maxBackoff  = 100 * time.Millisecond
	commitWait  = 30 * time.Second
)

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	pool    *pgxpool.Pool
	writers *semaphore.Weighted // an update takes 1, one that must run alone all

	calls store.Calls

	mu    sync.Mutex
	stats store.Stats
}

// Open connects to url, such as postgres://user:password@host/database, and
// creates the table if it is missing. A search_path in url chooses the schema.
func Open(ctx context.Context, url string) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("open postgres store: the URL cannot be read: want postgres://user:password@host:5432/database") // err may hold the password
	}
	cfg.MaxConns = max(cfg.MaxConns, maxWriters+moreReaders)
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "perch"
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.PgConn().Exec(ctx, session).ReadAll()
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open postgres store: %w", err)
	}
	if err := prepare(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open postgres store: %w", err)
	}
	return &Store{pool: pool, writers: semaphore.NewWeighted(maxWriters)}, nil
}

// prepare checks the server and creates the table.
func prepare(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(t pgx.Tx) error {
		var version int
		var encoding string
		err := t.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_encoding')`).Scan(&version, &encoding)
		switch {
		case err != nil:
			return err
		case version < minVersion:
			return fmt.Errorf("the server has version %d: want %d or newer", version/10000, minVersion/10000)
		case encoding != "UTF8":
			return fmt.Errorf("the database has encoding %s: want UTF8", encoding)
		}
		if _, err := t.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(schemaLock)); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, schema); err != nil {
			return fmt.Errorf("create table: %w", err)
		}
		return nil
	})
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.calls.Begin(); err != nil {
		return err
	}
	defer s.calls.End()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	defer conn.Release()
	t := newTx(ctx, conn.Conn(), "begin isolation level repeatable read read only")
	defer t.rollback() //nolint:contextcheck // it must happen when ctx has ended, too
	return fn(&readTx{t})
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.calls.Begin(); err != nil {
		return err
	}
	defer s.calls.End()
	var err error
	for n := 1; n <= maxAttempts; n++ {
		if n > 1 {
			if werr := pause(ctx, n); werr != nil {
				return werr
			}
			s.count(func(st *store.Stats) { st.Retries++ })
		}
		w := &writeTx{}
		var again bool
		again, err = s.attempt(ctx, n, w, fn)
		if err == nil {
			for _, f := range w.onCommit {
				f()
			}
		}
		if !again {
			return err
		}
	}
	return fmt.Errorf("update: %w: gave up after %d attempts: %w", store.ErrBusy, maxAttempts, err)
}

// pause waits before attempt n, longer each time and never as long as another
// that waits for the same.
func pause(ctx context.Context, n int) error {
	d := min(time.Millisecond<<min(n-2, 10), maxBackoff)
	d = d/2 + rand.N(d) //nolint:gosec // spreading, not secrecy
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt runs fn once in a transaction. It reports whether it should be run
// again, which is never the case once the commit may have been done.
func (s *Store) attempt(ctx context.Context, n int, w *writeTx, fn func(store.Tx) error) (again bool, err error) {
	weight := int64(1)
	if n >= aloneFrom {
		weight = maxWriters // so that updates of one process do not fight for ever
	}
	s.count(func(st *store.Stats) { st.Waiting++ })
	err = s.writers.Acquire(ctx, weight)
	s.count(func(st *store.Stats) { st.Waiting-- })
	if err != nil {
		return false, ctx.Err()
	}
	defer s.writers.Release(weight)
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return n < maxConnects && ctx.Err() == nil, fmt.Errorf("update: %w", err)
	}
	defer conn.Release()
	t := newTx(ctx, conn.Conn(), "begin isolation level serializable")
	w.tx = t
	defer t.rollback() //nolint:contextcheck // also when fn panics, or ctx has ended

	err = fn(w)
	t.done = true
	switch {
	case t.err != nil && ctx.Err() == nil && (retryable(t.err) || t.lost()):
		return true, t.err // whatever fn made of it
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, err
	case t.err != nil:
		return false, t.err // fn went on after an error, but the transaction did not
	}
	start := time.Now()
	if err := t.commit(); err != nil { //nolint:contextcheck // it has the context of the transaction
		s.count(func(st *store.Stats) { st.Failures++ })
		return retryable(err) || pgconn.SafeToRetry(err), err
	}
	s.count(func(st *store.Stats) {
		st.Updates++
		st.Commits++
		st.LastBatch, st.LargestBatch = 1, 1
		st.LastCommit = time.Since(start)
	})
	return false, nil
}

// retryable tells the errors after which the same transaction may succeed.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "40001", "40P01", // serialization failure, deadlock
		"55P03": // lock timeout
		return true
	}
	return false
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.calls.Close()
	s.pool.Close() // harmless when repeated
	return nil
}

func (s *Store) count(fn func(*store.Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.stats)
}

// Stats implements [store.Reporter].
func (s *Store) Stats() store.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
