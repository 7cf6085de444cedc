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
			{name: "on", usage: "[department]", about: "Go on duty: new conversations name you", role: agent, run: dutyOn},
			{name: "off", usage: "[department]", about: "Go off duty", run: dutyOff},
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

func dutyOn(c *call) error {
	dep, err := c.department(c.rest)
	if err != nil {
		return err
	}
	if _, err := c.Desk.On(c.tx, dep.ID, c.ev.User, string(c.ev.User.Ref)); err != nil {
		return deskRefusal(err)
	}
	if err := c.touchHomes(c.tx); err != nil {
		return err
	}
	return c.done("You are on duty for " + dep.Name + ". New conversations name you. Done? /duty off")
}

func dutyOff(c *call) error {
	was, err := c.Desk.Off(c.tx, c.rest, c.ev.User.Ref)
	if err != nil {
		return deskRefusal(err)
	}
	if !was {
		return c.done("You were not on duty.")
	}
	if err := c.touchHomes(c.tx); err != nil {
		return err
	}
	left, err := c.Desk.Who(c.tx, "")
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return c.reply(text("You are off duty. ⚠ Nobody is on duty now: customers are told that nobody is here."))
	}
	in, err := c.Desk.IsMember(c.tx, c.ev.User.Ref)
	if err != nil {
		return err
	}
	if in {
		return c.done("You are off duty until you say /duty on, or until your user group takes you in again.")
	}
	return c.done("You are off duty.")
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
		return c.reply(text("Nobody is on duty. An agent goes on duty with /duty on"))
	}
	m := bot.Message{Text: fmt.Sprintf("%d on duty", len(list)), Blocks: []bot.Block{bot.Header("On duty")}}
	for _, d := range list {
		m.Text += "\n" + d.Name
		m.Blocks = append(m.Blocks, bot.Para(bot.Mention(d.User), bot.Plain(" · "+d.Department+" · since "+clock(d.Since))))
	}
	return c.reply(m)
}
