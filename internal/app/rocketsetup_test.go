package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
)

// setupRoom is where the instructions stand.
func (b *bureau) setupRoom() string {
	b.t.Helper()
	var id string
	b.until("setup room", func() bool {
		for _, r := range b.rc.Rooms("p") {
			if r.Name == "omnichannel-twitter-setup" {
				id = r.ID
			}
		}
		return id != ""
	})
	return id
}

// withAda has Ada, an admin of Perch, in the workspace.
func withAda(b *bureau) {
	b.rc.AddUser(rcfake.User{Username: "ada", Name: "Ada"})
	b.c.Team.Admins, b.c.Channels.Setup = []string{"rocketchat:@ada"}, config.RocketChatSetup
}

// tells has somebody write to the bot alone, and returns the room.
func (b *bureau) tells(who, text string) (room string) {
	b.t.Helper()
	room = b.rc.DirectRoom(who)
	if _, err := b.rc.Say(rcfake.Says{Who: who, Room: room, Text: text}); err != nil {
		b.t.Fatal(err)
	}
	return room
}

// presses has somebody press the button of a room's newest message that has it.
func (b *bureau) presses(who, room, label string) (address string) {
	b.t.Helper()
	b.until("button "+label, func() bool {
		for _, m := range slices.Backward(b.rc.Messages(room)) {
			for _, x := range m.Buttons {
				if x.Text != label {
					continue
				}
				var err error
				if address, err = b.rc.Press(who, room, m.ID, label); err != nil {
					b.t.Fatal(err)
				}
				return true
			}
		}
		return false
	})
	return address
}

// TestOmnichannelSetup is the seed's way from the room of the instructions to an
// account, and back: who may press what, and who may not by writing the same.
func TestOmnichannelSetup(t *testing.T) {
	b := newBureau(t, withAda)
	setup := b.setupRoom()
	b.until("members", func() bool {
		for _, r := range b.rc.Rooms("p") {
			if r.ID == setup {
				return slices.Contains(r.Members, "ada") && slices.Contains(r.Members, "twitter.bot") && !slices.Contains(r.Members, "sam")
			}
		}
		return false
	})
	m := b.reads(setup, "Connect X (Twitter)")
	if !strings.Contains(plain(m.Text), "!twitter help") {
		t.Errorf("the instructions name a command that this workspace keeps to itself: %q", m.Text)
	}
	b.reads(setup, "✅ Connected @\u2060larkspur_hq")
	b.reads(setup, "Perch may")
	b.until("button for another account", func() bool {
		for _, x := range b.rc.Messages(setup) {
			for _, y := range x.Buttons {
				if y.Text == "Connect another account" {
					m = x
					return true
				}
			}
		}
		return false
	})

	// Sam writes what Ada's button writes: it is his word, not hers.
	b.answersNobody("sam", m.Buttons[0].Msg, "Only an admin")
	b.answersNobody("sam", "twitter unauthorize", "Only an admin")
	b.answersNobody("sam", "!twitter settings welcome Ha!", "Only an admin")
	b.answersNobody("sam", "@twitter.bot twitter default @larkspur_hq", "Only an admin")
	b.presses("ada", setup, "Connect another account")
	address := b.presses("ada", b.rc.DirectRoom("ada"), "Click here to authorize")
	if !strings.HasPrefix(address, "http://"+b.public+"/x/start/") {
		t.Errorf("the link leads to %s", address)
	}

	// A conversation is open, and an answer is under way, when the account goes.
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.gets("Welcome!")
	alone := b.tells("ada", "twitter unauthorize @larkspur_hq")
	b.reads(alone, "Its 1 open conversation can be read and closed here as before")
	b.presses("ada", alone, "Disconnect @larkspur_hq")
	b.reads(setup, "was disconnected")
	b.until("end of the grant at X", func() bool { return !b.x.Connected("larkspur_hq") })
	b.answers(rid, "We are on it.")
	b.reads(rid, "⏳ Not sent yet. @\u2060larkspur_hq is disconnected.")

	// And what waited goes out, in order, once it is back; what the customer
	// wrote meanwhile arrives.
	b.writes("1002", "Still there?")
	b.connect()
	b.gets("Welcome!", "We are on it.")
	b.answers(rid, "Done.")
	b.gets("Welcome!", "We are on it.", "Done.")
}

// plain is a text without what keeps it from being markup.
func plain(s string) string { return strings.NewReplacer("\u2060", "", "\\", "").Replace(s) }

// answersNobody has somebody who may not write to the bot alone: they are refused.
func (b *bureau) answersNobody(who, text, refused string) {
	b.t.Helper()
	room := b.rc.DirectRoom(who)
	before := len(b.rc.Messages(room))
	b.tells(who, text)
	b.until("refusal of "+text, func() bool {
		for _, m := range b.rc.Messages(room)[before:] {
			if m.Username == "twitter.bot" && strings.Contains(plain(m.Text), refused) {
				return true
			}
		}
		return false
	})
}

