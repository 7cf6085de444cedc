package slack_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// ledger is where the app is installed, in memory.
type ledger struct {
	mu     sync.Mutex
	all    map[string]slack.Installation
	broken []string
	err    error
	finds  int
}

func keep(all ...slack.Installation) *ledger {
	k := &ledger{all: map[string]slack.Installation{}}
	for _, i := range all {
		k.all[i.Team] = i
	}
	return k
}

func (k *ledger) Find(_ context.Context, team string) (slack.Installation, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.finds++
	i, ok := k.all[team]
	switch {
	case k.err != nil:
		return i, k.err
	case !ok:
		return i, slack.ErrNotInstalled
	}
	return i, nil
}

func (k *ledger) Teams(context.Context) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.all)), k.err
}

func (k *ledger) Broken(_ context.Context, i slack.Installation, code string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = append(k.broken, i.Team+" "+code)
	delete(k.all, i.Team)
	return nil
}

func (k *ledger) put(i slack.Installation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all[i.Team] = i
}

// installation is the app in the fake's first workspace.
func (w *workspace) installation() slack.Installation {
	return slack.Installation{
		Team: "T0ACME", Name: "Acme", App: "A0PERCH", BotUser: "U0PERCHBOT", BotID: "B0PERCH", BotName: "perch", Scopes: slackfake.AllScopes(),
		Token: "xoxb-perch-bot", At: time.Now().Add(-time.Hour).UTC(),
	}
}

func (w *workspace) workspaces(t *testing.T, k *ledger, change ...func(*slack.WorkspacesOptions)) *slack.Workspaces {
	t.Helper()
	o := slack.WorkspacesOptions{AppToken: "xapp-perch-app", SigningSecret: "signing-secret", APIURL: w.url + "/api/", Installations: k}
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, f := range change {
		f(&o)
	}
	ws, err := slack.NewWorkspaces(o)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// twoTeams is a Slack with the workspaces Acme and Beta, and the app in both.
type twoTeams struct {
	*workspace
	ledger *ledger
	app    *slack.Workspaces
	events *recorder
	beta   string // Beta's channel
}

func newTwoTeams(t *testing.T) *twoTeams {
	t.Helper()
	w := newWorkspace(t, slackfake.Options{})
	w.AddTeam("T0BETA", "Beta")
	w.AddUser(slackfake.User{Team: "T0BETA", Name: "bea", RealName: "Bea"})
	two := &twoTeams{workspace: w, ledger: keep(w.installation()), events: &recorder{}}
	two.beta = w.AddChannel(slackfake.Channel{Team: "T0BETA", Name: "support", Members: []string{"U0BEA", "U0BETABOT"}})
	two.app = w.workspaces(t, two.ledger)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- two.app.Run(ctx, two.events) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	await(t, w, "two connections", func() bool { return two.app.Stats().Sockets == 2 })
	return two
}

// recorder is a sink that keeps all.
type recorder struct {
	mu  sync.Mutex
	all []bot.Event
}

func (r *recorder) Deliver(_ context.Context, ev bot.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, ev)
	return nil
}

