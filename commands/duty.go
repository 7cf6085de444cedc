package commands

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
)

// The buttons of duty, on a person's page. Their value is the department.
const (
	btnDutyOn  = "duty.on"
	btnDutyOff = "duty.off"
)

func (r *Router) dutyButtons() {
	r.buttons[btnDutyOn] = func(c *call) error {
		if err := c.need(agent); err != nil {
			return err
		}
		c.rest = c.ev.Value
		return dutyOn(c)
	}
	r.buttons[btnDutyOff] = func(c *call) error {
		c.rest = c.ev.Value
		return dutyOff(c)
	}
}

func (r *Router) duty() command {
	return command{
		name: "duty", about: "Say who answers customers", bare: "who",
		words: []word{
			{name: "on", usage: "[@person] [department]", about: "Go on duty, or put somebody there: new conversations name them", run: dutyOn},
			{name: "off", usage: "[@person] [department]", about: "Go off duty", run: dutyOff},
			{name: "who", aliases: []string{"list"}, usage: "[department]", about: "Show who is on duty", run: dutyWho},
			{name: "help", about: "Show this", run: help},
		},
	}
}

// department is the one named, or the one whose channel this is, or the only one.
func (c *call) department(name string) (desk.Department, error) {
	if name != "" {
		dep, err := c.Desk.Department(c.tx, name)
		return dep, deskRefusal(err)
	}
	all, err := c.Desk.Departments(c.tx)
	if err != nil {
		return desk.Department{}, err
	}
	for _, d := range all {
		if d.Channel == c.ev.Channel || len(all) == 1 {
			return d, nil
		}
	}
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.ID
	}
	if len(all) == 0 {
		return desk.Department{}, refuse("There is no department yet. Whoever runs Perch names one under departments in its configuration.")
	}
	return desk.Department{}, refuse("Which department? Write /duty %s and one of: %s", c.word.name, strings.Join(names, ", "))
}

// deskRefusal shows the desk's own sentence.
func deskRefusal(err error) error {
	if e, ok := errors.AsType[*desk.Error](err); ok {
		return refuse("%s", e.Message)
	}
	return err
}

// somebody is the person whom the words name, the one who wrote them if they
// name nobody, and what is left of the words.
func (c *call) somebody(words string) (who bot.User, rest string, err error) {
	for _, n := range c.ev.Names {
		before, after, ok := strings.Cut(" "+words+" ", " "+n.Text+" ")
		if n.User == "" || !ok {
			continue
		}
		name := n.Name
		if name == "" {
			name = strings.TrimPrefix(n.Text, "@")
		}
		return bot.User{Ref: n.User, Name: name}, strings.TrimSpace(before + " " + after), nil
	}
	for w := range strings.FieldsSeq(words) {
		if strings.HasPrefix(w, "@") {
			return who, "", refuse("I don't know who %s is. Choose the person from the list that the chat shows behind the @.", clip(w))
		}
	}
	return c.ev.User, words, nil
}

// other reports whether it is about somebody else than the one who asks, which
// not everybody may.
func (c *call) other(who bot.User) (bool, error) {
	if who.Ref == c.ev.User.Ref {
		return false, nil
	}
	if c.Roles.IsAdmin(c.ev.User.Ref) {
		return true, nil
	}
	return true, c.need(agent)
}

// told says to somebody what another did for them.
func (c *call) told(who bot.User, what string) error {
	m := bot.Message{Only: who.Ref, Channel: c.ev.Channel, Text: c.ev.User.Name + " " + what}
	m.Blocks = []bot.Block{bot.Para(bot.Mention(c.ev.User.Ref), bot.Plain(" "+what))}
	return c.post(c.tx, m, postOptions{
		key:   fmt.Sprintf("commands:told:%s:%s", c.ev.Platform, c.ev.ID),
		order: fmt.Sprintf("chat:%s:only:%s", m.Channel, m.Only),
	})
}

