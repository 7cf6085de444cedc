package commands

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

const (
	acme       = "2244994945"
	beta       = "17"
	setup      = bot.ChannelRef("webchat:setup")
	incidents  = bot.ChannelRef("webchat:incidents")
	elsewhere  = bot.ChannelRef("webchat:random")
	supporters = bot.ChannelRef("webchat:support")
)

func TestMain(m *testing.M) {
	template.ChildMain() // templates are rendered in a process of their own
	os.Exit(m.Run())
}

func people() (ada, rio, sam, max bot.User) {
	return bot.User{Ref: "webchat:U_ada", Name: "Ada"}, bot.User{Ref: "webchat:U_rio", Name: "Rio"},
		bot.User{Ref: "webchat:U_sam", Name: "Sam"}, bot.User{Ref: "webchat:U_max", Name: "Max"}
}

// cast are the roles: Ada is admin, Rio responder, Sam agent, Max nobody.
type cast struct{ nobody, all bool }

func (c cast) IsAdmin(u bot.UserRef) bool     { return u == "webchat:U_ada" && !c.nobody || c.every(u) }
func (c cast) IsResponder(u bot.UserRef) bool { return u == "webchat:U_rio" || c.every(u) }
func (c cast) IsAgent(u bot.UserRef) bool     { return u == "webchat:U_sam" || c.every(u) }
func (c cast) every(u bot.UserRef) bool       { return c.all && u == "webchat:U_all" }
func (c cast) Responders() []bot.UserRef      { return []bot.UserRef{"webchat:U_rio"} }
func (c cast) Admins() []bot.UserRef {
	if c.nobody {
		return nil
	}
	return []bot.UserRef{"webchat:U_ada"}
}

// owner grants whatever is asked, as the account that is signed in.
type owner struct {
	profile accounts.Profile
	n       int
}

func (o *owner) AuthCodeURL(state, _ string) string {
	return "https://x.test/?" + url.Values{"state": {state}}.Encode()
}

func (o *owner) Exchange(context.Context, string, string) (accounts.Tokens, error) {
	o.n++
	return accounts.Tokens{Access: "a", Refresh: accounts.Secret(fmt.Sprint("r", o.n)), Expires: time.Now().Add(time.Hour), Scopes: accounts.RequiredScopes()}, nil
}

func (o *owner) Refresh(context.Context, string) (accounts.Tokens, error) {
	return accounts.Tokens{}, accounts.ErrGrantDead
}
func (o *owner) Me(context.Context, string) (accounts.Profile, error) { return o.profile, nil }
func (o *owner) Revoke(context.Context, accounts.Tokens) error        { return nil }

type xAccounts struct{ acc *accounts.Accounts }

func (x xAccounts) Account(tx store.Tx, id string) (incident.XAccount, bool, error) {
	list, err := x.acc.List(tx)
	for _, a := range list {
		if (a.ID == id || id == "" && a.Default) && a.State != accounts.Unauthorized {
			return incident.XAccount{ID: a.ID, Handle: a.Handle, Limit: a.Limit, Ready: a.State == accounts.Connected}, true, nil
		}
	}
	return incident.XAccount{}, false, err
}

type world struct {
	t     testing.TB
	db    store.Store
	ob    *outbox.Outbox
	in    *inbox.Inbox
	acc   *accounts.Accounts
	inc   *incident.Service
	desk  *desk.Desk
	r     *Router
	out   *outside
	owner *owner
	n     int
}

func newWorld(t testing.TB, roles cast, policy incident.Policy, change ...func(*world, *Deps)) *world {
	t.Helper()
	db := bolttest.Open(t)
	key, err := accounts.NewSealKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := accounts.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, owner: &owner{}, out: &outside{
		refuse: map[string]string{}, rooms: map[string]bot.Channel{}, reads: map[bot.MessageRef]bot.ReadResult{},
		homes: map[bot.UserRef]bot.Message{}, marks: map[bot.MessageRef]map[string]bool{},
	}}
	w.ob = outbox.New(db, outbox.Options{Exclusive: true, MaxAttempts: 3, Poll: time.Hour})
	w.in = inbox.New(db, inbox.Options{})
	w.acc = accounts.New(db, w.ob, sealer, accounts.Options{PublicURL: "https://perch.test", Authorizer: w.owner})
	w.inc = incident.NewService(w.ob, xAccounts{w.acc}, incident.Options{Templates: template.New(template.Options{}), Publish: policy})
	w.desk = desk.New(w.ob, desk.Options{Roles: roles, Accounts: w.acc})
	d := Deps{
		Outbox: w.ob, Inbox: w.in, Accounts: w.acc, Incidents: w.inc, Desk: w.desk, Roles: roles,
		SetupChannel: setup, IncidentsChannel: incidents, Version: "1.2.3",
	}
	for _, fn := range change {
		fn(w, &d)
	}
	w.r = New(d)
	for _, k := range append(further(),
		bot.KindPost, bot.KindEdit, bot.KindOpen, accounts.KindDM, accounts.KindPost, accounts.KindDelete, accounts.KindSubscribe, accounts.KindRevoke,
	) {
		w.ob.Register(k, w.out)
	}
	w.ob.Register(incident.KindRun, incident.NewWorkflowExecutor(w.inc, db))
	w.ob.Register(KindSaveWorkflow, WorkflowSaver{DB: db, Router: w.r})
	w.ob.Register(KindHomes, HomeKeeper{DB: db, Router: w.r})
	w.ob.OnChange(w.inc.ActionChanged)
	w.ob.OnChange(w.desk.ActionChanged)
	w.ob.OnChange(w.r.ActionChanged)
	w.ob.OnHold(w.r.HoldChanged)
	w.update(func(tx store.Tx) error {
		return w.desk.SetDepartment(tx, desk.Department{ID: "support", Name: "Support", Channel: supporters})
	})
	return w
}

