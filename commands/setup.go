package commands

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// setupState is what the setup message was last told to say, so that a start
// at which nothing is new edits nothing.
type setupState struct {
	Channel string `json:"channel"`
	Sum     string `json:"sum"`
	Ref     string `json:"ref,omitempty"`    // where it stands, once it is posted
	Posted  int    `json:"posted,omitempty"` // how often it was posted anew, because it was gone
}

var setups = store.Table[setupState]{
	Name: "commands_setup",
	Key:  func(s setupState) []byte { return store.Key(s.Channel) },
}

const (
	setupPrefix    = "commands:setup:"
	setupSubject   = "setup:" // and the channel
	inviteSubject  = "setup-invite"
	channelTrouble = "The channel "
	pinTrouble     = "Pinning the setup message"
	postTrouble    = "The setup message"
	inviteTrouble  = "Inviting the admins to the setup channel"
)

func (s setupState) key() string {
	if s.Posted == 0 {
		return setupPrefix + s.Channel
	}
	return fmt.Sprintf("%s%s:%d", setupPrefix, s.Channel, s.Posted)
}

// EnsureSetup makes, or joins, the channels that are configured by their names,
// posts the setup message into its channel, once, and brings an older one up to
// date. It may be called at every start.
func (r *Router) EnsureSetup(tx store.Tx) error {
	if err := r.forgetTroubles(tx); err != nil {
		return err
	}
	if err := r.ensurePlaces(tx); err != nil {
		return err
	}
	if err := r.setUp(tx); err != nil {
		return err
	}
	return r.retrySetup(tx)
}

// forgetTroubles begins anew: what is still wrong is noticed again.
func (r *Router) forgetTroubles(tx store.Tx) error {
	list, err := store.Collect(troubles.Scan(tx, store.Range{}))
	if err != nil {
		return err
	}
	for _, t := range list {
		if err := r.cured(tx, t.What); err != nil {
			return err
		}
	}
	return nil
}

// retrySetup tries again what failed in the setup channel: since then Perch may
// have been invited, or got the scope that it lacked.
func (r *Router) retrySetup(tx store.Tx) error {
	ch, err := r.Setup(tx)
	if err != nil || ch == "" {
		return err
	}
	for _, subject := range []string{setupSubject + string(ch), inviteSubject} {
		list, err := r.Outbox.BySubject(tx, subject)
		if err != nil {
			return err
		}
		for _, a := range list {
			if a.State != outbox.Failed || a.Kind == bot.KindEdit {
				continue
			}
			if _, err := r.Outbox.Retry(tx, a.ID, "setup"); err != nil {
				return err
			}
		}
	}
	return nil
}

// setUp sees to the setup message, if its channel is known.
func (r *Router) setUp(tx store.Tx) error {
	ch, err := r.Setup(tx)
	if err != nil || ch == "" {
		return err
	}
	m, err := r.setupMessage(tx)
	if err != nil {
		return err
	}
	m.Channel = ch
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the setup message: %w", err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	s, known, err := setups.Find(tx, store.Key(string(ch)))
	if err != nil {
		return err
	}
	if known && s.Sum == sum {
		return r.pinSetup(tx, s)
	}
	s.Channel, s.Sum = string(ch), sum
	if err := setups.Put(tx, s); err != nil {
		return err
	}
	_, posted, err := r.Outbox.FindKey(tx, s.key())
	switch {
	case err != nil:
		return err
	case posted || s.Ref != "":
		err = r.editRef(tx, bot.MessageRef(s.Ref), s.key(), id.New(), setupSubject+s.Channel, m)
	default:
		err = r.post(tx, m, postOptions{key: s.key(), subject: setupSubject + s.Channel})
	}
	if err != nil {
		return err
	}
	return r.pinSetup(tx, s)
}

// pinSetup pins the setup message, once, and has the admins see it.
func (r *Router) pinSetup(tx store.Tx, s setupState) error {
	if err := r.inviteAdmins(tx, bot.ChannelRef(s.Channel)); err != nil {
		return err
	}
	return r.add(tx, outbox.Action{
		Kind: bot.KindPin, Key: "commands:pin:" + s.key(), Subject: setupSubject + s.Channel,
	}, bot.Pin{Ref: bot.MessageRef(s.Ref), RefOf: s.key(), On: true})
}

// setupChanged follows what became of the setup message.
func (r *Router) setupChanged(tx store.Tx, channel string, a outbox.Action) error {
	what := postTrouble
	if a.Kind == bot.KindPin {
		what = pinTrouble
	}
	switch a.State {
	case outbox.Done:
		if a.Kind == bot.KindPost {
			if err := r.setupPosted(tx, channel, a); err != nil {
				return err
			}
		}
		return r.cured(tx, what)
	case outbox.Failed:
		if a.Kind == bot.KindEdit && a.Failure != nil && a.Failure.Code == "message_not_found" {
			return r.setupGone(tx, channel)
		}
		return r.trouble(tx, what, a)
	default:
		return nil
	}
}

func (r *Router) setupPosted(tx store.Tx, channel string, a outbox.Action) error {
	s, ok, err := setups.Find(tx, store.Key(channel))
	if err != nil || !ok || a.Key != s.key() {
		return err
	}
	ref, err := postedRef(a)
	if err != nil {
		return err
	}
	s.Ref = string(ref)
	return setups.Put(tx, s)
}

// setupGone posts the setup message anew: somebody deleted it.
func (r *Router) setupGone(tx store.Tx, channel string) error {
	s, ok, err := setups.Find(tx, store.Key(channel))
	if err != nil || !ok {
		return err
	}
	if err := setups.Put(tx, setupState{Channel: channel, Posted: s.Posted + 1}); err != nil {
		return err
	}
	return r.setUp(tx)
}

// joined goes on with what had to wait until Perch was let into a channel.
func (r *Router) joined(tx store.Tx, ch bot.ChannelRef) error {
	setup, err := r.Setup(tx)
	if err != nil {
		return err
	}
	if setup == "" { // perhaps it was this one that could not be seen
		return r.ensurePlaces(tx)
	}
	if setup != ch {
		return nil
	}
	if err := r.setUp(tx); err != nil {
		return err
	}
	return r.retrySetup(tx)
}

// setupMessage is the setup message as it should be now.
func (r *Router) setupMessage(tx store.Tx) (bot.Message, error) {
	list, err := r.connected(tx)
	if err != nil {
		return bot.Message{}, err
	}
	m := bot.Message{
		Text: "Connect your X account: press Start Authentication, or write /twitter authorize",
		Blocks: []bot.Block{
			bot.Header("Connect X (Twitter)"),
			bot.Para(bot.Plain("Perch runs your company's X account from here: incident updates become posts, customers' messages reach your agents.")),
			bot.Steps(
				[]bot.Span{bot.Plain("Press "), bot.Bold("Start Authentication"), bot.Plain(". Perch sends you a link, here or as a direct message.")},
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
	if err := r.touchHomes(tx); err != nil {
		return err
	}
	if err := r.setUp(tx); err != nil {
		return err
	}
	setup, err := r.Setup(tx)
	if err != nil || setup == "" {
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
	m.Channel = setup
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
