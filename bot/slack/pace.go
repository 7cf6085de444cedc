package slack

import (
	"math"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// See https://docs.slack.dev/apis/web-api/rate-limits
const (
	methodPost = "chat.postMessage"

	// A channel takes one post a second and short bursts. Clocks and networks
	// jitter, so it is a little less.
	postRate  = 0.95
	postBurst = 3

	// Of what a tier allows a minute, this much may go at once; the rest is
	// spread, so that no minute has more than all of it.
	tierBurst = 0.3

	paceKept = 10 * time.Minute // how long a limit that was heard of is kept to
	maxPaces = 5000             // channels and methods that are remembered
)

// tier is how many calls of a method Slack takes a minute, 0 where it says
// nothing or where a call can't wait, since what it answers ends in seconds.
func tier(method string) float64 {
	switch method {
	case "chat.postEphemeral", "views.publish", "users.info", "files.getUploadURLExternal", "files.completeUploadExternal", "files.info":
		return 100
	case "chat.update", "chat.delete", "reactions.add", "conversations.history", "conversations.replies", "conversations.info",
		"conversations.join", "conversations.invite", "conversations.open", "files.delete":
		return 50
	case "reactions.remove", "pins.add", "pins.remove", "usergroups.users.list", "users.list", "conversations.list", "conversations.create",
		"conversations.archive", "conversations.setPurpose", "conversations.setTopic":
		return 20
	}
	return 0
}

// pacer keeps to Slack's limits: one bucket a method, and one a channel for
// posts. What exceeds a limit is refused at once, so that nobody waits who
// could do something else. Limits that Slack publishes are kept from the
// start; where they are unknown, one is kept once it was heard of.
type pacer struct {
	known bool

	mu sync.Mutex
	at map[string]*bucket
}

// bucket is what is left of one limit.
type bucket struct {
	rate, burst float64 // calls a second, and at once
	level       float64
	when        time.Time // when level was so
	until       time.Time // Slack said: not before
	heard       time.Time // when Slack last said so
}

// key is the limit that a call counts towards, "" if there is none.
func key(method, channel string) string {
	switch {
	case method == methodPost:
		return methodPost + ":" + channel
	case tier(method) > 0:
		return method
	}
	return ""
}

func newBucket(key string, now time.Time) *bucket {
	if strings.HasPrefix(key, methodPost+":") {
		return &bucket{rate: postRate, burst: postBurst, level: postBurst, when: now}
	}
	n := tier(key)
	return &bucket{rate: n * (1 - tierBurst) / 60, burst: n * tierBurst, level: n * tierBurst, when: now}
}

// next is when the limit takes another call; now if it does.
func (b *bucket) next(now time.Time) time.Time {
	if now.After(b.when) {
		b.level = min(b.burst, b.level+b.rate*now.Sub(b.when).Seconds())
		b.when = now
	}
	at := now
	if b.level < 1 {
		at = b.when.Add(time.Duration((1 - b.level) / b.rate * float64(time.Second)))
	}
	if b.until.After(at) {
		at = b.until
	}
	return at
}

// bucket finds the bucket of a limit. The lock is held.
func (p *pacer) bucket(key string, now time.Time) *bucket {
	b := p.at[key]
	switch {
	case b == nil && p.known:
		b = p.put(key, newBucket(key, now), now)
	case b != nil && !p.known && now.Sub(b.heard) > paceKept:
		delete(p.at, key)
		b = nil
	}
	return b
}

func (p *pacer) put(key string, b *bucket, now time.Time) *bucket {
	if p.at == nil {
		p.at = map[string]*bucket{}
	}
	if len(p.at) >= maxPaces {
		for k, old := range p.at {
			if !old.next(now).After(now) && old.level >= old.burst {
				delete(p.at, k) // as good as new
			}
		}
		if len(p.at) >= maxPaces {
			clear(p.at) // Slack speaks up where that was wrong
		}
	}
	p.at[key] = b
	return b
}

// take counts a call. Its error is a *bot.Error: the call is not to be made now.
func (p *pacer) take(method string, args url.Values) error {
	k := key(method, args.Get("channel"))
	if k == "" {
		return nil
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bucket(k, now)
	if b == nil {
		return nil
	}
	if at := b.next(now); at.After(now) {
		return slower(int(math.Ceil(at.Sub(now).Seconds())))
	}
	b.level--
	return nil
}

// heard takes note of what Slack said of its limits.
func (p *pacer) heard(method string, args url.Values, err error) {
	k := key(method, args.Get("channel"))
	after, ok := asked(err)
	if k == "" || !ok {
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bucket(k, now)
	if b == nil {
		b = p.put(k, newBucket(k, now), now)
	}
	b.heard = now
	if until := now.Add(after); until.After(b.until) {
		b.until = until
	}
	// Then one call is right, and more only as fast as documented.
	b.level, b.when = 1, b.until
}

// Lanes names the queues of Slack's limits, and before them that of all that
// goes to the workspace. See [bot.Pacer].
func (a *Adapter) Lanes(kind, ref string, on bool) []string {
	var channel, method string
	switch kind {
	case bot.KindPost:
		id, ok := a.refs.channelID(bot.ChannelRef(ref))
		if !ok {
			id, ok = a.refs.userID(bot.UserRef(ref))
		}
		if !ok {
			return nil
		}
		channel, method = id, methodPost
	case bot.KindReact:
		method = "reactions.remove"
		if on {
			method = "reactions.add"
		}
	case bot.KindPin:
		method = "pins.remove"
		if on {
			method = "pins.add"
		}
	default:
		method = methodOf(kind)
	}
	if at, ok := a.refs.messageID(bot.MessageRef(ref)); ok && at.only || method == "" {
		return nil // by response_url, which has no limit but its own
	}
	return []string{Lane(a.refs.team), a.lanePrefix() + key(method, channel)}
}

func methodOf(kind string) string {
	switch kind {
	case bot.KindEdit:
		return "chat.update"
	case bot.KindDelete:
		return "chat.delete"
	case bot.KindChannel:
		return "conversations.create"
	case bot.KindHome:
		return "views.publish"
	case bot.KindRead, bot.KindHistory:
		return "conversations.replies"
	case bot.KindMembers:
		return "usergroups.users.list"
	case bot.KindPerson:
		return "users.info"
	case bot.KindInspect:
		return "conversations.info"
	case bot.KindInvite:
		return "conversations.invite"
	case bot.KindArchive:
		return "conversations.archive"
	case bot.KindTopic:
		return "conversations.setTopic"
	case bot.KindUpload:
		return "files.completeUploadExternal"
	}
	return ""
}

func (a *Adapter) lanePrefix() string { return "chat:" + a.refs.prefix() }

// Left says how much of a limit is left. See [bot.Pacer].
func (a *Adapter) Left(lane string) (int, time.Time) {
	k, ok := strings.CutPrefix(lane, a.lanePrefix())
	if !ok {
		return 0, time.Time{}
	}
	p := a.web.pace
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.at[k]
	if b == nil || !p.known && now.Sub(b.heard) > paceKept {
		return 0, time.Time{}
	}
	at := b.next(now)
	if at.After(now) {
		return 0, at
	}
	return int(b.level), now.Add(time.Duration((b.burst - b.level) / b.rate * float64(time.Second)))
}
