package rocketchat

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// answer is what every call answers, in the shapes of the lines 7 and 8.
type answer struct {
	Success *bool  `json:"success"`
	Status  string `json:"status"`  // "error" of a line 7 server, without a login
	Message any    `json:"message"` // a text then; a message elsewhere
	Error   any    `json:"error"`
	Reason  string `json:"reason"` // of uploads
	Type    string `json:"errorType"`
	Details struct {
		Method string `json:"method"`
	} `json:"details"`
}

// own reports whether a refusal is in a form of Rocket.Chat's own.
func (a answer) own() bool { return a.Success != nil || a.Status == "error" }

// text is the server's own words.
func (a answer) text() string {
	s, _ := a.Error.(string)
	m, _ := a.Message.(string)
	return cmp.Or(s, a.Reason, m)
}

var bracketed = regexp.MustCompile(`\[([a-zA-Z0-9_-]{1,80})\]\s*$`)

// code is the one word for a refusal: the type, or the word in brackets at the
// text's end, or the text itself where it is one word.
func (a answer) code() string {
	if a.Type != "" {
		return a.Type
	}
	s := strings.TrimSpace(a.text())
	if m := bracketed.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if s != "" && !strings.ContainsAny(s, " \n") && len(s) <= 80 {
		return s
	}
	return ""
}

// refusal turns an answer into an error: a definite one, for the server said no.
func refusal(route string, status int, a answer) error {
	if err := a.method(route); err != nil {
		return err
	}
	code := a.code()
	e := &bot.Error{Code: cmp.Or(code, "refused"), Err: errors.New(route + ": " + cut(a.text(), 300))}
	switch {
	case code == "totp-required": // 400 on guarded calls, 401 at logins
		e.Message = "The bot's account asks for a second factor. Make a personal access token with \"Ignore Two Factor Authentication\" and put it into chat.rocketchat.token."
	case status == http.StatusUnauthorized && code != "error-unauthorized": // that is a permission
		e.Code = "unauthorized"
		e.Message = "Rocket.Chat does not know the bot's login. Make a new personal access token and put it, with the User ID that is shown beside it (not the username), into chat.rocketchat."
	case status == http.StatusForbidden, code == "error-unauthorized", code == "unauthorized", code == "error-forbidden", code == "forbidden":
		e.Code = "forbidden"
		e.Message = "The bot may not do this. Give its user the roles bot and livechat-manager; perch doctor says what is missing."
	case status == http.StatusNotFound && a.text() == "API endpoint not found":
		e.Code = "no_endpoint"
		e.Message = "This Rocket.Chat does not know the call. Write only the address at which people open it into chat.rocketchat.url, such as https://chat.example.com."
	default:
		e.Message = cmp.Or(closed(a.text()), sentences()[code])
		if e.Message == "" {
			e.Message = "Rocket.Chat refused: " + cmp.Or(cut(a.text(), 200), "it gave no reason") + "."
		}
	}
	return e
}

// closed says why nothing can be written to a room, which the server says in
// words and not by a code.
func closed(text string) string {
	switch {
	case strings.Contains(text, "room is readonly"):
		return "This room is read-only for the bot. Make the bot an owner or a moderator of it, or name another room."
	case strings.Contains(text, "You_have_been_muted"):
		return "The bot is muted in this room. Unmute it there."
	case strings.Contains(text, "room_is_blocked"):
		return "This person has blocked the bot, so that nothing can be written to them. They unblock it in the menu of that room."
	case strings.Contains(text, "in an encrypted room"):
		return "This room is encrypted end to end, and Perch can neither read nor write in it. Switch encryption off in the room's menu, or name another room."
	case text == "not-allowed [error-not-allowed]": // of answers below a message alone
		return "Threads are switched off in this Rocket.Chat. Switch on Workspace, Settings, Threads."
	}
	return ""
}

// method is the refusal of a method that was called over REST: servers of line 8
// refuse the call with it, where those of line 7 answer it.
func (a answer) method(route string) error {
	frame, ok := a.Message.(string)
	if !ok || !strings.HasPrefix(frame, "{") {
		return nil
	}
	var m methodAnswer
	if err := json.Unmarshal([]byte(frame), &m); err == nil && m.Error != nil {
		return m.Error.err(route)
	}
	return nil
}

// ddpError is a refusal of a method or a subscription: its code is a number or
// a word.
type ddpError struct {
	Code    any    `json:"error"`
	Reason  string `json:"reason"`
	Details struct {
		Wait float64 `json:"timeToReset"` // milliseconds
	} `json:"details"`
}

