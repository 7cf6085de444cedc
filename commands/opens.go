package commands

import (
	"strings"

	"github.com/perch-chat/perch/bot"
)

// The titles of the forms.
const (
	titleNew     = "Declare an incident"
	titleEntry   = "Add to the timeline"
	titleMessage = "Add to timeline"
	titleText    = "Change the text"
)

// Opens says whether an event will be answered by a form or, at the worst, by
// words to that person alone, and under which title. A chat may open the form
// at once then, empty, for its triggers live for seconds. It looks at nothing
// but the event.
func (r *Router) Opens(ev bot.Event) (title string, ok bool) {
	switch ev.Kind {
	case bot.EventAction:
		switch ev.Action {
		case btnDeclare:
			return titleNew, true
		case btnUpdate:
			return titleEntry, true
		case btnMessage:
			return titleMessage, true
		case btnEdit:
			return titleText, true
		}
		return "", false
	case bot.EventCommand:
		_, w, rest, err := r.words(ev)
		if err != nil || w.opens == nil {
			return "", false
		}
		title = w.opens(rest)
		return title, title != ""
	default:
		return "", false
	}
}

// opensNew is for /incident new without a title.
func opensNew(rest string) string {
	if o, err := parseOptions(rest, incidentFlags); err != nil || o.text != "" {
		return ""
	}
	return titleNew
}

// opensEntry is for /timeline add without a text.
func opensEntry(rest string) string {
	if first, behind := cutWord(rest); isIncidentRef(first) {
		rest = behind
	}
	o, err := parseOptions(rest, visibilityFlags)
	if err != nil {
		return ""
	}
	body := strings.TrimSpace(o.text)
	if first, behind := cutWord(body); isIncidentRef(first) {
		body = behind
	}
	if body != "" {
		return ""
	}
	return titleEntry
}
