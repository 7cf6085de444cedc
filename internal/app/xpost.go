package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

// xPost publishes posts. X has no idempotency key, so each attempt is armed
// with what finds the post again: its parent, and an id that it must be newer than.
type xPost struct {
	xFiles
	db        store.Store
	ob        *outbox.Outbox
	incidents *incident.Service
	ladder    []time.Duration
	url       func(handle, postID string) string
}

var (
	_ outbox.Armer      = xPost{}
	_ outbox.Reconciler = xPost{}
	_ outbox.Patient    = xPost{}
)

// Patience implements outbox.Patient.
func (p xPost) Patience(a outbox.Action) time.Duration {
	var x accounts.XPost
	if json.Unmarshal(a.Payload, &x) != nil {
		return 0
	}
	return filePatience(x.Files)
}

// armed is what was known just before an attempt.
type armed struct {
	Parent string `json:"parent,omitempty"`
	Since  string `json:"since"` // every post of the attempt has a higher id

	// Unsure: an attempt before this one may have had its effect after all.
	Unsure bool `json:"unsure,omitempty"`

	// Media are the files that were brought to X for it; some are of an
	// attempt before, if Reused.
	Media  []broughtMedia `json:"media,omitempty"`
	Reused bool           `json:"reused,omitempty"`
}

// spent turns X's refusal of files that it had taken before into another try,
// which brings them anew: it keeps them for a day.
func (m armed) spent(err error) error {
	e, ok := errors.AsType[*xapi.Error](err)
	if !ok || e.Code != xapi.CodeBadMedia || !m.Reused {
		return err
	}
	return &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
		Code: string(e.Code), Message: "X did not keep the file. Perch brings it again.", Detail: e.Error(),
	}}
}

// arm begins with what the attempts before were armed with: X may show what
// they did only now.
func arm(a outbox.Action) armed {
	now := armed{Since: sinceID(time.Now().Add(-skew))}
	var before armed
	if json.Unmarshal(a.Armed, &before) != nil {
		return now
	}
	now.Media = before.Media // a hold is no attempt, but what was brought is there
	if a.Attempts == 0 || before.Since == "" {
		return now
	}
	now.Since, now.Unsure = before.Since, before.Unsure || a.Lookups > 0
	return now
}

// skew is how far X's clock may be behind ours.
const skew = 2 * time.Minute

// sinceID is the id that X would give to a post at t: ids are milliseconds
// since 2010-11-04 followed by 22 bits, https://docs.x.com/x-api/fundamentals/x-ids
func sinceID(t time.Time) string {
	const epoch = 1288834974657
	return fmt.Sprint(max(0, t.UnixMilli()-epoch) << 22)
}

func (p xPost) Arm(ctx context.Context, a outbox.Action) (json.RawMessage, error) {
	var x accounts.XPost
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return nil, unreadable(err)
	}
	arm := arm(a)
	arm.Parent = x.ReplyTo
	err := p.db.View(ctx, func(tx store.Tx) error {
		switch {
		case x.ReplyTo != "":
			return nil
		case x.ReplyToAction != "":
			before, err := p.ob.Get(tx, x.ReplyToAction)
			if err != nil {
				return err
			}
			var posted accounts.XPosted
			if err := json.Unmarshal(before.Result, &posted); err != nil || posted.ID == "" {
				return rejected("no_parent", "The post before this one is not known. Retry that one first.", err)
			}
			arm.Parent = posted.ID
		case x.Thread != "":
			root, ok, err := p.incidents.ThreadRoot(tx, x.Thread, x.Account)
			if err != nil {
				return err
			}
			if ok {
				arm.Parent = root
			}
		}
		return nil
	})
	if err != nil {
		return nil, notSent(err)
	}
	if len(x.Files) > 0 {
		if arm.Media, arm.Reused, err = p.bring(ctx, a, x.Account, x.Files, arm.Media, false); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(arm)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return raw, nil
}

func (p xPost) read(a outbox.Action) (x accounts.XPost, arm armed, err error) {
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return x, arm, unreadable(err)
	}
	if err := json.Unmarshal(a.Armed, &arm); err != nil {
		return x, arm, unreadable(err)
	}
	return x, arm, nil
}

