package sandbox_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/sandbox"
)

const (
	ada = bot.UserRef("webchat:U_ada")
	rio = bot.UserRef("webchat:U_rio")
	sam = bot.UserRef("webchat:U_sam")
)

// scripted is an X that does what the page asks and nothing else.
type scripted struct {
	mu    sync.Mutex
	state sandbox.XState
	tour  sandbox.Tour
	fail  error
	calls []string
	media map[string]sandbox.XMedia
}

var acme = sandbox.XProfile{ID: "1", Handle: "acme_status", Name: "Acme"}

func newScripted() *scripted {
	return &scripted{media: map[string]sandbox.XMedia{}, state: sandbox.XState{
		Account: acme,
		Customers: []sandbox.XCustomer{
			{XProfile: sandbox.XProfile{ID: "7", Handle: "casey_r", Name: "Casey Rivera"}},
			{XProfile: sandbox.XProfile{ID: "8", Handle: "noor_h", Name: "نور الهادي"}},
		},
	}}
}

func (s *scripted) State(context.Context) (sandbox.XState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state
	st.Posts = slices.Clone(st.Posts)
	st.Faults = slices.Clone(st.Faults)
	st.Calls = slices.Clone(st.Calls)
	st.Customers = slices.Clone(st.Customers)
	return st, s.fail
}

func (s *scripted) Tour(context.Context) (sandbox.Tour, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tour, nil
}

func (s *scripted) dm(customer, text string, mine bool) bool {
	for i := range s.state.Customers {
		if c := &s.state.Customers[i]; c.ID == customer {
			c.Messages = append(slices.Clone(c.Messages), sandbox.XMessage{ID: fmt.Sprint(len(c.Messages)), Mine: mine, Text: text, At: time.Now()})
			return true
		}
	}
	return false
}

func (s *scripted) Media(_ context.Context, id string) (sandbox.XMedia, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.media[id]
	return m, ok
}

func (s *scripted) SendDM(_ context.Context, customer, text string, files ...webchat.Attach) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	var shown []sandbox.XFile
	for _, f := range files {
		text += " [" + f.Name + "]"
		id := fmt.Sprint(len(s.media) + 1)
		s.media[id] = sandbox.XMedia{Name: f.Name, Type: "image/png", Data: f.Data}
		shown = append(shown, sandbox.XFile{URL: sandbox.MediaURL(id), Name: f.Name, Show: "image", Size: int64(len(f.Data))})
	}
	s.calls = append(s.calls, "dm "+customer+" "+text)
	if !s.dm(customer, text, true) {
		return &sandbox.Refusal{Message: "There is no such customer."}
	}
	for i, c := range s.state.Customers {
		if c.ID == customer && len(shown) > 0 {
			s.state.Customers[i].Messages[len(c.Messages)-1].Files = shown
		}
	}
	s.tour.Wrote = true
	return nil
}

func (s *scripted) Mention(_ context.Context, customer, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "mention "+customer+" "+text)
	s.post(sandbox.XProfile{ID: customer, Handle: "casey_r", Name: "Casey Rivera"}, text, "")
	return nil
}

func (s *scripted) post(by sandbox.XProfile, text, replyTo string) string {
	id := fmt.Sprint(len(s.state.Posts) + 100)
	s.state.Posts = append(s.state.Posts, sandbox.XPost{ID: id, Author: by, Text: text, At: time.Now(), ReplyTo: replyTo})
	return id
}

func (s *scripted) SetFault(_ context.Context, name string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Faults = slices.DeleteFunc(slices.Clone(s.state.Faults), func(x string) bool { return x == name })
	if on {
		s.state.Faults = append(s.state.Faults, name)
	}
	return nil
}

// sink keeps what people did.
type sink struct {
	mu  sync.Mutex
	got []bot.Event
}

func (s *sink) Deliver(_ context.Context, ev bot.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, ev)
	return nil
}

