package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/store"
)

// The buttons of /twitter.
const (
	btnStart      = "twitter.start"
	btnDisconnect = "twitter.disconnect" // value: the account
	btnKeep       = "twitter.keep"
)

func (r *Router) twitter() command {
	return command{
		name: "twitter", about: "Connect X accounts and manage them", bare: "help",
		words: []word{
			{name: "authorize", aliases: []string{"connect", "login"}, about: "Connect an X account", role: admin, run: authorize},
			{name: "unauthorize", aliases: []string{"disconnect", "logout"}, usage: "[@handle]", about: "Disconnect an X account", role: admin, run: unauthorize},
			{name: "accounts", aliases: []string{"list"}, about: "Show the connected accounts", run: listAccounts},
			{name: "default", usage: "@handle", about: "Choose the account that posts where none is named", role: admin, run: setDefault},
			{name: "settings", usage: "[name value]", about: "Show or change what customers are told, and who serves them", role: admin, run: changeSettings},
			{name: "support", about: "Show how Perch is doing and where to get help", run: support},
			{name: "help", about: "Show this", run: help},
		},
	}
}

func (r *Router) twitterButtons() {
	r.buttons[btnStart] = authorize
	r.buttons[btnDisconnect] = disconnect
	r.buttons[btnKeep] = func(c *call) error { return c.reply(text("Nothing was changed.")) }
}

// authorize answers the person who asked, alone, with a link that is theirs.
func authorize(c *call) error {
	if err := c.need(admin); err != nil {
		return err
	}
	url, err := c.Accounts.Begin(c.tx, accounts.Requester{
		User: string(c.ev.User.Ref), UserName: c.ev.User.Name, Channel: string(c.ev.Channel), Respond: c.ev.Respond,
	})
	if err != nil {
		return err
	}
	return c.reply(bot.Message{
		Text: "Click here to authorize: " + url, Secret: true,
		Blocks: []bot.Block{
			bot.Para(bot.Plain("Sign in to X with the account that Perch shall use, then press "), bot.Bold("Authorize app"), bot.Plain(".")),
			bot.Actions(bot.Button{ID: "twitter.link", Label: "Click here to authorize", URL: url, Style: bot.ButtonPrimary}),
			bot.Context(bot.Plain("The link is for you alone. It works once, for 10 minutes, in one browser. " +
				"A service account is better than a personal one: it stays when people leave.")),
		},
	})
}

// pick finds the account a person means: the one named, or the only one.
func (c *call) pick(handle string) (accounts.Account, error) {
	if handle != "" {
		acc, ok, err := c.Accounts.FindHandle(c.tx, handle)
		if err == nil && !ok {
			err = refuse("@%s is not connected. See /twitter accounts", clip(strings.TrimPrefix(handle, "@")))
		}
		return acc, err
	}
	list, err := c.connected(c.tx)
	if err != nil {
		return accounts.Account{}, err
	}
	switch len(list) {
	case 0:
		return accounts.Account{}, refuse("No X account is connected. Connect one with /twitter authorize")
	case 1:
		return list[0], nil
	}
	handles := make([]string, len(list))
	for i, a := range list {
		handles[i] = "@" + a.Handle
	}
	return accounts.Account{}, refuse("Which account? Name one of %s: /twitter %s @handle", strings.Join(handles, ", "), c.word.name)
}

// connected are the accounts that nobody disconnected, the default one first.
func (r *Router) connected(tx store.Tx) ([]accounts.Account, error) {
	all, err := r.Accounts.List(tx)
	if err != nil {
		return nil, err
	}
	var list []accounts.Account
	for _, a := range all {
		if a.State != accounts.Unauthorized {
			list = append(list, a)
		}
	}
	return list, nil
}

// unauthorize says what will stop and asks first.
func unauthorize(c *call) error {
	handle, _ := cutWord(c.rest)
	acc, err := c.pick(handle)
	if err != nil {
		return err
	}
	if acc.State == accounts.Unauthorized {
		return refuse("@%s is disconnected already.", acc.Handle)
	}
	open, err := c.openIn(acc)
	if err != nil {
		return err
	}
	steps := [][]bot.Span{
		{bot.Plain("Timeline entries and workflows are no longer posted as @" + acc.Handle + ".")},
		{bot.Plain("Direct messages and mentions to it no longer reach your agents until it is connected again.")},
		{bot.Plain("What still waits to go out stays here until the account is connected again or somebody discards it.")},
	}
	if open != "" {
		steps = append(steps, []bot.Span{bot.Plain(open)})
	}
	return c.reply(bot.Message{
		Text: "Disconnect @" + acc.Handle + "?",
		Blocks: []bot.Block{
			bot.Para(bot.Bold("Disconnect @"+acc.Handle+"?"), bot.Plain(" What happens at once:")),
			bot.Steps(steps...),
			bot.Para(bot.Plain("Perch gives its access back at X and forgets its keys. What is already on X stays there.")),
			bot.Actions(
				bot.Button{ID: btnDisconnect, Label: "Disconnect @" + acc.Handle, Value: acc.ID, Style: bot.ButtonDanger},
				bot.Button{ID: btnKeep, Label: "Keep it"},
			),
		},
	})
}

// openIn says what becomes of an account's open conversations once it is
// disconnected, nothing where there are none.
func (c *call) openIn(acc accounts.Account) (string, error) {
	n, err := c.Desk.OpenOf(c.tx, acc.ID)
	if err != nil || n == 0 {
		return "", err
	}
	return "Its " + count(n, "open conversation") + " can be read and closed here as before. An answer there waits like all else, and its author is told.", nil
}

