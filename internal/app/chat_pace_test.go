package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// sending is the outbox with the executors of chats, in front of a Slack that
// keeps its limits, in played time.
type sending struct {
	*slackfake.Server
	t        *testing.T
	db       store.Store
	ob       *outbox.Outbox
	channels []string
	begun    time.Time
}

func playSending(t *testing.T, known bool, fn func(s *sending)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
		s := &sending{Server: slackfake.New(slackfake.Options{RefuseBodyTokens: true}), t: t, begun: time.Now()}
		defer s.Close()
		s.SetURL("http://slack.test")
		for i := range 3 {
			s.channels = append(s.channels, s.AddChannel(slackfake.Channel{Name: fmt.Sprintf("c%d", i), Members: []string{"perch"}}))
		}
		net := &network{hosts: map[string]*pipeListener{}}
		transport := &http.Transport{DialContext: net.dial}
		srv := &http.Server{Handler: s.Handler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), ReadHeaderTimeout: time.Minute}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = srv.Serve(net.listen("slack.test")) // ends with Close
		}()
		a, err := slack.New(slack.Options{
			BotToken: "xoxb-perch-bot", AppToken: "xapp-perch-app", APIURL: "http://slack.test/api/", Paced: known,
			HTTP: &http.Client{Transport: transport},
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.db, err = bolt.Open(t.TempDir() + "/perch.db"); err != nil {
			t.Fatal(err)
		}
		s.ob = outbox.New(s.db, outbox.Options{Exclusive: true})
		c := &chats{db: s.db, ob: s.ob, platforms: map[string]bot.Platform{"slack": a}}
		c.register()
		s.ob.Register(bot.KindUpload, pacedUpload{chatUpload{c: c}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.ob.Run(ctx) }()
		s.Limits(true)
		fn(s)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		_ = srv.Close()
		<-served
	})
}