func (s *sink) find(ok func(bot.Event) bool) (bot.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.got, ok)
	if i < 0 {
		return bot.Event{}, false
	}
	return s.got[i], true
}

// stage is the page with everything behind it scripted.
type stage struct {
	chat *webchat.Adapter
	x    *scripted
	sink *sink
	page *sandbox.Handler
	url  string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	chat, err := webchat.Open(webchat.Options{
		Users: []webchat.User{
			{Ref: ada, Name: "Ada Okafor", Handle: "ada", Title: "Admin", Colour: "#7a4fa3"},
			{Ref: rio, Name: "Rio Tanaka", Handle: "rio", Title: "Responder", Colour: "#30719c"},
			{Ref: sam, Name: "Sam Lindqvist", Handle: "sam", Title: "Support agent", Colour: "#a04668"},
		},
		Channels: []webchat.Channel{
			{Name: "setup", Purpose: "Perch is set up here"},
			{Name: "support", Purpose: "Customers' conversations on X, one thread each"},
			{Name: "incidents", Purpose: "What is broken, and what the public hears of it"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{chat: chat, x: newScripted(), sink: &sink{}}
	if s.page, err = sandbox.New(sandbox.Deps{Chat: chat, X: s.x, Tour: s.x.Tour}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.page)
	s.url = srv.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- chat.Run(ctx, s.sink) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		srv.Close()
		if err := chat.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// say has Perch post.
func (s *stage) say(t *testing.T, m bot.Message) bot.MessageRef {
	t.Helper()
	ref, err := s.chat.Post(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// write has a person of the team write.
func (s *stage) write(t *testing.T, who bot.UserRef, ch bot.ChannelRef, thread bot.MessageRef, text string) bot.MessageRef {
	t.Helper()
	id := fmt.Sprint(time.Now().UnixNano())
	for range 200 { // until the chat runs
		a, err := s.chat.Say(t.Context(), webchat.Ask{ID: id, As: who, Channel: ch, Thread: thread, Text: text})
		if err == nil {
			return a.Ref
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatalf("%s could not write", who)
	return ""
}

func (s *stage) react(t *testing.T, ref bot.MessageRef, emoji string) {
	t.Helper()
	if err := s.chat.React(t.Context(), ref, emoji, true); err != nil {
		t.Fatal(err)
	}
}

// furnish fills the page with what a busy day leaves, in the hardest texts.
func (s *stage) furnish(t *testing.T) {
	t.Helper()
	const setup, support, incidents = bot.ChannelRef("webchat:setup"), bot.ChannelRef("webchat:support"), bot.ChannelRef("webchat:incidents")
	s.say(t, bot.Message{Channel: setup, Text: "Connect X", Blocks: []bot.Block{
		bot.Header("Connect X (Twitter)"),
		bot.Para(bot.Plain("Perch runs your company's X account from here: incident updates become posts, customers' messages reach your agents.")),
		bot.Steps(
			[]bot.Span{bot.Plain("Press "), bot.Bold("Start Authentication"), bot.Plain(". Perch answers you alone with a link.")},
			[]bot.Span{bot.Plain("Sign in to X with the account Perch shall use and press "), bot.Bold("Authorize app"), bot.Plain(".")},
			[]bot.Span{bot.Plain("Come back here: Perch tells what it may do with the account.")},
		),
		bot.Context(bot.Plain("Status: no X account is connected yet.")),
		bot.Actions(bot.Button{ID: "twitter.start", Label: "Start Authentication", Style: bot.ButtonPrimary}),
		bot.Context(bot.Plain("Only admins of Perch can connect accounts. All commands: "), bot.Code("/twitter help")),
	}})
	s.say(t, bot.Message{Channel: setup, Only: ada, Text: "Your link", Blocks: []bot.Block{
		bot.Para(bot.Plain("This link is for you alone and works for 10 minutes.")),
		bot.Actions(bot.Button{ID: "twitter.link", Label: "Click here to authorize", Style: bot.ButtonPrimary, URL: s.url + "/x/start/abc"}),
	}})
	s.say(t, bot.Message{Channel: setup, Text: "Connected", Blocks: []bot.Block{
		bot.Header("@acme_status is connected"),
		bot.Fields(
			bot.Field{Label: "Account", Value: []bot.Span{bot.Link("Acme (@acme_status)", "https://x.com/acme_status")}},
			bot.Field{Label: "Connected by", Value: []bot.Span{bot.Mention(ada)}},
			bot.Field{Label: "May", Value: []bot.Span{bot.Plain("read and write posts, read and write direct messages, stay signed in")}},
			bot.Field{Label: "Default", Value: []bot.Span{bot.Plain("Yes")}},
		),
	}})
	root := s.say(t, bot.Message{Channel: support, Author: &bot.Author{Name: "Casey Rivera", Handle: "casey_r"}, Text: "Hi, my order 4411 has not arrived", Blocks: []bot.Block{
		bot.Quote("Hi, my order 4411 has not arrived. It's been 9 days now 😕 Can you help? <!channel> *not bold* https://shop.example/orders/4411"),
		bot.Fields(bot.Field{Label: "Department", Value: []bot.Span{bot.Plain("Support")}}, bot.Field{Label: "With", Value: []bot.Span{bot.Mention(sam)}}),
		bot.Actions(bot.Button{ID: "desk.claim", Label: "Claim", Style: bot.ButtonPrimary, Value: "c1"}, bot.Button{ID: "desk.close", Label: "Close", Value: "c1", Confirm: "Close the conversation with Casey?"}),
	}})
	a := s.write(t, sam, support, root, "Hi Casey, I'm Sam. I'm sorry about that! I'm looking at your parcel right now.")
	s.react(t, a, "white_check_mark")
	s.say(t, bot.Message{Channel: support, Thread: root, Author: &bot.Author{Name: "Casey Rivera", Handle: "casey_r"}, Text: "Thank you, Sam 🙏"})
	b := s.write(t, sam, support, root, "It left our depot in Łódź this morning; you'll have it tomorrow before 18:00.\nI've added a voucher to your account.")
	s.react(t, b, "hourglass_flowing_sand")
	s.write(t, sam, support, root, "note: third late parcel from this depot this week")
	c := s.write(t, sam, support, root, "And a second answer that X refused.")
	s.react(t, c, "warning")
	s.say(t, bot.Message{Channel: support, Thread: root, Only: sam, Text: "x", Blocks: []bot.Block{
		bot.Para(bot.Bold("Not delivered. "), bot.Plain("X has no credits left for this app. Your answer is kept and goes out once there are some.")),
		bot.Actions(bot.Button{ID: "desk.retry", Label: "Retry", Value: "m1"}, bot.Button{ID: "desk.discard", Label: "Discard", Style: bot.ButtonDanger, Value: "m1"}),
	}})
	s.say(t, bot.Message{Channel: support, Author: &bot.Author{Name: "نور الهادي", Handle: "noor_h"}, Text: "مرحبا", Blocks: []bot.Block{
		bot.Quote("مرحبا، لا أستطيع الدفع منذ الصباح (error 502). ما العمل؟"),
		bot.Actions(bot.Button{ID: "desk.claim", Label: "Claim", Style: bot.ButtonPrimary, Value: "c2"}, bot.Button{ID: "desk.close", Label: "Close", Value: "c2"}),
	}})
	s.say(t, bot.Message{Channel: support, Author: &bot.Author{Name: "Bartholomäus-Maximilian von und zu Hohenschwangau-Löwenstein 東京支店", Handle: "a_handle_as_long"}, Text: "x", Blocks: []bot.Block{
		bot.Quote("こんにちは。注文の配送先を変更したいのですが、どうすればよいですか？ Averylongwordwithoutanyspacesatallwhichmustnotmakethepagewiderthanitisbecausethatwouldlookbadonaphone"),
		bot.Actions(bot.Button{ID: "desk.claim", Label: "Claim", Style: bot.ButtonPrimary, Value: "c3"}),
	}})
	s.write(t, rio, incidents, "", "/incident new Checkout is slow")
	s.say(t, bot.Message{Channel: incidents, Text: "INC-4", Blocks: []bot.Block{
		bot.Header("INC-4 Checkout is slow"),
		bot.Fields(
			bot.Field{Label: "Status", Value: []bot.Span{bot.Plain("Started")}}, bot.Field{Label: "Severity", Value: []bot.Span{bot.Plain("SEV2")}},
			bot.Field{Label: "Opened by", Value: []bot.Span{bot.Mention(rio)}}, bot.Field{Label: "Channel", Value: []bot.Span{{Channel: "webchat:incidents"}}},
		),
		bot.Actions(bot.Button{ID: "incident.update", Label: "Add an update"}, bot.Button{ID: "incident.resolve", Label: "Resolve", Style: bot.ButtonDanger}),
	}})
	s.write(t, rio, incidents, "", "p95 is at 9 s since 09:40, the payment provider's queue is growing")
	w := s.write(t, ada, incidents, "", "I'm on it too 👀 dashboards: https://grafana.example/d/abc?from=now-1h")
	if _, err := s.chat.Reaction(t.Context(), webchat.Ask{ID: "r1", As: rio, Ref: w, Emoji: "eyes", On: true}); err != nil {
		t.Fatal(err)
	}
	s.say(t, bot.Message{Channel: incidents, Text: "Preview", Blocks: []bot.Block{
		bot.Para(bot.Mention(rio), bot.Plain(", this is how it will look. Nothing is posted yet.")),
		{Kind: bot.BlockPreview, Preview: &bot.Preview{
			Account: "acme_status", Name: "Acme", Limit: 280, Counts: []int{187, 271},
			Parts: []string{
				"Since 09:40 UTC some of you can't complete checkout. We have found the cause and are rolling back a change of last night. No order is lost. 1/2",
				"Orders paid twice are refunded by themselves within the hour; you need not do anything. Details and updates: https://status.acme.example/incidents/4 #acme 2/2",
			},
		}},
		bot.Actions(bot.Button{ID: "post.confirm", Label: "Post to X", Style: bot.ButtonPrimary}, bot.Button{ID: "post.edit", Label: "Edit"}, bot.Button{ID: "post.discard", Label: "Discard", Style: bot.ButtonDanger}),
	}})
	s.x.mu.Lock()
	first := s.x.post(acme, "We are aware that checkout is slow for some of you and are looking into it.", "")
	s.x.post(acme, "Since 09:40 UTC some of you can't complete checkout. We have found the cause and are rolling back. No order is lost. https://status.acme.example/incidents/4", first)
	s.x.post(sandbox.XProfile{ID: "7", Handle: "casey_r", Name: "Casey Rivera"}, "@acme_status is checkout down again? 😤 #fail", "")
	s.x.dm("7", "Hi, my order 4411 has not arrived. It's been 9 days now 😕 Can you help?", true)
	s.x.dm("7", "Hello Casey, thanks for writing to Acme. Somebody is with you in a minute.", false)
	s.x.dm("7", "Hi Casey, I'm Sam. I'm sorry about that! I'm looking at your parcel right now.", false)
	s.x.dm("7", "Thank you, Sam 🙏", true)
	s.x.dm("8", "مرحبا، لا أستطيع الدفع منذ الصباح (error 502). ما العمل؟", true)
	for i, c := range []string{"POST /2/oauth2/token", "GET /2/users/me", "POST /2/tweets", "POST /2/tweets", "POST /2/dm_conversations/with/7/messages"} {
		s.x.state.Calls = append(s.x.state.Calls, sandbox.XCall{At: time.Now(), Call: c, Status: []int{200, 200, 201, 503, 201}[i], Note: []string{"", "", "", "server error", "answer lost"}[i]})
	}
	s.x.tour = sandbox.Tour{Connected: true, Wrote: true}
	s.x.mu.Unlock()
}
