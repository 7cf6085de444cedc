package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

const (
	acme  = "2000000000000000001" // the account that Perch runs
	casey = "2000000000000000002" // a customer
	noor  = "2000000000000000003" // another
)

// network joins hosts by names, without sockets, so that time can be played.
type network struct {
	mu    sync.Mutex
	hosts map[string]*pipeListener
}

func (n *network) listen(host string) *pipeListener {
	l := &pipeListener{name: host, conns: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host+":80"] = l
	return l
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.hosts[addr]
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	if l == nil {
		return nil, refused
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	name  string
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.name) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) + ":80" }

// world is the whole program between a stand-in of X and a scripted chat.
type world struct {
	t    *testing.T
	net  *network
	http *http.Transport
	x    *xfake.Server
	chat *scripted
	data string
	app  *App
	n    int

	public string // Perch's host
	conf   func(*config.Config)
	opt    func(*Options)
	cancel context.CancelFunc
	done   chan error
}

// play runs fn in a world of its own with its own time, in 2026.
func play(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
		w := &world{t: t, net: &network{hosts: map[string]*pipeListener{}}, chat: newScripted(), data: t.TempDir(), public: "perch.test"}
		w.http = &http.Transport{DialContext: w.net.dial}
		w.x = xfake.New(xfake.Options{
			ClientID: xClientID, ClientSecret: xClientSecret, ConsumerKey: xConsumerKey, ConsumerSecret: xConsumerSecret, Bearer: xBearer,
			RedirectURLs: []string{"http://perch.test/x/callback", "http://new.test/x/callback"}, PublicURL: "http://x.test",
			AllowHTTPWebhooks: true, HTTP: &http.Client{Transport: w.http, Timeout: 10 * time.Second},
		})
		w.x.AddUser(xfake.User{ID: acme, Handle: "acme", Name: "Acme"})
		w.x.AddUser(xfake.User{ID: casey, Handle: "casey", Name: "Casey"})
		w.x.AddUser(xfake.User{ID: noor, Handle: "noor", Name: "Noor"})
		srv := &http.Server{Handler: w.x.Handler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), ReadHeaderTimeout: time.Minute}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = srv.Serve(w.net.listen("x.test")) // ends with Close
		}()
		defer func() {
			if w.cancel != nil {
				w.stop()
			}
			if err := w.x.Close(context.Background()); err != nil {
				t.Error(err)
			}
			w.http.CloseIdleConnections()
			_ = srv.Close()
			<-served
		}()
		fn(t, w)
	})
}

func (w *world) config() config.Config {
	c := config.Default()
	c.PublicURL, c.Data = "http://"+w.public, w.data
	c.EncryptionKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	c.X = config.X{
		ClientID: xClientID, ClientSecret: xClientSecret, ConsumerKey: xConsumerKey, ConsumerSecret: xConsumerSecret, BearerToken: xBearer,
		APIBase: "http://x.test", AuthorizeURL: "http://x.test/i/oauth2/authorize", Webhook: true, PollInterval: config.Duration(5 * time.Minute),
	}
	c.Team = config.Team{Admins: []string{"webchat:U_ada"}, Agents: []string{"webchat:U_sam"}}
	c.Channels = config.Channels{Setup: "webchat:setup", Incidents: "webchat:incidents"}
	c.Departments = []config.Department{{Name: "Support", Channel: "webchat:support", OnDuty: []string{"webchat:U_sam"}}}
	if w.conf != nil {
		w.conf(&c)
	}
	return c
}

// start runs Perch. It may be called again after stop.
func (w *world) start() {
	w.t.Helper()
	o := Options{
		Config: w.config(), Version: "test", Listener: w.net.listen(w.public), Platforms: []bot.Platform{w.chat},
		PostURL:   func(handle, id string) string { return "http://x.test/" + handle + "/status/" + id },
		transport: w.http, noControl: true,
	}
	if w.opt != nil {
		w.opt(&o)
	}
	a, err := New(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.app, w.cancel, w.done = a, cancel, make(chan error, 1)
	go func() { w.done <- a.Run(ctx) }()
	synctest.Wait()
}

func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	w.cancel = nil
	if err := <-w.done; err != nil {
		w.t.Errorf("Run = %v", err)
	}
}

