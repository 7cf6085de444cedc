package desk

import (
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/nearest"
	"github.com/perch-chat/perch/store"
)

// Slash commands don't run inside threads, so a conversation is also led by
// words to the bot in its thread: "@perch claim".

// words are what can be said to the bot in a conversation's thread, and what
// they do. Their help follows from here.
func words() []threadWord {
	return []threadWord{
		{"claim", nil, "", "Answer this customer", (*Desk).sayClaim},
		{"close", []string{"done"}, "", "End the conversation", func(d *Desk, tx store.Tx, ev bot.Event, c Conversation, _ string) error {
			_, err := d.Close(tx, c.ID, ev.User)
			return err
		}},
		{"transfer", []string{"assign"}, "<department or person>", "Hand it on", (*Desk).sayTransfer},
		{"snooze", nil, "<2h, tomorrow, 17:30>", "Put it off", (*Desk).saySnooze},
		{"wake", []string{"unsnooze"}, "", "End the snooze", func(d *Desk, tx store.Tx, ev bot.Event, c Conversation, _ string) error {
			_, err := d.Wake(tx, c.ID, ev.User)
			return err
		}},
		{"release", []string{"unclaim", "queue"}, "", "Put it back into the queue", func(d *Desk, tx store.Tx, ev bot.Event, c Conversation, _ string) error {
			_, err := d.Release(tx, c.ID, ev.User)
			return err
		}},
		{"reopen", []string{"open"}, "", "Go on with a closed conversation", func(d *Desk, tx store.Tx, ev bot.Event, c Conversation, _ string) error {
			_, err := d.Reopen(tx, c.ID, ev.User)
			return err
		}},
		{"note", nil, "<text>", "Say something that stays among you", (*Desk).sayNote},
		{"help", nil, "", "Show this", func(d *Desk, tx store.Tx, ev bot.Event, _ Conversation, _ string) error {
			return d.tellHelp(tx, ev)
		}},
	}
}

type threadWord struct {
	name    string
	aliases []string
	usage   string // what follows the word
	about   string
	do      func(d *Desk, tx store.Tx, ev bot.Event, c Conversation, rest string) error
}

// onCommand does what somebody told the bot in a conversation's thread. What
// is no word of the desk's is for others.
func (d *Desk) onCommand(tx store.Tx, ev bot.Event) (bool, error) {
	if ev.Thread == "" {
		return false, nil
	}
	name, rest := said(ev)
	known := words()
	i := slices.IndexFunc(known, func(w threadWord) bool { return w.name == name || slices.Contains(w.aliases, name) })
	if name == "" {
		i = slices.IndexFunc(known, func(w threadWord) bool { return w.name == "help" })
	}
	var names []string
	for _, w := range known {
		names = append(names, w.name)
	}
	best, near := nearest.Word(name, names)
	if i < 0 && !near {
		return false, nil
	}
	c, ok, err := d.thread(tx, ev)
	if err != nil || !ok {
		return false, err
	}
	if err := d.seen(tx, &c, ev.At); err != nil {
		return true, err
	}
	if live(c) {
		if i < 0 {
			name = ""
		} else {
			name = known[i].name
		}
		return true, d.wordLive(tx, ev, c, name, rest)
	}
	if i < 0 {
		return true, d.tell(tx, ev, "I don't know “"+short(name)+"”. Did you mean @perch "+best+"? All words: @perch help. The customer did not get this.")
	}
	ev.Value = c.ID
	return true, d.answer(tx, ev, known[i].do(d, tx, ev, c, rest))
}

// said splits what somebody told the bot into the word and the rest.
func said(ev bot.Event) (name, rest string) {
	text := strings.TrimSpace(ev.Text)
	if cmd := strings.TrimPrefix(ev.Command, "/"); cmd != "" && !strings.HasPrefix(cmd, "@") {
		return strings.ToLower(cmd), text
	}
	name, rest, _ = strings.Cut(text, " ")
	if line, more, ok := strings.Cut(name, "\n"); ok {
		name, rest = line, more+" "+rest
	}
	return strings.ToLower(strings.Trim(name, "/:.,!")), strings.TrimSpace(rest)
}

