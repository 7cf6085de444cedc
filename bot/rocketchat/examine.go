package rocketchat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// Examine looks at the workspace's side of the installation. See [bot.Examiner].
func (a *Adapter) Examine(ctx context.Context) []bot.Finding {
	var me struct {
		ID       string   `json:"_id"`
		Username string   `json:"username"`
		Roles    []string `json:"roles"`
	}
	switch err := a.rest.call(ctx, request{route: "GET me"}, &me); {
	case err == nil:
	case slices.Contains([]string{"unauthorized", "totp-required"}, code(err)):
		return []bot.Finding{{About: "login", Text: "Rocket.Chat does not take the bot's login.", Do: connecting(err), Serious: true}}
	default:
		return []bot.Finding{{About: "login", Text: "The bot can't log in: at " + a.rest.base + " there is no proper answer (" + cmp.Or(code(err), "none") + ").", Do: connecting(err), Serious: true}}
	}
	if me.ID != a.o.UserID {
		return []bot.Finding{{
			About: "login", Text: "The token is that of @" + me.Username + ", not of the user in chat.rocketchat.user_id.",
			Do: "Copy both from where the token was made: Profile, Personal Access Tokens.", Serious: true,
		}}
	}
	out := []bot.Finding{
		{About: "login", Text: "Rocket.Chat knows the bot as @" + me.Username + "."},
		a.examineVersion(ctx),
	}
	set, err := a.settings(ctx)
	if err != nil {
		out = append(out, bot.Finding{About: "settings", Text: "The workspace's settings can't be read.", Do: connecting(err)})
	}
	service, err := a.service(ctx)
	customers, known := service.Enabled, err == nil
	lacking := roles(me.Roles, customers)
	out = append(out, lacking...)
	if !slices.ContainsFunc(lacking, func(f bot.Finding) bool { return f.Serious }) {
		out = append(out, a.examineRights(ctx, me.Roles, customers)...)
	}
	serving := !slices.ContainsFunc(lacking, func(f bot.Finding) bool { return f.Serious && strings.Contains(f.Text, manager) })
	app, answers := a.examineApp(ctx)
	if answers && set != nil { // the commands are its then
		set["Message_AllowUnrecognizedSlashCommand"] = "true"
	}
	out = append(out, workspaceSettings(set)...)
	out = append(out, app...)
	if customers {
		out = append(out, a.examineLimiter())
	}
	switch {
	case !known:
		out = append(out, bot.Finding{About: "omnichannel", Text: "Rocket.Chat does not say whether Omnichannel is on.", Do: connecting(err)})
	case !customers:
		out = append(out, bot.Finding{About: "omnichannel", Text: "Omnichannel is off: Rocket.Chat routes no customers to its agents. To have it do so, switch it on (Workspace, Settings, Omnichannel) and restart Perch."})
	default:
		if !service.files() {
			out = append(out, bot.Finding{About: "files", Text: "Files are switched off for customers: their pictures are not shown to agents.", Do: "Switch on Workspace, Settings, Omnichannel, Livechat, \"File Uploads Enabled\", if they are wanted."})
		}
		if serving { // else it may not look at them, as was said
			out = append(out, a.examineDepartments(ctx)...)
		}
	}
	return append(out, a.examineConnection())
}

// examineVersion looks whether it is a server that Perch is made for.
func (a *Adapter) examineVersion(ctx context.Context) bot.Finding {
	const about = "version"
	var info struct{ Version string }
	if err := a.rest.call(ctx, request{route: "GET info"}, &info); err != nil {
		return bot.Finding{About: about, Text: "Rocket.Chat does not say its version.", Do: connecting(err)}
	}
	first, _, _ := strings.Cut(info.Version, ".")
	n, err := strconv.Atoi(first)
	f := bot.Finding{About: about, Text: "Rocket.Chat is version " + cut(info.Version, 20) + "."}
	switch {
	case err != nil || n < 7:
		f.Do = "Perch is made for the versions 7 and 8. Update Rocket.Chat."
	case n > 8:
		f.Do = "Perch is made for the versions 7 and 8. See whether there is a newer Perch."
	}
	return f
}

// manager is the role that looks after customers' conversations.
const manager = "livechat-manager"

// roles compares the bot's roles with what Perch needs.
func roles(has []string, customers bool) []bot.Finding {
	const about, where = "roles", " to the bot's user (Workspace, Users, the bot, Edit, Roles)."
	var out []bot.Finding
	lack := func(role, why string, serious bool) {
		if !slices.Contains(has, role) {
			out = append(out, bot.Finding{About: about, Text: "The bot lacks the role " + role + ": " + why + ".", Do: "Add it" + where, Serious: serious})
		}
	}
	lack("bot", "without it Rocket.Chat allows ten calls of a kind a minute, and no rooms that the bot makes", true)
	lack(manager, "without it the bot can't look after customers' conversations", customers)
	if slices.Contains(has, "admin") {
		out = append(out, bot.Finding{About: about, Text: "The bot is an admin of the workspace, which Perch has no need of.", Do: "Take the role admin from it: bot and livechat-manager do."})
	}
	if slices.Contains(has, "livechat-agent") {
		out = append(out, bot.Finding{About: about, Text: "The bot is an agent: Rocket.Chat routes customers to it.", Do: "Remove it under Omnichannel, Agents."})
	}
	if len(out) == 0 {
		out = append(out, bot.Finding{About: about, Text: "The bot has the roles " + strings.Join(has, ", ") + "."})
	}
	return out
}

