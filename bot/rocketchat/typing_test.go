package rocketchat_test

import (
	"slices"
	"testing"
)

// TestTyping shows that a customer writes, to the agents of their room alone, and
// that an agent who writes is no event.
func TestTyping(t *testing.T) {
	s := newService(t)
	room, rid := s.enter(t, s.customer(1))
	other, otherID := s.enter(t, s.customer(2))
	if err := s.Typing(t.Context(), room, "Casey"); err != nil {
		t.Fatal(err)
	}
	if got := s.Typed(rid); !slices.Equal(got, []string{"Casey"}) || len(s.Typed(otherID)) != 0 {
		t.Errorf("agents see %q write", got)
	}
	n := len(s.sink.of("message", "edited", "command", "action"))
	if err := s.Server.Typing("sam", rid, true); err != nil {
		t.Fatal(err)
	}
	s.tell(t, s.customer(2), other, "k1", "Hello?") // and back, so that it would have come
	if got := s.sink.of("message", "edited", "command", "action"); len(got) != n {
		t.Errorf("events of typing: %+v", got)
	}
	if err := s.Typing(t.Context(), "rocketchat:elsewhere:live", "Casey"); errorCode(err) == "" {
		t.Errorf("a room that is none: %v", err)
	}
}
