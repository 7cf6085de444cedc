//go:build unix

// Package pgtest gives tests a PostgreSQL of their own: a private cluster in a
// temporary folder, reached over a Unix socket there, gone when the test ends
// and also when the test is killed.
//
// It never opens a TCP port, and never touches a cluster that it did not start,
// but for the one named by PERCH_TEST_POSTGRES, in which it makes schemas with
// random names and drops only these.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startWait is how long a cluster may take to answer.
const startWait = time.Minute

// Server is a PostgreSQL for tests.
type Server struct{ base string }

// Start starts a cluster, or takes the one at PERCH_TEST_POSTGRES. Without
// either the test is skipped, or fails if CI=true or PERCH_REQUIRE_POSTGRES=1.
func Start(t testing.TB) *Server {
	t.Helper()
	if base := os.Getenv("PERCH_TEST_POSTGRES"); base != "" {
		return &Server{base: base}
	}
	bin, err := binaries()
	if err != nil {
		if os.Getenv("CI") == "true" || os.Getenv("PERCH_REQUIRE_POSTGRES") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	c := &cluster{bin: bin}
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Error(err)
		}
	})
	if err := c.start(t.Context()); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return &Server{base: "postgres:///postgres?" + url.Values{"host": {c.dir}, "user": {superuser}}.Encode()}
}

// Schema makes an empty schema for one test and returns a URL whose
// connections use it.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	ctx := t.Context()
	admin, err := pgx.Connect(ctx, s.base)
	if err != nil {
		t.Fatal(err)
	}
	schema := "perch_test_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(ctx, `create schema `+schema); err != nil { // fails if it exists
		t.Fatal(errors.Join(err, admin.Close(ctx)))
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx) // the test's own is cancelled by now
		_, err := admin.Exec(ctx, `drop schema `+schema+` cascade`)
		if err := errors.Join(err, admin.Close(ctx)); err != nil {
			t.Errorf("drop the test's schema: %v", err)
		}
	})
	u, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// binaries finds the folder of initdb and postgres. Debian keeps them off PATH.
func binaries() (string, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	dirs = append(dirs, found...)
	dirs = append(dirs, "/usr/pgsql/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql/bin")
	for _, dir := range dirs {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errors.New("no PostgreSQL: initdb and postgres are neither on PATH nor in /usr/lib/postgresql/*/bin; " +
		"install the package postgresql, or set PERCH_TEST_POSTGRES to the URL of a database for tests")
}

func version(bin string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// superuser owns the private cluster.
const superuser = "perch"

// cluster is a private PostgreSQL.
type cluster struct {
	bin, dir string
	cred     *syscall.Credential // PostgreSQL refuses to run as root
	cmd      *exec.Cmd
	leash    io.WriteCloser // when it is closed, the cluster ends
	log      bytes.Buffer
}

// keeper runs the server until its input ends, be it because the test closed
// it or because the test is no more.
const keeper = `"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off \
	-c max_connections=100 -c shared_buffers=32MB -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off </dev/null &
pid=$!
cat >/dev/null
kill -INT $pid
wait $pid
rm -rf "$2"`

func (c *cluster) start(ctx context.Context) error {
	if err := c.makeDir(); err != nil {
		return err
	}
	initdb := c.command(ctx, filepath.Join(c.bin, "initdb"),
		"-D", filepath.Join(c.dir, "data"), "-U", superuser, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	c.cmd = c.command(context.WithoutCancel(ctx), "/bin/sh", "-c", keeper, "sh", c.bin, c.dir)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	leash, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.leash = leash
	return c.wait(ctx)
}

// makeDir makes the cluster's folder: short, because the path of a socket must
// be, and owned by who will run the server.
func (c *cluster) makeDir() (err error) {
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp"
	}
	if c.dir, err = os.MkdirTemp(base, "pg"); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		c.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(c.dir, int(uid), int(gid))
	}
	return errors.New("running as root, which PostgreSQL refuses, and there is no user postgres or nobody to run it as")
}

func (c *cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred, Setpgid: true} // an interrupt at the terminal is for the test
	return cmd
}

// wait asks until the server answers.
func (c *cluster) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, "postgres:///postgres?"+url.Values{"host": {c.dir}, "user": {superuser}}.Encode())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w\n%s", err, c.output())
		case <-tick.C:
		}
	}
}

// output ends the server, so that nobody writes to the log while it is read.
func (c *cluster) output() string {
	return errors.Join(c.stop(), errors.New(c.log.String())).Error()
}

// stop ends the server and removes what it left.
func (c *cluster) stop() error {
	var err error
	if c.leash != nil {
		err = c.leash.Close()
		_ = c.cmd.Wait() // how it ended does not matter
		c.leash = nil
	}
	if c.dir != "" {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}
