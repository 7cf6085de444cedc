package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// group is a group of people that the chat keeps, whose members are on duty in
// a department. It is stored as JSON: fields are added, never renamed.
type group struct {
	Ref     bot.GroupRef `json:"ref"`
	Members []bot.User   `json:"members,omitempty"`
	Known   time.Time    `json:"known,omitzero"` // when they were last read; zero: never
	Next    time.Time    `json:"next,omitzero"`  // when to read them again
	Reads   int          `json:"reads,omitempty"`
	Told    string       `json:"told,omitempty"` // what the admins were told last
}

// away is a member of a group who went off duty by hand: until that one says
// otherwise, or comes into the group anew.
type away struct {
	Department string      `json:"department"`
	User       bot.UserRef `json:"user"`
	Since      time.Time   `json:"since"`
}

// readAgain is how often a group is read: chats tell of changes, but not surely.
const readAgain = 5 * time.Minute

func groups() store.Table[group] {
	return store.Table[group]{
		Name:    "desk_groups",
		Key:     func(g group) []byte { return store.Key(string(g.Ref)) },
		Indexes: []store.Index[group]{{Name: "next", Keys: func(g group) [][]byte { return timeKey(g.Next) }}},
	}
}

func aways() store.Table[away] {
	return store.Table[away]{
		Name: "desk_away",
		Key:  func(a away) []byte { return store.Key(a.Department, string(a.User)) },
	}
}

// IsAgent reports whether the person may claim conversations and answer
// customers: whom the configuration names, and who is in the group of a department.
func (d *Desk) IsAgent(tx store.Tx, user bot.UserRef) (bool, error) {
	if d.opt.Roles == nil || d.opt.Roles.IsAgent(user) {
		return true, nil
	}
	return d.IsMember(tx, user)
}

// IsMember reports whether the person is in the group of a department.
func (d *Desk) IsMember(tx store.Tx, user bot.UserRef) (bool, error) {
	for g, err := range groups().Scan(tx, store.Range{}) {
		if err != nil {
			return false, err
		}
		if g.has(user) {
			return true, nil
		}
	}
	return false, nil
}

func (g group) has(user bot.UserRef) bool {
	return user != "" && slices.ContainsFunc(g.Members, func(m bot.User) bool { return m.Ref == user })
}

// inGroup reports whether the person is on duty by being in the group of a
// department, or would be.
func (d *Desk) inGroup(tx store.Tx, dep Department, user bot.UserRef) (bool, error) {
	if dep.Group == "" {
		return false, nil
	}
	g, _, err := groups().Find(tx, store.Key(string(dep.Group)))
	return g.has(user), err
}

// follow begins to read the group of a department, and lets the one before go.
func (d *Desk) follow(tx store.Tx, was, is bot.GroupRef, department string) error {
	if was != is && was != "" {
		if err := d.leave(tx, was, department); err != nil {
			return err
		}
	}
	if is == "" {
		return nil
	}
	g, _, err := groups().Find(tx, store.Key(string(is)))
	if err != nil {
		return err
	}
	g.Ref, g.Next = is, now()
	if err := groups().Put(tx, g); err != nil {
		return err
	}
	return d.sync(tx, g)
}

// leave has a department go on without a group.
func (d *Desk) leave(tx store.Tx, ref bot.GroupRef, department string) error {
	list, err := d.Who(tx, department)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Group != ref {
			continue
		}
		if err := duties().Delete(tx, store.Key(x.Department, string(x.User))); err != nil {
			return err
		}
	}
	deps, err := d.Departments(tx)
	if err != nil {
		return err
	}
	for _, dep := range deps {
		if dep.ID != department && dep.Group == ref {
			return nil
		}
	}
	return groups().Delete(tx, store.Key(string(ref)))
}

// onGroup is the chat's word that the members of a group have changed.
func (d *Desk) onGroup(tx store.Tx, ev bot.Event) error {
	g, ok, err := groups().Find(tx, store.Key(string(ev.Group)))
	if err != nil || !ok {
		return err
	}
	g.Next = now()
	return groups().Put(tx, g)
}