// wait lets time pass, and what is to happen then.
func (w *world) wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// settle lets what can be done now be done, and be stored.
func (w *world) settle() { w.wait(2 * linger) }

// connect has the account's owner connect it.
func (w *world) connect() accounts.Account {
	w.t.Helper()
	var ticket string
	w.update(func(tx store.Tx) error {
		u, err := w.app.Accounts.Begin(tx, accounts.Requester{User: "webchat:U_ada", UserName: "Ada", Channel: "webchat:setup"})
		_, ticket, _ = strings.Cut(u, "/x/start/")
		return err
	})
	page, cookie, err := w.app.Accounts.Start(w.t.Context(), ticket)
	if err != nil {
		w.t.Fatal(err)
	}
	back, err := w.x.Authorize(page, acme, true)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		w.t.Fatal(err)
	}
	acc, err := w.app.Accounts.Finish(w.t.Context(), cookie, u.Query().Get("state"), u.Query().Get("code"), "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.settle()
	return acc
}

// begin starts Perch with the account connected.
func (w *world) begin() {
	w.t.Helper()
	w.start()
	w.connect()
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.app.DB.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// add puts an action into the outbox and lets it be carried out.
func (w *world) add(a outbox.Action, payload any) string {
	w.t.Helper()
	w.n++
	if a.Key == "" {
		a.Key = fmt.Sprintf("test:%d", w.n)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		w.t.Fatal(err)
	}
	a.Payload = raw
	w.update(func(tx store.Tx) (err error) {
		a, _, err = w.app.Outbox.Add(tx, a)
		return err
	})
	w.settle()
	return a.ID
}

func (w *world) post(x accounts.XPost) string {
	w.t.Helper()
	x.Account = acme
	return w.add(outbox.Action{Kind: accounts.KindPost, Order: "x.post:" + acme, Lanes: accounts.Lanes(acme, "post")}, x)
}

func (w *world) dm(to, text string) string {
	w.t.Helper()
	return w.add(outbox.Action{Kind: accounts.KindDM, Order: "x.dm:" + acme + ":" + to, Lanes: accounts.Lanes(acme, "dm")},
		accounts.XDM{Account: acme, Recipient: to, Text: text})
}

func (w *world) action(id string) (a outbox.Action) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) {
		a, err = w.app.Outbox.Get(tx, id)
		return err
	})
	return a
}

// want checks where an action stands, and why.
func (w *world) want(id string, s outbox.State, code string) outbox.Action {
	w.t.Helper()
	a := w.action(id)
	got := ""
	if a.Failure != nil {
		got = a.Failure.Code
	}
	if a.State != s || got != code {
		w.t.Errorf("action is %s %q, want %s %q: %+v", a.State, got, s, code, a.Failure)
	}
	return a
}

func (w *world) posted(id string) (p accounts.XPosted) {
	w.t.Helper()
	a := w.want(id, outbox.Done, "")
	if err := json.Unmarshal(a.Result, &p); err != nil {
		w.t.Fatalf("result %q: %v", a.Result, err)
	}
	return p
}

// posts are what the public sees of the account.
func (w *world) posts() []string {
	var texts []string
	for _, p := range w.x.Posts(acme) {
		if !p.Deleted {
			texts = append(texts, p.Text)
		}
	}
	return texts
}

// holds are what stands still, "lane code".
func (w *world) holds() (list []string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		list = nil
		holds, err := w.app.Outbox.Holds(tx)
		for _, h := range holds {
			list = append(list, strings.TrimPrefix(h.Lane, accounts.Lane(acme))+" "+h.Code)
		}
		return err
	})
	return list
}

// fail orders the next calls of a kind to go wrong.
func (w *world) fail(method, path string, f xfake.Fault) {
	f.Method, f.Path = method, path
	w.x.AddFault(f)
}