func disconnect(c *call) error {
	if err := c.need(admin); err != nil {
		return err
	}
	acc, err := c.Accounts.Get(c.tx, c.ev.Value)
	if err != nil {
		return err
	}
	if acc.State == accounts.Unauthorized {
		return refuse("@%s is disconnected already.", acc.Handle)
	}
	open, err := c.openIn(acc)
	if err != nil {
		return err
	}
	if _, err := c.Accounts.Unauthorize(c.tx, acc.ID, string(c.ev.User.Ref)); err != nil {
		return err
	}
	return c.reply(text("@" + acc.Handle + " is disconnected. Connect it again any time: /twitter authorize\n" + open))
}

func setDefault(c *call) error {
	handle, _ := cutWord(c.rest)
	if handle == "" {
		return refuse("Name the account: /twitter default @handle")
	}
	acc, err := c.pick(handle)
	if err != nil {
		return err
	}
	if acc, err = c.Accounts.SetDefault(c.tx, acc.ID, string(c.ev.User.Ref)); err != nil {
		return err
	}
	return c.reply(text("Perch now posts as @" + acc.Handle + " where no account is named."))
}

func listAccounts(c *call) error {
	list, err := c.connected(c.tx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return refuse("No X account is connected. An admin connects one with /twitter authorize")
	}
	m := bot.Message{Text: fmt.Sprintf("%d connected", len(list)), Blocks: []bot.Block{bot.Header("X accounts")}}
	for _, a := range list {
		m.Blocks = append(m.Blocks, bot.Para(accountLine(a)...))
	}
	return c.reply(m)
}

// accountLine is one account in a row of words.
func accountLine(a accounts.Account) []bot.Span {
	spans := []bot.Span{bot.Bold("@" + a.Handle), bot.Plain(" · " + a.Name)}
	if a.Default {
		spans = append(spans, bot.Plain(" · default"))
	}
	if a.State == accounts.ReconnectNeeded {
		return append(spans, bot.Plain(" · ⚠ reconnect needed: "+a.Reason))
	}
	return append(spans, bot.Plain(" · ✅ connected "+day(a.ConnectedAt)+by(a.ConnectedByName)))
}

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

func by(name string) string {
	if name == "" {
		return ""
	}
	return " by " + name
}

func support(c *call) error {
	m := bot.Message{Text: "Perch " + c.Version, Blocks: []bot.Block{bot.Header("Support")}}
	list, err := c.connected(c.tx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		m.Blocks = append(m.Blocks, bot.Para(bot.Plain("No X account is connected.")))
	}
	for _, a := range list {
		m.Blocks = append(m.Blocks, bot.Para(accountLine(a)...))
	}
	holds, err := c.Outbox.Holds(c.tx)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if !strings.HasPrefix(h.Lane, "x:") && !h.Until.IsZero() && h.Code != bot.CodeNoAgent && h.Code != bot.CodeSetUp {
			continue // a chat's pace: over in seconds, and nobody can do anything
		}
		sign := "⏳ "
		if h.Code == bot.CodeSetUp {
			sign = "⚠ " // it needs a person
		}
		m.Blocks = append(m.Blocks, bot.Para(bot.Plain(sign+h.Message)))
	}
	wrong, err := Troubles(c.tx)
	if err != nil {
		return err
	}
	shut, err := c.Desk.Shut(c.tx)
	if err != nil {
		return err
	}
	if shut > 0 {
		wrong = append(wrong, count(shut, "customer")+" can't be shown to agents. Perch's messages in the setup channel say why.")
	}
	unread, err := unreadLines(c.tx)
	if err != nil {
		return err
	}
	for _, line := range append(wrong, unread...) {
		m.Blocks = append(m.Blocks, bot.Para(bot.Plain("⚠ "+line)))
	}
	if c.Support != nil {
		for _, line := range c.Support.Lines() {
			m.Blocks = append(m.Blocks, bot.Para(bot.Plain(line)))
		}
	}
	m.Blocks = append(m.Blocks,
		bot.Para(bot.Plain("If something looks wrong, whoever runs Perch starts with "), bot.Code("perch doctor"),
			bot.Plain(": it says what is wrong and what to do.")),
		bot.Context(bot.Plain("Perch "+c.Version+" · guide: docs/operator.md in Perch's repository")))
	return c.reply(m)
}

// help shows the words of the command it was asked of.
func help(c *call) error {
	m := bot.Message{Text: "/" + c.cmd.name + ": " + c.cmd.about, Blocks: []bot.Block{bot.Para(bot.Bold(c.cmd.about))}}
	for _, w := range c.cmd.words {
		line := "/" + c.cmd.name + " " + w.name
		if w.usage != "" {
			line += " " + w.usage
		}
		spans := []bot.Span{bot.Code(line), bot.Plain("  " + w.about)}
		if w.role == admin {
			spans = append(spans, bot.Plain(" (admins)"))
		}
		m.Blocks = append(m.Blocks, bot.Para(spans...))
		m.Text += "\n" + line + " – " + w.about
	}
	if c.cmd.form != "" {
		m.Blocks = append(m.Blocks, bot.Context(bot.Code("/"+c.cmd.name), bot.Plain(" alone opens the form of "), bot.Code("/"+c.cmd.name+" "+c.cmd.form), bot.Plain(", where the chat has forms.")))
	}
	var others []string
	for _, cmd := range c.commands {
		if cmd.name != c.cmd.name {
			others = append(others, "/"+cmd.name+" help")
		}
	}
	m.Blocks = append(m.Blocks, bot.Context(bot.Plain("More: "+strings.Join(others, ", "))))
	return c.reply(m)
}
