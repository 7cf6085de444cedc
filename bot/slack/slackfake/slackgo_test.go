package slackfake

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
)

// start serves a fake with Ada and Rio in #support, where the bot is too.
func start(t *testing.T, o Options) (*Server, *httptest.Server) {
	t.Helper()
	s := New(o)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(s.Close)
	s.SetURL(web.URL)
	s.AddUser(User{Name: "ada", RealName: "Ada Lovelace", Email: "ada@acme.test"})
	s.AddUser(User{Name: "rio", RealName: "Rio"})
	s.AddChannel(Channel{ID: "C0SUPPORT", Name: "support", Members: []string{"perch", "ada", "rio"}})
	return s, web
}

func within(t *testing.T, s *Server, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Wait(ctx, is); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func client(web *httptest.Server) *slack.Client {
	return slack.New("xoxb-perch-bot", slack.OptionAPIURL(web.URL+"/api/"), slack.OptionAppLevelToken("xapp-perch-app"))
}

// slack-go's own Socket Mode client gets what happens and its acks count.
func TestSocketModeClient(t *testing.T) {
	s, web := start(t, Options{})
	api := client(web)
	sm := socketmode.New(api)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); _ = sm.RunContext(ctx) }()
	got := make(chan socketmode.Event, 50)
	go func() {
		for {
			select {
			case ev := <-sm.Events:
				if ev.Request != nil && ev.Request.EnvelopeID != "" {
					var answer any
					switch d := ev.Data.(type) {
					case slack.SlashCommand:
						answer = map[string]any{"text": "heard " + d.Text}
					case slack.InteractionCallback:
						if d.Type == slack.InteractionTypeViewSubmission {
							answer = slack.NewErrorsViewSubmissionResponse(map[string]string{"title": "too short"})
						}
					}
					if err := sm.AckCtx(ctx, ev.Request.EnvelopeID, answer); err != nil {
						t.Errorf("ack: %v", err)
					}
				}
				got <- ev
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ran })
	next := func(typ socketmode.EventType) socketmode.Event {
		t.Helper()
		for {
			select {
			case ev := <-got:
				if ev.Type == typ {
					return ev
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no %s came", typ)
			}
		}
	}
	next(socketmode.EventTypeHello)

	d := s.Command("ada", "support", "/twitter", "authorize @rio")
	cmd := next(socketmode.EventTypeSlashCommand).Data.(slack.SlashCommand)
	if want := "authorize <@U0RIO|rio>"; cmd.Text != want || cmd.ChannelName != "support" || cmd.UserID != "U0ADA" {
		t.Errorf("command = %+v, want text %q", cmd, want)
	}
	<-d.Done()
	if _, ok := d.Acked(); !ok {
		t.Fatal("the command was not acked")
	}
	if es := s.Ephemerals("ada"); len(es) != 1 || es[0].Shown != "heard authorize @rio" {
		t.Errorf("Ada sees %+v, want the answer of the ack", es)
	}

	ts, err := s.PersonSays("ada", "support", "hello <!channel> & all")
	if err != nil {
		t.Fatal(err)
	}
	in := next(socketmode.EventTypeEventsAPI).Data.(slackevents.EventsAPIEvent).InnerEvent.Data.(*slackevents.MessageEvent)
	if in.TimeStamp != ts || in.User != "U0ADA" || in.Text != "hello &lt;!channel&gt; &amp; all" || in.ChannelType != "channel" {
		t.Errorf("message event = %+v", in)
	}

	// A button opens a modal, whose submission is refused.
	_, mts, err := api.PostMessageContext(ctx, "C0SUPPORT", slack.MsgOptionText("fallback", false), slack.MsgOptionBlocks(
		slack.NewActionBlock("acts", slack.NewButtonBlockElement("start", "v1", slack.NewTextBlockObject("plain_text", "Start", false, false)))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Click("ada", mts, "start"); err != nil {
		t.Fatal(err)
	}
	click := next(socketmode.EventTypeInteractive).Data.(slack.InteractionCallback)
	if a := click.ActionCallback.BlockActions; len(a) != 1 || a[0].Value != "v1" || click.Message.Timestamp != mts {
		t.Errorf("click = %+v", click)
	}
	view, err := api.OpenViewContext(ctx, click.TriggerID, slack.ModalViewRequest{
		Type: "modal", Title: slack.NewTextBlockObject("plain_text", "Incident", false, false), Submit: slack.NewTextBlockObject("plain_text", "Go", false, false),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("title", slack.NewTextBlockObject("plain_text", "Title", false, false), nil, slack.NewPlainTextInputBlockElement(nil, "t"))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit("ada", view.ID, nil); !errors.Is(err, ErrRequired) {
		t.Errorf("an empty form: %v, want ErrRequired", err)
	}
	d, err = s.Submit("ada", view.ID, map[string]string{"t": "x"})
	if err != nil {
		t.Fatal(err)
	}
	sub := next(socketmode.EventTypeInteractive).Data.(slack.InteractionCallback)
	if v := sub.View.State.Values["title"]["t"].Value; v != "x" {
		t.Errorf("submitted %q, want x", v)
	}
	<-d.Done()
	if vs := s.Views("ada"); len(vs) != 1 || vs[0].Errors["title"] != "too short" {
		t.Errorf("views = %+v, want one with an error at title", vs)
	}

	// response_url: five times, then no more.
	for i := range 6 {
		_, _, err := api.PostMessageContext(ctx, "", slack.MsgOptionText("later", false), slack.MsgOptionResponseURL(cmd.ResponseURL, slack.ResponseTypeEphemeral))
		if (err == nil) != (i < 5) {
			t.Errorf("use %d of the response URL: %v", i+1, err)
		}
	}
	if n := len(s.Unacked()); n != 0 {
		t.Errorf("%d deliveries unacked: %+v", n, s.Unacked())
	}
}
