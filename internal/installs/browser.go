package installs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

const (
	// LinkLife is how long a link to install Perch works.
	LinkLife = 24 * time.Hour

	attemptLife     = 10 * time.Minute
	kept            = 7 * 24 * time.Hour // so that an old link gets its own answer
	exchangeTimeout = 30 * time.Second
)

const askAgain = " Ask whoever runs this Perch for a new link (perch slack install-link)."

func errUnknownLink() *Error {
	return problem(CodeUnknownLink, "Perch is installed with a link that works once."+askAgain)
}

func errExpired() *Error {
	return problem(CodeExpired, "This link is over: it works for a day."+askAgain)
}

func errUsed() *Error {
	return problem(CodeUsed, "This link was already used, and it works once."+askAgain)
}

const again = " Open the link again and stay in one browser."

// NewLink makes a link with which one workspace can be added, once, within
// [LinkLife]. publicURL is Perch's own address.
func NewLink(tx store.Tx, publicURL string) (address string, expires time.Time, err error) {
	at := now()
	if err := tidy(tx, at); err != nil {
		return "", at, err
	}
	ticket := accounts.NewTicket()
	l := link{ID: accounts.HashTicket(ticket), Created: at, Expires: at.Add(LinkLife)}
	return strings.TrimRight(publicURL, "/") + "/slack/install/" + ticket, l.Expires, links().Put(tx, l)
}

// tidy deletes what is long over.
func tidy(tx store.Tx, at time.Time) error {
	r := store.Range{To: store.Key(at.Add(-kept)), Limit: 100}
	old, err := store.Collect(links().ByRange(tx, "expires", r))
	if err != nil {
		return err
	}
	for _, l := range old {
		if err := links().Delete(tx, store.Key(l.ID)); err != nil {
			return err
		}
	}
	gone, err := store.Collect(attempts().ByRange(tx, "expires", r))
	if err != nil {
		return err
	}
	for _, a := range gone {
		if err := attempts().Delete(tx, store.Key(a.ID)); err != nil {
			return err
		}
	}
	return nil
}

// usable returns the link of a ticket if Perch can still be installed with it.
func usable(tx store.Tx, id string) (link, error) {
	l, ok, err := links().Find(tx, store.Key(id))
	switch {
	case err != nil:
		return l, err
	case !ok:
		return l, errUnknownLink()
	case l.Used:
		return l, errUsed()
	case !now().Before(l.Expires):
		return l, errExpired()
	}
	return l, nil
}

// Look says until when a link works. Errors for people are *[Error].
func (in *Installs) Look(ctx context.Context, ticket string) (until time.Time, err error) {
	err = in.db.View(ctx, func(tx store.Tx) error {
		l, err := usable(tx, accounts.HashTicket(ticket))
		until = l.Expires
		return err
	})
	if err != nil {
		return until, wrap("look at the link", err)
	}
	return until, nil
}

// Start binds an installation to the browser that asks for it, by the value of
// a cookie to set, and returns Slack's page to send it to. Errors for people
// are *[Error].
func (in *Installs) Start(ctx context.Context, ticket string) (redirect, cookie string, err error) {
	state, cookie := accounts.NewTicket(), accounts.NewTicket()
	err = in.db.Update(ctx, func(tx store.Tx) error {
		l, err := usable(tx, accounts.HashTicket(ticket))
		if err != nil {
			return err
		}
		return attempts().Put(tx, attempt{
			ID: accounts.HashTicket(state), Link: l.ID, CookieHash: accounts.HashTicket(cookie), Expires: now().Add(attemptLife),
		})
	})
	if err != nil {
		return "", "", wrap("start the installation", err)
	}
	return in.slack.AuthorizeURL(state), cookie, nil
}

// Finish ends an installation when Slack has sent the browser back, with a
// code or with slackErr. The state is used up by it, whatever comes of it; the
// link only by success. Errors for people are *[Error].
func (in *Installs) Finish(ctx context.Context, cookie, state, code, slackErr string) (Workspace, error) {
	// The code works once: what was begun is carried through even if the
	// browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*exchangeTimeout)
	defer cancel()
	a, err := in.use(ctx, cookie, state, code, slackErr)
	if err != nil {
		return Workspace{}, err
	}
	ectx, stop := context.WithTimeout(ctx, exchangeTimeout)
	g, err := in.slack.Exchange(ectx, code)
	stop()
	if err != nil {
		return Workspace{}, wrap("exchange the code at Slack", err)
	}
	g.ID = id.New()
	w := in.sealed(g, a.Link)
	err = in.db.Update(ctx, func(tx store.Tx) error {
		l, err := usable(tx, a.Link) // another browser may have been faster
		if err != nil {
			return err
		}
		l.Used, l.Team = true, w.Team
		if err := links().Put(tx, l); err != nil {
			return err
		}
		if err := workspaces().Put(tx, w); err != nil {
			return err
		}
		return in.tell(tx, w, true)
	})
	if err != nil {
		return Workspace{}, wrap("store the installation", err)
	}
	in.log.InfoContext(ctx, "perch was installed in a slack workspace", "team", w.Team, "workspace", w.Name, "by", w.By)
	return w, nil
}

// use finds the attempt of a state and uses it up.
func (in *Installs) use(ctx context.Context, cookie, state, code, slackErr string) (attempt, error) {
	var a attempt
	var refused *Error // of an attempt that is used up by it
	err := in.db.Update(ctx, func(tx store.Tx) error {
		refused = nil
		var ok bool
		var err error
		a, ok, err = attempts().Find(tx, store.Key(accounts.HashTicket(state)))
		switch {
		case err != nil:
			return err
		case !ok || state == "":
			return problem(CodeUnknownLink, "Perch did not send you to Slack for this."+again)
		case a.Used:
			return problem(CodeUsed, "This answer of Slack was already used, and it works once."+again)
		}
		_, lerr := usable(tx, a.Link)
		e, over := errors.AsType[*Error](lerr)
		switch {
		case lerr != nil && !over:
			return lerr
		case !accounts.SameTicket(a.CookieHash, accounts.HashTicket(cookie)):
			refused = problem(CodeOtherBrowser, "Slack came back in another browser than the one that opened the link, so nothing was installed."+again)
		case !now().Before(a.Expires):
			refused = problem(CodeExpired, "Slack's answer came more than ten minutes after you left for it."+again)
		case over:
			refused = e
		case slackErr == "access_denied":
			refused = problem(CodeDenied, "The request was declined in Slack, so nothing was installed. Open the link again to try once more.")
		case slackErr != "":
			refused = problem(CodeRefused, fmt.Sprintf("Slack refused the request (%s). Check the app's redirect URLs and its distribution, then open the link again.", clean(slackErr)))
		case code == "":
			refused = problem(CodeRefused, "Slack came back without an answer."+again)
		}
		a.Used = true
		if refused != nil {
			a.Outcome = refused.Code
		}
		return attempts().Put(tx, a)
	})
	if err != nil {
		return a, wrap("use the state", err)
	}
	if refused != nil {
		return a, refused
	}
	return a, nil
}

// clean keeps what an error code may have.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return -1
	}, strings.ToLower(s))
	return s[:min(len(s), 40)]
}

func now() time.Time { return time.Now().UTC() }
