package desk

import (
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

func (roles) IsAdmin(u bot.UserRef) bool { return u == "webchat:U_ada" }

// TestLiveAdmins: where the chat serves customers Perch knows no agents, so the
// admins decide on what is told to them.
func TestLiveAdmins(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, lee, rio := agents()
		ada := bot.User{Ref: "webchat:U_ada", Name: "Ada"}
		admins := w.admins()
		w.update(func(tx store.Tx) error {
			return w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: "webchat:omnichannel:Nowhere"})
		})
		w.in("1", "one")
		if len(*admins) != 1 {
			t.Fatalf("the admins were told %d times, want 1", len(*admins))
		}
		shut := func() (n int) {
			w.update(func(tx store.Tx) (err error) { n, err = w.d.Shut(tx); return err })
			return n
		}
		if n := shut(); n != 1 {
			t.Errorf("%d customers are shut out, want 1", n)
		}
		retry := func(by bot.User) {
			w.event(bot.Event{Kind: bot.EventAction, User: by, Action: "desk.room", Value: w.conv().ID})
		}
		retry(rio) // who is neither an agent nor an admin of Perch
		if len(*admins) != 1 {
			t.Error("anybody may try again")
		}
		for i, by := range []bot.User{ada, lee} {
			if retry(by); len(*admins) != i+2 {
				t.Errorf("%s can't try again", by.Name)
			}
		}
		w.update(func(tx store.Tx) error {
			return w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: "webchat:omnichannel:Sales"})
		})
		retry(ada)
		if w.settle(); shut() != 0 {
			t.Error("who was let in is shut out")
		}
	})
}
