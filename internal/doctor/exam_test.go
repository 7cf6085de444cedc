package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

type counts struct {
	in  inbox.Stats
	out outbox.Stats
	err error
}

type inCounts struct{ counts }

func (c inCounts) Stats(context.Context) (inbox.Stats, error) { return c.in, c.err }

type outCounts struct{ counts }

func (c outCounts) Stats(context.Context) (outbox.Stats, error) { return c.out, nil }

// one makes a single check and returns its findings.
func one(d Deps, list []accounts.Account, check func(*exam)) (all []Finding) {
	check(&exam{Deps: d, list: list, note: func(f Finding) { all = append(all, f) }})
	return all
}

func TestWork(t *testing.T) {
	tests := []struct {
		name  string
		c     counts
		state State
		text  string
	}{
		{"nothing", counts{}, OK, "Nothing waits for a person."},
		{"dead letters", counts{in: inbox.Stats{Dead: 2}}, Warn, "2 incoming events"},
		{"stuck", counts{out: outbox.Stats{Stuck: 1}}, Warn, "decide on 1 action."},
		{"old", counts{out: outbox.Stats{Oldest: 3 * time.Hour}}, Warn, "waited to be sent since"},
		{"unreadable", counts{err: errors.New("no disk")}, Fail, "no disk"},
	}
	for _, tt := range tests {
		d := Deps{DB: noStore{}, Inbox: inCounts{tt.c}, Outbox: outCounts{tt.c}}
		got := one(d, nil, func(e *exam) { e.work(t.Context()) })
		if len(got) != 1 || got[0].State != tt.state || !strings.Contains(got[0].Text, tt.text) || (tt.state == OK) != (got[0].Do == "") {
			t.Errorf("%s: %+v, want one %s with %q", tt.name, got, tt.state, tt.text)
		}
	}
}

// noStore is there, and nobody looks into it.
type noStore struct{ store.Store }

func TestPolling(t *testing.T) {
	now := time.Now()
	list := []accounts.Account{{ID: "1", Handle: "larkspur_hq"}}
	tests := []struct {
		name  string
		polls []Poll
		last  time.Time
		state State
		text  string
	}{
		{"fresh", []Poll{{Account: "1", At: now}}, now, OK, "X last delivered at"},
		{"not yet", nil, time.Time{}, OK, "Not read yet since Perch started; X has delivered nothing"},
		{"failed", []Poll{{Account: "1", At: now, Err: errors.New("boom\nmore")}}, now, Warn, ": boom."},
		{"long ago", []Poll{{Account: "1", At: now.Add(-time.Hour)}}, now, Warn, "Perch last read @larkspur_hq at"},
		{"of an account that is known to be ill", []Poll{{Account: "2", Err: errors.New("boom")}}, now, OK, "Not read yet"},
	}
	for _, tt := range tests {
		d := Deps{
			Serving: true, Polls: func() []Poll { return tt.polls }, LastDelivery: func() time.Time { return tt.last },
			Config: config.Default(),
		}
		got := one(d, list, func(e *exam) { e.polling(t.Context()) })
		if len(got) != 1 || got[0].State != tt.state || !strings.Contains(got[0].Text, tt.text) {
			t.Errorf("%s: %+v, want one %s with %q", tt.name, got, tt.state, tt.text)
		}
	}
}

func TestDisk(t *testing.T) {
	tests := []struct {
		n     uint64
		err   error
		state State
		text  string
	}{
		{n: 5 << 30, state: OK, text: "5.0 GiB are free."},
		{n: 500 << 20, state: Warn, text: "500 MiB are left"},
		{n: 5 << 20, state: Fail, text: "Only 5 MiB"},
		{err: errors.ErrUnsupported, state: Skip, text: "does not say"},
	}
	for _, tt := range tests {
		c := config.Default()
		c.Data = t.TempDir()
		got := one(Deps{Config: c, Free: func(string) (uint64, error) { return tt.n, tt.err }}, nil, func(e *exam) { e.disk(t.Context()) })
		if len(got) != 1 || got[0].State != tt.state || !strings.Contains(got[0].Text, tt.text) {
			t.Errorf("%d free: %+v, want one %s with %q", tt.n, got, tt.state, tt.text)
		}
	}
	if n, err := free(t.TempDir()); err == nil && n == 0 {
		t.Error("free() = 0 where files can be written")
	}
}

// TestEmpty has every check made with nothing configured at all.
func TestEmpty(t *testing.T) {
	var got []Finding
	healthy := Run(t.Context(), Deps{
		ConfigErr: config.Problems{{Path: "x.client_id", Message: "is empty"}, {Path: "listen", Message: "is no address"}},
		StoreErr:  store.ErrFailed,
	}, func(f Finding) { got = append(got, f) })
	if healthy || len(got) < 6 {
		t.Errorf("Run() = %t with %d findings; want false and each check's", healthy, len(got))
	}
	for i, text := range []string{"x.client_id: is empty.", "listen: is no address."} {
		if got[i].Text != text || got[i].State != Fail {
			t.Errorf("finding %d = %+v; want the mistake %q", i, got[i], text)
		}
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last Finding
	if Run(ctx, Deps{}, func(f Finding) { last = f }) || last.Check != "all checks" {
		t.Errorf("Run() of an ended context ended with %+v; want a failure", last)
	}
}
