package bottest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

func testPins(t *testing.T, c *chat) {
	p := ability[bot.Pinner](t, c)
	need(t, "pins in its harness", c.Pinned != nil)
	ref := c.post(t, bot.Message{Text: "pin me", Key: "pin:1"})
	for _, on := range []bool{true, true, false, false} { // again is no error
		must(t, "Pin", p.Pin(t.Context(), ref, on))
		pinned, err := c.Pinned(t.Context(), c.Channel)
		must(t, "look at the pins", err)
		if slices.Contains(pinned, ref) != on {
			t.Errorf("after Pin(%t) the pins are %v", on, pinned)
		}
	}
	definite(t, "Pin of nothing", p.Pin(t.Context(), c.NoMessage, true))
}

func testHome(t *testing.T, c *chat) {
	h := ability[bot.Homer](t, c)
	need(t, "pages in its harness", c.Home != nil)
	page := func(text string) bot.Message {
		return bot.Message{Text: text, Blocks: []bot.Block{
			bot.Header(text), bot.Quote("<!channel> *not bold* & <b>"), bot.Actions(bot.Button{ID: "test.go", Label: "Go", Value: "v"}),
		}}
	}
	for _, text := range []string{"first page", "second page"} {
		must(t, "ShowHome", h.ShowHome(t.Context(), c.People[0], page(text)))
		s, err := c.Home(t.Context(), c.People[0])
		must(t, "look at the page", err)
		if s == nil || !strings.Contains(s.Text, text) || !strings.Contains(s.Text, "<!channel> *not bold* & <b>") || len(s.Buttons) != 1 || s.Buttons[0].ID != "test.go" {
			t.Fatalf("the page shows %+v, want %q", s, text)
		}
		if len(s.Mentions) > 0 || len(s.Styled) > 0 {
			t.Errorf("the page mentions %v and styles %v", s.Mentions, s.Styled)
		}
	}
	if s, err := c.Home(t.Context(), c.People[1]); err != nil || s != nil {
		t.Errorf("another person sees %+v, %v", s, err)
	}
	if c.NoUser != "" {
		definite(t, "ShowHome to nobody", h.ShowHome(t.Context(), c.NoUser, page("x")))
	}
}

func testPeople(t *testing.T, c *chat) {
	if d, ok := c.Platform.(bot.Directory); ok {
		for i, who := range c.People {
			u, err := d.Person(t.Context(), who)
			if err != nil || u.Ref != who || u.Name == "" || c.Names[i] != "" && u.Name != c.Names[i] {
				t.Errorf("Person(%s) = %+v, %v, want %q", who, u, err, c.Names[i])
			}
		}
		if c.NoUser != "" {
			_, err := d.Person(t.Context(), c.NoUser)
			definite(t, "Person of nobody", err)
		}
	}
	g := ability[bot.Grouper](t, c)
	need(t, "group in its harness", c.Group != "")
	users, err := g.Members(t.Context(), c.Group)
	must(t, "Members", err)
	var refs []bot.UserRef
	for _, u := range users {
		refs = append(refs, u.Ref)
		if u.Name == "" {
			t.Errorf("a member has no name: %+v", u)
		}
	}
	slices.Sort(refs)
	want := slices.Sorted(slices.Values(c.People[:]))
	if !slices.Equal(refs, want) {
		t.Errorf("Members = %v, want %v", refs, want)
	}
	_, err = g.Members(t.Context(), c.Group+"NONE")
	definite(t, "Members of no group", err)
}

func testInspect(t *testing.T, c *chat) {
	in := ability[bot.Inspector](t, c)
	ch, err := in.Inspect(t.Context(), c.Channel)
	if err != nil || ch.Ref != c.Channel || ch.Name == "" || !ch.Member || ch.Archived || ch.Direct || ch.Shared {
		t.Errorf("Inspect(%s) = %+v, %v", c.Channel, ch, err)
	}
	_, err = in.Inspect(t.Context(), c.NoChannel)
	definite(t, "Inspect of nothing", err)
	if mk, ok := c.Platform.(bot.Channeler); ok {
		ref, err := mk.EnsureChannel(t.Context(), "quiet-room", "", true)
		must(t, "EnsureChannel", err)
		if ch, err := in.Inspect(t.Context(), ref); err != nil || !ch.Private || !ch.Member || ch.Name != "quiet-room" {
			t.Errorf("the private channel is %+v, %v", ch, err)
		}
	}
}

