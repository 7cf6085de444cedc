package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
)

// examineNames looks at the people of one chat that the configuration names, and
// at the rooms that it names by their names.
func examineNames(ctx context.Context, c config.Config, p bot.Platform) []doctor.Finding {
	return append(examinePeople(ctx, c, p), examineRooms(ctx, c, p)...)
}

func examinePeople(ctx context.Context, c config.Config, p bot.Platform) []doctor.Finding {
	check := p.Name() + " people"
	n, byName := p.(bot.Namer)
	d, byID := p.(bot.Directory)
	if !byName || !byID {
		return nil
	}
	var out []doctor.Finding
	asked := map[string]bool{}
	people(c, func(ref string) string {
		if asked[ref] || !strings.HasPrefix(ref, p.Name()+":") {
			return ref
		}
		asked[ref] = true
		shown, do := ref, "Correct the name in the configuration and restart Perch."
		var err error
		if _, name, named := userNamed(ref); named {
			shown = "@" + name
			_, err = n.PersonNamed(ctx, name)
		} else if _, err = d.Person(ctx, bot.UserRef(ref)); err != nil {
			id := strings.TrimPrefix(ref, p.Name()+":")
			if _, nerr := n.PersonNamed(ctx, id); nerr == nil {
				do = "Write " + p.Name() + ":@" + id + " in the configuration, for it is a username, and restart Perch."
			}
		}
		switch e, ok := errors.AsType[*bot.Error](err); {
		case err == nil:
		case ok && e.Code == "person_not_found":
			out = append(out, finding(check, shown+" is not known in the chat, so counts for nothing.", do, true))
		case ok:
			out = append(out, finding(check, shown+" can't be looked up ("+e.Code+").", e.Message, false))
		default:
			out = append(out, finding(check, shown+" can't be looked up: the chat does not answer.", "Try again in a moment.", false))
		}
		return ref
	})
	if len(asked) > 0 && len(out) == 0 {
		out = append(out, finding(check, "All people that the configuration names are known.", "", false))
	}
	return out
}

func examineRooms(ctx context.Context, c config.Config, p bot.Platform) []doctor.Finding {
	r, ok := p.(interface {
		ChannelNamed(ctx context.Context, name string) (bot.Channel, error)
	})
	if !ok {
		return nil
	}
	h, ok := p.(bot.Healther)
	running := ok && h.Health().Began
	served := map[string]bool{}
	refs := []string{c.Channels.Setup, c.Channels.Incidents}
	for _, d := range c.Departments {
		refs = append(refs, d.Channel)
		served[d.Channel] = true
	}
	var out []doctor.Finding
	asked := map[string]bool{}
	for _, ref := range refs {
		name, ok := strings.CutPrefix(ref, p.Name()+":#")
		if !ok || asked[name] {
			continue
		}
		asked[name] = true
		check, invite := p.Name()+" room #"+name, "Write there: /invite @twitter.bot"
		switch ch, err := r.ChannelNamed(ctx, name); {
		case err != nil && !running:
			out = append(out, doctor.Finding{Check: check, State: doctor.Skip, Text: "Perch does not see #" + name + ". It makes the room at its start. If there is one already, write there: /invite @twitter.bot"})
		case err != nil:
			out = append(out, finding(check, "Perch does not see #"+name+": there is a room of this name and Perch is not in it, or it may not make rooms.", invite, false))
		case ch.Archived:
			out = append(out, finding(check, "#"+name+" is archived.", "Unarchive it, or name another in the configuration and restart Perch.", true))
		case !ch.Member:
			out = append(out, finding(check, "Perch is not in #"+name+".", invite, true))
		case served[ref] && !ch.Private && !c.Desk.PublicChannels:
			out = append(out, openToAll(check, "#"+name))
		case ref == c.Channels.Setup && !ch.Private:
			out = append(out, finding(check, "Everybody in the workspace can read #"+name+", where Perch tells admins what went wrong, with customers' words.", "Make it private.", false))
		default:
			out = append(out, finding(check, "Perch is in #"+name+".", "", false))
		}
	}
	if i := slices.IndexFunc(c.Departments, func(d config.Department) bool {
		platform, _, live := bot.LiveDepartment(bot.ChannelRef(d.Channel))
		return live && platform == p.Name()
	}); i >= 0 {
		out = append(out, examineService(ctx, c.Departments[i].Name, p)...)
	}
	return out
}

// examineService says that departments are to be served by the chat, which does
// not serve any.
func examineService(ctx context.Context, department string, p bot.Platform) []doctor.Finding {
	o, ok := p.(interface {
		Omnichannel(ctx context.Context) (bool, error)
	})
	if !ok {
		return nil
	}
	if on, err := o.Omnichannel(ctx); on || err != nil {
		return nil
	}
	return []doctor.Finding{finding(p.Name()+" department "+department, "Omnichannel, which the configuration names for it, is switched off, so its customers wait.",
		"Switch it on (Workspace, Settings, Omnichannel), or name a room as its channel and restart Perch.", true)}
}

// openToAll says that direct messages are not shown where everybody reads.
func openToAll(check, name string) doctor.Finding {
	return finding(check, "Everybody in the workspace can read "+name+", so customers' direct messages are not shown there.",
		"Make it private, or set desk.public_channels: true if that is how you want it.", true)
}
