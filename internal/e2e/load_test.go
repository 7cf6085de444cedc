package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/perch-chat/perch/xapi/xfake"
)

// load is many people at work who do not give up: each tries until what they
// did was accepted, as browsers and clients of the API do.
type load struct {
	*crowd
	x        *xfake.Server
	url      string
	http     *http.Client
	incident string // its thread in the chat

	cut     atomic.Int64    // requests whose connection ended before their answer
	settled map[string]bool // questions to the agent of what became of an answer
	helped  map[string]bool // questions to the admin
}

func (l *load) start() {
	for _, c := range customers() {
		l.wg.Go(func() { l.customer(c) })
		l.wg.Go(func() { l.agent(c) })
	}
	for n := range 4 {
		l.wg.Go(func() { l.api(n) })
	}
	l.wg.Go(l.commands)
	l.wg.Go(l.confirm)
}

// unsure is what the thread says of an answer of which nobody knows whether it
// arrived.
var unsure = regexp.MustCompile(`⚠ X did not say whether this arrived: “(answer \S+ \d+\.)”`)

// help does what the admin is asked to: what could not be shown in the chat,
// because two attempts were cut, is tried again.
func (l *load) help() {
	s, err := l.person("ada").chat()
	if err != nil {
		return
	}
	for _, m := range s.Messages {
		if m.Channel != "webchat:setup" || m.Deleted {
			continue
		}
		for _, bl := range m.Blocks {
			for _, b := range bl.Buttons {
				if b.Label == "Retry" {
					l.helped[m.Ref] = true
					l.ask("ada", "action", "help "+m.Ref, map[string]any{"ref": m.Ref, "action": b.ID, "value": b.Value})
				}
			}
		}
	}
}

// settle does what the agent is asked to: look on X, then press what is true.
func (l *load) settle(s chatState) {
	for _, m := range s.Messages {
		about := unsure.FindStringSubmatch(m.reads())
		if m.Deleted || about == nil {
			continue
		}
		arrived := false
		for _, c := range customers() {
			arrived = arrived || slices.Contains(l.answers(c), about[1])
		}
		for _, bl := range m.Blocks {
			for _, b := range bl.Buttons {
				if arrived && b.Label == "It arrived" || !arrived && b.Label == "Retry" {
					l.settled[m.Ref] = true
					l.ask("sam", "action", b.Label+" "+m.Ref, map[string]any{"ref": m.Ref, "action": b.ID, "value": b.Value})
				}
			}
		}
	}
}

func (l *load) person(user string) *play { return &play{url: l.url, client: l.http, user: user} }

// until repeats a request until it is answered with what is wanted. After the
// load's end it goes on for as long as somebody is patient.
func (l *load) until(fn func() (status int, err error), wanted ...int) (int, error) {
	end := time.Time{}
	for {
		status, err := fn()
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			l.cut.Add(1)
		}
		for _, w := range wanted {
			if err == nil && status == w {
				return status, nil
			}
		}
		select {
		case <-l.stop:
			if end.IsZero() {
				end = time.Now().Add(patience)
			}
			if time.Now().After(end) {
				return status, err
			}
		default:
		}
		<-time.After(10 * time.Millisecond)
	}
}

// ask does something in the chat, once however often it is tried.
func (l *load) ask(user, what, id string, fields map[string]any) bool {
	fields["id"], fields["as"] = id, "webchat:U_"+user
	p := l.person(user)
	status, err := l.until(func() (int, error) {
		status, _, err := p.do(http.MethodPost, "/chat/"+what, "application/json", fields, nil)
		return status, err
	}, http.StatusOK, http.StatusConflict) // 409: the button is gone
	return err == nil && status == http.StatusOK
}

func (l *load) customer(c xfake.User) {
	l.every(110*time.Millisecond, func(n int) {
		text := fmt.Sprintf("question %s %04d.", c.Handle, n)
		if _, err := l.x.SendDMAs(c.ID, company, text); err == nil {
			l.accepted.add("question "+c.Handle, text)
		}
	})
}

// card is the message that stands for the conversation with a customer.
func card(s chatState, c xfake.User) (message, bool) {
	for _, m := range s.Messages {
		if m.Channel == "webchat:support" && m.Thread == "" && m.Author != nil && m.Author.Handle == c.Handle {
			return m, true
		}
	}
	return message{}, false
}