func testInvite(t *testing.T, c *chat) {
	inv := ability[bot.Inviter](t, c)
	mk := ability[bot.Channeler](t, c)
	need(t, "members in its harness", c.Inside != nil)
	ch, err := mk.EnsureChannel(t.Context(), "inc-7-private", "", true)
	must(t, "EnsureChannel", err)
	must(t, "Invite", inv.Invite(t.Context(), ch, c.People[:1]))
	must(t, "Invite of one who is there", inv.Invite(t.Context(), ch, c.People[:]))
	for _, who := range c.People {
		if in, err := c.Inside(t.Context(), who, ch); err != nil || !in {
			t.Errorf("%s is in the channel: %t, %v", who, in, err)
		}
	}
	if c.NoUser != "" {
		definite(t, "Invite of nobody", inv.Invite(t.Context(), ch, []bot.UserRef{c.NoUser, c.People[0]}))
	}
	definite(t, "Invite into nothing", inv.Invite(t.Context(), c.NoChannel, c.People[:]))

	ar := ability[bot.Archiver](t, c)
	must(t, "Archive", ar.Archive(t.Context(), ch))
	must(t, "Archive again", ar.Archive(t.Context(), ch))
	_, err = c.Platform.Post(t.Context(), bot.Message{Channel: ch, Text: "too late", Key: "archive:1"})
	definite(t, "Post into an archived channel", err)
	if in, ok := c.Platform.(bot.Inspector); ok {
		if is, err := in.Inspect(t.Context(), ch); err != nil || !is.Archived {
			t.Errorf("the archived channel is %+v, %v", is, err)
		}
	}
	definite(t, "Archive of nothing", ar.Archive(t.Context(), c.NoChannel))
}

func testRead(t *testing.T, c *chat) {
	rd := ability[bot.Reader](t, c)
	c.start(t)
	root := c.post(t, bot.Message{Text: "the bot's own", Key: "read:0"})
	said := c.say(t, c.People[0], root, "as it was <b>")
	read := func(ref bot.MessageRef, text string, who bot.UserRef, thread bot.MessageRef) {
		t.Helper()
		ev, err := rd.ReadMessage(t.Context(), ref)
		if err != nil || ev.Kind != bot.EventMessage || ev.Message != ref || ev.Channel != c.Channel || ev.Text != text || ev.User.Ref != who || ev.Thread != thread ||
			ev.At.IsZero() || ev.Platform != c.Platform.Name() || ev.Trigger != "" || ev.Respond != "" {
			t.Errorf("ReadMessage(%s) = %+v, %v, want %q of %q", ref, ev, err, text, who)
		}
	}
	read(said, "as it was <b>", c.People[0], root)
	read(root, "the bot's own", "", "")
	if c.Change != nil {
		must(t, "edit", c.Change(t.Context(), c.People[0], said, "as it is"))
		read(said, "as it is", c.People[0], root)
	}
	gone := []bot.MessageRef{c.NoMessage}
	if c.Remove != nil {
		must(t, "delete", c.Remove(t.Context(), c.People[0], said))
		gone = append(gone, said)
	}
	for _, ref := range gone {
		if ev, err := rd.ReadMessage(t.Context(), ref); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("ReadMessage of a message that is gone = %+v, %v, want ErrNotFound", ev, err)
		}
	}
}

func testHistory(t *testing.T, c *chat) {
	hi := ability[bot.Historian](t, c)
	c.start(t)
	root := c.post(t, bot.Message{Text: "root", Key: "history:0"})
	refs := make([]bot.MessageRef, 3)
	for i := range refs {
		refs[i] = c.say(t, c.People[i%2], root, "number "+string(rune('1'+i)))
	}
	c.post(t, bot.Message{Thread: root, Text: "the bot's own", Key: "history:1"})
	var first bot.Event
	for i, ref := range refs {
		ev := c.wait(t, bot.EventMessage, c.People[i%2], func(e bot.Event) bool { return e.Message == ref })
		if i == 0 {
			first = ev
		}
	}
	history := func(after time.Time, limit int, want ...bot.MessageRef) {
		t.Helper()
		events, err := hi.History(t.Context(), root, after, limit)
		must(t, "History", err)
		var got []bot.MessageRef
		for _, e := range events {
			got = append(got, e.Message)
			if e.ID != eventID(c, e.Message) || e.Thread != root || e.Text == "" || e.User.Ref == "" {
				t.Errorf("History has %+v, want the event that was delivered, %q", e, eventID(c, e.Message))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("History after %v = %v, want %v", after, got, want)
		}
	}
	history(time.Time{}, 100, refs...)
	history(time.Time{}, 2, refs[:2]...)
	history(first.At, 100, refs[1:]...)
	if c.Change != nil && c.Cut != nil { // where nothing is ever missed, an edit is not told again
		last := c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == refs[2] })
		must(t, "edit", c.Change(t.Context(), c.People[0], refs[0], "number one"))
		edit := c.wait(t, bot.EventMessageEdited, c.People[0], func(e bot.Event) bool { return e.Message == refs[0] })
		events, err := hi.History(t.Context(), root, last.At, 100)
		if err != nil || len(events) != 1 || events[0].ID != edit.ID || events[0].Kind != bot.EventMessageEdited || events[0].Text != "number one" || events[0].Thread != root {
			t.Errorf("History after an edit = %+v, %v, want the edit that was delivered, %q", events, err, edit.ID)
		}
	}
	_, err := hi.History(t.Context(), c.NoMessage, time.Time{}, 100)
	definite(t, "History of nothing", err)
}
