package xapi

import (
	"bytes"
	"encoding/json"
	"strings"
)

// CompareIDs orders two ids of X by their number, as their age: it returns -1,
// 0 or +1. They are never compared as words, for "9" is older than "10".
func CompareIDs(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		if len(a) < len(b) {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// ConversationOf is the id of the conversation between two users as X writes
// it, the smaller id first.
func ConversationOf(a, b string) string {
	if CompareIDs(a, b) > 0 {
		a, b = b, a
	}
	return a + "-" + b
}

// validID reports whether s is an id as X makes them, and so safe in a path.
func validID(s string) bool { return len(s) >= 1 && len(s) <= 19 && digits(s) }

func validConversation(s string) bool {
	a, b, two := strings.Cut(s, "-")
	return validID(a) && (!two || validID(b))
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// id is an id on the wire: a string, or a number that no float64 may touch.
// Whatever else stands there reads as no id, for a webhook body is not
// refused over one field.
type id string

func (d *id) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	var s string
	switch {
	case len(b) > 0 && b[0] == '"':
		if json.Unmarshal(b, &s) != nil {
			s = ""
		}
	case digits(strings.TrimPrefix(string(b), "-")):
		s = string(b)
	}
	*d = id(s)
	return nil
}

// firstID returns the first that is set: the _str twin goes before the number.
func firstID(ids ...id) string {
	for _, d := range ids {
		if d != "" {
			return string(d)
		}
	}
	return ""
}
