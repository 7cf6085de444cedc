package desk

import (
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// liveDepartment makes a department of the name that one has in the chat which
// serves all customers: those that it has, Perch need not be told of. It reports
// whether there is such a chat.
func (d *Desk) liveDepartment(tx store.Tx, name string) (Department, bool, error) {
	all, err := d.Departments(tx)
	if err != nil || len(all) == 0 {
		return Department{}, false, err
	}
	platform, _, ok := bot.LiveDepartment(all[0].Channel)
	for _, dep := range all {
		p, _, live := bot.LiveDepartment(dep.Channel)
		ok = ok && live && p == platform
	}
	name = strings.Join(strings.Fields(name), " ")
	if !ok || name == "" {
		return Department{}, false, nil
	}
	dep := Department{ID: strings.ReplaceAll(strings.ToLower(name), " ", "-"), Name: name, Channel: bot.LiveChannel(platform, name)}
	if err := d.SetDepartment(tx, dep); err != nil {
		return Department{}, false, err
	}
	return dep, true, nil
}
