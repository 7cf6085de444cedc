package app

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/commands"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

// served are the departments of the configuration. Where there are none,
// customers arrive in the setup channel, once it is known.
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
	setup, err := a.Commands.Setup(tx)
	if err != nil || setup == "" {
		return nil, err
	}
	return []config.Department{{Name: "Support", Channel: string(setup)}}, nil
}

// setupFound has customers arrive in a setup channel that was just made.
func (a *App) setupFound(tx store.Tx, ch bot.ChannelRef) error {
	if len(a.o.Config.Departments) > 0 {
		return nil
	}
	return a.Desk.SetDepartment(tx, desk.Department{ID: departmentID("Support"), Name: "Support", Channel: ch})
}

// departmentRooms are the departments' channels, with those who belong there.
func (a *App) departmentRooms() []commands.Room {
	var out []commands.Room
	for _, d := range a.named.Load().Departments {
		out = append(out, commands.Room{Channel: bot.ChannelRef(d.Channel), Purpose: "Customers of " + d.Name, People: known(d.Agents)})
	}
	return out
}

// roomFound has a department begin whose channel was just found or made.
func (a *App) roomFound(tx store.Tx) error { return a.seedDepartments(tx) }
