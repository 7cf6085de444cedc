package commands

import (
	"slices"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/nearest"
)

// settingName is a setting as it is typed and as the Rocket.Chat app called it,
// and what can be written behind it.
type settingName struct{ key, label, takes string }

func settingNames() []settingName {
	const message = "Write the text behind it: /twitter settings %s …, or - to switch it off."
	return []settingName{
		{"default_department", "Default Department", "Write the department behind it: /twitter settings %s …, or - for the one that Perch was started with."},
		{"service_unavailable", "Service Unavailable Message", message},
		{"welcome", "Welcome Message", message},
		{"finished", "Conversation Finished Message", message},
		{"agents_display_name", "Agents Display Name", "Write none, name or username behind it: /twitter settings %s name"},
		{"file_upload", "File Upload Enabled", "Write on or off behind it: /twitter settings %s off"},
		{"max_upload", "Maximum Upload Size", "Write a size behind it: /twitter settings %s 5MB"},
		{"media_types", "Accepted Media Types", "Write the types behind it: /twitter settings %s image/*, video/mp4 – or - for all pictures and videos."},
	}
}

// changeSettings shows the settings of conversations, or changes one.
func changeSettings(c *call) error {
	key, value, err := settingOf(c.rest)
	if err != nil {
		return err
	}
	if key == "" {
		return c.showSettings()
	}
	if best, ok := nearestSetting(key); ok {
		return refuse("There is no setting %s. Did you mean /twitter settings %s? All of them: /twitter settings", clip(key), best)
	}
	if value == "" {
		for _, n := range settingNames() {
			if n.key == key {
				return refuse(n.takes, key)
			}
		}
	}
	if value == "-" {
		value = ""
	}
	s, err := c.Desk.Set(c.tx, key, value, string(c.ev.User.Ref))
	if err != nil {
		return deskRefusal(err)
	}
	now, err := c.shown(s, key)
	if err != nil {
		return err
	}
	return c.reply(text("Changed " + key + " to: " + now))
}

// settingOf reads the name of a setting and what is written behind it. The name
// may be its label too, and may end in a colon.
func settingOf(words string) (key, value string, err error) {
	for _, n := range settingNames() {
		rest, ok := cutLabel(words, n.label)
		if !ok && n.key == "media_types" {
			rest, ok = cutLabel(words, "Accepted Media Type") // as the app's documents call it
		}
		if !ok {
			continue
		}
		value, colon := strings.CutPrefix(strings.TrimSpace(rest), ":")
		value = strings.TrimSpace(value)
		if first, _, _ := strings.Cut(n.label, " "); !colon && value != "" && strings.EqualFold(first, n.key) && !strings.Contains(words[:len(words)-len(rest)], "_") {
			// "welcome message received": the label, or the text's first word?
			return "", "", refuse("Put a colon where the text begins: /twitter settings %s: %s", n.key, clip(value))
		}
		return n.key, value, nil
	}
	key, value = cutWord(words)
	return strings.TrimSuffix(strings.ToLower(key), ":"), value, nil
}

// cutLabel takes a label off the start of s, with blanks or underscores in it.
func cutLabel(s, label string) (rest string, ok bool) {
	for i, word := range strings.Fields(label) {
		if i > 0 {
			s = strings.TrimLeft(s, " _")
		}
		if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
			return "", false
		}
		s = s[len(word):]
	}
	return s, s == "" || strings.ContainsAny(s[:1], " :\n\t")
}

// nearestSetting is the one that somebody meant who wrote another.
func nearestSetting(name string) (string, bool) {
	if slices.Contains(desk.SettingKeys(), name) {
		return "", false
	}
	return nearest.Word(name, desk.SettingKeys())
}

// shown is what a setting is now, for people.
func (c *call) shown(s desk.Settings, key string) (string, error) {
	if key != "default_department" {
		return shown(s, key), nil
	}
	name, chosen, err := c.Desk.DefaultDepartment(c.tx, s)
	switch {
	case chosen:
		name = "the chat chooses"
	case name == "":
		name = "the first one"
	}
	return name, err
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
		now, err := c.shown(s, n.key)
		if err != nil {
			return err
		}
		m.Blocks = append(m.Blocks, bot.Para(bot.Bold(n.label), bot.Plain(": "+now+"  "), bot.Code(n.key)))
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
