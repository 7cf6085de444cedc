package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// TokenOrder is an order to make or end an API token, and its answer.
type TokenOrder struct {
	New    web.NewToken `json:"new,omitzero"`
	Ref    string       `json:"ref,omitempty"`    // which to revoke
	Secret string       `json:"secret,omitempty"` // of the new token
	Tokens []web.Token  `json:"tokens,omitempty"`
	Error  string       `json:"error,omitempty"`
}

func (a *App) listTokens(w http.ResponseWriter, r *http.Request) {
	a.order(w, r, a.DB.View, func(tx store.Tx, o *TokenOrder) (err error) {
		o.Tokens, err = web.ListTokens(tx)
		return err
	})
}

func (a *App) createToken(w http.ResponseWriter, r *http.Request) {
	a.order(w, r, a.DB.Update, func(tx store.Tx, o *TokenOrder) error {
		secret, t, err := web.CreateToken(tx, o.New)
		o.Secret, o.Tokens = secret, []web.Token{t}
		return err
	})
}

func (a *App) revokeToken(w http.ResponseWriter, r *http.Request) {
	a.order(w, r, a.DB.Update, func(tx store.Tx, o *TokenOrder) error {
		t, err := web.RevokeToken(tx, o.Ref)
		o.Tokens = []web.Token{t}
		return err
	})
}

// transact is a store's View or Update.
type transact func(ctx context.Context, fn func(store.Tx) error) error

// order reads an order, carries it out in one transaction and answers it.
func (a *App) order(w http.ResponseWriter, r *http.Request, in transact, do func(store.Tx, *TokenOrder) error) {
	var o TokenOrder
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&o); err != nil {
			http.Error(w, "this order can't be read", http.StatusBadRequest)
			return
		}
	}
	err := in(r.Context(), func(tx store.Tx) error { return do(tx, &o) })
	o.New.Secret = ""
	if err != nil {
		o = TokenOrder{Error: err.Error()}
		if !errors.Is(err, web.ErrToken) {
			a.log.ErrorContext(r.Context(), "order failed", "err", err)
		}
	}
	for i := range o.Tokens {
		o.Tokens[i].Hash = ""
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(o) //nolint:gosec // a new token is the answer; the client may be gone
}