// readGroups asks for the members of groups that weren't read for a while.
func (d *Desk) readGroups(tx store.Tx) error {
	list, err := store.Collect(groups().ByRange(tx, "next", due(alarmsAtOnce)))
	if err != nil {
		return err
	}
	for _, g := range list {
		g.Reads++
		g.Next = now().Add(readAgain)
		if err := groups().Put(tx, g); err != nil {
			return err
		}
		_, _, err := d.ob.Add(tx, outbox.Action{
			Kind: bot.KindMembers, Key: fmt.Sprintf("desk:members:%s:%d:%d", g.Ref, g.Reads, now().Unix()), Slot: "desk:members:" + string(g.Ref),
			Order: "desk:members:" + string(g.Ref), Subject: "group:" + string(g.Ref), Brief: true, Payload: encode(bot.Members{Group: g.Ref}),
		})
		if err != nil {
			return fmt.Errorf("add look at group: %w", err)
		}
	}
	return nil
}

// read takes in who is in a group.
func (d *Desk) read(tx store.Tx, ref bot.GroupRef, a outbox.Action) error {
	g, ok, err := groups().Find(tx, store.Key(string(ref)))
	if err != nil || !ok || a.State != outbox.Done && a.State != outbox.Failed {
		return err
	}
	if a.State == outbox.Failed {
		return d.notRead(tx, g, a)
	}
	var res bot.MembersResult
	if err := json.Unmarshal(a.Result, &res); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	g.Members, g.Known, g.Told = res.Users, now(), ""
	if err := groups().Put(tx, g); err != nil {
		return err
	}
	return d.sync(tx, g)
}

// notRead keeps things as they are and says so, once a reason.
func (d *Desk) notRead(tx store.Tx, g group, a outbox.Action) error {
	code := "failed"
	if a.Failure != nil {
		code = a.Failure.Code
	}
	if g.Told == code {
		return nil
	}
	text := "⚠ Perch can't read the user group " + string(g.Ref) + ", whose members are to be on duty. " + reason(a) + " Until it can, whoever was on duty stays so."
	told, err := d.attention(tx, fmt.Sprintf("desk:warn:%s:%d", g.Ref, g.Reads), noticeMessage(text))
	if err != nil || !told {
		return err
	}
	g.Told = code
	return groups().Put(tx, g)
}

// sync has the members of a group on duty, in its departments, and nobody else
// who came by it. Who went on or off by hand stays so, but for members whose
// turn has ended.
func (d *Desk) sync(tx store.Tx, g group) error {
	if g.Known.IsZero() {
		return nil
	}
	deps, err := d.Departments(tx)
	if err != nil {
		return err
	}
	for _, dep := range deps {
		if dep.Group != g.Ref {
			continue
		}
		if err := d.syncDepartment(tx, g, dep); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) syncDepartment(tx store.Tx, g group, dep Department) error {
	there, err := d.Who(tx, dep.ID)
	if err != nil {
		return err
	}
	for _, x := range there {
		if x.Group != "" && (x.Group != g.Ref || !g.has(x.User)) {
			if err := duties().Delete(tx, store.Key(dep.ID, string(x.User))); err != nil {
				return err
			}
		}
	}
	gone, err := store.Collect(aways().Scan(tx, store.Prefix(store.Key(dep.ID))))
	if err != nil {
		return err
	}
	for _, x := range gone {
		if !g.has(x.User) {
			if err := aways().Delete(tx, store.Key(dep.ID, string(x.User))); err != nil {
				return err
			}
		}
	}
	for _, u := range g.Members {
		if err := d.takesTurn(tx, g, dep, u); err != nil {
			return err
		}
	}
	return nil
}

// takesTurn puts a member on duty, unless that one went off by hand.
func (d *Desk) takesTurn(tx store.Tx, g group, dep Department, u bot.User) error {
	key := store.Key(dep.ID, string(u.Ref))
	if _, off, err := aways().Find(tx, key); err != nil || off {
		return err
	}
	duty, on, err := duties().Find(tx, key)
	if err != nil || on && duty.Name == u.Name {
		return err
	}
	if !on {
		duty = Duty{Department: dep.ID, User: u.Ref, Since: now(), By: "group", Group: g.Ref}
	}
	duty.Name = named(u)
	return duties().Put(tx, duty)
}
