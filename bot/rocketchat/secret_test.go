package rocketchat_test

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// TestSecretsStayOutOfCustomersRooms: what is said to one person in a customer's
// room is seen by all agents there, but for what is theirs alone.
func TestSecretsStayOutOfCustomersRooms(t *testing.T) {
	s := newService(t)
	room, rid := s.enter(t, s.customer(1))
	for _, secret := range []bool{false, true} {
		m := bot.Message{
			Channel: "rocketchat:omnichannel:Support", Thread: room, Only: "rocketchat:Usam", Key: map[bool]string{true: "a", false: "b"}[secret],
			Secret: secret, Text: "Click here to authorize",
		}
		ref, err := s.Post(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.FindMessage(t.Context(), m)
		if err != nil || found != ref {
			t.Errorf("secret %v: found %s, %v, want %s", secret, found, err, ref)
		}
		count := func(rid string) (n int) {
			for _, x := range s.Messages(rid) {
				n += strings.Count(x.Text, m.Text)
			}
			return n
		}
		if in, alone := count(rid), count(s.DirectRoom("sam")); secret && (in != 1 || alone != 1) || !secret && (in != 1 || alone != 0) {
			t.Errorf("secret %v: %d in the customer's room, %d alone", secret, in, alone)
		}
	}
}
