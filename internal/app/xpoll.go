package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

// poller reads each account's messages and mentions from time to time: the net
// under the webhook, whose deliveries X does not promise.
type poller struct {
	*xs
	db    store.Store
	in    *inbox.Inbox
	every time.Duration
	log   *slog.Logger
	kick  chan struct{} // an account was connected: look soon

	mu   sync.Mutex
	last map[string]polled
}

// polled is how the last look at an account went.
type polled struct {
	handle string
	at     time.Time
	err    error
}

// checkpoint is up to where an account was read. It moves only over what is stored.
type checkpoint struct {
	Account string `json:"account"`
	DM      string `json:"dm"`
	Mention string `json:"mention"`

	// A look that was too small for all that was new left off at this page of
	// X; the next one goes on there. Head is the newest it saw.
	Cursor string `json:"cursor,omitempty"`
	Head   string `json:"head,omitempty"`

	// The same for mentions.
	MentionCursor string `json:"mention_cursor,omitempty"`
	MentionHead   string `json:"mention_head,omitempty"`
}

var checkpoints = store.Table[checkpoint]{
	Name: "app_x_checkpoints",
	Key:  func(c checkpoint) []byte { return store.Key(c.Account) },
}

// Limits of one look. X allows 15 reads of messages in 15 minutes.
const (
	pollPages = 5
	pollPage  = 50
	// overlap is read again at each look: X promises no order among what
	// comes in at the same time.
	overlap = 2 * time.Minute
)

func newPoller(x *xs, db store.Store, in *inbox.Inbox, every time.Duration, log *slog.Logger) *poller {
	return &poller{xs: x, db: db, in: in, every: every, log: log, kick: make(chan struct{}, 1), last: map[string]polled{}}
}

func (p *poller) wake() {
	select {
	case p.kick <- struct{}{}:
	default: // it is awake already
	}
}

// run looks at the start, from time to time, and when it is woken, until ctx ends.
func (p *poller) run(ctx context.Context) error {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		p.round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-p.kick:
		}
	}
}

func (p *poller) round(ctx context.Context) {
	var list []accounts.Account
	err := p.db.View(ctx, func(tx store.Tx) (err error) {
		list, err = p.acc.List(tx)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			p.log.ErrorContext(ctx, "poll could not list accounts", "err", err)
		}
		return
	}
	for _, a := range list {
		if a.State != accounts.Connected || ctx.Err() != nil {
			continue
		}
		err := p.look(ctx, a)
		if err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "poll failed", "account", a.ID, "err", err)
		}
		p.mu.Lock()
		p.last[a.ID] = polled{handle: a.Handle, at: time.Now(), err: err}
		p.mu.Unlock()
	}
}

