package desk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// watched has the chat tell what channels and groups are. The desk tells
// whoever runs Perch in the billing channel.
func (w *world) watched() (warnings func() []string) {
	w.t.Helper()
	w.d.opt.Can = func(string, string) bool { return true }
	w.d.opt.Attention = func(tx store.Tx, key string, m bot.Message) (bool, error) {
		m.Channel = billing
		_, _, err := w.ob.Add(tx, outbox.Action{Kind: bot.KindPost, Key: key, Payload: encode(bot.Post{Message: m})})
		return true, err
	}
	return func() (texts []string) {
		for _, p := range w.chat.posts {
			if p.msg.Channel == billing && p.msg.Thread == "" && p.msg.Only == "" {
				texts = append(texts, p.msg.Text)
			}
		}
		return texts
	}
}

// department is what a start does with the configuration.
func (w *world) department(group bot.GroupRef) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: support, Group: group})
	})
}

func (w *world) texts(ch bot.ChannelRef) (texts []string) {
	for _, p := range w.chat.posts {
		if p.msg.Channel == ch && p.msg.Only == "" {
			texts = append(texts, p.msg.Text)
		}
	}
	return texts
}

func TestPublicChannel(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		warnings := w.watched()
		sam, _, _ := agents()
		w.duty(sam)
		w.chat.channels = map[bot.ChannelRef]bot.Channel{support: {Ref: support, Name: "x-support", Member: true}}
		w.department("")
		w.in("100", "my card is 4242") // before anybody looked
		w.tick()
		w.settle()
		w.in("101", "hello?")
		w.in("500", "@acme late again", func(in *Inbound) { in.Kind, in.XConversation = Mention, "500" })
		got := strings.Join(w.texts(support), "\n")
		if strings.Contains(got, "4242") || strings.Contains(got, "hello?") || !strings.Contains(got, "@acme late again") {
			t.Errorf("the public channel shows %q, want the mention alone", got)
		}
		if list := warnings(); len(list) != 1 {
			t.Fatalf("warnings = %q, want one", list)
		}
		contains(t, "warning", warnings()[0], "everybody in the chat can read #x-support", "Make the channel private", "desk.public_channels: true", "Nothing is lost")
		w.pass(5 * time.Hour)
		if list := warnings(); len(list) != 1 {
			t.Errorf("warnings = %q, want it said once", list)
		}

		w.chat.mu.Lock()
		w.chat.channels[support] = bot.Channel{Ref: support, Name: "x-support", Private: true, Member: true}
		w.chat.mu.Unlock()
		w.event(bot.Event{Kind: bot.EventAction, User: sam, Action: "desk.look", Value: string(support)})
		w.pass(time.Minute)
		var dms []string
		for _, s := range w.texts(support) {
			if s == "my card is 4242" || s == "hello?" {
				dms = append(dms, s)
			}
		}
		equal(t, "shown once it is private", dms, []string{"my card is 4242", "hello?"})
		list := warnings()
		contains(t, "told", list[len(list)-1], "✅", "#x-support again")

		// Somebody makes it public: within the hour nothing more is shown.
		w.chat.mu.Lock()
		w.chat.channels[support] = bot.Channel{Ref: support, Name: "x-support", Private: true, Shared: true, Member: true}
		w.chat.mu.Unlock()
		w.pass(time.Hour + time.Minute)
		w.in("102", "my PIN is 1234")
		if got := strings.Join(w.texts(support), "\n"); strings.Contains(got, "1234") {
			t.Error("a channel with people of another company shows a direct message")
		}
		list = warnings()
		contains(t, "told", list[len(list)-1], "people of another company are in #x-support")

		w.d.opt.PublicChannels = true // and a start
		w.department("")
		w.settle()
		if got := strings.Join(w.texts(support), "\n"); !strings.Contains(got, "1234") {
			t.Errorf("shown = %q, want all of it since the admin insists", got)
		}
	})
}