func (r *recorder) count(kind bot.EventKind) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range r.all {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

// find waits for an event.
func (two *twoTeams) find(t *testing.T, what string, is func(bot.Event) bool) (ev bot.Event) {
	t.Helper()
	await(t, two.workspace, what, func() bool {
		two.events.mu.Lock()
		defer two.events.mu.Unlock()
		for _, e := range two.events.all {
			if is(e) {
				ev = e
				return true
			}
		}
		return false
	})
	return ev
}

// install goes through Slack's OAuth as the app does, without a browser.
func (w *workspace) install(t *testing.T, team string) slack.Installation {
	t.Helper()
	const back = "https://perch.example/slack/oauth"
	i, err := w.installer(t, back).Exchange(t.Context(), w.InstallCode(team, back))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (w *workspace) installer(t *testing.T, back string) *slack.Installer {
	t.Helper()
	in, err := slack.NewInstaller(slack.InstallerOptions{ClientID: "client-id", ClientSecret: "client-secret", RedirectURL: back, APIURL: w.url + "/api/"})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestWorkspacesKeepApart(t *testing.T) {
	two := newTwoTeams(t)

	// Beta is unknown: what it says is acknowledged and forgotten.
	d := two.Command("U0BEA", two.beta, "/twitter", "too early")
	<-d.Done()
	if _, ok := d.Acked(); !ok {
		t.Error("a command of an unknown workspace was not acknowledged")
	}
	_, err := two.app.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:T0BETA:" + two.beta), Text: "too early"})
	e, ok := errors.AsType[*bot.Error](err)
	n, missing := errors.AsType[*slack.NotInstalled](err)
	if !ok || !e.Temporary || e.Code != slack.CodeNotInstalled || !missing || n.Team != "T0BETA" || !strings.Contains(e.Message, "install-link") {
		t.Fatalf("post to a workspace without perch = %v", err)
	}

	// It comes while everything runs.
	two.ledger.put(two.install(t, "T0BETA"))
	<-two.Command("U0BEA", two.beta, "/twitter", "help").Done()
	bea := two.find(t, "Bea's command", func(ev bot.Event) bool { return ev.Text == "help" })
	if bea.User.Ref != "slack:T0BETA:U0BEA" || bea.Channel != bot.ChannelRef("slack:T0BETA:"+two.beta) || bea.Trigger == "" {
		t.Errorf("Bea's command = %+v", bea)
	}
	<-two.Command(two.ada, two.channel, "/twitter", "accounts").Done()
	ada := two.find(t, "Ada's command", func(ev bot.Event) bool { return ev.Text == "accounts" })
	if ada.User.Ref != bot.UserRef("slack:T0ACME:"+two.ada) {
		t.Errorf("Ada's command = %+v", ada)
	}

	// Posts and forms land where they belong, by the token of that workspace.
	for _, x := range []struct {
		ev      bot.Event
		channel string
	}{{bea, two.beta}, {ada, two.channel}} {
		ref, err := two.app.Post(t.Context(), bot.Message{Channel: x.ev.Channel, Text: "hello", Key: string(x.ev.Channel)})
		if err != nil || !strings.HasPrefix(string(ref), string(x.ev.Channel)+":") {
			t.Errorf("post to %s = %q, %v", x.ev.Channel, ref, err)
		}
		if found, err := two.app.FindMessage(t.Context(), bot.Message{Channel: x.ev.Channel, Key: string(x.ev.Channel)}); err != nil || found != ref {
			t.Errorf("find in %s = %q, %v, want %q", x.ev.Channel, found, err, ref)
		}
		if err := two.app.Open(t.Context(), x.ev.Trigger, bot.Form{ID: "f", Title: "A form", Submit: "Go", Inputs: []bot.Input{{Name: "n", Label: "N"}}}); err != nil {
			t.Errorf("form in %s: %v", x.ev.Channel, err)
		}
	}
	if err := two.app.Open(t.Context(), "T0ACME|1.2", bot.Form{ID: "f", Title: "A form", Submit: "Go", Inputs: []bot.Input{{Name: "n", Label: "N"}}}); err == nil {
		t.Error("a form was opened with a trigger that is none")
	}
	if got := two.Messages(two.beta); len(got) != 1 {
		t.Errorf("Beta has %d messages, want its own", len(got))
	}

	// What names no workspace is refused while there are two.
	if _, err := two.app.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + two.channel), Text: "x"}); err == nil || !strings.Contains(err.Error(), "no_team") {
		t.Errorf("post without a workspace = %v", err)
	}
	if ref, err := two.app.EnsureChannel(t.Context(), "T0BETA:incidents", "", false); err != nil || !strings.HasPrefix(string(ref), "slack:T0BETA:") {
		t.Errorf("channel in Beta = %q, %v", ref, err)
	}
}

func TestOneOfSeveralNeedsNoTeam(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	app := w.workspaces(t, keep(w.installation()))
	ref, err := app.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + w.channel), Text: "from before"})
	if err != nil || !strings.HasPrefix(string(ref), "slack:T0ACME:") {
		t.Errorf("post to a ref of the time with one workspace = %q, %v", ref, err)
	}
}

