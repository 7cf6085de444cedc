package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/xapi/xfake"
)

// first reports whether a message's button is pressed for the first time.
func (s *service) first(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.pressed[id]
	s.pressed[id] = true
	return !was
}

// click has somebody press a button of a message, once however often it is asked.
func (s *service) click(who string, m rcfake.Message, label string) bool {
	if !slices.ContainsFunc(m.Buttons, func(b rcfake.Button) bool { return b.Text == label }) || !s.first(m.ID+label) {
		return false
	}
	_, err := s.rc.Press(who, m.Room, m.ID, label)
	return err == nil
}

// press does what people are asked to: they post what is previewed, impatiently,
// say what became of an answer after a look at X, and try again what could not
// be shown.
func (s *service) press() {
	for _, m := range s.rc.Messages(s.rc.room("incidents")) {
		if s.click("rio", m, "Post to X") {
			_, _ = s.rc.Press("rio", m.Room, m.ID, "Post to X") // it may be gone already
		}
	}
	for _, r := range s.rc.Rooms("") {
		if r.Kind == "l" && !r.Open || r.Kind == "c" {
			continue
		}
		who := "ada" // in the room for those who run Perch
		if r.Kind != "p" || r.Name == "support" {
			who = "sam"
		}
		if r.Kind == "d" && !slices.Contains(r.Members, who) {
			who = "ada"
		}
		for _, m := range s.rc.Messages(r.ID) {
			if m.Username == "twitter.bot" && len(m.Buttons) > 0 {
				s.decide(who, m)
			}
		}
	}
}

// decide answers a question of the bot's.
func (s *service) decide(who string, m rcfake.Message) {
	s.click(who, m, "Yes") // they mean it
	about := unsure.FindStringSubmatch(strings.ReplaceAll(m.Text, "\u2060", ""))
	if about == nil {
		if m.Room == s.rc.room("setup") {
			s.click(who, m, "Retry")
		}
		return
	}
	label := "Retry"
	for _, c := range s.people {
		if slices.Contains(s.answers(c), about[1]) {
			label = "It arrived"
		}
	}
	if s.click(who, m, label) {
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
	}
}

// answers are what a customer got of the agents, in order.
func (s *service) answers(c xfake.User) []string { return s.got(c, "answer "+c.Handle) }

// got is what a customer got that has the words.
func (s *service) got(c xfake.User, words string) (out []string) {
	for _, d := range s.x.DMs(company, c.ID) {
		if d.From == company && strings.Contains(d.Text, words) {
			out = append(out, d.Text)
		}
	}
	return out
}

// asks is a customer's message as agents see it: what it says, and whether it
// says that it came late, which X may be the reason of.
type asks struct {
	text string
	late bool
}

var heldUp = regexp.MustCompile(`Written at .*, delivered late by X\.`)

// questions are what agents read of a customer, in order.
func (s *service) questions(c xfake.User) (out []asks) {
	add := func(m rcfake.Message) {
		for _, q := range question.FindAllString(m.Text, -1) {
			out = append(out, asks{q, heldUp.MatchString(m.Text)})
		}
	}
	for _, r := range s.theirs(c) {
		for _, m := range s.rc.Messages(r.ID) {
			if m.Visitor && m.Kind == "" {
				add(m)
			}
		}
	}
	if card, ok := s.card(c); ok && !s.rooms {
		for _, m := range s.rc.Messages(card.Room) {
			if m.Thread == card.ID && strings.Contains(m.Author+strings.Join(m.Plain, " "), c.Name) {
				add(m)
			}
		}
	}
	return out
}

// late counts what came after what was written after it, and says so.
func (s *service) late() (n int) {
	for _, c := range s.people {
		for _, q := range s.questions(c) {
			if q.late {
				n++
			}
		}
	}
	return n
}

// midway counts what was accepted and has not arrived.
func (s *service) midway() (n int) {
	for _, c := range s.people {
		n += max(0, len(s.accepted.get("question "+c.Handle))-len(s.questions(c)))
		n += max(0, len(s.accepted.get("answer "+c.Handle))-len(s.answers(c)))
	}
	return n
}

