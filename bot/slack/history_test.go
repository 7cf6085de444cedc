package slack_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

func (w *workspace) says(t *testing.T, p slackfake.Says) string {
	t.Helper()
	if p.User == "" {
		p.User = w.ada
	}
	p.Channel = w.channel
	ts, err := w.Person(p)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func (w *workspace) ref(ts string) bot.MessageRef {
	return bot.MessageRef("slack:" + w.channel + ":" + ts)
}

// A gap in which nothing was heard is closed by what is read afterwards, and
// what was heard all the same is not taken in again: the IDs are the same.
func TestHistoryTellsWhatDeliveriesWouldHave(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	root, err := a.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + w.channel), Text: "card", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	thread := id(root)
	first := w.says(t, slackfake.Says{Text: "first", Thread: thread})
	w.says(t, slackfake.Says{Text: "@perch incident list", Thread: thread, User: w.rio})
	w.says(t, slackfake.Says{Text: "pic", Thread: thread, Files: []slackfake.Upload{{Name: "a.png", MIME: "image/png", Data: []byte("x")}}})
	w.says(t, slackfake.Says{Text: "from elsewhere", Thread: thread, UserTeam: "T0OTHER"})
	if _, err := a.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + w.channel), Thread: root, Text: "ours"}); err != nil {
		t.Fatal(err)
	}
	if err := w.PersonEdits(w.ada, w.channel, first, "first, better"); err != nil {
		t.Fatal(err)
	}
	await(t, w, "events", func() bool { return len(w.Unacked()) == 0 && sink.count() == 4 })

	got, err := a.History(t.Context(), root, time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	type brief struct {
		Kind          bot.EventKind
		User          bot.UserRef
		Command, Text string
		Files         int
	}
	var have []brief
	for _, ev := range got {
		if ev.Thread != root || ev.Channel == "" || ev.Platform != "slack" || ev.At.IsZero() {
			t.Errorf("event %+v lacks its place or time", ev)
		}
		have = append(have, brief{ev.Kind, ev.User.Ref, ev.Command, ev.Text, len(ev.Files)})
		if sink.times(ev.ID) == 0 { // the mention comes twice
			t.Errorf("%s was delivered under another ID than %s", ev.Kind, ev.ID)
		}
	}
	ada, rio := bot.UserRef("slack:"+w.ada), bot.UserRef("slack:"+w.rio)
	want := []brief{
		{bot.EventMessage, ada, "", "first, better", 0},
		{bot.EventMessageEdited, ada, "", "first, better", 0},
		{bot.EventCommand, rio, "/incident", "list", 0},
		{bot.EventMessage, ada, "", "pic", 1},
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("History (-want +got):\n%s", d)
	}

	// After the first message there are only its edit and what came later.
	if got, err = a.History(t.Context(), root, got[0].At, 100); err != nil || len(got) != 3 || got[0].Kind != bot.EventMessageEdited {
		t.Errorf("History after the first = %+v, %v", got, err)
	}
	if got, err = a.History(t.Context(), root, time.Now().Add(time.Minute), 100); err != nil || len(got) != 0 {
		t.Errorf("History after all = %+v, %v", got, err)
	}
	if got, err = a.History(t.Context(), root, time.Time{}, 2); err != nil || len(got) != 2 || got[0].Text != "first, better" {
		t.Errorf("History up to 2 = %+v, %v; want the oldest", got, err)
	}
}