// A workspace that ends takes nothing else along, and may come back.
func TestWorkspaceEnds(t *testing.T) {
	two := newTwoTeams(t)
	two.ledger.put(two.install(t, "T0BETA"))
	post := func(channel string) error {
		_, err := two.app.Post(t.Context(), bot.Message{Channel: bot.ChannelRef(channel), Text: "hello"})
		return err
	}
	beta, acme := "slack:T0BETA:"+two.beta, "slack:T0ACME:"+two.channel
	if err := post(beta); err != nil {
		t.Fatal(err)
	}

	// Slack says so.
	two.Uninstall("T0BETA")
	gone := two.find(t, "removal", func(ev bot.Event) bool { return ev.Kind == bot.EventRemoved })
	if gone.Team != "T0BETA" || gone.At.IsZero() {
		t.Errorf("removal = %+v", gone)
	}

	await(t, two.workspace, "both words of the end", func() bool { return two.events.count(bot.EventRemoved) == 2 })

	// It comes back, and what Slack tells late of its end does not end it again.
	two.ledger.put(two.install(t, "T0BETA"))
	two.app.Forget("T0BETA")
	before := len(two.Acks())
	for _, d := range two.Deliveries() {
		if d.EventType() == "app_uninstalled" {
			two.Redeliver(d)
		}
	}
	await(t, two.workspace, "acknowledgement of the late one", func() bool { return len(two.Acks()) > before })
	if n := two.events.count(bot.EventRemoved); n != 2 {
		t.Errorf("%d removals were told, want 2", n)
	}
	if err := post(beta); err != nil {
		t.Fatal(err)
	}

	// Nobody says so: it shows when something is sent, and is asked for twice.
	two.ledger.put(two.install(t, "T0BETA"))
	two.app.Forget("T0BETA")
	if err := post(beta); err != nil {
		t.Fatalf("after it was installed again: %v", err)
	}
	two.EndToken("T0BETA", "")
	if _, ok := errors.AsType[*slack.NotInstalled](post(beta)); !ok {
		t.Errorf("post with a token that ended = %v", post(beta))
	}
	if want := []string{"T0BETA token_revoked"}; !slices.Equal(two.ledger.broken, want) {
		t.Errorf("broken = %q, want %q", two.ledger.broken, want)
	}
	if err := post(acme); err != nil {
		t.Errorf("the other workspace: %v", err)
	}

	// A hiccup is no end: Slack is asked before anything is given up.
	two.AddFault(slackfake.Fault{Method: "chat.postMessage", Times: 1, Error: "token_revoked"})
	if err := post(acme); err == nil {
		t.Error("a refused post was no error")
	}
	if len(two.ledger.broken) != 1 {
		t.Errorf("broken = %q after a hiccup", two.ledger.broken)
	}
	if err := post(acme); err != nil {
		t.Errorf("after the hiccup: %v", err)
	}

	// What an allowlist of addresses says is no end either.
	two.AddFault(slackfake.Fault{Method: "chat.postMessage", Times: 1, Error: "invalid_auth"})
	two.AddFault(slackfake.Fault{Method: "auth.test", Times: 1, Error: "invalid_auth"})
	if e, ok := errors.AsType[*bot.Error](post(acme)); !ok || e.Code != "invalid_auth" || e.Temporary {
		t.Errorf("a post from an address that is not let in = %v", e)
	}
	if len(two.ledger.broken) != 1 {
		t.Errorf("broken = %q from an address that is not let in", two.ledger.broken)
	}
}

