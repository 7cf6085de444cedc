package commands

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xtext"
)

// The buttons and forms of a preview. Their value is the entry and how often
// its posts were made anew, so that a click on an older preview is noticed.
const (
	btnPost    = "post.confirm"
	btnSplit   = "post.split"
	btnEdit    = "post.edit"
	btnDiscard = "post.discard"
	btnRetry   = "post.retry"
	btnShow    = "post.show"
	btnInsist  = "post.insist"
	formText   = "post.text"
)

func (r *Router) previewButtons() {
	r.buttons[btnPost] = onPreview((*incident.Service).Confirm)
	r.buttons[btnSplit] = onPreview((*incident.Service).Split)
	r.buttons[btnDiscard] = onPreview((*incident.Service).Discard)
	r.buttons[btnRetry] = onPreview((*incident.Service).RetryPost)
	r.buttons[btnInsist] = onPreview((*incident.Service).Insist)
	r.buttons[btnEdit] = openText
	r.buttons[btnShow] = showPreview
	r.forms[formText] = submitText
	r.forms[formEntry] = submitEntry
	r.buttons[btnMessage] = messageShortcut
	r.forms[formMessage] = submitMessage
	r.buttons[btnFollow] = onMarked("✅ The entry says so now, as decided by", follow)
	r.buttons[btnRemove] = onMarked("The entry was taken off the timeline by", remove)
	r.buttons[btnStay] = onMarked("The entry stays as it was, as decided by", func(*call, incident.Entry, mark) error { return nil })
}

func previewValue(e incident.Entry) string { return e.ID + "/" + strconv.Itoa(e.Gen) }

// previewed finds the entry of a preview's button, if the preview still shows
// what the entry says.
func (c *call) previewed() (incident.Entry, error) {
	c.beside = true // a preview is kept current by itself
	if err := c.need(responder); err != nil {
		return incident.Entry{}, err
	}
	entryID, gen, _ := strings.Cut(c.ev.Value, "/")
	e, err := c.Incidents.Entry(c.tx, entryID)
	if err != nil {
		return e, err
	}
	if strconv.Itoa(e.Gen) != gen {
		return e, refuse("This was changed in the meantime. Look at the preview as it is now and press again.")
	}
	return e, nil
}

// showPreview shows the previews of an entry to one person.
func showPreview(c *call) error {
	e, err := c.previewed()
	if err != nil {
		return err
	}
	for _, p := range e.Posts {
		m, err := c.publication(c.tx, e, p)
		if err != nil {
			return err
		}
		if err := c.reply(m); err != nil {
			return err
		}
		if err := c.copied(c.tx, copyOf{Entry: e.ID, Place: place(e, p), Key: c.replyKey()}); err != nil {
			return err
		}
	}
	return nil
}

// onPreview does something to an entry's publications. The message of the
// preview then changes in place; that is the answer, but for who pressed the
// button elsewhere.
func onPreview(do func(*incident.Service, store.Tx, string, incident.Person) (incident.Entry, error)) func(*call) error {
	return func(c *call) error {
		e, err := c.previewed()
		if err != nil {
			return err
		}
		now, err := do(c.Incidents, c.tx, e.ID, c.by())
		if err != nil {
			return err
		}
		if c.ev.Asked() {
			return c.pressedCopy(now)
		}
		inc, err := c.Incidents.Get(c.tx, e.IncidentID)
		if err != nil || inc.Channel == string(c.ev.Channel) || c.atHome() {
			return err
		}
		for _, p := range now.Posts {
			m, err := c.publication(c.tx, now, p)
			if err != nil {
				return err
			}
			if err := c.reply(text(m.Text)); err != nil {
				return err
			}
		}
		return nil
	}
}

func openText(c *call) error {
	e, err := c.previewed()
	if err != nil {
		return err
	}
	if c.ev.Trigger == "" {
		return refuse("This chat shows no forms. Discard this entry's post and add a new one: /timeline add")
	}
	return c.open(bot.Form{
		ID: formText, Title: titleText, Submit: "Show preview", Value: previewValue(e),
		Inputs: []bot.Input{{Name: "text", Label: "Text of the entry and of the post", Lines: 5, Initial: e.Text, Max: incident.MaxText}},
	})
}

func submitText(c *call) error {
	e, err := c.previewed()
	if err != nil {
		return err
	}
	body := strings.TrimSpace(c.ev.Fields["text"])
	if body == "" {
		return refuse("The text was empty, so it was left as it was. To not post it, press Discard.")
	}
	_, err = c.Incidents.SetText(c.tx, e.ID, body, c.by())
	return err
}

// publicationChanged keeps one message a publication current: the preview that
// becomes the receipt.
func (r *Router) publicationChanged(tx store.Tx, inc incident.Incident, e incident.Entry, p incident.Publication) error {
	if err := r.touchHomes(tx); err != nil {
		return err
	}
	if err := r.showCopies(tx, e, p); err != nil {
		return err
	}
	if quiet, err := r.quiet(tx, inc); err != nil || quiet {
		return err
	}
	m, err := r.publication(tx, e, p)
	if err != nil {
		return err
	}
	return r.keepIn(tx, inc, postPrefix+e.ID+":"+strconv.Itoa(place(e, p)), m)
}

