package commands

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// KindHomes is the action that brings the pages up to date that people have
// open. It works on the store alone.
const KindHomes = "commands.homes"

const (
	homeLife  = time.Hour       // how long a page is kept current after it was opened
	homeTick  = time.Minute     // how often it is looked at anyway: time passes, groups change
	homeSoon  = 2 * time.Second // how long changes are gathered
	maxHomes  = 50              // pages kept current at once, the newest
	homeTitle = "The Home tab"
)

// home is a person's page, as it was last shown.
type home struct {
	User   string    `json:"user"`
	Opened time.Time `json:"opened"`
	Sum    string    `json:"sum,omitempty"`
}

var homes = store.Table[home]{
	Name: "commands_homes",
	Key:  func(h home) []byte { return store.Key(h.User) },
	Indexes: []store.Index[home]{
		{Name: "opened", Keys: func(h home) [][]byte { return [][]byte{store.Key(h.Opened)} }},
	},
}

// homesDue is when the pages are brought up to date next, if that is soon.
type homesDue struct {
	At time.Time `json:"at"`
}

var dues = store.Table[homesDue]{
	Name: "commands_homes_due",
	Key:  func(homesDue) []byte { return store.Key("due") },
}

// homeOpened shows a person their page and keeps it current for a while.
func (r *Router) homeOpened(tx store.Tx, u bot.UserRef) error {
	h, known, err := homes.Find(tx, store.Key(string(u)))
	if err != nil {
		return err
	}
	if !known || time.Since(h.Opened) > homeLife {
		if err := r.startHomes(tx); err != nil {
			return err
		}
	}
	h.User, h.Opened, h.Sum = string(u), time.Now().UTC(), ""
	return r.showHomes(tx, h)
}

func (r *Router) showHomes(tx store.Tx, list ...home) error {
	d, err := r.pageData(tx)
	if err != nil {
		return err
	}
	for _, h := range list {
		if err := r.showHome(tx, h, d); err != nil {
			return err
		}
	}
	return nil
}

// showHome shows a person's page, if it says anything new.
func (r *Router) showHome(tx store.Tx, h home, d pageData) error {
	page, err := r.homePage(tx, bot.UserRef(h.User), d)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(page)
	if err != nil {
		return fmt.Errorf("encode a page: %w", err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	if h.Sum == sum {
		return nil
	}
	h.Sum = sum
	if err := homes.Put(tx, h); err != nil {
		return err
	}
	slot := homeSubject + h.User
	return r.add(tx, outbox.Action{
		Kind: bot.KindHome, Key: "commands:home:" + id.New(), Order: slot, Slot: slot, Subject: slot, Brief: true,
	}, bot.Home{User: bot.UserRef(h.User), Page: page})
}

const homeSubject = "home:"

// openHomes are the pages that somebody opened lately, the newest first.
func openHomes(tx store.Tx, most int) ([]home, error) {
	var list []home
	for h, err := range homes.ByRange(tx, "opened", store.Range{Reverse: true, Limit: most}) {
		if err != nil {
			return nil, err
		}
		if time.Since(h.Opened) > homeLife {
			break
		}
		list = append(list, h)
	}
	return list, nil
}

// touchHomes has the open pages brought up to date soon. Many changes are one.
func (r *Router) touchHomes(tx store.Tx) error {
	open, err := openHomes(tx, 1)
	if err != nil || len(open) == 0 {
		return err
	}
	due, _, err := dues.Find(tx, store.Key("due"))
	if err != nil || due.At.After(time.Now()) {
		return err
	}
	if err := dues.Put(tx, homesDue{At: time.Now().Add(homeSoon).UTC()}); err != nil {
		return err
	}
	return r.tickHomes(tx, homeSoon)
}

// startHomes has the open pages brought up to date from time to time. What is
// due soon stays so, and goes on by itself.
func (r *Router) startHomes(tx store.Tx) error {
	due, _, err := dues.Find(tx, store.Key("due"))
	if err != nil || time.Since(due.At) < homeTick {
		return err
	}
	return r.tickHomes(tx, homeTick)
}

func (r *Router) tickHomes(tx store.Tx, in time.Duration) error {
	return r.add(tx, outbox.Action{
		Kind: KindHomes, Key: "commands:homes:" + id.New(), Slot: "commands:homes", Brief: true, NotBefore: time.Now().Add(in),
	}, nil)
}

// refreshHomes brings the open pages up to date, and comes again as long as
// there are any.
func (r *Router) refreshHomes(tx store.Tx) error {
	if err := dues.Delete(tx, store.Key("due")); err != nil {
		return err
	}
	list, err := openHomes(tx, maxHomes)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := r.showHomes(tx, list...); err != nil {
		return err
	}
	return r.tickHomes(tx, homeTick)
}

// HomeKeeper carries out KindHomes. Repeating it changes nothing.
type HomeKeeper struct {
	outbox.Repeatable
	DB     store.Store
	Router *Router
}

var _ outbox.Reconciler = HomeKeeper{}

// Do brings the open pages up to date.
func (k HomeKeeper) Do(ctx context.Context, _ outbox.Action) (outbox.Receipt, error) {
	if err := k.DB.Update(ctx, k.Router.refreshHomes); err != nil {
		return outbox.Receipt{}, later(err)
	}
	return outbox.Receipt{}, nil
}
