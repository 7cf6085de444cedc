package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

// kindX is the inbox kind of what came from X.
const kindX = "x.event"

// xEvent is an event of X as it is stored. Fields are added, never renamed.
type xEvent struct {
	Kind         xapi.Kind       `json:"kind"`
	Account      string          `json:"account"`
	ID           string          `json:"id,omitempty"`
	At           time.Time       `json:"at,omitzero"`
	From         desk.Contact    `json:"from,omitzero"`
	To           string          `json:"to,omitempty"` // X user id, of what the account sent itself
	Conversation string          `json:"conversation,omitempty"`
	Text         string          `json:"text,omitempty"`
	Files        []desk.File     `json:"files,omitempty"`
	Raw          json.RawMessage `json:"raw,omitempty"`
}

// items turns events into what the inbox stores. account is the account that
// was asked for them, where they don't say it themselves.
func items(events []xapi.Event, account string) ([]inbox.Item, error) {
	var out []inbox.Item
	for _, e := range events {
		if e.Account == "" {
			e.Account = account
		}
		switch e.Kind {
		case xapi.DMRead, xapi.Typing, xapi.Posted, xapi.Reply:
			continue // nothing of Perch's is about them
		case xapi.DMReceived, xapi.DMSent, xapi.EncryptedChat, xapi.Mention, xapi.Deleted, xapi.Revoked, xapi.Unknown:
		}
		x := record(e)
		body, err := json.Marshal(x)
		if err != nil {
			return nil, fmt.Errorf("encode event %s: %w", e.Key(), err)
		}
		other := x.From.ID
		if e.Kind == xapi.DMSent {
			other = x.To
		}
		out = append(out, inbox.Item{
			Key: "x:" + e.Key(), Thread: "x:" + e.Account + ":" + other, Source: "x", Kind: kindX, Body: body,
		})
	}
	return out, nil
}

func record(e xapi.Event) xEvent {
	x := xEvent{Kind: e.Kind, Account: e.Account, ID: e.ID, At: e.At, From: contact(e.User(e.UserID))}
	switch {
	case e.DM != nil:
		x.From, x.To = contact(e.User(e.DM.SenderID)), e.DM.RecipientID
		x.Text, x.Conversation = e.DM.Text, e.DM.ConversationID
		x.Files = files(e.DM.Media)
	case e.Post != nil:
		x.From = contact(e.User(e.Post.AuthorID))
		if e.Post.Author != nil {
			x.From = contact(*e.Post.Author)
		}
		x.Text, x.Conversation = e.Post.Text, e.Post.ConversationID
		x.Files = files(e.Post.Media)
	case e.Chat != nil:
		x.From, x.Conversation = contact(e.User(e.Chat.SenderID)), e.Chat.ConversationID
	case e.Kind == xapi.Unknown:
		x.Raw = e.Raw
	}
	return x
}

func contact(u xapi.User) desk.Contact {
	return desk.Contact{ID: u.ID, Handle: u.Username, Name: u.Name, AvatarURL: u.AvatarURL, Followers: u.Followers}
}

func files(media []xapi.Attachment) []desk.File {
	var out []desk.File
	for _, m := range media {
		types := map[string]string{"photo": "image/jpeg", "animated_gif": "video/mp4", "video": "video/mp4"}
		out = append(out, desk.File{Name: m.Type, Type: types[m.Type], URL: m.URL})
	}
	return out
}

// xHandler handles stored events of X.
type xHandler struct {
	acc  *accounts.Accounts
	desk *desk.Desk
	log  *slog.Logger
}

func (h xHandler) handle(tx store.Tx, it inbox.Item) error {
	var x xEvent
	if err := json.Unmarshal(it.Body, &x); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	acc, err := h.acc.Get(tx, x.Account)
	unknown, ok := errors.AsType[*accounts.Error](err)
	if err != nil && !ok {
		return err
	}
	if unknown != nil || acc.State == accounts.Unauthorized {
		h.log.Info("event for an account that is not connected", "account", x.Account, "kind", string(x.Kind))
		return nil //nolint:nilerr // nobody waits for it
	}
	in := desk.Inbound{
		Account: x.Account, Kind: desk.DM, XID: x.ID, XConversation: x.Conversation,
		From: x.From, Text: x.Text, Files: x.Files, At: x.At,
	}
	switch x.Kind {
	case xapi.DMReceived, xapi.DMSent:
		if x.From.ID == x.Account {
			return h.desk.ReceiveOwn(tx, desk.Own{
				Account: x.Account, XID: x.ID, XConversation: x.Conversation, To: desk.Contact{ID: x.To}, Text: x.Text, Files: x.Files, At: x.At,
			})
		}
		return h.desk.Receive(tx, in)
	case xapi.EncryptedChat:
		if x.From.ID == x.Account {
			return nil
		}
		in.Encrypted = true
		return h.desk.Receive(tx, in)
	case xapi.Mention:
		if x.From.ID == x.Account {
			return nil // our own words about ourselves
		}
		in.Kind = desk.Mention
		return h.desk.Receive(tx, in)
	case xapi.Deleted:
		return errors.Join(h.desk.Deleted(tx, x.Account, desk.DM, x.ID), h.desk.Deleted(tx, x.Account, desk.Mention, x.ID))
	case xapi.Revoked:
		if x.At.Before(acc.ConnectedAt) {
			return nil // of an older grant: the account was connected again since
		}
		_, err := h.acc.MarkReconnect(tx, x.Account, "Somebody took Perch's access back on X.")
		return err
	default:
		h.log.Info("event that Perch does not use", "kind", string(x.Kind), "account", x.Account)
		return nil
	}
}
