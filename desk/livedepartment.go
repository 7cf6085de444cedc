package desk

import (
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
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

const departmentSubject = "department:" // and its ID

// lookInChat looks whether the chat has a department that customers are to be
// brought to, before the first of them waits in vain.
func (d *Desk) lookInChat(tx store.Tx, dep Department) error {
	_, name, live := bot.LiveDepartment(dep.Channel)
	if !live || name == "" || !d.can(string(dep.Channel), bot.KindInspect) {
		return nil
	}
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindInspect, Key: fmt.Sprintf("desk:department:%s:%d", dep.ID, now().UnixNano()), Slot: "desk:department:" + dep.ID,
		Subject: departmentSubject + dep.ID, Brief: true, Payload: encode(bot.Inspect{Channel: dep.Channel}),
	})
	if err != nil {
		return fmt.Errorf("add look at department: %w", err)
	}
	return nil
}

// lookedInChat tells whoever runs Perch what is wrong with the department.
func (d *Desk) lookedInChat(tx store.Tx, id string, a outbox.Action) error {
	if a.State != outbox.Failed || d.opt.Attention == nil {
		return nil
	}
	dep, ok, err := departments().Find(tx, store.Key(id))
	if err != nil || !ok {
		return err
	}
	text := "⚠ Department " + dep.Name + ": " + reason(a) + " Nothing of what customers write is lost: it waits."
	_, err = d.opt.Attention(tx, a.Key+":told", noticeMessage(text))
	return err
}
