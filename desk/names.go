package desk

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// nameless reports whether all that is known of a person is the chat's id.
func nameless(user bot.UserRef, name string) bool {
	return name == "" || name == string(user) || strings.HasSuffix(string(user), ":"+name)
}

// askName asks the chat who somebody is that only the configuration names.
func (d *Desk) askName(tx store.Tx, user bot.UserRef) error {
	if !d.can(string(user), bot.KindPerson) {
		return nil
	}
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindPerson, Key: fmt.Sprintf("desk:person:%s:%d", user, now().UnixNano()), Slot: "desk:person:" + string(user),
		Subject: "person:" + string(user), Brief: true, Payload: encode(bot.Person{User: user}),
	})
	if err != nil {
		return fmt.Errorf("add look at person: %w", err)
	}
	return nil
}

// learned takes in who somebody is.
func (d *Desk) learned(tx store.Tx, a outbox.Action) error {
	if a.State != outbox.Done {
		return nil
	}
	var u bot.User
	if err := json.Unmarshal(a.Result, &u); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	user := bot.UserRef(strings.TrimPrefix(a.Subject, "person:"))
	if nameless(user, u.Name) {
		return nil
	}
	list, err := d.Who(tx, "")
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.User != user || x.Name == u.Name {
			continue
		}
		x.Name = u.Name
		if err := duties().Put(tx, x); err != nil {
			return err
		}
	}
	return nil
}

// askNames asks for those on duty in a department whose names aren't known.
func (d *Desk) askNames(tx store.Tx, department string) error {
	list, err := d.Who(tx, department)
	if err != nil {
		return err
	}
	for _, x := range list {
		if nameless(x.User, x.Name) {
			if err := d.askName(tx, x.User); err != nil {
				return err
			}
		}
	}
	return nil
}
