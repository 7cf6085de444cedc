package commands

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// How much of each list a page shows. A page has room for 100 blocks.
const (
	maxBroken    = 3
	maxDrafts    = 5
	maxWaiting   = 3
	maxOwned     = 8
	maxOpen      = 8
	maxDuties    = 8
	maxConnected = 10
	maxNamed     = 20 // people on duty in a department
)

// pageData is what the pages of all people are made from.
type pageData struct {
	accounts []accounts.Account
	drafts   []draft
	waiting  []desk.Conversation
	open     []incident.Incident // newest first
	duty     []onDuty
}

// onDuty is a department and who is on duty in it.
type onDuty struct {
	desk.Department
	who []desk.Duty
}

// draft is an entry with a post that a person has to decide on.
type draft struct {
	entry incident.Entry
	inc   incident.Incident
	state outbox.State
	by    string // who can't approve it
}

func (r *Router) pageData(tx store.Tx) (d pageData, err error) {
	if d.accounts, err = r.connected(tx); err != nil {
		return d, err
	}
	if d.drafts, err = r.drafts(tx); err != nil {
		return d, err
	}
	if d.waiting, err = r.Desk.List(tx, desk.Queued, 0); err != nil {
		return d, err
	}
	if d.open, _, err = r.Incidents.List(tx, incident.Filter{Open: true}, incident.Page{Size: incident.MaxPage}); err != nil {
		return d, err
	}
	deps, err := r.Desk.Departments(tx)
	for _, dep := range deps {
		if err == nil {
			var who []desk.Duty
			who, err = r.Desk.Who(tx, dep.ID)
			d.duty = append(d.duty, onDuty{dep, who})
		}
	}
	return d, err
}

// drafts are the posts that wait for people, oldest first.
func (r *Router) drafts(tx store.Tx) ([]draft, error) {
	var list []draft
	for _, st := range []outbox.State{outbox.Awaiting, outbox.Draft} {
		as, err := r.Outbox.ByState(tx, st, 200)
		if err != nil {
			return nil, err
		}
		for _, a := range as {
			if a.Kind != accounts.KindPost {
				continue
			}
			e, inc, ok, err := r.Incidents.EntryOf(tx, a)
			if err != nil {
				return nil, err
			}
			if !ok || slices.ContainsFunc(list, func(d draft) bool { return d.entry.ID == e.ID }) {
				continue
			}
			list = append(list, draft{e, inc, st, a.CreatedBy})
		}
	}
	return list, nil
}

// page is a person's page being written.
type page struct {
	*Router
	data   pageData
	tx     store.Tx
	user   bot.UserRef
	blocks []bot.Block
}

// homePage is what a person sees on their page of Perch, the most urgent first.
func (r *Router) homePage(tx store.Tx, user bot.UserRef, d pageData) (bot.Message, error) {
	p := &page{Router: r, data: d, tx: tx, user: user}
	p.needs()
	p.approvals()
	if err := p.conversations(); err != nil {
		return bot.Message{}, err
	}
	if err := p.incidents(); err != nil {
		return bot.Message{}, err
	}
	p.onDuty()
	p.connections()
	p.add(bot.Context(bot.Plain("More: "), bot.Code("/twitter help"), bot.Plain(" "), bot.Code("/incident help"), bot.Plain(" "),
		bot.Code("/timeline help"), bot.Plain(" "), bot.Code("/duty help")))
	return bot.Message{Text: "Perch", Blocks: p.blocks}, nil
}

func (p *page) add(b ...bot.Block) { p.blocks = append(p.blocks, b...) }

// more says that a list goes on.
func (p *page) more(n int) {
	if n > 0 {
		p.add(bot.Context(bot.Plain(fmt.Sprintf("… and %d more.", n))))
	}
}

func (p *page) admin() bool     { return p.Roles.IsAdmin(p.user) }
func (p *page) responder() bool { return p.Roles.IsResponder(p.user) || p.admin() }

