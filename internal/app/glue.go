package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// migrations bring an older store up to date. There is none yet.
func migrations() []store.Migration { return nil }

// chatEvent handles an event of a chat: a conversation's thread belongs to the
// desk, all else to the commands.
func (a *App) chatEvent(tx store.Tx, it inbox.Item) error {
	var ev bot.Event
	if err := json.Unmarshal(it.Body, &ev); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	if err := a.workspaceEvent(tx, ev); err != nil {
		return err
	}
	if ev.Ask != "" { // whosever button it is, it does not count yet
		return a.Commands.Handle(tx, ev)
	}
	handled, err := a.Desk.HandleEvent(tx, ev)
	a.log.Debug("chat event", "platform", ev.Platform, "event", ev.ID, "kind", string(ev.Kind), "thread", string(ev.Thread), "desk", handled)
	if err != nil || handled {
		return err
	}
	return a.Commands.Handle(tx, ev)
}

// postAccounts finds the accounts that incidents may be posted as.
type postAccounts struct{ acc *accounts.Accounts }

// Account implements incident.Accounts.
func (p postAccounts) Account(tx store.Tx, id string) (incident.XAccount, bool, error) {
	var (
		acc accounts.Account
		ok  bool
		err error
	)
	if id == "" {
		acc, ok, err = p.acc.Default(tx)
	} else {
		var list []accounts.Account
		if list, err = p.acc.List(tx); err == nil {
			for _, x := range list {
				if x.ID == id {
					acc, ok = x, true
				}
			}
		}
	}
	if err != nil || !ok || acc.State == accounts.Unauthorized {
		return incident.XAccount{}, false, err
	}
	return incident.XAccount{ID: acc.ID, Handle: acc.Handle, Limit: acc.Limit, Ready: acc.State == accounts.Connected}, true, nil
}

// departmentID is the short word of a department's name.
func departmentID(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(name)), "-")
}

func deskSettings(c config.Config) desk.Settings {
	serves := c.Desk.DefaultDepartment
	if serves == "" && len(c.Departments) > 0 {
		serves = c.Departments[0].Name // not one that an older configuration named
	}
	return desk.Settings{
		DefaultDepartment:  departmentID(serves),
		ServiceUnavailable: c.Desk.ServiceUnavailable,
		Welcome:            c.Desk.Welcome,
		Finished:           c.Desk.Finished,
		AgentsDisplayName:  c.Desk.AgentsDisplayName,
		FileUpload:         c.Desk.FileUpload,
		MaxUpload:          int64(c.Desk.MaxUpload),
		MediaTypes:         c.Desk.MediaTypes,
	}
}

// name is what is known of a person who is only in the configuration.
func (a *App) name(ref string) string {
	for _, p := range a.o.Platforms {
		if n, ok := p.(interface{ UserName(ref bot.UserRef) string }); ok && strings.HasPrefix(ref, p.Name()+":") {
			if name := n.UserName(bot.UserRef(ref)); name != "" {
				return name
			}
		}
	}
	return ref[strings.LastIndexByte(ref, ':')+1:]
}

// keepDepartments looks after those that the configuration names no more: their
// conversations go on, but nobody is on duty there by a user group.
func (a *App) keepDepartments(tx store.Tx, named []config.Department) error {
	all, err := a.Desk.Departments(tx)
	if err != nil {
		return err
	}
	for _, dep := range all {
		if slices.ContainsFunc(named, func(d config.Department) bool { return departmentID(d.Name) == dep.ID }) {
			continue
		}
		dep.Group = ""
		if err := a.Desk.SetDepartment(tx, dep); err != nil {
			return err
		}
	}
	return nil
}

// chatCan reports whether the chat of a ref can do what an action asks for.
func (a *App) chatCan(ref, kind string) bool {
	for _, p := range a.o.Platforms {
		if !strings.HasPrefix(ref, p.Name()+":") {
			continue
		}
		var can bool
		switch kind {
		case bot.KindInspect:
			_, can = p.(bot.Inspector)
		case bot.KindMembers:
			_, can = p.(bot.Grouper)
		case bot.KindPerson:
			_, can = p.(bot.Directory)
		case bot.KindHistory:
			_, can = p.(bot.Historian)
		}
		return can
	}
	return false
}

// tellAdmins says in the setup channel what needs somebody.
func (a *App) tellAdmins(tx store.Tx, key string, m bot.Message) (bool, error) {
	setup, err := a.Commands.Setup(tx)
	if err != nil || setup == "" {
		return false, err
	}
	m.Channel = setup
	raw, err := json.Marshal(bot.Post{Message: m})
	if err != nil {
		return false, fmt.Errorf("encode warning: %w", err)
	}
	_, _, err = a.Outbox.Add(tx, outbox.Action{Kind: bot.KindPost, Key: key, Order: "chat:" + string(setup), Payload: raw})
	if err != nil {
		return false, fmt.Errorf("add warning: %w", err)
	}
	return true, nil
}