func (r *Router) publication(tx store.Tx, e incident.Entry, p incident.Publication) (bot.Message, error) {
	value := previewValue(e)
	var (
		post    = bot.Button{ID: btnPost, Label: "Post to X", Value: value, Style: bot.ButtonPrimary}
		change  = bot.Button{ID: btnEdit, Label: "Edit", Value: value}
		discard = discardButton(value)
		retry   = bot.Button{ID: btnRetry, Label: "Retry", Value: value, Style: bot.ButtonPrimary}
	)
	why := ""
	if p.Failure != nil {
		why = p.Failure.Message
	}
	var head, foot string
	var buttons []bot.Button
	preview := true
	switch p.State {
	case incident.PubDraft:
		head, buttons = "Preview – not public yet", []bot.Button{post, change, discard}
		foot = "Press Post to X to publish exactly this as @" + p.Handle + "."
	case incident.PubAwaiting:
		post.Label = "Approve and post"
		head, buttons = "⏳ Waits for approval – not public yet", []bot.Button{post, change, discard}
		foot = "Somebody other than the author has to approve it."
	case incident.PubQueued:
		head, buttons = "⏳ Waiting to be posted", []bot.Button{discard}
		if foot = why; foot == "" {
			foot = r.waits(tx, p)
		}
	case incident.PubSending:
		head = "⏳ Posting to X…"
	case incident.PubPosted:
		head, preview = "✅ Posted on X as @"+p.Handle, false
	case incident.PubFailed:
		head, foot, buttons = "⚠ Not posted", why, []bot.Button{retry, change, discard}
	case incident.PubUnknown:
		head, foot = "⏳ X did not answer. Perch is looking whether the post is there; it is not sent twice.", why
		if stuck(p) {
			head = "⚠ Nobody knows whether this was posted"
			foot = "Look at the account on X. If the post is not there, press Retry. If it is there, leave this as it is."
			buttons = []bot.Button{retry}
		}
	case incident.PubCancelled:
		head, preview = "Not posted: somebody decided against it. The entry stays on the timeline.", false
		if e.Deleted() {
			head = "Not posted: the entry was deleted."
		}
	case incident.PubTooLong:
		head = fmt.Sprintf("⚠ Too long for one post: %d of %d", p.Weighted, p.Limit)
		foot = "Nothing was posted and your text is kept. Shorten it, or post it as a thread."
		split := bot.Button{ID: btnSplit, Label: fmt.Sprintf("Split into %d posts", p.Possible), Value: value, Style: bot.ButtonPrimary}
		buttons = []bot.Button{split, change, discard}
	case incident.PubRefused:
		head, foot, buttons = "⚠ Not posted", why, []bot.Button{change, discard}
		if p.Failure != nil && p.Failure.Code == incident.CodePrivate {
			buttons = []bot.Button{{
				ID: btnInsist, Label: "Publish anyway", Value: value, Style: bot.ButtonDanger,
				Confirm: "This incident is private. Prepare this entry for X all the same? You see a preview first, and the timeline says that you wanted it.",
			}, discard}
		}
	case incident.PubNoAccount:
		post.Label = "Show preview"
		head, foot, buttons = "⚠ No X account is connected", "Connect one with /twitter authorize, then press Show preview.", []bot.Button{post, discard}
	case incident.PubDeleted:
		head, preview = "Deleted from X.", false
	}
	m := bot.Message{Text: head, Blocks: []bot.Block{bot.Para(bot.Bold(head))}}
	if err := r.addPreview(tx, &m, e, p, preview); err != nil {
		return m, err
	}
	for _, u := range p.URLs() {
		m.Text += " " + u
		m.Blocks = append(m.Blocks, bot.Para(bot.Link(u, u)))
	}
	if p.Stale {
		m.Blocks = append(m.Blocks, bot.Para(bot.Plain("⚠ The entry was changed after this was posted. The post on X still says what it said.")))
	}
	for _, w := range p.Warnings {
		if preview {
			m.Blocks = append(m.Blocks, bot.Context(bot.Plain("⚠ "+w)))
		}
	}
	if foot != "" {
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain(foot)))
	}
	if len(buttons) > 0 {
		m.Blocks = append(m.Blocks, bot.Actions(buttons...))
	}
	return m, nil
}

func discardButton(value string) bot.Button {
	return bot.Button{ID: btnDiscard, Label: "Discard", Value: value, Style: bot.ButtonDanger, Confirm: "Don't post this? The entry stays on the timeline."}
}

// addPreview shows the posts as X will, or the text that can't be sent as it is.
func (r *Router) addPreview(tx store.Tx, m *bot.Message, e incident.Entry, p incident.Publication, preview bool) error {
	texts := p.Texts()
	switch {
	case !preview:
		return nil
	case len(texts) == 0:
		m.Blocks = append(m.Blocks, bot.Quote(e.Text))
		return nil
	}
	pv := &bot.Preview{Account: p.Handle, Name: p.Handle, Parts: texts, Limit: p.Limit}
	acc, err := r.Accounts.Get(tx, p.Account)
	if err == nil {
		pv.Name, pv.Avatar = acc.Name, acc.AvatarURL
	}
	for _, t := range texts {
		pv.Counts = append(pv.Counts, xtext.Count(t).Weighted)
	}
	m.Blocks = append(m.Blocks, bot.Block{Kind: bot.BlockPreview, Preview: pv})
	return nil
}

// place is which of the entry's publications p is: its account may still
// change from none to one.
func place(e incident.Entry, p incident.Publication) int {
	for i, q := range e.Posts {
		if q.Account == p.Account {
			return i
		}
	}
	return 0
}

// waits says why what is queued does not go out at once, if that is so.
func (r *Router) waits(tx store.Tx, p incident.Publication) string {
	for _, actionID := range p.ActionIDs() {
		a, err := r.Outbox.Get(tx, actionID)
		if err != nil || a.State != outbox.Queued {
			continue
		}
		if _, why, err := r.Outbox.When(tx, a); err == nil && why != "" {
			return why
		}
	}
	return ""
}

func stuck(p incident.Publication) bool {
	for _, part := range p.Parts {
		if part.Stuck {
			return true
		}
	}
	return false
}
