package app

import (
	"slices"
	"sync/atomic"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/config"
)

// roles says who may do what, from the configuration. Who is named there by
// username counts once the chat told who that is: see names.go.
type roles struct{ now atomic.Pointer[team] }

// team is who may do what. It never changes.
type team struct {
	admins     []bot.UserRef
	responders map[bot.UserRef]bool
	everybody  bool          // may keep incidents
	named      []bot.UserRef // the responders, in the order of the configuration
	agents     map[bot.UserRef]bool
}

func newRoles(c config.Config) *roles {
	r := &roles{}
	r.set(c)
	return r
}

func (r *roles) set(c config.Config) {
	t := &team{responders: map[bot.UserRef]bool{}, agents: map[bot.UserRef]bool{}, everybody: len(c.Team.Responders) == 0}
	t.admins = known(c.Team.Admins)
	t.named = known(c.Team.Responders)
	for _, u := range t.named {
		t.responders[u] = true
	}
	for _, u := range known(c.Team.Agents) {
		t.agents[u] = true
	}
	for _, d := range c.Departments {
		for _, u := range known(d.Agents) {
			t.agents[u] = true
		}
	}
	r.now.Store(t)
}

// known are the people who are not merely named.
func known(refs []string) []bot.UserRef {
	var out []bot.UserRef
	for _, u := range refs {
		if _, _, named := userNamed(u); !named {
			out = append(out, bot.UserRef(u))
		}
	}
	return out
}

// IsAdmin reports whether the person may connect accounts and change settings.
func (r *roles) IsAdmin(u bot.UserRef) bool {
	return u != "" && slices.Contains(r.now.Load().admins, u)
}

// IsResponder reports whether the person may keep incidents. Where nobody is
// named, everybody may.
func (r *roles) IsResponder(u bot.UserRef) bool {
	t := r.now.Load()
	return u != "" && (t.everybody || t.responders[u])
}

// IsAgent reports whether the person may answer customers.
func (r *roles) IsAgent(u bot.UserRef) bool { return r.now.Load().agents[u] }

// Admins are the people to ask.
func (r *roles) Admins() []bot.UserRef { return r.now.Load().admins }

// Responders are those that the configuration names.
func (r *roles) Responders() []bot.UserRef { return r.now.Load().named }
