package app

import (
	"context"
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
	"github.com/perch-chat/perch/store"
)

// servedBy finds the chat that serves all customers where the configuration names
// no department.
func servedBy(platforms []bot.Platform) func(ctx context.Context) (string, bool) {
	return func(ctx context.Context) (string, bool) {
		known := true
		for _, p := range platforms {
			if o, ok := p.(interface {
				Omnichannel(ctx context.Context) (bool, error)
			}); ok {
				on, err := o.Omnichannel(ctx)
				if err == nil && on {
					return "Rocket.Chat's Omnichannel", true
				}
				known = known && err == nil
			}
		}
		return "", known
	}
}

// servedIn reports whether a chat serves the customers of a channel itself.
func servedIn(channel string) bool {
	_, _, live := bot.LiveDepartment(bot.ChannelRef(channel))
	return live
}

// settled is the desk of a Perch that does not run: it answers what is stored.
func settled(c config.Config) *desk.Desk {
	return desk.New(nil, desk.Options{Settings: deskSettings(c), Roles: newRoles(c)})
}

// examineServed looks at the chat's own department that customers are brought to.
func examineServed(ctx context.Context, platforms []bot.Platform, db store.Store, d *desk.Desk) []doctor.Finding {
	if db == nil {
		return nil
	}
	var channels []bot.ChannelRef
	err := db.View(ctx, func(tx store.Tx) error {
		channels = nil
		s, err := d.Settings(tx)
		if err != nil {
			return err
		}
		all, err := d.Departments(tx)
		for _, dep := range all {
			if dep.ID == s.DefaultDepartment {
				channels = append([]bot.ChannelRef{dep.Channel}, channels...)
			}
		}
		return err
	})
	if err != nil {
		return nil // the store's own checks say it
	}
	var out []doctor.Finding
	for _, ch := range slices.Compact(channels) {
		platform, name, live := bot.LiveDepartment(ch)
		for _, p := range platforms {
			x, ok := p.(interface {
				ExamineDepartment(ctx context.Context, name string) bot.Finding
			})
			if !live || name == "" || !ok || p.Name() != platform {
				continue
			}
			f := x.ExamineDepartment(ctx, name)
			out = append(out, finding(platform+" "+f.About, f.Text, f.Do, f.Serious))
		}
	}
	return out
}
