package webchat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

// Ask is something that a person does. Which fields count depends on what it is.
type Ask struct {
	ID string      `json:"id"` // the browser's own; asked twice it is done once
	As bot.UserRef `json:"as"` // who does it

	Channel bot.ChannelRef    `json:"channel,omitempty"`
	Thread  bot.MessageRef    `json:"thread,omitempty"`
	Ref     bot.MessageRef    `json:"ref,omitempty"`
	Text    string            `json:"text,omitempty"`
	Emoji   string            `json:"emoji,omitempty"`
	On      bool              `json:"on,omitempty"`
	Action  string            `json:"action,omitempty"`
	Value   string            `json:"value,omitempty"`
	Form    string            `json:"form,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"`
	Files   []Attach          `json:"files,omitempty"` // to write with
}

// Answer is what came of it.
type Answer struct {
	Ref   bot.MessageRef `json:"ref,omitempty"`
	Event string         `json:"event,omitempty"` // the ID of the event that Perch was told
}

// Problem is why an Ask was not done.
type Problem struct {
	Status  int               `json:"-"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"` // of a form: what is wrong with each
}

func (p *Problem) Error() string { return "webchat: " + p.Code + ": " + p.Message }

func problem(status int, code, format string, args ...any) *Problem {
	return &Problem{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

var (
	commandRE = regexp.MustCompile(`(?s)^/([\p{L}][\p{L}\p{N}_-]*)(?:\s+(.*))?$`)
	wordRE    = regexp.MustCompile(`(?s)^/?([\p{L}\p{N}_-]+)(?:\s+(.*))?$`)
)

// act checks who asks, remembers the answer under the request's ID, stores what
// do made of it, and returns once Perch has stored the event. If Perch did not
// take it the error says so; the event is then delivered later by itself, and
// asking again with the same ID does nothing twice.
func (a *Adapter) act(ctx context.Context, what string, q Ask, do func(u User) (record, error)) (Answer, error) {
	if q.ID == "" || len(q.ID) > 100 {
		return Answer{}, problem(http.StatusUnprocessableEntity, "no_id", "The request needs an id of its own.")
	}
	req, err := a.once(what, q, do)
	if err != nil {
		return Answer{}, err
	}
	if req.Event != "" {
		if err := a.deliver(ctx, req.Event); err != nil {
			a.log.WarnContext(ctx, "event stored but not taken yet", "platform", Platform, "event", req.Event, "err", err)
			return Answer{}, problem(http.StatusServiceUnavailable, "not_taken", "Perch did not take this in yet. It is kept and tried again.")
		}
	}
	return Answer{Ref: req.Ref, Event: req.Event}, nil
}

func (a *Adapter) once(what string, q Ask, do func(u User) (record, error)) (request, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return request{}, fmt.Errorf("encode the request: %w", err)
	}
	h := sha256.Sum256(append([]byte(what+"\x00"), b...))
	sum := hex.EncodeToString(h[:8])
	id := requestID(q)

	a.mu.Lock()
	defer a.mu.Unlock()
	u, ok := a.users[q.As]
	if !ok || u.Ref == a.o.Bot.Ref {
		return request{}, problem(http.StatusForbidden, "unknown_user", "Choose one of the people of this chat.")
	}
	if known, ok := a.st.requests[id]; ok {
		if known.Sum != sum {
			return request{}, problem(http.StatusConflict, "id_reused", "Another request had this id.")
		}
		return known, nil
	}
	rec, err := do(u)
	if err != nil {
		return request{}, err
	}
	req := request{ID: id, Sum: sum}
	if rec.Message != nil {
		req.Ref = rec.Message.Ref
	}
	if rec.Event != nil {
		req.Event = rec.Event.ID
	}
	rec.Request = &req
	if err := a.commitLocked(rec); err != nil {
		return request{}, err
	}
	return req, nil
}

// event is an event by u, now, to be filled in.
func (a *Adapter) event(u User, kind bot.EventKind, ch *channel) *bot.Event {
	return &bot.Event{
		ID: a.st.next(), Platform: Platform, Kind: kind, At: time.Now().UTC(),
		User:    bot.User{Ref: u.Ref, Name: u.Name, Handle: u.Handle},
		Channel: ch.Ref, ChannelName: ch.Name,
	}
}

func cleanText(s string) (string, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n")
	if s == "" {
		return "", problem(http.StatusUnprocessableEntity, "no_text", "Write something first.")
	}
	if n := utf8.RuneCountInString(s); n > maxText {
		return "", problem(http.StatusUnprocessableEntity, "too_long", "The message has %d characters; %d are allowed.", n, maxText)
	}
	return s, nil
}

// Say writes a message, gives a command that begins with a slash, or mentions the bot.
func (a *Adapter) Say(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "say", q, func(u User) (record, error) {
		text, err := cleanText(q.Text)
		if err != nil && (len(q.Files) == 0 || text != "" || strings.TrimSpace(q.Text) != "") {
			return record{}, err
		}
		ch, ok := a.st.channels[q.Channel]
		if !ok {
			return record{}, problem(http.StatusNotFound, "channel_not_found", "This channel does not exist.")
		}
		var thread bot.MessageRef
		if q.Thread != "" {
			root, ok := a.st.messages[q.Thread]
			if !ok || root.Channel != ch.Ref || !root.visibleTo(u.Ref) {
				return record{}, problem(http.StatusNotFound, "thread_not_found", "This thread does not exist.")
			}
			thread = root.root()
		}
		files, err := a.keep(q.Files)
		if err != nil {
			return record{}, err
		}
		m := &message{
			Ref: bot.MessageRef(Platform + ":m:" + a.st.next()), Number: a.st.seq + 1,
			Channel: ch.Ref, Thread: thread, User: u.Ref, Text: text, Files: files, At: time.Now().UTC(),
		}
		ev := a.event(u, bot.EventMessage, ch)
		ev.Message, ev.Thread, ev.Text, ev.Files = m.Ref, thread, text, a.botFiles(files)
		if c := commandRE.FindStringSubmatch(text); c != nil {
			// As elsewhere, nobody else sees a slash command.
			m.Only = u.Ref
			ev.Kind, ev.Message = bot.EventCommand, ""
			ev.Command, ev.Text = "/"+strings.ToLower(c[1]), strings.TrimSpace(c[2])
			ev.Trigger = a.newTriggerLocked(u.Ref, a.st.next())
		} else if rest, ok := a.mentioned(text); ok {
			order(ev, rest)
			ev.Trigger = a.newTriggerLocked(u.Ref, a.st.next())
		}
		return record{Message: m, Event: ev}, nil
	})
}

