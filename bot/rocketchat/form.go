package rocketchat

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

// FormPath is where the forms are, below Perch's own address: Rocket.Chat lets
// nobody but its own apps show any.
const FormPath = "/rocketchat/form/"

const (
	formLife    = 30 * time.Minute
	maxForms    = 500 // that wait at once
	maxOfPerson = 20
	maxInput    = 20_000 // characters of one field, where the form says nothing
)

// opened is a form that a person was given the address of.
type opened struct {
	form bot.Form
	user string // the person's ID
	seal string // what the page has to send back, see formPages.serve
	till time.Time
	sent bool
}

// forms are those that people may fill in. They are kept in memory: after a
// restart the page says to press the button again.
type forms struct {
	mu   sync.Mutex
	open map[string]*opened // by the token in the address
}

// put keeps a form and returns its token, a new one if it has none. The oldest
// give way to it.
func (f *forms) put(token string, o opened, now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = map[string]*opened{}
	}
	maps.DeleteFunc(f.open, func(_ string, o *opened) bool { return !now.Before(o.till) })
	f.shed(maxOfPerson, func(x *opened) bool { return x.user == o.user })
	f.shed(maxForms, func(*opened) bool { return true })
	o.till, o.seal, token = now.Add(formLife), rand.Text(), cmp.Or(token, rand.Text())
	f.open[token] = &o
	return token
}

// shed drops the oldest until there is room for one more. The lock is held.
func (f *forms) shed(most int, of func(*opened) bool) {
	var list []string
	for t, o := range f.open {
		if of(o) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(x, y string) int { return f.open[x].till.Compare(f.open[y].till) })
	for _, t := range list[:max(0, len(list)-most+1)] {
		delete(f.open, t)
	}
}

func (f *forms) get(token string, now time.Time) (opened, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.open[token]
	if !ok || !now.Before(o.till) {
		return opened{}, false
	}
	return *o, true
}

// done says that a form was sent: it can't be sent again.
func (f *forms) done(token string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o := f.open[token]; o != nil {
		o.sent = true
	}
}

// triggerFor lets a person be shown a form; empty where there is no address
// that one could be shown at.
func (a *Adapter) triggerFor(u person) string {
	if a.o.PublicURL == "" || !idRE.MatchString(u.ID) {
		return ""
	}
	return "user:" + u.ID
}

// Open gives a person the address of a form, in the room that they have with
// the bot alone. See [bot.Opener].
func (a *Adapter) Open(ctx context.Context, trigger string, f bot.Form) error {
	uid, ok := strings.CutPrefix(trigger, "user:")
	token := ""
	if t, app := appTriggered(trigger); app {
		if token, ok = a.modal(ctx, t, f); ok {
			return nil
		}
		uid, ok = t.user, true
	}
	if !ok || !idRE.MatchString(uid) || a.o.PublicURL == "" {
		return &bot.Error{Code: "no_trigger", Message: "This form can't be shown here. Use the command with words behind it instead; its help says how."}
	}
	if len(f.Inputs) == 0 {
		return &bot.Error{Code: "bad_form", Message: "This form asks for nothing."}
	}
	token = a.forms.put(token, opened{form: f, user: uid}, time.Now())
	where := "Rocket.Chat shows no forms of bots, so this one is a page of Perch. It is for you alone, works once and for 30 minutes."
	_, err := a.Post(ctx, bot.Message{
		Only: userRef(uid), Text: f.Title + ": fill the form in",
		Blocks: []bot.Block{
			bot.Para(bot.Bold(f.Title)), bot.Actions(bot.Button{ID: "form", Label: "Open the form", URL: a.o.PublicURL + FormPath + url.PathEscape(token), Style: bot.ButtonPrimary}),
			bot.Context(bot.Plain(where)),
		},
	})
	return err
}

// filled reads what was filled in. problems say, by the name of an input, what
// is wrong with it.
func filled(f bot.Form, values url.Values) (fields, problems map[string]string) {
	fields, problems = map[string]string{}, map[string]string{}
	for _, in := range f.Inputs {
		v := strings.ReplaceAll(clean(values.Get(in.Name)), "\r", "")
		most := in.Max
		if most <= 0 || most > maxInput {
			most = maxInput
		}
		fields[in.Name] = v
		switch {
		case strings.TrimSpace(v) == "" && !in.Optional:
			problems[in.Name] = "Please fill this in."
		case utf8.RuneCountInString(v) > most:
			problems[in.Name] = "This is too long."
		case len(in.Options) > 0 && v != "" && !slices.ContainsFunc(in.Options, func(o bot.Option) bool { return o.Value == v }):
			problems[in.Name] = "Please choose one of the list."
		}
	}
	return fields, problems
}

// errNotRunning: nobody takes events now.
var errNotRunning = errors.New("rocketchat: the adapter is not running")

// submit hands over what was filled in. A repeat has the same ID.
func (a *Adapter) submit(ctx context.Context, token string, o opened, fields map[string]string) error {
	sink := a.sink.Load()
	if sink == nil {
		return errNotRunning
	}
	p, err := a.person(ctx, o.user)
	if err != nil {
		return err
	}
	return (*sink).Deliver(ctx, bot.Event{
		ID: "form:" + token, Platform: Platform, Kind: bot.EventSubmit, At: time.Now().UTC(), User: p.user(),
		Action: o.form.ID, Value: o.form.Value, Fields: fields, Channel: o.form.Channel, Thread: o.form.Thread, Trigger: a.triggerFor(p),
	})
}
