package commands

import "github.com/perch-chat/perch/bot"

// sure asks a person whether they mean the button that they pressed, where the
// chat could not do it by itself. To say yes is to press it.
func sure(c *call) error {
	return c.reply(bot.Message{
		Text: c.ev.Ask,
		Blocks: []bot.Block{
			bot.Para(bot.Bold(c.ev.Ask)),
			bot.Actions(
				bot.Button{ID: c.ev.Action, Label: "Yes", Value: c.ev.Value, Style: bot.ButtonPrimary},
				bot.Button{ID: btnKeep, Label: "No"},
			),
		},
	})
}
