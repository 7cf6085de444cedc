package rocketchat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/internal/nodetest"
)

// perchSide is what the suite of the companion app has Perch do, by the last
// part of the address.
type perchSide struct {
	*appWorld
	t *testing.T

	mu       sync.Mutex
	settings map[string]string
	changes  []map[string]string
	ref      bot.MessageRef
	posts    int
}

func (p *perchSide) set(_ context.Context, s rocketchat.AppSettings) (map[string]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(s.Changes) > 0 {
		p.changes = append(p.changes, s.Changes)
	}
	if s.Changes["media_types"] == "nonsense" {
		return nil, &bot.Error{Code: "invalid", Message: `"nonsense" is no media type.`}
	}
	maps.Copy(p.settings, s.Changes)
	return maps.Clone(p.settings), nil
}

func card(text string, buttons ...bot.Button) bot.Message {
	return bot.Message{Text: text, Blocks: []bot.Block{bot.Para(bot.Plain(text)), bot.Quote("It *burns*."), bot.Actions(buttons...)}}
}

// everyBlock is a message of all that there is.
func everyBlock(ch bot.ChannelRef) bot.Message {
	return bot.Message{Channel: ch, Key: "every", Text: "Everything", Author: &bot.Author{Name: "Jane", Handle: "jane", AvatarURL: "https://example.com/a.png"}, Blocks: []bot.Block{
		bot.Header("A header"), bot.Para(bot.Plain("Words "), bot.Bold("bold"), bot.Link("a link", "https://example.com")), bot.Quote("Theirs\nin two lines"),
		bot.Steps([]bot.Span{bot.Plain("one")}, []bot.Span{bot.Plain("two")}), bot.Fields(bot.Field{Label: "Status", Value: []bot.Span{bot.Plain("open")}}),
		bot.Context(bot.Plain("small print")),
		{Kind: bot.BlockImage, Image: &bot.Image{URL: "https://example.com/i.png", Alt: "a parcel"}},
		{Kind: bot.BlockPreview, Preview: &bot.Preview{Account: "larkspur", Name: "Larkspur", Parts: []string{"A post"}, Counts: []int{6}, Limit: 280}},
		{Kind: bot.BlockDivider},
		bot.Actions(
			bot.Button{ID: "claim", Label: "Claim", Style: bot.ButtonPrimary}, bot.Button{ID: "drop", Label: "Drop", Style: bot.ButtonDanger, Confirm: "Sure?"},
			bot.Button{ID: "see", Label: "See", URL: "https://example.com"},
		),
	}}
}

func (p *perchSide) do(ctx context.Context, what string, in map[string]any) (out any, err error) {
	str := func(k string) string { s, _ := in[k].(string); return s }
	list := func(k string) []any { l, _ := in[k].([]any); return l }
	switch what {
	case "app":
		to, err := url.Parse(str("url"))
		if err != nil {
			return nil, err
		}
		p.ws.SetApps(httputil.NewSingleHostReverseProxy(to))
	case "answers":
		return nil, p.until(p.adapter.AppAnswers)
	case "post":
		p.mu.Lock()
		p.posts++
		m := card("The card", bot.Button{ID: "claim", Label: "Claim", Value: "7", Style: bot.ButtonPrimary}, bot.Button{ID: "open", Label: "Open"})
		m.Key = fmt.Sprintf("card %d", p.posts)
		p.mu.Unlock()
		m.Channel = bot.ChannelRef(prefix + p.ws.room)
		ref, err := p.adapter.Post(ctx, m)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.ref == "" {
			p.ref = ref
		}
		for _, raw := range p.ws.Raw(p.ws.room) {
			if raw["_id"] == last(ref) {
				raw["bot"], _ = p.ws.Bot()
				return raw, nil
			}
		}
		return nil, errors.New("what was posted is not there")
	case "every":
		ref, err := p.adapter.Post(ctx, everyBlock(bot.ChannelRef(prefix+p.ws.room)))
		if err != nil {
			return nil, err
		}
		for _, raw := range p.ws.Raw(p.ws.room) {
			if raw["_id"] == last(ref) {
				return map[string]any{"blocks": raw["blocks"]}, p.adapter.Delete(ctx, ref)
			}
		}
		return nil, errors.New("what was posted is not there")
	case "edit":
		p.mu.Lock()
		ref := p.ref
		p.mu.Unlock()
		err := p.adapter.Edit(ctx, ref, card("The card, claimed", bot.Button{ID: "release", Label: "Release", Value: "7"}))
		if e, ok := errors.AsType[*bot.Error](err); ok {
			return map[string]string{"error": e.Message}, nil
		}
		return nil, err
	case "update":
		var text *string
		if s, ok := in["text"].(string); ok {
			text = &s
		}
		return nil, p.ws.AppEdits(str("message"), text, list("blocks"), list("attachments"))
	case "stands":
		for _, raw := range p.ws.Raw(p.ws.room) {
			if raw["_id"] == str("message") {
				return raw, nil
			}
		}
	case "open":
		pressed := p.of(bot.EventAction)
		return nil, p.adapter.Open(ctx, pressed[len(pressed)-1].Trigger, bot.Form{
			ID: "declare", Title: "An incident", Value: "v", Channel: bot.ChannelRef(prefix + p.ws.room), Inputs: []bot.Input{
				{Name: "title", Label: "Title", Initial: "Checkout", Max: 80},
				{Name: "impact", Label: "Impact", Optional: true, Options: []bot.Option{{Value: "all", Label: "Everybody"}, {Value: "few", Label: "A few"}}},
			},
		})
	case "enter":
		who := str("who")
		if who == "" {
			who = "jane"
		}
		e, err := p.adapter.Enter(ctx, bot.Visitor{Key: who, Name: "Jane", Handle: "jane", Department: str("department")})
		if e, ok := errors.AsType[*bot.Error](err); ok {
			return map[string]string{"error": e.Code}, nil
		}
		rid, _, _ := strings.Cut(strings.TrimPrefix(string(e.Ref), prefix), ":")
		return map[string]any{"room": rid, "fresh": e.Fresh}, err
	case "settings":
		p.mu.Lock()
		for k := range in {
			p.settings[k] = str(k)
		}
		p.mu.Unlock()
		p.adapter.SettingsChanged()
	case "gone":
		var buttons []string
		err := p.until(func() bool {
			buttons = nil
			for _, m := range p.ws.Messages(p.ws.room) {
				for _, b := range m.Buttons {
					if m.ID == str("message") && b.Value == "" {
						buttons = append(buttons, b.Text)
					}
				}
			}
			return len(buttons) > 0
		})
		if p.adapter.AppAnswers() {
			return nil, errors.New("the app that is gone answers")
		}
		return map[string]any{"buttons": buttons}, err
	default:
		return nil, fmt.Errorf("nobody knows %q", what)
	}
	return nil, nil
}