// scene runs fn in a world in which the outbox works, on 20 November 2026 at noon.
func scene(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sceneOf(t, cast{}, incident.Policy{}, fn)
}

func sceneOf(t *testing.T, roles cast, policy incident.Policy, fn func(t *testing.T, w *world), change ...func(*world, *Deps)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
		w := newWorld(t, roles, policy, change...)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.ob.Run(ctx) }()
		w.update(w.r.EnsureSetup)
		synctest.Wait()
		fn(t, w)
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("outbox: %v", err)
		}
	})
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// connect has Ada connect an account.
func (w *world) connect(id, handle string) {
	w.t.Helper()
	w.owner.profile = accounts.Profile{ID: id, Handle: handle, Name: strings.ToUpper(handle), Subscription: "None"}
	var ticket string
	w.update(func(tx store.Tx) error {
		u, err := w.acc.Begin(tx, accounts.Requester{User: "webchat:U_ada", UserName: "Ada", Channel: string(setup)})
		_, ticket, _ = strings.Cut(u, "/x/start/")
		return err
	})
	page, cookie, err := w.acc.Start(w.t.Context(), ticket)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(page)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.acc.Finish(w.t.Context(), cookie, u.Query().Get("state"), "code", ""); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// handle delivers an event and returns what its person was told alone by it.
func (w *world) handle(ev bot.Event) (told []bot.Message) {
	w.t.Helper()
	w.n++
	ev.ID, ev.Platform, ev.At = fmt.Sprintf("ev%d", w.n), "webchat", time.Now()
	switch ev.Channel {
	case "":
		ev.Channel = elsewhere
	case homeless:
		ev.Channel = ""
	}
	w.out.mu.Lock()
	before := len(w.out.chat)
	w.out.mu.Unlock()
	w.update(func(tx store.Tx) error { return w.r.Handle(tx, ev) })
	<-time.After(time.Second)
	synctest.Wait()
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	for _, s := range w.out.chat[before:] {
		w.known(s.Message)
		if s.Only == ev.User.Ref {
			told = append(told, s.Message)
		} else if s.Only != "" && !strings.HasPrefix(s.key, "commands:told:") {
			w.t.Errorf("%s was told what %s asked for", s.Only, ev.User.Ref)
		}
	}
	return told
}

// known finds buttons that are shown and that nobody would handle.
func (w *world) known(m bot.Message) {
	w.t.Helper()
	for _, b := range m.Blocks {
		for _, x := range b.Buttons {
			if w.r.buttons[x.ID] == nil && !strings.HasPrefix(x.ID, "desk.") && x.URL == "" {
				w.t.Errorf("the button %q has the unknown ID %q", x.Label, x.ID)
			}
			if x.Label == "" || len([]rune(x.Label)) > 75 || strings.ContainsAny(x.ID, " \n") {
				w.t.Errorf("the button %+v does not fit into every chat", x)
			}
		}
	}
}

// say has a person write a command, "/twitter help", and returns the answer.
func (w *world) say(u bot.User, line string, change ...func(*bot.Event)) string {
	w.t.Helper()
	ev := bot.Event{Kind: bot.EventCommand, User: u}
	ev.Command, ev.Text, _ = strings.Cut(line, " ")
	for _, fn := range change {
		fn(&ev)
	}
	return w.show(w.handle(ev)...)
}

func inChannel(ch bot.ChannelRef) func(*bot.Event) { return func(ev *bot.Event) { ev.Channel = ch } }

func inThread(ref bot.MessageRef) func(*bot.Event) {
	return func(ev *bot.Event) { ev.Channel, ev.Thread = incidents, ref }
}
func withTrigger(ev *bot.Event) { ev.Trigger = "trigger" }

// press has a person press a button by its id, with the value it has now in
// the newest message that shows it.
func (w *world) press(u bot.User, id string) string {
	w.t.Helper()
	b, ok := w.button(id)
	if !ok {
		w.t.Fatalf("nobody sees a button %s", id)
	}
	return w.click(u, id, b.Value)
}

func (w *world) click(u bot.User, id, value string) string {
	w.t.Helper()
	return w.show(w.handle(bot.Event{Kind: bot.EventAction, User: u, Action: id, Value: value, Trigger: "trigger"})...)
}

func (w *world) submit(u bot.User, form, value string, fields map[string]string) string {
	w.t.Helper()
	return w.show(w.handle(bot.Event{Kind: bot.EventSubmit, User: u, Action: form, Value: value, Fields: fields})...)
}

func (w *world) button(id string) (bot.Button, bool) {
	for _, s := range slices.Backward(w.out.chat) {
		for _, b := range s.Blocks {
			for _, x := range b.Buttons {
				if x.ID == id {
					return x, true
				}
			}
		}
	}
	return bot.Button{}, false
}

func (w *world) form() bot.Form {
	w.t.Helper()
	if len(w.out.forms) == 0 {
		w.t.Fatal("no form was opened")
	}
	return w.out.forms[len(w.out.forms)-1]
}

// root is the message that stands for the nth incident.
func (w *world) root(n int) bot.MessageRef {
	w.t.Helper()
	for _, s := range w.out.chat {
		if strings.HasPrefix(s.key, "commands:incident:") {
			if n--; n == 0 {
				return s.ref
			}
		}
	}
	w.t.Fatal("no such incident in chat")
	return ""
}

// channel is what everybody sees in a channel.
func (w *world) channel(ch bot.ChannelRef) string {
	var list []bot.Message
	for _, s := range w.out.chat {
		if s.Only == "" && s.Channel == ch {
			list = append(list, s.Message)
		}
	}
	return w.show(list...)
}

// last is the newest message everybody sees in a channel.
func (w *world) last(ch bot.ChannelRef) string {
	for _, s := range slices.Backward(w.out.chat) {
		if s.Only == "" && s.Channel == ch {
			return w.show(s.Message)
		}
	}
	return ""
}

var volatile = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|/x/start/[\w-]+`)

// show writes messages as a person reads them.
func (w *world) show(list ...bot.Message) string {
	var b strings.Builder
	for i, m := range list {
		if i > 0 {
			b.WriteString("---\n")
		}
		if len(m.Blocks) == 0 {
			b.WriteString(m.Text + "\n")
		}
		for _, x := range m.Blocks {
			showBlock(&b, x)
		}
	}
	return strings.TrimSpace(volatile.ReplaceAllStringFunc(b.String(), func(s string) string {
		if strings.HasPrefix(s, "/x/start/") {
			return "/x/start/TICKET"
		}
		return "ID"
	}))
}

func showBlock(b *strings.Builder, x bot.Block) {
	switch x.Kind {
	case bot.BlockHeader:
		b.WriteString("# " + x.Text + "\n")
	case bot.BlockText:
		b.WriteString(spans(x.Spans) + "\n")
	case bot.BlockQuote:
		b.WriteString("> " + spans(x.Spans) + "\n")
	case bot.BlockContext:
		b.WriteString("(" + spans(x.Spans) + ")\n")
	case bot.BlockSteps:
		for i, s := range x.Items {
			fmt.Fprintf(b, "%d. %s\n", i+1, spans(s))
		}
	case bot.BlockFields:
		for _, f := range x.Fields {
			b.WriteString(f.Label + ": " + spans(f.Value) + "\n")
		}
	case bot.BlockActions:
		for _, p := range x.Buttons {
			fmt.Fprintf(b, "[%s]", p.Label)
			if p.URL != "" {
				b.WriteString(" " + p.URL)
			}
			if p.Confirm != "" {
				b.WriteString(" asks: " + p.Confirm)
			}
			b.WriteString("\n")
		}
	case bot.BlockPreview:
		for i, p := range x.Preview.Parts {
			fmt.Fprintf(b, "| @%s: %s (%d of %d)\n", x.Preview.Account, p, x.Preview.Counts[i], x.Preview.Limit)
		}
	case bot.BlockDivider:
		b.WriteString("----\n")
	case bot.BlockImage:
		b.WriteString("[picture]\n")
	}
}

func spans(list []bot.Span) string {
	var b strings.Builder
	for _, s := range list {
		switch {
		case s.Mention != "":
			b.WriteString("@" + string(s.Mention))
		case s.Channel != "":
			b.WriteString("#" + string(s.Channel))
		case s.Code:
			b.WriteString("`" + s.Text + "`")
		case s.URL != "":
			b.WriteString(s.Text + " <" + s.URL + ">")
		case s.Strike:
			b.WriteString("~" + s.Text + "~")
		default:
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

func has(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(got, s) {
			t.Errorf("%s = %q, want %q in it", what, got, s)
		}
	}
}

func hasNot(t *testing.T, what, got string, not ...string) {
	t.Helper()
	for _, s := range not {
		if strings.Contains(got, s) {
			t.Errorf("%s = %q, want no %q in it", what, got, s)
		}
	}
}
