package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/commands"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Examine makes the doctor's checks. A running Perch that has the store to
// itself makes them itself, so that two processes never renew tokens; else this
// one does. configErr is what loading the configuration returned. It reports
// whether nothing failed.
func Examine(ctx context.Context, c config.Config, configErr error, version string, found func(doctor.Finding)) (bool, error) {
	if c.Store.Driver == "bolt" {
		healthy, err := NewControl(c).Examine(ctx, configErr, found)
		if !errors.Is(err, ErrNotRunning) {
			return healthy, err
		}
	}
	d := doctor.Deps{Config: c, ConfigErr: configErr, Tables: Tables(), X: NewX(c, version), Events: wanted(false), ServedIn: servedIn}
	if c.Chat.Slack.BotToken != "" && c.Chat.Slack.ClientID == "" {
		// The installations of several workspaces are known to the Perch that serves.
		if s, _, err := slackChat(c.Chat.Slack, slog.New(slog.DiscardHandler)); err == nil {
			d.Chats = examineChats(c, []bot.Platform{s})
		}
	}
	if c.Chat.RocketChat.URL != "" {
		if rc, _, err := rocketChat(c, slog.New(slog.DiscardHandler)); err == nil {
			chats := []bot.Platform{rc}
			slacks := d.Chats
			d.Served = servedBy(chats)
			d.Chats = func(ctx context.Context) (out []doctor.Finding) {
				if slacks != nil {
					out = slacks(ctx)
				}
				return append(append(out, examineChats(c, chats)(ctx)...), examineServed(ctx, chats, d.DB, settled(c))...)
			}
		}
	}
	d.DB, d.StoreErr = existingStore(ctx, c)
	if d.DB == nil {
		return doctor.Run(ctx, d, found), nil
	}
	ob := outbox.New(d.DB, outbox.Options{Exclusive: c.Store.Driver == "bolt"})
	sealer, err := NewSealer(c)
	if err != nil {
		d.KeyErr = err
	} else {
		d.Accounts = accounts.New(d.DB, ob, sealer, accounts.Options{PublicURL: c.PublicURL, Authorizer: authorizer{d.X}})
	}
	d.Outbox, d.Inbox = ob, inbox.New(d.DB, inbox.Options{})
	seen := desk.New(ob, desk.Options{Roles: newRoles(c)})
	d.OnDuty, d.Shut = onDuty(seen), seen.Shut
	d.Troubles = commands.Troubles
	healthy := doctor.Run(ctx, d, found)
	return healthy, d.DB.Close()
}

// existingStore opens the store, but makes none where there is none.
func existingStore(ctx context.Context, c config.Config) (store.Store, error) {
	if c.Store.Driver == "postgres" {
		if c.Store.PostgresURL == "" {
			return nil, errors.New("store.postgres_url is empty")
		}
	} else if _, err := os.Stat(StoreFile(c)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, which is no error before the first start
	}
	db, err := OpenStore(ctx, c)
	if err != nil {
		return nil, err // never a nil driver in an interface
	}
	return db, nil
}

// onDuty counts who is on duty.
func onDuty(d *desk.Desk) func(tx store.Tx) ([]doctor.Department, error) {
	return func(tx store.Tx) ([]doctor.Department, error) {
		deps, err := d.Departments(tx)
		if err != nil {
			return nil, err
		}
		out := make([]doctor.Department, 0, len(deps))
		for _, dep := range deps {
			if servedIn(string(dep.Channel)) {
				continue // who is there is for the chat to say
			}
			who, err := d.Who(tx, dep.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, doctor.Department{Name: dep.Name, OnDuty: len(who)})
		}
		return out, nil
	}
}

// serveDoctor makes the checks inside the process that serves, and sends each
// finding as it is made, a JSON document a line.
func (a *App) serveDoctor(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	doctor.Run(r.Context(), doctor.Deps{
		Config: a.o.Config, ServedIn: servedIn, Served: servedBy(a.o.Platforms), DB: a.DB, Tables: Tables(), Accounts: a.Accounts, Outbox: a.Outbox, Inbox: a.Inbox, OnDuty: onDuty(a.Desk), Shut: a.Desk.Shut, Troubles: commands.Troubles,
		X: a.X, Events: wanted(false), Serving: true, Polls: a.polls, LastDelivery: a.lastDelivery, Chats: func(ctx context.Context) []doctor.Finding {
			return append(examineChats(a.o.Config, a.o.Platforms)(ctx), examineServed(ctx, a.o.Platforms, a.DB, a.Desk)...)
		},
	}, func(f doctor.Finding) {
		_ = enc.Encode(f) // the client may be gone
		_ = flush.Flush()
	})
	_ = enc.Encode(doctor.Finding{Check: allDone}) // what was cut must not look whole
}

// allDone is the name of no check: it ends the list.
const allDone = "(end)"

func (a *App) polls() []doctor.Poll {
	a.poll.mu.Lock()
	defer a.poll.mu.Unlock()
	var out []doctor.Poll
	for account, l := range a.poll.last {
		out = append(out, doctor.Poll{Account: account, At: l.at, Err: l.err})
	}
	return out
}

// lastDelivery is when X delivered last, signed and readable; zero if it did
// not since the start.
func (a *App) lastDelivery() time.Time {
	if n := a.delivered.Load(); n != 0 {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

// Status is what a running Perch tells of itself.
type Status struct {
	Version      string       `json:"version"`
	Ready        bool         `json:"ready"`
	Accounts     []PollStatus `json:"accounts,omitempty"`
	LastDelivery time.Time    `json:"last_delivery,omitzero"` // of X, since the start
	Inbox        int          `json:"inbox"`                  // items that wait
	Dead         int          `json:"dead"`                   // items put aside
	Stuck        int          `json:"stuck"`                  // actions a person has to decide on
	Oldest       string       `json:"oldest,omitempty"`       // how long the oldest action has waited
}

// PollStatus is when an account was last read.
type PollStatus struct {
	Account string    `json:"account"`
	At      time.Time `json:"at"`
	Error   string    `json:"error,omitempty"`
}

func (a *App) serveStatus(w http.ResponseWriter, r *http.Request) {
	s := Status{Version: a.o.Version, Ready: a.health.ready.Load(), LastDelivery: a.lastDelivery()}
	for _, p := range a.polls() {
		ps := PollStatus{Account: p.Account, At: p.At.UTC()}
		if p.Err != nil {
			ps.Error = p.Err.Error()
		}
		s.Accounts = append(s.Accounts, ps)
	}
	in, err := a.Inbox.Stats(r.Context())
	if err == nil {
		var out outbox.Stats
		if out, err = a.Outbox.Stats(r.Context()); err == nil {
			s.Stuck = out.Stuck
			if out.Oldest > 0 {
				s.Oldest = out.Oldest.Round(time.Second).String()
			}
		}
		s.Inbox, s.Dead = in.Depth, in.Dead
	}
	if err != nil {
		a.log.ErrorContext(r.Context(), "status failed", "err", err)
		http.Error(w, "the store does not answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // the client may be gone
}
