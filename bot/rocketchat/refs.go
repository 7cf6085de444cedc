package rocketchat

import (
	"regexp"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// Platform is the first part of every ref of this chat: "rocketchat:<id>" is a
// person or a room, "rocketchat:<room>:<message>" a message.
const Platform = "rocketchat"

// idRE is what an ID may be: the server's own are 17 letters and digits, those
// of direct rooms are two of them, and ours are longer.
var idRE = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func userRef(id string) bot.UserRef {
	if !idRE.MatchString(id) {
		return ""
	}
	return bot.UserRef(Platform + ":" + id)
}

func roomRef(id string) bot.ChannelRef {
	if !idRE.MatchString(id) {
		return ""
	}
	return bot.ChannelRef(Platform + ":" + id)
}

func messageRef(room, id string) bot.MessageRef {
	if !idRE.MatchString(room) || !idRE.MatchString(id) {
		return ""
	}
	return bot.MessageRef(Platform + ":" + room + ":" + id)
}

func userID(ref bot.UserRef) (string, bool)    { return oneID(string(ref)) }
func roomID(ref bot.ChannelRef) (string, bool) { return oneID(string(ref)) }

func oneID(ref string) (string, bool) {
	id, ok := strings.CutPrefix(ref, Platform+":")
	return id, ok && idRE.MatchString(id)
}

// messageID returns the room and the message of a ref.
func messageID(ref bot.MessageRef) (room, id string, ok bool) {
	rest, ok := strings.CutPrefix(string(ref), Platform+":")
	room, id, two := strings.Cut(rest, ":")
	return room, id, ok && two && idRE.MatchString(room) && idRE.MatchString(id)
}
