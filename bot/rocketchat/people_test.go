package rocketchat

import (
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// What is for one person reaches that person, whatever they are called by now,
// and nobody else: not who has got the old name, and not the bot itself.
func TestRenamedPeople(t *testing.T) {
	for _, running := range []bool{true, false} {
		w := newTeam(t)
		a := w.adapter(t)
		ada := w.DirectRoom("ada")
		var c *collector
		if running {
			c, _ = w.start(t, a)
		}
		told := func(key string) {
			t.Helper()
			ref, err := a.Post(t.Context(), bot.Message{Only: "rocketchat:Uada", Text: "for Ada " + key, Key: key})
			must(t, err)
			if rid, _, _ := messageID(ref); rid != ada {
				t.Errorf("running %v, %s: said in %s, want %s", running, key, rid, ada)
			}
		}
		told("by her first name")
		must(t, w.RenameUser("ada", "ada.l"))
		told("once the old name is nobody's")
		must(t, w.RenameUser("ada.l", "ada.lovelace"))
		w.AddUser(rcfake.User{ID: "Umallory", Username: "ada.l"})
		told("once it is another's")
		if !running {
			continue
		}
		must(t, w.RenameUser("ada.lovelace", "ada"))
		must(t, w.RenameUser("twitter.bot", "perch.bot"))
		w.say(t, "rio", w.room, "@perch.bot help")
		c.want(t, "command rio help")
		ref, err := a.Post(t.Context(), bot.Message{Channel: roomRef(w.room), Key: "m", Blocks: []bot.Block{bot.Para(bot.Mention("rocketchat:Uada"))}})
		must(t, err)
		_, id, _ := messageID(ref)
		for _, m := range w.Messages(w.room) {
			if m.ID == id && m.Text != "@ada" {
				t.Errorf("she is named as %q", m.Text)
			}
		}
	}
}

// Whoever takes another's ID for a name is not taken for them.
func TestNameThatIsAnID(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	w.AddUser(rcfake.User{ID: "Umallory", Username: "Ughost"})
	if u, err := a.Person(t.Context(), "rocketchat:Ughost"); code(err) != "person_not_found" {
		t.Errorf("%+v, %v: that is somebody else", u, err)
	}
	if u, err := a.PersonNamed(t.Context(), "Uada"); code(err) != "person_not_found" {
		t.Errorf("%+v, %v: nobody is called so", u, err)
	}
	if u, err := a.PersonNamed(t.Context(), "ada"); err != nil || u.Ref != "rocketchat:Uada" {
		t.Errorf("%+v, %v", u, err)
	}
}

// A server that tells of no new names is listened to all the same.
func TestNamesAreNotTold(t *testing.T) {
	w := newTeam(t)
	w.RefuseSubscriptions(loggedStream)
	c, _ := w.start(t, w.adapter(t))
	w.say(t, "ada", w.room, "hello")
	c.want(t, "message ada hello")
}
