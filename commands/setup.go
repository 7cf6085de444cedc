package commands

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

func (r *Router) setupKey() string { return "commands:setup:" + string(r.SetupChannel) }

// setupState is what the setup message was last told to say, so that a start
// at which nothing is new edits nothing.
type setupState struct {
	Channel string `json:"channel"`
	Sum     string `json:"sum"`
}

var setups = store.Table[setupState]{
	Name: "commands_setup",
	Key:  func(s setupState) []byte { return store.Key(s.Channel) },
}

// EnsureSetup posts the setup message into its channel, once, and brings an
// older one up to date. It may be called at every start.
func (r *Router) EnsureSetup(tx store.Tx) error {
	if r.SetupChannel == "" {
		return nil
	}
	m, err := r.setupMessage(tx)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the setup message: %w", err)
	}
	now := setupState{Channel: string(r.SetupChannel), Sum: fmt.Sprintf("%x", sha256.Sum256(raw))}
	was, known, err := setups.Find(tx, store.Key(now.Channel))
	if err != nil || known && was == now {
		return err
	}
	if err := setups.Put(tx, now); err != nil {
		return err
	}
	if _, posted, err := r.Outbox.FindKey(tx, r.setupKey()); err != nil {
		return err
	} else if posted {
		return r.edit(tx, r.setupKey(), id.New(), m)
	}
	return r.post(tx, m, postOptions{key: r.setupKey()})
}

// setupMessage is the setup message as it should be now.
func (r *Router) setupMessage(tx store.Tx) (bot.Message, error) {
	list, err := r.connected(tx)
	if err != nil {
		return bot.Message{}, err
	}
	m := bot.Message{
		Channel: r.SetupChannel,
		Text:    "Connect your X account: press Start Authentication, or write /twitter authorize",
		Blocks: []bot.Block{
			bot.Header("Connect X (Twitter)"),
			bot.Para(bot.Plain("Perch runs your company's X account from here: incident updates become posts, customers' messages reach your agents.")),
			bot.Steps(
				[]bot.Span{bot.Plain("Press "), bot.Bold("Start Authentication"), bot.Plain(". Perch answers you alone with a link.")},
				[]bot.Span{bot.Plain("Sign in to X with the account Perch shall use and press "), bot.Bold("Authorize app"), bot.Plain(".")},
				[]bot.Span{bot.Plain("Come back here: Perch tells what it may do with the account.")},
			),
		},
	}
	for _, a := range list {
		m.Blocks = append(m.Blocks, bot.Para(accountLine(a)...))
	}
	label := "Start Authentication"
	if len(list) == 0 {
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain("Status: no X account is connected yet.")))
	} else {
		label = "Connect another account"
		for _, a := range list {
			if a.State == accounts.ReconnectNeeded {
				label = "Reconnect"
			}
		}
	}
	m.Blocks = append(m.Blocks,
		bot.Actions(bot.Button{ID: btnStart, Label: label, Style: bot.ButtonPrimary}),
		bot.Context(bot.Plain("Only admins of Perch can connect accounts. All commands: /twitter help")))
	return m, nil
}

// accountChanged tells the setup channel what became of an account.
func (r *Router) accountChanged(tx store.Tx, was, now accounts.Account) error {
	if r.SetupChannel == "" {
		return nil
	}
	if err := r.EnsureSetup(tx); err != nil {
		return err
	}
	key := fmt.Sprintf("commands:account:%s:%s:%d", now.ID, now.State, now.Changed.UnixNano())
	var m bot.Message
	switch {
	case now.State == accounts.Connected && (was.State != accounts.Connected || was.Grant != now.Grant):
		m = connectedMessage(now)
	case now.State == accounts.ReconnectNeeded && was.State != now.State:
		m = bot.Message{
			Text: "⚠ @" + now.Handle + " has to be connected again.",
			Blocks: []bot.Block{
				bot.Para(bot.Bold("⚠ @"+now.Handle+" has to be connected again."), bot.Plain(" "+now.Reason)),
				bot.Para(bot.Plain("Nothing is lost: what has to go out waits here and goes out, in order, once an admin has connected the account.")),
				bot.Actions(bot.Button{ID: btnStart, Label: "Reconnect @" + now.Handle, Style: bot.ButtonPrimary}),
			},
		}
	case now.State == accounts.Unauthorized && was.State != now.State:
		m = text("@" + now.Handle + " was disconnected. Perch no longer posts as it, and its messages no longer arrive here. Connect it again: /twitter authorize")
	default:
		return nil
	}
	m.Channel = r.SetupChannel
	return r.post(tx, m, postOptions{key: key})
}

// permissions are X's scopes in plain words, in the order people care.
func permissions(scopes []string) string {
	words := []struct{ scope, text string }{
		{"tweet.write", "post"},
		{"tweet.read", "read posts and mentions"},
		{"dm.read", "read direct messages"},
		{"dm.write", "answer direct messages"},
		{"media.write", "attach pictures and videos"},
		{"offline.access", "stay connected"},
	}
	has := map[string]bool{}
	for _, s := range scopes {
		has[s] = true
	}
	var out []string
	for _, w := range words {
		if has[w.scope] {
			out = append(out, w.text)
		}
	}
	return strings.Join(out, ", ")
}

func connectedMessage(a accounts.Account) bot.Message {
	who := []bot.Span{bot.Plain(a.ConnectedByName)}
	if a.ConnectedBy != "" {
		who = []bot.Span{bot.Mention(bot.UserRef(a.ConnectedBy))}
	}
	return bot.Message{
		Text: "✅ Connected @" + a.Handle,
		Blocks: []bot.Block{
			bot.Para(bot.Bold("✅ Connected @" + a.Handle)),
			bot.Fields(
				bot.Field{Label: "Name", Value: []bot.Span{bot.Plain(a.Name)}},
				bot.Field{Label: "Handle", Value: []bot.Span{bot.Plain("@" + a.Handle)}},
				bot.Field{Label: "Connected by", Value: who},
			),
			bot.Para(bot.Bold("Perch may "), bot.Plain(permissions(a.Scopes)+".")),
			bot.Context(bot.Plain("Disconnect it any time: /twitter unauthorize @" + a.Handle)),
		},
	}
}
