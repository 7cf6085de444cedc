package rocketchat

import (
	"fmt"

	"github.com/perch-chat/perch/bot"
)

// systemClose is the kind of the message that ends a customer's room.
const systemClose = "livechat-close"

// live reads a message of a customer's room: what an agent wrote, or did.
func (d decoder) live(m message) []bot.Event {
	if m.Hidden || m.Private || m.User.ID == "" || messageRef(m.Room, m.ID) == "" {
		return nil
	}
	if m.System != systemClose && (m.Token != "" || m.User.ID == d.me.ID) { // who closes the room doesn't matter
		return nil
	}
	ev := bot.Event{
		ID: "msg:" + m.Room + ":" + m.ID, Platform: Platform, Kind: bot.EventMessage, At: m.At.Time, User: m.User.user(),
		Channel: roomRef(m.Room), Thread: liveRef(m.Room), Live: true, Message: messageRef(m.Room, m.ID), Text: unmark(m.Text), Files: m.files(), Names: d.names(m),
	}
	switch m.System {
	case "":
		if order, ok := d.ordered(ev, m); ok {
			if m.foreign() {
				return nil
			}
			return []bot.Event{order}
		}
	case systemClose:
		ev.Kind, ev.Text = bot.EventClosed, m.Text
	case "uj", "livechat-taken":
		ev.Kind, ev.Text = bot.EventTaken, ""
	case "ul": // they were taken out of the room: it went to others, or to the queue
		ev.Kind, ev.Text = bot.EventTransferred, ""
	case "livechat_transfer_history":
		ev.Kind, ev.Text = bot.EventTransferred, m.Transfer.to()
	case "omnichannel_placed_chat_on_hold":
		ev.Kind, ev.Text = bot.EventHold, ""
	default:
		return nil
	}
	out := []bot.Event{ev}
	if m.System == "" && !m.Edited.IsZero() {
		e := ev
		e.Kind, e.Edit = bot.EventMessageEdited, fmt.Sprint(m.Edited.UnixMilli())
		e.ID, e.At = "edit:"+m.Room+":"+m.ID+":"+e.Edit, m.Edited.Time
		out = append(out, e)
	}
	return out
}

// ordered reads what somebody in a customer's room told the bot: that is for
// the customer never.
func (d decoder) ordered(ev bot.Event, m message) (bot.Event, bool) {
	ev.Files = nil
	if order, ok := d.order(ev, m, "l"); ok {
		return order, true
	}
	if first, _ := firstWord(unlinked(ev.Text)); first == pressMark { // a button's words, but not whole
		ev.Kind, ev.Text = bot.EventCommand, "help"
		return ev, true
	}
	return ev, false
}

// transfer is to whom a room was handed on.
type transfer struct {
	Department struct {
		Name string `json:"name"`
	} `json:"nextDepartment"`
	To person `json:"transferredTo"`
}

func (t transfer) to() string {
	if t.Department.Name != "" {
		return t.Department.Name
	}
	return t.To.user().Name
}