// wrong says what is not as it has to be.
func (s *service) wrong() (out []string) {
	s.press()
	for _, c := range s.people {
		out = append(out, s.wrongConversation(c)...)
	}
	out = append(out, s.wrongRooms()...)
	secret, err := s.p.bearer()
	if err != nil {
		return append(out, err.Error())
	}
	entries, err := attributes(s.p.client, s.p.url, secret, "/v1/incidents/INC-1/events", "event")
	if err != nil {
		return append(out, err.Error())
	}
	out = append(out, once("timeline", append(s.accepted.get("entry"), s.accepted.get("post")...), entries)...)
	out = append(out, twice("timeline", entries)...)

	var answered []string
	for _, m := range s.rc.Messages(s.rc.DirectRoom("rio")) {
		if word := asked.FindString(m.Text); word != "" && m.Username == "twitter.bot" {
			answered = append(answered, word)
		}
	}
	out = append(out, once("answers", s.accepted.get("mistake"), answered)...)
	out = append(out, twice("answers", answered)...)

	return append(out, wrongPosts(s.x.Server, s.accepted.get("post"))...)
}

// wrongConversation judges what a customer and the agents read of each other.
func (s *service) wrongConversation(c xfake.User) (out []string) {
	name := "@" + c.Handle
	var shown, inOrder []string
	for _, q := range s.questions(c) {
		shown = append(shown, q.text)
		if !q.late {
			inOrder = append(inOrder, q.text)
		}
	}
	out = append(out, once("words of "+name, s.accepted.get("question "+c.Handle), shown)...)
	out = append(out, twice("words of "+name, shown)...)
	out = append(out, disorder("the words of "+name, inOrder)...)
	got := s.answers(c)
	for _, w := range once(name, s.accepted.get("answer "+c.Handle), got) {
		out = append(out, w+s.saidIn(c, w))
	}
	out = append(out, twice(name, got)...)
	out = append(out, disorder("the answers to "+name, got)...)
	if n := len(s.got(c, "Somebody will answer you here shortly")); n != 1 {
		out = append(out, fmt.Sprintf("%s was welcomed %d times", name, n))
	}
	if got, want := len(s.got(c, "We closed this conversation")), len(s.accepted.get("end "+c.Handle)); got != want {
		out = append(out, fmt.Sprintf("%s was told of %d ends, want %d", name, got, want))
	}
	if notes := s.got(c, "note "+c.Handle); len(notes) > 0 {
		out = append(out, fmt.Sprintf("%s read notes: %q", name, notes))
	}
	return out
}

// disorder says which of a list come before those that they are to follow.
func disorder(what string, list []string) (out []string) {
	for i := 1; i < len(list); i++ {
		if list[i] < list[i-1] {
			out = append(out, fmt.Sprintf("%s: %q comes after %q", what, list[i], list[i-1]))
		}
	}
	return out
}

// saidIn is where agents said words to a customer, for whoever looks for them.
func (s *service) saidIn(c xfake.User, about string) string {
	for _, r := range s.theirs(c) {
		for _, m := range s.rc.Messages(r.ID) {
			if m.Text != "" && !m.Visitor && strings.Contains(about, m.Text) {
				return fmt.Sprintf("; it was said in room %s, open %t, at %s", r.ID, r.Open, m.At.Format("15:04:05.000"))
			}
		}
	}
	return ""
}

// wrongRooms judges where conversations are.
func (s *service) wrongRooms() (out []string) {
	for _, c := range s.people {
		all, ends := s.theirs(c), len(s.accepted.get("end "+c.Handle))
		open := len(slices.DeleteFunc(slices.Clone(all), func(r rcfake.Room) bool { return !r.Open }))
		if s.rooms && (open > 1 || len(all) > ends+1 || len(all) == 0) {
			out = append(out, fmt.Sprintf("@%s has %d rooms, %d of them open, and %d were closed", c.Handle, len(all), open, ends))
		}
	}
	if s.rooms {
		return out
	}
	cards := map[string]bool{}
	for _, m := range s.rc.Messages(s.rc.room("support")) {
		if m.Thread != "" && m.Username == "sam" && strings.HasPrefix(m.Text, "answer ") && !slices.Equal(marks(m), []string{delivered}) {
			out = append(out, fmt.Sprintf("%q has the marks %q", m.Text, marks(m)))
		}
		if m.Thread == "" && m.Username == "twitter.bot" && len(m.Buttons) > 0 {
			cards[m.ID] = true
		}
	}
	if len(cards) != len(s.people) {
		out = append(out, fmt.Sprintf("%d cards of %d customers", len(cards), len(s.people)))
	}
	return out
}

// marks are the reactions of a message.
func marks(m rcfake.Message) (out []string) {
	for emoji := range m.Reactions {
		out = append(out, emoji)
	}
	slices.Sort(out)
	return out
}