// UnmarshalJSON takes an error in whatever form it comes: one that can't be
// read is an error all the same.
func (e *ddpError) UnmarshalJSON(b []byte) error {
	type plain ddpError
	var p plain
	if json.Unmarshal(b, &p) != nil {
		p = plain{Code: "refused", Reason: cut(string(b), 200)}
	}
	*e = ddpError(p)
	return nil
}

func (e *ddpError) err(what string) error {
	word := ""
	if e.Code != nil {
		word = fmt.Sprint(e.Code)
	}
	if word == "too-many-requests" {
		// Methods and subscriptions are counted by user and connection, whatever
		// the user may do.
		wait := time.Duration(e.Details.Wait) * time.Millisecond
		return wouldExceed(min(max(wait, time.Second), time.Minute))
	}
	status := 0
	if word == "403" {
		status = http.StatusForbidden
	}
	return refusal(what, status, answer{Type: word, Error: e.Reason})
}

// loginError is the error of a login. The server says with one and the same
// number that it does not know a token and that somebody may not do something.
func loginError(err error) error {
	e, ok := errors.AsType[*bot.Error](err)
	if !ok || e.Temporary || e.Code == "totp-required" {
		return err
	}
	return refusal("login", http.StatusUnauthorized, answer{Error: e.Error()})
}

// sentences say what to do about a refusal.
func sentences() map[string]string {
	return map[string]string{
		"error-invalid-room":                              "This room is not there any more, or the bot is not in it. Invite the bot.",
		"error-room-not-found":                            "This room is not there, or the bot is not in it. Invite the bot.",
		"invalid-room":                                    "This conversation's room is closed or gone.",
		"room-closed":                                     "This conversation is closed in Rocket.Chat.",
		"room_is_archived":                                "This room is archived. Unarchive it, or name another one.",
		archivedRoom:                                      "This room is archived. Unarchive it, or name another one.",
		"Not Allowed":                                     "A room of this name is there and the bot is not in it. Invite the bot: write /invite and its name there.",
		"error-archived-channel":                          "This room is archived already.",
		"error-not-allowed":                               "The bot may not do this here. Invite it into the room and check its roles.",
		"error-action-not-allowed":                        "Rocket.Chat does not let the bot change this message. Allow editing and deleting of messages in its settings.",
		"error-message-size-exceeded":                     "The message is longer than this workspace allows (Message_MaxAllowedSize).",
		"message-length-exceeds-character-limit":          "The message is longer than this workspace allows customers to write.",
		"error-invalid-department":                        "The department is not in Rocket.Chat. Name one that is there, in the settings of Perch.",
		"error-omnichannel-is-disabled":                   "Omnichannel is switched off in this workspace. Switch it on, or use departments with a channel.",
		"no-agent-online":                                 "No agent is online in Rocket.Chat.",
		"error-contact-channel-blocked":                   "This customer is blocked in Rocket.Chat.",
		"error-duplicate-channel-name":                    "A room of this name is there already and the bot is not in it. Invite the bot: write /invite and its name there.",
		"error-invalid-room-name":                         "Rocket.Chat does not take this name for a room.",
		"error-invalid-user":                              "Rocket.Chat does not know this person.",
		"error-user-not-found":                            "Rocket.Chat does not know this person.",
		"error-file-upload-disabled":                      "Files are switched off in this Rocket.Chat.",
		"error-type-not-allowed":                          "This Rocket.Chat does not take files of this type.",
		"error-size-not-allowed":                          "The file is larger than this Rocket.Chat takes.",
		"error-file-too-large":                            "The file is larger than this Rocket.Chat takes.",
		"error-invalid-file-type":                         "This Rocket.Chat does not take files of this type.",
		"error-comment-is-required":                       "This workspace wants a comment when a conversation is closed.",
		"error-tags-must-be-assigned-before-closing-chat": "This department wants tags when a conversation is closed. Close it in Rocket.Chat.",
		"error-not-authorized":                            "The bot may not close conversations of others. Give its user the role livechat-manager.",
		"error-message-editing-blocked":                   "Rocket.Chat lets nobody change a message as old as this one. Give the bot's user the role bot.",
		"error-mac-limit-reached":                         "This Rocket.Chat has reached its licence's limit of monthly customers.",
	}
}

// cut shortens a text to n runes.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// fatal reports whether trying again can't cure an error of the connection.
func fatal(err error) bool {
	e, ok := errors.AsType[*bot.Error](err)
	return ok && (e.Code == "unauthorized" || e.Code == "totp-required" || e.Code == "redirect")
}

// code is the word of a definite refusal, or nothing.
func code(err error) string {
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return e.Code
	}
	return ""
}