// In HTTP mode one address takes the requests of all workspaces.
func TestWorkspacesOverHTTP(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	w.AddTeam("T0BETA", "Beta")
	w.AddUser(slackfake.User{Team: "T0BETA", Name: "bea"})
	beta := w.AddChannel(slackfake.Channel{Team: "T0BETA", Name: "support", Members: []string{"U0BEA", "U0BETABOT"}})
	app := w.workspaces(t, keep(w.installation(), w.install(t, "T0BETA")), func(o *slack.WorkspacesOptions) { o.HTTPMode, o.AppToken = true, "" })
	srv := httptest.NewServer(app.Handler())
	defer srv.Close()
	w.SetRequestURLs(srv.URL, srv.URL, srv.URL)
	got := &recorder{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, got) }()
	await(t, w, "verified address", func() bool { return w.VerifyURL(t.Context()) == nil })
	await(t, w, "acknowledgement", func() bool { // the handler may be there before Run is
		d := w.Command("U0BEA", beta, "/twitter", "help")
		<-d.Done()
		_, ok := d.Acked()
		return ok
	})
	ts, err := w.PersonSays(w.ada, w.channel, "hello", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"slack:T0BETA:" + beta, "slack:T0ACME:" + w.channel + ":" + ts} {
		await(t, w, "event of "+want, func() bool {
			got.mu.Lock()
			defer got.mu.Unlock()
			return slices.ContainsFunc(got.all, func(ev bot.Event) bool { return string(ev.Channel) == want || string(ev.Message) == want })
		})
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// Another replica installed a workspace anew: the next call finds out.
func TestWorkspaceIsReplacedElsewhere(t *testing.T) {
	two := newTwoTeams(t)
	two.ledger.put(two.install(t, "T0BETA"))
	msg := bot.Message{Channel: bot.ChannelRef("slack:T0BETA:" + two.beta), Text: "hello"}
	if _, err := two.app.Post(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	two.EndToken("T0BETA", "")
	two.ledger.put(two.install(t, "T0BETA")) // by the other one
	_, err := two.app.Post(t.Context(), msg)
	if e, ok := errors.AsType[*bot.Error](err); !ok || !e.Temporary {
		t.Fatalf("post with the old token = %v, want one to try again", err)
	}
	if _, err := two.app.Post(t.Context(), msg); err != nil {
		t.Errorf("post with the new token: %v", err)
	}
	if len(two.ledger.broken) != 0 {
		t.Errorf("broken = %q", two.ledger.broken)
	}
}

// What can't be looked up now is not acknowledged: Slack tells it again.
func TestWorkspaceCannotBeLookedUp(t *testing.T) {
	two := newTwoTeams(t)
	two.ledger.mu.Lock()
	two.ledger.err = errors.New("the disk is full")
	two.ledger.mu.Unlock()
	d := two.Command(two.ada, two.channel, "/twitter", "lost")
	await(t, two.workspace, "refusal", func() bool { return two.app.Stats().Refused > 0 })
	if _, ok := d.Acked(); ok {
		t.Error("it was acknowledged")
	}
}

// Workspaces can do whatever one Adapter can.
func TestWorkspacesHandEverythingOn(t *testing.T) {
	one, all := reflect.TypeFor[*slack.Adapter](), reflect.TypeFor[*slack.Workspaces]()
	for m := range one.Methods() {
		got, ok := all.MethodByName(m.Name)
		if !ok {
			t.Errorf("Workspaces has no %s", m.Name)
			continue
		}
		want := m.Type.String()
		if strings.ReplaceAll(got.Type.String(), "Workspaces", "Adapter") != want {
			t.Errorf("%s is %s, want %s", m.Name, got.Type, want)
		}
	}
	for _, ability := range []reflect.Type{
		reflect.TypeFor[bot.Editor](), reflect.TypeFor[bot.Reactor](), reflect.TypeFor[bot.Opener](), reflect.TypeFor[bot.Finder](),
		reflect.TypeFor[bot.Channeler](), reflect.TypeFor[bot.Linker](), reflect.TypeFor[bot.Pinner](), reflect.TypeFor[bot.Homer](),
		reflect.TypeFor[bot.Grouper](), reflect.TypeFor[bot.Directory](), reflect.TypeFor[bot.Inspector](), reflect.TypeFor[bot.Inviter](),
		reflect.TypeFor[bot.Archiver](), reflect.TypeFor[bot.Reader](), reflect.TypeFor[bot.Historian](), reflect.TypeFor[bot.Filer](),
	} {
		if !one.Implements(ability) {
			t.Errorf("the adapter of a workspace can't do %s", ability)
		}
	}
}

func TestInstallerChecks(t *testing.T) {
	const back = "https://perch.example/slack/oauth"
	w := newWorkspace(t, slackfake.Options{RedirectURLs: []string{back}})
	w.AddTeam("T0BETA", "Beta")
	in := w.installer(t, back)

	i := w.install(t, "T0BETA")
	if i.Team != "T0BETA" || i.Name != "Beta" || i.BotUser != "U0BETABOT" || i.BotID != "B0BETA" || i.App != "A0PERCH" || i.Token.Reveal() == "" || time.Since(i.At) > time.Minute {
		t.Errorf("Exchange = %+v", i)
	}
	for _, text := range []string{i.Token.String(), slog.AnyValue(i).String()} {
		if strings.Contains(text, "xoxb-") {
			t.Errorf("the token is shown: %s", text)
		}
	}
	for _, c := range w.Calls("oauth.v2.access") {
		if len(c.Args) == 0 || c.Args["client_secret"] != nil {
			t.Errorf("the client secret is among the parameters: %v", c.Args)
		}
	}

	code := w.InstallCode("T0BETA", back)
	if _, err := in.Exchange(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	_, err := in.Exchange(t.Context(), code)
	if err == nil || !strings.Contains(slack.InstallProblem(err), "Open the link again") {
		t.Errorf("a code used twice = %v", err)
	}
	if _, err := in.Exchange(t.Context(), w.InstallCode("T0BETA", "https://elsewhere.example/")); err == nil || !strings.Contains(slack.InstallProblem(err), "redirect URLs") {
		t.Errorf("a code for another address = %v", err)
	}
	wrong, err := slack.NewInstaller(slack.InstallerOptions{ClientID: "client-id", ClientSecret: "x", RedirectURL: back, APIURL: w.url + "/api/"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Exchange(t.Context(), w.InstallCode("T0BETA", back)); err == nil || !strings.Contains(slack.InstallProblem(err), "client ID and secret") {
		t.Errorf("a wrong secret = %v", err)
	}
	w.SetScopes("T0BETA", "chat:write", "commands")
	_, err = in.Exchange(t.Context(), w.InstallCode("T0BETA", back))
	if missing, ok := errors.AsType[slack.MissingScopes](err); !ok || !slices.Contains(missing, "groups:history") || !strings.Contains(slack.InstallProblem(err), "groups:history") {
		t.Errorf("too few scopes = %v", err)
	}
}
