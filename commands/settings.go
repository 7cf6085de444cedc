package commands

import (
	"slices"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/nearest"
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
	key = settingKey(key)
	if value == "" {
		return refuse("Write the new value behind it: /twitter settings %s …, or - to switch it off.", clip(key))
	}
	if value == "-" {
		value = ""
	}
	if best, ok := nearestSetting(key); ok {
		return refuse("There is no setting %s. Did you mean /twitter settings %s? All of them: /twitter settings", clip(key), best)
	}
	s, err := c.Desk.Set(c.tx, key, value, string(c.ev.User.Ref))
	if err != nil {
		return deskRefusal(err)
	}
	return c.reply(text("Changed " + key + " to: " + shown(s, key)))
}

// settingKey is the name of a setting as it is stored: its label will do too,
// with underscores.
func settingKey(name string) string {
	name = strings.ToLower(name)
	for _, n := range settingNames() {
		if name == strings.ToLower(strings.ReplaceAll(n.label, " ", "_")) {
			return n.key
		}
	}
	return name
}

// nearestSetting is the one that somebody meant who wrote another.
func nearestSetting(name string) (string, bool) {
	if slices.Contains(desk.SettingKeys(), name) {
		return "", false
	}
	return nearest.Word(name, desk.SettingKeys())
}

func shown(s desk.Settings, key string) string {
	if key == "max_upload" && s.MaxUpload >= 1<<20 && s.MaxUpload%(1<<20) == 0 {
		return strconv.FormatInt(s.MaxUpload>>20, 10) + " MB"
	}
	v := s.Value(key)
	switch {
	case key == "max_upload" && s.MaxUpload >= 1<<10 && s.MaxUpload%(1<<10) == 0:
		return strconv.FormatInt(s.MaxUpload>>10, 10) + " KB"
	case key == "file_upload" && s.FileUpload:
		return "on"
	case key == "file_upload":
		return "off"
	case v != "":
		return v
	case key == "media_types":
		return "all pictures and videos"
	case key == "default_department":
		return "the first one"
	}
	return "off"
}

// lastChanges is how many changes of settings are shown.
const lastChanges = 3

func (c *call) showSettings() error {
	s, err := c.Desk.Settings(c.tx)
	if err != nil {
		return err
	}
	m := bot.Message{Text: "Settings of conversations", Blocks: []bot.Block{bot.Header("Settings of conversations")}}
	for _, n := range settingNames() {
		m.Blocks = append(m.Blocks, bot.Para(bot.Bold(n.label), bot.Plain(": "+shown(s, n.key)+"  "), bot.Code(n.key)))
	}
	m.Blocks = append(m.Blocks,
		bot.Context(bot.Plain("Change one: "), bot.Code("/twitter settings welcome Thanks for writing to us."), bot.Plain(" A - in place of the text switches a message off.")),
		bot.Context(bot.Plain("Agents are shown by none, name or username. Files: on or off, a size such as 5MB, types such as image/*, video/mp4.")))
	changes, err := c.Desk.SettingChanges(c.tx, lastChanges)
	if err != nil {
		return err
	}
	for i, x := range changes {
		by := bot.Plain(x.By)
		if chatRef(x.By) {
			by = bot.Mention(bot.UserRef(x.By))
		}
		what := "Before: "
		if i == 0 {
			what = "Last changed: "
		}
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain(what+x.Key+", "+clock(x.At)+" by "), by))
	}
	return c.reply(m)
}