func (l *load) agent(c xfake.User) {
	p := l.person("sam")
	root, claimed := "", false
	sent := 0
	l.every(90*time.Millisecond, func(int) {
		if !claimed {
			s, err := p.chat()
			m, ok := card(s, c)
			if err != nil || !ok {
				return
			}
			root, claimed = m.Ref, strings.Contains(m.reads(), "is on it")
			for _, bl := range m.Blocks {
				for _, b := range bl.Buttons {
					if b.Label == "Claim" {
						l.ask("sam", "action", "claim-"+c.ID, map[string]any{"ref": m.Ref, "action": b.ID, "value": b.Value})
					}
				}
			}
			return
		}
		text := fmt.Sprintf("answer %s %04d.", c.Handle, sent)
		if l.ask("sam", "message", text, map[string]any{"channel": "webchat:support", "thread": root, "text": text}) {
			l.accepted.add("answer "+c.Handle, text)
		}
		sent++
	})
}

func (l *load) api(client int) {
	l.every(15*time.Millisecond, func(n int) {
		text, visibility := fmt.Sprintf("event %d-%04d.", client, n), "internal"
		if n%5 == 1 {
			visibility = "external"
		}
		if n%12 == 3 && client < 2 {
			visibility = "twitter"
		}
		body := fmt.Sprintf(`{"data":{"type":"incident_events","attributes":{"event":%q,"visibility":%q}}}`, text, visibility)
		status, err := l.until(func() (int, error) {
			req, err := http.NewRequest(http.MethodPost, l.url+"/v1/incidents/INC-1/events", strings.NewReader(body))
			if err != nil {
				return 0, err
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/vnd.api+json")
			req.Header.Set("Idempotency-Key", text)
			status, _, err := send(l.http, req)
			return status, err
		}, http.StatusCreated)
		if err == nil && status == http.StatusCreated {
			l.accepted.add("event", text)
			if visibility == "twitter" {
				l.accepted.add("draft", text)
			}
		}
	})
}

func (l *load) commands() {
	l.every(100*time.Millisecond, func(n int) {
		text := fmt.Sprintf("command %04d.", n)
		if l.ask("rio", "message", text, map[string]any{"channel": "webchat:incidents", "thread": l.incident, "text": "/timeline add " + text}) {
			l.accepted.add("event", text)
		}
		if n%10 != 0 {
			return
		}
		title := fmt.Sprintf("Storm %04d.", n)
		if l.ask("rio", "message", title, map[string]any{"channel": "webchat:incidents", "text": "/incident new " + title}) {
			l.accepted.add("incident", title)
		}
	})
}

// confirm presses Post to X under every preview, each twice as impatient
// people do.
func (l *load) confirm() {
	p, done := l.person("rio"), map[string]bool{}
	round := func(int) {
		s, err := p.chat()
		if err != nil {
			return
		}
		for _, m := range s.Messages {
			for _, bl := range m.Blocks {
				for _, b := range bl.Buttons {
					if b.Label != "Post to X" || done[b.Value] {
						continue
					}
					done[b.Value] = true
					for _, id := range []string{"post-", "post-again-"} {
						l.ask("rio", "action", id+b.Value, map[string]any{"ref": m.Ref, "action": b.ID, "value": b.Value})
					}
				}
			}
		}
	}
	l.every(80*time.Millisecond, round)
	end := time.Now().Add(2 * patience) // what is left
	for time.Now().Before(end) && len(done) < len(l.accepted.get("draft")) {
		l.help()
		round(0)
		<-time.After(50 * time.Millisecond)
	}
}

// midway counts the answers that were accepted but are not on X.
func (l *load) midway() int {
	n := 0
	for _, c := range customers() {
		n += len(l.accepted.get("answer "+c.Handle)) - len(l.answers(c))
	}
	return max(n, 0)
}

// answers are what the customer got of the agent, in order.
func (l *load) answers(c xfake.User) []string {
	var out []string
	for _, d := range l.x.DMs(company, c.ID) {
		if d.From == company && strings.HasPrefix(d.Text, "answer ") {
			out = append(out, d.Text)
		}
	}
	return out
}

func (l *load) counts() string {
	var out []string
	for _, kind := range []string{"event", "draft", "incident"} {
		out = append(out, fmt.Sprintf("%d %ss", len(l.accepted.get(kind)), kind))
	}
	for _, c := range customers() {
		out = append(out, fmt.Sprintf("%d questions and %d answers of @%s", len(l.accepted.get("question "+c.Handle)), len(l.accepted.get("answer "+c.Handle)), c.Handle))
	}
	return strings.Join(out, ", ")
}
