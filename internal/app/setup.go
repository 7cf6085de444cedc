package app

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/commands"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

// served are the departments of the configuration. Where there are none,
// customers arrive in the chat that serves customers by itself, or else in the
// setup channel, once it is known.
func (a *App) served(tx store.Tx) ([]config.Department, error) {
	c := *a.named.Load()
	if len(c.Departments) > 0 {
		var out []config.Department
		for _, d := range c.Departments {
			ch, err := a.Commands.Resolve(tx, bot.ChannelRef(d.Channel))
			if err != nil {
				return nil, err
			}
			if ch == "" {
				continue // it begins once its channel was found or made
			}
			d.Channel = string(ch)
			out = append(out, d)
		}
		return out, nil
	}
	if a.live != "" {
		return a.withLive(c).Departments, nil
	}
	setup, err := a.Commands.Setup(tx)
	if err != nil || setup == "" {
		return nil, err
	}
	return []config.Department{{Name: anyDepartment, Channel: string(setup)}}, nil
}

// setupFound has customers arrive in a setup channel that was just made.
func (a *App) setupFound(tx store.Tx, ch bot.ChannelRef) error {
	if len(a.o.Config.Departments) > 0 || a.live != "" {
		return nil
	}
	return a.Desk.SetDepartment(tx, desk.Department{ID: departmentID(anyDepartment), Name: anyDepartment, Channel: ch})
}

// departmentRooms are the departments' channels, with those who belong there.
func (a *App) departmentRooms() []commands.Room {
	var out []commands.Room
	for _, d := range a.named.Load().Departments {
		if _, _, live := bot.LiveDepartment(bot.ChannelRef(d.Channel)); live {
			continue // its rooms are the chat's to make
		}
		out = append(out, commands.Room{Channel: bot.ChannelRef(d.Channel), Purpose: "Customers of " + d.Name, People: known(d.Agents)})
	}
	return out
}

// roomFound has a department begin whose channel was just found or made.
func (a *App) roomFound(tx store.Tx) error { return a.seedDepartments(tx) }