// doctor is what the doctor finds, by the name of the check.
func (b *bureau) doctor() map[string][]doctor.Finding {
	b.t.Helper()
	found := map[string][]doctor.Finding{}
	if _, err := app.Examine(b.t.Context(), b.c, nil, "test", func(f doctor.Finding) { found[f.Check] = append(found[f.Check], f) }); err != nil {
		b.t.Fatal(err)
	}
	return found
}

// TestOmnichannelDoctor: while Perch runs and while it does not, the doctor
// knows who serves customers, and looks at the department that they come to.
func TestOmnichannelDoctor(t *testing.T) {
	b := newBureau(t, withAda)
	look := func(check string, state doctor.State, words ...string) {
		t.Helper()
		all := b.doctor()[check]
		for _, f := range all {
			missing := slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Text+" "+f.Do, w) })
			if f.State == state && !missing {
				return
			}
		}
		t.Errorf("%s: %+v, want %s with %q", check, all, state, words)
	}
	for range 2 {
		look("team", doctor.OK, "Rocket.Chat's Omnichannel serves customers")
		look("rocketchat roles", doctor.OK, "livechat-manager")
		look("rocketchat permissions", doctor.OK, "may do what Perch needs")
		look("rocketchat rate limiter", doctor.OK, "does not limit the bot")
		look("rocketchat agents", doctor.OK, "1 of 1")
		if all := b.doctor(); len(all["duty"]) == 1 && all["duty"][0].State == doctor.Warn {
			t.Errorf("duty: %+v", all["duty"])
		}
		b.stop()
	}
	b.start()
	b.rc.AddDepartment("Trains")
	alone := b.tells("ada", "twitter settings default_department Tranis")
	b.reads(alone, "Changed default_department to: Tranis")
	b.reads(b.setupRoom(), "Chat has no such department, so customers")
	look("rocketchat department Tranis", doctor.Fail, "no such department", "There are: Trains.")
	b.tells("ada", "twitter settings default_department Trains")
	b.reads(b.setupRoom(), "⚠ Department Trains: It has no agents")
	b.until("the other department", func() bool { return len(b.doctor()["rocketchat department Trains"]) > 0 })
	look("rocketchat department Trains", doctor.Fail, "has no agents")
	b.rc.AddUser(rcfake.User{Username: "sam", Name: "Sam Lee", Agent: true, Departments: []string{"Trains"}})
	look("rocketchat department Trains", doctor.OK, "1 of its 1 agent")
	b.reads(b.tells("ada", "twitter settings"), "*Default Department*: Trains")
	b.stop()
	look("rocketchat department Trains", doctor.OK, "1 of its 1 agent")
	if all := b.doctor(); len(all["rocketchat department Tranis"]) > 0 {
		t.Errorf("a department that is not used is looked at: %+v", all)
	}
	b.start()
	b.reads(b.tells("ada", "twitter settings default_department -"), "Changed default_department to: the chat chooses")
	for range 2 {
		for check, found := range b.doctor() {
			if strings.HasPrefix(check, "rocketchat department ") {
				t.Errorf("the chat chooses, and the doctor looks at %s: %+v", check, found)
			}
		}
		b.stop()
	}
}

// TestOmnichannelSettings: what an admin changes in chat holds at once, also
// after a restart, whichever way the command is written.
func TestOmnichannelSettings(t *testing.T) {
	b := newBureau(t, withAda)
	setup := b.setupRoom()
	b.reads(setup, "Connect X (Twitter)")
	for _, order := range []struct{ text, says string }{
		{"!twitter settings welcome Moin!", "Changed welcome to: Moin!"},
		{"@twitter.bot settings finished -", "Changed finished to: off"},
		{"@twitter.bot: twitter settings agents_display_name name", "Changed agents_display_name to: name"},
		{"/twitter settings max_upload 1KB", "Changed max_upload to: 1 KB"},
		{"!twitter settings media_types image/png", "Changed media_types to: image/png"},
	} {
		if _, err := b.rc.Say(rcfake.Says{Who: "ada", Room: setup, Text: order.text}); err != nil {
			t.Fatal(err)
		}
		b.until(order.says, func() bool {
			for _, m := range b.rc.Messages(b.rc.DirectRoom("ada")) {
				if strings.Contains(plain(m.Text), order.says) {
					return true
				}
			}
			return false
		})
	}
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.gets("Moin!")
	b.answers(rid, "Hi Casey.")
	b.gets("Moin!", "Hi Casey.\n^Sam Lee")
	b.answers(rid, "", rcfake.Attached{Name: "long.png", Type: "image/png", Data: make([]byte, 2000)})
	b.reads(rid, "long.png has 2 KB; up to 1 KB are allowed here")
	b.answers(rid, "", rcfake.Attached{Name: "film.mp4", Type: "video/mp4", Data: make([]byte, 20)})
	b.reads(rid, "film.mp4: video/mp4 is not accepted here")
	b.stop()
	b.start()
	if err := b.rc.CloseRoom("sam", rid, ""); err != nil {
		t.Fatal(err)
	}
	b.writes("1002", "Me again")
	b.answers(b.room(2), "Yes?")
	b.gets("Moin!", "Hi Casey.\n^Sam Lee", "Yes?\n^Sam Lee")
}
