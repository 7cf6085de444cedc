//go:build unix

package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
	"github.com/perch-chat/perch/store/postgres"
	"github.com/perch-chat/perch/store/postgres/pgtest"
	"github.com/perch-chat/perch/store/storetest"
)

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	server := pgtest.Start(t)
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, server.Schema(t)) })
	t.Run("FromBolt", func(t *testing.T) {
		storetest.Move(t, openBolt(t), open(t, server.Schema(t)))
	})
	t.Run("ToBolt", func(t *testing.T) {
		storetest.Move(t, open(t, server.Schema(t)), openBolt(t))
	})
	t.Run("Replicas", func(t *testing.T) { testReplicas(t, server.Schema(t)) })
	t.Run("ConnectionsLost", func(t *testing.T) { testConnectionsLost(t, server.Schema(t)) })
	t.Run("OpenAtOnce", func(t *testing.T) { testOpenAtOnce(t, server.Schema(t)) })
	t.Run("Queryable", func(t *testing.T) { testQueryable(t, server.Schema(t)) })
}

func openBolt(t *testing.T) store.Store {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCrash(t *testing.T) {
	storetest.RunCrash(t, storetest.Crash{
		Place: func(t *testing.T) string { return pgtest.Start(t).Schema(t) },
		Open:  func(url string) (store.Store, error) { return postgres.Open(context.WithoutCancel(t.Context()), url) },
	})
}

func increment(tx store.Tx) error {
	n := 0
	v, err := tx.Get("t", []byte("n"))
	if err == nil {
		err = json.Unmarshal(v, &n)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.Put("t", []byte("n"), fmt.Append(nil, n+1))
}

func counted(t *testing.T, s store.Store) string {
	t.Helper()
	var v []byte
	if err := s.View(t.Context(), func(tx store.Tx) (err error) {
		v, err = tx.Get("t", []byte("n"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// Replicas that fight for one record lose no update, and must have met.
func testReplicas(t *testing.T, url string) {
	const replicas, workers, each = 3, 3, 15
	var wg sync.WaitGroup
	var retries int64
	stores := make([]*postgres.Store, replicas)
	for i := range stores {
		stores[i] = open(t, url)
		for range workers {
			wg.Go(func() {
				for range each {
					if err := stores[i].Update(t.Context(), increment); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	for _, s := range stores {
		retries += s.Stats().Retries
	}
	if got, want := counted(t, stores[0]), fmt.Sprint(replicas*workers*each); got != want {
		t.Errorf("n = %s, want %s", got, want)
	}
	if retries == 0 {
		t.Error("no update was run again: the replicas never met, so the test shows nothing")
	}
}

// A server that drops connections costs retries, and neither loses an update
// nor makes one twice. A commit whose answer was lost is the one exception: its
// error says so.
func testConnectionsLost(t *testing.T, url string) {
	s := open(t, url+"&application_name="+t.Name())
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var kills atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				tag, err := admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity
					where pid <> pg_backend_pid() and application_name = $1`, t.Name())
				if err != nil {
					t.Error(err)
					return
				}
				kills.Add(tag.RowsAffected())
			}
		}
	}()
	kept, unknown := 0, 0
	for kills.Load() < 20 && !t.Failed() {
		switch err := s.Update(t.Context(), increment); {
		case err == nil:
			kept++
		case errors.Is(err, store.ErrUncertain):
			unknown++
		default:
			t.Errorf("Update = %v, want it run again", err)
		}
	}
	close(stop)
	<-stopped
	if err := admin.Close(t.Context()); err != nil {
		t.Error(err)
	}
	var n int
	if _, err := fmt.Sscan(counted(t, open(t, url)), &n); err != nil {
		t.Fatal(err)
	}
	if n < kept || n > kept+unknown {
		t.Errorf("n = %d, want %d to %d", n, kept, kept+unknown)
	}
	if s.Stats().Retries == 0 {
		t.Error("no update was run again: no connection was lost in use, so the test shows nothing")
	}
	t.Logf("%d kept, %d unknown, %d run again", kept, unknown, s.Stats().Retries)
}

func testOpenAtOnce(t *testing.T, url string) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// An operator can query what is stored.
func testQueryable(t *testing.T, url string) {
	s := open(t, url)
	type rec struct {
		ID   string `json:"id"`
		City string `json:"city"`
	}
	tab := store.Table[rec]{Name: "place", Key: func(r rec) []byte { return store.Key(r.ID) }}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tab.Put(tx, rec{"a", "Zürich"}) }); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context()) //nolint:errcheck // the test is over
	var city string
	if err := c.QueryRow(t.Context(), `select val->'r'->>'city' from kv where tbl = 'place'`).Scan(&city); err != nil || city != "Zürich" {
		t.Errorf("city = %q, %v", city, err)
	}
}

// The password of a URL must not come out again in an error.
func TestOpenHidesPassword(t *testing.T) {
	const secret = "s3cr3t-canary"
	for _, url := range []string{
		"postgres://u:" + secret + "@127.0.0.1:1/db?connect_timeout=1",
		"postgres://u:" + secret + "@127.0.0.1:port/db",
		"postgres://u:" + secret + "@[::1/db",
		"host=127.0.0.1 port=x password=" + secret,
		secret,
	} {
		s, err := postgres.Open(t.Context(), url)
		if err == nil {
			t.Errorf("Open succeeded: %v", s.Close())
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
