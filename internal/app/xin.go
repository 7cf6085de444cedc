package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"strings"
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
	Versions     []string        `json:"versions,omitempty"` // the ids of a post that was edited
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
		if len(e.Post.EditHistory) > 1 {
			x.Versions = e.Post.EditHistory
		}
		x.Files = files(e.Post.Media)
		for i, m := range e.Post.Media {
			if m.URL == "" && m.Key != "" { // a delivery only names it
				x.Files[i].URL = mediaOf(e.Post.ID, m.Key)
			}
		}
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
		names := map[string]string{"photo": "photo", "animated_gif": "GIF", "video": "video", "3": "photo", "16": "GIF", "7": "video"}
		kind := m.Type
		if kind == "" {
			kind, _, _ = strings.Cut(m.Key, "_") // all that X told of it
		}
		f := desk.File{Name: names[kind], URL: m.URL, Alt: m.AltText}
		if u, err := url.Parse(m.URL); err == nil {
			f.Type = typeNamed(path.Ext(u.Path))
		}
		if f.Type == "" {
			f.Type = map[string]string{"photo": "image/jpeg", "GIF": "video/mp4", "video": "video/mp4"}[f.Name]
		}
		out = append(out, f)
	}
	return out
}

// typeNamed is the media type that the end of a name says.
func typeNamed(ext string) string {
	for typ, end := range mediaTypes() {
		if strings.EqualFold(end, ext) {
			return typ
		}
	}
	return ""
}

// mediaOf stands for the address of a file of a post that X has only named: it
// is asked for when the file is needed.
func mediaOf(postID, key string) string { return "x-media:" + postID + "/" + key }

// address is where the file is that a desk.File's URL stands for.
func (s *xs) address(ctx context.Context, access, at string) (string, error) {
	rest, ok := strings.CutPrefix(at, "x-media:")
	if !ok {
		return at, nil
	}
	postID, key, _ := strings.Cut(rest, "/")
	post, _, err := s.x.LookupPost(ctx, access, postID)
	if err != nil {
		return "", err
	}
	for _, m := range post.Media {
		if m.Key == key && m.URL != "" {
			return m.URL, nil
		}
	}
	return "", &xapi.Error{Op: "look up media", Code: xapi.CodeNotFound, Message: "X does not say where this is. Open it on x.com."}
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
		Account: x.Account, Kind: desk.DM, XID: x.ID, Versions: x.Versions, XConversation: x.Conversation,
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