// led refuses what the chat itself leads: who serves customers there is not for
// Perch to say.
func led(deps ...desk.Department) error {
	for _, dep := range deps {
		if _, _, live := bot.LiveDepartment(dep.Channel); !live {
			return nil
		}
	}
	if len(deps) == 0 {
		return nil
	}
	return refuse("Rocket.Chat says who answers customers: agents switch themselves on and off there, by the headset beside their picture.")
}

func dutyOn(c *call) error {
	// Before it is asked who may do it: nobody may.
	if err := c.ledAll(); err != nil {
		return err
	}
	who, rest, err := c.somebody(c.rest)
	if err != nil {
		return err
	}
	other, err := c.other(who)
	if err == nil && !other {
		err = c.need(agent)
	}
	if err != nil {
		return err
	}
	dep, err := c.department(rest)
	if err != nil {
		return err
	}
	if err := led(dep); err != nil {
		return err
	}
	was, err := c.Desk.OnDuty(c.tx, dep.ID, who.Ref)
	if err != nil {
		return err
	}
	if _, err := c.Desk.On(c.tx, dep.ID, who, string(c.ev.User.Ref)); err != nil {
		return deskRefusal(err)
	}
	if err := c.touchHomes(c.tx); err != nil {
		return err
	}
	if !other {
		return c.done("You are on duty for " + dep.Name + ". New conversations name you. Done? /duty off")
	}
	if !was {
		if err := c.told(who, "put you on duty for "+dep.Name+". New conversations name you. Not now? /duty off"); err != nil {
			return err
		}
	}
	return c.done(who.Name + " is on duty for " + dep.Name + ". New conversations name them.")
}

func dutyOff(c *call) error {
	who, rest, err := c.somebody(c.rest)
	if err != nil {
		return err
	}
	other, err := c.other(who)
	if err != nil {
		return err
	}
	was, err := c.Desk.Off(c.tx, rest, who.Ref)
	if err != nil {
		return deskRefusal(err)
	}
	are, were := "You are", "You were"
	if other {
		are, were = who.Name+" is", who.Name+" was"
	}
	if !was {
		if err := c.ledAll(); err != nil {
			return err
		}
		return c.done(were + " not on duty.")
	}
	if err := c.touchHomes(c.tx); err != nil {
		return err
	}
	if other {
		if err := c.told(who, "took you off duty. Back again? /duty on"); err != nil {
			return err
		}
	}
	left, err := c.Desk.Who(c.tx, "")
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return c.reply(text(are + " off duty. ⚠ Nobody is on duty now: customers are told that nobody is here."))
	}
	in, err := c.Desk.IsMember(c.tx, who.Ref)
	if err != nil {
		return err
	}
	switch {
	case in && other:
		return c.done(are + " off duty until they say /duty on, or until their user group takes them in again.")
	case in:
		return c.done("You are off duty until you say /duty on, or until your user group takes you in again.")
	}
	return c.done(are + " off duty.")
}

// ledAll is led of all departments.
func (c *call) ledAll() error {
	all, err := c.Desk.Departments(c.tx)
	if err != nil {
		return err
	}
	return led(all...)
}

func dutyWho(c *call) error {
	department := ""
	if c.rest != "" {
		dep, err := c.department(c.rest)
		if err != nil {
			return err
		}
		department = dep.ID
	}
	list, err := c.Desk.Who(c.tx, department)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if err := c.ledAll(); err != nil {
			return err
		}
		return c.reply(text("Nobody is on duty. An agent goes on duty with /duty on"))
	}
	m := bot.Message{Text: fmt.Sprintf("%d on duty", len(list)), Blocks: []bot.Block{bot.Header("On duty")}}
	for _, d := range list {
		m.Text += "\n" + d.Name
		m.Blocks = append(m.Blocks, bot.Para(bot.Mention(d.User), bot.Plain(" · "+d.Department+" · since "+clock(d.Since))))
	}
	return c.reply(m)
}
