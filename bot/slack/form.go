package slack

import (
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack"

	"github.com/perch-chat/perch/bot"
)

// Limits of a modal. See https://docs.slack.dev/reference/views/modal-views
const (
	maxTitle    = 24
	maxPrivate  = 3000
	maxInputs   = 100
	maxInput    = 3000
	maxHint     = 2000
	maxOptions  = 100
	maxOptionID = 75
)

// private is what a modal carries for us: Slack gives it back as it was.
type private struct {
	Value   string         `json:"v,omitempty"`
	Channel bot.ChannelRef `json:"c,omitempty"`
	Thread  bot.MessageRef `json:"t,omitempty"`
}

func badForm(format string, args ...any) error {
	return &bot.Error{Code: "invalid_form", Message: fmt.Sprintf(format, args...)}
}

// modal renders a form. Its error is a *bot.Error: nothing was shown.
func modal(f bot.Form) (slack.ModalViewRequest, error) {
	var none slack.ModalViewRequest
	meta, err := json.Marshal(private{Value: f.Value, Channel: f.Channel, Thread: f.Thread})
	if err != nil {
		return none, badForm("The form can't be shown: %v.", err)
	}
	switch {
	case len(meta) > maxPrivate || size(f.ID) > maxID:
		return none, badForm("The form carries more than Slack takes.")
	case f.ID == "" || len(f.Inputs) == 0 || len(f.Inputs) > maxInputs:
		return none, badForm("The form has no ID, no fields or too many.")
	}
	v := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: f.ID, PrivateMetadata: string(meta),
		Title:  words(cut(orWord(clean(f.Title), "Form"), maxTitle)),
		Submit: words(cut(orWord(clean(f.Submit), "Send"), maxTitle)),
		Close:  words("Cancel"),
	}
	seen := map[string]bool{}
	for _, in := range f.Inputs {
		if in.Name == "" || size(in.Name) > maxID || seen[in.Name] {
			return none, badForm("The form's field %q has no name of its own.", in.Label)
		}
		seen[in.Name] = true
		e, err := input(in)
		if err != nil {
			return none, err
		}
		b := slack.NewInputBlock(in.Name, words(cut(orWord(clean(in.Label), in.Name), maxHint)), nil, e)
		if h := clean(in.Hint); h != "" {
			b.Hint = words(cut(h, maxHint))
		}
		b.Optional = in.Optional
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, b)
	}
	return v, nil
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func input(in bot.Input) (slack.BlockElement, error) {
	if len(in.Options) == 0 {
		e := slack.NewPlainTextInputBlockElement(nil, in.Name)
		e.MaxLength = maxInput
		if in.Max > 0 && in.Max < maxInput {
			e.MaxLength = in.Max
		}
		// A text that is too long would lose its end without anybody noticing.
		e.InitialValue = clean(in.Initial)
		if size(e.InitialValue) > maxInput {
			return nil, badForm("The text is too long to be edited in Slack.")
		}
		if size(e.InitialValue) > e.MaxLength {
			e.MaxLength = maxInput
		}
		e.Multiline = in.Lines > 1
		return e, nil
	}
	if len(in.Options) > maxOptions {
		return nil, badForm("The form's field %q has more choices than Slack takes.", in.Label)
	}
	e := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, in.Name)
	for _, o := range in.Options {
		if o.Value == "" || size(o.Value) > maxOptionID {
			return nil, badForm("A choice of the form's field %q does not fit into Slack.", in.Label)
		}
		opt := slack.NewOptionBlockObject(o.Value, words(cut(orWord(clean(o.Label), o.Value), maxLabel)), nil)
		e.Options = append(e.Options, opt)
		if o.Value == in.Initial {
			e.InitialOption = opt
		}
	}
	return e, nil
}