// mentioned returns what follows a mention of the bot at the beginning.
func (a *Adapter) mentioned(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, "@")
	if !ok || len(rest) < len(a.o.Bot.Handle) || !strings.EqualFold(rest[:len(a.o.Bot.Handle)], a.o.Bot.Handle) {
		return "", false
	}
	rest = rest[len(a.o.Bot.Handle):]
	if rest != "" && !strings.ContainsAny(rest[:1], " \t\n,:") {
		return "", false
	}
	return strings.TrimLeft(rest, " \t\n,:"), true
}

// visible is a message that u sees and that still is there.
func (a *Adapter) visible(u User, ref bot.MessageRef) (*message, *channel, error) {
	m, ok := a.st.messages[ref]
	if !ok || m.Deleted || !m.visibleTo(u.Ref) {
		return nil, nil, problem(http.StatusNotFound, "message_not_found", "This message does not exist any more.")
	}
	return m, a.st.channels[m.Channel], nil
}

func (a *Adapter) ownOf(u User, ref bot.MessageRef) (*message, *channel, error) {
	m, ch, err := a.visible(u, ref)
	if err == nil && (m.User != u.Ref || m.Only != "") {
		err = problem(http.StatusForbidden, "not_yours", "Only messages that you wrote can be changed.")
	}
	return m, ch, err
}

// Change edits a message of the person.
func (a *Adapter) Change(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "change", q, func(u User) (record, error) {
		m, ch, err := a.ownOf(u, q.Ref)
		if err != nil {
			return record{}, err
		}
		text, err := cleanText(q.Text)
		if err != nil {
			return record{}, err
		}
		n := *m
		n.Text, n.Edited = text, time.Now().UTC()
		ev := a.event(u, bot.EventMessageEdited, ch)
		ev.Message, ev.Thread, ev.Text = m.Ref, m.Thread, text
		return record{Message: &n, Event: ev}, nil
	})
}

// Remove deletes a message of the person.
func (a *Adapter) Remove(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "remove", q, func(u User) (record, error) {
		m, ch, err := a.ownOf(u, q.Ref)
		if err != nil {
			return record{}, err
		}
		ev := a.event(u, bot.EventMessageDeleted, ch)
		ev.Message, ev.Thread = m.Ref, m.Thread
		return record{Message: m.tombstone(), Event: ev}, nil
	})
}

// Dismiss hides a message that only the person sees. Perch is not told.
func (a *Adapter) Dismiss(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "dismiss", q, func(u User) (record, error) {
		m, _, err := a.visible(u, q.Ref)
		if err != nil {
			return record{}, err
		}
		if m.Only != u.Ref {
			return record{}, problem(http.StatusForbidden, "not_yours", "Only messages that nobody else sees can be dismissed.")
		}
		return record{Message: m.tombstone()}, nil
	})
}

