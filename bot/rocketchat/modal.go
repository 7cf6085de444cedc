package rocketchat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Forms are windows of Rocket.Chat's own where the companion app is there, and
// pages of Perch otherwise.
const (
	modalWithin = 4 * time.Second // clients drop a window that comes 5 s after the click
	modalLife   = 2 * time.Hour
	maxTitle    = 60
)

// key is what Perch knows its own buttons and forms by when they come back.
func (a *Adapter) key() []byte {
	if len(a.o.Secret) > 0 {
		return a.o.Secret // it stays the same when the app's secret is changed
	}
	return []byte(a.o.AppSecret)
}

func (a *Adapter) sum(what, text string) string {
	m := hmac.New(sha256.New, a.key())
	m.Write([]byte(what + " " + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

// pressSeal stands between the seal of a button and what the button says.
const pressSeal = ":"

// appPress is the value of a button of the app's: anybody may hand any value to
// the app, so that Perch signs its own, with the room that they stand in.
func (a *Adapter) appPress(rid, said string) string {
	return a.sum("press "+rid, said) + pressSeal + said
}

// appPressed reads the value of a button.
func (a *Adapter) appPressed(rid, value string) (pressing, bool) {
	seal, said, _ := strings.Cut(value, pressSeal)
	if !hmac.Equal([]byte(seal), []byte(a.sum("press "+rid, said))) {
		return pressing{}, false
	}
	return press(said)
}

// triggered is a click or a command that a window may be an answer to.
type triggered struct {
	user, id string
	at       time.Time
}

// appTrigger lets a person be shown a form, as a window if it comes soon.
func (a *Adapter) appTrigger(user, id string) string {
	if !idRE.MatchString(id) || !idRE.MatchString(user) {
		return a.triggerFor(person{ID: user})
	}
	return "app:" + user + ":" + id + ":" + strconv.FormatInt(time.Now().UnixMilli(), 10)
}

func appTriggered(trigger string) (t triggered, ok bool) {
	f := strings.Split(trigger, ":")
	if len(f) != 4 || f[0] != "app" || !idRE.MatchString(f[1]) || !idRE.MatchString(f[2]) {
		return t, false
	}
	ms, err := strconv.ParseInt(f[3], 10, 64)
	return triggered{f[1], f[2], time.UnixMilli(ms)}, err == nil
}

// modal shows a form as a window. Where that did not surely succeed, the form
// with the token may be shown in another way: it is taken once.
func (a *Adapter) modal(ctx context.Context, t triggered, f bot.Form) (token string, shown bool) {
	token = rand.Text()
	left := modalWithin - time.Since(t.at)
	if !a.AppAnswers() || left <= 0 || len(f.Inputs) == 0 {
		return token, false
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	err := a.askApp(ctx, map[string]any{"type": "open", "user": t.user, "trigger": t.id, "view": a.view(f, t.user, token)}, nil)
	if err != nil {
		a.log.InfoContext(ctx, "a form is not shown as a window", "form", f.ID, "err", err)
	}
	return token, err == nil
}

// uiView is a window.
type uiView struct {
	ID     string     `json:"id"`
	Title  *uiText    `json:"title"`
	Submit *uiElement `json:"submit"`
	Close  *uiElement `json:"close"`
	Blocks []uiBlock  `json:"blocks"`
}

func (a *Adapter) view(f bot.Form, user, token string) uiView {
	button := func(id, label string) *uiElement {
		return &uiElement{Type: "button", AppID: AppID, BlockID: id, ActionID: id, Text: raw(plainText(cut(clean(label), maxLabel)))}
	}
	v := uiView{
		ID: a.sealForm(f, user, token), Title: plainText(cut(clean(f.Title), maxTitle)),
		Submit: button("submit", orSend(f.Submit)), Close: button("close", "Cancel"),
	}
	for _, in := range f.Inputs {
		e := &uiElement{
			Type: "plain_text_input", AppID: AppID, BlockID: in.Name, ActionID: in.Name,
			Initial: in.Initial, Lines: in.Lines > 1, Max: in.Max,
		}
		if len(in.Options) > 0 {
			e.Type, e.Lines, e.Max, e.Hint = "static_select", false, 0, plainText("Choose")
			for _, o := range in.Options {
				e.Options = append(e.Options, uiOption{*plainText(clean(o.Label)), o.Value})
			}
		}
		b := uiBlock{
			Type: "input", AppID: AppID, BlockID: in.Name, Label: plainText(clean(in.Label)), Element: e, Optional: in.Optional,
		}
		if in.Hint != "" {
			b.Hint = plainText(clean(in.Hint))
		}
		v.Blocks = append(v.Blocks, b)
	}
	return v
}

func orSend(s string) string {
	if s == "" {
		return "Send"
	}
	return s
}

// sealed is a form that a window holds for Perch: so one that was open while
// Perch was restarted is taken all the same. What is only shown is left out.
type sealed struct {
	User  string    `json:"user"`
	Token string    `json:"token"`
	Till  time.Time `json:"till"`
	Form  bot.Form  `json:"form"`
}

// sealForm is the ID of a window, of which clients know no more than that it
// comes back with what was filled in.
func (a *Adapter) sealForm(f bot.Form, user, token string) string {
	f.Title, f.Submit, f.Inputs = "", "", slices.Clone(f.Inputs)
	for i, in := range f.Inputs {
		in.Label, in.Hint, in.Options = "", "", slices.Clone(in.Options)
		for j := range in.Options {
			in.Options[j].Label = ""
		}
		f.Inputs[i] = in
	}
	s := base64.RawURLEncoding.EncodeToString(raw(sealed{user, token, time.Now().Add(modalLife).UTC(), f}))
	return a.sum("form", s) + "." + s
}

func (a *Adapter) unsealForm(view string) (f sealed, ok bool) {
	sum, s, _ := strings.Cut(view, ".")
	if !hmac.Equal([]byte(sum), []byte(a.sum("form", s))) {
		return f, false
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &f) != nil {
		return f, false
	}
	return f, time.Now().Before(f.Till)
}

// appSubmit takes what was filled into a window.
func (a *Adapter) appSubmit(ctx context.Context, t told) error {
	f, ok := a.unsealForm(t.View)
	if !ok || f.User != t.User.ID || len(t.Fields) > maxFields {
		return &refused{
			status: http.StatusGone, code: "form_over",
			message: "This form is over. Copy what you wrote, and press the button or use the command again.",
		}
	}
	values := url.Values{}
	for _, in := range f.Form.Inputs {
		v, given := t.Fields[in.Name]
		if !given { // clients leave out what was not touched
			v = in.Initial
		}
		values.Set(in.Name, v)
	}
	fields, problems := filled(f.Form, values)
	if len(problems) > 0 {
		return &refused{status: http.StatusUnprocessableEntity, code: "form", message: "Not sent yet: see what is marked.", fields: problems}
	}
	err := a.submit(ctx, f.Token, opened{form: f.Form, user: f.User}, fields)
	switch {
	case errors.Is(err, errNotRunning):
		return starting()
	case err != nil:
		a.log.ErrorContext(ctx, "a form of the companion app is not stored", "form", f.Form.ID, "err", err)
		return notStored()
	}
	a.forms.done(f.Token)
	return nil
}
