package rocketchat

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

const (
	maxExamined = 20   // departments whose agents are counted
	maxListed   = 1000 // departments or agents that are counted
)

// department is one of the workspace's customer service.
type department struct {
	ID      string `json:"_id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// agent is one who serves customers.
type agent struct {
	Username string `json:"username"`
}

func (a *Adapter) departments(ctx context.Context) (all []department, err error) {
	_, err = pages(url.Values{}, maxListed, func(q url.Values) (int, int, error) {
		var out struct {
			Departments []department
			Total       int
		}
		err := a.rest.call(ctx, request{route: "GET livechat/department", query: q}, &out)
		all = append(all, out.Departments...)
		return len(out.Departments), out.Total, err
	})
	return all, err
}

func (a *Adapter) agentsOf(ctx context.Context, d department) ([]agent, error) {
	var out struct {
		Agents []agent `json:"agents"`
	}
	q := url.Values{"includeAgents": {"true"}}
	err := a.rest.call(ctx, request{route: "GET livechat/department/:id", path: "livechat/department/" + url.PathEscape(d.ID), query: q}, &out)
	return out.Agents, err
}

// agents are those who serve customers, or could do so now.
func (a *Adapter) agents(ctx context.Context, available bool) (all []agent, err error) {
	q := url.Values{}
	if available {
		q.Set("onlyAvailable", "true")
	}
	_, err = pages(q, maxListed, func(q url.Values) (int, int, error) {
		var out struct {
			Users []agent
			Total int
		}
		err := a.rest.call(ctx, request{route: "GET livechat/users/agent", query: q}, &out)
		all = append(all, out.Users...)
		return len(out.Users), out.Total, err
	})
	return all, err
}

// unseen is a finding on what the workspace does not show.
func unseen(about, what string, err error) bot.Finding {
	f := bot.Finding{About: about, Text: what + " can't be looked at (" + cmp.Or(code(err), "no answer") + ").", Do: connecting(err), Serious: code(err) == "forbidden"}
	if f.Serious {
		f.Do = "Give the bot's user the role livechat-manager, and that role the permissions it comes with (Workspace, Permissions)."
	}
	return f
}

// examineDepartments looks at who there is to serve customers.
func (a *Adapter) examineDepartments(ctx context.Context) []bot.Finding {
	const about = "departments"
	deps, err := a.departments(ctx)
	if err != nil {
		return []bot.Finding{unseen(about, "The departments", err)}
	}
	var out []bot.Finding
	var names []string
	for _, d := range deps[:min(len(deps), maxExamined)] {
		agents, err := a.agentsOf(ctx, d)
		switch {
		case err != nil:
			out = append(out, unseen(about, "The department "+d.Name, err))
		case !d.Enabled:
			names = append(names, d.Name+" (switched off)")
		case len(agents) == 0:
			names = append(names, d.Name+" (no agents)")
		default:
			names = append(names, d.Name+" ("+counted(len(agents), "agent")+")")
		}
	}
	switch {
	case len(names) > 0:
		out = append(out, bot.Finding{About: about, Text: "There are: " + strings.Join(names, ", ") + "."})
	case len(deps) == 0:
		out = append(out, bot.Finding{About: about, Text: "There are no departments: all agents serve all customers."})
	}
	return append(out, a.examineAgents(ctx))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// nobodyNow says that of n agents nobody is available.
func nobodyNow(whose string, n int) string {
	if n == 1 {
		return whose + " only agent is not available now: customers are told so."
	}
	return fmt.Sprintf("None of %s %d agents is available now: customers are told so.", strings.ToLower(whose), n)
}

// comeThere is how agents become available.
const comeThere = "Agents make themselves available by the headset beside their picture."

func (a *Adapter) examineAgents(ctx context.Context) bot.Finding {
	const about = "agents"
	all, err := a.agents(ctx, false)
	if err != nil {
		return unseen(about, "The agents", err)
	}
	now, err := a.agents(ctx, true)
	switch {
	case err != nil:
		return unseen(about, "The agents", err)
	case len(all) == 0:
		return bot.Finding{About: about, Text: "Nobody is an agent, so nobody can answer customers.", Do: "Add agents under Omnichannel, Agents.", Serious: true}
	case len(now) == 0:
		return bot.Finding{About: about, Text: nobodyNow("The", len(all)), Do: comeThere}
	}
	return bot.Finding{About: about, Text: fmt.Sprintf("%d of %s can take customers now.", len(now), counted(len(all), "agent"))}
}

// ExamineDepartment looks whether a department of the workspace, by its ID or
// name, can serve the customers who are brought there.
func (a *Adapter) ExamineDepartment(ctx context.Context, name string) bot.Finding {
	f := bot.Finding{About: "department " + cut(clean(name), maxLabel), Serious: true}
	const (
		it      = "It"
		where   = "Omnichannel, Departments"
		another = ", or choose another in chat: /twitter settings default_department NAME"
	)
	deps, err := a.departments(ctx)
	if err != nil {
		return unseen(f.About, it, err)
	}
	i := slices.IndexFunc(deps, func(d department) bool { return d.ID == name || strings.EqualFold(d.Name, name) })
	if i < 0 {
		f.Text, f.Do = "Rocket.Chat has no such department, so customers can't be brought there.", "Make it under "+where+another+"."
		if len(deps) > 0 {
			var names []string
			for _, d := range deps[:min(len(deps), maxExamined)] {
				names = append(names, d.Name)
			}
			f.Do += " There are: " + strings.Join(names, ", ") + "."
		}
		return f
	}
	if !deps[i].Enabled {
		f.Text, f.Do = "It is switched off in Rocket.Chat, so customers can't be brought there.", "Switch it on under "+where+another+"."
		return f
	}
	agents, err := a.agentsOf(ctx, deps[i])
	if err != nil {
		return unseen(f.About, it, err)
	}
	if len(agents) == 0 {
		f.Text, f.Do = "It has no agents, so nobody gets its customers.", "Add some under "+where+another+"."
		return f
	}
	now, err := a.agents(ctx, true)
	if err != nil {
		return unseen(f.About, it, err)
	}
	n := 0
	for _, x := range agents {
		if slices.Contains(now, x) {
			n++
		}
	}
	f.Serious = false
	if n == 0 {
		f.Text, f.Do = nobodyNow("Its", len(agents)), comeThere
		return f
	}
	f.Text = fmt.Sprintf("%d of its %s can take customers now.", n, counted(len(agents), "agent"))
	return f
}