func (d *Desk) tellHelp(tx store.Tx, ev bot.Event) error {
	var text strings.Builder
	text.WriteString("In a conversation's thread:")
	for _, w := range words() {
		text.WriteString("\n@perch " + strings.TrimSpace(w.name+" "+w.usage) + " – " + w.about)
	}
	text.WriteString("\nWhat its agent writes here without @perch goes to the customer; what begins with // or note: never does. More: /twitter help, /incident help, /duty help.")
	return d.tell(tx, ev, text.String())
}

func (d *Desk) sayClaim(tx store.Tx, ev bot.Event, c Conversation, _ string) error {
	c, err := d.claim(tx, c.ID, ev)
	if err != nil {
		return err
	}
	text := "You have the conversation. What you write in this thread goes to the customer."
	if c.Kind == Mention {
		text = "You have the conversation. What you write in this thread is public once you posted it: you see it first."
	}
	return d.tell(tx, ev, text)
}

func (d *Desk) saySnooze(tx store.Tx, ev bot.Event, c Conversation, rest string) error {
	if rest == "" {
		return d.askSnooze(tx, ev)
	}
	return d.snoozeText(tx, c.ID, rest, ev.User)
}

func (d *Desk) sayNote(tx store.Tx, ev bot.Event, c Conversation, rest string) error {
	if rest == "" {
		return problem(CodeEmpty, "Write the note behind it: @perch note They called us too.")
	}
	m := Message{
		ID: id.New(), Conversation: c.ID, Account: c.Account, Kind: c.Kind, Origin: Agent, Direction: Note,
		Text: rest, At: now(), Author: ev.User.Ref, AuthorName: named(ev.User), AuthorHandle: ev.User.Handle, ChatRef: ev.Message,
	}
	if ev.Message != "" {
		if _, known, err := messages().First(tx, "chat", store.Key(string(ev.Message))); err != nil || known {
			return err
		}
	}
	if err := d.mark(tx, c, &m, markNote); err != nil {
		return err
	}
	return messages().Put(tx, m)
}

func (d *Desk) sayTransfer(tx store.Tx, ev bot.Event, c Conversation, rest string) error {
	if err := d.agent(tx, ev.User.Ref); err != nil {
		return err
	}
	for _, n := range ev.Names {
		if n.User != "" && n.Text == rest { // the chat says who it is
			_, err := d.Transfer(tx, c.ID, Target{User: n.User, UserName: strings.TrimPrefix(n.Text, "@")}, ev.User)
			return err
		}
	}
	targets, err := d.targets(tx, c)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errNobody
	}
	want := strings.ToLower(strings.TrimPrefix(rest, "@"))
	var found []bot.Option
	for _, o := range targets {
		name := strings.ToLower(o.Label)
		_, ref, _ := strings.Cut(o.Value, ":")
		if want == name || want == strings.ToLower(ref) {
			found = []bot.Option{o}
			break
		}
		if want != "" && strings.HasPrefix(name, want) {
			found = append(found, o)
		}
	}
	if len(found) == 1 {
		_, err := d.Transfer(tx, c.ID, target(found[0]), ev.User)
		return err
	}
	text := "To whom?"
	if rest != "" {
		text = "Nobody on duty and no department is called “" + short(rest) + "”. To whom?"
	}
	if len(found) > 1 {
		text, targets = "Whom do you mean?", found
	}
	var buttons []bot.Button
	for _, o := range targets[:min(len(targets), maxTargets)] {
		buttons = append(buttons, bot.Button{ID: "desk.transfer.to", Label: short(o.Label), Value: c.ID + " " + o.Value})
	}
	return d.tell(tx, ev, text, buttons...)
}

// maxTargets is how many buttons ask to whom; the form of the card's button
// shows more.
const maxTargets = 20
