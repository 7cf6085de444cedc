package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

// xDM sends direct messages. As with posts, an unknown outcome is looked up in
// the conversation before anything is sent again.
type xDM struct {
	xFiles
	db     store.Store
	ladder []time.Duration
}

var (
	_ outbox.Armer      = xDM{}
	_ outbox.Reconciler = xDM{}
	_ outbox.Patient    = xDM{}
)

// Patience implements outbox.Patient.
func (d xDM) Patience(a outbox.Action) time.Duration {
	var x accounts.XDM
	if json.Unmarshal(a.Payload, &x) != nil || x.File == nil {
		return 0
	}
	return filePatience([]accounts.XFile{*x.File})
}

func (d xDM) Arm(ctx context.Context, a outbox.Action) (json.RawMessage, error) {
	var x accounts.XDM
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return nil, unreadable(err)
	}
	arm := arm(a)
	if x.File != nil {
		var err error
		arm.Media, arm.Reused, err = d.bring(ctx, a, x.Account, []accounts.XFile{*x.File}, arm.Media, true)
		if err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(arm)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return raw, nil
}

func (d xDM) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	var x accounts.XDM
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return outbox.Receipt{}, unreadable(err)
	}
	var arm armed
	if x.File != nil {
		if err := json.Unmarshal(a.Armed, &arm); err != nil || len(arm.Media) != 1 {
			return outbox.Receipt{}, unreadable(err)
		}
	}
	m := xapi.DM{Text: x.Text}
	if len(arm.Media) > 0 {
		m.MediaID = arm.Media[0].ID
	}
	var sent *xapi.SentDM
	var limits xapi.Limits
	err := d.as(ctx, x.Account, func(access string) (err error) {
		sent, limits, err = d.x.SendDM(ctx, access, x.Recipient, m)
		return err
	})
	if err != nil {
		return outbox.Receipt{}, d.fate(x.Account, "dm", arm.spent(err))
	}
	r, err := receipt(accounts.XDMSent{EventID: sent.EventID, ConversationID: sent.ConversationID})
	r.Pace = pace(accounts.Lane(x.Account)+":dm", limits)
	return r, err
}

// Reconcile looks for the message, sent by the account since the attempt
// began, that no other answer is known to be. The oldest one is it: answers to
// one person leave in order.
func (d xDM) Reconcile(ctx context.Context, a outbox.Action) (outbox.Verdict, outbox.Receipt, error) {
	var x accounts.XDM
	var arm armed
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return outbox.Absent, outbox.Receipt{}, fmt.Errorf("decode: %w", err)
	}
	if err := json.Unmarshal(a.Armed, &arm); err != nil {
		return outbox.Absent, outbox.Receipt{}, fmt.Errorf("decode: %w", err)
	}
	events, err := d.since(ctx, x, arm.Since)
	if err != nil {
		return outbox.Absent, outbox.Receipt{}, fmt.Errorf("read the conversation: %w", err)
	}
	for _, ev := range slices.Backward(events) { // they are newest first
		if ev.SenderID != x.Account || xapi.CompareIDs(ev.ID, arm.Since) < 0 || !sameMessage(ev, x) {
			continue
		}
		taken, err := effectTaken(ctx, d.db, "dm", ev.ID, a.ID)
		if err != nil {
			return outbox.Absent, outbox.Receipt{}, err
		}
		if !taken {
			r, err := receipt(accounts.XDMSent{EventID: ev.ID, ConversationID: ev.ConversationID})
			return outbox.Found, r, err
		}
	}
	return outbox.Absent, outbox.Receipt{}, nil
}

// maxLook is how many pages of a conversation one look reads.
const maxLook = 10

// since reads the conversation back to an id. A customer may have written a lot
// since then, and what was not read is not known to be absent.
func (d xDM) since(ctx context.Context, x accounts.XDM, id string) ([]xapi.DMEvent, error) {
	var events []xapi.DMEvent
	o := xapi.DMOptions{Max: 100}
	for range maxLook {
		var page *xapi.DMPage
		err := d.as(ctx, x.Account, func(access string) (err error) {
			page, _, err = d.x.DMEventsWith(ctx, access, x.Recipient, o)
			return err
		})
		if err != nil {
			return nil, err
		}
		events = append(events, page.Events...)
		o.Token = page.Next
		if n := len(page.Events); o.Token == "" || n > 0 && xapi.CompareIDs(page.Events[n-1].ID, id) < 0 {
			return events, nil
		}
	}
	return nil, errors.New("there are too many messages since then")
}

// sameMessage compares a message with what was sent: its words, and whether it
// shows a file. Which one it shows X doesn't promise to say.
func sameMessage(ev xapi.DMEvent, x accounts.XDM) bool {
	return (len(ev.Media) > 0) == (x.File != nil) && sameWords(ev.Text, x.Text)
}

// sameWords compares what was sent with what X shows of it.
func sameWords(a, b string) bool {
	return strings.Join(strings.Fields(html.UnescapeString(a)), " ") == strings.Join(strings.Fields(html.UnescapeString(b)), " ")
}

func (d xDM) Ladder() []time.Duration { return d.ladder }

// effect notes which action a post or message on X came of.
type effect struct {
	What   string `json:"what"` // "post" or "dm"
	ID     string `json:"id"`
	Action string `json:"action"`
}

var effects = store.Table[effect]{
	Name: "app_x_effects",
	Key:  func(e effect) []byte { return store.Key(e.What, e.ID) },
}

// noteEffect is for the outbox's OnChange.
func noteEffect(tx store.Tx, _ outbox.State, a outbox.Action) error {
	if a.State != outbox.Done || len(a.Result) == 0 {
		return nil
	}
	e := effect{Action: a.ID}
	switch a.Kind {
	case accounts.KindPost:
		var r accounts.XPosted
		if err := json.Unmarshal(a.Result, &r); err != nil {
			return fmt.Errorf("result of %s: %w", a.Key, err)
		}
		e.What, e.ID = "post", r.ID
	case accounts.KindDM:
		var r accounts.XDMSent
		if err := json.Unmarshal(a.Result, &r); err != nil {
			return fmt.Errorf("result of %s: %w", a.Key, err)
		}
		e.What, e.ID = "dm", r.EventID
	}
	if e.ID == "" {
		return nil
	}
	return effects.Put(tx, e)
}

func effectTaken(ctx context.Context, db store.Store, what, id, action string) (taken bool, err error) {
	err = db.View(ctx, func(tx store.Tx) error {
		e, ok, err := effects.Find(tx, store.Key(what, id))
		taken = ok && e.Action != action
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look up effect: %w", err)
	}
	return taken, nil
}
