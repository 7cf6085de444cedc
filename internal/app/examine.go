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

// examineChats has the chats say what is wrong with them, and looks at the
// channels that the configuration names.
func examineChats(c config.Config, platforms []bot.Platform) func(context.Context) []doctor.Finding {
	return func(ctx context.Context) []doctor.Finding {
		var out []doctor.Finding
		for _, p := range platforms {
			if x, ok := p.(bot.Examiner); ok {
				list := x.Examine(ctx)
				for _, f := range list {
					if inRooms(c) && slices.Contains([]string{"departments", "agents", "rate limiter"}, f.About) {
						continue // of a customer service that is not used
					}
					out = append(out, finding(p.Name()+" "+f.About, f.Text, f.Do, f.Serious))
				}
				if slices.ContainsFunc(list, func(f bot.Finding) bool { return f.About == "login" && f.Serious }) {
					continue // it would answer nothing of what follows
				}
			}
			if x, ok := p.(bot.Inspector); ok {
				out = append(out, examineChannels(ctx, c, p, x)...)
			}
			out = append(out, examineNames(ctx, c, p)...)
		}
		return out
	}
}

// inRooms reports whether all departments are served in rooms, as the
// configuration wants it, and none by a chat's own customer service.
func inRooms(c config.Config) bool {
	return len(c.Departments) > 0 && !slices.ContainsFunc(c.Departments, func(d config.Department) bool { return servedIn(d.Channel) })
}

func finding(check, text, do string, serious bool) doctor.Finding {
	f := doctor.Finding{Check: check, State: doctor.OK, Text: text, Do: do}
	switch {
	case serious:
		f.State = doctor.Fail
	case do != "":
		f.State = doctor.Warn
	}
	return f
}

// examineChannels looks at the channels of one chat, each of them once.
func examineChannels(ctx context.Context, c config.Config, p bot.Platform, x bot.Inspector) []doctor.Finding {
	var out []doctor.Finding
	seen := map[string]bool{}
	look := func(what, ref string, customers bool) {
		if seen[ref] || !strings.HasPrefix(ref, p.Name()+":") || strings.Contains(ref, "#") {
			return // by its name it is made, or joined, at the start
		}
		seen[ref] = true
		out = append(out, examineChannel(ctx, c, x, p.Name()+" "+what, ref, customers))
	}
	for _, d := range c.Departments {
		look("channel of "+d.Name, d.Channel, true)
	}
	look("setup channel", c.Channels.Setup, len(c.Departments) == 0)
	look("incidents channel", c.Channels.Incidents, false)
	return out
}

// examineChannel looks at one channel; customers says if their direct messages
// are to be shown there.
func examineChannel(ctx context.Context, c config.Config, x bot.Inspector, check, ref string, customers bool) doctor.Finding {
	ch, err := x.Inspect(ctx, bot.ChannelRef(ref))
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return finding(check, ref+" can't be looked at ("+e.Code+").", e.Message, !e.Temporary)
	}
	if err != nil {
		return finding(check, ref+" can't be looked at: the chat does not answer.", "Try again in a moment.", false)
	}
	name := "#" + ch.Name
	switch {
	case ch.Archived:
		return finding(check, name+" is archived.", "Unarchive it, or set another in the configuration and restart Perch.", true)
	case !ch.Member && ch.Private:
		return finding(check, "Perch is not in "+name+".", "Write there: /invite @Perch", true)
	case customers && !ch.Private && !c.Desk.PublicChannels:
		return openToAll(check, name)
	case customers && !ch.Private:
		return finding(check, "Everybody in the workspace can read customers' direct messages in "+name+", as desk.public_channels says.", "", false)
	case customers && ch.Shared:
		return finding(check, "People of other companies are in "+name+" and read customers' messages.", "Use a channel of your own people.", false)
	case !ch.Member:
		return finding(check, "Perch is not in "+name+" yet. It joins when it first writes there.", "", false)
	}
	return finding(check, "Perch is in "+name+".", "", false)
}
