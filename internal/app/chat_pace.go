package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const (
	// quiet begins the lane of one message or page: it is changed at once, a few
	// times in a row, so that whoever presses a button sees what it did; then
	// only once in a while, by the newest change there is by then.
	quiet      = "quiet:"
	quietBurst = 3
	quietEvery = 2 * time.Second
	quietKept  = 5000 // messages and pages whose changes are counted

	chatLane   = "chat:"
	paceReason = "The chat takes only so much at a time. It goes on by itself."

	// shortHold is the shortest time that a lane is held: what is held for less
	// is tried again in circles.
	shortHold = 1050 * time.Millisecond
)

// looker is an executor that can look up what became of an action.
type looker interface {
	outbox.Executor
	outbox.Reconciler
}

// paced keeps the pace of the chats that have one. What may not go yet waits in
// the outbox, in its lane: other lanes go on, and no worker waits.
type paced struct {
	looker
	c *chats
}

var _ outbox.Laner = paced{}

// registerPaced binds a kind to an executor that keeps the chat's pace.
func (c *chats) registerPaced(kind string, ex looker) { c.ob.Register(kind, paced{ex, c}) }

// whereabouts is what a payload says of where its action takes effect, whichever
// kind it is of.
type whereabouts struct {
	Message *struct {
		Channel bot.ChannelRef `json:"channel"`
		Only    bot.UserRef    `json:"only"`
	} `json:"message"`
	Ref      bot.MessageRef `json:"ref"`
	RefOf    string         `json:"ref_of"`
	User     bot.UserRef    `json:"user"`
	Channel  bot.ChannelRef `json:"channel"`
	Group    bot.GroupRef   `json:"group"`
	Thread   bot.MessageRef `json:"thread"`
	Platform string         `json:"platform"`
	On       bool           `json:"on"`
}

func where(a outbox.Action) (w whereabouts, ok bool) {
	err := json.Unmarshal(a.Payload, &w)
	return w, err == nil
}

// Lanes implements outbox.Laner.
func (p paced) Lanes(tx store.Tx, a outbox.Action) ([]string, error) {
	e, ok := where(a)
	if !ok {
		return nil, nil // the executor says what is wrong with it
	}
	var ref, of string
	switch a.Kind {
	case bot.KindPost:
		if e.Message == nil || e.Message.Channel != "" && e.Message.Only != "" {
			return nil, nil // an answer to one person has a way of its own
		}
		ref = first(string(e.Message.Channel), string(e.Message.Only))
	case bot.KindEdit, bot.KindDelete, bot.KindReact, bot.KindPin, bot.KindRead:
		ref = string(e.Ref)
		if e.Ref == "" && e.RefOf != "" {
			known, err := p.posted(tx, e.RefOf)
			if err != nil {
				return nil, err
			}
			ref, of = known, e.RefOf
		}
	default:
		ref = first(string(e.Channel), string(e.Group), string(e.User), string(e.Thread), e.Platform+":")
	}
	name, _, _ := strings.Cut(ref, ":")
	pc, ok := p.c.platforms[name].(bot.Pacer)
	if !ok {
		return nil, nil
	}
	lanes := pc.Lanes(a.Kind, ref, e.On)
	if len(lanes) == 0 {
		return nil, nil
	}
	switch a.Kind {
	case bot.KindEdit:
		lanes = append(lanes, quiet+bot.KindEdit+":"+first(of, ref))
	case bot.KindHome:
		lanes = append(lanes, quiet+bot.KindHome+":"+ref)
	}
	return lanes, nil
}

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// posted is where the message of a chat.post action is, or will be: then it is
// the ref of a channel.
func (p paced) posted(tx store.Tx, key string) (string, error) {
	a, ok, err := p.c.ob.FindKey(tx, key)
	if err != nil || !ok {
		return "", err
	}
	var done bot.PostResult
	if a.State == outbox.Done && json.Unmarshal(a.Result, &done) == nil && done.Ref != "" {
		return string(done.Ref), nil
	}
	var post bot.Post
	if json.Unmarshal(a.Payload, &post) == nil && (post.Message.Channel == "" || post.Message.Only == "") {
		return first(string(post.Message.Channel), string(post.Message.Only)), nil
	}
	return "", nil
}

// Do implements outbox.Executor.
func (p paced) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	r, err := p.looker.Do(ctx, a)
	pace := p.pace(a)
	if err == nil {
		r.Pace = append(r.Pace, pace...)
		r.Pace = append(r.Pace, p.c.changes.rest(a)...)
		return r, nil
	}
	e, ok := errors.AsType[*outbox.Error](err)
	if !ok {
		return r, err
	}
	return r, slower(a, e, pace)
}