func (p xPost) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	x, arm, err := p.read(a)
	if err != nil {
		return outbox.Receipt{}, err
	}
	media := slices.Clone(x.MediaIDs)
	for _, m := range arm.Media {
		media = append(media, m.ID)
	}
	var created *xapi.CreatedPost
	var limits xapi.Limits
	err = p.as(ctx, x.Account, func(access string) (err error) {
		created, limits, err = p.x.CreatePost(ctx, access, xapi.Post{Text: x.Text, ReplyTo: arm.Parent, MediaIDs: media})
		return err
	})
	if err != nil {
		return outbox.Receipt{}, p.refused(x.Account, arm, err)
	}
	return p.receipt(ctx, x.Account, created.ID, arm.Parent, time.Now().UTC(), pace(accounts.Lane(x.Account)+":post", limits))
}

// refused is fate, but for a duplicate: after an attempt whose outcome was unknown it most
// likely is that attempt's post, so it is looked for.
func (p xPost) refused(account string, arm armed, err error) error {
	err = arm.spent(err)
	var e *xapi.Error
	if errors.As(err, &e) && e.Code == xapi.CodeDuplicate && arm.Unsure {
		return &outbox.Error{Outcome: outbox.Uncertain, Err: err, Failure: outbox.Failure{
			Code: string(e.Code), Message: "X says it has this post already. Perch is looking for it.", Detail: e.Error(),
		}}
	}
	return p.fate(account, "post", err)
}

func (p xPost) receipt(ctx context.Context, account, postID, parent string, at time.Time, pc []outbox.Pace) (outbox.Receipt, error) {
	handle := "i"
	err := p.db.View(ctx, func(tx store.Tx) error {
		acc, err := p.acc.Get(tx, account)
		if err == nil {
			handle = acc.Handle
		}
		return nil
	})
	if err != nil {
		handle = "i" // x.com/i/status/ID leads there too
	}
	r, err := receipt(accounts.XPosted{ID: postID, URL: p.url(handle, postID), InReplyTo: parent, At: at})
	r.Pace = pc
	return r, err
}

// Reconcile looks among the account's own newest posts.
func (p xPost) Reconcile(ctx context.Context, a outbox.Action) (outbox.Verdict, outbox.Receipt, error) {
	x, arm, err := p.read(a)
	if err != nil {
		return outbox.Absent, outbox.Receipt{}, err
	}
	var page *xapi.Posts
	err = p.as(ctx, x.Account, func(access string) (err error) {
		page, _, err = p.x.UserPosts(ctx, access, x.Account, arm.Since, 20)
		return err
	})
	if err != nil {
		return outbox.Absent, outbox.Receipt{}, fmt.Errorf("read own posts: %w", err)
	}
	for _, post := range page.Posts {
		if post.InReplyToID != arm.Parent || !post.SameText(x.Text) {
			continue
		}
		taken, err := effectTaken(ctx, p.db, "post", post.ID, a.ID)
		if err != nil {
			return outbox.Absent, outbox.Receipt{}, err
		}
		if taken {
			continue // an earlier post of the same text
		}
		r, err := p.receipt(ctx, x.Account, post.ID, arm.Parent, post.CreatedAt, nil)
		return outbox.Found, r, err
	}
	return outbox.Absent, outbox.Receipt{}, nil
}

func (p xPost) Ladder() []time.Duration { return p.ladder }

// xDelete deletes posts. Deleting what is gone is no error, so it may be repeated.
type xDelete struct {
	*xs
	outbox.Repeatable
}

var _ outbox.Reconciler = xDelete{}

func (d xDelete) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	var x accounts.XDelete
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return outbox.Receipt{}, unreadable(err)
	}
	var limits xapi.Limits
	err := d.as(ctx, x.Account, func(access string) (err error) {
		limits, err = d.x.DeletePost(ctx, access, x.PostID)
		return err
	})
	var e *xapi.Error
	if errors.As(err, &e) && e.Code == xapi.CodeNotFound {
		err = nil
	}
	return outbox.Receipt{Pace: pace(accounts.Lane(x.Account)+":delete", limits)}, d.fate(x.Account, "delete", err)
}