// needs is what nothing works without.
func (p *page) needs() {
	ask := func(label string) bot.Block {
		if p.admin() {
			return bot.Actions(bot.Button{ID: btnStart, Label: label, Style: bot.ButtonPrimary})
		}
		den := denied{text: "Only an admin of Perch can do this.", ask: p.Roles.Admins()}
		return bot.Context(den.spans()...)
	}
	if len(p.data.accounts) == 0 {
		p.add(bot.Header("Connect X (Twitter)"), bot.Para(bot.Plain("No X account is connected yet, so nothing can be posted and no customer can be heard.")), ask("Start Authentication"))
	}
	broken := 0
	for _, a := range p.data.accounts {
		if a.State != accounts.ReconnectNeeded {
			continue
		}
		if broken++; broken <= maxBroken {
			p.add(bot.Para(bot.Bold("⚠ @"+a.Handle+" has to be connected again."), bot.Plain(" "+a.Reason)), ask("Reconnect @"+a.Handle))
		}
	}
	p.more(broken - maxBroken)
}

func (p *page) approvals() {
	if !p.responder() || len(p.data.drafts) == 0 {
		return
	}
	list := slices.Clone(p.data.drafts)
	own := func(d draft) bool { return d.state == outbox.Awaiting && d.by == string(p.user) }
	slices.SortStableFunc(list, func(x, y draft) int { // what somebody else has to approve comes last
		switch {
		case own(x) == own(y):
			return 0
		case own(x):
			return 1
		}
		return -1
	})
	p.add(bot.Header("Waiting for your decision"))
	for _, d := range list[:min(len(list), maxDrafts)] {
		value := previewValue(d.entry)
		post := bot.Button{ID: btnPost, Label: "Post to X", Value: value, Style: bot.ButtonPrimary}
		state := "not public yet"
		if d.state == outbox.Awaiting {
			post.Label, state = "Approve and post", "waits for approval"
		}
		buttons := []bot.Button{{ID: btnShow, Label: "Preview", Value: value}, post, discardButton(value)}
		if own(d) {
			state = "another person has to approve it"
			buttons = slices.Delete(buttons, 1, 2)
		}
		p.add(bot.Para(bot.Bold(d.inc.Name()), bot.Plain(" · "+orDefault(d.entry.AuthorName, "Perch")+" · "+state+" · "+clipLine(oneLine(d.entry.Text), 150))),
			bot.Actions(buttons...))
	}
	p.more(len(list) - maxDrafts)
}

// conversations are the person's own, and for an agent those that nobody has.
func (p *page) conversations() error {
	owned, err := p.Desk.Owned(p.tx, p.user)
	if err != nil {
		return err
	}
	if waiting := p.data.waiting; len(waiting) > 0 && p.isAgent(p.tx, p.user) {
		p.add(bot.Header("Waiting for an agent"))
		for _, c := range waiting[:min(len(waiting), maxWaiting)] {
			if err := p.conversation(c, bot.Button{ID: "desk.claim", Label: "Claim", Value: c.ID, Style: bot.ButtonPrimary}); err != nil {
				return err
			}
		}
		p.more(len(waiting) - maxWaiting)
	}
	if len(owned) == 0 {
		return nil
	}
	// Whose customer waits longest comes first, then those who wait for the customer.
	slices.SortStableFunc(owned, func(x, y desk.Conversation) int {
		switch xw, yw := x.WaitingSince.IsZero(), y.WaitingSince.IsZero(); {
		case xw != yw && xw:
			return 1
		case xw != yw:
			return -1
		case xw:
			return y.Updated.Compare(x.Updated)
		}
		return x.WaitingSince.Compare(y.WaitingSince)
	})
	p.add(bot.Header("Your conversations"))
	for _, c := range owned[:min(len(owned), maxOwned)] {
		if err := p.conversation(c, bot.Button{ID: "desk.close", Label: "Close", Value: c.ID, Confirm: "Close this conversation?"}); err != nil {
			return err
		}
	}
	p.more(len(owned) - maxOwned)
	return nil
}