// slower has an action that a chat would not take now wait in its lane, which
// costs it no attempt.
func slower(a outbox.Action, e *outbox.Error, pace []outbox.Pace) *outbox.Error {
	slow := *e
	slow.Pace = append(slices.Clip(slow.Pace), pace...)
	if e.Outcome != outbox.Later || e.Hold != nil {
		return &slow
	}
	f := e.Failure
	tells := f.Code == "unreachable" || f.Code == "not_ready"
	if f.Code == "ratelimited" || f.Code == "rate_limited" || tells && !f.RetryAt.IsZero() {
		slow.Hold = hold(a, pace, f)
	}
	return &slow
}

// Reconcile implements outbox.Reconciler.
func (p paced) Reconcile(ctx context.Context, a outbox.Action) (outbox.Verdict, outbox.Receipt, error) {
	v, r, err := p.looker.Reconcile(ctx, a)
	return v, r, chatError(err)
}

// pace is what the chat says of the lanes that an action goes in.
func (p paced) pace(a outbox.Action) []outbox.Pace {
	var all []outbox.Pace
	for _, lane := range a.Lanes {
		rest, ok := strings.CutPrefix(lane, chatLane)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ":")
		pc, ok := p.c.platforms[name].(bot.Pacer)
		if !ok {
			continue
		}
		if n, next := pc.Left(lane); !next.IsZero() {
			all = append(all, outbox.Pace{Lane: lane, Remaining: n, Reset: next, Message: paceReason})
		}
	}
	return all
}

// changes counts how often each message and page was changed of late.
type changes struct {
	mu sync.Mutex
	at map[string]time.Time // when a lane's changes are forgotten
}

// rest is how long what was just changed is left alone.
func (c *changes) rest(a outbox.Action) []outbox.Pace {
	var all []outbox.Pace
	for _, lane := range a.Lanes {
		if !strings.HasPrefix(lane, quiet) {
			continue
		}
		if until := c.count(lane, time.Now()); !until.IsZero() {
			all = append(all, outbox.Pace{Lane: lane, Reset: until, Message: paceReason})
		}
	}
	return all
}

// count notes a change and returns until when no other may follow, if one may not now.
func (c *changes) count(lane string, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[string]time.Time{}
	}
	if len(c.at) >= quietKept {
		maps.DeleteFunc(c.at, func(_ string, over time.Time) bool { return !over.After(now) })
	}
	over := c.at[lane]
	if over.Before(now) {
		over = now
	}
	over = over.Add(quietEvery)
	c.at[lane] = over
	if until := over.Add(-(quietBurst - 1) * quietEvery); until.After(now) {
		return until
	}
	return time.Time{}
}

// hold stops the lane in which the chat takes no more. It costs the action no
// attempt, nil if there is no such lane.
func hold(a outbox.Action, pace []outbox.Pace, f outbox.Failure) *outbox.Hold {
	lane, until := "", f.RetryAt
	for _, p := range pace {
		if p.Remaining == 0 && (lane == "" || p.Reset.After(until)) {
			lane, until = p.Lane, p.Reset
		}
	}
	if i := slices.IndexFunc(a.Lanes, func(l string) bool { return strings.HasPrefix(l, chatLane) }); lane == "" && i >= 0 {
		lane = a.Lanes[i]
	}
	if lane == "" {
		return nil
	}
	if soon := time.Now().Add(shortHold); until.Before(soon) {
		until = soon
	}
	return &outbox.Hold{Lane: lane, Code: f.Code, Message: f.Message, Until: until}
}

// pacedUpload is a chatUpload that keeps the chat's pace too.
type pacedUpload struct{ chatUpload }

var _ outbox.Laner = pacedUpload{}

func (u pacedUpload) paced() paced { return paced{u.chatUpload, u.c} }

// Lanes implements outbox.Laner.
func (u pacedUpload) Lanes(tx store.Tx, a outbox.Action) ([]string, error) {
	return u.paced().Lanes(tx, a)
}

// Arm implements outbox.Armer: the first of two steps keeps the pace too.
func (u pacedUpload) Arm(ctx context.Context, a outbox.Action) (json.RawMessage, error) {
	raw, err := u.chatUpload.Arm(ctx, a)
	if e, ok := errors.AsType[*outbox.Error](err); ok {
		return nil, slower(a, e, u.paced().pace(a))
	}
	return raw, err
}

// Do implements outbox.Executor.
func (u pacedUpload) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	return u.paced().Do(ctx, a)
}