// reactAs is the reaction of a person.
func (a *Adapter) reactAs(u User, q Ask) (record, error) {
	m, ch, err := a.visible(u, q.Ref)
	if err != nil {
		return record{}, err
	}
	if !emojiRE.MatchString(q.Emoji) {
		return record{}, problem(http.StatusUnprocessableEntity, "invalid_name", "This is no name of an emoji.")
	}
	n, changed := m.react(u.Ref, q.Emoji, q.On)
	if !changed {
		return record{}, nil
	}
	kind := bot.EventReaction
	if !q.On {
		kind = bot.EventReactionGone
	}
	ev := a.event(u, kind, ch)
	ev.Message, ev.Thread, ev.Emoji = m.Ref, m.Thread, q.Emoji
	return record{Message: n, Event: ev}, nil
}

// Reaction sets or takes back a reaction of the person.
func (a *Adapter) Reaction(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "react", q, func(u User) (record, error) { return a.reactAs(u, q) })
}

// Press presses a button of a message of the bot.
func (a *Adapter) Press(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "press", q, func(u User) (record, error) {
		m, ch, err := a.visible(u, q.Ref)
		if err != nil {
			return record{}, err
		}
		there := slices.ContainsFunc(m.Blocks, func(b bot.Block) bool {
			return slices.ContainsFunc(b.Buttons, func(x bot.Button) bool { return x.ID == q.Action && x.Value == q.Value })
		})
		if !there {
			return record{}, problem(http.StatusConflict, "no_such_button", "This button is gone: the message has changed since.")
		}
		ev := a.event(u, bot.EventAction, ch)
		ev.Message, ev.Thread, ev.Action, ev.Value, ev.Alone = m.Ref, m.Thread, q.Action, q.Value, m.Only != ""
		ev.Trigger = a.newTriggerLocked(u.Ref, a.st.next())
		return record{Event: ev}, nil
	})
}

// Submit sends a form, which is gone then.
func (a *Adapter) Submit(ctx context.Context, q Ask) (Answer, error) {
	ans, err := a.act(ctx, "submit", q, func(u User) (record, error) {
		of, ok := a.forms[q.Form]
		if !ok || of.user != u.Ref {
			return record{}, problem(http.StatusConflict, "form_gone", "This form is gone. Open it again.")
		}
		fields, err := checkForm(of.form, q.Fields)
		if err != nil {
			return record{}, err
		}
		ch := a.st.channels[of.form.Channel]
		if ch == nil {
			ch = &channel{Ref: of.form.Channel}
		}
		ev := a.event(u, bot.EventSubmit, ch)
		ev.Thread, ev.Action, ev.Value, ev.Fields = of.form.Thread, of.form.ID, of.form.Value, fields
		ev.Trigger = a.newTriggerLocked(u.Ref, a.st.next())
		return record{Event: ev}, nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, kept := a.st.requests[requestID(q)]; kept && a.forms[q.Form].user == q.As {
		delete(a.forms, q.Form)
		a.formSeq++
		a.notifyLocked()
	}
	return ans, err
}

// requestID names a request: browsers of two people may choose the same id.
func requestID(q Ask) string { return string(q.As) + "|" + q.ID }

// Shut closes a form without sending it. Perch is not told.
func (a *Adapter) Shut(ctx context.Context, q Ask) (Answer, error) {
	return a.act(ctx, "shut", q, func(u User) (record, error) {
		if of, ok := a.forms[q.Form]; ok && of.user == u.Ref {
			delete(a.forms, q.Form)
			a.formSeq++
		}
		return record{}, nil
	})
}

// checkForm returns the fields that the form has, or what is wrong with them.
func checkForm(f bot.Form, in map[string]string) (map[string]string, error) {
	out, wrong := map[string]string{}, map[string]string{}
	for _, i := range f.Inputs {
		v := strings.ReplaceAll(strings.TrimSpace(in[i.Name]), "\r\n", "\n")
		limit := i.Max
		if limit <= 0 {
			limit = maxText
		}
		switch {
		case v == "" && !i.Optional:
			wrong[i.Name] = "Fill this in."
		case utf8.RuneCountInString(v) > limit:
			wrong[i.Name] = fmt.Sprintf("At most %d characters.", limit)
		case v != "" && len(i.Options) > 0 && !slices.ContainsFunc(i.Options, func(o bot.Option) bool { return o.Value == v }):
			wrong[i.Name] = "Choose one of the list."
		}
		out[i.Name] = v
	}
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_fields", Message: "Some fields need another look.", Fields: wrong}
	}
	return out, nil
}

// UserName is how a person is called, or nothing for somebody unknown.
func (a *Adapter) UserName(ref bot.UserRef) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.users[ref].Name
}
