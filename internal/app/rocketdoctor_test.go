package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
)

// TestRocketDoctorNames: the doctor looks at the people and rooms that the
// configuration names, and guesses nothing where the chat does not let it look.
func TestRocketDoctorNames(t *testing.T) {
	const check = "rocketchat people"
	b := newBureau(t, withAda, func(b *bureau) {
		b.rc.AddRoom("status", false, "ada", "twitter.bot")
		b.rc.AddRoom("attic", true, "ada")
	})
	b.setupRoom()
	b.stop()
	for _, c := range []struct {
		name   string
		change func(c *config.Config)
		check  string
		state  doctor.State
		says   string
	}{
		{"all are known", func(c *config.Config) { c.Team.Agents = []string{"rocketchat:Usam"} }, check, doctor.OK, "All people"},
		{"a name of nobody", func(c *config.Config) { c.Team.Agents = []string{"rocketchat:@smm"} }, check, doctor.Fail, "@smm is not known"},
		{"an ID of nobody", func(c *config.Config) { c.Team.Agents = []string{"rocketchat:Unobody"} }, check, doctor.Fail, "rocketchat:Unobody is not known"},
		{"a name without its @", func(c *config.Config) { c.Team.Agents = []string{"rocketchat:sam"} }, check, doctor.Fail, "Write rocketchat:@sam"},
		{"a room that everybody reads", func(c *config.Config) { c.Channels.Setup = "rocketchat:#status" }, "rocketchat room #status", doctor.Warn, "Make it private"},
		{"customers where everybody reads", func(c *config.Config) {
			c.Departments = []config.Department{{Name: "Support", Channel: "rocketchat:#status"}}
		}, "rocketchat room #status", doctor.Fail, "are not shown there"},
		{"a room without Perch", func(c *config.Config) { c.Channels.Incidents = "rocketchat:#attic" }, "rocketchat room #attic", doctor.Skip, "/invite @twitter.bot"},
		{"no admin", func(c *config.Config) { c.Team.Admins = nil }, "team", doctor.Fail, "rocketchat:@sam"},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := b.c
			defer func() { b.c = was }()
			c.change(&b.c)
			all := b.doctor()
			if !slices.ContainsFunc(all[c.check], func(f doctor.Finding) bool {
				return f.State == c.state && strings.Contains(f.Text+" "+f.Do, c.says)
			}) {
				t.Errorf("%s: %+v", c.check, all[c.check])
			}
		})
	}

	was := b.c
	b.c.Departments = []config.Department{{Name: "Support", Channel: "rocketchat:omnichannel"}}
	b.rc.Set("Livechat_enabled", false)
	if all := b.doctor()["rocketchat department Support"]; len(all) != 1 || all[0].State != doctor.Fail || !strings.Contains(all[0].Text, "switched off") {
		t.Errorf("Omnichannel is off: %+v", all)
	}
	b.c = was
	if all := b.doctor()["team"]; len(all) != 1 || !strings.Contains(all[0].Do, "Switch on Omnichannel") {
		t.Errorf("nobody serves customers: %+v", all)
	}
	b.c.Chat.RocketChat.URL = "http://127.0.0.1:1"
	if all := b.doctor()["team"]; len(all) != 1 || all[0].State != doctor.Skip {
		t.Errorf("nobody says who serves customers: %+v", all)
	}
	b.c = was
	b.c.Chat.RocketChat.Token = "nonsense"
	for name, found := range b.doctor() {
		if name != "rocketchat login" && strings.HasPrefix(name, "rocketchat") {
			t.Errorf("without a login the doctor says of %s: %+v", name, found)
		}
	}
}

// TestRocketDoctorShut: a customer who can't be brought to any room is no secret,
// and an admin lets them in.
func TestRocketDoctorShut(t *testing.T) {
	b := newBureau(t, withAda)
	setup := b.setupRoom()
	b.reads(b.tells("ada", "settings default_department Nowhere"), "Changed default_department to: Nowhere")
	b.writes("1002", "Hello?")
	b.reads(setup, "can't be shown to agents")
	b.reads(b.tells("ada", "support"), "1 customer can't be shown to agents")
	if all := b.doctor()["work"]; len(all) != 1 || all[0].State != doctor.Fail || !strings.Contains(all[0].Text, "1 customer can't") {
		t.Errorf("work: %+v", all)
	}
	b.rc.AddDepartment("Nowhere")
	b.rc.AddUser(rcfake.User{Username: "sam", Name: "Sam Lee", Agent: true, Departments: []string{"Nowhere"}})
	b.presses("ada", setup, "Retry")
	b.reads(b.room(1), "Hello?")
	if all := b.doctor()["work"]; len(all) != 1 || all[0].State != doctor.OK {
		t.Errorf("work: %+v", all)
	}
}
