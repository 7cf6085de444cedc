package desk

import "github.com/perch-chat/perch/bot"

// The titles of the forms.
const (
	titleReply    = "Reply to customer"
	titleSnooze   = "Snooze"
	titleTransfer = "Transfer"
)

// Opens says whether an event will be answered by a form or, at the worst, by
// words to that person alone, and under which title. A chat may open the form
// at once then, empty, for its triggers live for seconds. It looks at nothing
// but the event.
func Opens(ev bot.Event) (title string, ok bool) {
	if ev.Kind != bot.EventAction {
		return "", false
	}
	switch ev.Action {
	case "desk.transfer":
		return titleTransfer, true
	case "desk.snooze":
		return titleSnooze, true
	case "desk.reply":
		// What one of our people wrote is sent as it is.
		return titleReply, ev.Author == nil || ev.Author.Ref == ""
	}
	return "", false
}
