package app_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"maps"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

// bureau is a Rocket.Chat with a customer service, an X and a Perch between
// them, whose configuration names no department.
type bureau struct {
	t      *testing.T
	rc     *rcfake.Server
	x      *xfake.Server
	c      config.Config
	public string
	app    *app.App
	stop   func()
}

const hq = "1001" // the account; customers follow it: 1002, 1003, …

func newBureau(t *testing.T, change ...func(b *bureau)) *bureau {
	t.Helper()
	return newBureauOf(t, rcfake.Options{}, change...)
}

func newBureauOf(t *testing.T, o rcfake.Options, change ...func(b *bureau)) *bureau {
	t.Helper()
	b := &bureau{t: t, rc: rcfake.New(o)}
	srv := httptest.NewServer(b.rc.Handler())
	t.Cleanup(func() {
		b.rc.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	b.rc.AddUser(rcfake.User{Username: "sam", Name: "Sam Lee", Agent: true})
	ln := listen(t)
	b.public = ln.Addr().String()
	_ = ln.Close() // each start listens there anew
	b.x = xfake.New(xfake.Options{AllowHTTPWebhooks: true, RedirectURLs: []string{"http://" + b.public + "/x/callback"}})
	b.x.AddUser(xfake.User{ID: hq, Handle: "larkspur_hq", Name: "Larkspur"})
	b.x.AddUser(xfake.User{ID: "1002", Handle: "casey_r", Name: "Casey Rivera"})
	xs := httptest.NewServer(b.x.Handler())
	t.Cleanup(xs.Close)
	t.Cleanup(func() { _ = b.x.Close(context.WithoutCancel(t.Context())) })

	c := config.Default()
	c.PublicURL, c.Data = "http://"+b.public, t.TempDir()
	c.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.X.ClientID, c.X.ClientSecret, c.X.ConsumerKey, c.X.ConsumerSecret, c.X.BearerToken = "client-id", "client-secret", "consumer-key", "consumer-secret", "app-bearer"
	c.X.APIBase, c.X.AuthorizeURL = xs.URL, xs.URL+"/i/oauth2/authorize"
	id, token := b.rc.Bot()
	c.Chat.RocketChat.URL, c.Chat.RocketChat.UserID, c.Chat.RocketChat.Token = srv.URL, id, config.Secret(token)
	c.Desk.Welcome, c.Desk.Finished, c.Desk.ServiceUnavailable = "Welcome!", "Goodbye!", "Nobody is here now."
	b.c = c
	for _, fn := range change {
		fn(b)
	}
	b.start()
	b.connect()
	return b
}

// start runs Perch until the test ends or it is stopped.
func (b *bureau) start() {
	b.t.Helper()
	log := logs(b.t)
	platforms, routes, err := app.Chats(b.c, log)
	if err != nil {
		b.t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", b.public)
	if err != nil {
		b.t.Fatal(err)
	}
	ready := make(chan struct{})
	b.app, err = app.New(b.t.Context(), app.Options{
		Config: b.c, Log: log, Listener: ln, Platforms: platforms, Routes: routes, Version: "test", Ready: func() { close(ready) },
		Ladder: []time.Duration{50 * time.Millisecond, 100 * time.Millisecond}, Recheck: 100 * time.Millisecond,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.app.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("perch did not end well: %v", err)
		}
	})
	b.t.Cleanup(b.stop)
	<-ready
}

// connect has the account's owner connect it.
func (b *bureau) connect() {
	b.t.Helper()
	var ticket string
	err := b.app.DB.Update(b.t.Context(), func(tx store.Tx) error {
		u, err := b.app.Accounts.Begin(tx, accounts.Requester{User: "rocketchat:Uada", UserName: "Ada", Channel: "rocketchat:setup"})
		_, ticket, _ = strings.Cut(u, "/x/start/")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	page, cookie, err := b.app.Accounts.Start(b.t.Context(), ticket)
	if err != nil {
		b.t.Fatal(err)
	}
	back, err := b.x.Authorize(page, hq, true)
	if err != nil {
		b.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.app.Accounts.Finish(b.t.Context(), cookie, u.Query().Get("state"), u.Query().Get("code"), ""); err != nil {
		b.t.Fatal(err)
	}
	// What is written before X knows where to deliver it comes by another way, and
	// maybe after what is written next.
	b.until("word on where X delivers", func() (over bool) {
		err := b.app.DB.View(b.t.Context(), func(tx store.Tx) error {
			all, err := b.app.Outbox.BySubject(tx, "account:"+hq)
			for _, a := range all {
				over = over || a.Kind == accounts.KindSubscribe && a.State == outbox.Done
			}
			return err
		})
		return over && err == nil
	})
}

// until waits until is says true.
func (b *bureau) until(what string, is func() bool) {
	b.t.Helper()
	end := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			var all strings.Builder
			for _, r := range b.rc.Rooms("") {
				fmt.Fprintf(&all, "%s of %s, agent %s, open %v: %q\n", r.ID, r.Visitor, r.Agent, r.Open, b.said(r.ID))
			}
			b.t.Fatalf("still no %s; X has %q; rooms:\n%s", what, b.has("1002"), all.String())
		}
	}
}

// writes has a customer write.
func (b *bureau) writes(from, text string, files ...xfake.File) {
	b.t.Helper()
	if _, err := b.x.SendDMAs(from, hq, text, files...); err != nil {
		b.t.Fatal(err)
	}
}

// has is what a customer got from the account.
func (b *bureau) has(who string) (out []string) {
	for _, m := range b.x.DMs(hq, who) {
		if m.From == hq {
			out = append(out, m.Text)
		}
	}
	return out
}

func (b *bureau) gets(want ...string) {
	b.t.Helper()
	b.until("messages at the customer: "+strings.Join(want, " | "), func() bool {
		got := b.has("1002")
		if len(got) > len(want) {
			b.t.Fatalf("the customer has %q, want %q", got, want)
		}
		return slices.Equal(got, want)
	})
}

// said is what is written in a room, and by whom.
func (b *bureau) said(rid string) (out []string) {
	for _, m := range b.rc.Messages(rid) {
		switch {
		case m.Kind != "":
		case m.Visitor:
			out = append(out, "customer: "+m.Text)
		case m.Username == "twitter.bot":
			out = append(out, "bot: "+m.Text)
		default:
			out = append(out, m.Username+": "+m.Text)
		}
	}
	return out
}

// customers is what customers wrote in a room.
func (b *bureau) customers(rid string) (out []string) {
	for _, s := range b.said(rid) {
		if text, ok := strings.CutPrefix(s, "customer: "); ok {
			out = append(out, text)
		}
	}
	return out
}

// room is the newest of the customers' rooms, once there are n.
func (b *bureau) room(n int) string {
	b.t.Helper()
	b.until(fmt.Sprint(n, " rooms"), func() bool { return len(b.rc.Rooms("l")) >= n })
	all := b.rc.Rooms("l")
	if len(all) != n {
		b.t.Fatalf("%d rooms, want %d: %+v", len(all), n, all)
	}
	return all[n-1].ID
}

func (b *bureau) answers(rid, text string, files ...rcfake.Attached) (id string) {
	b.t.Helper()
	id, err := b.rc.Say(rcfake.Says{Who: "sam", Room: rid, Text: text, Files: files})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// reads waits until a room has a message with a text.
func (b *bureau) reads(rid, text string) (found rcfake.Message) {
	b.t.Helper()
	b.until("message that reads "+text, func() bool {
		for _, m := range b.rc.Messages(rid) {
			if strings.Contains(m.Text, text) || strings.Contains(plain(m.Text), text) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func picture(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestOmnichannel is a customer's conversation from its first word to the one
// after its end.
func TestOmnichannel(t *testing.T) {
	b := newBureau(t)
	b.writes("1002", "Is the *next train* running?")
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.until("customer's words", func() bool {
		return slices.Equal(b.customers(rid), []string{"Is the \\*next train\\* running?", "Hello?"})
	})
	b.gets("Welcome!")
	got := b.rc.Rooms("l")[0]
	if got.Visitor != "Casey Rivera (@casey_r) on X" || got.Agent != "sam" {
		t.Errorf("the room is %+v", got)
	}

	// Answers, notes, words to the bot, a change too late.
	id := b.answers(rid, "Yes, it is **on time**.")
	b.answers(rid, "// they called twice")
	b.answers(rid, "@twitter.bot claim")
	b.reads(rid, "own buttons")
	b.answers(rid, "Platform 3.")
	b.gets("Welcome!", "Yes, it is on time.", "Platform 3.")
	if err := b.rc.Edit("sam", rid, id, "No."); err != nil {
		t.Fatal(err)
	}
	b.reads(rid, "The customer still sees your first text: “Yes, it is on time.”")
	if err := b.rc.Delete("sam", rid, id); err != nil {
		t.Fatal(err)
	}
	b.reads(rid, "The customer still has this message")

	// Files both ways.
	b.writes("1002", "The board", xfake.File{Name: "board.png", Type: "image/png", Data: picture(t)})
	b.until("customer's picture", func() bool {
		for _, m := range b.rc.Messages(rid) {
			if m.Visitor && len(m.FileIDs) == 1 && bytes.Equal(b.rc.File(m.FileIDs[0]), picture(t)) {
				return true
			}
		}
		return false
	})
	b.answers(rid, "The plan", rcfake.Attached{Name: "plan.png", Type: "image/png", Data: picture(t)})
	b.until("agent's picture on X", func() bool {
		for _, m := range b.x.DMs(hq, "1002") {
			if m.From == hq && m.Text == "The plan" && len(m.MediaIDs) == 1 {
				f, ok := b.x.Media(m.MediaIDs[0])
				return ok && bytes.Equal(f.Data, picture(t))
			}
		}
		return false
	})
	b.answers(rid, "", rcfake.Attached{Name: "plan.pdf", Type: "application/pdf", Data: []byte("%PDF-1.7")})
	b.reads(rid, "plan.pdf can't go to X")

	// Who serves them is Rocket.Chat's to say, and an answer of anybody's counts.
	b.rc.AddUser(rcfake.User{Username: "lee", Name: "Lee", Agent: true})
	if err := b.rc.Forward("sam", rid, "lee", ""); err != nil {
		t.Fatal(err)
	}
	if err := b.rc.Hold("lee", rid); err != nil {
		t.Fatal(err)
	}
	b.until("Lee as the one who serves", func() (is bool) {
		err := b.app.DB.View(t.Context(), func(tx store.Tx) error {
			own, err := b.app.Desk.Owned(tx, "rocketchat:Ulee")
			is = len(own) == 1 && own[0].OwnerName == "Lee"
			return err
		})
		return is && err == nil
	})

	// What X does not take.
	if err := b.x.SetDMsClosed("1002", true); err != nil {
		t.Fatal(err)
	}
	b.answers(rid, "Anything else?")
	note := b.reads(rid, "⚠ Not sent: “Anything else?”")
	if err := b.x.SetDMsClosed("1002", false); err != nil {
		t.Fatal(err)
	}
	for _, x := range note.Buttons {
		if x.Text == "Retry" {
			b.answers(rid, x.Msg)
		}
	}
	b.gets("Welcome!", "Yes, it is on time.", "Platform 3.", "The plan", "Anything else?")

	// The end, and what comes after it.
	if err := b.rc.CloseRoom("sam", rid, "solved"); err != nil {
		t.Fatal(err)
	}
	b.gets("Welcome!", "Yes, it is on time.", "Platform 3.", "The plan", "Anything else?", "Goodbye!")
	b.writes("1002", "One more thing")
	next := b.room(2)
	b.until("new question", func() bool { return slices.Equal(b.customers(next), []string{"One more thing"}) })
	b.answers(next, "Yes?")
	b.gets("Welcome!", "Yes, it is on time.", "Platform 3.", "The plan", "Anything else?", "Goodbye!", "Yes?")
	b.until("signs of what X took, on answers alone", func() bool {
		var signed []string
		for _, m := range b.rc.Messages(rid) {
			if len(m.Reactions) > 0 {
				signed = append(signed, fmt.Sprint(m.Username, ": ", m.Text, " ", slices.Collect(maps.Keys(m.Reactions))))
			}
		}
		return slices.Equal(signed, []string{
			"sam: // they called twice [:lock:]", "sam: Platform 3. [:white_check_mark:]",
			"sam: The plan [:white_check_mark:]", "sam:  [:warning:]", "sam: Anything else? [:white_check_mark:]",
		})
	})
}

// TestOmnichannelMention: an answer to a public post is looked at in the room
// before it is public too.
func TestOmnichannelMention(t *testing.T) {
	b := newBureau(t)
	p, err := b.x.MentionAs("1002", "@larkspur_hq is the next train running?")
	if err != nil {
		t.Fatal(err)
	}
	rid := b.room(1)
	b.reads(rid, "is the next train running?")
	b.answers(rid, "Yes, in 5 minutes.")
	preview := b.reads(rid, "Everybody will see this answer")
	if got := b.x.Posts(hq); len(got) != 0 || len(b.has("1002")) != 0 {
		t.Fatalf("it went out without a look: %+v %q", got, b.has("1002"))
	}
	for _, x := range preview.Buttons {
		if x.Text == "Post on X" {
			b.answers(rid, x.Msg)
		}
	}
	b.until("answer on X", func() bool {
		got := b.x.Posts(hq)
		return len(got) == 1 && strings.HasSuffix(got[0].Text, "Yes, in 5 minutes.") && got[0].InReplyTo == p.ID
	})
	b.reads(rid, "Posted")
	if got := b.has("1002"); len(got) != 0 {
		t.Errorf("the customer also got %q", got)
	}
}

// TestOmnichannelNobodyThere: customers are told once that nobody is online,
// and what they wrote is there when an agent comes.
func TestOmnichannelNobodyThere(t *testing.T) {
	b := newBureau(t, func(b *bureau) { b.rc.SetOffline("sam", true) })
	b.writes("1002", "Hello?")
	b.gets("Nobody is here now.")
	b.writes("1002", "Anybody?")
	b.until("further tries", func() bool {
		n := len(b.rc.Calls("GET livechat/room"))
		return n > 2
	})
	b.gets("Nobody is here now.")
	if rooms := b.rc.Rooms("l"); len(rooms) != 0 {
		t.Errorf("rooms without an agent: %+v", rooms)
	}
	b.rc.SetOffline("sam", false)
	rid := b.room(1)
	b.until("what was written", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?", "Anybody?"}) })
	b.answers(rid, "Here I am.")
	b.gets("Nobody is here now.", "Here I am.")
}
