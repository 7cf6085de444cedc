package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/sandbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

// standIn is the sandbox's X on a port of its own, as X is another host.
type standIn struct {
	server *xfake.Server
	url    string
	http   *http.Server
	file   string
	log    *slog.Logger

	changed chan struct{}
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func startX(ctx context.Context, data string, log *slog.Logger) (*standIn, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the stand-in of X: %w", err)
	}
	s := &standIn{url: "http://" + ln.Addr().String(), file: filepath.Join(data, "x.json"), log: log, changed: make(chan struct{}, 1)}
	s.server = xfake.New(xfake.Options{
		ClientID: xClientID, ClientSecret: xClientSecret, ConsumerKey: xConsumerKey, ConsumerSecret: xConsumerSecret, Bearer: xBearer,
		PublicURL: s.url, AllowHTTPWebhooks: true, Log: log.With("part", "x-stand-in"),
	})
	if err := s.restore(); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	for _, u := range append([]xfake.User{demoAccount}, demoPeople...) {
		if _, known := s.server.User(u.ID); !known {
			s.server.AddUser(u)
		}
	}
	s.server.OnChange(func() {
		select {
		case s.changed <- struct{}{}:
		default: // a save is due already
		}
	})
	s.http = &http.Server{Handler: s.server.Handler(), ReadHeaderTimeout: 10 * time.Second}
	saving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.wg.Go(func() { _ = s.http.Serve(ln) }) // ends with Shutdown
	s.wg.Go(func() { s.keep(saving) })
	return s, nil
}

func (s *standIn) restore() error {
	b, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the stand-in of X: %w", err)
	}
	if err := s.server.Restore(b); err != nil {
		return fmt.Errorf("read the stand-in of X from %s (delete the sandbox's data to start anew): %w", s.file, err)
	}
	return nil
}

// keep saves what changed, soon after it did.
func (s *standIn) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
			s.save()
		}
	}
}

func (s *standIn) save() {
	b, err := s.server.Snapshot()
	if err == nil {
		tmp := s.file + ".new"
		if err = os.WriteFile(tmp, b, 0o600); err == nil {
			err = os.Rename(tmp, s.file)
		}
	}
	if err != nil {
		s.log.Error("the stand-in of X could not be saved", "err", err)
	}
}

func (s *standIn) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := s.server.Close(ctx)
	// A connection that was opened ahead and never used counts as busy for
	// seconds. Whoever would use it has ended.
	soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if down := s.http.Shutdown(soon); errors.Is(down, context.DeadlineExceeded) {
		err = errors.Join(err, s.http.Close())
	} else {
		err = errors.Join(err, down)
	}
	s.cancel()
	s.wg.Wait()
	s.save()
	return err
}

// xControl is what the page can do to the stand-in.
type xControl struct {
	x       *xfake.Server
	account xfake.User
}

var _ sandbox.XControl = (*xControl)(nil)

// State implements sandbox.XControl.
func (c *xControl) State(context.Context) (sandbox.XState, error) {
	s := sandbox.XState{Account: profile(c.account), Faults: c.faults()}
	users := c.x.Users()
	for _, u := range users {
		for _, p := range c.x.Posts(u.ID) {
			if p.Deleted {
				continue
			}
			s.Posts = append(s.Posts, sandbox.XPost{
				ID: p.ID, Author: profile(u), Text: p.Text, At: p.At, ReplyTo: p.InReplyTo, Files: c.shown(p.MediaIDs),
			})
		}
		if u.ID == c.account.ID {
			continue
		}
		cust := sandbox.XCustomer{XProfile: profile(u)}
		for _, m := range c.x.DMs(u.ID, c.account.ID) {
			cust.Messages = append(cust.Messages, sandbox.XMessage{
				ID: m.ID, Mine: m.From == u.ID, Text: m.Text, At: m.At, Files: c.shown(m.MediaIDs),
			})
		}
		s.Customers = append(s.Customers, cust)
	}
	slices.SortStableFunc(s.Posts, func(a, b sandbox.XPost) int { return a.At.Compare(b.At) })
	const shown = 40
	calls := c.x.Calls()
	for _, call := range calls[max(0, len(calls)-shown):] {
		s.Calls = append(s.Calls, sandbox.XCall{At: call.At, Call: call.Method + " " + call.Path, Status: call.Status})
	}
	return s, nil
}

func profile(u xfake.User) sandbox.XProfile {
	return sandbox.XProfile{ID: u.ID, Handle: u.Handle, Name: u.Name}
}

// shown are the files of a post or a message.
func (c *xControl) shown(ids []string) (out []sandbox.XFile) {
	for _, id := range ids {
		f, ok := c.x.Media(id)
		if !ok {
			continue
		}
		show, _, _ := strings.Cut(f.Type, "/")
		out = append(out, sandbox.XFile{URL: sandbox.MediaURL(id), Name: f.Name, Show: show, Size: int64(len(f.Data))})
	}
	return out
}

