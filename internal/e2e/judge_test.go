package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	var wrong []string
	end := time.Now().Add(patience)
	for good := 0; good < 2; {
		wrong = l.wrong()
		pause := 250 * time.Millisecond
		switch {
		case len(wrong) == 0:
			good++
			pause = 3 * time.Second // longer than the ladder
		case time.Now().After(end) || good > 0: // late, or too much
			for _, w := range wrong[:min(len(wrong), 20)] {
				t.Error(w)
			}
			t.Errorf("%d things are wrong", len(wrong))
			calls := l.x.Calls()
			for _, c := range calls[max(0, len(calls)-20):] {
				t.Logf("X was asked %s %s at %s: %d", c.Method, c.Path, c.At.Format("15:04:05.000"), c.Status)
			}
			return
		}
		<-time.After(pause)
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
	events, err := l.list("/v1/incidents/INC-1/events", "event")
	if err != nil {
		return append(out, err.Error())
	}
	out = append(out, once("timeline", l.accepted.get("event"), events)...)
	titles, err := l.list("/v1/incidents", "title")
	if err != nil {
		return append(out, err.Error())
	}
	out = append(out, once("incidents", l.accepted.get("incident"), titles)...)

	var posts []string
	root := ""
	for _, p := range l.x.Posts(company) {
		posts = append(posts, p.Text)
		if root == "" {
			root = p.ID
		} else if p.InReplyTo != root {
			out = append(out, fmt.Sprintf("post %q replies to %q, not to the first", p.Text, p.InReplyTo))
		}
	}
	out = append(out, once("posts on X", l.accepted.get("draft"), posts)...)
	return append(out, twice("posts on X", posts)...)
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

// once says which of want are not exactly once in got.
func once(where string, want, got []string) []string {
	n := map[string]int{}
	for _, g := range got {
		n[g]++
	}
	var out []string
	for _, w := range want {
		if n[w] != 1 {
			out = append(out, fmt.Sprintf("%s: %q is there %d times", where, w, n[w]))
		}
	}
	return out
}

// twice says what is in got more than once, wanted or not.
func twice(where string, got []string) []string {
	n := map[string]int{}
	for _, g := range got {
		n[g]++
	}
	var out []string
	for g, k := range n {
		if k > 1 {
			out = append(out, fmt.Sprintf("%s: %q is there %d times", where, g, k))
		}
	}
	return out
}

// list reads one attribute of everything under path.
func (l *load) list(path, attribute string) ([]string, error) {
	var out []string
	for page := 1; ; page++ {
		req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s%s?page[number]=%d&page[size]=100", l.url, path, page), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		status, body, err := send(l.http, req)
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %s", path, status, body)
		}
		var doc struct {
			Data []struct{ Attributes map[string]any }
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(doc.Data) == 0 {
			return out, nil
		}
		for _, d := range doc.Data {
			text, _ := d.Attributes[attribute].(string)
			out = append(out, text)
		}
	}
}
