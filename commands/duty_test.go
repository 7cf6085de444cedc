package commands

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// naming has the chat say whom the words name.
func naming(list ...bot.Named) func(*bot.Event) {
	return func(ev *bot.Event) { ev.Names = list }
}

// TestDutyOfOthers shows who may put whom on duty, and that they are told.
func TestDutyOfOthers(t *testing.T) {
	ada, rio, sam, _ := people()
	samNamed := bot.Named{Text: "@Sam Lindqvist", User: sam.Ref}
	asSam := bot.Named{Text: "@sam", Name: "Sam Lindqvist", User: sam.Ref}
	scene(t, func(t *testing.T, w *world) {
		told := func() (got string) {
			for _, s := range w.out.chat {
				if s.Only == sam.Ref && strings.HasPrefix(s.key, "commands:told:") {
					got += w.show(s.Message) + "\n"
				}
			}
			return got
		}
		has(t, "by nobody", w.say(rio, "/duty on @Sam Lindqvist", naming(samNamed)), "Only ")
		has(t, "unknown", w.say(ada, "/duty on @sma"), "I don't know who @sma is")
		has(t, "no agent", w.say(ada, "/duty on @Rio", naming(bot.Named{Text: "@Rio", User: rio.Ref})), "Only agents can be on duty", "Rio")
		has(t, "who", w.say(ada, "/duty who"), "Nobody is on duty")
		hasNot(t, "told", told(), "duty")

		has(t, "on", w.say(ada, "/duty on @sam support", naming(asSam)), "Sam Lindqvist is on duty for Support")
		has(t, "who", w.say(ada, "/duty who"), string(sam.Ref))
		has(t, "told", told(), string(ada.Ref), "put you on duty for Support", "/duty off")
		w.say(ada, "/duty on support @Sam Lindqvist", naming(samNamed))
		if got := strings.Count(told(), "put you on duty"); got != 1 {
			t.Errorf("told %d times: %s", got, told())
		}
		has(t, "off by nobody", w.say(rio, "/duty off @sam", naming(asSam)), "Only ")
		has(t, "off", w.say(ada, "/duty off @sam", naming(asSam)), "Sam Lindqvist is off duty. ⚠ Nobody is on duty now")
		has(t, "told", told(), "took you off duty")
		has(t, "off again", w.say(ada, "/duty off @sam", naming(asSam)), "Sam Lindqvist was not on duty.")
		has(t, "one's own", w.say(sam, "/duty on @sam", naming(asSam)), "You are on duty for Support")
	})
}

// TestDutyOfTheChat shows that Perch claims no say where the chat leads.
func TestDutyOfTheChat(t *testing.T) {
	_, _, sam, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		w.update(func(tx store.Tx) error {
			all, err := w.r.Desk.Departments(tx)
			for _, dep := range all {
				dep.Channel = "rocketchat:omnichannel"
				if err == nil {
					err = w.r.Desk.SetDepartment(tx, dep)
				}
			}
			return err
		})
		for _, line := range []string{"/duty on", "/duty off", "/duty who"} {
			has(t, line, w.say(sam, line), "Rocket.Chat says who answers customers", "headset")
		}
		_, rio, _, _ := people()
		has(t, "no agent of Perch", w.say(rio, "/duty on"), "Rocket.Chat says who answers customers")
	})
}