func TestHistoryReadsAllPages(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	root := w.says(t, slackfake.Says{Text: "root"})
	const n = 450
	for i := range n {
		w.says(t, slackfake.Says{Text: fmt.Sprint("m", i), Thread: root})
	}
	got, err := a.History(t.Context(), w.ref(root), time.Time{}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != n+1 || got[0].Text != "root" || got[0].Thread != "" || got[n].Text != fmt.Sprint("m", n-1) {
		t.Errorf("History read %d events, the last %+v; want %d", len(got), got[len(got)-1], n+1)
	}
	if calls := w.Calls("conversations.replies"); len(calls) != 3 {
		t.Errorf("%d pages were read, want 3", len(calls))
	}
}

func TestHistorySaysWhatIsWrong(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	for _, thread := range []bot.MessageRef{w.ref("1600000000.000001"), "webchat:x:1", "", bot.MessageRef("slack:" + w.channel + ":only-1600000000.000001")} {
		got, err := a.History(t.Context(), thread, time.Time{}, 10)
		if e, ok := errors.AsType[*bot.Error](err); !ok || e.Code != "message_not_found" || len(got) > 0 {
			t.Errorf("History(%s) = %v, %v", thread, got, err)
		}
	}
	other := w.AddChannel(slackfake.Channel{Name: "private", Private: true, Members: []string{"ada"}})
	if _, err := a.History(t.Context(), bot.MessageRef("slack:"+other+":1600000000.000001"), time.Time{}, 10); err == nil {
		t.Error("a thread of a channel that the bot is not in was read")
	}
	w.AddFault(slackfake.Fault{Method: "conversations.replies", Status: 429})
	if _, err := a.History(t.Context(), w.ref("1600000000.000001"), time.Time{}, 10); err == nil || !errors.As(err, new(*bot.Error)) {
		t.Errorf("History when limited = %v", err)
	}
}

func TestReadMessage(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	ch := bot.ChannelRef("slack:" + w.channel)
	card, err := a.Post(t.Context(), bot.Message{Channel: ch, Text: "by Jane", Author: &bot.Author{Name: "Jane", Handle: "jane"}})
	if err != nil {
		t.Fatal(err)
	}
	plain := w.says(t, slackfake.Says{Text: "it @rio broke & <b>", Files: []slackfake.Upload{{Name: "a.png", MIME: "image/png", Data: []byte("x")}}})
	root := w.says(t, slackfake.Says{Text: "root"})
	reply := w.says(t, slackfake.Says{Text: "reply", Thread: root, User: w.rio})
	foreign := w.says(t, slackfake.Says{Text: "hello", Thread: root, UserTeam: "T0OTHER"})
	mention := w.says(t, slackfake.Says{Text: "@perch note this"})
	if err := w.PersonEdits(w.rio, w.channel, reply, "reply, edited"); err != nil {
		t.Fatal(err)
	}
	ada, rio := bot.UserRef("slack:"+w.ada), bot.UserRef("slack:"+w.rio)
	for _, tt := range []struct {
		name   string
		ref    bot.MessageRef
		user   bot.UserRef
		author string
		thread bot.MessageRef
		text   string
		files  int
	}{
		{"plain", w.ref(plain), ada, "Ada", "", "it @Rio broke & <b>", 1},
		{"root", w.ref(root), ada, "Ada", "", "root", 0},
		{"reply", w.ref(reply), rio, "Rio", w.ref(root), "reply, edited", 0},
		{"of another company", w.ref(foreign), "", "Ada", w.ref(root), "hello", 0},
		{"the bot's own", card, "", "Jane (@jane)", "", "by Jane", 0},
		{"to the bot", w.ref(mention), ada, "Ada", "", "@Perch note this", 0},
	} {
		ev, err := a.ReadMessage(t.Context(), tt.ref)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if ev.Kind != bot.EventMessage || ev.Message != tt.ref || ev.Channel != ch || ev.User.Ref != tt.user || ev.User.Name != tt.author ||
			ev.Thread != tt.thread || ev.Text != tt.text || len(ev.Files) != tt.files || ev.At.IsZero() || ev.Trigger+ev.Respond != "" {
			t.Errorf("%s: read %+v", tt.name, ev)
		}
	}
	if err := w.PersonDeletes(w.ada, w.channel, plain); err != nil {
		t.Fatal(err)
	}
	if err := w.PersonDeletes(w.ada, w.channel, root); err != nil { // leaves a tombstone
		t.Fatal(err)
	}
	for _, gone := range []bot.MessageRef{w.ref(plain), w.ref(root), w.ref("1600000000.000001"), "webchat:x:1"} {
		if ev, err := a.ReadMessage(t.Context(), gone); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("ReadMessage(%s) = %+v, %v; want ErrNotFound", gone, ev, err)
		}
	}
	w.AddFault(slackfake.Fault{Method: "conversations.replies", Status: 503})
	if _, err := a.ReadMessage(t.Context(), w.ref(reply)); err == nil || errors.Is(err, bot.ErrNotFound) {
		t.Errorf("ReadMessage when Slack is down = %v", err)
	}
}