func (p *page) conversation(c desk.Conversation, act bot.Button) error {
	name := "A customer"
	who, err := p.Desk.Contact(p.tx, c)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil {
		name = who.Name
		if who.Handle != "" {
			name += " (@" + who.Handle + ")"
		}
	}
	state := "waits for the customer"
	switch {
	case c.State == desk.Snoozed:
		state = "put off until " + clock(c.SnoozedUntil)
	case !c.WaitingSince.IsZero() && c.Owner == p.user:
		state = "waits for you since " + clock(c.WaitingSince)
	case !c.WaitingSince.IsZero():
		state = "waits since " + clock(c.WaitingSince)
	}
	spans := []bot.Span{bot.Bold(clipLine(name, 80)), bot.Plain(" · " + state + " · in "), {Channel: c.Channel}}
	if c.Last != "" {
		spans = append(spans, bot.Plain(" · "+clipLine(oneLine(c.Last), 150)))
	}
	open, err := p.openButton(p.tx, c.CardRef)
	if err != nil {
		return err
	}
	p.add(bot.Para(spans...), bot.Actions(append([]bot.Button{act}, open...)...))
	return nil
}

func (p *page) incidents() error {
	list := slices.Clone(p.data.open)
	if !p.responder() {
		list = slices.DeleteFunc(list, func(i incident.Incident) bool { return i.Private })
	}
	p.add(bot.Header("Open incidents"))
	for _, i := range list[:min(len(list), maxOpen)] {
		spans := []bot.Span{bot.Bold(sign(i) + " " + i.Name()), bot.Plain(" " + clipLine(i.Title, 150) + " · " + severityWord(i.Severity) + " · " + statusWord(i.Status))}
		if i.Channel != "" {
			spans = append(spans, bot.Plain(" · in "), bot.Span{Channel: bot.ChannelRef(i.Channel)})
		}
		p.add(bot.Para(spans...))
		var buttons []bot.Button
		if p.responder() {
			buttons = cardButtons(i)
		}
		ref, err := p.cardRef(p.tx, i.ID)
		if err != nil {
			return err
		}
		open, err := p.openButton(p.tx, ref)
		if err != nil {
			return err
		}
		if buttons = append(buttons, open...); len(buttons) > 0 {
			p.add(bot.Actions(buttons...))
		}
	}
	p.more(len(list) - maxOpen)
	if len(list) == 0 {
		p.add(bot.Para(bot.Plain("None.")))
	}
	if p.responder() {
		p.add(bot.Actions(bot.Button{ID: btnDeclare, Label: "Declare an incident"}))
	}
	return nil
}

func (p *page) onDuty() {
	if len(p.data.duty) == 0 {
		return
	}
	p.add(bot.Header("On duty"))
	for _, d := range p.data.duty[:min(len(p.data.duty), maxDuties)] {
		me := false
		spans := []bot.Span{bot.Bold(d.Name), bot.Plain(": ")}
		for i, x := range d.who {
			me = me || x.User == p.user
			switch {
			case i > maxNamed:
				continue
			case i == maxNamed:
				spans = append(spans, bot.Plain(fmt.Sprintf(" and %d more", len(d.who)-i)))
				continue
			case i > 0:
				spans = append(spans, bot.Plain(", "))
			}
			spans = append(spans, bot.Mention(x.User))
		}
		if len(d.who) == 0 {
			spans = append(spans, bot.Plain("nobody"))
		}
		p.add(bot.Para(spans...))
		if !p.isAgent(p.tx, p.user) {
			continue
		}
		b := bot.Button{ID: btnDutyOn, Label: "Go on duty", Value: d.ID}
		if me {
			b = bot.Button{ID: btnDutyOff, Label: "Go off duty", Value: d.ID}
		}
		p.add(bot.Actions(b))
	}
	p.more(len(p.data.duty) - maxDuties)
}

func (p *page) connections() {
	if len(p.data.accounts) == 0 {
		return
	}
	p.add(bot.Header("X accounts"))
	for _, a := range p.data.accounts[:min(len(p.data.accounts), maxConnected)] {
		p.add(bot.Para(accountLine(a)...))
	}
	p.more(len(p.data.accounts) - maxConnected)
}