func (p *poller) look(ctx context.Context, a accounts.Account) error {
	var cp checkpoint
	err := p.db.View(ctx, func(tx store.Tx) error {
		got, ok, err := checkpoints.Find(tx, store.Key(a.ID))
		if cp = got; !ok {
			// What was written before Perch was connected is no news.
			start := sinceID(a.ConnectedAt)
			cp = checkpoint{Account: a.ID, DM: start, Mention: start}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	return errors.Join(p.messages(ctx, cp), p.mentions(ctx, cp))
}

func (p *poller) messages(ctx context.Context, cp checkpoint) error {
	var page *xapi.DMPage
	var more bool
	err := p.as(ctx, cp.Account, func(access string) (err error) {
		page, more, _, err = p.x.DMEventsSince(ctx, access, back(cp.DM), pollPages, xapi.DMOptions{Max: pollPage, Token: cp.Cursor})
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("read messages: %w", err), p.forget(ctx, cp, cp.Cursor, err, func(c *checkpoint) { c.Cursor, c.Head = "", "" }))
	}
	var events []xapi.Event
	head := cp.Head
	for _, dm := range page.Events {
		kind := xapi.DMReceived
		if dm.SenderID == cp.Account {
			kind = xapi.DMSent
			dm.RecipientID = otherOf(dm.ConversationID, cp.Account)
		}
		events = append(events, xapi.Event{Kind: kind, Account: cp.Account, ID: dm.ID, UserID: dm.SenderID, At: dm.CreatedAt, DM: &dm, Users: page.Users})
		if xapi.CompareIDs(dm.ID, head) > 0 {
			head = dm.ID
		}
	}
	return p.keep(ctx, events, cp, func(c *checkpoint) {
		if more {
			c.Cursor, c.Head = page.Next, head
			return
		}
		c.Cursor, c.Head = "", ""
		if xapi.CompareIDs(head, c.DM) > 0 {
			c.DM = head
		}
	})
}

// mentions reads the posts that name the account, the newest page first: those
// between two looks may be more than one look reads, and X counts among them
// all that answer a thread in which the account was ever named.
func (p *poller) mentions(ctx context.Context, cp checkpoint) error {
	var events []xapi.Event
	token, head := cp.MentionCursor, cp.MentionHead
	var failed error
	for range pollPages {
		var page *xapi.Posts
		failed = p.as(ctx, cp.Account, func(access string) (err error) {
			page, _, err = p.x.Mentions(ctx, access, cp.Account, xapi.PostsOptions{SinceID: back(cp.Mention), Max: pollPage, Token: token})
			return err
		})
		if failed != nil {
			failed = fmt.Errorf("read mentions: %w", failed)
			break // what was read is kept, and the next look goes on there
		}
		for _, post := range page.Posts {
			if xapi.CompareIDs(post.ID, head) > 0 {
				head = post.ID
			}
			if post.Mentions(cp.Account) { // named by its author, not by a reply's chain
				events = append(events, xapi.Event{Kind: xapi.Mention, Account: cp.Account, ID: post.ID, UserID: post.AuthorID, At: post.CreatedAt, Post: &post})
			}
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if failed != nil && token == cp.MentionCursor {
		return errors.Join(failed, p.forget(ctx, cp, token, failed, func(c *checkpoint) { c.MentionCursor, c.MentionHead = "", "" }))
	}
	slices.SortStableFunc(events, func(a, b xapi.Event) int { return xapi.CompareIDs(a.ID, b.ID) })
	return errors.Join(failed, p.keep(ctx, events, cp, func(c *checkpoint) {
		if token != "" {
			c.MentionCursor, c.MentionHead = token, head
			return
		}
		c.MentionCursor, c.MentionHead = "", ""
		if xapi.CompareIDs(head, c.Mention) > 0 {
			c.Mention = head
		}
	}))
}

// forget has the next look begin anew where X refuses the page at which it was
// to go on: it keeps none for ever.
func (p *poller) forget(ctx context.Context, cp checkpoint, cursor string, err error, again func(*checkpoint)) error {
	if e, ok := errors.AsType[*xapi.Error](err); !ok || cursor == "" || e.Code != xapi.CodeInvalidRequest {
		return nil
	}
	return p.keep(ctx, nil, cp, again)
}

// keep stores events and how far they reach in one transaction.
func (p *poller) keep(ctx context.Context, events []xapi.Event, start checkpoint, move func(*checkpoint)) error {
	its, err := items(events, start.Account)
	if err != nil {
		return err
	}
	err = p.db.Update(ctx, func(tx store.Tx) error {
		cp, ok, err := checkpoints.Find(tx, store.Key(start.Account))
		if err != nil {
			return err
		}
		if !ok {
			cp = start
		}
		was := cp
		move(&cp)
		if _, err := p.in.PutTx(tx, its...); err != nil {
			return err
		}
		if ok && was == cp {
			return nil
		}
		return checkpoints.Put(tx, cp)
	})
	if err != nil {
		return fmt.Errorf("store what was read: %w", err)
	}
	return nil
}

// back is the id from which to read again.
func back(id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return id
	}
	return strconv.FormatInt(max(0, n-int64(overlap/time.Millisecond)<<22), 10)
}

// otherOf is the other party of a conversation of two, "111-222".
func otherOf(conversation, account string) string {
	a, b, ok := strings.Cut(conversation, "-")
	switch {
	case !ok:
		return ""
	case a == account:
		return b
	}
	return a
}

// Lines tell, in short facts, when each account was last read. They implement
// commands.Support.
func (p *poller) Lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, l := range p.last {
		line := fmt.Sprintf("Messages and mentions of @%s were last read at %s.", l.handle, l.at.UTC().Format("15:04 UTC"))
		if l.err != nil {
			line = fmt.Sprintf("⚠ Messages and mentions of @%s could not be read at %s. Perch tries again by itself.", l.handle, l.at.UTC().Format("15:04 UTC"))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}
