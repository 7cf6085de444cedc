package rocketchat

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// PressedPath is where the link leads that a pressed button leaves in a room.
const PressedPath = "/rocketchat/pressed"

// linked are the words of a pressed button as people see them: its label. What
// it means is in the link's address, below Perch's own.
func linked(base, label, words string) string {
	if base == "" {
		return words
	}
	label, _ = within(escape(label))
	return "[" + label + "](" + base + PressedPath + "?" + url.QueryEscape(words) + ")"
}

var linkedRE = regexp.MustCompile(`^\[[^\n]*\]\(https?://[^\s()]*` + PressedPath + `\?([^\s()]*)\)$`)

// unlinked returns the words behind the label, whatever address Perch had then.
func unlinked(text string) string {
	m := linkedRE.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return text
	}
	words, err := url.QueryUnescape(m[1])
	if err != nil || !strings.HasPrefix(words, pressMark) {
		return pressMark // a button's, but not whole
	}
	return words
}

// PressedHandler serves PressedPath: whoever follows the link is told what it is.
func PressedHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		// No page: Rocket.Chat would show a preview of one below the message.
		http.Error(w, "Somebody pressed this button in Rocket.Chat. To press it too, go back to the message that it is on.", http.StatusNotFound)
	})
}

// pressMark begins the message that a button writes.
const pressMark = "!perch"

// pressed is what a button writes, as the person who presses it: in words that
// are read back by press. The message's ID says where the button stood.
func pressed(b bot.Button, id string) string {
	parts := []string{pressMark, url.QueryEscape(b.ID), "." + id}
	if b.Value != "" {
		parts = append(parts, url.QueryEscape(b.Value))
	}
	if ask := strings.Join(strings.Fields(clean(b.Confirm)), " "); ask != "" {
		parts = append(parts, strings.TrimSpace(askMark), escape(cut(ask, maxAsk)))
	}
	return strings.Join(parts, " ")
}

// askMark stands before the question that Rocket.Chat can't ask before it
// takes a button as pressed. In what stands before it there are no such marks.
const (
	askMark = " ? "
	maxAsk  = 300
)

// pressing is a button that was pressed.
type pressing struct {
	button, value string
	message       string // the ID of the one that it is on
	ask           string // what the person has to be asked first
}

// press reads what a button wrote.
func press(text string) (p pressing, ok bool) {
	text, ask, _ := strings.Cut(unlinked(text), askMark)
	f := strings.Fields(text)
	if len(f) < 3 || len(f) > 4 || f[0] != pressMark || !strings.HasPrefix(f[2], ".") {
		return pressing{}, false
	}
	p = pressing{message: f[2][1:], ask: cut(unmark(ask), maxAsk)}
	var err error
	if p.button, err = url.QueryUnescape(f[1]); err != nil || p.button == "" {
		return pressing{}, false
	}
	if len(f) == 4 {
		if p.value, err = url.QueryUnescape(f[3]); err != nil {
			return pressing{}, false
		}
	}
	return p, idRE.MatchString(p.message)
}