func (s *sending) add(actions ...outbox.Action) {
	s.t.Helper()
	if err := s.db.Update(s.t.Context(), func(tx store.Tx) error {
		for _, a := range actions {
			if _, _, err := s.ob.Add(tx, a); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
}

func action(t *testing.T, kind, key, order string, payload any) outbox.Action {
	t.Helper()
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return outbox.Action{Kind: kind, Key: key, Order: order, Payload: raw}
}

// settle waits until all actions with the keys are over, and returns how long
// that took and the most attempts that one of them needed.
func (s *sending) settle(keys []string, within time.Duration) (took time.Duration, attempts int) {
	s.t.Helper()
	from := time.Now()
	for {
		open := 0
		attempts = 0
		if err := s.db.View(s.t.Context(), func(tx store.Tx) error {
			for _, k := range keys {
				a, ok, err := s.ob.FindKey(tx, k)
				if err != nil || !ok {
					return fmt.Errorf("%s: %t, %w", k, ok, err)
				}
				attempts = max(attempts, a.Attempts)
				switch a.State {
				case outbox.Done, outbox.Cancelled:
				case outbox.Failed:
					s.t.Errorf("%s failed: %+v", k, a.Failure)
				default:
					open++
				}
			}
			return nil
		}); err != nil {
			s.t.Fatal(err)
		}
		took = time.Since(from)
		if open == 0 || s.t.Failed() {
			return took, attempts
		}
		if took > within {
			s.t.Fatalf("%d of %d are not over after %v", open, len(keys), took)
		}
		<-time.After(time.Second)
	}
}

func (s *sending) refused() (n int) {
	for _, c := range s.Calls() {
		if c.Error == "ratelimited" {
			n++
		}
	}
	return n
}

func (s *sending) post(key, channel, thread, text string) outbox.Action {
	p := bot.Post{Message: bot.Message{Channel: bot.ChannelRef("slack:" + channel), Text: text}, ThreadOf: thread}
	return action(s.t, bot.KindPost, key, "order:"+channel+thread, p)
}

// 200 messages to three channels at once, with answers that get lost: none is
// lost or doubled, each thread keeps its order, and Slack has to say no seldom.
func TestPostsKeepTheChatsPace(t *testing.T) {
	for name, known := range map[string]bool{"limits that are known": true, "limits that are heard of": false} {
		t.Run(name, func(t *testing.T) {
			playSending(t, known, func(s *sending) {
				const n = 200
				s.AddFault(slackfake.Fault{Method: "chat.postMessage", Drop: slackfake.DropAfter, Skip: 30, Times: 4})
				var keys []string
				var all []outbox.Action
				for c, ch := range s.channels {
					for thread := range 4 {
						root := fmt.Sprintf("root:%d:%d", c, thread)
						all, keys = append(all, s.post(root, ch, "", "root "+root)), append(keys, root)
					}
				}
				for i := len(keys); i < n; i++ {
					c, thread := i%3, i/3%4
					key := fmt.Sprintf("k:%d", i)
					all = append(all, s.post(key, s.channels[c], fmt.Sprintf("root:%d:%d", c, thread), fmt.Sprintf("number %04d", i)))
					keys = append(keys, key)
				}
				s.add(all...)
				took, _ := s.settle(keys, 5*time.Minute)

				seen := map[string]int{}
				for _, ch := range s.channels {
					last := map[string]string{}
					for _, m := range s.Messages(ch) {
						seen[m.Shown]++
						if m.ThreadTS == "" || m.ThreadTS == m.TS {
							continue
						}
						if m.Shown <= last[m.ThreadTS] {
							t.Errorf("in thread %s %q comes behind %q", m.ThreadTS, m.Shown, last[m.ThreadTS])
						}
						last[m.ThreadTS] = m.Shown
					}
				}
				if len(seen) != n {
					t.Errorf("%d different messages are seen, want %d", len(seen), n)
				}
				for text, times := range seen {
					if times != 1 {
						t.Errorf("%q is seen %d times", text, times)
					}
				}
				// 67 a channel: 3 at once and then one a second take 64 s.
				refused, most := s.refused(), 0
				if !known {
					most = 3 * 16 // all workers may be at it when the first no comes
				}
				t.Logf("%d messages took %v, %d calls were refused", n, took, refused)
				if refused > most || took > 100*time.Second {
					t.Errorf("%d calls were refused, want up to %d; it took %v", refused, most, took)
				}
			})
		})
	}
}

// A channel whose turn is far away keeps nobody else waiting.
func TestASlowChannelKeepsNobodyWaiting(t *testing.T) {
	playSending(t, true, func(s *sending) {
		var many []outbox.Action
		for i := range 100 {
			many = append(many, s.post(fmt.Sprintf("slow:%d", i), s.channels[0], "", "x"))
		}
		for i := range many {
			many[i].Order = "" // all are due at once
		}
		s.add(many...)
		<-time.After(10 * time.Second)
		s.add(s.post("quick", s.channels[1], "", "hello"))
		if took, _ := s.settle([]string{"quick"}, time.Minute); took > 2*time.Second {
			t.Errorf("a message to another channel took %v", took)
		}
		var keys []string
		for _, a := range many {
			keys = append(keys, a.Key)
		}
		// Waiting for the chat's pace is no attempt: none of them may fail of it.
		if _, attempts := s.settle(keys, 3*time.Minute); attempts > 1 {
			t.Errorf("an action took %d attempts", attempts)
		}
		if n := s.refused(); n > 0 {
			t.Errorf("%d calls were refused", n)
		}
	})
}

// Retry-After stops the one queue that it was said of.
func TestRetryAfterStopsItsOwnQueue(t *testing.T) {
	playSending(t, false, func(s *sending) {
		s.Limits(false)
		s.AddFault(slackfake.Fault{Method: "chat.postMessage", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"30"}}})
		s.add(s.post("first", s.channels[0], "", "one"))
		<-time.After(100 * time.Millisecond)
		s.add(s.post("second", s.channels[0], "", "two"), s.post("other", s.channels[1], "", "three"))
		if took, _ := s.settle([]string{"other"}, time.Minute); took > 2*time.Second {
			t.Errorf("the other channel waited %v", took)
		}
		took, attempts := s.settle([]string{"first", "second"}, time.Minute)
		if took < 29*time.Second || took > 33*time.Second || attempts != 1 {
			t.Errorf("the channel went on after %v, with %d attempts; want 30 s and 1", took, attempts)
		}
		if n := len(s.Calls("chat.postMessage")); n != 4 {
			t.Errorf("Slack was asked %d times, want 4: one no, three posts", n)
		}
		var shown []string
		for _, m := range s.Messages(s.channels[0]) {
			shown = append(shown, m.Shown)
		}
		if !slices.Equal(shown, []string{"one", "two"}) {
			t.Errorf("the channel has %q", shown)
		}
	})
}

// Of many edits of one message the first go at once, the newest last, and few between.
func TestEditsOfAMessageAreCoalesced(t *testing.T) {
	playSending(t, true, func(s *sending) {
		s.add(s.post("card", s.channels[0], "", "state 0"))
		s.settle([]string{"card"}, time.Minute)
		edit := func(i int) outbox.Action {
			a := action(t, bot.KindEdit, fmt.Sprintf("edit:%d", i), "", bot.Edit{RefOf: "card", Message: bot.Message{Channel: bot.ChannelRef("slack:" + s.channels[0]), Text: fmt.Sprintf("state %d", i)}})
			a.Slot = "edit:card"
			return a
		}
		shown := func() string { return s.Messages(s.channels[0])[0].Shown }
		s.add(edit(1))
		<-time.After(50 * time.Millisecond)
		if got := shown(); got != "state 1" {
			t.Errorf("shortly after the first edit the message says %q", got)
		}
		s.add(edit(2))
		<-time.After(50 * time.Millisecond)
		if got := shown(); got != "state 2" {
			t.Errorf("shortly after the second edit the message says %q", got)
		}
		keys := []string{"edit:1", "edit:2"}
		for i := 3; i <= 50; i++ {
			s.add(edit(i))
			keys = append(keys, fmt.Sprintf("edit:%d", i))
			<-time.After(100 * time.Millisecond)
		}
		s.settle(keys, 10*time.Second)
		if got := shown(); got != "state 50" {
			t.Errorf("in the end the message says %q", got)
		}
		if n := len(s.Calls("chat.update")); n < 4 || n > 7 {
			t.Errorf("50 edits in 5 s made %d calls, want three at once and then one in 2 s", n)
		}
		if slices.ContainsFunc(s.Calls(), func(c slackfake.Call) bool { return strings.Contains(c.Error, "ratelimited") }) {
			t.Error("a call was refused")
		}
	})
}

// What an action waits for follows from what it does, also where the message
// that it is about is not there yet.
func TestLanesOfActions(t *testing.T) {
	playSending(t, false, func(s *sending) {
		c := s.channels[0]
		ch, msg := bot.ChannelRef("slack:"+c), bot.MessageRef("slack:"+c+":17.5")
		s.add(s.post("posted", c, "", "x"), action(t, bot.KindPost, "whispered", "", bot.Post{Message: bot.Message{Channel: ch, Only: "slack:U0ADA", Text: "x"}}))
		s.settle([]string{"posted"}, time.Minute)
		var posted string
		for _, m := range s.Messages(c) {
			posted = "slack:" + c + ":" + m.TS
		}
		edit := func(ref bot.MessageRef, of string) bot.Edit {
			return bot.Edit{Ref: ref, RefOf: of, Message: bot.Message{Channel: ch, Text: "y"}}
		}
		for i, tt := range []struct {
			kind    string
			payload any
			want    []string
		}{
			{bot.KindPost, bot.Post{Message: bot.Message{Channel: ch, Text: "x"}}, []string{"chat:slack:chat.postMessage:" + c}},
			{bot.KindPost, bot.Post{Message: bot.Message{Only: "slack:U0ADA", Text: "x"}}, []string{"chat:slack:chat.postMessage:U0ADA"}},
			{bot.KindPost, bot.Post{Message: bot.Message{Channel: ch, Only: "slack:U0ADA", Text: "x"}}, nil},
			{bot.KindPost, bot.Post{Message: bot.Message{Channel: "webchat:support", Text: "x"}}, nil},
			{bot.KindEdit, edit(msg, ""), []string{"chat:slack:chat.update", "quiet:chat.edit:" + string(msg)}},
			{bot.KindEdit, edit("", "posted"), []string{"chat:slack:chat.update", "quiet:chat.edit:posted"}},
			{bot.KindEdit, edit("", "whispered"), nil},
			{bot.KindEdit, edit("", "nowhere"), nil},
			{bot.KindReact, bot.React{Ref: bot.MessageRef(posted), Emoji: "eyes", On: true}, []string{"chat:slack:reactions.add"}},
			{bot.KindReact, bot.React{RefOf: "posted", Emoji: "eyes"}, []string{"chat:slack:reactions.remove"}},
			{bot.KindHome, bot.Home{User: "slack:U0ADA", Page: bot.Message{Text: "x"}}, []string{"chat:slack:views.publish", "quiet:chat.home:slack:U0ADA"}},
			{bot.KindMembers, bot.Members{Group: "slack:S1"}, []string{"chat:slack:usergroups.users.list"}},
			{bot.KindHistory, bot.History{Thread: msg}, []string{"chat:slack:conversations.replies"}},
			{bot.KindChannel, bot.EnsureChannel{Platform: "slack", Name: "x"}, []string{"chat:slack:conversations.create"}},
			{bot.KindUpload, bot.UploadFile{Channel: ch}, []string{"chat:slack:files.completeUploadExternal"}},
		} {
			a := action(t, tt.kind, fmt.Sprint("lanes:", i), "", tt.payload)
			a.State = outbox.Draft // it goes nowhere
			var got []string
			if err := s.db.Update(t.Context(), func(tx store.Tx) error {
				a, _, err := s.ob.Add(tx, a)
				got = slices.DeleteFunc(a.Lanes, func(l string) bool { return !strings.Contains(l, ".") }) // a workspace's own is not looked at
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s of %+v waits in %q, want %q", tt.kind, tt.payload, got, tt.want)
			}
		}
	})
}