func (p *perchSide) until(is func() bool) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 15*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *perchSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := p.do(r.Context(), r.PathValue("what"), in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		p.t.Error(err)
	}
}

// TestCompanionApp packages the companion app, installs it in the AppManager of
// Rocket.Chat, and has it and the adapter talk with each other.
func TestCompanionApp(t *testing.T) { testCompanionApp(t, "test/appmanager.mjs") }

// TestCompanionAppInDeno is the same in the runtime that servers have since 7.0.
func TestCompanionAppInDeno(t *testing.T) {
	if os.Getenv("PERCH_DENO") == "" {
		t.Skip("set PERCH_DENO to a Deno, for example of npm install deno")
	}
	testCompanionApp(t, "test/deno.mjs")
}

func testCompanionApp(t *testing.T, script string) {
	p := &perchSide{t: t, settings: map[string]string{"welcome": "Hello from Perch.", "max_upload": "6291456", "file_upload": "false", "reply_mode": "claimed"}}
	p.appWorld = newAppWorld(t, p.set)
	mux := http.NewServeMux()
	mux.Handle("/rocketchat/app", p.handler)
	mux.Handle("POST /test/{what}", p)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	nodetest.Run(t, nodetest.Suite{
		Folder: "rocketchat-app", Script: script, Cases: 35,
		Packages: []string{"@rocket.chat/apps-cli", "@rocket.chat/apps-engine", "apps-engine-1.42", "typescript"},
		Env:      []string{"PERCH_URL=" + srv.URL, "PERCH_SECRET=" + appSecret},
	})
	ada := bot.User{Ref: "rocketchat:adaadaadaadaadaad", Name: "Ada", Handle: "ada"}
	room, own := bot.ChannelRef("rocketchat:roomroomroomroomr"), bot.ChannelRef(prefix+p.ws.room)
	want := []bot.Event{
		{Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support", Command: "/twitter", Text: "authorize"},
		{
			Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support",
			Thread: "rocketchat:roomroomroomroomr:threadthreadthrea", Command: "/incident",
			Text: `new --visibility "status page" --note="all of it" --who "" It burns badly ü`,
		},
		{Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support", Command: "/timeline", Text: "add we dont know, they wont `say`"},
		{Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support", Command: "/duty", Text: "who"},
		{
			Platform: "rocketchat", Kind: bot.EventAction, User: ada, Channel: own, ChannelName: "support",
			Message: p.ref, Thread: bot.MessageRef(string(own) + ":threadthreadthrea"), Action: "claim", Value: "7",
		},
		{Platform: "rocketchat", Kind: bot.EventAction, User: ada, Channel: own, ChannelName: "support", Action: "open"},
		{
			Platform: "rocketchat", Kind: bot.EventSubmit, User: bot.User{Ref: ada.Ref, Name: "Ada", Handle: "ada.app"}, Channel: own, Action: "declare", Value: "v",
			Fields: map[string]string{"title": "It burns", "impact": "all"},
		},
		{Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support", Command: "/duty", Text: "who"},
	}
	got := p.of(bot.EventCommand, bot.EventAction, bot.EventSubmit)
	for i := range got {
		if got[i].Trigger == "" && got[i].Kind != bot.EventSubmit {
			t.Errorf("event %d can't be answered by a form", i)
		}
		if got[i].Action == "open" {
			got[i].Message = ""
		}
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(bot.Event{}, "ID", "At", "Trigger")); d != "" {
		t.Error(d)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := cmp.Diff([]map[string]string{{"finished": "Bye."}, {"media_types": "nonsense"}, {"media_types": "image/*"}}, p.changes); d != "" {
		t.Error(d)
	}
}
