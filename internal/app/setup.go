package app

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

// served are the departments of the configuration. Where there are none,
// customers arrive in the setup channel, once it is known.
func (a *App) served(tx store.Tx) ([]config.Department, error) {
	c := a.o.Config
	if len(c.Departments) > 0 {
		return c.Departments, nil
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
