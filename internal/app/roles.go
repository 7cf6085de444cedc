package app

import (
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/config"
)

// roles says who may do what, from the configuration. It never changes.
type roles struct {
	admins     []bot.UserRef
	responders map[bot.UserRef]bool
	named      []bot.UserRef // the responders, in the order of the configuration
	agents     map[bot.UserRef]bool
}

func newRoles(c config.Config) *roles {
	r := &roles{responders: map[bot.UserRef]bool{}, agents: map[bot.UserRef]bool{}}
	for _, u := range c.Team.Admins {
		r.admins = append(r.admins, bot.UserRef(u))
	}
	for _, u := range c.Team.Responders {
		r.responders[bot.UserRef(u)] = true
		r.named = append(r.named, bot.UserRef(u))
	}
	for _, u := range c.Team.Agents {
		r.agents[bot.UserRef(u)] = true
	}
	for _, d := range c.Departments {
		for _, u := range d.Agents {
			r.agents[bot.UserRef(u)] = true
		}
	}
	return r
}

// IsAdmin reports whether the person may connect accounts and change settings.
func (r *roles) IsAdmin(u bot.UserRef) bool { return u != "" && slices.Contains(r.admins, u) }

// IsResponder reports whether the person may keep incidents. Where nobody is
// named, everybody may.
func (r *roles) IsResponder(u bot.UserRef) bool {
	return u != "" && (len(r.responders) == 0 || r.responders[u])
}

// IsAgent reports whether the person may answer customers.
func (r *roles) IsAgent(u bot.UserRef) bool { return r.agents[u] }

// Admins are the people to ask.
func (r *roles) Admins() []bot.UserRef { return r.admins }

// Responders are those that the configuration names.
func (r *roles) Responders() []bot.UserRef { return r.named }
