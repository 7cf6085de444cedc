package rocketchat

import (
	"context"
	"slices"

	"github.com/perch-chat/perch/bot"
)

// right is a permission that Perch needs, and what fails without it. The roles
// bot and livechat-manager have it as Rocket.Chat comes, but a workspace may
// have taken it from them.
type right struct {
	id, lack  string
	customers bool // only where customers are served
	serious   bool
}

func rights() []right {
	return []right{
		{"create-d", "what is for one person can't be said to them", false, true},
		{"create-p", "rooms that are named in the configuration can't be made", false, false},
		{"view-joined-room", "what people write in its rooms can't be read", false, true},
		{"api-bypass-rate-limit", "Rocket.Chat allows ten calls of a kind a minute, so that all is late", false, false},
		{"view-l-room", "customers' rooms can't be read, so answers don't reach them", true, true},
		{"view-livechat-manager", "customers' open rooms can't be found", true, true},
		{"view-livechat-rooms", "after a start the rooms of before are heard only once their customers write again", true, false},
		{"close-livechat-room", "conversations can't be closed", true, false},
		{"close-others-livechat-room", "conversations can't be closed", true, false},
		{"view-livechat-departments", "departments can't be looked at", true, false},
	}
}

// examineRights compares what the bot's roles may do with what Perch needs.
// The server tells anybody who may do what; if it does not, nothing is said.
func (a *Adapter) examineRights(ctx context.Context, roles []string, customers bool) []bot.Finding {
	const about = "permissions"
	var all struct {
		Update []struct {
			ID    string   `json:"_id"`
			Roles []string `json:"roles"`
		} `json:"update"`
	}
	if err := a.rest.call(ctx, request{route: "GET permissions.listAll"}, &all); err != nil || len(all.Update) == 0 {
		return nil
	}
	has := map[string]bool{}
	for _, p := range all.Update {
		has[p.ID] = slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(roles, r) })
	}
	has["view-joined-room"] = has["view-joined-room"] || has["view-c-room"] && has["view-p-room"] && has["view-d-room"]
	var out []bot.Finding
	for _, r := range rights() {
		if has[r.id] || r.customers && !customers {
			continue
		}
		role := "bot"
		if r.customers {
			role = "livechat-manager"
		}
		out = append(out, bot.Finding{
			About: about, Text: "The bot lacks the permission " + r.id + ": " + r.lack + ".",
			Do: "Give it to the role " + role + " (Workspace, Permissions).", Serious: r.serious,
		})
	}
	if len(out) == 0 {
		out = append(out, bot.Finding{About: about, Text: "The bot's roles may do what Perch needs."})
	}
	return out
}
