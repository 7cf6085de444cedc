package desk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// maxPreview is how much of a message a card shows, in characters.
const maxPreview = 300

// card is the conversation as its channel sees it: who wants what, since when,
// and who has it.
func (d *Desk) card(tx store.Tx, c Conversation) (bot.Message, error) {
	who, err := d.Contact(tx, c)
	if err != nil {
		return bot.Message{}, err
	}
	dep, _, err := departments().Find(tx, store.Key(c.Department))
	if err != nil {
		return bot.Message{}, err
	}
	acct := d.handle(tx, c.Account)
	what := "Direct message to " + acct
	if c.Kind == Mention {
		what = "Mention of " + acct
	}
	fields := []bot.Field{
		{Label: "State", Value: []bot.Span{bot.Plain(stateText(c))}},
		{Label: "Account", Value: []bot.Span{bot.Plain(what)}},
	}
	if c.Owner != "" {
		fields = append(fields, bot.Field{Label: "Agent", Value: []bot.Span{bot.Mention(c.Owner)}})
	}
	if dep.Name != "" {
		fields = append(fields, bot.Field{Label: "Department", Value: []bot.Span{bot.Plain(dep.Name)}})
	}
	if who.Followers > 0 {
		fields = append(fields, bot.Field{Label: "Followers", Value: []bot.Span{bot.Plain(thousands(who.Followers))}})
	}
	if c.Open() && !c.WaitingSince.IsZero() {
		fields = append(fields, bot.Field{Label: "Waiting", Value: []bot.Span{bot.Plain(waitingText(c.WaitingSince))}})
	}
	last := preview(c.Last)
	text := fmt.Sprintf("%s: %s. %s.", customer(who), what, stateText(c))
	if last != "" {
		text += " Last message: " + last
	}
	blocks := []bot.Block{bot.Header(customer(who)), bot.Fields(fields...)}
	if last != "" {
		blocks = append(blocks, bot.Quote(last))
	}
	if c.Encrypted && c.Open() {
		blocks = append(blocks, bot.Context(bot.Plain("🔒 This chat is encrypted: read and answer it on X.")))
	}
	blocks = append(blocks, bot.Actions(cardButtons(c, who)...))
	return bot.Message{Channel: c.Channel, Author: author(who), Text: text, Blocks: blocks}, nil
}

func cardButtons(c Conversation, who Contact) []bot.Button {
	open := bot.Button{ID: "desk.open", Label: "Open on X", URL: address(c, who)}
	closeIt := bot.Button{ID: "desk.close", Label: "Close", Value: c.ID}
	snooze := bot.Button{ID: "desk.snooze", Label: "Snooze", Value: c.ID}
	switch c.State {
	case Queued:
		return []bot.Button{{ID: "desk.claim", Label: "Claim", Value: c.ID, Style: bot.ButtonPrimary}, transferButton(c), snooze, closeIt, open}
	case Closed:
		return []bot.Button{{ID: "desk.reopen", Label: "Reopen", Value: c.ID}, open}
	case Snoozed:
		return []bot.Button{{ID: "desk.wake", Label: "Go on now", Value: c.ID}, transferButton(c), snooze, closeIt, open}
	case Claimed, Waiting:
	}
	return []bot.Button{
		closeIt,
		transferButton(c),
		snooze,
		{ID: "desk.release", Label: "Back to the queue", Value: c.ID},
		open,
	}
}

func transferButton(c Conversation) bot.Button {
	return bot.Button{ID: "desk.transfer", Label: "Transfer", Value: c.ID}
}

func stateText(c Conversation) string {
	switch c.State {
	case Queued:
		return "⏳ Waiting for an agent"
	case Claimed:
		return c.OwnerName + " is on it"
	case Waiting:
		return "Answered by " + c.OwnerName + ", waiting for the customer"
	case Snoozed:
		return "Snoozed until " + clock(c.SnoozedUntil) + ", " + c.OwnerName + " has it"
	case Closed:
		if c.ClosedBy == "" {
			return "Closed"
		}
		return "Closed by " + c.ClosedBy + " at " + clock(c.ClosedAt)
	}
	return string(c.State)
}

// address is where the conversation is on X.
func address(c Conversation, who Contact) string {
	if c.Kind == Mention {
		return PostURL(who.Handle, c.LastInID)
	}
	conv := strings.ReplaceAll(c.XConversation, ":", "-")
	if conv == "" {
		return "https://x.com/messages"
	}
	return "https://x.com/messages/" + conv
}

// PostURL is the address of a post. X finds it without the right handle too.
func PostURL(handle, postID string) string {
	if handle == "" {
		handle = "i"
	}
	return "https://x.com/" + handle + "/status/" + postID
}

func customer(who Contact) string {
	switch {
	case who.Name == "" && who.Handle == "":
		return "X user " + who.ID
	case who.Name == "":
		return "@" + who.Handle
	case who.Handle == "":
		return who.Name
	}
	return who.Name + " (@" + who.Handle + ")"
}

func author(who Contact) *bot.Author {
	name := who.Name
	if name == "" {
		name = customer(who)
	}
	return &bot.Author{Name: name, Handle: who.Handle, AvatarURL: who.AvatarURL}
}

func preview(s string) string {
	s = strings.TrimSpace(s)
	r := []rune(s)
	if len(r) <= maxPreview {
		return s
	}
	return strings.TrimSpace(string(r[:maxPreview])) + "…"
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
