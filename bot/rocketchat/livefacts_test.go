package rocketchat_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A customer who has a room costs nothing of what the server allows of the
// public calls: it is asked as the bot.
func TestEnterAgain(t *testing.T) {
	s := newService(t)
	ref, _ := s.enter(t, s.customer(1))
	s.ForgetCalls()
	if got, err := s.Enter(t.Context(), s.customer(1)); err != nil || got.Ref != ref || got.Fresh {
		t.Errorf("again: %+v %v, want %s", got, err, ref)
	}
	if c := s.Calls("GET livechat/room", "POST livechat/visitor"); len(c) != 0 {
		t.Errorf("%d public calls for a room that is open: %s", len(c), c[0].Route)
	}
}

// A server of line 8 lets the bot make public calls without limit, if it says
// who it is.
func TestPublicCallsSayWhoTheBotIs(t *testing.T) {
	s := newService(t)
	s.Limits(true, 5, time.Minute)
	for i := range 20 {
		v := s.customer(i)
		room, _ := s.enter(t, v)
		s.tell(t, v, room, fmt.Sprint(i), "Hello?")
	}
	for _, c := range s.Calls() {
		if c.Status != http.StatusOK {
			t.Errorf("%s: %d", c.Route, c.Status)
		}
	}
}
