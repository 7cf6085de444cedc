package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/perch-chat/perch/internal/installs"
	"github.com/perch-chat/perch/store"
)

// SlackOrder is the answer to an order about Slack's workspaces.
type SlackOrder struct {
	Link       string           `json:"link,omitempty"`
	Expires    time.Time        `json:"expires,omitzero"`
	Workspaces []SlackWorkspace `json:"workspaces,omitempty"`
}

// SlackWorkspace is a workspace that Perch is installed in.
type SlackWorkspace struct {
	Team string    `json:"team"`
	Name string    `json:"name"`
	Bot  string    `json:"bot,omitempty"`
	By   string    `json:"by,omitempty"`
	At   time.Time `json:"at"`
}

// NewSlackLink makes a link with which Perch is installed in one workspace.
func NewSlackLink(tx store.Tx, publicURL string) (SlackOrder, error) {
	link, expires, err := installs.NewLink(tx, publicURL)
	return SlackOrder{Link: link, Expires: expires}, err
}

// ListSlackWorkspaces lists where Perch is installed.
func ListSlackWorkspaces(tx store.Tx) (SlackOrder, error) {
	all, err := installs.List(tx)
	var o SlackOrder
	for _, w := range all {
		o.Workspaces = append(o.Workspaces, SlackWorkspace{Team: w.Team, Name: w.Name, Bot: w.BotName, By: w.By, At: w.At})
	}
	return o, err
}

func (a *App) makeSlackLink(w http.ResponseWriter, r *http.Request) {
	if a.Installs == nil {
		http.Error(w, "it was started without chat.slack.client_id: restart it", http.StatusConflict)
		return
	}
	a.slackOrder(w, r, a.DB.Update, func(tx store.Tx) (SlackOrder, error) { return NewSlackLink(tx, a.o.Config.PublicURL) })
}

func (a *App) listSlackWorkspaces(w http.ResponseWriter, r *http.Request) {
	a.slackOrder(w, r, a.DB.View, ListSlackWorkspaces)
}

func (a *App) slackOrder(w http.ResponseWriter, r *http.Request, in transact, do func(store.Tx) (SlackOrder, error)) {
	var o SlackOrder
	err := in(r.Context(), func(tx store.Tx) (err error) {
		o, err = do(tx)
		return err
	})
	if err != nil {
		a.log.ErrorContext(r.Context(), "order failed", "err", err)
		http.Error(w, "the order failed: see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(o) // the client may be gone
}

// SlackLink has the running Perch make a link to install it with.
func (c *Control) SlackLink(ctx context.Context) (SlackOrder, error) {
	return c.slack(ctx, http.MethodPost, "/slack/links")
}

// SlackWorkspaces asks the running Perch where it is installed.
func (c *Control) SlackWorkspaces(ctx context.Context) (SlackOrder, error) {
	return c.slack(ctx, http.MethodGet, "/slack/workspaces")
}

func (c *Control) slack(ctx context.Context, method, path string) (o SlackOrder, err error) {
	resp, err := c.do(ctx, method, path, bytes.NewReader(nil))
	if err != nil {
		return o, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
		return o, fmt.Errorf("read the answer of the running perch: %w", err)
	}
	return o, nil
}
