package commands

import (
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
)

// settingNames are the settings as the Rocket.Chat app called them, by the
// name that is typed.
func settingNames() []struct{ key, label string } {
	return []struct{ key, label string }{
		{"default_department", "Default Department"},
		{"service_unavailable", "Service Unavailable Message"},
		{"welcome", "Welcome Message"},
		{"finished", "Conversation Finished Message"},
		{"agents_display_name", "Agents Display Name"},
		{"file_upload", "File Upload Enabled"},
		{"max_upload", "Maximum Upload Size"},
		{"media_types", "Accepted Media Types"},
	}
}

// changeSettings shows the settings of conversations, or changes one.
func changeSettings(c *call) error {
	key, value := cutWord(c.rest)
	if key == "" {
		return c.showSettings()
	}
	key = strings.ToLower(key)
	if value == "" {
		return refuse("Write the new value behind it: /twitter settings %s …, or - to switch it off.", clip(key))
	}
	if value == "-" {
		value = ""
	}
	s, err := c.Desk.Set(c.tx, key, value, string(c.ev.User.Ref))
	if err != nil {
		return deskRefusal(err)
	}
	return c.reply(text("Changed " + key + " to: " + shown(s, key)))
}

func shown(s desk.Settings, key string) string {
	if key == "max_upload" && s.MaxUpload >= 1<<20 && s.MaxUpload%(1<<20) == 0 {
		return strconv.FormatInt(s.MaxUpload>>20, 10) + " MB"
	}
	if v := s.Value(key); v != "" {
		return v
	}
	return "off"
}

func (c *call) showSettings() error {
	s, err := c.Desk.Settings(c.tx)
	if err != nil {
		return err
	}
	m := bot.Message{Text: "Settings of conversations", Blocks: []bot.Block{bot.Header("Settings of conversations")}}
	for _, n := range settingNames() {
		m.Blocks = append(m.Blocks, bot.Para(bot.Bold(n.label), bot.Plain(": "+shown(s, n.key)+"  "), bot.Code(n.key)))
	}
	m.Blocks = append(m.Blocks, bot.Context(bot.Plain("Change one: "), bot.Code("/twitter settings welcome Thanks for writing to us.")))
	if changes, err := c.Desk.SettingChanges(c.tx, 1); err != nil {
		return err
	} else if len(changes) > 0 {
		last := changes[0]
		by := bot.Plain(last.By)
		if chatRef(last.By) {
			by = bot.Mention(bot.UserRef(last.By))
		}
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain("Last changed: "+last.Key+", "+clock(last.At)+" by "), by))
	}
	return c.reply(m)
}