// Media implements sandbox.XControl.
func (c *xControl) Media(_ context.Context, id string) (sandbox.XMedia, bool) {
	f, ok := c.x.Media(id)
	return sandbox.XMedia{Name: f.Name, Type: f.Type, Data: f.Data}, ok
}

// SendDM implements sandbox.XControl. X's own apps take pictures and videos,
// and one of them a message.
func (c *xControl) SendDM(_ context.Context, customer, text string, attached ...webchat.Attach) error {
	if len(attached) > 1 {
		return &sandbox.Refusal{Message: "X takes one picture or video a message."}
	}
	var files []xfake.File
	for _, f := range attached {
		typ := sniff(f.Data[:min(sniffed, len(f.Data))])
		if typ == "" {
			return &sandbox.Refusal{Message: "X takes pictures and videos only."}
		}
		files = append(files, xfake.File{Type: typ, Data: f.Data})
	}
	_, err := c.x.SendDMAs(customer, c.account.ID, text, files...) //nolint:contextcheck // the stand-in delivers by itself
	return refusal(err)
}

// Mention implements sandbox.XControl.
func (c *xControl) Mention(_ context.Context, customer, text string) error {
	_, err := c.x.MentionAs(customer, text) //nolint:contextcheck // the stand-in delivers by itself
	return refusal(err)
}

func refusal(err error) error {
	if err == nil {
		return nil
	}
	return &sandbox.Refusal{Message: "X did not take this: " + err.Error()}
}

const revoked = "revoked"

// orders are the faults behind the page's switches.
func orders() map[string][]xfake.Fault {
	wait := http.Header{"Retry-After": {"10"}}
	writes := []string{"/2/tweets", "/2/dm_conversations/**"}
	var limited, lost, down []xfake.Fault
	for _, path := range writes {
		limited = append(limited, xfake.Fault{
			Name: "rate_limit", Method: http.MethodPost, Path: path, Status: http.StatusTooManyRequests, Header: wait,
			Body: `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`,
		})
		lost = append(lost, xfake.Fault{Name: "lost_answer", Method: http.MethodPost, Path: path, Drop: xfake.DropAfter})
	}
	down = append(down, xfake.Fault{Name: "server_error", Path: "/2/**", Status: http.StatusServiceUnavailable})
	return map[string][]xfake.Fault{"rate_limit": limited, "lost_answer": lost, "server_error": down}
}

// SetFault implements sandbox.XControl.
func (c *xControl) SetFault(_ context.Context, name string, on bool) error {
	switch name {
	case "no_credits":
		c.x.SetCredits(!on)
		return nil
	case revoked:
		if !on {
			return &sandbox.Refusal{Message: "Only the account can give its permission again: press Reconnect in #setup."}
		}
		if !c.x.Connected(c.account.ID) {
			return &sandbox.Refusal{Message: "The account is not connected, so there is nothing to take back."}
		}
		return refusal(c.x.RevokeUser(c.account.ID)) //nolint:contextcheck // the stand-in delivers by itself
	}
	faults, ok := orders()[name]
	if !ok {
		return &sandbox.Refusal{Message: "There is no such switch."}
	}
	c.x.ClearFaults(name)
	if on {
		for _, f := range faults {
			c.x.AddFault(f)
		}
	}
	return nil
}

func (c *xControl) faults() []string {
	var on []string
	if !c.x.Credits() {
		on = append(on, "no_credits")
	}
	for _, f := range c.x.Faults() {
		if !slices.Contains(on, f.Name) {
			on = append(on, f.Name)
		}
	}
	return on
}

// tour looks how far a newcomer came.
type tour struct {
	a *App
	x *xfake.Server
}

func (t *tour) look(ctx context.Context) (sandbox.Tour, error) {
	var out sandbox.Tour
	err := t.a.DB.View(ctx, func(tx store.Tx) error {
		list, err := t.a.Accounts.List(tx)
		if err != nil {
			return err
		}
		out.Connected = slices.ContainsFunc(list, func(a accounts.Account) bool { return a.State == accounts.Connected })
		_, total, err := t.a.Incidents.List(tx, incident.Filter{}, incident.Page{Size: 1})
		if err != nil {
			return err
		}
		out.Incident = total > 0
		return t.conversations(tx, &out)
	})
	if err != nil {
		return out, fmt.Errorf("look at the tour: %w", err)
	}
	out.Posted = len(t.x.Posts(demoAccount.ID)) > 0
	return out, nil
}

func (t *tour) conversations(tx store.Tx, out *sandbox.Tour) error {
	for _, state := range []desk.State{desk.Queued, desk.Claimed, desk.Waiting, desk.Snoozed, desk.Closed} {
		convs, err := t.a.Desk.List(tx, state, 20)
		if err != nil {
			return err
		}
		for _, c := range convs {
			msgs, err := t.a.Desk.Messages(tx, c.ID)
			if err != nil {
				return err
			}
			for _, m := range msgs {
				out.Wrote = out.Wrote || m.Origin == desk.Customer
				out.Answered = out.Answered || m.Origin == desk.Agent && m.Delivery == desk.Sent
			}
		}
	}
	return nil
}