func TestPrivateChannel(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		warnings := w.watched()
		w.chat.channels = map[bot.ChannelRef]bot.Channel{support: {Ref: support, Name: "x-support", Private: true, Member: true}}
		w.department("")
		w.in("100", "hi")
		if len(w.texts(support)) != 0 {
			t.Error("shown before the channel was known")
		}
		w.tick()
		w.settle()
		contains(t, "shown", strings.Join(w.texts(support), "\n"), "hi")
		if list := warnings(); len(list) != 0 {
			t.Errorf("warnings = %q", list)
		}
		looks := w.chat.looks
		w.pass(3*time.Hour + time.Minute)
		if n := w.chat.looks - looks; n != 3 {
			t.Errorf("looked at the channel %d times in 3 hours", n)
		}
		w.department("") // a start later it is still known
		w.in("101", "still there?")
		contains(t, "shown", strings.Join(w.texts(support), "\n"), "still there?")
		w.wait(3 * time.Hour) // Perch is away, and somebody makes it public
		w.chat.mu.Lock()
		w.chat.channels[support] = bot.Channel{Ref: support, Name: "x-support", Member: true}
		w.chat.mu.Unlock()
		w.department("")
		w.in("150", "my card is 4242")
		w.tick()
		w.settle()
		if got := strings.Join(w.texts(support), "\n"); strings.Contains(got, "4242") {
			t.Error("what was seen three hours ago was taken for granted")
		}
		w.chat.mu.Lock()
		w.chat.channels[support] = bot.Channel{Ref: support, Name: "x-support", Private: true, Member: true}
		w.chat.mu.Unlock()
		w.pass(time.Hour + time.Minute)
		contains(t, "shown", strings.Join(w.texts(support), "\n"), "4242")
		w.tick()
		w.settle()
		looks = w.chat.looks
		w.chat.mu.Lock()
		delete(w.chat.channels, support)
		w.chat.refuse = true
		w.chat.mu.Unlock()
		w.in("102", "lost?") // a post that fails has it looked at again
		w.tick()
		w.settle()
		if w.chat.looks == looks {
			t.Error("a post failed and nobody looked at the channel")
		}
	})
}

func TestChannelNobodyCanSee(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		warnings := w.watched()
		w.chat.channels = map[bot.ChannelRef]bot.Channel{}
		w.department("")
		w.tick()
		w.in("100", "hi")
		w.pass(time.Hour)
		if list := warnings(); len(list) != 1 || !strings.Contains(list[0], "can't see who reads") || !strings.Contains(list[0], "invite me") {
			t.Errorf("warnings = %q", list)
		}
		if got := w.texts(support); len(got) != 0 {
			t.Errorf("shown = %q", got)
		}
		w.chat.mu.Lock()
		w.chat.channels[support] = bot.Channel{Ref: support, Name: "x-support", Private: true}
		w.chat.mu.Unlock()
		w.update(func(tx store.Tx) error { // else within five minutes
			_, err := w.d.HandleEvent(tx, bot.Event{ID: "i", Platform: "webchat", Kind: bot.EventInstalled})
			return err
		})
		w.pass(20 * time.Second)
		contains(t, "shown", strings.Join(w.texts(support), "\n"), "hi")
	})
}

