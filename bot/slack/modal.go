package slack

import (
	"context"
	"encoding/json"

	"github.com/slack-go/slack"

	"github.com/perch-chat/perch/bot"
)

// viewJSON is a modal as Slack takes it.
func viewJSON(v slack.ModalViewRequest) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", badForm("The form can't be shown: %v.", err)
	}
	if len(raw) > maxHomeBytes {
		return "", &bot.Error{Code: "view_too_large", Message: sentence("view_too_large", "")}
	}
	return string(raw), nil
}

// notice is a modal that only says something.
func notice(title, name, text string) (string, error) {
	return viewJSON(slack.ModalViewRequest{
		Type: slack.VTModal, ExternalID: name, Title: words(cut(orWord(clean(title), defaultTitle), maxTitle)), Close: words("Close"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewSectionBlock(words(text), nil, nil)}},
	})
}

// Open shows a form to the person whose trigger it is.
func (a *Adapter) Open(ctx context.Context, trigger string, f bot.Form) error {
	v, err := modal(f)
	if err != nil {
		return err
	}
	if name, early := viewName(trigger); early {
		v.ExternalID = name
		return a.fill(ctx, name, func(string) (string, error) { return viewJSON(v) })
	}
	view, err := viewJSON(v)
	if err != nil {
		return err
	}
	if trigger == "" {
		return &bot.Error{Code: "invalid_trigger_id", Message: sentence("invalid_trigger_id", "")}
	}
	_, err = a.web.call(ctx, a.o.BotToken, "views.open", values("trigger_id", trigger, "view", view), nil)
	return err
}

// answerInView shows an answer to one person in the view that was opened early
// for it. It reports whether it did; if not, and there is no error, the answer
// is to go the usual way.
func (a *Adapter) answerInView(ctx context.Context, m bot.Message) (bool, error) {
	name, early := viewName(m.Trigger)
	if !early || m.Only == "" || a.isFilled(name) {
		return false, nil
	}
	err := a.fill(ctx, name, func(title string) (string, error) { return a.textView(title, name, m) })
	switch {
	case err == nil:
		return true, nil
	case code(err) == "" || code(err) == "cancelled" || code(err) == "ratelimited":
		return false, err // the view may be there all the same
	}
	a.log.Debug("slack view can't be filled, answering beside it", "code", code(err))
	return false, nil
}

// textView renders a message as a modal. Its buttons bring back where it belongs to.
func (a *Adapter) textView(title, name string, m bot.Message) (string, error) {
	c, err := renderer{refs: a.refs, byline: true, most: maxHomeBlocks}.message(m)
	if err != nil {
		return "", err
	}
	meta, err := json.Marshal(private{Channel: m.Channel, Thread: m.Thread})
	if err != nil || len(meta) > maxPrivate {
		return "", badForm("The answer can't be shown here.")
	}
	blocks := c.blocks
	if len(blocks) == 0 {
		blocks = []slack.Block{slack.NewSectionBlock(words(cut(orWord(clean(m.Text), "…"), maxInput)), nil, nil)}
	}
	return viewJSON(slack.ModalViewRequest{
		Type: slack.VTModal, ExternalID: name, PrivateMetadata: string(meta), Title: words(cut(orWord(clean(title), defaultTitle), maxTitle)),
		Close: words("Close"), Blocks: slack.Blocks{BlockSet: blocks},
	})
}