// settings reads those settings that Perch cares for, as far as the workspace
// lets the bot see them.
func (a *Adapter) settings(ctx context.Context) (map[string]string, error) {
	var out struct {
		Settings []struct {
			ID    string          `json:"_id"`
			Value json.RawMessage `json:"value"`
		} `json:"settings"`
	}
	q := url.Values{"count": {"50"}, "_id": {strings.Join([]string{
		"Message_AllowUnrecognizedSlashCommand", "Message_AllowEditing", "Message_AllowDeleting", "Message_MaxAllowedSize", "FileUpload_Enabled",
		"Threads_enabled", "E2E_Enable", "E2E_Enabled_Default_DirectRooms", "E2E_Enabled_Default_PrivateRooms", "Katex_Enabled", "Katex_Dollar_Syntax",
	}, ",")}}
	if err := a.rest.call(ctx, request{route: "GET settings.public", query: q}, &out); err != nil {
		return nil, err
	}
	set := map[string]string{}
	for _, s := range out.Settings {
		set[s.ID] = strings.Trim(string(s.Value), `"`)
	}
	return set, nil
}

// fewChars are too few for what a button writes: its label, and an address.
const fewChars = 1000

// workspaceSettings says which settings stand in Perch's way. One that is not
// among them can't be seen by the bot.
func workspaceSettings(set map[string]string) []bot.Finding {
	var out []bot.Finding
	if set["Message_AllowUnrecognizedSlashCommand"] != "true" {
		out = append(out, bot.Finding{
			About: "commands", Text: "/twitter is kept by Rocket.Chat, which does not know it. !twitter and @twitter.bot work, and direct messages to the bot.",
			Do: "For /twitter, switch on Workspace, Settings, Message, \"Allow Unrecognized Slash Commands\", or install the companion app.",
		})
	} else {
		out = append(out, bot.Finding{About: "commands", Text: "Rocket.Chat passes /twitter on to the bot."})
	}
	if set["Message_AllowEditing"] == "false" {
		out = append(out, bot.Finding{
			About: "editing", Text: "Messages can't be changed in this workspace, so Perch's cards stay as they were posted.",
			Do: "Switch on Workspace, Settings, Message, \"Allow Message Editing\".", Serious: true,
		})
	}
	if set["Threads_enabled"] == "false" {
		out = append(out, bot.Finding{
			About: "threads", Text: "Threads are switched off in this workspace: conversations in rooms and the notes below an incident can't be posted.",
			Do: "Switch on Workspace, Settings, Threads, \"Enable Threads\".", Serious: true,
		})
	}
	if set["E2E_Enable"] == "true" && (set["E2E_Enabled_Default_DirectRooms"] == "true" || set["E2E_Enabled_Default_PrivateRooms"] == "true") {
		out = append(out, bot.Finding{
			About: "encryption", Text: "New rooms are encrypted end to end in this workspace. Perch can't read what people write in such a room, their direct messages to it included.",
			Do: "Switch encryption off in the rooms that Perch is in (the room's menu), or for new rooms under Workspace, Settings, E2E Encryption.",
		})
	}
	if n, err := strconv.Atoi(set["Message_MaxAllowedSize"]); err == nil && n > 0 && n < fewChars {
		out = append(out, bot.Finding{
			About: "message size", Text: fmt.Sprintf("Messages may have %d characters only; buttons of Perch write longer ones.", n),
			Do: "Raise Workspace, Settings, Message, \"Maximum Allowed Characters Per Message\" to 5000.",
		})
	}
	if set["FileUpload_Enabled"] == "false" {
		out = append(out, bot.Finding{About: "files", Text: "Files are switched off in this workspace: customers' pictures are not shown.", Do: "Switch on Workspace, Settings, File Upload, if they are wanted."})
	}
	return out
}

// examineLimiter says how many of the public calls the server takes, which
// customers come in by. The settings are shown to admins alone, but each answer
// to such a call tells of the limit that was kept to, if there is one.
func (a *Adapter) examineLimiter() bot.Finding {
	const about = "rate limiter"
	n := a.rest.limits.told(publicCall)
	if n == 0 {
		return bot.Finding{About: about, Text: "Rocket.Chat does not limit the bot: many customers at once are no trouble."}
	}
	return bot.Finding{
		About: about, Text: fmt.Sprintf("Rocket.Chat takes %d messages of customers a minute, and 5 new conversations; more have to wait (nothing is lost).", n),
		Do: "If customers wait, switch the API Rate Limiter off: Workspace, Settings, Rate Limiter. A higher default there lets more messages through, but no more new conversations.",
	}
}

func (a *Adapter) examineConnection() bot.Finding {
	const about = "connection"
	if a.sink.Load() == nil {
		return bot.Finding{About: about, Text: "Perch is not running here: the realtime connection is not looked at."}
	}
	if h := a.Health(); h.Problem != "" {
		return bot.Finding{About: about, Text: "What people do in Rocket.Chat does not reach Perch.", Do: h.Problem, Serious: true}
	}
	return bot.Finding{About: about, Text: "The realtime connection is open."}
}

// ChannelNamed tells what the room of a name is, without making one.
func (a *Adapter) ChannelNamed(ctx context.Context, name string) (bot.Channel, error) {
	r, err := a.lookRoom(ctx, url.Values{"roomName": {name}})
	if err != nil {
		return bot.Channel{}, err
	}
	ref := roomRef(r.ID)
	if ref == "" {
		return bot.Channel{}, errors.New("rocketchat: the room has no ID")
	}
	return a.Inspect(ctx, ref)
}

var _ bot.Examiner = (*Adapter)(nil)