func TestGroupOnDuty(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		warnings := w.watched()
		w.chat.channels = map[bot.ChannelRef]bot.Channel{support: {Ref: support, Private: true}}
		sam, lee, rio := agents() // Rio is an agent as long as he is in the group
		const crew = bot.GroupRef("webchat:G_crew")
		is := func(users ...bot.User) {
			w.chat.mu.Lock()
			w.chat.members = map[bot.GroupRef][]bot.User{crew: users}
			w.chat.mu.Unlock()
		}
		who := func() string {
			var names []string
			w.update(func(tx store.Tx) error {
				list, err := w.d.Who(tx, "support")
				names = nil
				for _, x := range list {
					names = append(names, x.Name)
				}
				return err
			})
			return strings.Join(names, " ")
		}
		agent := func(u bot.User) (yes bool) {
			w.update(func(tx store.Tx) (err error) { yes, err = w.d.IsAgent(tx, u.Ref); return err })
			return yes
		}
		off := func(u bot.User) {
			w.update(func(tx store.Tx) error { _, err := w.d.Off(tx, "", u.Ref); return err })
		}
		is(rio)
		w.duty(lee) // by hand
		w.department(crew)
		w.tick()
		w.settle()
		if got := who(); got != "Lee Rio" || !agent(rio) {
			t.Errorf("on duty = %q, Rio is an agent: %t", got, agent(rio))
		}
		w.in("100", "hi")
		contains(t, "call", strings.Join(w.thread(), "\n"), "Lee, Rio: a customer wrote")
		w.press(rio, "desk.claim", w.conv().ID)
		w.write(rio, "Rio here")
		equal(t, "sent", w.x.texts(), []string{"Rio here"})

		// The chat tells of a change; then it does not, and it is noticed all the same.
		is(sam)
		w.update(func(tx store.Tx) error {
			_, err := w.d.HandleEvent(tx, bot.Event{ID: "g", Kind: bot.EventGroup, Group: crew})
			return err
		})
		w.pass(20 * time.Second)
		if got := who(); got != "Lee Sam" || agent(rio) {
			t.Errorf("on duty = %q, Rio is an agent: %t", got, agent(rio))
		}
		w.write(rio, "me again")
		contains(t, "told", w.told(rio).msg.Text, "only agents can answer")
		is(sam, rio)
		w.pass(5*time.Minute + 20*time.Second)
		if got := who(); got != "Lee Sam Rio" {
			t.Errorf("on duty = %q", got)
		}

		// Off by hand holds until their next turn, or until they say otherwise.
		off(sam)
		off(rio)
		w.pass(11 * time.Minute)
		if got := who(); got != "Lee" {
			t.Errorf("on duty = %q, want those who went off left off", got)
		}
		w.duty(rio)
		is(rio)
		w.pass(6 * time.Minute)
		is(rio, sam)
		w.pass(6 * time.Minute)
		if got := who(); got != "Lee Rio Sam" {
			t.Errorf("on duty = %q, want Sam on his next turn", got)
		}

		// What can't be read stays as it is, and is said once.
		w.chat.mu.Lock()
		w.chat.members = nil
		w.chat.mu.Unlock()
		w.pass(time.Hour)
		if got, list := who(), warnings(); got != "Lee Rio Sam" || len(list) != 1 || !strings.Contains(list[0], "can't read the user group") {
			t.Errorf("on duty = %q, warnings = %q", got, list)
		}

		w.department("") // a start without it
		if got := who(); got != "Lee" || agent(rio) {
			t.Errorf("on duty = %q, Rio is an agent: %t", got, agent(rio))
		}
	})
}

func (c *chat) look(a outbox.Action) (outbox.Receipt, error) {
	gone := &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "not_found", Message: "Please invite me."}}
	switch a.Kind {
	case bot.KindHistory:
		c.histories = append(c.histories, decode[bot.History](a))
		return outbox.Receipt{Result: encode(bot.HistoryResult{})}, nil
	case bot.KindPerson:
		u, ok := c.people[decode[bot.Person](a).User]
		if !ok {
			return outbox.Receipt{}, gone
		}
		return outbox.Receipt{Result: encode(u)}, nil
	case bot.KindInspect:
		c.looks++
		ch, ok := c.channels[decode[bot.Inspect](a).Channel]
		if !ok {
			return outbox.Receipt{}, gone
		}
		return outbox.Receipt{Result: encode(ch)}, nil
	case bot.KindMembers:
		users, ok := c.members[decode[bot.Members](a).Group]
		if !ok {
			return outbox.Receipt{}, gone
		}
		return outbox.Receipt{Result: encode(bot.MembersResult{Users: users})}, nil
	}
	return outbox.Receipt{}, fmt.Errorf("a look of kind %s", a.Kind)
}
