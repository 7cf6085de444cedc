package app

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/config"
)

// book is a chat that knows people by their usernames, or does not answer.
type book struct {
	bot.Platform
	people map[string]string
	down   bool
	asked  int
}

func (b *book) Name() string { return "rocketchat" }

func (b *book) PersonNamed(_ context.Context, name string) (bot.User, error) {
	b.asked++
	if b.down {
		return bot.User{}, errors.New("no answer")
	}
	id, ok := b.people[name]
	if !ok {
		return bot.User{}, &bot.Error{Code: "error-invalid-user"}
	}
	return bot.User{Ref: bot.UserRef("rocketchat:" + id)}, nil
}

func byNames() config.Config {
	return config.Config{
		Team:        config.Team{Admins: []string{"rocketchat:@ada", "slack:U1"}, Responders: []string{"rocketchat:@nobody"}, Agents: []string{"rocketchat:Usam"}},
		Departments: []config.Department{{Name: "Support", Agents: []string{"rocketchat:@sam", "rocketchat:@ada"}, OnDuty: []string{"rocketchat:@sam"}}},
	}
}

func TestUnnamed(t *testing.T) {
	b := &book{people: map[string]string{"ada": "Uada", "sam": "Usam"}}
	given := byNames()
	c, left, err := unnamed(t.Context(), given, []bot.Platform{b})
	if err == nil || left != 0 {
		t.Errorf("nobody is there: %v, %d to ask again", err, left)
	}
	want := config.Config{
		Team:        config.Team{Admins: []string{"rocketchat:Uada", "slack:U1"}, Responders: []string{"rocketchat:@nobody"}, Agents: []string{"rocketchat:Usam"}},
		Departments: []config.Department{{Name: "Support", Agents: []string{"rocketchat:Usam", "rocketchat:Uada"}, OnDuty: []string{"rocketchat:Usam"}}},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(byNames(), given); d != "" {
		t.Errorf("what was given was changed: %s", d)
	}
	if b.asked != 3 {
		t.Errorf("asked %d times, want once a person", b.asked)
	}
	r := newRoles(c)
	if !r.IsAdmin("rocketchat:Uada") || !r.IsAgent("rocketchat:Uada") || r.IsResponder("rocketchat:Uada") || r.IsResponder("rocketchat:@nobody") || len(r.Responders()) != 0 {
		t.Error("a name that nobody has must not open to everybody, nor count for anybody")
	}
}

func TestUnnamedWhileTheChatIsAway(t *testing.T) {
	b := &book{people: map[string]string{"ada": "Uada", "sam": "Usam", "nobody": "Uno"}, down: true}
	c, left, err := unnamed(t.Context(), byNames(), []bot.Platform{b})
	if err == nil || left == 0 || !anyNamed(c) {
		t.Fatalf("%v, %d to ask again, named: %v", err, left, anyNamed(c))
	}
	r := newRoles(c)
	if d := cmp.Diff([]bot.UserRef{"slack:U1"}, r.Admins()); d != "" {
		t.Error(d)
	}
	b.down = false
	if c, left, err = unnamed(t.Context(), c, []bot.Platform{b}); err != nil || left != 0 || anyNamed(c) {
		t.Errorf("again: %v, %d, %+v", err, left, c)
	}
	r.set(c)
	if !r.IsAdmin("rocketchat:Uada") || !r.IsResponder("rocketchat:Uno") {
		t.Error("they don't count")
	}
}
