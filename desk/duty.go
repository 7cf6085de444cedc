package desk

import (
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// Department is a group of agents and the channel they answer in. It is stored
// as JSON: fields are added, never renamed.
type Department struct {
	ID      string         `json:"id"` // a short word: "support"
	Name    string         `json:"name"`
	Channel bot.ChannelRef `json:"channel"`
	Group   bot.GroupRef   `json:"group,omitempty"` // whose members are on duty
}

// Duty is a person who is on duty. It is stored as JSON: fields are added,
// never renamed.
type Duty struct {
	Department string      `json:"department"`
	User       bot.UserRef `json:"user"`
	Name       string      `json:"name,omitempty"`
	Since      time.Time   `json:"since"`
	By         string      `json:"by,omitempty"` // who put them there

	// Group is the group whose member the person is on duty as; empty: by hand.
	Group bot.GroupRef `json:"group,omitempty"`
}

func departments() store.Table[Department] {
	return store.Table[Department]{Name: "desk_departments", Key: func(d Department) []byte { return store.Key(d.ID) }}
}

func duties() store.Table[Duty] {
	return store.Table[Duty]{
		Name: "desk_duty",
		Key:  func(d Duty) []byte { return store.Key(d.Department, string(d.User)) },
	}
}

// SetDepartment makes a department, or changes its name, channel or group. It
// looks anew at who reads the channel and who is in the group.
func (d *Desk) SetDepartment(tx store.Tx, dep Department) error {
	dep.ID = strings.ToLower(strings.TrimSpace(dep.ID))
	switch {
	case dep.ID == "":
		return &Error{Code: CodeInvalid, Field: "id", Message: "A department needs a short name."}
	case dep.Channel == "":
		return &Error{Code: CodeInvalid, Field: "channel", Message: "A department needs a channel to work in."}
	}
	if dep.Name == "" {
		dep.Name = dep.ID
	}
	was, _, err := departments().Find(tx, store.Key(dep.ID))
	if err != nil {
		return err
	}
	if err := departments().Put(tx, dep); err != nil {
		return err
	}
	if err := d.watch(tx, dep.Channel); err != nil {
		return err
	}
	if was.Channel != dep.Channel {
		if err := d.rerouteWaiting(tx, was.Channel); err != nil {
			return err
		}
	}
	if err := d.askNames(tx, dep.ID); err != nil {
		return err
	}
	if err := d.lookInChat(tx, dep); err != nil {
		return err
	}
	return d.follow(tx, was.Group, dep.Group, dep.ID)
}

// Departments returns all departments, by id.
func (d *Desk) Departments(tx store.Tx) ([]Department, error) {
	return store.Collect(departments().Scan(tx, store.Range{}))
}

// Department returns a department by its id or name. The error of one that
// isn't there is an *[Error].
func (d *Desk) Department(tx store.Tx, name string) (Department, error) {
	all, err := d.Departments(tx)
	if err != nil {
		return Department{}, err
	}
	name = strings.TrimSpace(name)
	known := make([]string, 0, len(all))
	for _, dep := range all {
		if strings.EqualFold(dep.ID, name) || strings.EqualFold(dep.Name, name) {
			return dep, nil
		}
		known = append(known, dep.ID)
	}
	if len(known) == 0 {
		return Department{}, problem(CodeNotFound, "There are no departments yet. Name one, with its channel, in the configuration.")
	}
	return Department{}, problem(CodeNotFound, "There is no department %q. The departments are: %s.", name, strings.Join(known, ", "))
}

// route returns the department that serves what comes in.
func (d *Desk) route(tx store.Tx, s Settings) (Department, error) {
	if s.DefaultDepartment != "" {
		dep, ok, err := departments().Find(tx, store.Key(s.DefaultDepartment))
		if err != nil || ok {
			return dep, err
		}
	}
	all, err := d.Departments(tx)
	if err != nil {
		return Department{}, err
	}
	if len(all) == 0 {
		return Department{}, problem(CodeNotFound, "There is no department to serve customers. Name one, with its channel, in the configuration.")
	}
	return all[0], nil
}

// On puts a person on duty in a department. Twice is once.
func (d *Desk) On(tx store.Tx, department string, user bot.User, by string) (Duty, error) {
	dep, err := d.Department(tx, department)
	if err != nil {
		return Duty{}, err
	}
	switch is, err := d.IsAgent(tx, user.Ref); {
	case err != nil:
		return Duty{}, err
	case !is:
		return Duty{}, problem(CodeNotAgent, "Only agents can be on duty. An admin can make %s one.", named(user))
	}
	if err := aways().Delete(tx, store.Key(dep.ID, string(user.Ref))); err != nil {
		return Duty{}, err
	}
	old, ok, err := duties().Find(tx, store.Key(dep.ID, string(user.Ref)))
	if err != nil || ok {
		return old, err
	}
	duty := Duty{Department: dep.ID, User: user.Ref, Name: user.Name, Since: now(), By: by}
	switch in, err := d.inGroup(tx, dep, user.Ref); {
	case err != nil:
		return Duty{}, err
	case in:
		duty.Group = dep.Group
	}
	if nameless(user.Ref, user.Name) {
		if err := d.askName(tx, user.Ref); err != nil {
			return Duty{}, err
		}
	}
	return duty, duties().Put(tx, duty)
}

// Off takes a person off duty, in one department or, if that is empty, in all.
// It reports whether the person was on duty.
func (d *Desk) Off(tx store.Tx, department string, user bot.UserRef) (bool, error) {
	if department != "" {
		dep, err := d.Department(tx, department)
		if err != nil {
			return false, err
		}
		department = dep.ID
	}
	all, err := d.Who(tx, department)
	if err != nil {
		return false, err
	}
	was := false
	for _, x := range all {
		if x.User != user {
			continue
		}
		was = true
		if x.Group != "" { // or the next look at the group would undo it
			if err := aways().Put(tx, away{Department: x.Department, User: x.User, Since: now()}); err != nil {
				return false, err
			}
		}
		if err := duties().Delete(tx, store.Key(x.Department, string(x.User))); err != nil {
			return false, err
		}
	}
	return was, nil
}

// Who returns who is on duty, longest first, in a department or, if that is
// empty, in all.
func (d *Desk) Who(tx store.Tx, department string) ([]Duty, error) {
	r := store.Range{}
	if department != "" {
		r = store.Prefix(store.Key(department))
	}
	list, err := store.Collect(duties().Scan(tx, r))
	slices.SortStableFunc(list, func(x, y Duty) int { return x.Since.Compare(y.Since) })
	return list, err
}

// OnDuty reports whether the person is on duty in the department.
func (d *Desk) OnDuty(tx store.Tx, department string, user bot.UserRef) (bool, error) {
	_, ok, err := duties().Find(tx, store.Key(department, string(user)))
	return ok, err
}

// named is a person in a sentence.
func named(u bot.User) string {
	switch {
	case u.Name != "":
		return u.Name
	case u.Handle != "":
		return "@" + u.Handle
	}
	return "somebody"
}
