package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/xapi/xfake"
)

// judge waits until all is as it has to be, and then a while longer for what
// must not come. It knows only what people and clients were told.
func (l *load) judge(t *testing.T, patience time.Duration) {
	t.Helper()
	if verdict(t, patience, 3*time.Second, l.wrong) { // that is longer than the ladder
		return
	}
	calls := l.x.Calls()
	for _, c := range calls[max(0, len(calls)-20):] {
		t.Logf("X was asked %s %s at %s: %d", c.Method, c.Path, c.At.Format("15:04:05.000"), c.Status)
	}
}

// delivered is how an answer looks that the customer has.
const delivered = ":white_check_mark:"

var question = regexp.MustCompile(`question \S+ \d+\.`)

func (l *load) wrong() []string {
	var out []string
	s, err := l.person("sam").chat()
	if err != nil {
		return []string{err.Error()}
	}
	l.settle(s)
	l.help()
	for _, c := range customers() {
		out = append(out, l.wrongConversation(s, c)...)
	}
	events, err := attributes(l.http, l.url, token, "/v1/incidents/INC-1/events", "event")
	if err != nil {
		return append(out, err.Error())
	}
	out = append(out, once("timeline", l.accepted.get("event"), events)...)
	titles, err := attributes(l.http, l.url, token, "/v1/incidents", "title")
	if err != nil {
		return append(out, err.Error())
	}
	out = append(out, once("incidents", l.accepted.get("incident"), titles)...)

	return append(out, wrongPosts(l.x, l.accepted.get("draft"))...)
}

// wrongConversation judges what a customer and the agents read of each other.
func (l *load) wrongConversation(s chatState, c xfake.User) []string {
	root, ok := card(s, c)
	if !ok {
		return []string{"no conversation with @" + c.Handle}
	}
	var out, questions []string
	for _, m := range s.Messages {
		text := m.reads()
		if m.Deleted || m.Channel != "webchat:support" || m.Ref == root.Ref {
			continue
		}
		if m.Author != nil && m.Author.Handle == c.Handle {
			if m.Thread != root.Ref {
				out = append(out, fmt.Sprintf("%q is in another thread", text))
			}
			questions = append(questions, question.FindAllString(text, -1)...) // late ones have more lines
		}
		if m.User == sam && m.Thread == root.Ref {
			if !strings.HasSuffix(strings.TrimSpace(text), "."+delivered) {
				out = append(out, fmt.Sprintf("%q is not marked as delivered alone", text))
			}
		}
	}
	out = append(out, once("thread of @"+c.Handle, l.accepted.get("question "+c.Handle), questions)...)
	out = append(out, twice("thread of @"+c.Handle, questions)...)

	got := l.answers(c)
	want := l.accepted.get("answer " + c.Handle)
	out = append(out, once("@"+c.Handle, want, got)...)
	out = append(out, twice("@"+c.Handle, got)...)
	if !slices.IsSorted(got) {
		out = append(out, fmt.Sprintf("@%s got the answers in another order: %q", c.Handle, got))
	}
	// An answer needs a person if two attempts were cut before X had it, and
	// nobody may guess. That is rare.
	if n := len(l.settled); n > 2+len(want)/20 {
		out = append(out, fmt.Sprintf("%d answers needed a person", n))
	}
	welcomes := 0
	for _, d := range l.x.DMs(company, c.ID) {
		if strings.Contains(d.Text, "Somebody will answer you here shortly") {
			welcomes++
		}
	}
	if welcomes != 1 {
		out = append(out, fmt.Sprintf("@%s was welcomed %d times", c.Handle, welcomes))
	}
	return out
}
