package commands

import (
	"encoding/json"
	"fmt"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// link is the address of a message, asked for once.
type link struct {
	Ref string `json:"ref"`
	URL string `json:"url,omitempty"` // empty: the chat has none
}

var links = store.Table[link]{
	Name: "commands_links",
	Key:  func(l link) []byte { return store.Key(l.Ref) },
}

const linkSubject = "link:"

// link returns the address of a message, if it is known. If it is not, the
// chat is asked, and the pages that want it are shown anew.
func (r *Router) link(tx store.Tx, ref bot.MessageRef) (string, error) {
	if ref == "" {
		return "", nil
	}
	l, ok, err := links.Find(tx, store.Key(string(ref)))
	if err != nil || ok {
		return l.URL, err
	}
	return "", r.add(tx, outbox.Action{
		Kind: bot.KindRead, Key: "commands:link:" + string(ref), Subject: linkSubject + string(ref), Brief: true,
	}, bot.Read{Ref: ref})
}

func (r *Router) linkRead(tx store.Tx, ref string, a outbox.Action) error {
	l := link{Ref: ref}
	switch a.State {
	case outbox.Done:
		var res bot.ReadResult
		if err := json.Unmarshal(a.Result, &res); err != nil {
			return fmt.Errorf("result of %s: %w", a.Key, err)
		}
		l.URL = res.Permalink
	case outbox.Failed: // without an address its channel is named
	default:
		return nil
	}
	if err := links.Put(tx, l); err != nil {
		return err
	}
	return r.touchHomes(tx)
}

// openButton leads to a message, if its address is known.
func (r *Router) openButton(tx store.Tx, ref bot.MessageRef) ([]bot.Button, error) {
	url, err := r.link(tx, ref)
	if err != nil || url == "" {
		return nil, err
	}
	return []bot.Button{{ID: "home.open", Label: "Open", URL: url}}, nil
}
