package slack

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/slack-go/slack"

	"github.com/perch-chat/perch/bot"
)

const (
	maxHomeBlocks = 100     // see https://docs.slack.dev/reference/views/home-tab-views
	maxHomeBytes  = 250_000 // of a view, as JSON
	homesKept     = 5000    // people whose page's hash is remembered
)

// homes lets one page of a person out at a time, the newest.
type homes struct {
	mu sync.Mutex
	at map[string]*home
}

// home is the page of one person.
type home struct {
	asked int // the newest page that was asked for

	turn  chan struct{} // taken while one is on its way; holds what follows
	shown int           // the newest that Slack took
	hash  string        // of that, as Slack gave it
}

// ask takes note of a page that is to be shown and returns its number.
func (h *homes) ask(user string) (*home, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.at[user]
	if p == nil {
		if h.at == nil || len(h.at) >= homesKept {
			h.at = map[string]*home{} // a page without its hash is shown all the same
		}
		p = &home{turn: make(chan struct{}, 1)}
		h.at[user] = p
	}
	p.asked++
	return p, p.asked
}

// ShowHome shows a person the bot's Home tab. Of several pages on their way the
// newest stays: an older one that comes late is not shown.
func (a *Adapter) ShowHome(ctx context.Context, user bot.UserRef, page bot.Message) error {
	id, ok := a.refs.userID(user)
	if !ok {
		return noPerson()
	}
	view, images, err := a.homeView(page, true)
	if err != nil {
		return err
	}
	p, n := a.homes.ask(id)
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return unsent(ctx.Err())
	}
	if n < p.shown {
		return nil
	}
	err = a.publish(ctx, p, n, id, view)
	if c := code(err); images && (c == "invalid_blocks" || c == "invalid_arguments") {
		// Slack refuses a page whole if it can't fetch one of its pictures.
		if view, _, err = a.homeView(page, false); err == nil {
			err = a.publish(ctx, p, n, id, view)
		}
	}
	return err
}

// publish shows a page. The hash of the one before keeps a call that was given
// up, and reaches Slack late, from covering what came after it.
func (a *Adapter) publish(ctx context.Context, p *home, n int, user, view string) error {
	for {
		var out struct {
			View struct {
				Hash string `json:"hash"`
			} `json:"view"`
		}
		_, err := a.web.call(ctx, a.o.BotToken, "views.publish", values("user_id", user, "view", view, "hash", p.hash), &out)
		switch {
		case err == nil:
			p.shown, p.hash = n, out.View.Hash
			return nil
		case code(err) == "hash_conflict" && p.hash != "":
			p.hash = "" // another process showed a page, or a lost answer was a yes
			continue
		case code(err) == "":
			p.hash = "" // nobody knows which page is shown now
		}
		return err
	}
}

// homeView renders a page. It reports whether there are pictures in it.
func (a *Adapter) homeView(page bot.Message, pictures bool) (string, bool, error) {
	c, err := renderer{refs: a.refs, byline: true, pictures: pictures, most: maxHomeBlocks}.message(page)
	if err != nil {
		return "", false, err
	}
	raw, err := json.Marshal(slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: c.blocks}})
	if err != nil {
		return "", false, &bot.Error{Code: "invalid_blocks", Message: sentence("invalid_blocks", ""), Err: err}
	}
	if len(raw) > maxHomeBytes {
		return "", false, &bot.Error{Code: "view_too_large", Message: sentence("view_too_large", "")}
	}
	return string(raw), c.images, nil
}
